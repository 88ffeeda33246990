//! The demo: a real shop on loopback, broken for real, one story at a time.

mod breakage;
mod certificates;
mod database;
mod pages;
mod shop;

#[cfg(test)]
mod tests;

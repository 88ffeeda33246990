//! The demo: a real shop on loopback, broken for real, one story at a time. A status-code probe and Steadfast look at
//! the same shop at the same moment.

mod breakage;
mod certificates;
mod configuration;
mod database;
mod guard;
mod pages;
mod premises;
mod probe;
mod shop;
mod stage;
mod stories;

#[cfg(test)]
mod tests;

pub(crate) use stage::{keep, perform};

//! The configuration as its users meet it: what loads, what is refused and how, what is written back.

mod bad;
mod files;
mod good;
mod hostile;
mod schema;
mod toy;
mod write;

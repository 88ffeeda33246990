//! What tests, benches and campaigns share with the developer's commands.

pub mod tools;

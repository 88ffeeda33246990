//! The differential campaign of the SQLite prover. `cargo xtask fuzz sqlite --cases N --seed S`.

pub mod campaign;
pub mod databases;
pub mod dice;
pub mod mutations;
pub mod roles;
pub mod second_judge;

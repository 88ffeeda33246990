//! The real binary against real servers on loopback ports.

mod contract_telling;
mod formats;
mod importing;
mod interrupt;
mod looking;
mod proving;
mod scoping;
mod shop;
mod sqlite_diff;
mod sqlite_telling;
mod sqlite_verify;
mod typing;
mod unheard;
mod verifying;
mod watching;

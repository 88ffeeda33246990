//! The real binary against real servers on loopback ports.

mod interrupt;
mod proving;
mod shop;
mod typing;
mod verifying;

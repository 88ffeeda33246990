//! The real binary against real servers on loopback ports.

mod formats;
mod interrupt;
mod proving;
mod shop;
mod verifying;

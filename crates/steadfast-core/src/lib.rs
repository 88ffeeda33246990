//! The nouns and pure decisions of Steadfast. No I/O, no clock, no async runtime.

pub mod exit;

//! The durable record: stores behind [`steadfast_core::ledger::Ledger`], and the one conformance suite they all pass.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod sqlite;

//! The durable record: stores behind [`steadfast_core::ledger::Ledger`], and the one conformance suite they all pass.

mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
pub mod postgres;
mod prepared;
mod projections;
pub mod sqlite;
mod worker;

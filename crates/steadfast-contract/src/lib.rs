//! Data contracts at memory speed: JSON Schema for the record, the meaning of empty, regressions by key, repair at load.
//!
//! Read [`contract::Contract`] from a file, then [`check`] data against it, [`load`] values through it, or compare two
//! releases by key. The method, and what it is held to, is written in `docs/contracts.md`.

pub mod baseline;
pub mod check;
pub mod comparison;
pub mod contract;
pub mod divergence;
pub mod draft;
pub mod explain;
pub mod finding;
pub mod freshness;
pub mod judge;
mod key;
mod keyed;
pub mod load;
mod meaning;
mod official;
pub mod part;
pub mod plan;
mod quarantine;
pub mod read;
pub mod regression;
pub mod report;
pub mod scan;
pub mod spot_check;
mod stack;
pub mod states;
pub mod strict;
mod subschemas;
pub mod tally;

//! Data contracts at memory speed: JSON Schema for the record, the meaning of empty, regressions by key, repair at load.
//!
//! Read [`contract::Contract`] from a file, then [`check`] data against it, [`load`] values through it, or compare two
//! releases by key. The method, and what it is held to, is written in `docs/contracts.md`.

pub mod contract;
pub mod draft;
pub mod finding;
mod official;
pub mod plan;
pub mod scan;
pub mod states;
pub mod strict;
mod subschemas;

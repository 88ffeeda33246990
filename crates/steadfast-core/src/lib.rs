//! The nouns and pure decisions of Steadfast. No I/O, no clock, no async runtime.

pub mod address;
pub mod check;
pub mod exit;
pub mod finding;
pub mod gate;
pub mod instant;
pub mod jsonpath;
pub mod kind;
pub mod ledger;
pub mod measure;
pub mod names;
pub mod observation;
pub mod plan;
pub mod predicate;
pub mod project;
pub mod proof;
pub mod rare;
pub mod redact;
pub mod secret;
pub mod setting;
pub mod state;
pub mod verdict;
pub mod world;

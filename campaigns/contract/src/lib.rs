//! The differential campaign: random records by the name cache's contract and by random schemas, judged by the plan
//! alone and by `serde_json` with the `jsonschema` crate.
//!
//! A disagreement is a record that the plan accepts and the official judge does not (or that is no JSON, or has two
//! equal keys), or one that the plan rejects and the official judge calls valid. Exempt are the rows of
//! [`steadfast_contract::divergence::TABLE`] and nothing else.

pub mod campaign;
pub mod random;
pub mod record;
pub mod schema;

//! The kinds of checks. [`kinds::KINDS`] is the list; each kind is one file beneath it.

pub mod blocking;
pub mod closed_world;
pub mod host;
pub mod html_claims;
pub mod json_claims;
pub mod kinds;
pub mod size_bound;
pub mod text_claims;

//! The kinds of checks. [`kinds::KINDS`] is the list; each kind is one file beneath it.

pub mod html_claims;
pub mod json_claims;
pub mod kinds;
pub mod text_claims;

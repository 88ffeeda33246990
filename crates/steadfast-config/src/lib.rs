//! Reads the configuration: text in, a valid [`Project`](steadfast_core::project::Project) out, or every error at once.

mod check_table;
mod defaults;
mod depends;
mod document;
mod include;
mod load;
mod refusal;
mod root;
mod schema;
mod show;
mod source;
mod tree;
mod write;

pub use crate::check_table::CheckSettings;
pub use crate::load::{Kinds, find, load, load_text};
pub use crate::refusal::Refusal;
pub use crate::root::ProjectSettings;
pub use crate::schema::schema;
pub use crate::show::to_toml;
pub use crate::source::Source;
pub use crate::write::toml_of;

//! Proves that an SQLite file is sound in one sequential pass: everything that `PRAGMA integrity_check` proves, and more,
//! while the file is read once and in order. The argument is in `docs/sqlite-proof.md` of the project.
//!
//! Never writes, creates or checkpoints anything beside the database. Descriptors of databases stay open until
//! [`close_kept_descriptors`], because closing one would drop the locks that the calling process itself holds.

#[cfg(any(test, feature = "fuzzing"))]
pub mod any_page;
mod collation;
mod counterpart;
mod entry_hash;
mod entry_record;
mod error;
mod finding;
mod forward;
mod freelist;
mod header;
mod identity;
mod interior;
mod interior_pages;
mod journal;
mod keeper;
mod key_shape;
mod leaf;
mod locks;
mod manifest;
mod manifest_diff;
mod manifest_trees;
mod naming;
mod options;
mod own_file;
mod page;
mod page_owner;
mod page_use;
mod pagemap;
mod partial_index;
mod plan;
mod planted;
mod progress;
mod proof;
mod prover;
mod quiet_vfs;
mod raw_name;
mod record;
mod registry;
mod resume;
mod row;
mod schema;
mod sketch;
mod source;
mod sqlite_words;
mod stamp;
mod through_sqlite;
mod varint;
mod vfs;
mod view;
mod wal;
mod worker;

pub use error::{ProveError, ProveErrorKind};
pub use finding::{Code, Finding, Repair};
pub use header::{Encoding, Header, HeaderFault};
pub use identity::{Identity, WalIdentity};
pub use manifest::{Digest, Reference};
pub use manifest_diff::compare_manifests;
pub use options::Options;
pub use planted::Planted;
pub use progress::{Cancel, Event, Progress, Stage};
pub use proof::{Differing, Level, Proof, Stopped, TreeReport, Unproven, Verdict, WalReport};
pub use prover::Prover;
pub use registry::{close_descriptors_of_deleted_files, close_kept_descriptors, kept_descriptors};
pub use stamp::{Stamp, StampCheck, StampOutcome};

//! The store in SQLite, with real files, real processes and real damage.

mod conformance;
mod place;
mod processes;
mod trouble;
mod writer;

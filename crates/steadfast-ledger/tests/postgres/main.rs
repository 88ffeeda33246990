//! The store in Postgres, with a real server, real processes and real damage.

mod conformance;
mod copying;
mod lost_answers;
mod place;
mod processes;
mod trouble;
mod writer;

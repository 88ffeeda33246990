//! The store in Postgres, with a real server, real processes and real damage.

mod conformance;
mod place;

//! The kinds, looked at from outside: the conformance suite over the list, the table of Fail and Unknown, and each
//! kind against real things.

mod command;
mod conformance;
mod connections;
mod dns;
mod fail_or_unknown;
mod files;
mod prove_laws;
mod scene;
mod sql;
mod sql_postgres;
mod sql_postgres_liars;
mod sqlite;

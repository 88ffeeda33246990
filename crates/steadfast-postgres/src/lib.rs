//! How Steadfast reaches a Postgres server: the address as libpq reads it, the password file, TLS, the session. It
//! dials nothing: whoever uses it brings the connection, so that each keeps its own rule about what may be dialled.

pub mod address;
pub mod password_file;
pub mod session;
pub mod tls;

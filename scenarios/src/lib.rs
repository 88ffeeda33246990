//! Real components as fixtures: each starts on a free loopback port, is waited for by readiness, and ends with its value.

pub mod application;
pub mod certificates;
pub mod island;
pub mod listener;
pub mod lying_resolver;
pub mod misbehaving;
pub mod names;
pub mod nginx;
pub mod patience;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
pub mod redis;
pub mod steadfast;

//! The looking machinery that kinds share. It has no expectations: it looks, and says what kept it from looking.

pub mod body;
pub mod decode;
pub mod dial;
pub mod dns;
pub mod exchange;
mod head_bound;
pub mod http;
pub mod icmp;
pub mod identity;
pub mod name_service;
pub mod patience;
pub mod permits;
pub mod proxy;
pub mod starttls;
pub mod system;
pub mod tls;

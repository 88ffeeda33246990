//! **The** list of kinds. Adding one is a file beneath `kinds/` and a line here.

pub mod command;
pub mod contract;
pub mod dns;
pub mod files;
pub mod http;
pub mod icmp;
pub mod sql;
pub mod sqlite;
pub mod tcp;
pub mod tls;

use steadfast_core::check::{AnyKind, Of};

/// Every kind that a `[check.<kind>]` table can be, in the order of the manual.
#[rustfmt::skip]
pub static KINDS: &[&dyn AnyKind] = &[
    &Of::<http::Http>::NEW,
    &Of::<tls::Tls>::NEW,
    &Of::<tcp::Tcp>::NEW,
    &Of::<dns::Dns>::NEW,
    &Of::<icmp::Icmp>::NEW,
    &Of::<files::Files>::NEW,
    &Of::<command::Command>::NEW,
    &Of::<sql::Sql>::NEW,
    &Of::<sqlite::Sqlite>::NEW,
    &Of::<contract::Contract>::NEW,
];

/// The kind with this name.
pub fn kind_named(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

//! The suite that every store passes. Its places are databases of one cluster: to make a cluster takes seconds.

use std::sync::Arc;

use scenarios::postgres::Postgres;
use steadfast_ledger::conformance::hold_all;

use crate::place::PostgresPlace;

#[test]
fn every_law_holds() {
    let server = Arc::new(Postgres::start());
    let failed = hold_all(|| Arc::new(PostgresPlace::new(&server)), 4);
    assert_eq!(failed, Vec::<&str>::new());
}

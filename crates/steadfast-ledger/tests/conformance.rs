//! Every store passes the one suite. A new store adds its place here.

mod place;

mod sqlite {
    steadfast_ledger::conformance_tests!(super::place::SqlitePlace::new);
}

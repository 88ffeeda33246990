//! The suite that every store passes.

steadfast_ledger::conformance_tests!(crate::place::SqlitePlace::new);

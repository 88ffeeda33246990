//! What is derived from the records, whatever stores them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use steadfast_core::ledger::{Projection, Record};

/// Projections by name and key: the last value of each.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Projections(pub(crate) BTreeMap<(String, String), Value>);

impl Projections {
    /// Those that follow from these records, in this order.
    pub(crate) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Projections {
        Projections::default().with(records.filter_map(Record::project))
    }

    /// And these, which replace those of the same name and key.
    pub(crate) fn with(mut self, projections: impl IntoIterator<Item = Projection>) -> Projections {
        for Projection { name, key, value } in projections {
            self.0.insert((name, key), value);
        }
        self
    }

    /// The names and keys whose values are not the same in both.
    pub(crate) fn differences(&self, other: &Projections) -> Vec<(String, String)> {
        let both: BTreeSet<&(String, String)> = self.0.keys().chain(other.0.keys()).collect();
        both.into_iter().filter(|at| self.0.get(*at) != other.0.get(*at)).cloned().collect()
    }
}

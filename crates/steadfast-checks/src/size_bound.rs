//! Bounds on a size in bytes: exactly, at least, at most.

use serde_json::{Map, Value, json};
use steadfast_core::measure::Bytes;
use steadfast_core::setting::{Node, Problems, Raw, Setting, Table};

/// A size: `"40kB"` for exactly that, or a table of bounds: `{ at_least = "40kB", at_most = "2GiB" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeBound {
    /// Exactly this many bytes.
    pub equals: Option<Bytes>,
    /// At least this many.
    pub at_least: Option<Bytes>,
    /// At most this many.
    pub at_most: Option<Bytes>,
}

impl SizeBound {
    /// Whether this many bytes are right.
    pub fn admits(&self, bytes: u64) -> bool {
        self.equals.is_none_or(|wanted| bytes == wanted.0)
            && self.at_least.is_none_or(|low| bytes >= low.0)
            && self.at_most.is_none_or(|high| bytes <= high.0)
    }

    /// The nearest sizes that are wrong.
    pub fn wrong(&self) -> Vec<u64> {
        let below = self.at_least.or(self.equals).and_then(|low| low.0.checked_sub(1));
        let above = self.at_most.or(self.equals).and_then(|high| high.0.checked_add(1));
        below.into_iter().chain(above).collect()
    }
}

impl Setting for SizeBound {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::Table(_) = node.raw else {
            return Bytes::read(node, problems).map(|size| SizeBound {
                equals: Some(size),
                at_least: None,
                at_most: None,
            });
        };
        let mut table = Table::open(node, problems)?;
        let equals = table.take::<Option<Bytes>>("equals", None, problems);
        let at_least = table.take::<Option<Bytes>>("at_least", None, problems);
        let at_most = table.take::<Option<Bytes>>("at_most", None, problems);
        table.finish(problems);
        let bound = SizeBound { equals: equals?, at_least: at_least?, at_most: at_most? };
        let why = "such a size can never hold, or never fail";
        match (bound.at_least, bound.at_most) {
            (Some(low), Some(high)) if low > high => {
                problems.add(node.span, format!("at least {low} and at most {high}"), why);
                return None;
            }
            (Some(Bytes(0)), None) if bound.equals.is_none() => {
                problems.suggest(node.span, "a size of at least 0", "it always holds", "at_least = 1");
                return None;
            }
            (None, None) if bound.equals.is_none() => {
                problems.suggest(node.span, "a size without a bound", why, "equals, at_least or at_most");
                return None;
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        Some(bound)
    }
    fn write(&self) -> Value {
        match self {
            SizeBound { equals: Some(size), at_least: None, at_most: None } => size.write(),
            SizeBound { equals, at_least, at_most } => {
                let keys = [("equals", equals), ("at_least", at_least), ("at_most", at_most)];
                let set = keys.into_iter().filter_map(|(key, size)| size.map(|size| (key.to_owned(), size.write())));
                Value::Object(set.collect::<Map<_, _>>())
            }
        }
    }
    fn schema() -> Value {
        let size = Bytes::schema();
        json!({ "anyOf": [size, { "type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
            "equals": size, "at_least": size, "at_most": size } }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steadfast_core::setting::Span;

    fn read(value: Value) -> (Option<SizeBound>, usize) {
        let mut problems = Problems::default();
        let node = Node::from_json(&value, Span::default()).unwrap();
        (SizeBound::read(&node, &mut problems), problems.len())
    }

    #[test]
    fn a_bound_reads_back_as_written() {
        for value in [json!("40kB"), json!({ "at_least": "1B" }), json!({ "at_least": "1KiB", "at_most": "2GiB" })] {
            assert_eq!(read(value.clone()).0.map(|bound| bound.write()), Some(value));
        }
    }

    #[test]
    fn a_bound_that_cannot_fail_or_cannot_hold_is_refused() {
        for value in [json!({}), json!({ "at_least": 0 }), json!({ "at_least": 2, "at_most": 1 })] {
            assert_eq!(read(value.clone()), (None, 1), "{value}");
        }
    }

    #[test]
    fn the_nearest_wrong_sizes_are_not_admitted() {
        let bound = read(json!({ "at_least": 10, "at_most": 20 })).0.unwrap();
        assert_eq!(bound.wrong(), [9, 21]);
        assert!(bound.admits(10) && bound.admits(20) && !bound.wrong().into_iter().any(|size| bound.admits(size)));
    }
}

//! A kind's numbers, as long as a run lasts.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Numbers by name, kept as the JSON that they are written as: of ten thousand checks they are the most that a run
/// remembers, and a map takes seven times the room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers(Option<Box<str>>);

impl Numbers {
    /// All of them.
    pub fn to_map(&self) -> Map<String, Value> {
        let map = self.0.as_deref().map(serde_json::from_str);
        map.and_then(Result::ok).unwrap_or_default()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.to_map().remove(name)
    }
}

impl From<Map<String, Value>> for Numbers {
    fn from(map: Map<String, Value>) -> Numbers {
        if map.is_empty() {
            return Numbers(None);
        }
        Numbers(Some(Value::Object(map).to_string().into_boxed_str()))
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_put_in_comes_out_and_is_written() {
        for value in [json!({}), json!({ "took": 3, "of \"it\"": [1.5, null], "scalar": u64::MAX })] {
            let map = value.as_object().cloned().expect("an object");
            let numbers = Numbers::from(map.clone());
            assert_eq!(numbers.to_map(), map);
            assert_eq!(serde_json::to_value(&numbers).expect("written"), value);
        }
        assert_eq!(Numbers::from(Map::from_iter([("a".into(), json!(1))])).get("a"), Some(json!(1)));
        assert_eq!(Numbers::default().get("a"), None);
    }
}

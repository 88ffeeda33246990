//! A setting that is seldom written.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::setting::{Node, OneOrMany, Problems, Setting};

/// A value that takes the room of a pointer as long as it is blank. A kind has many keys and a check uses few of them,
/// so of ten thousand checks most of the memory would be what none of them says.
#[derive(Clone, PartialEq, Eq)]
pub struct Rare<T>(Option<Box<T>>);

/// A type with a value that says nothing.
pub trait Blank: PartialEq + Sized + 'static {
    /// That value.
    const BLANK: &'static Self;
}

impl<T: PartialEq + 'static> Blank for Option<T> {
    const BLANK: &'static Self = &None;
}

impl<T: PartialEq + 'static> Blank for Vec<T> {
    const BLANK: &'static Self = &Vec::new();
}

impl<T: PartialEq + 'static> Blank for OneOrMany<T> {
    const BLANK: &'static Self = &OneOrMany::NONE;
}

impl<K: PartialEq + 'static, V: PartialEq + 'static> Blank for BTreeMap<K, V> {
    const BLANK: &'static Self = &BTreeMap::new();
}

impl<T: Blank> From<T> for Rare<T> {
    fn from(value: T) -> Rare<T> {
        if value == *T::BLANK { Rare(None) } else { Rare(Some(Box::new(value))) }
    }
}

impl<T: Blank> Default for Rare<T> {
    fn default() -> Rare<T> {
        Rare(None)
    }
}

impl<T: Blank> Deref for Rare<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::BLANK)
    }
}

impl<T: Blank + fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Blank + Serialize> Serialize for Rare<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<T: Blank + Setting> Setting for Rare<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::read(node, problems).map(Rare::from)
    }
    fn missing() -> Option<Self> {
        T::missing().map(Rare::from)
    }
    fn write(&self) -> Value {
        (**self).write()
    }
    fn schema() -> Value {
        T::schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_one_takes_the_room_of_a_pointer_and_reads_as_its_blank() {
        let blank: Rare<Vec<String>> = Vec::new().into();
        assert_eq!((size_of_val(&blank), blank.0.is_none(), blank.len()), (size_of::<usize>(), true, 0));
        assert_eq!(blank, Rare::default());
        let text: Rare<Option<String>> = Some("x".to_owned()).into();
        assert_eq!((text.as_deref(), format!("{text:?}").as_str()), (Some("x"), "Some(\"x\")"));
        assert_eq!(serde_json::json!([blank, text]), serde_json::json!([[], "x"]));
    }

    #[test]
    fn as_a_setting_it_is_what_it_holds() {
        let node = |json: &Value| Node::from_json(json, crate::setting::Span::default()).expect("a node");
        let mut problems = Problems::default();
        let json = serde_json::json!({ "a": "b" });
        let read = Rare::<BTreeMap<String, String>>::read(&node(&json), &mut problems).expect("read");
        assert_eq!(read.write(), json);
        assert_eq!(Rare::<Option<String>>::missing().map(|missing| missing.write()), Some(Value::Null));
        assert!(Rare::<Option<u32>>::read(&node(&json), &mut problems).is_none());
        assert_eq!(problems.len(), 1);
    }
}

//! Many names in a row.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names in an order, kept as one text and where each ends: of ten thousand checks the names of a run's order would else
/// be ten thousand allocations. As JSON it is an array of strings.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let name = self.text.get(from..*end as usize).unwrap_or_default();
            from = *end as usize;
            name
        })
    }

    /// Puts one at the end. Names that are longer than 4 GB together are cut off.
    fn push(&mut self, name: &str) {
        if let Ok(end) = u32::try_from(self.text.len() + name.len()) {
            self.text.push_str(name);
            self.ends.push(end);
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Names {
        let mut all = Names::default();
        names.into_iter().for_each(|name| all.push(name.as_ref()));
        all.text.shrink_to_fit();
        all.ends.shrink_to_fit();
        all
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Names, A::Error> {
                let mut all = Names::default();
                while let Some(name) = rows.next_element::<String>()? {
                    all.push(&name);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_as_they_went_in_and_are_written_as_an_array() {
        for list in [&[] as &[&str], &[""], &["shop", "", "a \"quoted\"\nname", "é"]] {
            let names: Names = list.iter().collect();
            assert_eq!(names.iter().collect::<Vec<_>>(), list);
            assert_eq!((names.len(), names.is_empty()), (list.len(), list.is_empty()));
            let written = serde_json::to_string(&names).expect("written");
            assert_eq!(written, serde_json::to_string(list).expect("written"));
            assert_eq!(serde_json::from_str::<Names>(&written).expect("read"), names);
        }
        assert!(serde_json::from_str::<Names>("\"shop\"").is_err());
        assert!(serde_json::from_str::<Names>("[1]").is_err());
    }
}

//! Status codes as they are expected: `200`, `[200, 204]`, `"2xx"`.

use serde_json::{Value, json};
use steadfast_core::rare::Rare;
use steadfast_core::setting::{Node, Problems, Raw, Setting};

/// Which status codes are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet {
    /// Nearly always it is the only one.
    first: Range,
    others: Rare<Vec<Range>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Exact(u16),
    Class(u16),
}

impl StatusSet {
    /// Whether this code is one of them.
    pub fn admits(&self, status: u16) -> bool {
        self.ranges().any(|range| match range {
            Range::Exact(code) => status == code,
            Range::Class(class) => status / 100 == class,
        })
    }

    /// Codes that are not, the likeliest of an outage first.
    pub fn wrong(&self) -> impl Iterator<Item = u16> {
        [500, 503, 404, 401, 302, 200].into_iter().chain(100..600).filter(|code| !self.admits(*code))
    }

    fn ranges(&self) -> impl Iterator<Item = Range> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    fn read_one(node: &Node, problems: &mut Problems) -> Option<Range> {
        let instead = "200, [200, 204] or \"2xx\"";
        match &node.raw {
            Raw::Integer(code) => match u16::try_from(*code) {
                Ok(code) if (100..600).contains(&code) => Some(Range::Exact(code)),
                Ok(_) | Err(_) => {
                    let what = format!("{code} is no status code");
                    problems.suggest(node.span, what, "HTTP's are from 100 to 599", instead);
                    None
                }
            },
            Raw::Text(text) => match text.as_bytes() {
                [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => Some(Range::Class(u16::from(digit - b'0'))),
                _ => {
                    let what = format!("`{text}` is no class of status codes");
                    problems.suggest(node.span, what, "classes are \"1xx\" to \"5xx\"", instead);
                    None
                }
            },
            Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) | Raw::Table(_) => {
                problems.wrong_type(node, "a status code, an array of them, or a class such as \"2xx\"");
                None
            }
        }
    }
}

impl Setting for StatusSet {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let set = match &node.raw {
            Raw::List(nodes) => {
                let read: Vec<Option<Range>> = nodes.iter().map(|node| StatusSet::read_one(node, problems)).collect();
                let mut read = read.into_iter().collect::<Option<Vec<Range>>>()?.into_iter();
                let Some(first) = read.next() else {
                    problems.add(node.span, "no status code at all", "no answer could be right");
                    return None;
                };
                StatusSet { first, others: read.collect::<Vec<_>>().into() }
            }
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::Table(_) => {
                StatusSet { first: StatusSet::read_one(node, problems)?, others: Rare::default() }
            }
        };
        if set.wrong().next().is_none() {
            problems.add(node.span, "every status code is right", "such an expectation can never fail");
        }
        Some(set)
    }
    fn write(&self) -> Value {
        let one = |range: Range| match range {
            Range::Exact(code) => json!(code),
            Range::Class(class) => json!(format!("{class}xx")),
        };
        if self.others.is_empty() { one(self.first) } else { self.ranges().map(one).collect() }
    }
    fn schema() -> Value {
        let one = json!({ "anyOf": [{ "type": "integer", "minimum": 100, "maximum": 599 }, { "type": "string", "pattern": "^[1-5][xX]{2}$" }] });
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

//! `connect_to`: a connection that leads elsewhere than the address says, as curl has it.

use serde_json::{Value, json};
use steadfast_core::setting::{Node, Problems, Setting};

/// One rule of `connect_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    source: String,
    from: (String, u16),
    to: (String, u16),
}

impl ConnectTo {
    fn parse(source: &str) -> Option<ConnectTo> {
        // IPv6 addresses stand in brackets, as for curl.
        let mut parts = Vec::new();
        let mut rest = source;
        loop {
            let end = if rest.starts_with('[') { rest.find(']')? + 1 } else { rest.find(':').unwrap_or(rest.len()) };
            parts.push(rest[..end].trim_matches(['[', ']']));
            match rest[end..].strip_prefix(':') {
                Some(next) => rest = next,
                None if rest[end..].is_empty() => break,
                None => return None,
            }
        }
        let port = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        match parts.as_slice() {
            [from, from_port, to, to_port] => Some(ConnectTo {
                source: source.to_owned(),
                from: ((*from).to_owned(), port(from_port)?),
                to: ((*to).to_owned(), port(to_port)?),
            }),
            _ => None,
        }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn pair(&self) -> ((String, u16), (String, u16)) {
        (self.from.clone(), self.to.clone())
    }
}

impl Setting for ConnectTo {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = String::read(node, problems)?;
        let rule = ConnectTo::parse(&text);
        if rule.is_none() {
            let why = "it has four parts, as curl's --connect-to";
            problems.suggest(node.span, format!("`{text}` is no such rule"), why, "\"HOST1:PORT1:HOST2:PORT2\"");
        }
        rule
    }
    fn write(&self) -> Value {
        json!(self.source)
    }
    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_of_connect_to_has_four_parts() {
        let rule = ConnectTo::parse("shop.example:443:[::1]:8443").unwrap();
        assert_eq!(rule.pair(), (("shop.example".to_owned(), 443), ("::1".to_owned(), 8443)));
        assert!(ConnectTo::parse("::localhost:1").is_some_and(|rule| rule.from == (String::new(), 0)));
        assert!(ConnectTo::parse("a:b:c:d").is_none());
    }
}

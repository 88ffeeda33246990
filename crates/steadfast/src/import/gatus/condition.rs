//! One condition of Gatus: read as Gatus reads it, carried to an expectation, and what it could not have seen.

use serde_json::{Value, json};
use steadfast_core::measure::Lapse;

/// What stands on one side of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// Something that was seen.
    Seen(Part, Function),
    /// A text.
    Text(String),
    /// `pat(..)`: a pattern with `*`.
    Pattern(String),
    /// `any(..)`: one of these.
    Any(Vec<String>),
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Status,
    Ip,
    ResponseTime,
    Connected,
    Certificate,
    Domain,
    Rcode,
    /// The whole body.
    Body,
    /// A part of the body, as RFC 9535 writes it.
    Json(String),
    Header(String),
    /// A value from an earlier endpoint of a suite.
    Context,
}

/// What is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    None,
    Len,
    Has,
    Age,
}

/// How two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    AtMost,
    AtLeast,
    Above,
    Below,
}

/// A condition, with what was seen on its left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) part: Part,
    pub(super) function: Function,
    pub(super) comparison: Comparison,
    pub(super) wanted: Operand,
}

/// Why a condition is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Gatus would not start with it.
    NoComparison,
    /// Nothing that was seen is in it: it is the same every time.
    Constant { left: String, right: String, holds: bool },
    /// Two things that were seen are compared with each other.
    TwoParts,
}

impl Condition {
    /// Reads a condition in the order in which Gatus tries the comparisons.
    pub(super) fn read(text: &str) -> Result<Condition, Unusable> {
        let (left, comparison, right) = COMPARISONS
            .iter()
            .find_map(|(word, comparison)| text.split_once(word).map(|(left, right)| (left, *comparison, right)))
            .ok_or(Unusable::NoComparison)?;
        let (left, right) = (left.trim(), right.trim());
        match (Operand::read(left), Operand::read(right)) {
            (Operand::Seen(..), Operand::Seen(..)) => Err(Unusable::TwoParts),
            (Operand::Seen(part, function), wanted) => Ok(Condition { part, function, comparison, wanted }),
            (wanted, Operand::Seen(part, function)) => {
                Ok(Condition { part, function, comparison: comparison.turned(), wanted })
            }
            _ => {
                let (left, right) = (left.to_owned(), right.to_owned());
                let holds = comparison.of_constants(&left, &right);
                Err(Unusable::Constant { left, right, holds })
            }
        }
    }
}

const COMPARISONS: [(&str, Comparison); 6] = [
    (" == ", Comparison::Equal),
    (" != ", Comparison::Unequal),
    (" <= ", Comparison::AtMost),
    (" >= ", Comparison::AtLeast),
    (" > ", Comparison::Above),
    (" < ", Comparison::Below),
];

impl Comparison {
    fn turned(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Equal,
            Comparison::Unequal => Comparison::Unequal,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::AtLeast => Comparison::AtMost,
            Comparison::Above => Comparison::Below,
            Comparison::Below => Comparison::Above,
        }
    }

    /// Whether a number compares so with a bound.
    pub(super) fn admits(self, number: f64, bound: f64) -> bool {
        match self {
            Comparison::Equal => number == bound,
            Comparison::Unequal => number != bound,
            Comparison::AtMost => number <= bound,
            Comparison::AtLeast => number >= bound,
            Comparison::Above => number > bound,
            Comparison::Below => number < bound,
        }
    }

    fn of_constants(self, left: &str, right: &str) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::Unequal => left != right,
            Comparison::AtMost | Comparison::AtLeast | Comparison::Above | Comparison::Below => {
                self.admits(number(left).unwrap_or_default(), number(right).unwrap_or_default())
            }
        }
    }

    /// Our operator for numbers.
    pub(super) fn operator(self) -> Option<&'static str> {
        match self {
            Comparison::Equal | Comparison::Unequal => None,
            Comparison::AtMost => Some("at_most"),
            Comparison::AtLeast => Some("at_least"),
            Comparison::Above => Some("above"),
            Comparison::Below => Some("below"),
        }
    }
}

impl Operand {
    fn read(text: &str) -> Operand {
        let inside = |word: &str| text.strip_prefix(word).and_then(|rest| rest.strip_suffix(')'));
        if let Some(pattern) = inside("pat(") {
            return Operand::Pattern(pattern.to_owned());
        }
        if let Some(options) = inside("any(") {
            return Operand::Any(options.split(',').map(|option| option.trim().to_owned()).collect());
        }
        let functions = [("len(", Function::Len), ("has(", Function::Has), ("age(", Function::Age)];
        let (inner, function) = functions
            .into_iter()
            .find_map(|(word, function)| inside(word).map(|inner| (inner, function)))
            .unwrap_or((text, Function::None));
        match part(inner.trim()) {
            Some(part) => Operand::Seen(part, function),
            None => Operand::Text(text.to_owned()),
        }
    }
}

/// Every placeholder without a path.
pub(super) const PLACEHOLDERS: [(&str, Part); 8] = [
    ("[STATUS]", Part::Status),
    ("[IP]", Part::Ip),
    ("[RESPONSE_TIME]", Part::ResponseTime),
    ("[CONNECTED]", Part::Connected),
    ("[CERTIFICATE_EXPIRATION]", Part::Certificate),
    ("[DOMAIN_EXPIRATION]", Part::Domain),
    ("[DNS_RCODE]", Part::Rcode),
    ("[BODY]", Part::Body),
];

fn part(text: &str) -> Option<Part> {
    let upper = text.to_ascii_uppercase();
    if let Some((_, part)) = PLACEHOLDERS.iter().find(|(word, _)| *word == upper) {
        return Some(part.clone());
    }
    if upper.starts_with("[BODY].") || upper.starts_with("[BODY][") {
        return Some(Part::Json(json_path(&text["[BODY]".len()..])));
    }
    if upper.starts_with("[HEADER].") {
        return Some(Part::Header(text["[HEADER].".len()..].to_ascii_lowercase()));
    }
    upper.starts_with("[CONTEXT]").then_some(Part::Context)
}

/// Gatus' path as RFC 9535 writes it: `.data[0].name` is `$.data[0].name`, and a name with a dash stands in quotes.
fn json_path(path: &str) -> String {
    let mut written = "$".to_owned();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let (name, index) = step.split_at(step.find('[').unwrap_or(step.len()));
        let simple = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match name {
            "" => {}
            name if simple => written.push_str(&format!(".{name}")),
            name => written.push_str(&format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))),
        }
        written.push_str(index);
    }
    written
}

/// A number as Gatus takes it: an integer, a float without its fraction, or a length of time in milliseconds.
pub(super) fn number(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number.trunc());
    }
    Lapse::parse(text).ok().map(|lapse| (lapse.micros() / 1000) as f64)
}

/// What JSON values a text stands for: Gatus compares texts, so `200` is the number and the text.
pub(super) fn values(text: &str) -> Vec<Value> {
    let as_text = json!(text);
    match (text, text.parse::<i64>(), text.parse::<f64>()) {
        ("true", _, _) => vec![json!(true), as_text],
        ("false", _, _) => vec![json!(false), as_text],
        (_, Ok(number), _) => vec![json!(number), as_text],
        (_, Err(_), Ok(number)) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            vec![json!(number), as_text]
        }
        (_, Err(_), Ok(_) | Err(_)) => vec![as_text],
    }
}

/// What a pattern asks for: a text that occurs, or a regular expression for the whole.
pub(super) enum Glob {
    Anything,
    Contains(String),
    Matches(String),
}

/// Reads a pattern of `pat(..)`.
pub(super) fn glob(pattern: &str) -> Glob {
    let inner = pattern.trim_matches('*');
    let plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
    if inner.is_empty() && pattern.contains('*') {
        return Glob::Anything;
    }
    if pattern.starts_with('*') && pattern.ends_with('*') && pattern.len() > 1 && plain(inner) {
        return Glob::Contains(inner.to_owned());
    }
    let mut regex = "(?s)\\A".to_owned();
    let mut within = false;
    for c in pattern.chars() {
        match c {
            '*' if !within => regex.push_str(".*"),
            '?' if !within => regex.push('.'),
            '[' if !within => {
                within = true;
                regex.push(c);
            }
            ']' if within => {
                within = false;
                regex.push(c);
            }
            _ if within => regex.push(c),
            '.' | '+' | '(' | ')' | '|' | '^' | '$' | '{' | '}' | ']' | '\\' => regex.extend(['\\', c]),
            _ => regex.push(c),
        }
    }
    regex.push_str("\\z");
    Glob::Matches(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(format!("{:?}", Condition::read(text)), expected, "{text}");
    }

    #[test]
    fn conditions_are_read_as_gatus_reads_them() {
        check(
            "[STATUS] == 200",
            r#"Ok(Condition { part: Status, function: None, comparison: Equal, wanted: Text("200") })"#,
        );
        check(
            "200 <= [status]",
            r#"Ok(Condition { part: Status, function: None, comparison: AtLeast, wanted: Text("200") })"#,
        );
        check(
            "len([BODY].data-set[0][1].x) > 5",
            r#"Ok(Condition { part: Json("$['data-set'][0][1].x"), function: Len, comparison: Above, wanted: Text("5") })"#,
        );
        check(
            "[BODY][0].id == any(1, 2)",
            r#"Ok(Condition { part: Json("$[0].id"), function: None, comparison: Equal, wanted: Any(["1", "2"]) })"#,
        );
        check("[STATU] != 500", r#"Err(Constant { left: "[STATU]", right: "500", holds: true })"#);
        check("[STATUS]==200", "Err(NoComparison)");
        check("[BODY].a == [BODY].b", "Err(TwoParts)");
    }

    #[test]
    fn a_pattern_is_a_text_where_it_can_be_and_else_a_whole_match() {
        let shown = |pattern: &str| match glob(pattern) {
            Glob::Anything => "anything".to_owned(),
            Glob::Contains(text) => format!("contains {text}"),
            Glob::Matches(regex) => regex,
        };
        assert_eq!(shown("*<h1>*"), "contains <h1>");
        assert_eq!(shown("192.168.*.*"), r"(?s)\A192\.168\..*\..*\z");
        assert_eq!(shown("*"), "anything");
        assert_eq!(shown("[a-c]?"), r"(?s)\A[a-c].\z");
    }
}

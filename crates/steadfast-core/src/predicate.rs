//! Predicates: one vocabulary for all kinds. Missing is never a pass, and nothing is converted silently.

use jiff::Timestamp;
use serde_json::{Number, Value, json};

use crate::finding::{Code, Finding, Seen, codes};
use crate::instant::{EpochUnit, Zone, read_instant};
use crate::measure::{Lapse, Pattern};
use crate::setting::{Node, Problems, Raw, Setting, Settings, Table};
use crate::verdict::Judgement;

crate::words! {
    /// The types of JSON. `integer` is a number without a fractional part: 3 and 3.0.
    pub enum JsonType {
        /// `null`.
        Null = "null",
        /// `true` or `false`.
        Boolean = "boolean",
        /// Any number.
        Number = "number",
        /// A number without a fractional part.
        Integer = "integer",
        /// A string.
        String = "string",
        /// An array.
        Array = "array",
        /// An object.
        Object = "object",
    }
}

impl JsonType {
    /// The type of a value; a number is `number`.
    pub fn of_value(value: &Value) -> JsonType {
        match value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    /// Whether a value is of this type.
    pub fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (JsonType::Integer, Value::Number(number)) => {
                number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
            }
            (
                JsonType::Null
                | JsonType::Boolean
                | JsonType::Number
                | JsonType::Integer
                | JsonType::String
                | JsonType::Array
                | JsonType::Object,
                _,
            ) => JsonType::of_value(value) == self,
        }
    }
}

/// Any value that TOML can write.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal(pub Value);

impl Setting for Literal {
    fn read(node: &Node, _problems: &mut Problems) -> Option<Self> {
        Some(Literal(node.to_json()))
    }
    fn write(&self) -> Value {
        self.0.clone()
    }
    fn schema() -> Value {
        json!({})
    }
}

crate::settings! {
    /// What a value must be. Every key that is set must hold. A value that is not there fails all of them but `absent`.
    pub struct Operators {
        /// Equal to this. Numbers are compared by value, everything else exactly: "3" is not 3.
        equals: Option<Literal>,
        /// Equal to one of these.
        one_of: Option<Vec<Literal>>,
        /// A string that contains this string, or an array that contains this value.
        contains: Option<Literal>,
        /// A string that does not contain this string, or an array that does not contain this value.
        excludes: Option<Literal>,
        /// A string in which this regular expression occurs.
        matches: Option<Pattern>,
        /// A number of at least this.
        at_least: Option<f64>,
        /// A number of at most this.
        at_most: Option<f64>,
        /// A number above this.
        above: Option<f64>,
        /// A number below this.
        below: Option<f64>,
        /// A number from the first to the second, both included.
        between: Option<Vec<f64>>,
        /// Of this JSON type.
        r#type: Option<JsonType>,
        /// A string, array or object that is not empty.
        not_empty: Option<bool>,
        /// How many: the items of the array, or the nodes that the path or selector finds.
        count: Option<Count>,
        /// A date not older than this. One more than five minutes in the future proves nothing and fails.
        younger_than: Option<Lapse>,
        /// A date older than this.
        older_than: Option<Lapse>,
        /// The zone of dates that do not say theirs: `UTC` or an offset such as `+09:00`.
        zone: Option<Zone>,
        /// The unit of dates that are numbers counted from 1970: `s`, `ms`, `us`, `ns`.
        epoch: Option<EpochUnit>,
        /// `true`: it must not be there at all. Null is there.
        absent: Option<bool>,
    }
}

/// A predicate: a table of operators, or a bare value for `equals`. Boxed, as few of the many operators are ever set
/// and a configuration may hold tens of thousands of predicates that are not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate(pub Box<Operators>);

/// A count: a bare integer, or a table of bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// Exactly this many.
    pub equals: Option<u64>,
    /// At least this many.
    pub at_least: Option<u64>,
    /// At most this many.
    pub at_most: Option<u64>,
}

impl Setting for Count {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Raw::Integer(_) = node.raw {
            return u64::read(node, problems).map(|n| Count { equals: Some(n), at_least: None, at_most: None });
        }
        let mut table = Table::open(node, problems)?;
        let equals = table.take::<Option<u64>>("equals", None, problems);
        let at_least = table.take::<Option<u64>>("at_least", None, problems);
        let at_most = table.take::<Option<u64>>("at_most", None, problems);
        table.finish(problems);
        let count = Count { equals: equals?, at_least: at_least?, at_most: at_most? };
        let why = "such a count can never hold, or never fail";
        match (count.at_least, count.at_most) {
            (Some(low), Some(high)) if low > high => {
                problems.add(node.span, format!("at least {low} and at most {high}"), why);
            }
            (None, None) if count.equals.is_none() => {
                problems.suggest(node.span, "a count without a bound", why, "equals, at_least or at_most");
            }
            (Some(0), None) if count.equals.is_none() => {
                problems.suggest(node.span, "a count of at least 0", "it always holds", "at_least = 1");
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        Some(count)
    }
    fn write(&self) -> Value {
        match self {
            Count { equals: Some(n), at_least: None, at_most: None } => json!(n),
            Count { equals, at_least, at_most } => {
                let keys = [("equals", equals), ("at_least", at_least), ("at_most", at_most)];
                let set = keys.into_iter().filter_map(|(key, n)| n.map(|n| (key.to_owned(), json!(n))));
                Value::Object(set.collect())
            }
        }
    }
    fn schema() -> Value {
        let n = json!({ "type": "integer", "minimum": 0 });
        json!({ "anyOf": [n, { "type": "object", "additionalProperties": false, "properties": {
            "equals": n, "at_least": n, "at_most": n } }] })
    }
}

impl Count {
    /// Whether this many is right.
    pub fn admits(&self, n: u64) -> bool {
        self.equals.is_none_or(|wanted| n == wanted)
            && self.at_least.is_none_or(|low| n >= low)
            && self.at_most.is_none_or(|high| n <= high)
    }

    /// The nearest numbers that are wrong.
    pub fn wrong(&self) -> Vec<u64> {
        let below = self.at_least.or(self.equals).and_then(|low| low.checked_sub(1));
        let above = self.at_most.or(self.equals).map(|high| high + 1);
        below.into_iter().chain(above).collect()
    }
}

impl Setting for Predicate {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let operators = match &node.raw {
            Raw::Table(_) => Operators::read(node, problems)?,
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                return Some(Predicate::equals(node.to_json()));
            }
        };
        let predicate = Predicate(Box::new(operators));
        if problems.len() == before {
            predicate.refuse_nonsense(node, problems);
        }
        (problems.len() == before).then_some(predicate)
    }
    fn write(&self) -> Value {
        let mut map = serde_json::Map::new();
        self.0.write_into(&mut map);
        match (map.len(), map.get("equals")) {
            (1, Some(value)) if !value.is_object() => value.clone(),
            (_, Some(_) | None) => map.into(),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "type": ["string", "number", "boolean", "array"] }, Operators::schema()] })
    }
}

/// What a predicate is held against.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// There is nothing.
    Missing,
    /// There is this value.
    Value(&'a Value),
}

impl Predicate {
    /// The predicate that a bare value stands for.
    pub fn equals(value: Value) -> Predicate {
        Predicate(Box::new(Operators { equals: Some(Literal(value)), ..Predicate::nothing() }))
    }

    /// A predicate that only asks for this type.
    pub fn of_type(wanted: JsonType) -> Predicate {
        Predicate(Box::new(Operators { r#type: Some(wanted), ..Predicate::nothing() }))
    }

    /// The same predicate with one of its operators alone; an age keeps the `zone` and `epoch` that its dates need.
    #[must_use]
    pub fn only(&self, operator: &str) -> Predicate {
        let o = (*self.0).clone();
        let keep = |key: &str| key == operator;
        let dated = keep("younger_than") || keep("older_than");
        Predicate(Box::new(Operators {
            equals: o.equals.filter(|_| keep("equals")),
            one_of: o.one_of.filter(|_| keep("one_of")),
            contains: o.contains.filter(|_| keep("contains")),
            excludes: o.excludes.filter(|_| keep("excludes")),
            matches: o.matches.filter(|_| keep("matches")),
            at_least: o.at_least.filter(|_| keep("at_least")),
            at_most: o.at_most.filter(|_| keep("at_most")),
            above: o.above.filter(|_| keep("above")),
            below: o.below.filter(|_| keep("below")),
            between: o.between.filter(|_| keep("between")),
            r#type: o.r#type.filter(|_| keep("type")),
            not_empty: o.not_empty.filter(|_| keep("not_empty")),
            count: o.count.filter(|_| keep("count")),
            younger_than: o.younger_than.filter(|_| keep("younger_than")),
            older_than: o.older_than.filter(|_| keep("older_than")),
            zone: o.zone.filter(|_| dated),
            epoch: o.epoch.filter(|_| dated),
            absent: o.absent.filter(|_| keep("absent")),
        }))
    }

    /// No operator set.
    pub fn nothing() -> Operators {
        Operators {
            equals: None,
            one_of: None,
            contains: None,
            excludes: None,
            matches: None,
            at_least: None,
            at_most: None,
            above: None,
            below: None,
            between: None,
            r#type: None,
            not_empty: None,
            count: None,
            younger_than: None,
            older_than: None,
            zone: None,
            epoch: None,
            absent: None,
        }
    }

    fn refuse_nonsense(&self, node: &Node, problems: &mut Problems) {
        let o = &self.0;
        let place = |key: &str| node.place(&[key]);
        let set = self.operators();
        if set.is_empty() {
            let instead = "for example { equals = 1 }, { not_empty = true } or { type = \"array\" }";
            problems.suggest(node.span, "a predicate without an operator", "it would hold for everything", instead);
        }
        for (key, truth) in [("not_empty", o.not_empty), ("absent", o.absent)] {
            if truth == Some(false) {
                problems.add(place(key), format!("`{key} = false` says nothing"), "leave it out, or say what must be");
            }
        }
        if o.absent == Some(true) && set.len() > 1 {
            problems.add(place("absent"), "`absent` beside another operator", "what is not there has no value");
        }
        let mut low = [o.at_least, o.above].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
        let mut high = [o.at_most, o.below].into_iter().flatten().fold(f64::INFINITY, f64::min);
        if let Some(between) = &o.between {
            match between.as_slice() {
                [from, to] => (low, high) = (low.max(*from), high.min(*to)),
                _ => problems.add(place("between"), "`between` takes two numbers", "it is a range"),
            }
        }
        let open = o.above.is_some_and(|n| n >= high) || o.below.is_some_and(|n| n <= low);
        if low > high || open {
            problems.add(node.span, "an impossible range", "no number lies in it, so the check could never pass");
        }
        for (key, empty) in [("contains", &o.contains), ("excludes", &o.excludes)] {
            if empty.as_ref().is_some_and(|literal| literal.0 == json!("")) {
                problems.add(place(key), format!("`{key}` of an empty string"), "every string contains it");
            }
        }
        if o.one_of.as_ref().is_some_and(Vec::is_empty) {
            problems.add(place("one_of"), "`one_of` of nothing", "no value is in an empty list");
        }
        if let (Some(young), Some(old)) = (o.younger_than, o.older_than)
            && young <= old
        {
            problems.add(node.span, "an impossible age", "nothing is younger than it and older than it");
        }
        if (o.zone.is_some() || o.epoch.is_some()) && o.younger_than.is_none() && o.older_than.is_none() {
            problems.add(
                node.span,
                "`zone` and `epoch` without an age",
                "they say how to read a date: add younger_than",
            );
        }
    }

    /// The names of the operators that are set; each is an expectation of its own.
    pub fn operators(&self) -> Vec<&'static str> {
        let mut map = serde_json::Map::new();
        self.0.write_into(&mut map);
        let named = Operators::fields().into_iter().map(|field| field.key);
        named.filter(|key| map.contains_key(*key) && !matches!(*key, "zone" | "epoch")).collect()
    }

    /// Judges a reading. Findings name the operator as their claim; the caller puts the path before it.
    pub fn judge(&self, reading: Reading<'_>, at: Timestamp, judgement: &mut Judgement) {
        for operator in self.operators() {
            let outcome = match reading {
                Reading::Missing if operator == "absent" => Ok(()),
                Reading::Missing => Err((codes::MISSING, Seen::Missing)),
                Reading::Value(value) => self.judge_operator(operator, value, at),
            };
            if let Err((code, seen)) = outcome {
                let expected = self.expected(operator);
                judgement.add(code, |f: Finding| f.of(operator).expected(expected).seen(seen));
            }
        }
    }

    /// An operator with its operand, as it is written.
    pub fn expected(&self, operator: &str) -> Value {
        let mut map = serde_json::Map::new();
        self.0.write_into(&mut map);
        json!({ operator: map.remove(operator).unwrap_or_default() })
    }

    fn judge_operator(&self, operator: &str, value: &Value, at: Timestamp) -> Result<(), (Code, Seen)> {
        let o = &self.0;
        let hold = |holds: bool, code: Code| if holds { Ok(()) } else { Err((code, Seen::value(value))) };
        let number = |test: &dyn Fn(f64) -> bool| match value {
            Value::Number(number) => hold(number.as_f64().is_some_and(test), codes::OUT_OF_BOUNDS),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(mistyped(value))
            }
        };
        match operator {
            "equals" => hold(o.equals.as_ref().is_none_or(|wanted| same(value, &wanted.0)), unequal(value)),
            "one_of" => hold(o.one_of.iter().flatten().any(|wanted| same(value, &wanted.0)), unequal(value)),
            "contains" => match contains(value, o.contains.as_ref()) {
                Some(found) => hold(found, codes::NOT_CONTAINED),
                None => Err(mistyped(value)),
            },
            "excludes" => match contains(value, o.excludes.as_ref()) {
                Some(found) => hold(!found, codes::FORBIDDEN),
                None => Err(mistyped(value)),
            },
            "matches" => match (value, &o.matches) {
                (Value::String(text), Some(pattern)) => hold(pattern.is_match(text), codes::NO_MATCH),
                (_, _) => Err(mistyped(value)),
            },
            "at_least" => number(&|n| o.at_least.is_none_or(|low| n >= low)),
            "at_most" => number(&|n| o.at_most.is_none_or(|high| n <= high)),
            "above" => number(&|n| o.above.is_none_or(|low| n > low)),
            "below" => number(&|n| o.below.is_none_or(|high| n < high)),
            "between" => number(&|n| matches!(o.between.as_deref(), Some([low, high]) if n >= *low && n <= *high)),
            "type" => match o.r#type {
                Some(wanted) if !wanted.admits(value) => Err(wrong_type(value)),
                Some(_) | None => Ok(()),
            },
            "not_empty" => match value {
                Value::String(text) => hold(!text.is_empty(), codes::EMPTY),
                Value::Array(items) => hold(!items.is_empty(), codes::EMPTY),
                Value::Object(map) => hold(!map.is_empty(), codes::EMPTY),
                Value::Null | Value::Bool(_) | Value::Number(_) => Err(mistyped(value)),
            },
            "count" => match value {
                Value::Array(items) => {
                    let n = items.len() as u64;
                    let right = o.count.as_ref().is_none_or(|count| count.admits(n));
                    if right { Ok(()) } else { Err((codes::OUT_OF_BOUNDS, Seen::Value(json!(n)))) }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                    Err(mistyped(value))
                }
            },
            "younger_than" => self.age(value, at).and_then(|age| match (age, o.younger_than) {
                (Age::Future, _) => Err((codes::IN_THE_FUTURE, Seen::value(value))),
                (Age::Past(age), Some(bound)) if age > bound => Err((codes::TOO_OLD, Seen::value(value))),
                (Age::Past(_), Some(_) | None) => Ok(()),
            }),
            "older_than" => self.age(value, at).and_then(|age| match (age, o.older_than) {
                (Age::Past(age), Some(bound)) if age > bound => Ok(()),
                (Age::Past(_) | Age::Future, _) => Err((codes::TOO_YOUNG, Seen::value(value))),
            }),
            _ => Err((codes::FORBIDDEN, Seen::value(value))),
        }
    }

    fn age(&self, value: &Value, at: Timestamp) -> Result<Age, (Code, Seen)> {
        match read_instant(value, self.0.zone.as_ref(), self.0.epoch) {
            Some(instant) => Ok(age_of(instant, at)),
            None if value.is_null() => Err((codes::NULL, Seen::Null)),
            None => Err((codes::NO_DATE, Seen::value(value))),
        }
    }
}

/// How old something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// This old; a clock that runs up to five minutes ahead counts as age zero.
    Past(Lapse),
    /// From the future.
    Future,
}

/// How far the clocks of two machines may differ.
pub const SKEW: Lapse = Lapse::seconds(300);

/// How old something of this instant is at `at`.
pub fn age_of(instant: Timestamp, at: Timestamp) -> Age {
    let micros = at.as_microsecond().saturating_sub(instant.as_microsecond());
    match u64::try_from(micros) {
        Ok(micros) => Age::Past(Lapse(std::time::Duration::from_micros(micros))),
        Err(_) if micros.unsigned_abs() <= SKEW.micros() => Age::Past(Lapse::seconds(0)),
        Err(_) => Age::Future,
    }
}

fn mistyped(value: &Value) -> (Code, Seen) {
    if value.is_null() { (codes::NULL, Seen::Null) } else { wrong_type(value) }
}

fn wrong_type(value: &Value) -> (Code, Seen) {
    (codes::WRONG_TYPE, Seen::WrongType(JsonType::of_value(value)))
}

fn unequal(value: &Value) -> Code {
    if value.is_null() { codes::NULL } else { codes::UNEQUAL }
}

fn contains(value: &Value, part: Option<&Literal>) -> Option<bool> {
    match (value, part.map(|literal| &literal.0)) {
        (Value::String(text), Some(Value::String(part))) => Some(text.contains(part.as_str())),
        (Value::Array(items), Some(part)) => Some(items.iter().any(|item| same(item, part))),
        (_, _) => None,
    }
}

/// Equality without conversion: numbers by value (1 = 1.0), everything else exactly.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (_, _) => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        (_, _) => a.as_f64() == b.as_f64(),
    }
}

/// The smallest changes to a value that must trip an operator: each is a name and the value, `None` for missing.
pub fn breakages(
    predicate: &Predicate,
    operator: &str,
    value: &Value,
    at: Timestamp,
) -> Vec<(&'static str, Option<Value>)> {
    let o = &predicate.0;
    let mut changes: Vec<(&'static str, Option<Value>)> = Vec::new();
    if operator == "absent" {
        return vec![("present", Some(json!("here"))), ("null", Some(Value::Null))];
    }
    let step = |bound: f64, up: bool| {
        let past = if bound.fract() == 0.0 && bound.abs() < 1e15 {
            bound + if up { 1.0 } else { -1.0 }
        } else if up {
            bound.next_up()
        } else {
            bound.next_down()
        };
        number(past)
    };
    let date = |age: Lapse, beyond: bool| {
        let micros = i64::try_from(age.micros()).unwrap_or(i64::MAX / 4) + if beyond { 1_000_000 } else { -1_000_000 };
        let then = Timestamp::from_microsecond(at.as_microsecond().saturating_sub(micros)).unwrap_or(Timestamp::MIN);
        crate::instant::write_instant(then, value, o.epoch)
    };
    match operator {
        "equals" | "one_of" => changes.push(("another value", Some(other(value)))),
        "contains" => changes.push(("without it", Some(without(value, o.contains.as_ref())))),
        "excludes" => changes.push(("with it", Some(with(value, o.excludes.as_ref())))),
        "matches" => changes.extend(["", "\u{1}", "x"].map(|text| ("another text", Some(json!(text))))),
        "at_least" => changes.extend(o.at_least.map(|bound| ("one step past the bound", Some(step(bound, false))))),
        "at_most" => changes.extend(o.at_most.map(|bound| ("one step past the bound", Some(step(bound, true))))),
        "above" => changes.extend(o.above.map(|bound| ("the bound itself", Some(number(bound))))),
        "below" => changes.extend(o.below.map(|bound| ("the bound itself", Some(number(bound))))),
        "between" => {
            if let Some([low, high]) = o.between.as_deref() {
                changes.push(("one step below", Some(step(*low, false))));
                changes.push(("one step above", Some(step(*high, true))));
            }
        }
        "count" => {
            let items = value.as_array().cloned().unwrap_or_default();
            for n in o.count.iter().flat_map(Count::wrong).filter(|n| *n < 100_000) {
                let n = usize::try_from(n).unwrap_or(usize::MAX);
                let filler = items.last().cloned().unwrap_or(json!(0));
                let resized: Vec<Value> = items.iter().cloned().chain(std::iter::repeat(filler)).take(n).collect();
                changes.push(("one item more or fewer", Some(resized.into())));
            }
        }
        "younger_than" => {
            changes.extend(o.younger_than.map(|bound| ("one second too old", Some(date(bound, true)))));
            let micros = at.as_microsecond().saturating_add(2 * i64::try_from(SKEW.micros()).unwrap_or(0));
            let ahead = Timestamp::from_microsecond(micros).unwrap_or(at);
            changes.push(("from the future", Some(crate::instant::write_instant(ahead, value, o.epoch))));
        }
        "older_than" => changes.extend(o.older_than.map(|bound| ("one second too young", Some(date(bound, false))))),
        "not_empty" => changes.push(("empty", Some(emptied(value)))),
        _ => {}
    }
    if operator != "not_empty" {
        changes.push(("empty", Some(emptied(value))));
    }
    changes.extend([("missing", None), ("null", Some(Value::Null)), ("wrong type", Some(retyped(value)))]);
    changes
}

fn number(float: f64) -> Value {
    if float.fract() == 0.0 && float.abs() < 9.0e15 { json!(float as i64) } else { json!(float) }
}

fn emptied(value: &Value) -> Value {
    match value {
        Value::Array(_) => json!([]),
        Value::Object(_) => json!({}),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json!(""),
    }
}

fn retyped(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "value": text }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            json!(value.to_string())
        }
    }
}

fn other(value: &Value) -> Value {
    match value {
        Value::Null => json!(0),
        Value::Bool(truth) => json!(!truth),
        Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 0.5),
        Value::String(text) => json!(format!("{text}~")),
        Value::Array(items) => items.iter().cloned().chain([json!("~")]).collect(),
        Value::Object(map) => {
            map.iter().map(|(k, v)| (format!("{k}~"), v.clone())).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

fn without(value: &Value, part: Option<&Literal>) -> Value {
    match (value, part.map(|literal| &literal.0)) {
        (Value::String(text), Some(Value::String(part))) => json!(text.replace(part.as_str(), "")),
        (Value::Array(items), Some(part)) => items.iter().filter(|item| !same(item, part)).cloned().collect(),
        (_, _) => Value::Null,
    }
}

fn with(value: &Value, part: Option<&Literal>) -> Value {
    match (value, part.map(|literal| &literal.0)) {
        (Value::String(text), Some(Value::String(part))) => json!(format!("{text}{part}")),
        (Value::Array(items), Some(part)) => items.iter().cloned().chain([part.clone()]).collect(),
        (_, _) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Span;
    use crate::verdict::Verdict;

    fn check(predicate: Value, value: Value, expected: &str) {
        let at: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let mut problems = Problems::default();
        let node = Node::from_json(&predicate, Span::default()).unwrap();
        let Some(read) = Predicate::read(&node, &mut problems) else { panic!("{predicate}: {problems:?}") };
        let mut judgement = Judgement::default();
        let reading = if value == json!("<missing>") { Reading::Missing } else { Reading::Value(&value) };
        read.judge(reading, at, &mut judgement);
        let codes: Vec<String> = match judgement.verdict() {
            Verdict::Pass => vec!["pass".into()],
            Verdict::Fail(findings) | Verdict::Unknown(findings) => {
                findings.iter().map(|f| f.code.to_string()).collect()
            }
        };
        assert_eq!(codes.join(" "), expected, "{predicate} of {value}");
    }

    #[test]
    fn missing_is_never_a_pass_but_for_absent() {
        for (key, operand) in [
            ("equals", json!(1)),
            ("one_of", json!([1])),
            ("contains", json!("a")),
            ("excludes", json!("a")),
            ("matches", json!("a")),
            ("at_least", json!(0)),
            ("at_most", json!(0)),
            ("above", json!(0)),
            ("below", json!(0)),
            ("between", json!([0, 1])),
            ("type", json!("null")),
            ("not_empty", json!(true)),
            ("count", json!(0)),
            ("younger_than", json!("1h")),
            ("older_than", json!("1h")),
        ] {
            check(json!({ key: operand }), json!("<missing>"), "missing");
        }
        check(json!({ "absent": true }), json!("<missing>"), "pass");
        check(json!({ "absent": true }), Value::Null, "forbidden");
    }

    #[test]
    fn nothing_is_converted() {
        check(json!("3"), json!(3), "unequal");
        check(json!({ "equals": 3 }), json!(3.0), "pass");
        check(json!({ "at_least": 1 }), json!("3"), "wrong-type");
        check(json!({ "at_least": 1 }), Value::Null, "null");
        check(json!({ "contains": "3" }), json!(3), "wrong-type");
        check(json!({ "type": "integer" }), json!(3.5), "wrong-type");
        check(json!({ "not_empty": true }), json!([]), "empty");
        check(json!({ "count": { "at_most": 0 } }), json!([1]), "out-of-bounds");
        check(json!({ "count": 1 }), json!({ "a": 1 }), "wrong-type");
    }

    #[test]
    fn a_date_says_its_zone_and_unit_or_is_none() {
        check(json!({ "younger_than": "1h" }), json!("2026-11-22T23:30:00Z"), "pass");
        check(json!({ "younger_than": "1h" }), json!("2026-11-22T22:30:00Z"), "too-old");
        check(json!({ "younger_than": "1h" }), json!("2026-11-22 23:30:00"), "no-date");
        check(json!({ "younger_than": "1h", "zone": "+09:00" }), json!("2026-11-23 08:30:00"), "pass");
        check(json!({ "younger_than": "1h" }), json!(1_795_390_000), "no-date");
        check(json!({ "younger_than": "1h", "epoch": "s" }), json!(1_795_390_200), "pass");
        check(json!({ "younger_than": "1h" }), json!("Sun, 22 Nov 2026 23:30:00 GMT"), "pass");
        check(json!({ "younger_than": "1h" }), json!("2099-01-01T00:00:00Z"), "in-the-future");
        check(json!({ "older_than": "1h" }), json!("2026-11-22T23:30:00Z"), "too-young");
    }

    #[test]
    fn every_operator_is_tripped_by_one_of_its_breakages() {
        let at: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        for (predicate, green) in [
            (json!({ "equals": 1 }), json!(1)),
            (json!({ "one_of": ["a", "b"] }), json!("a")),
            (json!({ "contains": "a" }), json!("cat")),
            (json!({ "excludes": "z" }), json!(["cat"])),
            (json!({ "matches": "^c.t$" }), json!("cat")),
            (json!({ "at_least": 0.5 }), json!(0.5)),
            (json!({ "below": 100 }), json!(3)),
            (json!({ "between": [1, 2] }), json!(1)),
            (json!({ "type": "array", "count": { "at_most": 0 } }), json!([])),
            (json!({ "not_empty": true }), json!({ "a": 1 })),
            (json!({ "younger_than": "1h" }), json!("2026-11-22T23:30:00Z")),
            (json!({ "older_than": "1h", "epoch": "ms" }), json!(1_700_000_000_000_u64)),
        ] {
            let node = Node::from_json(&predicate, Span::default()).unwrap();
            let read = Predicate::read(&node, &mut Problems::default()).unwrap();
            for operator in read.operators() {
                let trips = breakages(&read, operator, &green, at).into_iter().any(|(name, value)| {
                    let mut judgement = Judgement::default();
                    read.judge(value.as_ref().map_or(Reading::Missing, Reading::Value), at, &mut judgement);
                    !matches!(name, "missing" | "null" | "wrong type")
                        && judgement.verdict().findings().iter().any(|finding| finding.claim == operator)
                });
                assert!(trips || operator == "type", "{predicate}: nothing small trips `{operator}`");
            }
        }
    }
}

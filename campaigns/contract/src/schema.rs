//! Random schemas, small enough to be satisfied now and then, and odd enough to meet every keyword.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// Names that schemas and records share, so that they meet.
pub const NAMES: &[&str] = &["a", "b", "ab", "name", "age", "é", "x-y", "a\"b", "list"];
const PATTERNS: &[&str] = &["^a", "b$", "^[a-z]+$", "^a*b?$", "é", "^\\d{1,3}$", "^(?=a)", "^[^a]"];
/// Patterns that have strings longer than a vector or two, open and closed at the end.
pub const LONG_PATTERNS: &[&str] = &[
    "^[ab]+$",
    "^a[ab]*$",
    "^[ab]{31}[ab]*$",
    "^[ab]{32}$",
    "^[ab]{32}[ab]*$",
    "^[ab]{33}",
    "^[ab]{1,64}$",
    "^[ab]{65,}$",
];

/// A schema by the rules of draft 7 or of 2020-12.
pub fn schema(random: &mut Random) -> Value {
    let seven = random.one_in(3);
    let mut root = object(random, 3, seven);
    if let Some(members) = root.as_object_mut() {
        let dialect = if seven {
            "http://json-schema.org/draft-07/schema#"
        } else {
            "https://json-schema.org/draft/2020-12/schema"
        };
        members.insert("$schema".to_owned(), dialect.into());
        let definitions = json!({ "one": object(random, 1, seven), "two": object(random, 2, seven) });
        members.insert(if seven { "definitions" } else { "$defs" }.to_owned(), definitions);
    }
    root
}

fn any(random: &mut Random, depth: usize, seven: bool) -> Value {
    match random.below(10) {
        0 => Value::Bool(true),
        1 if random.one_in(2) => Value::Bool(false),
        _ => object(random, depth, seven),
    }
}

fn object(random: &mut Random, depth: usize, seven: bool) -> Value {
    let mut members = Map::new();
    let words = 1 + random.below(4);
    for _ in 0..words {
        keyword(random, depth, seven, &mut members);
    }
    Value::Object(members)
}

fn keyword(random: &mut Random, depth: usize, seven: bool, members: &mut Map<String, Value>) {
    let mut put = |word: &str, value: Value| {
        members.insert(word.to_owned(), value);
    };
    let deep = if depth == 0 { 0 } else { depth - 1 };
    match random.below(if depth == 0 { 16 } else { 38 }) {
        0..3 => {
            let kinds = ["null", "boolean", "integer", "number", "string", "array", "object"];
            let one: Value = (*random.pick(&kinds)).into();
            put("type", if random.one_in(3) { json!([one, "string"]) } else { one });
        }
        3 => put("minLength", random.below(4).into()),
        4 => put("maxLength", random.below(6).into()),
        5 => {
            let patterns = if random.one_in(2) { LONG_PATTERNS } else { PATTERNS };
            put("pattern", (*random.pick(patterns)).into());
            if random.one_in(4) {
                put("format", (*random.pick(&["date", "ipv4", "email", "uuid", "regex"])).into());
            }
        }
        6 => put("minimum", number(random)),
        7 => put("maximum", number(random)),
        8 => put("exclusiveMinimum", number(random)),
        9 => put("exclusiveMaximum", number(random)),
        10 => put("multipleOf", random.pick(&[json!(1), json!(2), json!(0.5), json!(0.01), json!(7)]).clone()),
        11 => {
            let values: Vec<Value> = if random.one_in(3) {
                (0..1 + random.below(40)).map(|_| word(random)).collect()
            } else {
                (0..1 + random.below(4)).map(|_| scalar(random)).collect()
            };
            put("enum", values.into());
        }
        12 => put("const", scalar(random)),
        13 => put("minItems", random.below(3).into()),
        14 => put("maxItems", random.below(4).into()),
        15 => put("uniqueItems", random.one_in(2).into()),
        16..19 => {
            let count = 1 + random.below(4);
            let properties: Map<String, Value> =
                (0..count).map(|_| ((*random.pick(NAMES)).to_owned(), any(random, deep, seven))).collect();
            put("properties", properties.into());
        }
        19..21 => {
            let names: Vec<&str> = NAMES.iter().copied().filter(|_| random.one_in(5)).collect();
            put("required", names.into());
        }
        21 => put("additionalProperties", Value::Bool(false)),
        22 => put("additionalProperties", any(random, deep, seven)),
        23 => put("patternProperties", json!({ *random.pick(PATTERNS): any(random, deep, seven) })),
        24 => put("propertyNames", any(random, 0, seven)),
        25 => put("minProperties", random.below(3).into()),
        26 => put("maxProperties", (1 + random.below(4)).into()),
        27 => put("items", any(random, deep, seven)),
        28 => {
            let items: Vec<Value> = (0..1 + random.below(2)).map(|_| any(random, deep, seven)).collect();
            put(if seven { "items" } else { "prefixItems" }, items.into());
        }
        29 => {
            put("contains", any(random, deep, seven));
            if !seven && random.one_in(2) {
                put("minContains", random.below(3).into());
            }
        }
        30 => put("allOf", branches(random, deep, seven)),
        31 => put("anyOf", branches(random, deep, seven)),
        32 => put("oneOf", branches(random, deep, seven)),
        33 => put("not", any(random, deep, seven)),
        34 => {
            put("if", any(random, deep, seven));
            put("then", any(random, deep, seven));
            if random.one_in(2) {
                put("else", any(random, deep, seven));
            }
        }
        35 => {
            let name = if random.one_in(2) { "one" } else { "two" };
            // Definitions do not refer to each other: no cycle without input.
            if depth >= 2 {
                put("$ref", format!("#/{}/{name}", if seven { "definitions" } else { "$defs" }).into());
            }
        }
        36 => {
            let word = if seven { "dependencies" } else { "dependentRequired" };
            put(word, json!({ *random.pick(NAMES): [*random.pick(NAMES)] }));
        }
        _ => {
            if !seven {
                put("unevaluatedProperties", any(random, deep, seven));
            } else {
                put("dependencies", json!({ *random.pick(NAMES): any(random, deep, seven) }));
            }
        }
    }
}

fn branches(random: &mut Random, depth: usize, seven: bool) -> Value {
    (0..1 + random.below(3)).map(|_| any(random, depth, seven)).collect()
}

/// Numbers around the edges.
pub fn number(random: &mut Random) -> Value {
    random
        .pick(&[
            json!(0),
            json!(1),
            json!(-1),
            json!(2),
            json!(7),
            json!(0.5),
            json!(1.5),
            json!(1.0),
            json!(10),
            json!(9_007_199_254_740_993_u64),
            json!(1e300),
            json!(-0.1),
            json!(0.1),
            json!(100),
        ])
        .clone()
}

/// Texts that are alike at both ends: an `enum` may have many of them.
pub fn word(random: &mut Random) -> Value {
    format!("the word that is number {} of all", random.below(60)).into()
}

/// Values without members.
pub fn scalar(random: &mut Random) -> Value {
    match random.below(7) {
        0 => Value::Null,
        1 => random.one_in(2).into(),
        2..4 => number(random),
        4 => random.pick(&[json!([]), json!({}), json!([1]), json!({"a": 1})]).clone(),
        _ => (*random.pick(&["", "a", "ab", "abc", "é", "aé\"", "1", "12", "b", "\n"])).into(),
    }
}

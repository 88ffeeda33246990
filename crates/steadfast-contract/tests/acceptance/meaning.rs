//! The meaning verdict against a reference of its own: a slow one, on parsed values, that shares no code with the masks.

use proptest::prelude::*;
use serde_json::{Value, json};
use steadfast_contract::contract::{Contract, Profile};
use steadfast_contract::judge::{Judge, Look, Verdict};

use crate::data::contract;

const SCHEMA: &str = r#"{
  "properties": {
    "a": {"x-states": {"absent": "breach", "null": {"write": "breach", "gate": "count"}}},
    "b": {"x-states": {"empty": {"gate": "breach"}}, "properties": {"c": {"x-states": {"absent": "breach", "populated": {"write": "breach"}}}}},
    "list": {"items": {"properties": {"d": {"x-states": {"null": "breach", "absent": {"gate": "breach"}}}}}},
    "free": {"properties": {"x": {}, "c": {"x-states": {"null": "breach"}}},
             "additionalProperties": {"x-states": {"empty": "breach"}, "properties": {"d": {"x-states": {"null": "breach"}}}}}
  }
}"#;

/// Whether the value keeps the meanings above, spelt out by hand.
fn reference(value: &Value, profile: Profile) -> bool {
    let gate = profile == Profile::Gate;
    let empty = |value: &Value| *value == json!("") || *value == json!([]) || *value == json!({});
    let Some(record) = value.as_object() else { return true };
    let Some(a) = record.get("a") else { return false };
    if a.is_null() && !gate {
        return false;
    }
    if let Some(b) = record.get("b") {
        if gate && empty(b) {
            return false;
        }
        if let Some(b) = b.as_object() {
            match b.get("c") {
                None => return false,
                Some(c) if !gate && !c.is_null() && !empty(c) => return false,
                Some(_) => {}
            }
        }
    }
    for item in record.get("list").and_then(Value::as_array).into_iter().flatten() {
        if let Some(item) = item.as_object() {
            match item.get("d") {
                None if gate => return false,
                Some(Value::Null) => return false,
                _ => {}
            }
        }
    }
    let Some(free) = record.get("free").and_then(Value::as_object) else { return true };
    free.iter().all(|(key, value)| match key.as_str() {
        "x" => true,
        "c" => !value.is_null(),
        _ => !empty(value) && value.get("d") != Some(&Value::Null),
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!(0)),
        Just(json!("x")),
        Just(json!(false))
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "d", "list", "free", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn good(contract: &Contract, profile: Profile, text: &str) -> (bool, bool) {
    let judge = Judge::new(contract, profile, Look { keys: false, freshness: false });
    (judge.accepts_alone(text.as_bytes()), judge.verdict(text.as_bytes()) == Verdict::Good)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn masks_and_reference_agree(value in value(), pretty in any::<bool>()) {
        let contract = contract(SCHEMA);
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        for profile in [Profile::Write, Profile::Gate] {
            let expected = reference(&value, profile);
            let (alone, verdict) = good(&contract, profile, &text);
            prop_assert_eq!(verdict, expected, "{} {:?}", text, profile);
            prop_assert_eq!(alone, expected, "the masks alone: {} {:?}", text, profile);
        }
    }
}

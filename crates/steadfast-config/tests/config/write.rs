//! Settings as lines to paste below a table's header.

use serde_json::{Value, json};
use steadfast_config::toml_of;

/// Written as expected, and read back as the same value.
fn check(value: &Value, expected: &str) {
    let written = toml_of(value);
    assert_eq!(written, expected);
    let read: Value = toml::from_str(&written).expect("TOML");
    assert_eq!(&read, value);
}

#[test]
fn predicates_stand_in_one_line_and_odd_keys_in_quotes() {
    check(
        &json!({ "json": { "$.a": { "at_least": 1 }, "$['b c']": { "type": "array", "count": { "at_most": 0 } } }, "status": 200 }),
        "json.\"$.a\" = { at_least = 1 }\njson.\"$['b c']\" = { count = { at_most = 0 }, type = \"array\" }\nstatus = 200\n",
    );
}

#[test]
fn quotes_lines_and_backslashes_survive() {
    check(
        &json!({ "a": "say \"hi\"", "b": "C:\\x\n\u{7f}", "c": "" }),
        "a = 'say \"hi\"'\nb = \"C:\\\\x\\n\\u007F\"\nc = \"\"\n",
    );
}

#[test]
fn a_long_array_is_broken_into_lines() {
    let long = "x".repeat(60);
    check(
        &json!({ "body_contains": [long, long] }),
        &format!("body_contains = [\n    \"{long}\",\n    \"{long}\",\n]\n"),
    );
}

#[test]
fn an_empty_value_is_written_as_such_and_null_not_at_all() {
    check(&json!({ "a": [], "b": {}, "c": 1.5, "d": 2.0, "e": -3 }), "a = []\nb = {}\nc = 1.5\nd = 2.0\ne = -3\n");
    assert_eq!(toml_of(&json!({ "a": null })), "");
}

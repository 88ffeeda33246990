//! The JSON Schema, as an editor uses it.

use serde_json::Value;
use steadfast_config::schema;

use crate::toy::KINDS;

#[test]
fn the_schema_of_the_file() {
    insta::assert_snapshot!(format!("{:#}", schema(KINDS)));
}

/// Validates a file as an editor would: what the schema says of it.
fn check(text: &str, valid: bool) {
    let schema = schema(KINDS);
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let instance: Value = toml::from_str(text).expect("TOML");
    let errors: Vec<String> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
    assert_eq!(errors.is_empty(), valid, "{text}\n{errors:?}");
}

#[test]
fn an_editor_accepts_what_loads_and_marks_what_does_not() {
    let with = |text: &str| format!("[project]\nname = \"shop\"\n{text}");
    check(
        &with("[[check]]\nid = \"a\"\n[check.toy]\nget = \"/\"\n[check.toy.expect]\nstatus = 200\nwithin = \"1s\""),
        true,
    );
    check(&with("[targets]\na = \"b\"\nc = { env = \"C\" }\n[gate.boot]\nparallel = 2\n[ledger]\npath = \"x\""), true);
    check(&with("[ledger]\nurl = \"postgres://db/shop\"\npassword = { env = \"PASSWORD\" }"), true);
    check(&with("[ledger]\nurl = { file = \"address\" }"), true);
    check(&with("[ledger]\nurl = \"postgres://db/shop\"\npassword = \"written out\""), false);
    check(
        &with("[defaults.gadget]\ntimeout = \"5s\"\n[[check]]\nid = \"a\"\ngadget = { expect = { weight = 1 } }"),
        true,
    );
    check(&with("[[check]]\nid = \"a\"\n[check.toy]\ngett = \"/\""), false);
    check(&with("[[check]]\nid = \"a\"\n[check.toy.expect]\nstatos = 1"), false);
    check(&with("[[check]]\nid = \"a\""), false);
    check(&with("[[check]]\nid = \"a\"\ntoy = {}\ngadget = { name = \"x\" }"), false);
    check(&with("[[check]]\nid = \"a\"\ntoy = {}\nseverity = \"warn\""), false);
    check(&with("[gate.noon]\nparallel = 2"), false);
    check(&with("[defaults.http]\nget = \"/\""), false);
    check("[target]\na = \"b\"", false);
}

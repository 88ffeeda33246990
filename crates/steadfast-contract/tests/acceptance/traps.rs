//! Inputs that validators get wrong.

use steadfast_contract::contract::Profile;
use steadfast_contract::divergence::TABLE;
use steadfast_contract::judge::{Judge, Look, Verdict};
use steadfast_contract::plan::Answer;
use steadfast_contract::plan::bug::Sound;

use crate::data::contract;

const AGE: &str =
    r#"{"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "maximum": 120}}}"#;

/// The verdict in one word, or the keywords of the findings.
fn check(schema: &str, record: &[u8]) -> String {
    let contract = contract(schema);
    let verdict = Judge::new(&contract, Profile::Write, Look::default()).verdict(record);
    let alone = contract.plan().judge(record, Sound);
    match verdict {
        Verdict::Good => {
            assert_ne!(alone, Answer::Reject, "the plan rejects what holds");
            "good".to_owned()
        }
        Verdict::Bad(breaches) | Verdict::Warned(breaches) => {
            assert!(!matches!(alone, Answer::Accept(_)), "the plan accepts what does not hold");
            breaches.iter().map(|breach| breach.keyword.as_str()).collect::<Vec<_>>().join(" ")
        }
        Verdict::Unsure(why) => format!("unsure: {why}"),
    }
}

#[test]
fn an_escaped_key_is_the_key() {
    assert_eq!(check(AGE, br#"{"\u0061ge": 7}"#), "good");
    assert_eq!(check(AGE, br#"{"\u0061ge": 700}"#), "maximum");
    let quoted = r#"{"properties": {"a\"b": {"type": "null"}}}"#;
    assert_eq!(check(quoted, br#"{"a\"b": 1}"#), "type");
    assert_eq!(check(quoted, br#"{"a"b": null}"#), "json");
    assert_eq!(check(quoted, b"{\0null}"), "json");
    assert_eq!(check(r#"{"enum": ["a\"b"]}"#, b"\"\0"), "json");
}

#[test]
fn equal_keys_are_a_breach_wherever_they_stand_and_however_they_are_written() {
    assert_eq!(check(AGE, br#"{"age": 7, "age": 8}"#), "duplicateKey");
    assert_eq!(check(AGE, br#"{"age": 7, "\u0061ge": 8}"#), "duplicateKey");
    assert_eq!(check(AGE, br#"{"age": 7, "x": {"y": [{"z": 1, "z": 1}]}}"#), "duplicateKey");
    let many: String = (0..100).map(|number| format!("\"k{number}\": 1, ")).collect();
    assert_eq!(check("true", format!("{{{many}\"k3\": 2}}").as_bytes()), "duplicateKey");
    assert_eq!(check("true", format!("{{{many}\"k100\": 2}}").as_bytes()), "good");
    assert_eq!(check(r#"{"not": {"required": ["b"]}}"#, br#"{"a": 1, "a": 1}"#), "duplicateKey");
}

#[test]
fn what_nobody_asked_about_is_held_to_the_grammar_all_the_same() {
    for wrong in [
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "0x1",
        "tru",
        "nul",
        "\"\u{1}\"",
        "\"\\x\"",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "[1 2]",
        "\"\\u12\"",
        "NaN",
        "-Infinity",
        "\"tab\t\"",
        "",
        "[",
        "{\"a\"}",
    ] {
        assert_eq!(check(AGE, format!("{{\"age\": 7, \"x\": {wrong}}}").as_bytes()), "json", "{wrong}");
    }
    assert_eq!(check(AGE, b"{\"age\": 7, \"x\": \"\xff\"}"), "utf8");
    for behind in ["x", "{}", "}", " 1", "\0"] {
        assert_eq!(check(AGE, format!("{{\"age\": 7}}{behind}").as_bytes()), "json", "{behind:?}");
    }
    assert_eq!(check(AGE, b" \t{\"age\" : 7 }\r\n "), "good");
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    for half in ["\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800x"] {
        assert_eq!(check("true", format!("\"{half}\"").as_bytes()), "json", "{half}");
    }
    assert_eq!(check(r#"{"maxLength": 1}"#, br#""\ud83d\ude00""#), "good");
    assert_eq!(check(r#"{"maxLength": 1}"#, "\"😀é\"".as_bytes()), "maxLength");
}

#[test]
fn numbers_are_exact_where_it_matters_and_refused_where_they_cannot_be() {
    assert_eq!(check(r#"{"type": "integer"}"#, b"1.0"), "good");
    assert_eq!(check(r#"{"type": "integer"}"#, b"1e2"), "good");
    assert_eq!(check(r#"{"type": "integer"}"#, b"1.5"), "type");
    assert_eq!(check(r#"{"type": "integer"}"#, b"9007199254740993"), "good");
    assert_eq!(check(r#"{"maximum": 9007199254740992}"#, b"9007199254740993"), "maximum");
    assert_eq!(check(r#"{"const": 1}"#, b"1.0"), "good");
    assert_eq!(check(r#"{"multipleOf": 0.01}"#, b"0.07"), "good");
    assert_eq!(check(r#"{"exclusiveMaximum": 1}"#, b"1.0"), "exclusiveMaximum");
    assert_eq!(check("true", b"1e400"), "json");
    assert_eq!(check("true", "9".repeat(400).as_bytes()), "json");
    assert_eq!(check("true", "9".repeat(300).as_bytes()), "good");
}

#[test]
fn draft_7_ignores_what_stands_beside_a_reference_and_2020_12_does_not() {
    let schema = |dialect: &str| {
        format!(
            r##"{{"$schema": "{dialect}", "properties": {{"a": {{"$ref": "#/definitions/any", "type": "string"}}}}, "definitions": {{"any": true}}}}"##
        )
    };
    assert_eq!(check(&schema("http://json-schema.org/draft-07/schema#"), br#"{"a": 1}"#), "good");
    assert_eq!(check(&schema("https://json-schema.org/draft/2020-12/schema"), br#"{"a": 1}"#), "type");
}

#[test]
fn two_hundred_thousand_levels_are_a_finding_and_no_crash() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        assert_eq!(check("true", deep.as_bytes()), "depth");
        assert_eq!(
            check(r##"{"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}"##, deep.as_bytes()),
            "depth"
        );
        let fine = format!("{}1{}", open.repeat(127), close.repeat(127));
        assert_eq!(
            check(r##"{"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}"##, fine.as_bytes()),
            "good"
        );
    }
}

#[test]
fn a_byte_order_mark_before_a_record_is_a_finding() {
    assert_eq!(check("true", b"\xef\xbb\xbf1"), "json");
}

#[test]
fn a_doubt_under_not_is_no_verdict() {
    // The plan cannot tell 1e3 from 1000, and must not take that for a no.
    assert_eq!(check(r#"{"not": {"const": 1000}}"#, b"1e3"), "not");
    assert_eq!(check(r#"{"oneOf": [{"const": 1000}, {"minimum": 5}]}"#, b"1e3"), "oneOf");
    assert_eq!(check(r#"{"if": {"const": 1000}, "then": false}"#, b"1e3"), "falseSchema");
    assert_eq!(check(r#"{"contains": {"const": 1000}, "maxContains": 1}"#, b"[1e3, 1000]"), "contains");
}

#[test]
fn every_divergence_says_why() {
    for row in TABLE {
        assert!(row.why.len() > 10 && row.here != row.official, "{row:?}");
    }
}

#[test]
fn a_pattern_that_takes_for_ever_is_given_up_and_is_no_verdict() {
    // A back reference cannot be decided without trying: the ways to part the text double with each letter.
    let schema = r#"{"pattern": "^((a+)\\2?)+$"}"#;
    let text = "a".repeat(60);
    assert_eq!(check(schema, format!("\"{text}\"").as_bytes()), "good");
    let said = check(schema, format!("\"{text}b\"").as_bytes());
    assert!(said.starts_with("unsure: ") && said.to_lowercase().contains("backtrack"), "{said}");
}

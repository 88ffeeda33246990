//! The load guard: what it hands on holds, what it cannot repair it refuses.

use serde_json::{Value, json};
use steadfast_contract::contract::Profile;
use steadfast_contract::load::{Done, Unloadable};

use steadfast_contract::report::Outcome;

use crate::data::{Run, contract, generate, name_cache};

/// What each of the generator's twelve kinds of damage comes to when it is loaded.
#[test]
fn every_kind_of_damage_is_repaired_or_refused_and_what_is_handed_on_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.jsonl");
    let logged = generate(&file, &["--records", "12200", "--bad", "12"]);
    let text = std::fs::read_to_string(&file).unwrap();
    let contract = name_cache();
    let mut told = Vec::new();
    for (line, kind) in logged["bad"].as_object().unwrap() {
        let record = text.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
        let kind = kind.as_str().unwrap();
        told.push(match contract.load(record.as_bytes(), Profile::Load) {
            Ok((value, repairs)) => {
                assert!(contract.officially_valid(&value), "{kind}");
                assert!(repairs.count() > 0, "{kind}");
                let repairs: Vec<String> =
                    repairs.0.iter().map(|repair| format!("{:?} {}", repair.done, repair.path)).collect();
                format!("{kind}: {}", repairs.join(", "))
            }
            Err(Unloadable::Unrepairable(breaches)) => format!("{kind}: unrepairable ({})", breaches[0].keyword),
            Err(other) => panic!("{kind}: {other}"),
        });
    }
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r##"
    bad_gender: Defaulted gender
    bad_hash: unrepairable (pattern)
    empty_variants: unrepairable (minItems)
    extra_field: unrepairable (additionalProperties)
    famous_dict: Defaulted famous_people
    missing_designs: unrepairable (required)
    no_generated_at: unrepairable (minLength)
    null_concepts: Defaulted llm_concepts
    null_links: Defaulted source_links
    person_no_name: Dropped famous_people[0].selected_people[0]
    score_string: Dropped variants[0]
    string_person: Dropped famous_people[0].selected_people[0]
    "##);
}

#[test]
fn a_good_value_is_not_touched() {
    let contract = contract(r#"{"properties": {"a": {"type": "array", "x-onInvalid": {"default": []}}}}"#);
    let (value, repairs) = contract.load(br#"{"a": [1]}"#, Profile::Load).unwrap();
    assert_eq!((value, repairs.count()), (json!({"a": [1]}), 0));
}

#[test]
fn the_nearest_place_above_decides_and_a_default_that_does_not_help_gives_way_to_the_next() {
    let contract = contract(
        r#"{"x-onInvalid": {"default": {"outer": {}}},
            "properties": {"outer": {"x-onInvalid": {"default": {}}, "properties": {
                "inner": {"type": "string", "x-onInvalid": {"default": 7}}}}}}"#,
    );
    let (value, repairs) = contract.load(br#"{"outer": {"inner": 1}}"#, Profile::Load).unwrap();
    assert_eq!(value, json!({"outer": {}}), "the inner default is itself invalid");
    assert_eq!(repairs.0.iter().map(|repair| repair.path.as_str()).collect::<Vec<_>>(), ["outer.inner", "outer"]);
}

#[test]
fn several_items_are_dropped_at_once_and_the_good_ones_stay() {
    let contract = contract(r#"{"items": {"type": "integer"}, "x-onInvalid": {"dropItem": true}}"#);
    let (value, repairs) = contract.load(br#"["a", 1, "b", "c", 2, null]"#, Profile::Load).unwrap();
    assert_eq!((value, repairs.count()), (json!([1, 2]), 4));
}

#[test]
fn a_missing_member_gets_its_default_and_equal_keys_are_counted() {
    let contract =
        contract(r#"{"required": ["a"], "properties": {"a": {"type": "array", "x-onInvalid": {"default": []}}}}"#);
    let (value, repairs) = contract.load(br#"{"b": 1, "b": 2}"#, Profile::Load).unwrap();
    assert_eq!(value, json!({"a": [], "b": 2}));
    assert_eq!(repairs.0.iter().map(|repair| repair.done).collect::<Vec<_>>(), [Done::KeptTheLast, Done::Defaulted]);
}

#[test]
fn what_cannot_be_read_is_refused_and_never_ends_the_process() {
    let contract = name_cache();
    let deep = "[".repeat(200_000);
    for text in ["", "{", "NaN", deep.as_str(), "\u{feff}{}"] {
        assert!(matches!(contract.load(text.as_bytes(), Profile::Load), Err(Unloadable::NotJson(_))));
    }
    let mut nested = Value::Null;
    for _ in 0..5_000 {
        nested = Value::Array(vec![nested]);
    }
    let mut into = json!("as it was");
    assert!(contract.validate_into(nested, Profile::Load, &mut into).is_err());
    assert_eq!(into, json!("as it was"));
}

#[test]
fn only_the_load_profile_repairs() {
    let contract = contract(r#"{"type": "array", "x-onInvalid": {"default": []}}"#);
    assert!(contract.load(b"null", Profile::Write).is_err());
    assert!(contract.load(b"null", Profile::Load).is_ok());
}

/// The same by the verb's run: repairs are counted by path, and what cannot be repaired is a finding.
#[test]
fn a_run_in_the_profile_load_repairs_counts_and_hands_on_what_holds() {
    let contract = contract(
        r#"{"x-key": "/id", "required": ["id"], "properties": {"id": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}, "x-onInvalid": {"dropItem": true, "default": []},
                     "x-states": {"null": {"write": "breach", "load": "repair"}}}}}"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    let text = "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2,\"tags\":[1,\"b\",2]}\n{\"id\":3,\"tags\":null}\n{\"id\":4,\"tags\":7}\n\
                {\"id\":\"x\",\"tags\":7}\n{\"id\":6,\n";
    std::fs::write(&file, text).unwrap();
    let mut run = Run::new(&contract);
    run.profile = Profile::Load;
    run.running.valid = Some(folder.path().join("good.jsonl"));
    let report = run.of(&[&file]).unwrap();
    assert_eq!((report.outcome, report.bad, report.repaired), (Outcome::Broken, 2, 3));
    let repairs: Vec<String> =
        report.repairs.iter().map(|told| format!("{} {:?} {}", told.path, told.done, told.repairs)).collect();
    assert_eq!(repairs, ["tags Defaulted 2", "tags[] Dropped 2"]);
    let findings: Vec<String> =
        report.findings.iter().map(|finding| format!("{} {}", finding.line, finding.path)).collect();
    assert_eq!(findings, ["5 id", "6 (record)"]);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("good.jsonl")).unwrap(),
        "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2,\"tags\":[\"b\"]}\n{\"id\":3,\"tags\":[]}\n{\"id\":4,\"tags\":[]}\n"
    );
    run.profile = Profile::Write;
    let report = run.of(&[&file]).unwrap();
    assert_eq!((report.bad, report.repaired), (5, 0));
}

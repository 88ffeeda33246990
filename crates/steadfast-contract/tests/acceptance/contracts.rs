//! Contracts that are read, and contracts that are refused.

use std::path::Path;
use std::process::Command;

use steadfast_contract::contract::annotations::NAMES;
use steadfast_contract::contract::{Contract, Formats, Options, Profile};
use steadfast_contract::explain::explain;
use steadfast_contract::report::Outcome;

use crate::data::{Run, contract, examples, name_cache};

/// What is wrong with a contract.
fn check(schema: &str) -> String {
    match Contract::parse("c.json", schema.as_bytes(), &Options::default()) {
        Ok(_) => "fine".to_owned(),
        Err(broken) => broken.mistakes.join("\n"),
    }
}

#[test]
fn what_is_no_contract_is_refused_in_words() {
    let cases = [
        "[1]",
        "{",
        r#"{"type": 5}"#,
        r#"{"type": "object", "type": "array"}"#,
        r#"{"$schema": "http://json-schema.org/draft-04/schema#"}"#,
        r##"{"$ref": "#/$defs/none"}"##,
        r#"{"$ref": "https://example.org/other.json"}"#,
        r#"{"$ref": "other.json"}"#,
        r##"{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}"##,
        r#"{"x-state": {}}"#,
        r#"{"x-states": {"nul": "breach", "null": "never computed", "empty": {"gat": "count"}}}"#,
        r#"{"x-states": {"null": {"load": "repair"}}}"#,
        r#"{"x-regression": {"populatedToNothing": 0}, "x-key": 5}"#,
        r#"{"properties": {"a": {"x-key": "/a", "x-severity": "bad", "x-onInvalid": {"drop": true}}}}"#,
        r#"{"x-key": "/id", "properties": {"name": {}}, "additionalProperties": false}"#,
        r#"{"x-freshness": {"path": "/at", "gate": {"maxAge": "soon"}}}"#,
        r##"{"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"below": {"$ref": "#/$defs/tree"}, "n": {"x-regression": {}}}}}}"##,
        r#"{"oneOf": [{"properties": {"a": {"x-states": {"absent": "breach"}}}}, {}]}"#,
    ];
    let told: Vec<String> =
        cases.iter().map(|schema| format!("{schema}\n    {}", check(schema).replace('\n', "\n    "))).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    [1]
        a JSON Schema is an object (or true, or false)
    {
        not JSON: EOF while parsing an object (byte 0)
    {"type": 5}
        not a JSON Schema: #/type: 5 is not valid under any of the schemas listed in the 'anyOf' keyword
    {"type": "object", "type": "array"}
        the member "type" stands twice in one object
    {"$schema": "http://json-schema.org/draft-04/schema#"}
        $schema is "http://json-schema.org/draft-04/schema#": read are draft 7 (http://json-schema.org/draft-07/schema#), 2019-09 and 2020-12 (https://json-schema.org/draft/2020-12/schema)
    {"$ref": "#/$defs/none"}
        a reference leads nowhere: Pointer '/$defs/none' does not exist
    {"$ref": "https://example.org/other.json"}
        https://example.org/other.json: a remote reference is not followed unless you say --allow-remote; or put a copy beside the contract
    {"$ref": "other.json"}
        other.json: a reference leads to this file: No such file or directory (os error 2)
    {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}
        #/$defs/a -> #/$defs/a/allOf/0 -> #/$defs/b -> #/$defs/b/not -> #/$defs/a: these refer to each other in a circle, and no part of a record is used up on the way: no record could be judged
    {"x-state": {}}
        #/x-state: is not known; x-states is
    {"x-states": {"nul": "breach", "null": "never computed", "empty": {"gat": "count"}}}
        #/x-states: "nul" is none of absent, null, empty, populated
        #/x-states: empty.gat: none of means, write, gate, load
        #/x-states: null: "never computed" is none of allow, count, breach; a meaning in words is {"means": "never computed"}
        x-states at the root: states are those of a record's members: say it there
    {"x-states": {"null": {"load": "repair"}}}
        #/x-states: "repair" needs a default in x-onInvalid
        x-states at the root: states are those of a record's members: say it there
    {"x-regression": {"populatedToNothing": 0}, "x-key": 5}
        #/x-key: a JSON pointer such as "/id", or a list of them
        #/x-regression: "populatedToNothing" is no transition; populatedToEmpty, populatedToNull, nullToAbsent, ... are
    {"properties": {"a": {"x-key": "/a", "x-severity": "bad", "x-onInvalid": {"drop": true}}}}
        #/properties/a/x-key: stands at the root of the schema only
        #/properties/a/x-onInvalid: drop: true is not known; "default" and "dropItem": true are
        #/properties/a/x-severity: "bad" is none of "critical", "error", "warning", "info"
    {"x-key": "/id", "properties": {"name": {}}, "additionalProperties": false}
        the key: id is nowhere in the schema
    {"x-freshness": {"path": "/at", "gate": {"maxAge": "soon"}}}
        #/x-freshness/gate/maxAge: "soon" is no duration: write "P2D", "PT36H" or "2 days"
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"below": {"$ref": "#/$defs/tree"}, "n": {"x-regression": {}}}}}}
        n: x-states and x-regression stand inside a definition that contains itself; such a path has no end
    {"oneOf": [{"properties": {"a": {"x-states": {"absent": "breach"}}}}, {}]}
        a: x-states stands inside a branch (oneOf, anyOf, if, dependentSchemas), and would hold for values that are meant for another one: say `required` in that branch, or x-states outside of it
    "##);
}

#[test]
fn other_annotations_are_ignored_and_listed_and_trees_are_fine() {
    let contract = contract(r##"{"x-internal-note": 1, "properties": {"below": {"$ref": "#", "x-ui": {}}}}"##);
    assert_eq!(contract.foreign, ["#/x-internal-note", "#/properties/below/x-ui"]);
}

#[test]
fn formats_are_promises_as_the_draft_says_unless_one_says_otherwise() {
    let seven = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "format": "date"}"#;
    let twenty = r#"{"format": "date"}"#;
    let holds = |schema: &str, formats| {
        let contract = Contract::parse("c", schema.as_bytes(), &Options { formats, ..Options::default() }).unwrap();
        contract.load(br#""yesterday""#, Profile::Write).is_ok()
    };
    assert!(!holds(seven, Formats::AsTheDraftSays) && holds(seven, Formats::Annotate));
    assert!(holds(twenty, Formats::AsTheDraftSays) && !holds(twenty, Formats::Assert));
}

#[test]
fn a_reference_to_a_file_beside_the_contract_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.json"), r#"{"$ref": "other.json"}"#).unwrap();
    std::fs::write(folder.path().join("other.json"), r#"{"type": "string"}"#).unwrap();
    let contract = Contract::open(&folder.path().join("c.json"), &Options::default()).unwrap();
    assert!(contract.load(b"1", Profile::Write).is_err());
    assert!(contract.load(b"\"x\"", Profile::Write).is_ok());
}

#[test]
fn the_envelope_adds_rows_age_shares_and_rules() {
    let contract = Contract::open(&examples().join("name_cache.odcs.yaml"), &Options::default()).unwrap();
    let envelope = contract.envelope.as_ref().unwrap();
    assert_eq!((envelope.rows[0].min, envelope.quarantine_ratio), (100_000, Some(0.0005)));
    assert_eq!(contract.freshness().unwrap().max_age, 2 * 86_400);
    assert_eq!(contract.key()[0].to_string(), "name_lower");
    // Every member is watched, by `*`; the schema's own rules stay where they are stricter.
    assert_eq!(contract.regressions().len(), 14);
}

#[test]
fn the_envelope_lets_a_gate_live_with_a_small_share_of_bad_records() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("r.json"),
        r#"{"properties": {"n": {"type": "integer"}, "w": {"type": "string", "x-severity": "warning"}}}"#,
    )
    .unwrap();
    let odcs = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nschema:\n  - name: r\n    authoritativeDefinitions: [{type: recordSchema, url: ./r.json}]\n    quality:\n      - {id: rows, metric: rowCount, mustBeBetween: [2, 20]}\n      - {id: nulls, metric: nullValues, mustBe: 0}\n      - {type: custom, engine: steadfast, implementation: {onInvalid: quarantine, maxRatio: 0.25}}\n";
    std::fs::write(folder.path().join("c.yaml"), odcs).unwrap();
    let contract = Contract::open(&folder.path().join("c.yaml"), &Options::default()).unwrap();
    let file = folder.path().join("x.jsonl");
    let gate = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut run = Run::new(&contract);
        run.profile = Profile::Gate;
        run.of(&[&file]).unwrap()
    };
    let good = "{\"n\":1}\n";
    let report = gate(&format!("{}{{\"n\":\"x\"}}\n", good.repeat(3)));
    assert_eq!((report.outcome, report.bad), (Outcome::Holds, 1));
    assert_eq!(report.not_judged, ["nulls"], "a rule that is not judged is told");
    assert_eq!(gate(&format!("{good}{{\"n\":\"x\"}}\n")).outcome, Outcome::Broken);
    assert_eq!(gate(good).outcome, Outcome::Broken, "too few rows");
    let warned = gate(&format!("{good}{{\"w\":1}}\n"));
    assert_eq!((warned.outcome, warned.bad, warned.warned), (Outcome::Holds, 0, 1));
}

#[test]
fn a_path_is_explained_and_a_wrong_one_is_helped() {
    let contract = name_cache();
    let explanation = explain(&contract, "llm_concepts").unwrap();
    let lines: Vec<String> = explanation.lines.iter().map(|(subject, words)| format!("{subject}: {words}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    type: array
    absent: write: a breach, gate: a breach, load: a breach
    null: means "never computed"; write: a breach, gate: counted, load: the default takes its place
    empty: means "computed, none found"; write: fine, gate: fine, load: fine
    populated: write: fine, gate: fine, load: fine
    when loaded: an invalid value becomes []
    from release to release: populatedToNull: at most 0
    from release to release: populatedToEmpty: at most 0
    "##);
    assert!(explain(&contract, "famous_people[].selected_people[].name").is_ok());
    assert_eq!(
        explain(&contract, "llm_concept").unwrap_err(),
        "llm_concept: nowhere in the contract; did you mean llm_concepts?"
    );
    assert_eq!(
        explain(&contract, "variants.romaji").unwrap_err(),
        "variants.romaji: nowhere in the contract; variants is a list: its items are variants[]"
    );
}

#[test]
fn the_meta_schema_that_ships_knows_the_names_that_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let meta: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("annotations.schema.json")).unwrap()).unwrap();
    let vocabulary: Vec<String> =
        serde_json::from_slice(&std::fs::read(folder.join("ajv-vocabulary.json")).unwrap()).unwrap();
    let mut names: Vec<&str> = NAMES.to_vec();
    names.sort_unstable();
    let mut in_meta: Vec<&str> =
        meta["$defs"]["annotations"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    in_meta.sort_unstable();
    assert_eq!(in_meta, names);
    let mut in_vocabulary: Vec<&str> = vocabulary.iter().map(String::as_str).collect();
    in_vocabulary.sort_unstable();
    assert_eq!(in_vocabulary, names);
    // The example holds by it, and mistakes that we refuse do not.
    let meta = Contract::parse("meta", meta.to_string().as_bytes(), &Options::default()).unwrap();
    let example = std::fs::read(examples().join("name_cache.schema.json")).unwrap();
    meta.load(&example, Profile::Write).unwrap();
    for wrong in [
        r#"{"x-states": {"nul": "breach"}}"#,
        r#"{"items": {"x-onInvalid": {}}}"#,
        r#"{"properties": {"a": {"x-severity": "bad"}}}"#,
    ] {
        assert!(meta.load(wrong.as_bytes(), Profile::Write).is_err(), "{wrong}");
    }
}

/// The linter that most people have: strict with our vocabulary, and without it in its lenient mode.
#[test]
fn ajv_finds_the_example_clean() {
    let folder = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(folder.path()).output();
        let done = done.unwrap_or_else(|why| panic!("{program} is wanted for this test: {why}"));
        assert!(
            done.status.success(),
            "{program} {arguments:?}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    };
    std::fs::write(folder.path().join("package.json"), "{}").unwrap();
    run("npm", &["install", "--silent", "--no-audit", "--no-fund", "ajv@8.20.0"]);
    let script = format!(
        "const Ajv = require('ajv/dist/2020'); const fs = require('fs');\
         const read = file => JSON.parse(fs.readFileSync(file));\
         const schema = read('{}'); \
         new Ajv({{strict: false}}).compile(schema);\
         const strict = new Ajv({{strict: true, strictRequired: false}}); strict.addVocabulary(read('{}')); strict.compile(schema);\
         let refused = false; try {{ new Ajv({{strict: true}}).compile(schema) }} catch {{ refused = true }}\
         if (!refused) throw new Error('without the vocabulary strict mode should refuse');",
        examples().join("name_cache.schema.json").display(),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/ajv-vocabulary.json").display()
    );
    run("node", &["-e", &script]);
}

#[test]
fn annotations_that_nobody_would_follow_are_refused() {
    let root = check(r#"{"type": "object", "x-states": {"empty": "breach"}}"#);
    assert_eq!(root, "x-states at the root: states are those of a record's members: say it there");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.json");
    std::fs::write(&file, r#"{"properties": {"v": {"$ref": "t.json"}}}"#).unwrap();
    let with = |other: &str| {
        std::fs::write(folder.path().join("t.json"), other).unwrap();
        match Contract::open(&file, &Options::default()) {
            Ok(_) => "fine".to_owned(),
            Err(broken) => broken.mistakes.join("\n"),
        }
    };
    assert_eq!(with(r#"{"type": "string"}"#), "fine");
    let refused = with(r#"{"type": "string", "x-states": {"empty": "breach"}}"#);
    assert!(refused.contains("t.json#: annotations are followed in the contract's own document only"), "{refused}");
    // A word that is nearly ours, too.
    assert!(with(r#"{"$defs": {"a": {"x-stats": 1}}}"#).contains("t.json#/$defs/a: annotations"));
}

/// `links` definitions, each spelt by `link` from the name of the next.
fn chain(links: usize, link: impl Fn(&str) -> String) -> String {
    let definitions: Vec<String> =
        (0..links).map(|at| format!("\"d{at}\": {}", link(&format!("#/$defs/d{}", at + 1)))).collect();
    format!(r##"{{"$ref": "#/$defs/d0", "$defs": {{{}, "d{links}": {{"type": "integer"}}}}}}"##, definitions.join(", "))
}

#[test]
fn schemas_that_refer_on_and_on_are_refused_and_no_stack_ends() {
    let bare = |next: &str| format!(r#"{{"$ref": "{next}"}}"#);
    let ruled = |next: &str| format!(r#"{{"minimum": 0, "pattern": "(?=a)", "allOf": [{{"$ref": "{next}"}}]}}"#);
    let member = |next: &str| format!(r#"{{"properties": {{"a": {{"$ref": "{next}"}}}}}}"#);
    let told: Vec<String> = [
        check(&chain(100, bare)),
        check(&chain(6_000, bare)),
        check(&chain(130, bare)),
        check(&chain(60, ruled)),
        check(&chain(70, ruled)),
        check(&chain(30_000, ruled)),
        check(&chain(500, member)),
        check(&chain(30_000, member)),
    ]
    .into();
    insta::assert_snapshot!(told.join("\n"), @r##"
    fine
    #/$defs/d1999: more than 2000 schemas stand within or behind one another on the way here: refer to fewer
    #: refers on and on: 132 schemas stand behind one another for the same value, and 128 are the most
    fine
    #: refers on and on: 142 schemas stand behind one another for the same value, and 128 are the most
    #/$defs/d999/allOf/0: more than 2000 schemas stand within or behind one another on the way here: refer to fewer
    fine
    #/$defs/d999/properties/a: more than 2000 schemas stand within or behind one another on the way here: refer to fewer
    "##);
}

#[test]
fn a_chain_as_long_as_may_be_is_followed_at_every_level_on_any_stack() {
    let link = |next: &str| format!(r#"{{"minimum": 0, "allOf": [{{"$ref": "{next}"}}]}}"#);
    let last = r##"{"type": ["integer", "array"], "items": {"$ref": "#"}}"##;
    let schema = chain(60, link).replace(r#"{"type": "integer"}"#, last);
    let contract = contract(&schema);
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert!(contract.load(deep.as_bytes(), Profile::Write).is_ok());
    assert!(contract.load(deep.replace('1', "-1").as_bytes(), Profile::Write).is_err());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    std::fs::write(&file, format!("{deep}\n{}\n", deep.replace('1', "-1"))).unwrap();
    let report = Run::new(&contract).of(&[&file]).unwrap();
    assert_eq!((report.records, report.bad), (2, 1));
}

#[test]
fn a_record_has_one_key_and_one_time_and_words_within_annotations_are_known() {
    let cases = [
        r#"{"x-key": "people[].id", "properties": {"people": {"items": {"properties": {"id": {}}}}}}"#,
        r#"{"x-key": "/people/0/id", "properties": {"people": {"items": {"properties": {"id": {}}}}}}"#,
        r#"{"x-attribution": "by{*}", "properties": {"by": {"additionalProperties": {}}}}"#,
        r#"{"x-freshness": {"path": "at[]", "gate": {"maxAge": "P1D"}}, "properties": {"at": {"items": {}}}}"#,
        r#"{"x-freshness": {"path": "/at", "gate": {"maxAge": "P1D", "minAge": "P1D"}, "gates": {}}, "properties": {"at": {}}}"#,
    ];
    let told: Vec<String> =
        cases.iter().map(|schema| format!("{schema}\n    {}", check(schema).replace('\n', "\n    "))).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    {"x-key": "people[].id", "properties": {"people": {"items": {"properties": {"id": {}}}}}}
        x-key: people[].id leads through a list or through members without a name: a record has one value there or none; name a member by its path from the record, such as "/id"
    {"x-key": "/people/0/id", "properties": {"people": {"items": {"properties": {"id": {}}}}}}
        the key: people.0.id is nowhere in the schema
    {"x-attribution": "by{*}", "properties": {"by": {"additionalProperties": {}}}}
        x-attribution: by{*} leads through a list or through members without a name: a record has one value there or none; name a member by its path from the record, such as "/id"
    {"x-freshness": {"path": "at[]", "gate": {"maxAge": "P1D"}}, "properties": {"at": {"items": {}}}}
        x-freshness: at[] leads through a list or through members without a name: a record has one value there or none; name a member by its path from the record, such as "/id"
    {"x-freshness": {"path": "/at", "gate": {"maxAge": "P1D", "minAge": "P1D"}, "gates": {}}, "properties": {"at": {}}}
        #/x-freshness/gate/minAge: is not known; maxAge is
        #/x-freshness/gates: is not known; path and gate is
    "##);
}

#[test]
fn a_unit_of_the_envelope_is_read_as_odcs_spells_it_and_never_guessed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.json"), r#"{"properties": {"at": {}}}"#).unwrap();
    let with = |unit: &str| {
        let file = folder.path().join("c.yaml");
        let odcs = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: x\nschema:\n  - name: r\n    authoritativeDefinitions: \
             [{{type: recordSchema, url: ./r.json}}]\nslaProperties:\n  - {{id: fresh, property: freshness, value: 2, \
             {unit} element: r.at}}\n"
        );
        std::fs::write(&file, odcs).unwrap();
        match Contract::open(&file, &Options::default()) {
            Ok(contract) => format!("{} s", contract.freshness().unwrap().max_age),
            Err(broken) => broken.mistakes.join("\n"),
        }
    };
    let units =
        ["", "yr", "years", "\"y\"", "y", "yes", "true", "7", "d", "Days", "h", "m", "min", "s", "w", "fortnight", "~"];
    let told: Vec<String> = units
        .iter()
        .map(|unit| {
            format!("{unit}: {}", with(&if unit.is_empty() { String::new() } else { format!("unit: {unit},") }))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    : 172800 s
    yr: 63072000 s
    years: 63072000 s
    "y": 63072000 s
    y: slaProperties fresh: unit: YAML reads a bare y or n as true: write it in quotes, as in unit: "y"
    yes: slaProperties fresh: unit: YAML reads a bare y or n as true: write it in quotes, as in unit: "y"
    true: slaProperties fresh: unit: YAML reads a bare y or n as true: write it in quotes, as in unit: "y"
    7: slaProperties fresh: unit: 7 is no unit; s, min, h, d, w and y are (also sec, m, hr, day, week, yr and their plurals)
    d: 172800 s
    Days: 172800 s
    h: 7200 s
    m: 120 s
    min: 120 s
    s: 2 s
    w: 1209600 s
    fortnight: slaProperties fresh: unit: "fortnight" is not known; s, min, h, d, w and y are (also sec, m, hr, day, week, yr and their plurals)
    ~: slaProperties fresh: unit: null is no unit; s, min, h, d, w and y are (also sec, m, hr, day, week, yr and their plurals)
    "##);
}

#[test]
fn states_that_would_be_those_of_another_place_are_refused() {
    let cases = [
        r#"{"properties": {"a": {"prefixItems": [{"x-states": {"null": "breach"}}, {}]}}}"#,
        r#"{"properties": {"a": {"prefixItems": [{}], "items": {"properties": {"b": {"x-regression": {}}}}}}}"#,
        r#"{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"items": [{"x-states": {"null": "breach"}}]}}}"#,
        r#"{"patternProperties": {"^a": {"x-states": {"empty": "breach"}}}}"#,
        r#"{"patternProperties": {"^a": {}}, "additionalProperties": {"x-states": {"empty": "breach"}}}"#,
        r#"{"properties": {"a": {}}, "additionalProperties": {"x-states": {"empty": "breach"}}}"#,
        r#"{"properties": {"a": {}}, "allOf": [{"additionalProperties": {"x-states": {"empty": "breach"}}}]}"#,
        r#"{"x-key": "/id", "additionalProperties": {"x-states": {"empty": "breach"}}}"#,
        r#"{"oneOf": [{"properties": {"a": {"x-states": {"empty": "breach"}}}}, {"properties": {"a": {}}}]}"#,
        r#"{"allOf": [{"properties": {"a": {"x-regression": {"populatedToNull": 0}}}}, {"properties": {"a": {"x-regression": {}}}}]}"#,
    ];
    let told: Vec<String> =
        cases.iter().map(|schema| format!("{schema}\n    {}", check(schema).replace('\n', "\n    "))).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    {"properties": {"a": {"prefixItems": [{"x-states": {"null": "breach"}}, {}]}}}
        x-states: a[]: a has prefixItems, and the states below are noted for all that stands in it alike: say with `type`, `minItems` or `minLength` what may stand there
    {"properties": {"a": {"prefixItems": [{}], "items": {"properties": {"b": {"x-regression": {}}}}}}}
        x-regression: a[].b: a has prefixItems, and the states below are noted for all that stands in it alike: say with `type`, `minItems` or `minLength` what may stand there
    {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"items": [{"x-states": {"null": "breach"}}]}}}
        x-states: a[]: a has items, and the states below are noted for all that stands in it alike: say with `type`, `minItems` or `minLength` what may stand there
    {"patternProperties": {"^a": {"x-states": {"empty": "breach"}}}}
        x-states: {*}: (record) has patternProperties, and the states below are noted for all that stands in it alike: say with `type`, `minItems` or `minLength` what may stand there
    {"patternProperties": {"^a": {}}, "additionalProperties": {"x-states": {"empty": "breach"}}}
        x-states: {*}: (record) has patternProperties, and the states below are noted for all that stands in it alike: say with `type`, `minItems` or `minLength` what may stand there
    {"properties": {"a": {}}, "additionalProperties": {"x-states": {"empty": "breach"}}}
        fine
    {"properties": {"a": {}}, "allOf": [{"additionalProperties": {"x-states": {"empty": "breach"}}}]}
        x-states: {*}: #/allOf/0/additionalProperties speaks of members that stand by name in another schema of (record): put them side by side
    {"x-key": "/id", "additionalProperties": {"x-states": {"empty": "breach"}}}
        id and {*} are both watched: give id a schema of its own in `properties`
    {"oneOf": [{"properties": {"a": {"x-states": {"empty": "breach"}}}}, {"properties": {"a": {}}}]}
        a: x-states stands inside a branch (oneOf, anyOf, if, dependentSchemas), and would hold for values that are meant for another one: say it outside, or say in the branch with `type`, `minItems` or `minLength` what may stand there
    {"allOf": [{"properties": {"a": {"x-regression": {"populatedToNull": 0}}}}, {"properties": {"a": {"x-regression": {}}}}]}
        a: two schemas stand for this path, and their x-regression differs
    "##);
}

#[test]
fn items_have_the_default_and_the_severity_of_their_place() {
    let contract = contract(
        r#"{"prefixItems": [{"type": "string", "x-onInvalid": {"default": "none"}, "x-severity": "warning"},
                            {"type": "integer", "x-onInvalid": {"default": 7}}], "items": {"x-severity": "info", "type": "null"}}"#,
    );
    let (value, _) = contract.load(br#"[1, "a", null]"#, Profile::Load).unwrap();
    assert_eq!(value, serde_json::json!(["none", 7, null]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.json");
    std::fs::write(&file, "[1, \"a\", 2]\n").unwrap();
    let mut run = Run::new(&contract);
    run.running.reading.form = Some(steadfast_contract::read::Form::Single);
    run.profile = Profile::Gate;
    let severities: Vec<String> = run
        .of(&[&file])
        .unwrap()
        .findings
        .iter()
        .map(|finding| format!("{} {:?}", finding.path, finding.severity))
        .collect();
    assert_eq!(severities, ["[0] Warning", "[1] Error", "[2] Info"]);
}

#[test]
fn annotations_and_circles_behind_winding_ways_are_refused() {
    let cases = [
        r##"{"$dynamicAnchor": "n", "$dynamicRef": "#n"}"##,
        r##"{"$dynamicAnchor": "n", "properties": {"below": {"$dynamicRef": "#n"}}}"##,
        r##"{"$schema": "https://json-schema.org/draft/2019-09/schema", "allOf": [{"$recursiveRef": "#"}]}"##,
        r##"{"properties": {"a": {"$dynamicRef": "#n"}}, "$defs": {"n": {"$dynamicAnchor": "n", "x-states": {"null": "breach"}}}}"##,
        r##"{"properties": {"a": {"$ref": "urn:e"}}, "$defs": {"n": {"$id": "urn:e", "x-onInvalid": {"default": 1}}}}"##,
        r##"{"properties": {"a": {"not": {"properties": {"b": {"x-states": {"null": "breach"}}}}}}}"##,
        r##"{"properties": {"not": {"x-states": {"null": "breach"}}}, "$defs": {"unused": {"x-states": {"null": "breach"}}}}"##,
    ];
    let told: Vec<String> =
        cases.iter().map(|schema| format!("{schema}\n    {}", check(schema).replace('\n', "\n    "))).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    {"$dynamicAnchor": "n", "$dynamicRef": "#n"}
        # -> #: these refer to each other in a circle, and no part of a record is used up on the way: no record could be judged
    {"$dynamicAnchor": "n", "properties": {"below": {"$dynamicRef": "#n"}}}
        fine
    {"$schema": "https://json-schema.org/draft/2019-09/schema", "allOf": [{"$recursiveRef": "#"}]}
        # -> #/allOf/0 -> #: these refer to each other in a circle, and no part of a record is used up on the way: no record could be judged
    {"properties": {"a": {"$dynamicRef": "#n"}}, "$defs": {"n": {"$dynamicAnchor": "n", "x-states": {"null": "breach"}}}}
        #/$defs/n: annotations behind an embedded $id, a $dynamicRef or a $recursiveRef are not followed: refer to this schema with a plain $ref, in a document with one $id
    {"properties": {"a": {"$ref": "urn:e"}}, "$defs": {"n": {"$id": "urn:e", "x-onInvalid": {"default": 1}}}}
        #/$defs/n: annotations behind an embedded $id, a $dynamicRef or a $recursiveRef are not followed: refer to this schema with a plain $ref, in a document with one $id
    {"properties": {"a": {"not": {"properties": {"b": {"x-states": {"null": "breach"}}}}}}}
        #/properties/a/not/properties/b: annotations behind not are not followed: say them outside
    {"properties": {"not": {"x-states": {"null": "breach"}}}, "$defs": {"unused": {"x-states": {"null": "breach"}}}}
        fine
    "##);
}

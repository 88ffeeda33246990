//! Keys and releases.

use std::path::{Path, PathBuf};

use steadfast_contract::contract::Contract;
use steadfast_contract::report::{Outcome, Report};

use crate::data::{Run, contract};

const SCHEMA: &str = r#"{"x-key": "/id", "x-attribution": "/by", "properties": {
    "id": {}, "by": {"type": "string"},
    "tags": {"type": ["array", "null"], "x-regression": {"populatedToEmpty": {"maxRatio": 0.5}, "populatedToNull": 0}}}}"#;

struct Bench {
    folder: tempfile::TempDir,
    contract: Contract,
}

impl Bench {
    fn new(schema: &str) -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), contract: contract(schema) }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn compare(&self, before: &str, after: &str) -> Result<Report, String> {
        let sidecar = self.folder.path().join("baseline");
        Run::new(&self.contract).sidecar(&self.file("before.jsonl", before), &sidecar);
        self.against(&sidecar, after)
    }

    fn against(&self, sidecar: &Path, after: &str) -> Result<Report, String> {
        let mut run = Run::new(&self.contract);
        run.asked.baseline = Some(sidecar.to_owned());
        run.of(&[&self.file("after.jsonl", after)])
    }
}

const BEFORE: &str = r#"{"id":"a","by":"x","tags":["1"]}
{"id":"b","by":"x","tags":["1"]}
{"id":"c","by":"x","tags":[]}
{"id":"d","by":"x","tags":null}
"#;

fn told(report: &Report) -> String {
    let regression = report.regression.as_ref().unwrap();
    let changes: Vec<String> = regression
        .changes
        .iter()
        .filter(|change| change.records > 0)
        .map(|change| {
            format!(
                "{} {} {} of {} {:?}{}",
                change.path,
                change.transition,
                change.records,
                change.of,
                change.keys,
                if change.broken { " BROKEN" } else { "" }
            )
        })
        .collect();
    format!("{}; gone {:?}, new {:?}", changes.join("; "), regression.gone.keys, regression.new.keys)
}

#[test]
fn gains_do_not_make_up_for_losses() {
    let after = BEFORE
        .replace(r#""b","by":"x","tags":["1"]"#, r#""b","by":"y","tags":null"#)
        .replace(r#""d","by":"x","tags":null"#, r#""d","by":"x","tags":["1"]"#);
    let report = Bench::new(SCHEMA).compare(BEFORE, &after).unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    assert_eq!(told(&report), r#"tags populatedToNull 1 of 2 ["b"] BROKEN; gone [], new []"#);
    assert_eq!(report.regression.unwrap().changes[0].by, [("y".to_owned(), 1, 1)]);
}

#[test]
fn a_share_may_be_allowed_and_is_held_to() {
    let one = BEFORE.replacen(r#"["1"]"#, "[]", 1);
    let report = Bench::new(SCHEMA).compare(BEFORE, &one).unwrap();
    assert_eq!(
        (report.outcome, told(&report)),
        (Outcome::Holds, r#"tags populatedToEmpty 1 of 2 ["a"]; gone [], new []"#.to_owned())
    );
    let both = BEFORE.replace(r#"["1"]"#, "[]");
    assert_eq!(Bench::new(SCHEMA).compare(BEFORE, &both).unwrap().outcome, Outcome::Broken);
}

#[test]
fn gone_and_new_keys_are_named() {
    let after = BEFORE.replace(r#""id":"c""#, r#""id":"e""#);
    let report = Bench::new(SCHEMA).compare(BEFORE, &after).unwrap();
    assert_eq!((report.outcome, told(&report)), (Outcome::Broken, r#"; gone ["c"], new ["e"]"#.to_owned()));
}

#[test]
fn numbers_and_texts_are_keys_and_one_number_is_one_key() {
    let report =
        Bench::new(SCHEMA).compare("{\"id\":1}\n{\"id\":\"é\"}\n", "{\"id\":1.0}\n{\"id\":\"\\u00e9\"}\n").unwrap();
    assert_eq!(told(&report), "; gone [], new []");
}

#[test]
fn records_without_a_key_and_keys_that_stand_twice_are_findings() {
    let bench = Bench::new(SCHEMA);
    let file = bench.file("x.jsonl", "{\"id\":\"a\"}\n{\"by\":\"x\"}\n{\"id\":null}\n{\"id\":\"a\"}\n");
    let report = Run::new(&bench.contract).of(&[&file]).unwrap();
    assert_eq!((report.outcome, report.bad, report.keyless, report.duplicates), (Outcome::Broken, 0, 2, 1));
    assert_eq!(
        (report.duplicate_keys[0].key.as_str(), report.duplicate_keys[0].first.1, report.duplicate_keys[0].again.1),
        ("a", 1, 4)
    );
    assert_eq!(report.groups[0].text, "id: no key");
}

#[test]
fn a_baseline_of_another_key_is_refused_and_a_new_path_has_none() {
    let bench = Bench::new(SCHEMA);
    let sidecar = bench.folder.path().join("baseline");
    Run::new(&bench.contract).sidecar(&bench.file("before.jsonl", BEFORE), &sidecar);
    let other = Bench::new(&SCHEMA.replace(r#""x-key": "/id""#, r#""x-key": "/by""#));
    let refused = other.against(&sidecar, BEFORE).unwrap_err();
    assert!(refused.contains("made with the key id, and the contract says by"), "{refused}");
    let wider = Bench::new(&SCHEMA.replace(r#""id": {}"#, r#""id": {"x-regression": {}}"#));
    let report = wider.against(&sidecar, BEFORE).unwrap();
    assert_eq!(report.regression.unwrap().no_baseline_for, ["id"]);
}

#[test]
fn a_baseline_that_is_damaged_or_none_is_refused() {
    let bench = Bench::new(SCHEMA);
    let sidecar = bench.folder.path().join("baseline");
    Run::new(&bench.contract).sidecar(&bench.file("before.jsonl", BEFORE), &sidecar);
    let bytes = std::fs::read(&sidecar).unwrap();
    for (at, what) in [(bytes.len() / 2, "flipped"), (9, "flipped"), (bytes.len() - 1, "flipped")] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let file = bench.folder.path().join("damaged");
        std::fs::write(&file, damaged).unwrap();
        assert!(bench.against(&file, BEFORE).unwrap_err().contains("damaged"), "{what} {at}");
    }
    for length in [0, 7, 15, bytes.len() - 1] {
        let file = bench.folder.path().join("cut");
        std::fs::write(&file, &bytes[..length]).unwrap();
        assert!(bench.against(&file, BEFORE).is_err(), "{length}");
    }
    assert!(bench.against(Path::new("nowhere"), BEFORE).unwrap_err().contains("contract accept"));
}

#[test]
fn a_red_run_never_becomes_the_baseline() {
    let bench = Bench::new(SCHEMA);
    let target = bench.folder.path().join("next");
    let mut run = Run::new(&bench.contract);
    run.asked.write_baseline = Some(target.clone());
    assert_eq!(run.of(&[&bench.file("red.jsonl", "{\"id\":\"a\",\"by\":1}\n")]).unwrap().outcome, Outcome::Broken);
    assert!(!target.exists());
    assert_eq!(run.of(&[&bench.file("green.jsonl", BEFORE)]).unwrap().outcome, Outcome::Holds);
    assert!(target.exists());
    let size = std::fs::metadata(&target).unwrap().len();
    run.asked.keep_keys = true;
    run.of(&[&bench.file("green.jsonl", BEFORE)]).unwrap();
    assert_eq!(
        std::fs::metadata(&target).unwrap().len(),
        size + 4 * 8 - 1,
        "two bytes, and six of a key of one letter, each; \"true\" is shorter than \"false\""
    );
}

#[test]
fn what_is_not_watched_cannot_be_accepted() {
    let bench = Bench::new(SCHEMA);
    let sidecar = bench.folder.path().join("baseline");
    Run::new(&bench.contract).sidecar(&bench.file("before.jsonl", BEFORE), &sidecar);
    let mut run = Run::new(&bench.contract);
    run.asked.baseline = Some(sidecar);
    run.asked.accepted = [("tag".to_owned(), 1)].into();
    let refused = run.of(&[&bench.file("after.jsonl", BEFORE)]).unwrap_err();
    assert!(refused.contains("watched are tags, gone and new"), "{refused}");
}

#[test]
fn a_contract_without_a_key_is_never_compared_and_never_passes_for_it() {
    let keyless = contract(r#"{"properties": {"id": {"type": "string"}}}"#);
    let folder = tempfile::tempdir().unwrap();
    let (now, baseline) = (folder.path().join("now.jsonl"), folder.path().join("baseline"));
    std::fs::write(&now, "{\"id\":\"a\"}\n").unwrap();
    let mut run = Run::new(&keyless);
    run.asked.baseline = Some(baseline);
    let refused = run.of(&[&now]).unwrap_err();
    assert!(refused.contains("names no key, so releases cannot be compared"), "{refused}");
}

#[test]
fn what_is_taken_on_is_a_number_of_records_in_all_and_wants_an_earlier_release() {
    let bench = Bench::new(
        r#"{"x-key": "/id", "properties": {"id": {}, "tags": {"x-regression": {"populatedToEmpty": 0, "populatedToNull": 0}}}}"#,
    );
    let sidecar = bench.folder.path().join("baseline");
    Run::new(&bench.contract).sidecar(&bench.file("before.jsonl", BEFORE), &sidecar);
    let after = BEFORE.replacen(r#"["1"]"#, "[]", 1).replacen(r#"["1"]"#, "null", 1);
    let after = bench.file("after.jsonl", &after);
    let accept = |path: &str, count: u64, against: bool| {
        let mut run = Run::new(&bench.contract);
        run.asked.baseline = against.then(|| sidecar.clone());
        run.asked.accepted = [(path.to_owned(), count)].into();
        run.of(&[&after]).map(|report| (report.outcome, report.regression.unwrap().to_accept))
    };
    assert_eq!(accept("tags", 1, true), Ok((Outcome::Broken, vec!["tags=2".to_owned()])));
    assert_eq!(accept("tags", 2, true), Ok((Outcome::Holds, Vec::new())));
    assert_eq!(
        accept("tag", 2, true),
        Err("--accept-regression tag: not watched; watched are tags, gone and new".to_owned())
    );
    assert_eq!(
        accept("tags", 2, false),
        Err("--accept-regression tags: there is no earlier release to compare with: name one with --baseline or \
             --previous, or leave it out"
            .to_owned())
    );
}

#[test]
fn a_number_and_a_text_are_two_keys_and_an_older_sidecar_is_refused_in_words() {
    let bench = Bench::new(SCHEMA);
    let file = bench.file("x.jsonl", "{\"id\":1}\n{\"id\":\"1\"}\n{\"id\":1.0}\n");
    let report = Run::new(&bench.contract).of(&[&file]).unwrap();
    assert_eq!((report.duplicates, report.duplicate_keys[0].key.as_str()), (1, "1"));
    let report = bench.compare("{\"id\":1}\n", "{\"id\":\"1\"}\n").unwrap();
    assert_eq!(told(&report), r#"; gone ["1"], new ["\"1\""]"#);
    let sidecar = bench.folder.path().join("baseline");
    let mut old = std::fs::read(&sidecar).unwrap();
    old[6] = b'1';
    std::fs::write(&sidecar, old).unwrap();
    let refused = bench.against(&sidecar, "{\"id\":1}\n").unwrap_err();
    assert!(
        refused.ends_with(
            "baseline: made by an earlier version, which took the key 1 and the key \"1\" for one: make it again with \
             `steadfast contract accept`"
        ),
        "{refused}"
    );
    let bench = Bench::new(r#"{"x-key": ["/a", "/b"], "properties": {"a": {}, "b": {}}}"#);
    let text = "{\"a\":\"x\\u001fy\",\"b\":\"z\"}\n{\"a\":\"x\",\"b\":\"y\\u001fz\"}\n";
    let report = Run::new(&bench.contract).of(&[&bench.file("x.jsonl", text)]).unwrap();
    assert_eq!((report.outcome, report.duplicates), (Outcome::Holds, 0));
}

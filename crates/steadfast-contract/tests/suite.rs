//! The official test suite of JSON Schema: every verdict, and how many of them the plan gives alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use steadfast_contract::contract::{Contract, Options, Profile};
use steadfast_contract::judge::{Judge, Look, Verdict};
use steadfast_contract::plan::Answer;
use steadfast_contract::plan::bug::Sound;

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json-schema-test-suite")
}

/// The suite's remotes, as if they were served at the address that its schemas name.
fn remote(address: &str) -> Result<Value, String> {
    let path =
        address.strip_prefix("http://localhost:1234/").ok_or_else(|| format!("{address} is not of the suite"))?;
    let text = std::fs::read(suite().join("remotes").join(path)).map_err(|why| format!("{address}: {why}"))?;
    serde_json::from_slice(&text).map_err(|why| format!("{address}: {why}"))
}

#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    right: usize,
    valid: usize,
    plan_accepted: usize,
    wrong: Vec<String>,
}

fn run(folder: &str, dialect: &str) -> Tally {
    let mut tally = Tally::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(suite().join("tests").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() > 5, "{folder} is not there");
    for file in files {
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for group in groups {
            let mut schema = group["schema"].clone();
            if let Some(members) = schema.as_object_mut() {
                members.entry("$schema").or_insert_with(|| dialect.into());
            }
            let options = Options { remote: Some(Arc::new(remote)), ..Options::default() };
            let text = schema.to_string();
            let contract = Contract::parse("suite", text.as_bytes(), &options);
            for case in group["tests"].as_array().unwrap() {
                tally.cases += 1;
                let name = format!(
                    "{}: {}: {}",
                    file.file_name().unwrap().display(),
                    group["description"].as_str().unwrap(),
                    case["description"].as_str().unwrap()
                );
                let contract = match &contract {
                    Ok(contract) => contract,
                    Err(why) => {
                        tally.wrong.push(format!("{name}: {why}"));
                        continue;
                    }
                };
                let valid = case["valid"].as_bool().unwrap();
                let record = case["data"].to_string();
                let alone = contract.plan().judge(record.as_bytes(), Sound);
                let judge = Judge::new(contract, Profile::Write, Look::default());
                let verdict = judge.verdict(record.as_bytes());
                let said = matches!(verdict, Verdict::Good);
                let sound = match alone {
                    Answer::Accept(_) => valid,
                    Answer::Reject => !valid,
                    Answer::DontKnow => true,
                };
                tally.valid += usize::from(valid);
                tally.plan_accepted += usize::from(valid && matches!(alone, Answer::Accept(_)));
                if said == valid && sound {
                    tally.right += 1;
                } else {
                    tally.wrong.push(format!("{name}: valid {valid}, said {verdict:?}, the plan alone {alone:?}"));
                }
            }
        }
    }
    tally
}

fn required(folder: &str, dialect: &str) -> String {
    let tally = run(folder, dialect);
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));
    assert_eq!(tally.right, tally.cases);
    let share = tally.plan_accepted as f64 / tally.valid as f64;
    assert!(share >= 0.70, "the plan alone accepts {share} of the valid cases");
    format!(
        "{} of {} cases; of {} valid ones the plan alone accepts {} ({:.1} %)",
        tally.right,
        tally.cases,
        tally.valid,
        tally.plan_accepted,
        share * 100.0
    )
}

const TWENTY: &str = "https://json-schema.org/draft/2020-12/schema";
const SEVEN: &str = "http://json-schema.org/draft-07/schema#";

#[test]
fn every_required_case_of_2020_12_is_judged_right() {
    insta::assert_snapshot!(required("draft2020-12", TWENTY), @"1257 of 1257 cases; of 741 valid ones the plan alone accepts 648 (87.4 %)");
}

#[test]
fn every_required_case_of_draft_7_is_judged_right() {
    insta::assert_snapshot!(required("draft7", SEVEN), @"913 of 913 cases; of 540 valid ones the plan alone accepts 481 (89.1 %)");
}

/// Optional cases are reported: some ask for what the official judge does not do.
#[test]
fn optional_cases_are_reported() {
    let mut lines = Vec::new();
    for (folder, dialect) in [("draft2020-12/optional", TWENTY), ("draft7/optional", SEVEN)] {
        let tally = run(folder, dialect);
        lines.push(format!("{folder}: {} of {}", tally.right, tally.cases));
        lines.extend(tally.wrong.iter().map(|wrong| format!("  {}", wrong.lines().next().unwrap_or_default())));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    draft2020-12/optional: 158 of 158
    draft7/optional: 118 of 118
    ");
}

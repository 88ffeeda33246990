//! Parts of a run, put together.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use steadfast_contract::check::run;
use steadfast_contract::contract::Contract;
use steadfast_contract::finding::{Finding, Place, Severity};
use steadfast_contract::part::{self, Agreement, Source};
use steadfast_contract::read::Input;
use steadfast_contract::report::{Report, tell};
use steadfast_contract::tally::{Group, GroupKey, Tally};

use crate::data::{Run, contract, generate, name_cache};

type Part = (String, Vec<u8>);

fn part_of(running: &Run<'_>, file: &Path, part: (u32, u32)) -> Part {
    let judge = running.judge();
    let mut with = running.running.clone();
    with.reading.part = Some(part);
    let ran = run(&judge, &[Input::File(file.to_owned())], &with, &Arc::default()).unwrap();
    let source = Source::of(file).unwrap();
    let mut bytes = Vec::new();
    part::write(running.contract, ran, &Agreement { part, source, options: "same".to_owned() }, &mut bytes).unwrap();
    (format!("part{}", part.0), bytes)
}

fn merged(running: &Run<'_>, parts: &[Part], options: &str) -> Result<Report, String> {
    let judge = running.judge();
    let mut parts: Vec<(String, Box<dyn Read>)> =
        parts.iter().map(|(name, bytes)| (name.clone(), Box::new(std::io::Cursor::new(bytes.clone())) as _)).collect();
    let ran = part::merge(&judge, &mut parts, options, running.asked.keep)?;
    Ok(tell(&judge, ran, &running.asked, None).0)
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap()
}

#[test]
fn parts_merged_in_any_order_are_one_run_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.jsonl");
    generate(&file, &["--records", "6000", "--bad", "5"]);
    // Keys that stand twice, in different parts, and blank lines.
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().nth(10).unwrap();
    std::fs::write(&file, format!("{text}\n\n{line}\n{{\"cut")).unwrap();
    let contract = name_cache();
    let mut running = Run::new(&contract);
    running.asked.keep = 7;
    running.running.keep = 7;
    let single = running.of(&[&file]).unwrap();
    assert_eq!((single.duplicates, single.bad), (1, 5));
    for parts in [1, 3, 8, 61] {
        let mut all: Vec<Part> = (1..=parts).map(|part| part_of(&running, &file, (part, parts))).collect();
        all.reverse();
        assert_eq!(json(&merged(&running, &all, "same").unwrap()), json(&single), "{parts} parts");
    }
}

#[test]
fn missing_doubled_foreign_and_damaged_parts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    std::fs::write(&file, "{\"id\":1}\n".repeat(50)).unwrap();
    std::fs::write(&other, "{\"id\":1}\n".repeat(51)).unwrap();
    let contract = contract(r#"{"x-key": "/id", "properties": {"id": {}}}"#);
    let running = Run::new(&contract);
    let (one, two) = (part_of(&running, &file, (1, 2)), part_of(&running, &file, (2, 2)));
    let refused = |parts: &[Part], options: &str| merged(&running, parts, options).unwrap_err();
    assert_eq!(refused(std::slice::from_ref(&one), "same"), "of 2 parts 1 missing: 2");
    assert_eq!(refused(&[one.clone(), one.clone()], "same"), "part1: part 1 again, after part1");
    assert!(refused(&[one.clone(), part_of(&running, &other, (2, 2))], "same").contains("b.jsonl"));
    assert!(refused(&[one.clone(), two.clone()], "other").contains("other options"));
    let mut cut = two.clone();
    cut.1.truncate(two.1.len() - 3);
    assert!(refused(&[one.clone(), cut], "same").contains("cut short"));
    assert!(refused(&[("x".to_owned(), b"not a part at all".to_vec())], "same").contains("no part"));
    let elsewhere: Contract = self::contract(r#"{"x-key": "/id", "properties": {"id": {"type": "integer"}}}"#);
    let foreign = part_of(&Run::new(&elsewhere), &file, (2, 2));
    assert!(refused(&[one, foreign], "same").contains("another contract"));
}

#[test]
fn no_byte_of_a_part_changes_unnoticed_and_nothing_may_stand_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.jsonl");
    std::fs::write(&file, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n{\"id\":\"a\"}\n").unwrap();
    let contract = contract(r#"{"x-key": "/id", "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}}"#);
    let running = Run::new(&contract);
    let whole = part_of(&running, &file, (1, 1));
    merged(&running, std::slice::from_ref(&whole), "same").unwrap();
    for at in 0..whole.1.len() {
        let mut spoilt = whole.clone();
        spoilt.1[at] ^= 0x01;
        assert!(merged(&running, &[spoilt], "same").is_err(), "byte {at} of {}", whole.1.len());
    }
    let mut longer = whole;
    longer.1.push(0);
    assert!(merged(&running, &[longer], "same").unwrap_err().contains("there is more behind its end"));
}

#[test]
fn a_part_of_a_file_of_the_same_name_and_size_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.jsonl");
    let contract = contract(r#"{"properties": {"id": {"type": "string"}}}"#);
    let running = Run::new(&contract);
    let write = |id: &str| std::fs::write(&file, format!("{{\"id\":\"{id}\"}}\n").repeat(2000)).unwrap();
    write("a");
    let first = part_of(&running, &file, (1, 2));
    write("b");
    let second = part_of(&running, &file, (2, 2));
    assert!(merged(&running, &[first, second], "same").unwrap_err().contains("the contents differ"));
}

fn tally() -> impl Strategy<Value = Tally> {
    let finding = (0_u32..4, 0_u64..20, 0_usize..4).prop_map(|(stretch, line, path)| Finding {
        place: Place { file: 0, stretch, line, offset: line * 100 },
        key: None,
        path: format!("p{path}"),
        pattern: format!("p{path}"),
        keyword: "type".to_owned(),
        expected: "x".to_owned(),
        seen: "y".to_owned(),
        seen_kind: "string".to_owned(),
        severity: Severity::Error,
    });
    (prop::collection::vec(finding, 0..6), 0_u64..5, 0_u32..4, prop::option::of(-9_i64..9)).prop_map(
        |(mut findings, count, stretch, time)| {
            findings.sort_by_key(|finding| (finding.place, finding.path.clone()));
            let mut tally = Tally {
                records: count,
                bad: count / 2,
                found: findings.len() as u64,
                states: vec![[count, 1, 0, 2]],
                ..Tally::default()
            };
            tally.lines.insert((0, stretch), count);
            tally.times.newest = time;
            tally.times.oldest = time;
            tally.reasons = if count == 3 { vec![format!("reason {stretch}")] } else { Vec::new() };
            for finding in &findings {
                let key = GroupKey {
                    pattern: finding.pattern.clone(),
                    keyword: finding.keyword.clone(),
                    expected: finding.expected.clone(),
                    seen_kind: finding.seen_kind.clone(),
                    severity: finding.severity,
                };
                let one = Tally {
                    groups: [(key, Group { records: 1, findings: 1, first: finding.clone() })].into(),
                    ..Tally::default()
                };
                tally.add(one, 4);
            }
            findings.truncate(4);
            tally.findings = findings;
            tally
        },
    )
}

fn sum(tallies: &[&Tally]) -> Tally {
    let mut sum = Tally::default();
    tallies.iter().for_each(|tally| sum.add((*tally).clone(), 4));
    sum
}

proptest! {
    #[test]
    fn adding_does_not_care_for_order_or_grouping(one in tally(), two in tally(), three in tally()) {
        let all = sum(&[&one, &two, &three]);
        prop_assert_eq!(&sum(&[&three, &one, &two]), &all);
        prop_assert_eq!(&sum(&[&sum(&[&one, &two]), &three]), &all);
        prop_assert_eq!(&sum(&[&one, &sum(&[&two, &three])]), &all);
        prop_assert_eq!(&sum(&[&all, &Tally::default()]), &all);
    }

    #[test]
    fn every_record_belongs_to_one_part(lengths in prop::collection::vec(0_usize..40, 0..30), parts in 1_u32..12, newline in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.jsonl");
        let mut text: String = lengths.iter().map(|length| if *length == 0 { "\n".to_owned() } else { format!("{{\"id\":\"{}\"}}\n", "x".repeat(*length)) }).collect();
        if !newline {
            text.pop();
        }
        std::fs::write(&file, &text).unwrap();
        let contract = contract(r#"{"x-key": "/id", "properties": {"id": {"maxLength": 30}}}"#);
        let running = Run::new(&contract);
        let single = running.of(&[&file]).unwrap();
        let all: Vec<Part> = (1..=parts).map(|part| part_of(&running, &file, (part, parts))).collect();
        prop_assert_eq!(json(&merged(&running, &all, "same").unwrap()), json(&single));
    }
}

//! A sample is drawn by record, whatever the records stand in.

use std::io::Write;

use steadfast_contract::contract::Profile;
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::read::{Empty, Fault};
use steadfast_contract::spot_check::{Sample, sample};

use crate::data::contract;

const SCHEMA: &str = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "note": {"type": ["string", "null"]}}}"#;

fn of(name: &str, bytes: &[u8], count: u64, seed: u64) -> Result<Sample, Fault> {
    let contract = contract(SCHEMA);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    let judge = Judge::new(&contract, Profile::Gate, Look::default());
    sample(&judge, &file, Some(Empty::Null), count, seed)
}

/// Ten records, the fourth of which is bad: whole, and a half of them over many seeds.
#[track_caller]
fn check(name: &str, bytes: &[u8], bad_line: u64) {
    let all = of(name, bytes, 50, 1).unwrap();
    let lines: Vec<u64> = all.bad.iter().map(|bad| bad.line).collect();
    assert_eq!((all.records, all.sampled, lines.as_slice()), (10, 10, [bad_line].as_slice()), "{name}: {all:?}");
    let hits = (0..400).filter(|seed| of(name, bytes, 5, *seed).unwrap().bad.len() == 1).count();
    // 200 expected, standard deviation 10: five of them.
    assert!(hits.abs_diff(200) < 50, "{name}: {hits} of 400");
}

#[test]
fn every_record_of_every_layout_has_the_same_chance() {
    let record = |number: u32| if number == 4 { "{\"id\": \"x\"}".to_owned() } else { format!("{{\"id\": {number}}}") };
    let lines: Vec<String> = (1..=10).map(record).collect();
    check("x.jsonl", (lines.join("\n") + "\n").as_bytes(), 4);
    check("x.json", format!("[\n{}\n]\n", lines.join(",\n")).as_bytes(), 5);
    check("one-line.json", format!("[{}]", lines.join(",")).as_bytes(), 1);
    let cell = |number: u32| if number == 4 { "x,\"a\nb\"\n".to_owned() } else { format!("{number},\"a\nb\"\n") };
    let rows: String = (1..=10).map(cell).collect();
    check("x.csv", format!("id,note\n{rows}").as_bytes(), 8);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(lines.join("\n\n").as_bytes()).unwrap();
    check("x.jsonl.gz", &gz.finish().unwrap(), 7);
}

#[test]
fn a_row_that_is_none_counts_as_a_record_that_does_not_hold() {
    let sample = of("x.csv", b"id,note\n1,a\n2\n3,c\n", 50, 1).unwrap();
    let said: Vec<(u64, &str)> = sample.bad.iter().map(|bad| (bad.line, bad.finding.as_str())).collect();
    assert_eq!((sample.records, said.as_slice()), (3, [(3, "1 columns, where the header has 2")].as_slice()));
}

#[test]
fn nothing_to_draw_from_is_no_clean_sample() {
    for (name, bytes) in [("x.jsonl", &b"\n"[..]), ("x.json", b"[]"), ("x.csv", b"id,note\n")] {
        assert!(
            matches!(of(name, bytes, 50, 1), Err(Fault::Unreadable(why)) if why.ends_with("has no record")),
            "{name}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let contract = contract(SCHEMA);
    let judge = Judge::new(&contract, Profile::Gate, Look::default());
    assert!(matches!(sample(&judge, folder.path(), None, 5, 1), Err(Fault::Usage(_))));
}

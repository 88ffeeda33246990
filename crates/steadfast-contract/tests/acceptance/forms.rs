//! Layouts and packings: the same records give the same answer however they come.

use std::io::Write;
use std::path::Path;

use steadfast_contract::contract::Contract;
use steadfast_contract::read::Empty;
use steadfast_contract::report::{Outcome, Report};

use crate::data::{Run, contract};

const SCHEMA: &str = r#"{"type": "object", "required": ["id", "n"], "x-key": "/id",
    "properties": {"id": {"type": "string"}, "n": {"type": "integer"}, "note": {"type": ["string", "null"]}}}"#;

fn check(contract: &Contract, name: &str, bytes: &[u8], change: impl FnOnce(&mut Run<'_>)) -> Result<Report, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    let mut run = Run::new(contract);
    change(&mut run);
    run.of(&[&file])
}

/// Outcome, records, bad ones, and "line:path" of the findings.
fn told(report: Result<Report, String>) -> String {
    match report {
        Ok(report) => {
            let findings: Vec<String> = report
                .findings
                .iter()
                .map(|finding| format!("{}:{}:{}", finding.line, finding.path, finding.keyword))
                .collect();
            format!(
                "{:?} {} records, {} bad [{}] {}",
                report.outcome,
                report.records,
                report.bad,
                findings.join(" "),
                report.cannot_tell.join("; ")
            )
        }
        Err(why) => why,
    }
}

fn plain(name: &str, bytes: &[u8]) -> String {
    let contract = contract(SCHEMA);
    told(check(&contract, name, bytes, |_| {})).replace(std::env::temp_dir().to_str().unwrap(), "")
}

#[test]
fn lines_arrays_and_single_values_are_told_apart() {
    let (good, bad) = (r#"{"id":"a","n":1}"#, r#"{"id":"b","n":"x"}"#);
    let wanted = "Broken 2 records, 1 bad [2:n:type] ";
    assert_eq!(plain("x.jsonl", format!("{good}\n{bad}\n").as_bytes()), wanted);
    assert_eq!(plain("x.json", format!("{good}\n{bad}\n").as_bytes()), wanted);
    assert_eq!(plain("x", format!("{good}\r\n{bad}").as_bytes()), wanted);
    assert_eq!(plain("x.json", format!("[{good},\n{bad}]").as_bytes()), wanted);
    assert_eq!(plain("x.json", format!(" [\n{good}\n,{bad}\n]\n").as_bytes()).replace("3:n", "2:n"), wanted);
    assert_eq!(plain("x.json", b"{\n \"id\": \"a\",\n \"n\": 1\n}\n"), "Holds 1 records, 0 bad [] ");
    assert_eq!(
        plain("x.jsonl", format!("\u{feff}{good}\n\n  \n{bad}\n").as_bytes()),
        "Broken 2 records, 1 bad [4:n:type] "
    );
}

#[test]
fn packed_data_is_read_and_data_cut_short_is_not_called_good() {
    let text = format!("{}\n", r#"{"id":"k","n":1}"#).replace('k', "a");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    assert_eq!(plain("x.jsonl.gz", &gz), "Holds 1 records, 0 bad [] ");
    let twice = [gz.clone(), gz.clone()].concat();
    assert!(
        plain("x.jsonl.gz", &twice).starts_with("Broken 2 records, 0 bad"),
        "members one after the other; the key is there twice"
    );
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    assert_eq!(plain("x.jsonl.zst", &zst), "Holds 1 records, 0 bad [] ");

    let long: String =
        (0..50_000).map(|number| format!("{{\"id\":\"{number}\",\"n\":{}}}\n", number * 7919 % 10007)).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(long.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let cut = plain("x.jsonl.gz", &gz[..gz.len() / 2]);
    assert!(cut.starts_with("CannotTell") && cut.contains("ends too early"), "{cut}");
    let zst = zstd::encode_all(long.as_bytes(), 1).unwrap();
    let cut = plain("x.jsonl.zst", &zst[..zst.len() / 2]);
    assert!(cut.starts_with("CannotTell"), "{cut}");

    // What stands before the damage is judged, on the last block too: a bad record is one.
    for end in [1, 8, 30] {
        let bad = ["{\"id\":\"bad\"}\n", &long].concat();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(bad.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        let cut = plain("x.jsonl.gz", &gz[..gz.len() - end]);
        assert!(cut.starts_with("Broken") && cut.contains("1 bad") && cut.contains("ends too early"), "{end}: {cut}");
    }
}

#[test]
fn a_last_line_that_is_cut_short_is_no_verdict_but_a_bad_line_before_it_is() {
    let cut = plain("x.jsonl", b"{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n");
    assert!(cut.starts_with("CannotTell 2 records, 0 bad []") && cut.contains("cut short"), "{cut}");
    assert!(plain("x.jsonl", b"{\"id\":\"a\"}\n{\"id\":\"b\",\"n").starts_with("Broken 2 records, 1 bad"));
    assert!(plain("x.json", b"[{\"id\":\"a\",\"n\":1},{\"id\"").starts_with("CannotTell"));
    assert!(plain("x.json", b"[{\"id\":\"a\",\"n\":1},]").starts_with("Broken"));
    assert!(plain("x.json", b"[{\"id\":\"a\",\"n\":1} {}]").starts_with("Broken"));
    assert!(plain("x.jsonl", b"").starts_with("CannotTell 0 records"), "nothing to look at is no pass");
    assert!(plain("x.json", b"[]").starts_with("CannotTell 0 records"));
}

#[test]
fn csv_cells_are_read_by_the_types_of_their_columns() {
    assert_eq!(plain("x.csv", b"id,n,note\na,1,\"x, \"\"y\"\"\"\nb,two,z\r\n"), "Broken 2 records, 1 bad [3:n:type] ");
    assert_eq!(plain("x.csv", b"id,n\na,1\n\"b\nb\",2\nc,x\n"), "Broken 3 records, 1 bad [5:n:type] ");
    assert_eq!(plain("x.csv", b"id,n\na,1,2\n"), "Broken 1 records, 1 bad [2:(record):csv] ");
    assert!(plain("x.csv", b"id,n\na,\"1\n").starts_with("CannotTell"), "a quote that is never closed");
    assert!(plain("x.csv", b"id,id\na,1\n").contains("two columns are called \"id\""));
}

#[test]
fn what_an_empty_cell_means_has_to_be_said_where_the_contract_distinguishes() {
    let contract = contract(SCHEMA);
    let with = |empty: Option<Empty>, text: &str| {
        told(check(&contract, "x.csv", text.as_bytes(), |run| run.running.reading.csv_empty = empty))
    };
    let refused = with(None, "id,n,note\na,1,\n");
    assert!(
        refused.starts_with("usage:") && refused.contains("line 2, column \"note\"") && refused.contains("--csv-empty"),
        "{refused}"
    );
    for empty in [Empty::Null, Empty::Absent, Empty::String] {
        assert_eq!(with(Some(empty), "id,n,note\na,1,\n"), "Holds 1 records, 0 bad [] ");
    }
    assert_eq!(with(None, "id,n\na,\n"), "Broken 1 records, 1 bad [2:n:type] ", "a number is never empty");
}

#[test]
fn a_record_that_is_too_long_is_a_finding_and_goes_to_quarantine_whole() {
    let contract = contract(SCHEMA);
    let long = format!("{{\"id\":\"a\",\"n\":1,\"note\":\"{}\"}}", "x".repeat(300_000));
    let text = format!("{{\"id\":\"b\",\"n\":1}}\n{long}\n{{\"id\":\"c\",\"n\":\"x\"}}\n");
    for (limit, block) in [(1000, 64), (1000, 1 << 20), (100_000, 4096)] {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = folder.path().join("q");
        let report = check(&contract, "x.jsonl", text.as_bytes(), |run| {
            run.running.reading.max_record = limit;
            run.running.reading.block = block;
            run.running.quarantine = Some(quarantine.clone());
        });
        assert_eq!(told(report), "Broken 3 records, 2 bad [2:(record):maxRecord 3:n:type] ", "{limit} {block}");
        let held = std::fs::read_to_string(quarantine.join("records.jsonl")).unwrap();
        assert_eq!(held, text[text.find('\n').unwrap() + 1..], "{limit} {block}");
    }
}

#[test]
fn blocks_of_any_size_and_any_number_of_threads_say_the_same() {
    let contract = contract(SCHEMA);
    let text: String = (0..3000)
        .map(|number| {
            format!("{{\"id\":\"{}\",\"n\":{}}}\n", number % 2990, if number % 500 == 499 { "null" } else { "1" })
        })
        .collect();
    let reports: Vec<Report> = [(1, 16), (1, 100), (3, 4096), (2, 1 << 20)]
        .into_iter()
        .map(|(threads, block)| {
            check(&contract, "x.jsonl", text.as_bytes(), |run| {
                run.running.threads = threads;
                run.running.reading.block = block;
            })
            .unwrap()
        })
        .map(|report| Report {
            files: Vec::new(),
            findings: report
                .findings
                .into_iter()
                .map(|finding| steadfast_contract::report::Told { file: String::new(), ..finding })
                .collect(),
            groups: Vec::new(),
            duplicate_keys: Vec::new(),
            ..report
        })
        .collect();
    assert_eq!((reports[0].outcome, reports[0].bad, reports[0].duplicates), (Outcome::Broken, 6, 10));
    assert!(reports.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_no_verdict() {
    let contract = contract(SCHEMA);
    let folder = tempfile::tempdir().unwrap();
    // A named pipe holds the reader until the writer has touched the file's successor.
    let file = folder.path().join("x.jsonl");
    std::fs::write(&file, "{\"id\":\"a\",\"n\":1}\n").unwrap();
    let mut run = Run::new(&contract);
    run.running.quarantine = None;
    let report = swap_while_reading(&run, &file);
    assert_eq!(report.outcome, Outcome::CannotTell);
    assert!(report.cannot_tell[0].contains("changed while it was read"), "{:?}", report.cannot_tell);
}

/// Judges two files; the first is exchanged by whoever feeds the second, a pipe, before the first is looked at again.
fn swap_while_reading(run: &Run<'_>, file: &Path) -> Report {
    let pipe = file.with_extension("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let link = file.with_extension("link.jsonl");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut feed = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
            // The reader has opened the link by now: what it stands for becomes something else.
            std::fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(file, &link).unwrap();
            feed.write_all(b"{\"id\":\"b\",\"n\":1}\n").unwrap();
        });
        run.of(&[&link]).unwrap()
    })
}

/// What `--valid` holds after a run over these files.
#[track_caller]
fn kept(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let contract = contract(SCHEMA);
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = files
        .iter()
        .map(|(name, text)| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        })
        .collect();
    let mut run = Run::new(&contract);
    run.running.reading.csv_empty = Some(Empty::Null);
    run.running.valid = Some(folder.path().join("good"));
    let report = run.of(&paths.iter().map(AsRef::as_ref).collect::<Vec<&Path>>()).unwrap();
    (std::fs::read_to_string(folder.path().join("good")).unwrap_or_default(), report.cannot_tell)
}

#[test]
fn what_is_kept_as_good_can_be_read_again_as_what_it_was() {
    let csv = ("a.csv", "id,n,note\na,1,\"two\nlines\"\nb,x,\nc,3,");
    assert_eq!(kept(&[csv]).0, "id,n,note\na,1,\"two\nlines\"\nc,3,\n");
    assert_eq!(kept(&[csv, ("b.csv", "id,n,note\nd,4,\n")]).0, "id,n,note\na,1,\"two\nlines\"\nc,3,\nd,4,\n");
    let (good, told) = kept(&[csv, ("b.csv", "n,id\n4,d\n")]);
    assert_eq!(good, "");
    assert!(told[0].contains("the files have different columns"), "{told:?}");
    // An item that spans lines becomes one line, for the records of JSON lines are lines; others stay byte for byte.
    let array = ("a.json", "[\n{\n  \"id\": \"a b\",\n  \"n\": 1\n},\n{\"id\":\"c\",\"n\":  2}]");
    assert_eq!(kept(&[array]).0, "{   \"id\": \"a b\",   \"n\": 1 }\n{\"id\":\"c\",\"n\":  2}\n");
    assert_eq!(kept(&[("a.jsonl", "{\"id\":\"a\",\"n\":1}\r\n{}\n")]).0, "{\"id\":\"a\",\"n\":1}\r\n");
}

#[test]
fn a_file_with_nothing_in_it_is_not_called_good_in_any_layout() {
    for name in ["x.csv", "x.jsonl", "x.json"] {
        let said = plain(name, b"");
        assert!(said.contains("CannotTell") && !said.contains("Holds"), "{name}: {said}");
    }
}

#[test]
fn what_is_kept_as_good_has_the_mode_that_a_file_has() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (data, good, plain) = (folder.path().join("a.jsonl"), folder.path().join("good"), folder.path().join("plain"));
    std::fs::write(&data, "{\"id\":\"a\",\"n\":1}\n").unwrap();
    std::fs::write(&plain, "").unwrap();
    let contract = contract(SCHEMA);
    let mut run = Run::new(&contract);
    run.running.valid = Some(good.clone());
    run.of(&[&data]).unwrap();
    assert_eq!(mode(&good), mode(&plain));
    // Also one that the umask would not give.
    for kept in [0o600, 0o666] {
        std::fs::set_permissions(&good, std::fs::Permissions::from_mode(kept)).unwrap();
        run.of(&[&data]).unwrap();
        assert_eq!(mode(&good), kept);
    }
}

/// Outcome, and the items of the quarantine, of an array whose second item is longer than is judged.
#[track_caller]
fn with_a_long_item(item: &str, block: usize) {
    let contract = contract(SCHEMA);
    let (good, bad) = (r#"{"id":"a","n":1}"#, r#"{"id":"b","n":"x"}"#);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.json");
    std::fs::write(&file, format!("[\n{good},\n{item}\n,\n{bad}, {bad}]\n")).unwrap();
    let mut run = Run::new(&contract);
    run.running.reading.max_record = 100;
    run.running.reading.block = block;
    run.running.quarantine = Some(folder.path().join("bad"));
    let report = run.of(&[&file]).unwrap();
    assert_eq!((report.records, report.bad, report.outcome), (4, 3, Outcome::Broken), "{block}: {item}");
    let places: Vec<(u64, &str)> = report.findings.iter().map(|one| (one.line, one.keyword.as_str())).collect();
    let after = 5 + item.matches('\n').count() as u64;
    assert_eq!(places, [(3, "maxRecord"), (after, "type"), (after, "type")], "{block}: {item}");
    let kept = std::fs::read_to_string(folder.path().join("bad/records.jsonl")).unwrap();
    assert_eq!(kept, format!("{item}\n{bad}\n{bad}\n"), "{block}");
}

#[test]
fn an_item_that_is_longer_than_is_judged_takes_none_of_the_others_with_it() {
    for block in [64, 65, 150, 1 << 18] {
        with_a_long_item(&format!(r#"{{"id":"{}","n":1}}"#, "x".repeat(900)), block);
        with_a_long_item(&format!("{{\"id\":\"]}}, \\\" \\\\\",\n\"n\":[{}1]}}", "[1,{\"a\":2}],".repeat(50)), block);
        with_a_long_item(&format!("\"{}\\\\\"", "a,]}\\\"".repeat(50)), block);
        with_a_long_item(&format!("[{}]", "\"]\",".repeat(60) + "1"), block);
        with_a_long_item(&"7".repeat(700), block);
    }
}

#[test]
fn a_long_item_that_never_ends_is_told_and_the_array_is_not_called_whole() {
    let contract = contract(SCHEMA);
    for end in ["", "\"", "}"] {
        let text = format!("[{{\"id\":\"a\",\"n\":1}},{{\"id\":\"{}{end}", "x".repeat(2000));
        let said = told(check(&contract, "x.json", text.as_bytes(), |run| {
            run.running.reading.max_record = 100;
            run.running.reading.block = 64;
        }));
        assert!(said.contains("1 bad [1:(record):maxRecord]"), "{said}");
        assert!(!said.ends_with("] "), "it is cut short: {said}");
    }
}

#[test]
fn a_quote_where_none_belongs_is_the_fault_of_its_own_row() {
    let contract = contract(SCHEMA);
    for block in [16, 1 << 18] {
        let text = "id,n,note\na,1,5\" wide\nb,2,\"say \"\"x\"\", y\"\nc,3,\"x\"y\"\nd,x,\"two\nlines\"\n";
        let said = told(check(&contract, "x.csv", text.as_bytes(), |run| {
            run.running.reading.csv_empty = Some(Empty::Null);
            run.running.reading.block = block;
        }));
        assert_eq!(said, "Broken 4 records, 3 bad [2:(record):csv 4:(record):csv 5:n:type] ", "{block}");
    }
}

#[test]
fn a_row_that_is_longer_than_is_judged_takes_none_of_the_others_with_it() {
    let contract = contract(SCHEMA);
    let quoted = format!("\"{}\"", "a,\n\"\"b\"\"\n".repeat(40));
    for (cell, block) in [("x".repeat(900), 64), (quoted, 65), ("x".repeat(900), 1 << 18)] {
        let long = format!("l,1,{cell}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        std::fs::write(&file, format!("id,n,note\n{long}\na,1,x\nb,x,y\n")).unwrap();
        let mut run = Run::new(&contract);
        run.running.reading.csv_empty = Some(Empty::Null);
        run.running.reading.max_record = 100;
        run.running.reading.block = block;
        run.running.quarantine = Some(folder.path().join("bad"));
        run.running.valid = Some(folder.path().join("good"));
        let report = run.of(&[&file]).unwrap();
        assert_eq!((report.records, report.bad, report.cannot_tell), (3, 2, vec![]), "{block}");
        let places: Vec<(u64, &str)> = report.findings.iter().map(|one| (one.line, one.keyword.as_str())).collect();
        let after = 4 + long.matches('\n').count() as u64;
        assert_eq!(places, [(2, "maxRecord"), (after, "type")], "{block}");
        let kept = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            [kept("bad/records.jsonl"), kept("good")],
            [format!("{long}\nb,x,y\n"), "id,n,note\na,1,x\n".to_owned()]
        );
    }
    let said = told(check(&contract, "x.csv", "x".repeat(5000).as_bytes(), |run| {
        run.running.reading.max_record = 100;
        run.running.reading.block = 64;
    }));
    assert!(said.contains("the header does not end within the longest record"), "{said}");
}

#[test]
fn a_record_without_a_key_is_not_among_the_good_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    // The schema allows what the key does not: another sort of value.
    std::fs::write(&file, "{\"k\":\"a\"}\n{\"k\":null}\n{}\n{\"k\":1}\n").unwrap();
    let keyless = contract(r#"{"x-key": "/k", "properties": {"k": {}}}"#);
    let mut run = Run::new(&keyless);
    run.running.quarantine = Some(folder.path().join("bad"));
    run.running.valid = Some(folder.path().join("good"));
    let report = run.of(&[&file]).unwrap();
    assert_eq!((report.outcome, report.keyless, report.bad), (Outcome::Broken, 2, 0));
    let kept = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!([kept("bad/records.jsonl"), kept("good")], ["{\"k\":null}\n{}\n", "{\"k\":\"a\"}\n{\"k\":1}\n"]);
    assert_eq!(kept("bad/findings.jsonl").matches("\"x-key\"").count(), 2);
}

//! The name cache: the data set of the incidents that contracts are for.

use steadfast_contract::contract::Profile;
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::report::Outcome;
use steadfast_contract::scan::Engine;

use crate::data::{Run, generate, name_cache};

#[test]
fn nineteen_bad_records_are_found_at_their_lines_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.jsonl");
    let logged = generate(&file, &["--records", "20000", "--bad", "19"]);
    let contract = name_cache();
    for threads in [1, 3] {
        let mut run = Run::new(&contract);
        run.running.threads = threads;
        run.running.quarantine = Some(folder.path().join("quarantine"));
        run.running.valid = Some(folder.path().join("valid.jsonl"));
        let report = run.of(&[&file]).unwrap();
        assert_eq!(
            (report.outcome, report.records, report.bad, report.judged_again),
            (Outcome::Broken, 20_000, 19, 19)
        );
        let mut lines: Vec<u64> = report.findings.iter().map(|finding| finding.line).collect();
        lines.dedup();
        let wanted: Vec<u64> = (1..=19).map(|number| number * 1009).collect();
        assert_eq!(lines, wanted);
        assert_eq!(logged["bad"].as_object().unwrap().len(), 19);
        // Byte for byte, in order; and the rest byte for byte too.
        let data = std::fs::read_to_string(&file).unwrap();
        let bad: String =
            wanted.iter().map(|line| format!("{}\n", data.lines().nth(*line as usize - 1).unwrap())).collect();
        assert_eq!(std::fs::read_to_string(folder.path().join("quarantine/records.jsonl")).unwrap(), bad);
        let good = std::fs::read_to_string(folder.path().join("valid.jsonl")).unwrap();
        assert_eq!(good.len() + bad.len(), data.len());
        assert_eq!(good.lines().nth(1008), data.lines().nth(1009));
    }
}

#[test]
fn the_plan_accepts_clean_records_alone_with_every_engine_and_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [["--records", "1500", "--seed", "5"].as_slice(), &["--records", "1500", "--ascii"]] {
        let file = folder.path().join("clean.jsonl");
        generate(&file, arguments);
        let text = std::fs::read_to_string(&file).unwrap();
        for engine in Engine::all() {
            let contract = name_cache().with_engine(engine);
            let judge = Judge::new(&contract, Profile::Write, Look { keys: true, freshness: true });
            let alone = text.lines().filter(|line| judge.accepts_alone(line.as_bytes())).count();
            // 99 of 100 are asked for.
            assert_eq!(alone, 1500, "{engine:?} {arguments:?}");
        }
    }
}

#[test]
fn lost_records_are_counted_and_named_though_others_make_up_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before.jsonl"), folder.path().join("after.jsonl"));
    generate(&before, &["--records", "12000"]);
    generate(&after, &["--records", "12000", "--regress", "387", "--drop", "25"]);
    let sidecar = folder.path().join("accepted");
    let contract = name_cache();
    let mut run = Run::new(&contract);
    run.running.threads = 2;
    run.sidecar(&before, &sidecar);
    run.asked.previous = Some(sidecar);
    let report = run.of(&[&after]).unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    let regression = report.regression.unwrap();
    let lost: Vec<_> = regression.changes.iter().filter(|change| change.records > 0).collect();
    assert_eq!(lost.len(), 1, "nothing else changed: {lost:?}");
    assert_eq!((lost[0].path.as_str(), lost[0].transition.as_str()), ("llm_concepts", "populatedToEmpty"));
    // 25 of the dropped records may have been among those that the generator blanked.
    assert_eq!(lost[0].records + blanked_and_dropped(&before, &regression.gone.keys), 387);
    assert_eq!(lost[0].keys.len() as u64, lost[0].records);
    assert_eq!((lost[0].by[0].0.as_str(), lost[0].by[0].1), ("light", lost[0].records));
    assert_eq!((regression.gone.records, regression.gone.keys.len(), regression.new.records), (25, 25, 0));
    assert_eq!(regression.to_accept, [format!("llm_concepts={}", lost[0].records), "gone=25".to_owned()]);

    run.asked.accepted = [("llm_concepts".to_owned(), lost[0].records), ("gone".to_owned(), 25)].into();
    assert_eq!(run.of(&[&after]).unwrap().outcome, Outcome::Holds);
    run.asked.accepted.insert("llm_concepts".to_owned(), lost[0].records - 1);
    assert_eq!(run.of(&[&after]).unwrap().outcome, Outcome::Broken, "one fewer was accepted than there are");
}

/// The generator blanks a populated record before it may drop it: those are gone, not empty.
fn blanked_and_dropped(before: &std::path::Path, gone: &[String]) -> u64 {
    let text = std::fs::read_to_string(before).unwrap();
    let mut populated = 0;
    let mut both = 0;
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_populated = !record["llm_concepts"].as_array().unwrap().is_empty();
        if is_populated && populated < 387 {
            populated += 1;
            both += u64::from(gone.iter().any(|key| key == record["name"].as_str().unwrap()));
        }
    }
    both
}

#[test]
fn the_gate_adds_age_and_the_write_profile_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clean.jsonl");
    generate(&file, &["--records", "300"]);
    let contract = name_cache();
    let mut run = Run::new(&contract);
    run.profile = Profile::Gate;
    assert_eq!(run.of(&[&file]).unwrap().outcome, Outcome::Holds, "four days old on the first of April");
    run.asked.at = Some("2026-06-01T00:00:00Z".parse().unwrap());
    let report = run.of(&[&file]).unwrap();
    assert_eq!((report.outcome, report.bad), (Outcome::Broken, 0));
    assert!(report.promises[0].promise.contains("at most 30 d old"), "{:?}", report.promises);
    run.profile = Profile::Write;
    assert_eq!(run.of(&[&file]).unwrap().outcome, Outcome::Holds);
}

//! `steadfast ledger` and `steadfast history`, on real ledgers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use steadfast_core::finding::{Finding, Seen, codes};
use steadfast_core::ledger::{Batch, Head, Ledger, Observed};
use steadfast_core::observation::Hash;
use steadfast_core::verdict::Verdict;
use steadfast_ledger::conformance::sample::{batch, green, note, one_of_each, red};
use steadfast_ledger::sqlite::{Options, SqliteLedger};
use tempfile::TempDir;

/// A project with a ledger beside its configuration.
struct Shop {
    folder: TempDir,
    head: Head,
}

impl Shop {
    /// With these commits.
    fn with(batches: impl IntoIterator<Item = Batch>) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("steadfast.toml"), "[project]\nname = \"shop\"\n").unwrap();
        let ledger = SqliteLedger::open(folder.path().join(".steadfast/ledger.db"), Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut head = Head::EMPTY;
        for batch in batches {
            head = runtime.block_on(ledger.commit(batch)).unwrap();
        }
        Shop { folder, head }
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join(".steadfast/ledger.db")
    }

    fn sql(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.ledger()).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0);
    }

    /// Runs it in the folder; standard output if the exit code is this one.
    fn check(&self, line: &str, code: i32) -> String {
        let output = steadfast(self.folder.path(), line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, standard error.
    fn refused(&self, line: &str, code: i32) -> String {
        let output = steadfast(self.folder.path(), line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.stdout, b"", "{line}");
        String::from_utf8(output.stderr).unwrap().replace(&self.folder.path().display().to_string(), "SHOP")
    }
}

fn steadfast(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_steadfast")).args(line.split_whitespace()).current_dir(folder).output().unwrap()
}

fn seen(second: i64, verdict: Verdict) -> Batch {
    let payload = format!("{{\"seen\":{second}}}");
    let seen = if verdict.is_pass() { green } else { red }(second, "shop-page", payload.as_bytes());
    batch([(Observed { verdict, ..seen }, payload.as_bytes())])
}

fn meaning_gone() -> Verdict {
    let finding = Finding::new(codes::NOT_CONTAINED).of("body_contains").expected("Meaning");
    Verdict::Fail(vec![finding.seen(Seen::text("<html><h1>Shop</h1>"))])
}

#[test]
fn tail_shows_the_newest_records_by_day_within_eighty_columns() {
    let long = note(90_000, &"a long note \u{1b}[31m\n".repeat(20));
    let shop =
        Shop::with([one_of_each(), seen(80_000, meaning_gone()), Batch { records: vec![long], ..Batch::default() }]);
    let text = shop.check("ledger tail", 0);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn tail_counts_and_filters() {
    let shop = Shop::with([one_of_each()]);
    let numbers = |line: &str| {
        let text = shop.check(line, 0);
        text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect::<Vec<u64>>()
    };
    assert_eq!(numbers("ledger tail -n 2"), [7, 8]);
    assert_eq!(numbers("ledger tail --check b"), [4, 5, 6]);
    assert_eq!(numbers("ledger tail --run run-1"), [1, 2, 3]);
    assert_eq!(numbers("ledger tail --since 2100-01-01"), [0; 0]);
    assert_eq!(shop.check("ledger tail --format json", 0).lines().count(), 8);
    assert!(shop.refused("ledger tail --since yesterday", 2).contains("no moment; give 7d"));
}

#[test]
fn an_export_can_be_verified_by_anybody() {
    let shop = Shop::with([one_of_each(), seen(7, meaning_gone())]);
    let text = shop.check("ledger export --format jsonl --bodies", 0);
    let mut head = Head::EMPTY;
    let mut bodies = 0;
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let (_, record) = line.split_once("\"record\":").unwrap();
        let (record, payload) = record.rsplit_once(",\"payload\":").unwrap();
        head = head.after(Hash::of(record.as_bytes()));
        assert_eq!(value["chain"], head.chain.to_string());
        if !value["payload"].is_null() {
            bodies += 1;
            let payload = payload.strip_suffix('}').unwrap();
            assert_eq!(value["record"]["payload"], Hash::of(payload.as_bytes()).to_string());
        }
    }
    assert_eq!(head, shop.head);
    assert_eq!(bodies, 3);
    let without = shop.check("ledger export --check shop-page", 0);
    assert_eq!(without.lines().count(), 1);
    assert!(!without.contains("\"seen\":7"), "no bodies unless asked for: {without}");
}

#[test]
fn verify_prints_the_head_and_says_what_it_cannot_know() {
    let shop = Shop::with([one_of_each()]);
    let text = shop.check(&format!("ledger verify --head {}", shop.head), 0);
    assert!(text.lines().any(|line| line == shop.head.to_string()), "{text}");
    insta::assert_snapshot!(text);
    let json: serde_json::Value = serde_json::from_str(&shop.check("ledger verify --format json", 0)).unwrap();
    assert_eq!((&json["intact"], &json["head"]), (&true.into(), &shop.head.to_string().into()));
}

#[test]
fn verify_finds_a_flipped_byte() {
    let shop = Shop::with([one_of_each()]);
    shop.sql("UPDATE record SET json = replace(json, 'reddish', 'x') || ' ' WHERE seq = 4");
    let text = shop.check("ledger verify", 1);
    insta::assert_snapshot!(text);
    let json: serde_json::Value = serde_json::from_str(&shop.check("ledger verify --format json", 1)).unwrap();
    assert_eq!(json["intact"], false);
}

#[test]
fn verify_finds_a_cut_tail_by_an_earlier_head() {
    let shop = Shop::with([one_of_each()]);
    let earlier = Shop::with([one_of_each(), seen(9, Verdict::Pass)]).head;
    let text = shop.check(&format!("ledger verify --head {earlier}"), 1);
    assert!(text.contains("the tail is cut") && text.contains("the last record is 8"), "{text}");
    shop.check("ledger verify", 0);
    assert!(shop.refused("ledger verify --head 12", 2).contains("a head is SEQ:CHAIN"));
}

#[test]
fn prune_drops_payloads_and_says_what_stays() {
    let shop = Shop::with([one_of_each(), seen(7, meaning_gone()), seen(8, Verdict::Pass)]);
    let text = shop.check("ledger prune --keep 1d --format json", 0);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["dropped"], 2);
    assert!(shop.check("ledger prune --keep 90d", 0).starts_with("Dropped 0 payloads"));
    shop.check("ledger verify", 0);
    assert_eq!(shop.check("ledger tail --format json", 0).lines().count(), 12);
    assert!(shop.refused("ledger prune", 2).contains("--keep"));
    assert!(shop.refused("ledger prune --keep ninety", 2).contains("`ninety` is no length of time"));
    assert!(shop.refused("ledger prune --keep 900000w", 2).contains("before all time"));
}

#[test]
fn rebuild_mends_what_is_derived() {
    let shop = Shop::with([one_of_each()]);
    shop.sql("UPDATE projection SET value = '{}' WHERE key = 'b'");
    assert!(shop.check("ledger verify", 1).contains("projection latest of `b` does not follow"));
    assert_eq!(shop.check("ledger rebuild", 0), "Rebuilt 3 projections from 8 records.\n");
    shop.check("ledger verify", 0);
}

#[test]
fn history_folds_equal_verdicts_and_names_the_findings() {
    let unknown = || Verdict::Unknown(vec![Finding::new(codes::RESOLVER_FAILED).detail("SERVFAIL for shop.example")]);
    let slow = || Verdict::Fail(vec![Finding::new(codes::TIMEOUT).detail("no complete answer\nwithin 5s")]);
    let looks = [
        vec![Verdict::Pass; 5],
        vec![meaning_gone(), meaning_gone(), slow()],
        vec![unknown()],
        vec![Verdict::Pass; 3],
        vec![meaning_gone()],
    ];
    let shop = Shop::with(looks.concat().into_iter().zip(0..).map(|(verdict, minute)| seen(60 * minute, verdict)));
    let text = shop.check("history shop-page", 0);
    let (before, after) = text.split_once("last look ").unwrap();
    let (_, after) = after.split_once(" ago").unwrap();
    let text = format!("{before}last look [LONG] ago{after}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
    assert!(shop.check("history shop-page -n 2", 0).contains("There are older changes"));
    let json: serde_json::Value = serde_json::from_str(&shop.check("history shop-page --format json", 0)).unwrap();
    let spells = json["spells"].as_array().unwrap().iter();
    let looks: Vec<_> =
        spells.map(|spell| (spell["verdict"].as_str().unwrap(), spell["looks"].as_u64().unwrap())).collect();
    assert_eq!(looks, [("fail", 1), ("pass", 3), ("unknown", 1), ("fail", 3), ("pass", 5)]);
}

#[test]
fn a_check_without_history_is_cannot_tell_with_the_nearest_name() {
    let shop = Shop::with([seen(0, Verdict::Pass)]);
    insta::assert_snapshot!(shop.refused("history shop-pgae", 3), @"error: nothing is recorded about a check `shop-pgae`; did you mean `shop-page`?");
    insta::assert_snapshot!(shop.refused("history something-else", 3), @"error: nothing is recorded about a check `something-else`; recorded are: shop-page");
    assert!(shop.refused("history shop-page --since 2100-01-01", 3).contains("leave --since out"));
}

#[test]
fn the_ledger_is_found_from_below_and_where_the_configuration_says() {
    let shop = Shop::with([one_of_each()]);
    let below = shop.folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    assert_eq!(steadfast(&below, "ledger verify").status.code(), Some(0));
    std::fs::write(below.join("steadfast.toml"), "[ledger]\npath = \"../../.steadfast/ledger.db\"").unwrap();
    assert_eq!(steadfast(&below, "ledger verify").status.code(), Some(0));
    assert_eq!(shop.check("ledger verify --config a/b/steadfast.toml", 0), shop.check("ledger verify", 0));
}

#[test]
fn no_ledger_is_cannot_tell_and_a_wrong_configuration_is_usage() {
    let shop = Shop::with([]);
    insta::assert_snapshot!(shop.refused("ledger verify --ledger none.db", 3));
    insta::assert_snapshot!(shop.refused("ledger rebuild --ledger none.db", 3));
    assert!(!shop.folder.path().join("none.db").exists(), "nothing is made to look at");
    insta::assert_snapshot!(shop.refused("ledger tail --ledger steadfast.toml", 3));
    insta::assert_snapshot!(shop.refused("ledger tail --config none.toml", 2));
    std::fs::write(shop.folder.path().join("steadfast.toml"), "[ledger]\npath = 3").unwrap();
    insta::assert_snapshot!(shop.refused("ledger tail", 2));
    std::fs::write(shop.folder.path().join("steadfast.toml"), "[ledger").unwrap();
    insta::assert_snapshot!(shop.refused("ledger tail", 2));
    std::fs::remove_file(shop.folder.path().join("steadfast.toml")).unwrap();
    insta::assert_snapshot!(shop.refused("ledger tail", 2));
}

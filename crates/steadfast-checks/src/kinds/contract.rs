//! The kind `contract`: whether a data set keeps what its contract promises. A thin face over `steadfast-contract`.

use std::sync::Arc;

use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_contract::check::{Running, run};
use steadfast_contract::comparison::Comparison;
use steadfast_contract::contract::{Contract as Promises, Options, Profile};
use steadfast_contract::freshness::is_kept;
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::read::{Fault, Input};
use steadfast_contract::report::{Asked, Outcome as Held, Report, tell};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Seen, Side, codes};
use steadfast_core::kind::{EXEMPLAR_AT, Exemplar, Kind, Other};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::Count;
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::setting::{Node, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

use crate::blocking::on_a_thread;
use crate::text_claims::story_of;

/// Findings that are kept in words.
const TOLD: usize = 5;

steadfast_core::settings! {
    /// Holds a data file to its contract: a JSON Schema with our annotations, or an ODCS document that links to one.
    ///
    /// JSON lines, a JSON array, one JSON value or CSV; plain, gzip or zstandard. `docs/contracts.md` says what a
    /// contract can promise; `steadfast contract check` is the same by hand, with every finding.
    pub struct ContractLook {
        /// The data: a path, or a target that a drill can route elsewhere.
        file: Address,
        /// The contract.
        contract: Address,
        /// The sidecar of the last accepted release (`steadfast contract accept`), to compare with by key.
        baseline: Option<Address>,
    }
}

steadfast_core::settings! {
    /// What the data has to keep. Age is judged by the time of the observation.
    pub struct ContractExpect {
        /// `true`: every record holds, keys are there once, and nothing was lost that the contract wants kept.
        holds: Option<bool>,
        /// How many records: `{ at_least = 100000 }`.
        records: Option<Count>,
        /// `true`: the newest record is no older than the contract promises (`x-freshness`, or the SLA).
        fresh: Option<bool>,
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractSeen {
    /// Records.
    pub records: u64,
    /// Bytes, unpacked.
    pub bytes: u64,
    /// Records that do not hold.
    pub bad: u64,
    /// Records whose key stands twice, or that have none.
    pub keys_wrong: u64,
    /// Lost against the baseline beyond what the contract allows: records that lost a value, and keys.
    pub lost: u64,
    /// The first findings in words.
    pub findings: Vec<String>,
    /// Why something could not be told.
    pub cannot_tell: Vec<String>,
    /// The time of the newest record.
    pub newest: Option<Timestamp>,
    /// Seconds that it may be old by the contract.
    pub fresh_for: Option<u64>,
}

const BROKEN: Code = Code {
    word: "contract-broken",
    side: Side::Fail,
    meaning: "records of the data break its contract, or a release lost what the contract wants kept",
    advice: "`steadfast contract check FILE --contract C` lists every finding and quarantines the bad records",
};

const NOT_TOLD: Code = Code {
    word: "contract-not-told",
    side: Side::Unknown,
    meaning: "the data could not be judged to its end: cut short, damaged, or changed while it was read",
    advice: "was it being written? judge it again when it is at rest",
};

const NOT_USABLE: Code = Code {
    word: "contract-not-usable",
    side: Side::Unknown,
    meaning: "the contract or the baseline cannot be read, so nothing was judged",
    advice: "`steadfast contract explain . --contract C` says what is wrong with it",
};

/// The kind `contract`.
pub struct Contract;

impl Kind for Contract {
    const NAME: &'static str = "contract";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[BROKEN, NOT_TOLD, NOT_USABLE];
    const DEAD: &'static [&'static str] = &[
        "file = \"no-such.jsonl\"\ncontract = \"no-such.schema.json\"\nexpect.holds = true",
        "file = \"/no/such/data.jsonl\"\ncontract = \"/no/such/contract.json\"\nexpect.records = { at_least = 1 }",
    ];
    const WITH_SECRETS: &'static [&'static str] =
        &["file = { env = \"SECRET_FOLDER\" }\ncontract = { env = \"SECRET_FOLDER\" }\nexpect.holds = true"];
    type Look = ContractLook;
    type Expect = ContractExpect;
    type Seen = ContractSeen;

    fn validate(_look: &ContractLook, expect: &ContractExpect, table: &Node, problems: &mut Problems) {
        for (name, value) in [("holds", expect.holds), ("fresh", expect.fresh)] {
            if value == Some(false) {
                problems.add(table.place(&["expect", name]), format!("`{name} = false` says nothing"), "leave it out");
            }
        }
    }

    fn describe(look: &ContractLook) -> String {
        format!("{} by the contract {}", look.file.shown(), look.contract.shown())
    }

    fn addresses(look: &ContractLook) -> Vec<&Address> {
        [&look.file, &look.contract].into_iter().chain(&look.baseline).collect()
    }

    async fn observe(look: &ContractLook, world: &World) -> Outcome<ContractSeen> {
        let look = look.clone();
        on_a_thread(world, move |world| look_at(&look, world)).await.into()
    }

    fn judge(expect: &ContractExpect, seen: &ContractSeen, at: Timestamp, judgement: &mut Judgement) {
        let cut = seen.cannot_tell.first();
        if expect.holds.is_some() {
            let wrong = seen.bad + seen.keys_wrong + seen.lost;
            if wrong > 0 {
                judgement.add(BROKEN, |f| {
                    f.of("holds").expected(true).seen(Seen::Value(json!(wrong))).detail(seen.findings.join("; "))
                });
            } else if seen.records == 0 && cut.is_none() {
                judgement.add(codes::EMPTY, |f| f.of("holds").expected(true).detail("there is no record"));
            }
        }
        if let Some(count) = &expect.records
            && !count.admits(seen.records)
            // What was not read could only add to it.
            && (cut.is_none() || count.at_most.or(count.equals).is_some_and(|most| seen.records > most))
        {
            judgement.add(codes::OUT_OF_BOUNDS, |f| {
                f.of("records").expected(count.write()).seen(Seen::Value(json!(seen.records)))
            });
        }
        if expect.fresh.is_some() {
            fresh(seen, at, judgement);
        }
        if let Some(why) = cut {
            for claim in Contract::claims(expect) {
                judgement.add(NOT_TOLD, |f: Finding| f.of(claim).detail(why.clone()));
            }
        }
    }

    fn claims(expect: &ContractExpect) -> Vec<String> {
        [("holds", expect.holds.is_some()), ("records", expect.records.is_some()), ("fresh", expect.fresh.is_some())]
            .into_iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    fn numbers(seen: &ContractSeen) -> Map<String, Value> {
        let numbers = [("records", seen.records), ("bytes", seen.bytes), ("bad", seen.bad), ("lost", seen.lost)];
        numbers.into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect()
    }

    fn impostors(
        _look: &ContractLook,
        seen: &ContractSeen,
        _: Timestamp,
        _others: &[Other<'_, Self>],
    ) -> Vec<Sabotage<ContractSeen>> {
        let none = ContractSeen { records: 0, bytes: 0, newest: None, ..seen.clone() };
        let half = ContractSeen { records: seen.records / 2, bytes: seen.bytes / 2, ..seen.clone() };
        let damaged = ContractSeen {
            bad: (seen.records / 3).max(1),
            findings: vec!["people[]: string where object expected".to_owned()],
            ..seen.clone()
        };
        let mut all = vec![
            Sabotage::seen("empty", "the job wrote an empty file, and every record of it is valid", none),
            Sabotage::seen("half", "the builder stopped halfway, and what it wrote is valid", half),
            Sabotage::seen(
                "damaged",
                "an ETL wrote strings where the site expects objects: 88 minutes of 500s",
                damaged,
            ),
        ];
        if let Some(newest) = seen.newest {
            let old = newest.saturating_sub(Span::new().hours(3 * 366 * 24)).unwrap_or(Timestamp::UNIX_EPOCH);
            let stale = ContractSeen { newest: Some(old), ..seen.clone() };
            all.push(Sabotage::seen("stale", "the job stopped long ago, and its last file still lies there", stale));
        }
        all
    }

    fn breakages(expect: &ContractExpect, seen: &ContractSeen, at: Timestamp) -> Vec<Breakage<ContractSeen>> {
        let mut all = Vec::new();
        let mut add = |claim: &str, name: String, story: &'static str, broken: ContractSeen| {
            all.push(Breakage::new(claim, format!("{claim}: {name}"), story, broken));
        };
        if expect.holds.is_some() {
            let one = ContractSeen { bad: 1, ..seen.clone() };
            add("holds", "one bad record".into(), "one record of all breaks the contract", one);
            let twice = ContractSeen { keys_wrong: 1, ..seen.clone() };
            add("holds", "a key twice".into(), "two builders wrote the same record", twice);
            let lost = ContractSeen { lost: 1, ..seen.clone() };
            add("holds", "a value lost".into(), "387 populated records were overwritten with empty ones", lost);
        }
        for wrong in expect.records.iter().flat_map(Count::wrong) {
            let broken = ContractSeen { records: wrong, ..seen.clone() };
            add("records", format!("{wrong} records"), story_of("one item more or fewer"), broken);
        }
        if expect.fresh.is_some() {
            let limit = seen.fresh_for.unwrap_or_default().min(i64::MAX as u64 / 2) as i64;
            let late = Timestamp::from_second(at.as_second().saturating_sub(limit).saturating_sub(1)).ok();
            let old = ContractSeen { newest: late, ..seen.clone() };
            add("fresh", "a second too old".into(), story_of("one step past the bound"), old);
            let unpromised = ContractSeen { fresh_for: None, ..seen.clone() };
            add(
                "fresh",
                "no promise".into(),
                "the contract lost its freshness in an edit, and nobody asks any more",
                unpromised,
            );
            let timeless = ContractSeen { newest: None, ..seen.clone() };
            add("fresh", "no time".into(), "the builder stopped writing when it made a record", timeless);
        }
        for claim in Contract::claims(expect) {
            let cut = ContractSeen { cannot_tell: vec!["the last record is cut short".into()], ..seen.clone() };
            add(&claim, "cut short".into(), "the file was read while it was being pushed", cut);
        }
        all
    }

    fn variations(seen: &ContractSeen) -> Vec<Sabotage<ContractSeen>> {
        let more = ContractSeen { bytes: seen.bytes + 1, ..seen.clone() };
        vec![Sabotage::seen("a byte more", "another blank line", more)]
    }

    fn unclaimed(expect: &ContractExpect, seen: &ContractSeen) -> Unclaimed {
        let fields = [
            ("the records' verdict", true, expect.holds.is_some()),
            ("records", true, expect.records.is_some()),
            ("newest", seen.newest.is_some(), expect.fresh.is_some()),
        ];
        let there = fields.into_iter().filter(|(_, there, _)| *there);
        let unread = there.clone().filter(|(.., read)| !*read).map(|(name, ..)| name.to_owned());
        Unclaimed { of: there.count(), fields: unread.collect() }
    }

    fn candidates(_look: &ContractLook, greens: &[&ContractSeen]) -> Vec<Value> {
        let mut all = vec![json!({ "holds": true })];
        let fewest = greens.iter().map(|green| green.records).min().unwrap_or_default();
        if fewest > 0 {
            all.push(json!({ "records": { "at_least": fewest - fewest / 4 } }));
        }
        if greens.iter().all(|green| green.fresh_for.is_some()) {
            all.push(json!({ "fresh": true }));
        }
        all
    }

    fn exemplars() -> Vec<Exemplar<ContractSeen>> {
        vec![Exemplar {
            good: r#"
# The name cache, before it is pushed and while it is served.
file = "data/name_cache.jsonl"
contract = "contracts/name_cache.schema.json"
baseline = "contracts/name_cache.accepted"
expect.holds = true
expect.records = { at_least = 90000 }
expect.fresh = true
"#,
            naive: "file = \"data/name_cache.jsonl\"\ncontract = \"contracts/name_cache.schema.json\"\nexpect.records = { at_least = 1 }\n",
            naive_survivors: &["damaged", "half", "stale"],
            seen: ContractSeen {
                records: 102_373,
                bytes: 500_000_736,
                bad: 0,
                keys_wrong: 0,
                lost: 0,
                findings: Vec::new(),
                cannot_tell: Vec::new(),
                newest: EXEMPLAR_AT.saturating_sub(Span::new().hours(20)).ok(),
                fresh_for: Some(30 * 86_400),
            },
        }]
    }
}

fn fresh(seen: &ContractSeen, at: Timestamp, judgement: &mut Judgement) {
    match (seen.newest, seen.fresh_for) {
        (Some(newest), Some(limit)) => {
            let age = at.as_second().saturating_sub(newest.as_second());
            let seen = Seen::Value(json!(newest));
            let expected = json!({ "younger_than": format!("{limit}s") });
            match is_kept(age, limit) {
                Some(true) => {}
                Some(false) => judgement.add(codes::TOO_OLD, |f| f.of("fresh").expected(expected).seen(seen)),
                None => judgement.add(codes::NO_DATE, |f| {
                    let detail = "the newest record is of a time to come: it says nothing of the age of the others";
                    f.of("fresh").expected(expected).seen(seen).detail(detail)
                }),
            }
        }
        (None, Some(_)) => judgement.add(codes::NO_DATE, |f| {
            f.of("fresh").expected(true).seen(Seen::Missing).detail("no record says when it was made")
        }),
        (_, None) => judgement.add(codes::MISSING, |f| {
            f.of("fresh").expected(true).seen(Seen::Missing).detail("the contract promises no freshness (x-freshness)")
        }),
    }
}

fn look_at(look: &ContractLook, world: &World) -> Result<ContractSeen, Trouble> {
    let redacted = |text: String| world.redactor().text(&text).unwrap_or(text);
    let file = world.path(&look.file)?;
    let promises = world.path(&look.contract)?;
    let baseline = look.baseline.as_ref().map(|baseline| world.path(baseline)).transpose()?;
    for path in [&promises, &file].into_iter().chain(&baseline) {
        std::fs::File::open(path).map_err(|why| Trouble::of_io(&why))?;
    }
    let contract = Promises::open(&promises, &Options::default())
        .map_err(|why| Trouble::new(NOT_USABLE, redacted(why.to_string())))?;
    let judge = Judge::new(&contract, Profile::Write, Look { keys: true, freshness: true });
    let asked = Asked { baseline, keep: TOLD, ..Asked::default() };
    let comparison = Comparison::open(&judge, &asked).map_err(|why| Trouble::new(NOT_USABLE, redacted(why)))?;
    let ran = run(&judge, &[Input::File(file)], &Running::default(), &Arc::default()).map_err(|fault| match fault {
        Fault::Usage(why) => Trouble::new(NOT_USABLE, redacted(why)),
        Fault::Unreadable(why) => Trouble::new(codes::LOCAL_TROUBLE, redacted(why)),
    })?;
    let newest = ran.tally.times.newest.and_then(|newest| Timestamp::from_second(newest).ok());
    let (report, _) = tell(&judge, ran, &asked, comparison);
    let mut findings = words(&report);
    findings.truncate(TOLD);
    let mut cannot_tell = match report.outcome {
        // No record is an answer of its own here.
        Held::CannotTell if report.records > 0 => report.cannot_tell.clone(),
        Held::Broken if report.unsure > 0 => report.cannot_tell.clone(),
        Held::Holds | Held::Broken | Held::CannotTell => Vec::new(),
    };
    cannot_tell.truncate(TOLD);
    let regression = report.regression.as_ref();
    let changed: u64 = regression
        .iter()
        .flat_map(|regression| &regression.changes)
        .filter(|change| change.broken)
        .map(|change| change.records)
        .sum();
    let keys = regression.map_or(0, |regression| {
        [&regression.gone, &regression.new].into_iter().filter(|keys| keys.broken).map(|keys| keys.records).sum()
    });
    Ok(ContractSeen {
        records: report.records,
        bytes: report.bytes,
        bad: report.bad,
        keys_wrong: report.duplicates + report.keyless,
        lost: changed + keys,
        findings: findings.into_iter().map(redacted).collect(),
        cannot_tell: cannot_tell.into_iter().map(redacted).collect(),
        newest,
        fresh_for: contract.freshness().map(|fresh| fresh.max_age),
    })
}

/// What is wrong, a line each, the most frequent first.
fn words(report: &Report) -> Vec<String> {
    let mut words: Vec<String> = report
        .groups
        .iter()
        .map(|group| format!("{}, {} records, first at line {}", group.text, group.records, group.first.line))
        .collect();
    if report.duplicates > 0 {
        let keys = if report.duplicates == 1 { "key stands" } else { "keys stand" };
        words.push(format!("{} {keys} twice", report.duplicates));
    }
    for change in report.regression.iter().flat_map(|regression| &regression.changes).filter(|change| change.broken) {
        words.push(format!("{}: {} records, {}", change.path, change.records, change.transition));
    }
    if let Some(regression) = report.regression.as_ref().filter(|regression| regression.gone.broken) {
        words.push(format!("{} keys gone", regression.gone.records));
    }
    words
}

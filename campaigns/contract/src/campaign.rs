//! Records against the plan and the official judge, and what came of it.

use serde_json::Value;
use steadfast_contract::contract::{Contract, Options};
use steadfast_contract::plan::Answer;
use steadfast_contract::plan::bug::{Bug, Flaw};
use steadfast_contract::strict;

use crate::random::Random;
use crate::{record, schema};

/// Records that are judged by one random schema.
const BY_ONE_SCHEMA: u64 = 40;

/// A walk with one bug in it; exists in this package only.
#[derive(Debug, Clone, Copy)]
pub struct Planted(pub Bug);

impl Flaw for Planted {
    fn makes(self, bug: Bug) -> bool {
        self.0 == bug
    }
}

/// What the plan said, and what the official judge made of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Half {
    /// Records.
    pub cases: u64,
    /// Accepted by the plan alone.
    pub accepted: u64,
    /// Rejected by the plan alone.
    pub rejected: u64,
    /// Left to the official judge.
    pub unknown: u64,
    /// Records that hold.
    pub valid: u64,
}

impl Half {
    fn add(&mut self, other: Half) {
        self.cases += other.cases;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.unknown += other.unknown;
        self.valid += other.valid;
    }
}

/// What a campaign came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Records by the name cache's contract.
    pub name_cache: Half,
    /// Records by random schemas.
    pub random: Half,
    /// Random schemas.
    pub schemas: u64,
    /// (schema, record, what is wrong)
    pub disagreements: Vec<(String, String, String)>,
}

impl Tally {
    /// Adds another campaign's.
    pub fn add(&mut self, other: Tally) {
        self.name_cache.add(other.name_cache);
        self.random.add(other.random);
        self.schemas += other.schemas;
        self.disagreements.extend(other.disagreements);
    }

    /// In words.
    pub fn told(&self) -> String {
        let half = |name: &str, half: &Half| {
            let alone = half.accepted + half.rejected;
            format!(
                "{name:<14} {:>10} records, {:>9} valid, the plan alone gave {:.2} % of the verdicts and accepted {:.2} % of the valid\n",
                half.cases,
                half.valid,
                alone as f64 * 100.0 / half.cases.max(1) as f64,
                half.accepted as f64 * 100.0 / half.valid.max(1) as f64,
            )
        };
        format!(
            "{}{}random schemas: {}; disagreements: {}\n",
            half("name cache", &self.name_cache),
            half("random schemas", &self.random),
            self.schemas,
            self.disagreements.len()
        )
    }
}

/// The name cache's contract.
pub fn name_cache() -> Contract {
    let text = include_bytes!("../../../examples/name-cache/name_cache.schema.json");
    match Contract::parse("name_cache.schema.json", text, &Options::default()) {
        Ok(contract) => contract,
        Err(why) => panic!("the example is broken: {why}"),
    }
}

/// Runs `cases` records; stops early once `enough` disagreements are found.
pub fn run<F: Flaw>(cases: u64, seed: u64, enough: usize, flaw: F) -> Tally {
    let mut tally = Tally::default();
    let mut random = Random(seed);
    let name_cache = name_cache();
    let mut done = 0;
    while done < cases && tally.disagreements.len() < enough {
        let round = BY_ONE_SCHEMA.min(cases - done);
        done += round;
        let half = round / 4;
        for _ in 0..half {
            one(&name_cache, &mut random, true, &mut tally, flaw);
        }
        let contract = loop {
            let schema = schema::schema(&mut random);
            // Not every random schema is one: a pattern may be none.
            if let Ok(contract) = Contract::parse("random", schema.to_string().as_bytes(), &Options::default()) {
                break contract;
            }
        };
        tally.schemas += 1;
        for _ in 0..round - half {
            one(&contract, &mut random, false, &mut tally, flaw);
        }
    }
    tally
}

fn one<F: Flaw>(contract: &Contract, random: &mut Random, name_cache: bool, tally: &mut Tally, flaw: F) {
    let mut value = record::likely(random, &contract.schema, &contract.schema, 4);
    for _ in 0..*random.pick(&[0, 0, 1, 2]) {
        record::damage(random, &mut value);
    }
    let text = record::write(random, &value);
    let alone = contract.plan().judge(&text, flaw);
    let (valid, wrong) = compare(contract, &text, alone);
    let half = if name_cache { &mut tally.name_cache } else { &mut tally.random };
    half.cases += 1;
    half.valid += u64::from(valid);
    match alone {
        Answer::Accept(_) => half.accepted += 1,
        Answer::Reject => half.rejected += 1,
        Answer::DontKnow => half.unknown += 1,
    }
    if let Some(wrong) = wrong {
        let schema = if name_cache { "name cache".to_owned() } else { contract.schema.to_string() };
        tally.disagreements.push((schema, String::from_utf8_lossy(&text).into_owned(), wrong.to_owned()));
    }
}

/// Whether the record holds, and what is wrong with the plan's answer.
pub fn compare(contract: &Contract, text: &[u8], alone: Answer) -> (bool, Option<&'static str>) {
    let parsed: Result<Value, _> = serde_json::from_slice(text);
    let read = strict::read(text).ok();
    let valid = read.as_ref().is_some_and(|read| read.duplicates.is_empty() && contract.officially_valid(&read.value));
    let wrong = match (alone, &parsed, &read) {
        (Answer::Accept(_), Err(_), _) => Some("accepted, and serde_json does not parse it"),
        (Answer::Accept(_), Ok(_), Some(read)) if !read.duplicates.is_empty() => Some("accepted, with two equal keys"),
        (Answer::Accept(_), Ok(value), _) if !contract.officially_valid(value) => Some("accepted, and not valid"),
        (Answer::Reject, Ok(_), Some(_)) if valid => Some("rejected, and valid"),
        _ => None,
    };
    (valid, wrong)
}

//! What every kind must keep to, over the one list. A rule is a function and a line in [`RULES`]; each is tripped by
//! a kind that breaks it, in [`toys`].

mod toys;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Value, json};
use steadfast_checks::kinds::KINDS;
use steadfast_core::check::{AnyKind, Check, Neighbour, Shown, Sighting, Specimen, StoredSighting};
use steadfast_core::finding::{Code, codes};
use steadfast_core::kind::EXEMPLAR_AT;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Observation, Outcome};
use steadfast_core::proof::Proof;

use crate::scene::{Scene, try_read, try_read_json};

#[test]
fn every_kind_keeps_to_every_rule() {
    assert!(!KINDS.is_empty());
    let broken: Vec<String> = KINDS
        .iter()
        .flat_map(|kind| {
            violations(*kind).into_iter().map(move |(rule, what)| format!("{}: {rule}: {what}", kind.name()))
        })
        .collect();
    assert!(broken.is_empty(), "{} violations\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn no_two_kinds_share_a_name_or_a_code() {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), KINDS.len());
    let all: Vec<&Code> = KINDS.iter().flat_map(|kind| kind.codes()).chain(codes::SHARED).collect();
    let words: BTreeSet<&str> = all.iter().map(|code| code.word).collect();
    assert_eq!(words.len(), all.len(), "a code that two kinds define");
}

type Rule = fn(&dyn AnyKind, &mut Vec<String>);

const RULES: &[(&str, Rule)] = &[
    ("its configuration reads back as written", configuration_reads_back),
    ("every key is documented", every_key_is_documented),
    ("its codes are words with a meaning and advice", codes_are_explained),
    ("a dead target is an observation", a_dead_target_is_an_observation),
    ("judge reads only its observation", judge_reads_only_its_observation),
    ("every field that judge reads is broken by some sabotage", every_field_read_is_broken),
    ("each sabotage has a name and a story", every_sabotage_has_a_story),
    ("the good configuration catches every impostor", the_good_one_catches_all),
    ("the good configuration has no dead expectation", the_good_one_has_no_dead_expectation),
    ("the good configuration passes every variation", the_good_one_is_not_brittle),
    ("the naive configuration survives exactly what it says", the_naive_one_survives_what_it_says),
    ("no secret is in the observation", no_secret_is_kept),
];

fn violations(kind: &dyn AnyKind) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (name, rule) in RULES {
        let mut found = Vec::new();
        rule(kind, &mut found);
        all.extend(found.into_iter().map(|what| (*name, what)));
    }
    all
}

fn configuration_reads_back(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for specimen in kind.specimens() {
        for table in [specimen.good, specimen.naive] {
            let Some(check) = read(kind, table, broken) else { continue };
            let asked: Value = toml::from_str(table).unwrap();
            for (kept, asked) in [(&check.written(), &asked), (&check.written()["expect"], &asked["expect"])] {
                let lost = asked.as_object().into_iter().flatten().filter(|(key, _)| kept.get(key).is_none());
                broken.extend(lost.map(|(key, _)| format!("`{key}` is not written")));
            }
            match try_read_json(kind, &check.written()) {
                Ok(again) if again.look_hash() == check.look_hash() && again.claim_hash() == check.claim_hash() => {}
                Ok(again) => broken.push(format!("{} became {}", check.written(), again.written())),
                Err(problems) => broken.push(format!("{} cannot be read: {problems:?}", check.written())),
            }
        }
    }
}

fn every_key_is_documented(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    let manual = kind.manual();
    for (what, page) in [("the look", &manual.look), ("expect", &manual.expect)] {
        if page.trim().is_empty() {
            broken.push(format!("{what} has no manual"));
        }
    }
    for field in manual.look_fields.iter().chain(&manual.expect_fields) {
        if field.manual.trim().is_empty() {
            broken.push(format!("`{}` has no manual", field.key));
        }
    }
    if manual.examples.is_empty() {
        broken.push("no example".into());
    }
}

fn codes_are_explained(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for code in kind.codes() {
        let is_word = code.word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if !is_word || code.meaning.is_empty() || code.advice.is_empty() {
            broken.push(format!("`{}`", code.word));
        }
    }
}

fn a_dead_target_is_an_observation(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    if kind.dead().is_empty() {
        broken.push("it names no dead target".into());
    }
    for table in kind.dead() {
        let Some(check) = read(kind, table, broken) else { continue };
        match catch_unwind(AssertUnwindSafe(|| Scene::new().look(&*check))) {
            Err(_) => broken.push(format!("{table}: it panics")),
            Ok(sighting) if check.judge(&sighting).is_pass() => broken.push(format!("{table}: it passes")),
            Ok(sighting) => {
                if check.read(&sighting.stored()).is_err() {
                    broken.push(format!("{table}: it cannot be read back"));
                }
            }
        }
    }
}

fn judge_reads_only_its_observation(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    let mut compare = |check: &dyn Check, sighting: &Sighting, what: &str| {
        let text = serde_json::to_string(&sighting.stored()).unwrap();
        let stored: StoredSighting = serde_json::from_str(&text).unwrap();
        match check.read(&stored) {
            Ok(again) if check.judge(&again) == check.judge(sighting) => {}
            Ok(again) => broken.push(format!(
                "{what} is judged {:?}, and {:?} when it was stored and read back",
                check.judge(sighting),
                check.judge(&again)
            )),
            Err(why) => broken.push(format!("{what} cannot be read back: {}", why.0)),
        }
    };
    for (check, specimen) in specimens(kind) {
        let green = sighting(kind, &*check, Outcome::Seen(specimen.seen.clone()));
        compare(&*check, &green, "the exemplar");
        for shown in (specimen.sabotages)(&*check, &green) {
            compare(&*check, &sighting(kind, &*check, shown.outcome), &shown.name);
        }
    }
    let (scene, _echo) = secretive_scene();
    for table in kind.with_secrets().iter().chain(kind.dead()) {
        let Ok(check) = try_read(kind, &table.replace("{echo}", &_echo.address)) else { continue };
        // A look that panics is told by another rule.
        if let Ok(sighting) = catch_unwind(AssertUnwindSafe(|| scene.look(&*check))) {
            compare(&*check, &sighting, "what was seen");
        }
    }
}

fn every_field_read_is_broken(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (check, specimen) in specimens(kind) {
        let green = sighting(kind, &*check, Outcome::Seen(specimen.seen.clone()));
        let sabotages: Vec<Value> = (specimen.sabotages)(&*check, &green)
            .into_iter()
            .filter_map(|shown: Shown| match shown.outcome {
                Outcome::Seen(seen) => Some(seen),
                Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => None,
            })
            .collect();
        for pointer in places(&specimen.seen) {
            let now = specimen.seen.pointer(&pointer);
            let is_read = changes(now.unwrap_or(&Value::Null)).into_iter().any(|value| {
                let mut seen = specimen.seen.clone();
                *seen.pointer_mut(&pointer).unwrap() = value;
                let stored = stored(kind, &*check, Outcome::Seen(seen));
                check.read(&stored).is_ok_and(|changed| !check.judge(&changed).is_pass())
            });
            // That all around it is gone does not count: it has to be wrong, or missing where others are left.
            let others_are_left = |seen: &Value| {
                let mut holder = pointer.as_str();
                while let Some((outer, _)) = holder.rsplit_once('/') {
                    match seen.pointer(outer) {
                        Some(Value::Array(items)) => return !items.is_empty(),
                        Some(Value::Object(map)) => return !map.is_empty(),
                        Some(_) | None => holder = outer,
                    }
                }
                false
            };
            let differs = |seen: &Value| seen.pointer(&pointer) != now && others_are_left(seen);
            if is_read && !sabotages.iter().any(differs) {
                broken.push(format!("{pointer} of {} is read and never broken", specimen.good.trim()));
            }
        }
    }
}

fn every_sabotage_has_a_story(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (check, specimen) in specimens(kind) {
        let green = sighting(kind, &*check, Outcome::Seen(specimen.seen.clone()));
        for shown in (specimen.sabotages)(&*check, &green) {
            if shown.name.trim().is_empty() || shown.story.split_whitespace().count() < 3 {
                broken.push(format!("`{}`: `{}`", shown.name, shown.story));
            }
        }
    }
}

fn the_good_one_catches_all(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (specimen, proof) in proofs(kind, |specimen| specimen.good, broken) {
        broken.extend(proof.survivors().map(|trial| format!("`{}` survives {}", trial.name, specimen.good.trim())));
    }
}

fn the_good_one_has_no_dead_expectation(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (_, proof) in proofs(kind, |specimen| specimen.good, &mut Vec::new()) {
        broken.extend(proof.dead().map(|claim| format!("`{}` is tripped by nothing", claim.claim)));
    }
}

fn the_good_one_is_not_brittle(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (_, proof) in proofs(kind, |specimen| specimen.good, &mut Vec::new()) {
        broken.extend(proof.brittle().map(|trial| format!("`{}` turns {:?} red", trial.name, trial.by)));
        if proof.variations.is_empty() {
            broken.push("no variation".into());
        }
    }
}

fn the_naive_one_survives_what_it_says(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    for (specimen, proof) in proofs(kind, |specimen| specimen.naive, broken) {
        let survivors: BTreeSet<&str> = proof.survivors().map(|trial| trial.name.as_str()).collect();
        let fits = |stated: &str, name: &str| match stated.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == stated,
        };
        for name in &survivors {
            if !specimen.naive_survivors.iter().any(|stated| fits(stated, name)) {
                broken.push(format!("`{name}` survives and is not stated"));
            }
        }
        for stated in specimen.naive_survivors {
            if !survivors.iter().any(|name| fits(stated, name)) {
                broken.push(format!("`{stated}` is stated and does not survive"));
            }
        }
    }
}

fn no_secret_is_kept(kind: &dyn AnyKind, broken: &mut Vec<String>) {
    let (scene, echo) = secretive_scene();
    for table in kind.with_secrets() {
        let Some(check) = read(kind, &table.replace("{echo}", &echo.address), broken) else { continue };
        let Ok(sighting) = catch_unwind(AssertUnwindSafe(|| scene.look(&*check))) else { continue };
        let kept = serde_json::to_string(&sighting.stored()).unwrap();
        let said = format!("{:?} {} {}", check.judge(&sighting), check.describe(), check.written());
        for (where_, text) in [("the observation", &kept), ("what is said", &said)] {
            for form in FORMS_OF_THE_SECRET {
                if text.contains(form) {
                    broken.push(format!("{table}: {form} is in {where_}: {text}"));
                }
            }
        }
    }
}

/// What `CANARY_TOKEN` is, and what stands in `SECRET_FOLDER` and `SECRET_DATABASE`; then its base64 at the three
/// alignments, and hexadecimal.
const FORMS_OF_THE_SECRET: &[&str] = &[
    "c4nary-t0ken-9f3",
    "YzRuYXJ5LXQwa2VuLTlm",
    "M0bmFyeS10MGtlbi05Z",
    "jNG5hcnktdDBrZW4tOW",
    "63346e6172792d74306b656e2d396633",
];

/// A scene whose secrets are those that `Kind::WITH_SECRETS` may use, and the echo.
fn secretive_scene() -> (Scene, Echo) {
    let mut scene = Scene::new();
    let token = FORMS_OF_THE_SECRET[0];
    let file = scene.write(&format!("{token}/readme.txt"), token);
    let database = scene.root().join(format!("{token}.db"));
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch(&format!("create table t(word); insert into t values ('{token}')")).unwrap();
    scene.secrets.extend([
        ("CANARY_TOKEN".to_owned(), token.to_owned()),
        ("SECRET_FOLDER".to_owned(), file.parent().unwrap().display().to_string()),
        ("SECRET_DATABASE".to_owned(), database.display().to_string()),
    ]);
    (scene, Echo::start())
}

/// An HTTP server that answers with the request it was sent.
struct Echo {
    address: String,
}

impl Echo {
    fn start() -> Echo {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&buffer[..read]),
                    }
                }
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", request.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&request));
            }
        });
        Echo { address }
    }
}

fn read(kind: &dyn AnyKind, table: &str, broken: &mut Vec<String>) -> Option<Box<dyn Check>> {
    try_read(kind, table).map_err(|problems| broken.push(format!("{table} cannot be read: {problems:?}"))).ok()
}

/// The good configurations with their exemplars. One that cannot be read is told by another rule.
fn specimens(kind: &dyn AnyKind) -> Vec<(Box<dyn Check>, Specimen)> {
    kind.specimens().into_iter().filter_map(|specimen| Some((try_read(kind, specimen.good).ok()?, specimen))).collect()
}

fn stored(kind: &dyn AnyKind, check: &dyn Check, outcome: Outcome<Value>) -> StoredSighting {
    Observation {
        at: EXEMPLAR_AT,
        took: Lapse::seconds(0),
        vantage: "inside".into(),
        look_hash: check.look_hash(),
        shape: kind.shape(),
        outcome,
    }
}

pub(crate) fn sighting(kind: &dyn AnyKind, check: &dyn Check, outcome: Outcome<Value>) -> Sighting {
    check.read(&stored(kind, check, outcome)).unwrap_or_else(|why| panic!("{}: {}", kind.name(), why.0))
}

/// Each specimen proven under one of its configurations, with the other specimens as neighbours.
fn proofs(
    kind: &dyn AnyKind,
    table: fn(&Specimen) -> &'static str,
    broken: &mut Vec<String>,
) -> Vec<(Specimen, Proof)> {
    let mut all = Vec::new();
    let others = specimens(kind);
    let greens: Vec<Sighting> =
        others.iter().map(|(check, specimen)| sighting(kind, &**check, Outcome::Seen(specimen.seen.clone()))).collect();
    for specimen in kind.specimens() {
        let Some(check) = read(kind, table(&specimen), broken) else { continue };
        let green = sighting(kind, &*check, Outcome::Seen(specimen.seen.clone()));
        let verdict = check.judge(&green);
        if !verdict.is_pass() {
            broken.push(format!(
                "the exemplar is not green under {}: {:?}",
                table(&specimen).trim(),
                verdict.findings()
            ));
            continue;
        }
        let neighbours: Vec<Neighbour<'_>> = others
            .iter()
            .zip(&greens)
            .filter(|((other, _), _)| other.look_hash() != check.look_hash())
            .map(|((other, _), green)| Neighbour { id: "another-exemplar", check: &**other, green })
            .collect();
        match check.prove(&[&green], &neighbours) {
            Some(proof) => all.push((specimen, proof)),
            None => broken.push("nothing can be proven".into()),
        }
    }
    all
}

/// The pointers to every value but the whole.
fn places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, item)| (key.replace('~', "~0").replace('/', "~1"), item)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, item) in inner {
        found.push(format!("/{key}"));
        found.extend(places(item).into_iter().map(|rest| format!("/{key}{rest}")));
    }
    found
}

/// Several other values that could stand in a value's place.
fn changes(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(0), json!(""), json!([])],
        Value::Bool(truth) => vec![json!(!truth), Value::Null],
        Value::Number(number) => {
            let all = [0.0, 1.0, 1e9].map(|other| json!(other as u64)).into_iter();
            let near =
                number.as_i64().into_iter().flat_map(|n| [n - 1, n + 1, n.saturating_mul(2), -n]).map(|n| json!(n));
            all.chain(near).chain([Value::Null]).filter(|other| other != value).collect()
        }
        Value::String(text) => {
            let mut all = vec![json!(""), json!("x"), json!(format!("{text}x")), Value::Null];
            if let Ok(time) = text.parse::<jiff::Timestamp>() {
                all.extend([-30_000, -1, 1, 30_000].map(|hours| json!(time + jiff::SignedDuration::from_hours(hours))));
            }
            all
        }
        Value::Array(items) => {
            let more = items.iter().cloned().chain([items.last().cloned().unwrap_or_else(|| json!("x"))]).collect();
            let fewer = items.iter().skip(1).cloned().collect();
            vec![json!([]), more, fewer].into_iter().filter(|other| other != value).collect()
        }
        Value::Object(_) => vec![json!({}), Value::Null],
    }
}

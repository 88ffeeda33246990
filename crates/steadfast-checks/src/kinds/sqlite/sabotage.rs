//! How the observations of the kind `sqlite` are broken to prove that a check of it can fail.

use jiff::{Span, Timestamp};
use serde_json::{Value, json};
use steadfast_core::kind::{EXEMPLAR_AT, Exemplar};
use steadfast_core::measure::{Bytes, Lapse};
use steadfast_core::predicate::Count;
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_core::setting::Setting;

use super::{By, Depth, SqliteExpect, SqliteLook, SqliteSeen};
use crate::text_claims::story_of;

pub(super) fn impostors(look: &SqliteLook, seen: &SqliteSeen, at: Timestamp) -> Vec<Sabotage<SqliteSeen>> {
    let mut all = vec![
        Sabotage::seen(
            "faulty",
            "a page was written by a dying disk: the application still answers, from another page",
            faulty(seen),
        ),
        Sabotage::seen(
            "new and empty",
            "the volume was not mounted, the application made a new database, and SQLite says ok to it",
            sound(look, &SqliteSeen { size: 4096, tables: Some(0), rows: Some(0), ..seen.clone() }),
        ),
        Sabotage::seen(
            "older copy",
            "a copy from long ago was put in its place: every page of it is sound, and the new rows are gone",
            sound(
                look,
                &SqliteSeen {
                    size: seen.size / 16,
                    tables: seen.tables.map(|tables| tables.div_ceil(2)),
                    rows: seen.rows.map(|rows| rows / 16),
                    ..seen.clone()
                },
            ),
        ),
    ];
    if look.by != By::Structure {
        let shallow = SqliteSeen { level: Some(Depth::Structure), ..seen.clone() };
        let story = "somebody made the nightly proof faster: it no longer looks at rows and indexes";
        all.push(Sabotage::seen("structure only", story, shallow));
    }
    if look.by == By::Stamp {
        let long_ago = at.saturating_sub(Span::new().hours(366 * 24)).unwrap_or(Timestamp::UNIX_EPOCH);
        let stale = SqliteSeen { proven_at: Some(long_ago), ..seen.clone() };
        let story = "the timer that proves the file has failed for a year, and nobody was told";
        all.push(Sabotage::seen("stale proof", story, stale));
    } else {
        let cut = unproven(seen, "its deadline passed after 12 of 409,600 pages (0 %)");
        let story = "the file has grown, and the pass does not end in the time it has";
        all.push(Sabotage::seen("cut short", story, cut));
    }
    if seen.free_space.is_some() {
        let full = SqliteSeen { free_space: Some(0), ..seen.clone() };
        let story = "the volume is full: what is there is sound, and the next write fails";
        all.push(Sabotage::seen("full volume", story, full));
    }
    all
}

pub(super) fn breakages(expect: &SqliteExpect, seen: &SqliteSeen, at: Timestamp) -> Vec<Breakage<SqliteSeen>> {
    let mut all = Vec::new();
    let mut add = |claim: &str, name: String, story: &'static str, broken: SqliteSeen| {
        all.push(Breakage::new(claim, format!("{claim}: {name}"), story, broken));
    };
    if let Some(wanted) = expect.level {
        add("level", "one fault".into(), "one entry of one index says another value than its row", faulty(seen));
        if wanted == Depth::Proven {
            let shallow = SqliteSeen { level: Some(Depth::Structure), ..seen.clone() };
            add("level", "structure only".into(), "rows and indexes were not looked at", shallow);
        }
        let cut = unproven(seen, "its deadline passed");
        add("level", "not proven".into(), "the pass ran out of time, and nothing is known of the rest", cut);
        let written = SqliteSeen { changed: vec!["its header".into()], ..unproven(seen, "") };
        add("level", "written since".into(), "the application wrote after the proof", written);
    }
    if let Some(limit) = expect.max_age_of_proof {
        let seconds = i64::try_from(limit.0.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        let late = Timestamp::from_second(at.as_second().saturating_sub(seconds)).ok();
        let name = "a second too old".into();
        let old = SqliteSeen { proven_at: late.or(Some(Timestamp::UNIX_EPOCH)), ..seen.clone() };
        add("max_age_of_proof", name, story_of("one second too old"), old);
        let ahead = at.saturating_add(Span::new().hours(24)).ok();
        let early = SqliteSeen { proven_at: ahead, ..seen.clone() };
        add("max_age_of_proof", "from the future".into(), "the clock that stamped it was a day ahead", early);
        let other = replaced(seen);
        add("max_age_of_proof", "another file".into(), "the proof is of the file that lay here before", other);
        let never = unproven(seen, "there is no stamp");
        add("max_age_of_proof", "no proof".into(), "the timer was never installed on this machine", never);
    }
    for (claim, count) in [("tables", &expect.tables), ("rows", &expect.rows)] {
        for wrong in count.iter().flat_map(Count::wrong) {
            let mut broken = seen.clone();
            *if claim == "tables" { &mut broken.tables } else { &mut broken.rows } = Some(wrong);
            add(claim, format!("{wrong} {claim}"), story_of("one item more or fewer"), broken);
        }
        if count.is_some() {
            let cut = unproven(seen, "its deadline passed");
            add(claim, "not counted".into(), "the pass ran out of time before it had counted", cut);
        }
    }
    for wrong in expect.free_space.iter().flat_map(|bound| bound.wrong()) {
        let broken = SqliteSeen { free_space: Some(wrong), ..seen.clone() };
        add("free_space", format!("{wrong} bytes"), story_of("one step past the bound"), broken);
    }
    all
}

pub(super) fn variations(seen: &SqliteSeen) -> Vec<Sabotage<SqliteSeen>> {
    let grown = SqliteSeen {
        size: seen.size.saturating_add(4096),
        rows: seen.rows.map(|rows| rows.saturating_add(1)),
        ..seen.clone()
    };
    let freed = SqliteSeen { free_space: seen.free_space.map(|free| free.saturating_add(1 << 20)), ..seen.clone() };
    vec![
        Sabotage::seen("a row more", "somebody wrote, as it is meant to be", grown),
        Sabotage::seen("more room", "a log was rotated on the same volume", freed),
    ]
}

/// What holds for all of them, the strongest first.
pub(super) fn candidates(look: &SqliteLook, greens: &[&SqliteSeen]) -> Vec<Value> {
    let mut all = Vec::new();
    if let Some(level) = greens.iter().map(|green| green.level).min().flatten() {
        all.push(json!({ "level": level.word() }));
    }
    if look.by == By::Stamp {
        all.push(json!({ "max_age_of_proof": Lapse::seconds(7 * 86_400).write() }));
    }
    let least = |of: fn(&SqliteSeen) -> Option<u64>| greens.iter().map(|green| of(green)).min().flatten();
    if let Some(rows) = least(|green| green.rows).filter(|rows| *rows > 0) {
        all.push(json!({ "rows": { "at_least": rows - rows / 4 } }));
    }
    if let Some(tables) = least(|green| green.tables).filter(|tables| *tables > 0) {
        all.push(json!({ "tables": { "at_least": tables } }));
    }
    // Half of it, in whole mebibytes.
    if let Some(free) = least(|green| green.free_space).map(|free| free >> 21 << 20).filter(|free| *free > 0) {
        all.push(json!({ "free_space": { "at_least": Bytes(free).write() } }));
    }
    all
}

pub(super) fn exemplars() -> Vec<Exemplar<SqliteSeen>> {
    let seen = SqliteSeen {
        size: 9_702_461_440,
        free_space: Some(21 << 30),
        level: Some(Depth::Proven),
        proven_at: Some(EXEMPLAR_AT),
        replaced: None,
        changed: Vec::new(),
        tables: Some(42),
        rows: Some(18_334_910),
        faults: 0,
        findings: Vec::new(),
        cannot_tell: Vec::new(),
    };
    vec![
        Exemplar {
            good: r#"
# The restored copy, in a drill: every page, every row, every index.
file = "restored/app.db"
max_rate = "64MiB"
expect.level = "proven"
expect.tables = { at_least = 40 }
expect.rows = { at_least = 15000000 }
expect.free_space = { at_least = "10GiB" }
"#,
            naive: "file = \"restored/app.db\"\nexpect.level = \"proven\"\n",
            naive_survivors: &["new and empty", "older copy", "full volume"],
            seen: seen.clone(),
        },
        Exemplar {
            good: r#"
# Before the application starts: the file is the one that was proven, and the proof is no older than a week.
file = "data/app.db"
by = "stamp"
stamp = "state/app.stamp"
expect.level = "proven"
expect.max_age_of_proof = "7d"
expect.rows = { at_least = 15000000 }
expect.free_space = { at_least = "10GiB" }
"#,
            naive: "file = \"data/app.db\"\nby = \"stamp\"\nstamp = \"state/app.stamp\"\nexpect.max_age_of_proof = \"7d\"\n",
            naive_survivors: &["structure only", "full volume"],
            seen: SqliteSeen { proven_at: EXEMPLAR_AT.saturating_sub(Span::new().hours(20)).ok(), ..seen.clone() },
        },
        Exemplar {
            good: r#"
# After a deploy, within its time: pages and trees.
file = "data/app.db"
by = "structure"
expect.level = "structure"
expect.tables = { at_least = 40 }
expect.rows = { at_least = 15000000 }
expect.free_space = { at_least = "10GiB" }
"#,
            naive: "file = \"data/app.db\"\nby = \"structure\"\nexpect.tables = { at_least = 1 }\n",
            naive_survivors: &["older copy", "full volume"],
            seen: SqliteSeen { level: Some(Depth::Structure), ..seen },
        },
    ]
}

fn faulty(seen: &SqliteSeen) -> SqliteSeen {
    SqliteSeen {
        level: None,
        proven_at: None,
        tables: None,
        rows: None,
        faults: 1,
        findings: vec!["by_name: row 300: no such entry (missing-entry), expected: an entry for every row".into()],
        ..seen.clone()
    }
}

/// As a pass sees another file that is sound in itself; a stamp sees that it is another one.
fn sound(look: &SqliteLook, other: &SqliteSeen) -> SqliteSeen {
    if look.by == By::Stamp { replaced(other) } else { other.clone() }
}

fn replaced(seen: &SqliteSeen) -> SqliteSeen {
    SqliteSeen {
        level: None,
        tables: None,
        rows: None,
        replaced: Some("it is another file (device or inode)".into()),
        changed: vec!["it is another file".into()],
        ..seen.clone()
    }
}

fn unproven(seen: &SqliteSeen, why: &str) -> SqliteSeen {
    SqliteSeen {
        level: None,
        proven_at: None,
        tables: None,
        rows: None,
        cannot_tell: vec![why.to_owned()],
        ..seen.clone()
    }
}

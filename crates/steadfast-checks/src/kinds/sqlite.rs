//! The kind `sqlite`: whether a database file is sound, to the last page. A thin face over `steadfast-sqlite`, which reads
//! the file once; the looking is in [`look`], the breaking in [`sabotage`].

mod look;
mod sabotage;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Seen, Side, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::{Bytes, Lapse};
use steadfast_core::observation::Outcome;
use steadfast_core::predicate::Count;
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::setting::{Node, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

use crate::size_bound::SizeBound;

/// A time so far in the future is another clock's and proves nothing.
const TOLERATED_SKEW_SECONDS: i64 = 300;

steadfast_core::words! {
    /// How the file is looked at.
    pub enum By {
        /// One pass over the whole file: pages, rows, and every index against its table.
        Proof = "proof",
        /// One pass over pages and trees; no values, no index content.
        Structure = "structure",
        /// The stamp of an earlier proof, in milliseconds at any size.
        Stamp = "stamp",
    }
}

steadfast_core::words! {
    /// How much is known of a file.
    pub enum Depth {
        /// Every page is part of one whole, and each tree is in order.
        Structure = "structure",
        /// That, and every row keeps its table's rules, and every index says what its table says.
        Proven = "proven",
    }
}

steadfast_core::settings! {
    /// Proves an SQLite file. Nothing is written, created or checkpointed beside it, and no lock that another program or
    /// this one holds on it is lost.
    ///
    /// `by = "proof"` reads the file once and proves what `PRAGMA integrity_check` proves, and more. When the check's
    /// `timeout` comes first, the answer is unknown and says how far it got: give it time (`timeout = "10m"`), and
    /// `max_rate` so that the application keeps its disk. That suits `post-deploy`, where the file is small, and `drill`,
    /// where nobody waits.
    ///
    /// `by = "stamp"` compares the file with the stamp that `steadfast sqlite stamp FILE --stamp STAMP` left after a
    /// proof, which takes milliseconds at any size: for `boot` and `watch`. Any write makes `level` unknown
    /// (`changed-since-proof`), so for a database that is being written to expect `max_age_of_proof` alone: then a timer
    /// that proves it every night cannot fail unnoticed, and neither can the file be replaced or put back to an older copy.
    /// `docs/sqlite-proof.md` says why one pass is enough; `steadfast sqlite verify` is the same by hand, with every fault.
    pub struct SqliteLook {
        /// The path of the database, or a target that a drill can route to a restored copy.
        file: Address,
        /// `proof`, `structure` or `stamp`.
        by: By = By::Proof,
        /// The stamp, with `by = "stamp"`.
        stamp: Option<Address>,
        /// With `by = "stamp"`: how many pages are read and compared with what was proven, drawn at random; without it 64.
        sample: Option<u32>,
        /// With `by = "stamp"`: `true` leaves out times, device and inode, for a copy of the file that was stamped.
        ignore_times: bool = false,
        /// With a pass: read no faster than so many bytes a second: `"16MiB"`.
        max_rate: Option<Bytes>,
    }
}

steadfast_core::settings! {
    /// What must be known of the file. Faults that were found fail the check whatever it expects.
    pub struct SqliteExpect {
        /// `proven`, or `structure` for pages and trees alone.
        level: Option<Depth>,
        /// With `by = "stamp"`: how old the last proof may be: `"7d"`. It must be one of this file; that the file was
        /// written to since does not matter.
        max_age_of_proof: Option<Lapse>,
        /// How many tables: `{ at_least = 1 }`. SQLite calls a database without any sound.
        tables: Option<Count>,
        /// How many rows, of all tables together: `{ at_least = 1000 }`.
        rows: Option<Count>,
        /// How much is free on the file's volume, for those who are not root: `{ at_least = "1GiB" }`.
        free_space: Option<SizeBound>,
    }
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqliteSeen {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that are free on its volume, if the system said so.
    pub free_space: Option<u64>,
    /// What is known of the file as it was when it was looked at.
    pub level: Option<Depth>,
    /// When it was proven: now, or as the stamp says.
    pub proven_at: Option<Timestamp>,
    /// Why the proof of the stamp is not one of this file.
    pub replaced: Option<String>,
    /// What is different from when it was proven.
    pub changed: Vec<String>,
    /// Tables, where they were counted.
    pub tables: Option<u64>,
    /// Rows of all tables, where they were counted.
    pub rows: Option<u64>,
    /// Faults.
    pub faults: u64,
    /// The first of them in words.
    pub findings: Vec<String>,
    /// Why no more is known.
    pub cannot_tell: Vec<String>,
}

const FAULTY: Code = Code {
    word: "database-faulty",
    side: Side::Fail,
    meaning: "the file was read and has faults: damaged pages, rows that break their table's rules, or an index that does not say what its table says",
    advice: "stop the writers and keep a copy of the file with its -wal; `steadfast sqlite verify FILE` lists every fault with what is lost and what repairs it",
};

const NOT_PROVEN: Code = Code {
    word: "not-proven",
    side: Side::Unknown,
    meaning: "no fault was seen, and not everything that should be known of the file could be found out",
    advice: "the detail says why: more `timeout`, a quieter hour, `level = \"structure\"`, or a stamp made by `steadfast sqlite stamp`",
};

const CHANGED_SINCE: Code = Code {
    word: "changed-since-proof",
    side: Side::Unknown,
    meaning: "the file is no longer the one that was proven, as after any write",
    advice: "prove it again: `steadfast sqlite stamp FILE --stamp STAMP`; for a file that is written to, expect `max_age_of_proof` alone",
};

const OTHER_FILE: Code = Code {
    word: "proof-of-another-file",
    side: Side::Unknown,
    meaning: "the file was replaced or put back to an older copy since it was proven, so the proof says nothing about it",
    advice: "was it restored or swapped on purpose? prove what lies there now: `steadfast sqlite stamp FILE --stamp STAMP`",
};

const CHANGED_MEANWHILE: Code = Code {
    word: "changed-while-read",
    side: Side::Unknown,
    meaning: "the file changed while it was read, so what was read belongs to no single moment",
    advice: "prove it at a quieter hour, or prove a copy made by VACUUM INTO or .backup",
};

const HOT_JOURNAL: Code = Code {
    word: "hot-journal",
    side: Side::Unknown,
    meaning: "a crash left a transaction half written, and nobody has rolled it back yet",
    advice: "open the database once with SQLite, which rolls it back; then prove it",
};

/// The kind `sqlite`.
pub struct Sqlite;

impl Kind for Sqlite {
    const NAME: &'static str = "sqlite";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[FAULTY, NOT_PROVEN, CHANGED_SINCE, OTHER_FILE, CHANGED_MEANWHILE, HOT_JOURNAL];
    const DEAD: &'static [&'static str] = &[
        "file = \"no-such.db\"\nexpect.level = \"proven\"",
        "file = \"/etc/passwd\"\nby = \"structure\"\nexpect.level = \"structure\"",
        "file = \"/\"\nexpect.tables = { at_least = 1 }",
        "file = \"/dev/null\"\nexpect.rows = 0",
        "file = \"no-such.db\"\nby = \"stamp\"\nstamp = \"no-such.stamp\"\nexpect.max_age_of_proof = \"7d\"",
        "file = \"/etc/passwd\"\nby = \"stamp\"\nstamp = \"/etc/passwd\"\nexpect.level = \"proven\"",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "file = { env = \"SECRET_DATABASE\" }\nexpect.level = \"proven\"",
        "file = { env = \"SECRET_FOLDER\" }\nexpect.level = \"proven\"",
        "file = { env = \"SECRET_DATABASE\" }\nby = \"stamp\"\nstamp = { env = \"SECRET_DATABASE\" }\nexpect.level = \"proven\"",
        "file = { env = \"SECRET_DATABASE\" }\nby = \"stamp\"\nstamp = { env = \"SECRET_FOLDER\" }\nexpect.level = \"proven\"",
    ];
    type Look = SqliteLook;
    type Expect = SqliteExpect;
    type Seen = SqliteSeen;

    fn validate(look: &SqliteLook, expect: &SqliteExpect, table: &Node, problems: &mut Problems) {
        let by = look.by.word();
        match look.by {
            By::Stamp => {
                if look.stamp.is_none() {
                    let how =
                        "stamp = \"state/app.stamp\", made by `steadfast sqlite stamp FILE --stamp state/app.stamp`";
                    problems.suggest(
                        table.place(&["by"]),
                        "no stamp",
                        "there is nothing to compare the file with",
                        how,
                    );
                }
                if look.max_rate.is_some() {
                    let why = "a look at the stamp reads a few pages only";
                    problems.add(table.place(&["max_rate"]), format!("`max_rate` with `by = \"{by}\"`"), why);
                }
            }
            By::Proof | By::Structure => {
                let of_stamps = [
                    ("stamp", look.stamp.is_some()),
                    ("sample", look.sample.is_some()),
                    ("ignore_times", look.ignore_times),
                ];
                for (key, _) in of_stamps.into_iter().filter(|(_, is_set)| *is_set) {
                    let what = format!("`{key}` with `by = \"{by}\"`");
                    problems.suggest(table.place(&[key]), what, "no stamp is looked at", "by = \"stamp\"");
                }
                if expect.max_age_of_proof.is_some() {
                    let what = format!("`max_age_of_proof` with `by = \"{by}\"`");
                    let why = "each look is a new proof, so it could never be too old";
                    problems.suggest(table.place(&["expect", "max_age_of_proof"]), what, why, "by = \"stamp\"");
                }
            }
        }
        if look.by == By::Structure && expect.level == Some(Depth::Proven) {
            let why = "it looks at no value and no index content, so this could never hold";
            problems.suggest(table.place(&["expect", "level"]), "`proven` by structure alone", why, "by = \"proof\"");
        }
        if look.max_rate == Some(Bytes(0)) {
            problems.add(table.place(&["max_rate"]), "a rate of 0", "nothing would ever be read");
        }
    }

    fn describe(look: &SqliteLook) -> String {
        let file = look.file.shown();
        match (look.by, &look.stamp) {
            (By::Stamp, Some(stamp)) => format!("{file} by the stamp {}", stamp.shown()),
            (By::Stamp | By::Proof, _) => format!("{file}, every page and index"),
            (By::Structure, _) => format!("{file}, pages and trees"),
        }
    }

    fn addresses(look: &SqliteLook) -> Vec<&Address> {
        std::iter::once(&look.file).chain(&look.stamp).collect()
    }

    async fn observe(look: &SqliteLook, world: &World) -> Outcome<SqliteSeen> {
        look::observe(look, world).await.into()
    }

    fn judge(expect: &SqliteExpect, seen: &SqliteSeen, at: Timestamp, judgement: &mut Judgement) {
        if seen.faults > 0 {
            judgement.add(FAULTY, |f| {
                let f = if expect.level.is_some() { f.of("level") } else { f };
                f.seen(Seen::Value(json!(seen.faults))).detail(seen.findings.join("; "))
            });
        }
        if let Some(wanted) = expect.level {
            level(wanted, seen, judgement);
        }
        if let Some(limit) = expect.max_age_of_proof {
            age(limit, seen, at, judgement);
        }
        for (claim, count, counted) in [("tables", &expect.tables, seen.tables), ("rows", &expect.rows, seen.rows)] {
            let Some(count) = count else { continue };
            match counted {
                Some(number) if count.admits(number) => {}
                Some(number) => judgement.add(codes::OUT_OF_BOUNDS, |f| {
                    f.of(claim).expected(count.write()).seen(Seen::Value(json!(number)))
                }),
                None => not_known(claim, seen, judgement),
            }
        }
        if let Some(bound) = &expect.free_space {
            match seen.free_space {
                Some(free) if bound.admits(free) => {}
                Some(free) => judgement.add(codes::OUT_OF_BOUNDS, |f| {
                    f.of("free_space").expected(bound.write()).seen(Seen::Value(json!(free)))
                }),
                None => judgement.add(NOT_PROVEN, |f| {
                    f.of("free_space").expected(bound.write()).detail("the system does not say how much is free")
                }),
            }
        }
    }

    fn claims(expect: &SqliteExpect) -> Vec<String> {
        [
            ("level", expect.level.is_some()),
            ("max_age_of_proof", expect.max_age_of_proof.is_some()),
            ("tables", expect.tables.is_some()),
            ("rows", expect.rows.is_some()),
            ("free_space", expect.free_space.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(name, _)| name.to_owned())
        .collect()
    }

    fn numbers(seen: &SqliteSeen) -> Map<String, Value> {
        let numbers = [
            ("size", Some(seen.size)),
            ("tables", seen.tables),
            ("rows", seen.rows),
            ("faults", Some(seen.faults)),
            ("free_space", seen.free_space),
        ];
        numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), json!(number?)))).collect()
    }

    fn impostors(
        look: &SqliteLook,
        seen: &SqliteSeen,
        at: Timestamp,
        _others: &[Other<'_, Self>],
    ) -> Vec<Sabotage<SqliteSeen>> {
        sabotage::impostors(look, seen, at)
    }

    fn breakages(expect: &SqliteExpect, seen: &SqliteSeen, at: Timestamp) -> Vec<Breakage<SqliteSeen>> {
        sabotage::breakages(expect, seen, at)
    }

    fn variations(seen: &SqliteSeen) -> Vec<Sabotage<SqliteSeen>> {
        sabotage::variations(seen)
    }

    fn unclaimed(expect: &SqliteExpect, seen: &SqliteSeen) -> Unclaimed {
        let fields = [
            ("level", true, expect.level.is_some() || expect.max_age_of_proof.is_some()),
            ("tables", seen.tables.is_some(), expect.tables.is_some()),
            ("rows", seen.rows.is_some(), expect.rows.is_some()),
            ("free_space", seen.free_space.is_some(), expect.free_space.is_some()),
        ];
        let there = fields.into_iter().filter(|(_, there, _)| *there);
        let unread = there.clone().filter(|(.., read)| !*read).map(|(name, ..)| name.to_owned());
        Unclaimed { of: there.count(), fields: unread.collect() }
    }

    fn candidates(look: &SqliteLook, greens: &[&SqliteSeen]) -> Vec<Value> {
        sabotage::candidates(look, greens)
    }

    fn exemplars() -> Vec<Exemplar<SqliteSeen>> {
        sabotage::exemplars()
    }
}

fn level(wanted: Depth, seen: &SqliteSeen, judgement: &mut Judgement) {
    // What is faulty is told already, and the rest of it is beside the point.
    if seen.level.is_some_and(|level| level >= wanted) || seen.faults > 0 {
        return;
    }
    match seen.level {
        Some(lower) => judgement.add(NOT_PROVEN, |f| {
            f.of("level")
                .expected(wanted.word())
                .seen(Seen::Value(json!(lower.word())))
                .detail(reasons(seen, "pages and trees were judged, values and indexes were not"))
        }),
        None => not_known("level", seen, judgement),
    }
}

fn age(limit: Lapse, seen: &SqliteSeen, at: Timestamp, judgement: &mut Judgement) {
    let expected = json!({ "younger_than": limit.to_string() });
    if let Some(why) = &seen.replaced {
        return judgement.add(OTHER_FILE, |f| f.of("max_age_of_proof").expected(expected).detail(why.clone()));
    }
    let Some(proven_at) = seen.proven_at else {
        return judgement.add(NOT_PROVEN, |f| {
            f.of("max_age_of_proof")
                .expected(expected)
                .seen(Seen::Missing)
                .detail(reasons(seen, "there is no proof of this file"))
        });
    };
    let age = at.as_second().saturating_sub(proven_at.as_second());
    let code = if age < -TOLERATED_SKEW_SECONDS {
        codes::IN_THE_FUTURE
    } else if age > i64::try_from(limit.0.as_secs()).unwrap_or(i64::MAX) {
        codes::TOO_OLD
    } else {
        return;
    };
    judgement.add(code, |f| f.of("max_age_of_proof").expected(expected).seen(Seen::Value(json!(proven_at))));
}

/// What was not found out, because the file is another one, has changed, or the look did not get there.
fn not_known(claim: &str, seen: &SqliteSeen, judgement: &mut Judgement) {
    if seen.faults > 0 {
        return;
    }
    let fill = |detail: String| {
        let claim = claim.to_owned();
        move |f: Finding| f.of(claim).seen(Seen::Missing).detail(detail)
    };
    match &seen.replaced {
        Some(why) => judgement.add(OTHER_FILE, fill(why.clone())),
        None if !seen.changed.is_empty() => {
            let when = seen.proven_at.map_or_else(String::new, |at| format!("; it was proven at {at}"));
            judgement.add(CHANGED_SINCE, fill(format!("different: {}{when}", seen.changed.join(", "))));
        }
        None => judgement.add(NOT_PROVEN, fill(reasons(seen, "it was not judged"))),
    }
}

fn reasons(seen: &SqliteSeen, otherwise: &str) -> String {
    if seen.cannot_tell.is_empty() { otherwise.to_owned() } else { seen.cannot_tell.join("; ") }
}

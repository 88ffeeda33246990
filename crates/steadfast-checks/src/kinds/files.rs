//! The kind `files`: whether files are there, how many, how big, how fresh, and whether their file system has room.

mod sabotage;
mod walk;

use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Place, Seen, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Bytes;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::{Count, Predicate, Reading};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::setting::{Node, OneOrMany, Problems, Raw, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

use crate::blocking::{on_a_thread, out_of_time};
use crate::size_bound::SizeBound;
use crate::text_claims::predicate_claims;
pub use walk::Glob;

steadfast_core::settings! {
    /// Looks at files and folders: backups, exports, uploads, lock files.
    ///
    /// `*` and `?` match within a name, `**` any number of folders, `[abc]` and `{a,b}` as in a shell. A name that
    /// begins with a dot is matched only by a pattern that does so too. Links are followed to what they point at, but
    /// not into folders beneath `**`; a link that leads nowhere is no file. The size of a folder is that of all files
    /// beneath it, its time that of the newest of them.
    ///
    /// At most `limit` directory entries are read. If there are more, what the rest could change is unknown.
    pub struct FilesLook {
        /// Where to start: a path, or a target that a drill can route elsewhere. Without it: the folder of steadfast.toml.
        folder: Option<Address>,
        /// Which files, relative to `folder`: one pattern, or an array of them.
        glob: OneOrMany<Glob>,
        /// Read the file to compute its SHA-256, if exactly one matches. `expect.sha256` needs it.
        digest: bool = false,
        /// How many directory entries are read at most.
        limit: u64 = 10_000,
    }
}

steadfast_core::settings! {
    /// Every expectation but `count`, `free_space` and `free_inodes` needs at least one match, and fails with
    /// `file-missing` when there is none. A folder that may not be read makes them unknown.
    pub struct FilesExpect {
        /// `true`: at least one match. `false`: none, as for a lock file or a maintenance flag.
        exists: Option<bool>,
        /// How many matches: `7`, or `{ at_least = 7, at_most = 30 }`.
        count: Option<Count>,
        /// The size of each match: `{ at_least = "40kB" }`.
        size: Option<SizeBound>,
        /// The size of all matches together.
        total_size: Option<SizeBound>,
        /// The time of last change of the newest match: `{ younger_than = "26h" }`.
        newest: Option<Predicate>,
        /// `true`: no match is an empty file, or a folder without a byte in all files beneath it.
        never_empty: Option<bool>,
        /// The SHA-256 of the only match, as 64 hexadecimal digits. Needs `digest = true`.
        sha256: Option<Sha256Digits>,
        /// The permission bits of each match, in octal as chmod takes them: `"0600"`.
        mode: Option<Mode>,
        /// Room for this user on the file system: `"5GiB"` or `"10%"`, at least.
        free_space: Option<Floor>,
        /// Free inodes on the file system: `10000` or `"5%"`, at least.
        free_inodes: Option<Floor>,
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilesSeen {
    /// What was looked for, as written.
    pub globs: Vec<String>,
    /// Every match, in the order of the paths.
    pub files: Vec<FileSeen>,
    /// How many directory entries were read.
    pub scanned: u64,
    /// Whether there were more of them than the limit.
    pub cut: bool,
    /// What may not be read.
    pub unreadable: Vec<String>,
    /// The file system's room.
    pub space: Option<Space>,
}

/// One match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Relative to the folder that the look starts from.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// In bytes; of a folder: all files beneath it.
    pub size: u64,
    /// How many files there are beneath a folder; 1 for a file.
    pub files: u64,
    /// The last change; of a folder: of the newest file beneath it.
    pub modified: Timestamp,
    /// The permission bits.
    pub mode: u32,
    /// The SHA-256 of a file's bytes, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The room on a file system, for a user without privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Free, in bytes.
    pub free: u64,
    /// In all, in bytes.
    pub size: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// Inodes in all; 0 where the file system has no fixed number.
    pub inodes: u64,
}

/// Permission bits, written in octal: `"0640"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Setting for Mode {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let why = "a bare number would be read as decimal";
        if let Raw::Integer(number) = node.raw {
            problems.suggest(node.span, "a mode without quotes", why, format!("\"{number:04}\""));
            return None;
        }
        let text = String::read(node, problems)?;
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o7777 && text.len() >= 3);
        if mode.is_none() {
            problems.suggest(node.span, format!("`{text}` is no mode"), "it is three or four octal digits", "\"0600\"");
        }
        mode.map(Mode)
    }
    fn write(&self) -> Value {
        json!(octal(self.0))
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-7]{3,4}$" })
    }
}

/// A SHA-256 as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sha256Digits(String);

impl Setting for Sha256Digits {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = String::read(node, problems)?.to_ascii_lowercase();
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Sha256Digits(text));
        }
        let what = format!("{} characters that are no SHA-256", text.len());
        problems.suggest(node.span, what, "it could never be equal", "the 64 hexadecimal digits that sha256sum prints");
        None
    }
    fn write(&self) -> Value {
        json!(self.0)
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
    }
}

/// At least so much: a number, a size, or a share of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Floor {
    /// So many.
    Number(u64),
    /// A share, in per cent.
    Percent(f64),
}

impl Floor {
    /// The least number that is enough, of this whole.
    fn least(self, whole: u64) -> u64 {
        match self {
            Floor::Number(number) => number,
            Floor::Percent(percent) => (whole as f64 * percent / 100.0).ceil() as u64,
        }
    }
}

impl Setting for Floor {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let floor = match &node.raw {
            Raw::Text(text) if text.trim_end().ends_with('%') => {
                let number = text.trim_end().trim_end_matches('%').trim().parse::<f64>().ok();
                let percent = number.filter(|number| (0.0..=100.0).contains(number));
                if percent.is_none() {
                    problems.suggest(node.span, format!("`{text}` is no share"), "it is from 0% to 100%", "\"10%\"");
                }
                Floor::Percent(percent?)
            }
            Raw::Text(_)
            | Raw::Integer(_)
            | Raw::Float(_)
            | Raw::Boolean(_)
            | Raw::Datetime(_)
            | Raw::List(_)
            | Raw::Table(_) => Floor::Number(Bytes::read(node, problems)?.0),
        };
        if floor.least(u64::MAX) == 0 {
            problems.add(node.span, "at least nothing", "it always holds");
            return None;
        }
        Some(floor)
    }
    fn write(&self) -> Value {
        match self {
            Floor::Number(number) => Bytes(*number).write(),
            Floor::Percent(percent) => json!(format!("{percent}%")),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [Bytes::schema(), { "type": "string", "pattern": "^[0-9.]+ ?%$" }] })
    }
}

/// The kind `files`.
pub struct Files;

impl Kind for Files {
    const NAME: &'static str = "files";
    const SHAPE: u16 = 1;
    const DEAD: &'static [&'static str] = &[
        "glob = \"no-such-folder/*\"\nexpect.exists = true",
        "folder = \"/no/such/folder\"\nglob = \"**/*.gz\"\ndigest = true\nexpect.never_empty = true",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "folder = { env = \"SECRET_FOLDER\" }\nglob = \"**\"\nexpect.exists = true",
        "folder = { env = \"SECRET_FOLDER\" }\nglob = \"no-such-file\"\nexpect.exists = true",
    ];
    type Look = FilesLook;
    type Expect = FilesExpect;
    type Seen = FilesSeen;

    fn validate(look: &FilesLook, expect: &FilesExpect, table: &Node, problems: &mut Problems) {
        let place = |key: &str| table.place(&["expect", key]);
        if look.glob.is_empty() {
            problems.suggest(table.span, "no `glob`", "there would be nothing to look for", "glob = \"backups/*.gz\"");
        }
        if look.limit == 0 {
            problems.add(table.place(&["limit"]), "a limit of 0", "nothing could be read");
        }
        if expect.sha256.is_some() && !look.digest {
            let why = "reading whole files is asked for in the look";
            problems.suggest(place("sha256"), "`sha256` without `digest = true`", why, "add digest = true");
        }
        if expect.never_empty == Some(false) {
            problems.add(place("never_empty"), "`never_empty = false` says nothing", "leave it out");
        }
        if expect.exists == Some(false) && Files::claims(expect).len() > 1 {
            let why = "what is not there has no other property";
            problems.add(place("exists"), "`exists = false` beside another expectation", why);
        }
        let ages = ["younger_than", "older_than", "one_of"];
        if let Some(newest) = &expect.newest
            && let Some(other) = newest.operators().into_iter().find(|operator| !ages.contains(operator))
        {
            let what = format!("`newest` is a time: `{other}` does not fit");
            problems.suggest(place("newest"), what, "its age is what matters", "newest = { younger_than = \"26h\" }");
        }
    }

    fn describe(look: &FilesLook) -> String {
        let globs: Vec<&str> = look.glob.iter().map(Glob::source).collect();
        match &look.folder {
            Some(folder) => format!("files {} in {}", globs.join(", "), folder.shown()),
            None => format!("files {}", globs.join(", ")),
        }
    }

    fn addresses(look: &FilesLook) -> Vec<&Address> {
        look.folder.iter().collect()
    }

    async fn observe(look: &FilesLook, world: &World) -> Outcome<FilesSeen> {
        let look = look.clone();
        on_a_thread(world, move |world| look_at(&look, world)).await.into()
    }

    fn judge(expect: &FilesExpect, seen: &FilesSeen, at: Timestamp, judgement: &mut Judgement) {
        Judge { seen, judgement }.all(expect, at);
    }

    fn claims(expect: &FilesExpect) -> Vec<String> {
        let set = [
            ("exists", expect.exists.is_some()),
            ("count", expect.count.is_some()),
            ("size", expect.size.is_some()),
            ("total_size", expect.total_size.is_some()),
            ("never_empty", expect.never_empty.is_some()),
            ("sha256", expect.sha256.is_some()),
            ("mode", expect.mode.is_some()),
            ("free_space", expect.free_space.is_some()),
            ("free_inodes", expect.free_inodes.is_some()),
        ];
        let named = set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.to_owned());
        named.chain(expect.newest.iter().flat_map(|newest| predicate_claims("newest", newest))).collect()
    }

    fn numbers(seen: &FilesSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("count".into(), json!(seen.files.len()));
        numbers.insert("total_size".into(), json!(seen.total()));
        if let Some(space) = seen.space {
            numbers.insert("free_space".into(), json!(space.free));
            numbers.insert("free_inodes".into(), json!(space.free_inodes));
        }
        numbers
    }

    fn impostors(
        _look: &FilesLook,
        seen: &FilesSeen,
        _: Timestamp,
        _others: &[Other<'_, Self>],
    ) -> Vec<Sabotage<FilesSeen>> {
        sabotage::impostors(seen)
    }

    fn breakages(expect: &FilesExpect, seen: &FilesSeen, at: Timestamp) -> Vec<Breakage<FilesSeen>> {
        sabotage::breakages(expect, seen, at)
    }

    fn variations(seen: &FilesSeen) -> Vec<Sabotage<FilesSeen>> {
        sabotage::variations(seen)
    }

    fn unclaimed(expect: &FilesExpect, seen: &FilesSeen) -> Unclaimed {
        let digest = seen.files.iter().any(|file| file.sha256.is_some());
        let fields = [
            ("count", true, expect.count.is_some() || expect.exists == Some(false)),
            ("size", true, expect.size.is_some() || expect.total_size.is_some() || expect.sha256.is_some()),
            ("modified", true, expect.newest.is_some()),
            ("mode", true, expect.mode.is_some()),
            ("sha256", digest, expect.sha256.is_some()),
            ("free space", true, expect.free_space.is_some()),
            ("free inodes", true, expect.free_inodes.is_some()),
        ];
        let there = fields.into_iter().filter(|(_, there, _)| *there);
        let unread = there.clone().filter(|(.., read)| !*read).map(|(name, ..)| name.to_owned());
        Unclaimed { of: there.count(), fields: unread.collect() }
    }

    fn candidates(_look: &FilesLook, greens: &[&FilesSeen]) -> Vec<Value> {
        sabotage::candidates(greens)
    }

    fn exemplars() -> Vec<Exemplar<FilesSeen>> {
        sabotage::exemplars()
    }
}

impl FilesSeen {
    fn total(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    fn newest(&self) -> Option<&FileSeen> {
        self.files.iter().max_by_key(|file| file.modified)
    }
}

fn look_at(look: &FilesLook, world: &World) -> Result<FilesSeen, Trouble> {
    let base = match &look.folder {
        Some(folder) => world.path(folder)?,
        None => world.root().to_path_buf(),
    };
    let mut found = walk::Search::new(world, &base, look.limit).run(&look.glob)?;
    if look.digest
        && found.files.len() == 1
        && let Some((path, file)) = found.files.iter_mut().next()
        && !file.folder
    {
        match digest_of(path, world)? {
            Some(digest) => file.sha256 = Some(digest),
            None => found.unreadable.push(file.path.clone()),
        }
    }
    let place = found.files.keys().next().map_or(base.as_path(), |path| path.as_path());
    Ok(FilesSeen {
        globs: look.glob.iter().map(|glob| glob.source().to_owned()).collect(),
        space: space_at(place),
        files: found.files.into_values().collect(),
        scanned: found.scanned,
        cut: found.cut,
        unreadable: found.unreadable,
    })
}

/// The SHA-256 of a file's bytes; `None` if it may not be read.
fn digest_of(path: &Path, world: &World) -> Result<Option<String>, Trouble> {
    let trouble = |why: std::io::Error| Trouble::of_io(&why);
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(why) => return Err(trouble(why)),
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        if let Some(trouble) = out_of_time(world) {
            return Err(trouble);
        }
        match file.read(&mut buffer).map_err(trouble)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn space_at(path: &Path) -> Option<Space> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(Space {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_inodes: stat.f_favail,
        inodes: stat.f_files,
    })
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

/// At most this many files are reported one by one; the last says how many more there are.
const MOST_FILES_REPORTED: usize = 3;

struct Judge<'a> {
    seen: &'a FilesSeen,
    judgement: &'a mut Judgement,
}

impl Judge<'_> {
    fn all(&mut self, expect: &FilesExpect, at: Timestamp) {
        let files = &self.seen.files;
        match expect.exists {
            Some(true) => drop(self.anything("exists", json!(true))),
            Some(false) => match files.first() {
                Some(file) => self.fall_short("exists", codes::FORBIDDEN, json!(false), |f| {
                    f.at(Place::File(file.path.clone())).seen(Seen::Value(json!(true)))
                }),
                None => drop(self.complete("exists", json!(false))),
            },
            None => {}
        }
        if let Some(count) = &expect.count {
            self.number("count", files.len() as u64, count.admits(files.len() as u64), count.at_most, count.write());
        }
        if let Some(bound) = &expect.size {
            self.each("size", bound.write(), codes::OUT_OF_BOUNDS, |file| {
                (!bound.admits(file.size)).then(|| json!(file.size))
            });
        }
        if let Some(bound) = &expect.total_size
            && self.anything("total_size", bound.write())
        {
            let at_most = bound.at_most.map(|most| most.0);
            self.number("total_size", self.seen.total(), bound.admits(self.seen.total()), at_most, bound.write());
        }
        if let Some(newest) = &expect.newest {
            self.newest(newest, at);
        }
        if expect.never_empty.is_some() {
            self.each("never_empty", json!(true), codes::EMPTY, |file| (file.size == 0).then(|| json!(0)));
        }
        if let Some(digits) = &expect.sha256 {
            self.sha256(digits);
        }
        if let Some(mode) = expect.mode {
            let wrong = |file: &FileSeen| (file.mode != mode.0).then(|| json!(octal(file.mode)));
            self.each("mode", mode.write(), codes::UNEQUAL, wrong);
        }
        if let Some(floor) = expect.free_space {
            self.room("free_space", floor, self.seen.space.map(|space| (space.free, space.size)));
        }
        if let Some(floor) = expect.free_inodes {
            self.room("free_inodes", floor, self.seen.space.map(|space| (space.free_inodes, space.inodes)));
        }
    }

    /// Notes that a claim does not hold.
    fn fall_short(&mut self, claim: &str, code: Code, expected: Value, fill: impl FnOnce(Finding) -> Finding) {
        self.judgement.add(code, |f| fill(f.of(claim).expected(expected)));
    }

    /// Why what was seen is not all there is.
    fn gap(&self) -> Option<(Code, String)> {
        match self.seen.unreadable.first() {
            Some(path) => Some((codes::PERMISSION_DENIED, format!("{path} may not be read"))),
            None if self.seen.cut => {
                let detail = format!("only the first {} directory entries were read: raise `limit`", self.seen.scanned);
                Some((codes::BEYOND_THE_CUT, detail))
            }
            None => None,
        }
    }

    /// Whether all that there is was seen; otherwise the claim is unknown.
    fn complete(&mut self, claim: &str, expected: Value) -> bool {
        let Some((code, detail)) = self.gap() else { return true };
        self.fall_short(claim, code, expected, |f| f.detail(detail));
        false
    }

    /// Whether anything was found; otherwise the claim fails, or is unknown if not everything was seen.
    fn anything(&mut self, claim: &str, expected: Value) -> bool {
        if !self.seen.files.is_empty() {
            return true;
        }
        if self.complete(claim, expected.clone()) {
            let place = Place::File(self.seen.globs.join(", "));
            self.fall_short(claim, codes::FILE_MISSING, expected, |f| f.at(place).seen(Seen::Missing));
        }
        false
    }

    /// A claim on every match: `wrong` gives what is seen where it does not hold.
    fn each(&mut self, claim: &str, expected: Value, code: Code, wrong: impl Fn(&FileSeen) -> Option<Value>) {
        if !self.anything(claim, expected.clone()) {
            return;
        }
        let all: Vec<(&FileSeen, Value)> =
            self.seen.files.iter().filter_map(|file| Some((file, wrong(file)?))).collect();
        let more = all.len().saturating_sub(MOST_FILES_REPORTED);
        let last = all.len().min(MOST_FILES_REPORTED);
        for (index, (file, value)) in all.iter().take(MOST_FILES_REPORTED).enumerate() {
            let note = if index + 1 == last && more > 0 { format!("and {more} more files") } else { String::new() };
            self.fall_short(claim, code, expected.clone(), |f| {
                f.at(Place::File(file.path.clone())).seen(Seen::Value(value.clone())).detail(note)
            });
        }
        if all.is_empty() {
            self.complete(claim, expected);
        }
    }

    /// A claim on a number that can only grow with what was not seen.
    fn number(&mut self, claim: &str, seen: u64, holds: bool, at_most: Option<u64>, expected: Value) {
        let already_too_many = at_most.is_some_and(|most| seen > most);
        let enough_for_good = holds && at_most.is_none() && expected.get("at_least").is_some();
        let settled = already_too_many || enough_for_good || self.complete(claim, expected.clone());
        if settled && !holds {
            let place = Place::File(self.seen.globs.join(", "));
            self.fall_short(claim, codes::OUT_OF_BOUNDS, expected, |f| f.at(place).seen(Seen::Value(json!(seen))));
        }
    }

    fn newest(&mut self, predicate: &Predicate, at: Timestamp) {
        for operator in predicate.operators() {
            let claim = format!("newest.{operator}");
            let expected = predicate.expected(operator);
            if !self.anything(&claim, expected.clone()) {
                continue;
            }
            let Some(file) = self.seen.newest() else { continue };
            let mut inner = Judgement::default();
            let time = json!(file.modified);
            predicate.only(operator).judge(Reading::Value(&time), at, &mut inner);
            // A file that was not seen can only be newer still.
            let settled = inner.is_clean() == (operator == "younger_than");
            if settled || self.complete(&claim, expected) {
                let place = Place::File(file.path.clone());
                self.judgement.absorb(inner, |f| Finding { claim: claim.clone(), ..f }.at(place.clone()));
            }
        }
    }

    fn sha256(&mut self, digits: &Sha256Digits) {
        let expected = json!(digits.0);
        if !self.anything("sha256", expected.clone()) {
            return;
        }
        match self.seen.files.as_slice() {
            [file] if file.sha256.as_ref() == Some(&digits.0) => drop(self.complete("sha256", expected)),
            [file] => {
                let place = Place::File(file.path.clone());
                match &file.sha256 {
                    Some(other) => self.fall_short("sha256", codes::UNEQUAL, expected, |f| {
                        f.at(place).seen(Seen::Value(json!(other)))
                    }),
                    None if self.gap().is_some() => drop(self.complete("sha256", expected)),
                    None => self.fall_short("sha256", codes::MISSING, expected, |f| f.at(place).seen(Seen::Missing)),
                }
            }
            files => {
                let detail = format!("{} files match, and a digest is that of one", files.len());
                self.fall_short("sha256", codes::MISSING, expected, |f| f.seen(Seen::Missing).detail(detail));
            }
        }
    }

    fn room(&mut self, claim: &str, floor: Floor, seen: Option<(u64, u64)>) {
        let expected = json!({ "at_least": floor.write() });
        match seen {
            None => self.fall_short(claim, codes::LOCAL_TROUBLE, expected, |f| {
                f.detail("the file system does not say how much room it has")
            }),
            Some((_, 0)) => self.fall_short(claim, codes::MISSING, expected, |f| {
                f.seen(Seen::Missing).detail("this file system has no fixed number of them: leave the expectation out")
            }),
            Some((free, whole)) if free < floor.least(whole) => {
                self.fall_short(claim, codes::OUT_OF_BOUNDS, expected, |f| {
                    f.seen(Seen::Value(json!(free))).detail(format!("of {whole} in all"))
                });
            }
            Some(_) => {}
        }
    }
}

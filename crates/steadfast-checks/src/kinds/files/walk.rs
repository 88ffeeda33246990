//! Finding files by globs: bounded, never following a link into a folder beneath `**`, and never out of a closed World.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use serde_json::{Value, json};
use steadfast_core::address::Address;
use steadfast_core::observation::Trouble;
use steadfast_core::setting::{Node, Problems, Setting};
use steadfast_core::world::World;

use super::FileSeen;
use crate::blocking::out_of_time;
use crate::closed_world::must_stay_inside;

/// A pattern of paths: `backups/*.gz`, `data/**/*.db`, `releases/base_{a,b}`.
#[derive(Debug, Clone)]
pub struct Glob {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    /// `**`: any number of folders.
    AnyDepth,
    /// A name without wildcards.
    Name(String),
    /// A name with wildcards.
    Pattern(GlobMatcher),
}

impl Glob {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(source: &str) -> Result<Glob, String> {
        if source.is_empty() {
            return Err("an empty pattern matches nothing".into());
        }
        let mut parts = Vec::new();
        for text in source.split('/').filter(|part| !matches!(*part, "" | ".")) {
            parts.push(match text {
                "**" => Part::AnyDepth,
                ".." if parts.iter().any(|part| !matches!(part, Part::Name(_))) => {
                    return Err("`..` after a wildcard".into());
                }
                text if !text.contains(['*', '?', '[', '{', '\\']) => Part::Name(text.to_owned()),
                text => {
                    let glob = GlobBuilder::new(text).literal_separator(true).build();
                    Part::Pattern(glob.map_err(|why| why.kind().to_string())?.compile_matcher())
                }
            });
        }
        // A `**` at the end means all that is beneath.
        if let Some(Part::AnyDepth) = parts.last() {
            let everything = GlobBuilder::new("*").build().map_err(|why| why.kind().to_string())?;
            parts.push(Part::Pattern(everything.compile_matcher()));
        }
        Ok(Glob { source: source.to_owned(), parts })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where the search starts: the leading names without wildcards, and the parts after them.
    fn root(&self, base: &Path) -> (PathBuf, &[Part]) {
        let mut root = if self.source.starts_with('/') { PathBuf::from("/") } else { base.to_path_buf() };
        let mut rest = self.parts.as_slice();
        while let [Part::Name(name), after @ ..] = rest {
            root.push(name);
            rest = after;
        }
        (root, rest)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Setting for Glob {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match Glob::parse(&String::read(node, problems)?) {
            Ok(glob) => Some(glob),
            Err(what) => {
                let instead = "`*` and `?` within a name, `**` for any number of folders, [abc], {a,b}";
                problems.suggest(node.span, format!("invalid glob: {what}"), "it could never match", instead);
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self.source)
    }
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// What a search has found.
pub(super) struct Found {
    pub(super) files: BTreeMap<PathBuf, FileSeen>,
    pub(super) scanned: u64,
    pub(super) cut: bool,
    pub(super) unreadable: Vec<String>,
}

/// One search, bounded by a number of directory entries and by the World's patience.
pub(super) struct Search<'a> {
    world: &'a World,
    base: &'a Path,
    limit: u64,
    found: Found,
}

impl<'a> Search<'a> {
    /// A search from this folder.
    pub(super) fn new(world: &'a World, base: &'a Path, limit: u64) -> Self {
        let found = Found { files: BTreeMap::new(), scanned: 0, cut: false, unreadable: Vec::new() };
        Search { world, base, limit, found }
    }

    /// Looks for all of these.
    pub(super) fn run(mut self, globs: &[Glob]) -> Result<Found, Trouble> {
        for glob in globs {
            let (root, rest) = glob.root(self.base);
            self.world.path(&Address::Literal(root.display().to_string()))?;
            must_stay_inside(self.world, &root)?;
            self.step(&root, rest)?;
        }
        Ok(self.found)
    }

    fn step(&mut self, path: &Path, parts: &[Part]) -> Result<(), Trouble> {
        match parts {
            [] => self.take(path),
            [Part::Name(name), rest @ ..] => self.step(&path.join(name), rest),
            [Part::Pattern(matcher), rest @ ..] => {
                for entry in self.entries(path)? {
                    if matches(matcher, &entry) {
                        self.step(&path.join(&entry), rest)?;
                    }
                }
                Ok(())
            }
            [Part::AnyDepth, rest @ ..] => {
                self.step(path, rest)?;
                for entry in self.entries(path)? {
                    let inner = path.join(&entry);
                    // Not through links: they may lead round in a circle.
                    if !entry.starts_with('.') && std::fs::symlink_metadata(&inner).is_ok_and(|meta| meta.is_dir()) {
                        self.step(&inner, parts)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The names in a folder; none if it is not there, is no folder, or may not be read (which is noted).
    fn entries(&mut self, folder: &Path) -> Result<Vec<String>, Trouble> {
        let listing = match std::fs::read_dir(folder) {
            Ok(listing) => listing,
            Err(why) => return self.excuse(folder, &why).map(|()| Vec::new()),
        };
        let mut names = Vec::new();
        for entry in listing {
            self.found.scanned += 1;
            if self.found.scanned > self.limit {
                self.found.scanned = self.limit;
                self.found.cut = true;
                break;
            }
            if self.found.scanned.is_multiple_of(256)
                && let Some(trouble) = out_of_time(self.world)
            {
                return Err(trouble);
            }
            match entry {
                Ok(entry) => names.push(entry.file_name().to_string_lossy().into_owned()),
                Err(why) => self.excuse(folder, &why)?,
            }
        }
        Ok(names)
    }

    /// Takes one match. A link that leads nowhere is no file.
    fn take(&mut self, path: &Path) -> Result<(), Trouble> {
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(why) => return self.excuse(path, &why),
        };
        must_stay_inside(self.world, path)?;
        let mut seen = FileSeen {
            path: self.shown(path),
            folder: meta.is_dir(),
            size: if meta.is_dir() { 0 } else { meta.len() },
            files: u64::from(!meta.is_dir()),
            modified: modified(&meta),
            mode: meta.permissions().mode() & 0o7777,
            sha256: None,
        };
        if meta.is_dir() {
            let mut newest = None;
            self.sum(path, &mut seen, &mut newest)?;
            seen.modified = newest.unwrap_or(seen.modified);
        }
        self.found.files.insert(path.to_path_buf(), seen);
        Ok(())
    }

    /// Adds up all files beneath a folder; links are not followed.
    fn sum(&mut self, folder: &Path, seen: &mut FileSeen, newest: &mut Option<Timestamp>) -> Result<(), Trouble> {
        for name in self.entries(folder)? {
            let path = folder.join(name);
            let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
            if meta.is_dir() {
                self.sum(&path, seen, newest)?;
            } else {
                seen.files += 1;
                seen.size += meta.len();
                *newest = (*newest).max(Some(modified(&meta)));
            }
        }
        Ok(())
    }

    /// What cannot be read is noted; what is not there is nothing; anything else is trouble.
    fn excuse(&mut self, path: &Path, why: &std::io::Error) -> Result<(), Trouble> {
        match why.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(()),
            // Links that lead round in a circle lead nowhere.
            _ if why.raw_os_error() == Some(ELOOP) => Ok(()),
            ErrorKind::PermissionDenied => {
                self.found.unreadable.push(self.shown(path));
                Ok(())
            }
            _ => {
                let mut trouble = Trouble::of_io(why);
                trouble.detail = format!("{}: {why}", self.shown(path));
                Err(trouble)
            }
        }
    }

    fn shown(&self, path: &Path) -> String {
        let short = path.strip_prefix(self.base).unwrap_or(path);
        if short.as_os_str().is_empty() { ".".into() } else { short.display().to_string() }
    }
}

/// Linux's number; the standard library's kind for it is not stable yet.
const ELOOP: i32 = 40;

/// As a shell matches: a name that begins with a dot only by a pattern that does so too.
fn matches(matcher: &GlobMatcher, name: &str) -> bool {
    (!name.starts_with('.') || matcher.glob().glob().starts_with('.')) && matcher.is_match(name)
}

fn modified(meta: &Metadata) -> Timestamp {
    let micros = meta.mtime().saturating_mul(1_000_000).saturating_add(meta.mtime_nsec() / 1_000);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

//! The files of a configuration: read whole, bounded, and always shown again when something in them is wrong.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use steadfast_core::measure::Bytes;
use steadfast_core::setting::{Problems, Span};

/// More than this is no configuration: it is a wrong path.
const LIMIT: u64 = 4 << 20;

/// Where the root configuration comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes that stand for a file: what it includes is searched beside it.
    Given {
        /// The file they stand for.
        file: PathBuf,
        /// What would be in it.
        bytes: Vec<u8>,
    },
}

impl Source {
    /// The file, whether or not it is there.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Source::File(path) | Source::Given { file: path, bytes: _ } => path,
        }
    }
}

/// A file of the configuration, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path as people should see it.
    pub(crate) shown: String,
    /// Its text; `None` if it could not be read. Bytes that are not UTF-8 are replaced, and reported.
    pub(crate) text: Option<String>,
}

/// All files of a configuration; a [`Span`] names one by its index.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<File>);

impl Files {
    /// Reads one more file; `None` if it holds nothing that can be parsed.
    pub(crate) fn read(&mut self, source: &Source, problems: &mut Problems) -> Option<usize> {
        let shown = source.path().display().to_string();
        let place = Span { file: self.0.len(), start: 0, end: 0 };
        let bytes = match source {
            Source::File(path) => match read_bounded(path) {
                Ok(bytes) => bytes,
                Err(refusal) => {
                    let (what, why, instead) = unreadable(path, &refusal);
                    problems.suggest(place, what, why, instead);
                    self.0.push(File { shown, text: None });
                    return None;
                }
            },
            Source::Given { file: _, bytes } => bytes.clone(),
        };
        if bytes.len() as u64 > LIMIT {
            let what = format!("the file is larger than {}", Bytes(LIMIT));
            let why = "no configuration is that large; it is probably another file";
            problems.suggest(place, what, why, "point to the configuration, or split it with `include`");
            self.0.push(File { shown, text: None });
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.0.push(File { shown, text: Some(text) });
                Some(place.file)
            }
            Err(refusal) => {
                let at = refusal.utf8_error().valid_up_to();
                let byte = refusal.as_bytes().get(at).copied().unwrap_or_default();
                let span = Span { start: at, end: at + char::REPLACEMENT_CHARACTER.len_utf8(), ..place };
                let what = format!("not UTF-8: byte 0x{byte:02X} at offset {at}");
                let instead = "save the file as UTF-8 (`iconv -f latin1 -t utf-8` if it is an old one)";
                problems.suggest(span, what, "TOML is UTF-8, so nothing in this file was read", instead);
                let text = String::from_utf8_lossy(refusal.as_bytes()).into_owned();
                self.0.push(File { shown, text: Some(text) });
                None
            }
        }
    }

    /// The text of a file that was read.
    pub(crate) fn text(&self, file: usize) -> &str {
        self.0.get(file).and_then(|file| file.text.as_deref()).unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn into_inner(self) -> Vec<File> {
        self.0
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is wrong, why it matters, what to do.
fn unreadable(path: &Path, refusal: &io::Error) -> (String, &'static str, String) {
    let why = "without it there is nothing to verify";
    match refusal.kind() {
        io::ErrorKind::NotFound => {
            ("no such file".into(), why, "run `steadfast init` to write one, or name yours with --config PATH".into())
        }
        io::ErrorKind::PermissionDenied => {
            let instead = format!("run `ls -l {}` and let this user read it", path.display());
            ("this user may not read the file".into(), why, instead)
        }
        io::ErrorKind::IsADirectory => {
            let instead = format!("name the file: --config {}", path.join("steadfast.toml").display());
            ("this is a folder, not a file".into(), why, instead)
        }
        _ => (format!("cannot be read: {refusal}"), why, "read it with `cat` to see whether the disk is well".into()),
    }
}

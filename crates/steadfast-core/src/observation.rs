//! Observations: what was seen, when, from where, and what kept us from seeing it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Code, Side, codes};
use crate::measure::Lapse;

/// What one look has seen. Already redacted; storable; all that a judgement may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation<S> {
    /// When the look began. The only *now* that a judgement knows.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub took: Lapse,
    /// Where it was made from.
    pub vantage: String,
    /// Which look it was.
    pub look_hash: Hash,
    /// Which version of the kind's `Seen` this is.
    pub shape: u16,
    /// What came of it.
    pub outcome: Outcome<S>,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<S> {
    /// This was seen.
    Seen(S),
    /// The target itself kept us from seeing it: a fail.
    TargetFailed(Trouble),
    /// Something else kept us from looking: unknown.
    CouldNotLook(Trouble),
}

impl<S> Outcome<S> {
    /// The same with what was seen turned into something else.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Outcome<T> {
        match self {
            Outcome::Seen(seen) => Outcome::Seen(change(seen)),
            Outcome::TargetFailed(trouble) => Outcome::TargetFailed(trouble),
            Outcome::CouldNotLook(trouble) => Outcome::CouldNotLook(trouble),
        }
    }

    /// A reference to what was seen.
    pub fn as_ref(&self) -> Outcome<&S> {
        match self {
            Outcome::Seen(seen) => Outcome::Seen(seen),
            Outcome::TargetFailed(trouble) => Outcome::TargetFailed(trouble.clone()),
            Outcome::CouldNotLook(trouble) => Outcome::CouldNotLook(trouble.clone()),
        }
    }
}

impl<S> From<Trouble> for Outcome<S> {
    /// A trouble's own code says whose it is.
    fn from(trouble: Trouble) -> Self {
        match trouble.side() {
            Side::Fail => Outcome::TargetFailed(trouble),
            Side::Unknown => Outcome::CouldNotLook(trouble),
        }
    }
}

impl<S> From<Result<S, Trouble>> for Outcome<S> {
    fn from(result: Result<S, Trouble>) -> Self {
        match result {
            Ok(seen) => Outcome::Seen(seen),
            Err(trouble) => trouble.into(),
        }
    }
}

/// Why there is nothing to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// One of [`codes`], or of the kind's own.
    pub code: std::borrow::Cow<'static, str>,
    /// Whose trouble it is.
    side: StoredSide,
    /// What the system said.
    pub detail: String,
    /// What to do next.
    pub advice: std::borrow::Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredSide {
    Fail,
    Unknown,
}

impl Trouble {
    /// A trouble of this sort.
    pub fn new(code: Code, detail: impl Into<String>) -> Trouble {
        let side = match code.side {
            Side::Fail => StoredSide::Fail,
            Side::Unknown => StoredSide::Unknown,
        };
        Trouble { code: code.word.into(), side, detail: detail.into(), advice: code.advice.into() }
    }

    /// The trouble behind an error of the operating system, met while talking to the target.
    pub fn of_io(error: &std::io::Error) -> Trouble {
        use std::io::ErrorKind as K;
        let code = match (error.raw_os_error(), error.kind()) {
            (Some(EMFILE | ENFILE), _) => codes::OUT_OF_DESCRIPTORS,
            (Some(EADDRNOTAVAIL), _) => codes::NO_LOCAL_ADDRESS,
            (_, K::ConnectionRefused) => codes::REFUSED,
            (_, K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::UnexpectedEof) => codes::RESET,
            (_, K::TimedOut) => codes::TIMEOUT,
            (_, K::HostUnreachable) => codes::HOST_UNREACHABLE,
            (_, K::NetworkUnreachable | K::NetworkDown) => codes::NETWORK_UNREACHABLE,
            (_, K::PermissionDenied) => codes::PERMISSION_DENIED,
            (_, K::NotFound) => codes::FILE_MISSING,
            _ => codes::LOCAL_TROUBLE,
        };
        Trouble::new(code, error.to_string())
    }

    /// Whose trouble it is.
    pub fn side(&self) -> Side {
        match self.side {
            StoredSide::Fail => Side::Fail,
            StoredSide::Unknown => Side::Unknown,
        }
    }
}

// Linux's numbers; the standard library has no kind for these.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EADDRNOTAVAIL: i32 = 99;

/// A BLAKE3 digest, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a JSON value; equal values have equal digests, whatever the order of their keys.
    pub fn of_json(value: &serde_json::Value) -> Hash {
        let mut canonical = value.clone();
        canonical.sort_all_objects();
        Hash::of(canonical.to_string().as_bytes())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Hash> {
        blake3::Hash::from_hex(text).ok().map(|hash| Hash(*hash.as_bytes()))
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.short())
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Hash::parse(&text).ok_or_else(|| serde::de::Error::custom("not 64 hexadecimal digits"))
    }
}

//! Findings: one way each in which an observation falls short, and the stable codes that name them.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::predicate::JsonType;

/// A stable word for a sort of finding. Scripts and alerts may rely on it; `steadfast explain CODE` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The word itself.
    pub word: &'static str,
    /// Whether it says something about the target, or only that we could not look.
    pub side: Side,
    /// What it means, with the conditions that lead to it.
    pub meaning: &'static str,
    /// What to do next.
    pub advice: &'static str,
}

/// The two sides of not passing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The target falls short.
    Fail,
    /// It could not be looked at, so nothing is known.
    Unknown,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $NAME:ident = $word:literal, $side:ident, $meaning:literal, $advice:literal;)*) => {
        $($(#[$doc])* #[doc = $meaning] pub const $NAME: Code = Code { word: $word, side: Side::$side, meaning: $meaning, advice: $advice };)*
        /// Every code that kinds share, in the order of the table in the documentation.
        pub const SHARED: &[Code] = &[$($NAME),*];
    };
}

/// The codes that all kinds share. A kind adds its own in its file.
pub mod codes {
    use super::{Code, Side};

    codes! {
        REFUSED = "refused", Fail, "the target refused the connection (ECONNREFUSED)", "is the service started, and does it listen on this address and port?";
        RESET = "reset", Fail, "the target closed or reset the connection before its answer was complete", "look at the service's log for a crash or a restart at this time";
        TIMEOUT = "timeout", Fail, "the target did not answer within the check's timeout", "look for load, locks or a hanging dependency; raise `timeout` only if this is normal";
        NAME_NOT_FOUND = "name-not-found", Fail, "the name does not exist in the DNS (NXDOMAIN, or no address for it)", "check the record at your DNS provider, and the spelling here";
        HOST_UNREACHABLE = "host-unreachable", Fail, "the network says that this host is not there (EHOSTUNREACH)", "is the machine up, and the address right?";
        BAD_CERTIFICATE = "bad-certificate", Fail, "the TLS certificate is not trusted: expired, for another name, or by an unknown issuer", "renew or replace the certificate; `steadfast look tls://HOST:PORT` shows it";
        TLS_FAILED = "tls-failed", Fail, "the TLS handshake failed for another reason than trust", "does this port speak TLS, and do both sides share a protocol version?";
        BAD_PROTOCOL = "bad-protocol", Fail, "the answer does not follow its protocol", "does the address point at the right port and service?";
        BAD_LENGTH = "bad-length", Fail, "the answer is shorter or longer than it says it is", "a proxy or the service cuts its answers; look at both logs";
        BAD_ENCODING = "bad-encoding", Fail, "the answer cannot be decoded as its Content-Encoding says", "look at the compression settings of the proxy";
        FILE_MISSING = "file-missing", Fail, "the file or folder is not there (ENOENT)", "was it deleted, moved, or is the volume not mounted?";
        NOT_A_DATABASE = "not-a-database", Fail, "the file is there and is no database", "does the path point at the right file? an encrypted or overwritten one looks like this too";
        COMMAND_TIMEOUT = "command-timeout", Fail, "the command was still running at its timeout; its whole process group was ended", "run it by hand; a command that waits for input or streams for ever is no check";

        MISSING = "missing", Fail, "what the expectation reads is not there", "the answer lacks it: look at what was seen";
        NULL = "null", Fail, "what the expectation reads is null", "null is not a value; `type = \"null\"` or `equals` say so if it is meant";
        EMPTY = "empty", Fail, "what the expectation reads is there and empty", "an empty answer often means a wiped or unfilled source";
        WRONG_TYPE = "wrong-type", Fail, "the value has another type than the expectation needs; nothing is converted silently", "has the shape of the data changed?";
        OUT_OF_BOUNDS = "out-of-bounds", Fail, "a number lies outside its bounds", "compare what was seen with the bound";
        UNEQUAL = "unequal", Fail, "the value is another one than expected", "compare what was seen with what was expected";
        NOT_CONTAINED = "not-contained", Fail, "what should occur does not", "the answer came, but not with this content: look at what was seen";
        FORBIDDEN = "forbidden", Fail, "what must not occur does", "look at where it occurs";
        NO_MATCH = "no-match", Fail, "the regular expression does not match", "compare what was seen with the pattern";
        TOO_OLD = "too-old", Fail, "it is older than it may be", "has the job that makes it run?";
        TOO_YOUNG = "too-young", Fail, "it is younger than it may be", "was it replaced or restarted?";
        IN_THE_FUTURE = "in-the-future", Fail, "its time lies more than five minutes in the future, so it proves no freshness", "compare the clocks, and look for a placeholder date";
        NO_DATE = "no-date", Fail, "it is no date that can be read: RFC 3339, HTTP-date, or a number with `epoch`; one without a zone needs `zone`", "state `zone` or `epoch`, or mend the value";
        NOT_JSON = "not-json", Fail, "the text is no JSON (RFC 8259), or nested deeper than 128 levels; it fails every JSON expectation", "an HTML error page or an empty answer came instead?";
        TOO_SLOW = "too-slow", Fail, "it took longer than `within`", "look at the timings: name, connection, TLS, first byte, body";

        RESOLVER_FAILED = "resolver-failed", Unknown, "the resolver gave no answer about the name (SERVFAIL, refused, timeout)", "is the resolver up? this machine's are in /etc/resolv.conf";
        NETWORK_UNREACHABLE = "network-unreachable", Unknown, "this machine has no way to that network (ENETUNREACH)", "is this machine online, and does it have that address family?";
        OUT_OF_DESCRIPTORS = "out-of-descriptors", Unknown, "this process or machine has no file descriptor left (EMFILE, ENFILE)", "raise `ulimit -n`, or run with a lower --parallel";
        NO_LOCAL_ADDRESS = "no-local-address", Unknown, "this machine has no local address or port left to connect from (EADDRNOTAVAIL)", "too many connections in TIME_WAIT? run with a lower --parallel";
        MISSING_SECRET = "missing-secret", Unknown, "a secret that the look needs is not set, or its file cannot be read", "set it in the environment of this process";
        SHORT_SECRET = "short-secret", Unknown, "a secret of fewer than four characters cannot be kept out of the output, so it is not used", "use a longer one";
        PERMISSION_DENIED = "permission-denied", Unknown, "this process may not look at it (EACCES, EPERM), or its role may not in Postgres (42501)", "give this user or role the right to read it, or run as one who may";
        DATABASE_BUSY = "database-busy", Unknown, "the database, or what is read of it, was locked for the whole time (SQLITE_BUSY; 55P03, 40001 and 40P01 of Postgres)", "look for a long write transaction; raise `timeout`";
        PROGRAM_NOT_FOUND = "program-not-found", Unknown, "the program to run is not there or cannot be executed", "install it on this machine, or give its full path";
        RUN_DEADLINE = "run-deadline", Unknown, "the deadline of the whole run came before the first try ended", "give the run more time, or more --parallel";
        BEYOND_THE_CUT = "beyond-the-cut", Unknown, "the answer is longer than what is read of it, and the rest may hold what was expected", "raise `body_limit`, or expect something nearer to the beginning";
        NOT_IN_THIS_WORLD = "not-in-this-world", Unknown, "the World is closed and has no route for this address; nothing was dialled", "give it a route with --route NAME=ADDRESS";
        LOCAL_TROUBLE = "local-trouble", Unknown, "something on this machine kept us from looking", "the detail says what it was";
    }
}

/// One way in which an observation falls short of one expectation, or why it could not be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable word, see [`Code`].
    pub code: Cow<'static, str>,
    /// The expectation it falls short of, as it stands under `expect`: `json."$.errors".count`. Empty if none was reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub claim: String,
    /// Where it was seen, outer to inner.
    #[serde(rename = "where", default, skip_serializing_if = "Vec::is_empty")]
    pub place: Vec<Place>,
    /// What was expected, as a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What was seen, as a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What the operating system or a library said, redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// A command that shows the same by hand, secrets as `$NAME`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reproduce: String,
    /// What to do next.
    pub advice: Cow<'static, str>,
}

impl Finding {
    /// A finding of this sort.
    pub fn new(code: Code) -> Finding {
        Finding {
            code: Cow::Borrowed(code.word),
            claim: String::new(),
            place: Vec::new(),
            expected: None,
            seen: None,
            detail: String::new(),
            reproduce: String::new(),
            advice: Cow::Borrowed(code.advice),
        }
    }

    /// Of this expectation.
    #[must_use]
    pub fn of(mut self, claim: impl Into<String>) -> Finding {
        self.claim = claim.into();
        self
    }

    /// At this place, inside those named before.
    #[must_use]
    pub fn at(mut self, place: Place) -> Finding {
        self.place.push(place);
        self
    }

    /// What was expected.
    #[must_use]
    pub fn expected(mut self, value: impl Into<Value>) -> Finding {
        self.expected = Some(value.into());
        self
    }

    /// What was seen.
    #[must_use]
    pub fn seen(mut self, seen: Seen) -> Finding {
        self.seen = Some(seen);
        self
    }

    /// What the system said.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Finding {
        self.detail = detail.into();
        self
    }
}

/// What was found where a value was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Nothing at all.
    Missing,
    /// An explicit null.
    Null,
    /// An empty string, array or object.
    Empty,
    /// A value of another type.
    WrongType(JsonType),
    /// A value; long ones are cut by [`Seen::value`].
    Value(Value),
}

impl Seen {
    /// A value as seen, cut to a size that fits a report.
    pub fn value(value: &Value) -> Seen {
        match value {
            Value::Null => Seen::Null,
            Value::String(text) if text.is_empty() => Seen::Empty,
            Value::Array(items) if items.is_empty() => Seen::Empty,
            Value::Object(map) if map.is_empty() => Seen::Empty,
            Value::String(text) => Seen::text(text),
            Value::Array(_) | Value::Object(_) => {
                let text = value.to_string();
                if text.len() <= LONGEST_SEEN { Seen::Value(value.clone()) } else { Seen::text(&text) }
            }
            Value::Bool(_) | Value::Number(_) => Seen::Value(value.clone()),
        }
    }

    /// A text as seen, cut to a size that fits a report.
    pub fn text(text: &str) -> Seen {
        if text.is_empty() {
            return Seen::Empty;
        }
        Seen::Value(Value::String(excerpt(text, LONGEST_SEEN)))
    }
}

/// The longest text that a finding carries, in bytes; the whole is in the observation.
pub const LONGEST_SEEN: usize = 300;

/// The beginning of a text, with an ellipsis and the count if something was left out.
pub fn excerpt(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(longest);
    format!("{}… ({} bytes in all)", &text[..cut], text.len())
}

/// A place inside an observation. A finding's places go from outer to inner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A method and address: `GET /d/7d0bd618`.
    Endpoint(String),
    /// A step of a flow.
    Step(String),
    /// A header, field or attribute by name.
    Field(String),
    /// A JSONPath (RFC 9535).
    JsonPath(String),
    /// A CSS selector.
    Selector(String),
    /// A file's path.
    File(String),
    /// A line of it, from 1.
    Line(u64),
    /// A table.
    Table(String),
    /// A column.
    Column(String),
    /// A row, from 1.
    Row(u64),
    /// An offset in bytes, from 0.
    Byte(u64),
    /// `stdout` or `stderr`.
    Stream(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Endpoint(text)
            | Place::Step(text)
            | Place::Field(text)
            | Place::JsonPath(text)
            | Place::Selector(text)
            | Place::File(text)
            | Place::Stream(text) => f.write_str(text),
            Place::Line(line) => write!(f, "line {line}"),
            Place::Table(table) => write!(f, "table {table}"),
            Place::Column(column) => write!(f, "column {column}"),
            Place::Row(row) => write!(f, "row {row}"),
            Place::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

//! One request and its answer, redacted: what `http` sees, and what flows will see.

use serde::{Deserialize, Serialize};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Outcome;

use crate::body::Body;

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The address as asked for: after targets and routes of names, before redirects.
    pub url: String,
    /// The path and query, for people.
    pub path: String,
    /// A command that asks the same, secrets as `$NAME`.
    pub curl: String,
    /// The answer, or what kept it away.
    pub answer: Outcome<Response>,
    /// Which document lists it, if it was found in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Listed>,
}

/// Where an endpoint was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The document that lists it.
    pub document: String,
    /// What it is called there, if not by its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many endpoints are listed in all, also those that were left out of the sweep.
    pub of: u64,
    /// How many more there are that need parameters nobody has told us.
    pub unasked: u64,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded, up to the limit.
    pub body: Body,
    /// Whether the body goes on beyond what was read.
    pub cut: bool,
    /// The size of the body as read and decoded, in bytes, before redaction.
    pub size: u64,
    /// The addresses of the redirects that were followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<String>,
    /// The address that answered.
    pub remote: String,
    /// How long its parts took; of the last request, if redirects were followed.
    pub timings: Timings,
}

/// How long the parts of an exchange took, each in microseconds. On a connection that was open already the first
/// three are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// The name.
    pub dns: Lapse,
    /// The TCP connection.
    pub connect: Lapse,
    /// The TLS handshake.
    pub tls: Lapse,
    /// From the request to the answer's head.
    pub first_byte: Lapse,
    /// From the beginning to the body's end, redirects included.
    pub total: Lapse,
}

impl Response {
    /// The values of a header, joined with `, ` (RFC 9110, 5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let header = self.header("content-type")?;
        header.split(';').next().map(|essence| essence.trim().to_ascii_lowercase())
    }
}

//! `.env`: the names in it, and nothing else of it. A value does not leave [`names`], not even into a message.

use serde_json::json;

use super::{Paper, Source};
use crate::init::clue::{Ask, Clues, Later};
use crate::init::site::looks_secret;
use crate::render::text::counted;

/// Files of variables.
pub(super) struct DotEnv;

/// So many names of a file are used.
const MOST_NAMES: usize = 200;

impl Source for DotEnv {
    fn title(&self) -> &'static str {
        ".env"
    }

    fn claims(&self, name: &str) -> bool {
        name == ".env" || (name.starts_with(".env.") && !name.ends_with(".swp"))
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        papers.iter().for_each(|paper| one(paper, into));
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        vec![vec![(".env", include_str!("dotenv/everything.env")), (".env.example", "DATABASE_URL=\nPORT=\n")]]
    }
}

fn one(paper: &Paper, into: &mut Clues) {
    let Names { found, strange } = names(&paper.text);
    let mut said = format!("{}, no value", counted(found.len(), "name"));
    if found.len() > MOST_NAMES {
        said.push_str(&format!("; the first {MOST_NAMES} are used"));
    }
    into.read.push((paper.path.clone(), said));
    if strange > 0 {
        let what = format!("{} of {}", counted(strange, "line"), paper.path);
        into.miss(
            what,
            "no `NAME=value` with a name in capitals, and not repeated here, as it may be part of a secret",
        );
    }
    for (line, name) in found.iter().take(MOST_NAMES) {
        let sort = Sort::of(name);
        match sort {
            Sort::Database => {
                let look = json!({ "query": "select 1" });
                lead(paper, *line, name, "sql", "database", look, json!({ "scalar": 1 }), into);
            }
            Sort::Redis => {
                let look = json!({ "send": "PING\r\n", "read": "line" });
                lead(paper, *line, name, "tcp", "address", look, json!({ "banner_matches": "^\\+PONG" }), into);
            }
            Sort::Address if !into.addresses.contains(name) => into.addresses.push(name.clone()),
            Sort::Secret if !into.secrets.contains(name) => into.secrets.push(name.clone()),
            Sort::Address | Sort::Secret | Sort::Other => {}
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "two callers side by side, and each argument differs between them")]
fn lead(
    paper: &Paper,
    line: usize,
    name: &str,
    kind: &'static str,
    key: &'static str,
    look: serde_json::Value,
    expect: serde_json::Value,
    into: &mut Clues,
) {
    let then = match kind {
        "sql" => format!("set {name}, and ask for what matters: `query = \"select count(*) from ...\"`"),
        _ => {
            format!("set {name} to an address with a port; with a password, say it first: `AUTH` with {{ env = ... }}")
        }
    };
    let later = Later {
        kind,
        address: Some((key, json!({ "env": name }))),
        look,
        expect,
        why: format!("init reads names only, so it does not know what {name} holds"),
        then,
    };
    into.lead(paper.at(line), name, format!("{name} names a service"), Ask::Later(later));
}

/// What a variable is for, by its name.
enum Sort {
    Database,
    Redis,
    Address,
    Secret,
    Other,
}

impl Sort {
    fn of(name: &str) -> Sort {
        let parts: Vec<&str> = name.split('_').collect();
        let has = |words: &[&str]| parts.iter().any(|part| words.contains(part));
        let is_address = matches!(parts.last(), Some(&("URL" | "URI" | "DSN" | "ENDPOINT")));
        if is_address && has(&["DATABASE", "POSTGRES", "POSTGRESQL", "PG", "DB"]) {
            Sort::Database
        } else if is_address && has(&["REDIS", "VALKEY"]) {
            Sort::Redis
        } else if has(&["SECRET", "TOKEN", "PASSWORD", "PASS", "PASSWD", "PWD", "KEY", "APIKEY", "CREDENTIALS", "SALT"])
            || name.contains("PASSWORD")
        {
            Sort::Secret
        } else if is_address {
            Sort::Address
        } else {
            Sort::Other
        }
    }
}

/// The names in a file, with their lines.
struct Names {
    found: Vec<(usize, String)>,
    /// Lines that are neither a name with its value, nor part of one, nor a comment.
    strange: usize,
}

/// Reads names as dotenv does: a value in quotes goes on over line breaks, so that a line of a key is none.
fn names(text: &str) -> Names {
    let mut names = Names { found: Vec::new(), strange: 0 };
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else {
            names.strange += 1;
            continue;
        };
        let name = name.trim();
        if is_name(name) {
            names.found.push((at + 1, name.to_owned()));
        } else {
            names.strange += 1;
        }
        let value = value.trim_start();
        if let Some(quote) = value.chars().next().filter(|c| "\"'`".contains(*c))
            && !closes(&value[1..], quote)
        {
            // The line that closes it belongs to it, too.
            lines.by_ref().find(|(_, line)| closes(line, quote));
        }
    }
    names
}

/// Whether a quote is closed in a line; a backslash takes the next character along.
fn closes(line: &str, quote: char) -> bool {
    let mut escaped = false;
    for c in line.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return true,
            _ => {}
        }
    }
    false
}

/// In capitals, and nothing that could be a piece of a secret.
fn is_name(name: &str) -> bool {
    let tame = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let begins = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    tame && begins && name.len() <= 64 && !looks_secret("", &json!(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str], strange: usize) {
        let read = names(text);
        let found: Vec<&str> = read.found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!((found.as_slice(), read.strange), (expected, strange), "{text}");
    }

    #[test]
    fn names_are_found_and_pieces_of_values_are_not() {
        check("A=1\nexport B=\"2\" # c\n# D=4\n\nE = 5\n", &["A", "B", "E"], 0);
        check("KEY=\"-----BEGIN\nMIIE=\nAAAA=\n-----END\"\nNEXT=1", &["KEY", "NEXT"], 0);
        check("A=\"x\\\"\nB=2\"\nC='\"'\nD=1", &["A", "C", "D"], 0);
        // Without quotes each line of a key stands for itself, and none of them is repeated.
        check("KEY=-----BEGIN\nMIIEvQIBADANBgkq=\nAB12CD34EF56AB78CD90EF12AB34CD56=\nnoise", &["KEY"], 3);
        check("lower=1\nA-B=2\n=3", &[], 3);
        check("UNCLOSED=\"x\nB=2", &["UNCLOSED"], 0);
    }
}

//! The keys of the root file besides the checks.

use std::collections::BTreeMap;

use steadfast_core::gate::Gate;
use steadfast_core::project::{GateSettings, LedgerSettings};
use steadfast_core::secret::Text;
use steadfast_core::setting::{Node, Problem, Problems, Raw, Setting, Span, did_you_mean};
use steadfast_postgres::address::Address;

use crate::refusal::passwords;

steadfast_core::settings! {
    /// Who all of this is about: `[project]`.
    pub struct ProjectSettings {
        /// The project's name, as reports and notices call it.
        name: String,
    }
}

/// Reads `[project]`. Without it the empty name stands in, and a problem is noted.
pub(crate) fn project_name(root: &Node, node: Option<&Node>, problems: &mut Problems) -> String {
    let Some(node) = node else {
        let why = "reports, notices and the ledger name the project";
        let instead = "begin the file with [project], and below it name = \"shop\"";
        problems.suggest(root.span, "`project` is missing", why, instead);
        return String::new();
    };
    let Some(settings) = ProjectSettings::read(node, problems) else { return String::new() };
    if settings.name.trim().is_empty() || settings.name.chars().any(char::is_control) {
        let why = "reports, notices and the ledger name the project";
        problems.suggest(
            node.place(&["name"]),
            "the project has no readable name",
            why,
            "one line of text, such as \"shop\"",
        );
    }
    settings.name
}

/// Named addresses, from all files, with the place of each name.
#[derive(Default)]
pub(crate) struct Targets {
    pub(crate) read: BTreeMap<String, Text>,
    /// Every name that was written, its value right or wrong.
    pub(crate) named: BTreeMap<String, Span>,
}

impl Targets {
    /// Reads one `[targets]`.
    pub(crate) fn take(&mut self, node: &Node, problems: &mut Problems) {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table of named addresses");
            return;
        };
        for entry in entries {
            if let Some(first) = self.named.insert(entry.key.clone(), entry.key_span) {
                twice(format!("target `{}`", entry.key), first, entry.key_span, problems);
                continue;
            }
            if let Some(better) = not_an_id(&entry.key) {
                let why = "the name stands in `--route NAME=ADDRESS` and in output";
                problems.suggest(entry.key_span, format!("`{}` is no name of a target", entry.key), why, better);
            }
            let Some(text) = Text::read(&entry.node, problems) else { continue };
            if let Text::Literal(address) = &text {
                if address.trim().is_empty() {
                    let instead = "a URL, host:port or path, or { env = \"NAME\" }";
                    problems.suggest(entry.node.span, "an empty address", "there is nothing to look at", instead);
                }
                refuse_password(address, entry.node.span, "{ env = \"NAME\" } or { file = \"path\" }", problems);
            }
            self.read.insert(entry.key.clone(), text);
        }
    }

    /// Refuses a name that is none of them.
    pub(crate) fn verify(&self, name: &str, span: Span, problems: &mut Problems) {
        if self.named.contains_key(name) {
            return;
        }
        let instead = match did_you_mean(name, self.named.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.named.is_empty() => format!("add [targets] with {name} = \"https://...\""),
            None => {
                let known: Vec<&str> = self.named.keys().map(String::as_str).collect();
                format!("known targets: {}; or add `{name} = \"https://...\"` to [targets]", known.join(", "))
            }
        };
        problems.suggest(span, format!("unknown target `{name}`"), "the check would have nowhere to look", instead);
    }
}

/// Refuses an address with a password in it, and says what is written instead.
pub(crate) fn refuse_password(address: &str, span: Span, instead: &str, problems: &mut Problems) {
    let is_scheme = |scheme: &str| scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let in_userinfo = address.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
        && passwords(address).iter().any(|place| !place.is_empty());
    // libpq reads one behind the `?`, too.
    let parameters =
        address.split_once('?').filter(|_| address.starts_with("postgres")).map(|(_, rest)| rest.split('&'));
    let in_parameters = parameters
        .into_iter()
        .flatten()
        .any(|pair| pair.split_once('=').is_some_and(|(key, password)| key == "password" && !password.is_empty()));
    if in_userinfo || in_parameters {
        let why = "a secret in a file under version control is no secret";
        problems.secret(span, "an address with a password in it", why, instead);
    }
}

/// Reads `[gate.<name>]`.
pub(crate) fn gates(node: Option<&Node>, problems: &mut Problems) -> BTreeMap<Gate, GateSettings> {
    let mut gates = BTreeMap::new();
    let Some(node) = node else { return gates };
    let Raw::Table(entries) = &node.raw else {
        problems.wrong_type(node, "a table such as [gate.post-deploy]");
        return gates;
    };
    for entry in entries {
        let Some(gate) = Gate::of(&entry.key) else {
            let words: Vec<&str> = Gate::ALL.iter().map(|gate| gate.word()).collect();
            let instead = match did_you_mean(&entry.key, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of: {}", words.join(", ")),
            };
            let why = "the list of gates is closed, so these settings would apply to nothing";
            problems.suggest(entry.key_span, format!("unknown gate `{}`", entry.key), why, instead);
            continue;
        };
        let Some(settings) = GateSettings::read(&entry.node, problems) else { continue };
        if settings.deadline.is_some_and(|deadline| deadline.micros() == 0) {
            let place = value_place(&entry.node, "deadline");
            problems.suggest(place, "a deadline of nothing", "no check could ever be looked at", "for example \"5m\"");
        }
        if settings.parallel == Some(0) {
            let place = value_place(&entry.node, "parallel");
            problems.suggest(place, "no check at the same time", "no check could ever be looked at", "1 or more");
        }
        gates.insert(gate, settings);
    }
    gates
}

/// Reads `[ledger]`.
pub(crate) fn ledger(node: Option<&Node>, problems: &mut Problems) -> LedgerSettings {
    let settings = node.and_then(|node| Some((node, LedgerSettings::read(node, problems)?)));
    let Some((node, settings)) = settings else { return LedgerSettings::default() };
    if settings.path.as_ref().is_some_and(|path| path.trim().is_empty()) {
        let instead = "a file such as \".steadfast/ledger.db\", or leave the key out";
        problems.suggest(value_place(node, "path"), "an empty path", "nothing could be recorded", instead);
    }
    if let (Some(path), Some(url)) = (node.entry("path"), node.entry("url")) {
        problems.push(Problem {
            span: url.key_span,
            what: "both `path` and `url`".into(),
            why: "a project has one ledger: a file or a database".into(),
            suggestion: Some("take one out; `steadfast ledger copy --to` brings records from one to the other".into()),
            related: vec![(path.key_span, "the file".into())],
            masked: false,
        });
    }
    if let (Some(password), None) = (node.entry("password"), node.entry("url")) {
        let why = "only a database has one";
        problems.suggest(password.key_span, "`password` without `url`", why, "url = \"postgres://user@host/database\"");
    }
    if let Some(Text::Literal(url)) = &settings.url {
        database(url, value_place(node, "url"), problems);
    }
    settings
}

/// An address of a Postgres database that is written out.
fn database(url: &str, span: Span, problems: &mut Problems) {
    // Whether a password stands in what is no address, nobody can tell.
    if Address::carries_password(url) {
        let why = "a secret in a file under version control is no secret";
        let instead = "take it out of the address and write password = { env = \"NAME\" }, or use ~/.pgpass";
        problems.secret(span, "a password in the address", why, instead);
        return;
    }
    // Who signs in may be left to the machine that it runs on.
    let somebody = |name: &str| (name == "USER").then(|| "somebody".to_owned());
    if let Err(why) = Address::parse(url, &somebody) {
        let instead = "postgres://user@host:5432/database";
        problems.secret(span, "no address of a Postgres database", why.to_string(), instead);
    }
}

/// The place of a key's value, or of the table.
pub(crate) fn value_place(table: &Node, key: &str) -> Span {
    table.entry(key).map_or(table.span, |entry| entry.node.span)
}

/// Notes that something stands in two places.
pub(crate) fn twice(what: String, first: Span, second: Span, problems: &mut Problems) {
    problems.push(Problem {
        span: second,
        what: format!("{what} stands here twice"),
        why: "output, the ledger and other checks know it by this name".into(),
        suggestion: Some("rename one of them, or take one out".into()),
        related: vec![(first, "first here".into())],
        masked: false,
    });
}

/// For a word that cannot be an id, what would be one.
pub(crate) fn not_an_id(word: &str) -> Option<String> {
    let tame = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if word.starts_with(tame) && word.chars().all(|c| tame(c) || matches!(c, '-' | '_' | '.')) {
        return None;
    }
    let lower = word.to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !tame(c) && c != '_' && c != '.').collect();
    let joined = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-");
    let slug = joined.trim_start_matches(['_', '.']);
    Some(match slug {
        "" => "lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or a digit".into(),
        slug => format!("for example `{slug}`"),
    })
}

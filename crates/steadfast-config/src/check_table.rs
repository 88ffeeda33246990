//! `[[check]]`: the keys of every check, and its one table that names the kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_core::address::Address;
use steadfast_core::check::{AnyKind, Check, Claims};
use steadfast_core::gate::{Gate, Severity};
use steadfast_core::measure::Lapse;
use steadfast_core::project::{ProjectCheck, Retry};
use steadfast_core::setting::{Entry, Node, Problem, Problems, Raw, Setting, Settings, Span, did_you_mean};

use crate::defaults::{AllDefaults, merged, unknown_kind};
use crate::depends::Named;
use crate::include::glob;
use crate::load::Kinds;
use crate::root::{Targets, not_an_id, refuse_password, twice, value_place};

steadfast_core::settings! {
    /// A check: what is claimed, when it must hold, and how bad it is when it does not. Beside these keys it has
    /// exactly one table that is named after a kind, such as `[check.http]`.
    pub struct CheckSettings {
        /// Its name, unique in the project: lower-case letters, digits, `-`, `_` and `.`.
        id: String,
        /// What it claims, in one line. Without it the look is described instead.
        summary: Option<String>,
        /// The gates at which it must hold.
        gates: Vec<Gate> = vec![Gate::PostDeploy, Gate::Watch],
        /// How often the watch looks.
        every: Lapse = Lapse::seconds(60),
        /// `critical` holds the gate, `warning` is only reported.
        severity: Severity = Severity::Critical,
        /// A document that helps, relative to the root configuration's folder, or a URL.
        runbook: Option<String>,
        /// What to do first when it fails: a command, or a sentence.
        what_to_do: Option<String>,
        /// Words to select it by: `--only tag:X`.
        tags: Vec<String>,
        /// The checks whose failure explains this one's. It is observed all the same, and shown under its cause.
        depends_on: Vec<String>,
        /// Globs of the sources that it covers, relative to the root configuration's folder.
        paths: Vec<String>,
        /// When a look is tried again before it counts.
        retry: Retry = Retry { attempts: 1, delay: Lapse::seconds(1), writes: false },
        /// The bound of one look. Without it the one in `[defaults.<kind>]`, and without that `10s`.
        timeout: Option<Lapse>,
        /// Whether it may be shown on a public page.
        public: bool = false,
    }
}

/// The bound of a look of which nothing was said.
pub(crate) const TIMEOUT: Lapse = Lapse::seconds(10);

/// The checks of all files.
#[derive(Default)]
pub(crate) struct Checks {
    read: Vec<ProjectCheck>,
    /// Every check that has an id, the rest of it right or wrong.
    pub(crate) named: Vec<Named>,
    ids: BTreeMap<String, Span>,
    claims: Claims,
}

impl Checks {
    /// Those that could be read.
    pub(crate) fn into_read(mut self) -> Vec<ProjectCheck> {
        self.read.shrink_to_fit();
        self.read
    }

    /// Reads one file's `[[check]]`s.
    pub(crate) fn take(
        &mut self,
        node: &Node,
        kinds: Kinds<'_>,
        defaults: &mut AllDefaults,
        targets: &Targets,
        problems: &mut Problems,
    ) {
        let Raw::List(checks) = &node.raw else {
            let why = "there can be many checks, so it is an array of tables";
            problems.suggest(node.span, format!("`check` is {}", node.sort()), why, "write [[check]], in two brackets");
            return;
        };
        for check in checks {
            self.name(check, problems);
            let reader = Reader { check, kinds, targets };
            self.read.extend(reader.read(defaults, &mut self.claims, problems));
        }
    }

    /// Notes the id and what it depends on, whether or not the rest of the check can be read.
    fn name(&mut self, check: &Node, problems: &mut Problems) {
        let Some(Entry { node: Node { span, raw: Raw::Text(id) }, .. }) = check.entry("id") else { return };
        if let Some(better) = not_an_id(id) {
            let why = "it is typed in `--only ID`, and stands in output and in the ledger";
            problems.suggest(*span, format!("`{id}` is no id"), why, better);
        }
        match self.ids.get(id) {
            Some(first) => twice(format!("id `{id}`"), *first, *span, problems),
            None => drop(self.ids.insert(id.clone(), *span)),
        }
        let mut depends_on = Vec::new();
        if let Some(Entry { node: Node { raw: Raw::List(names), .. }, .. }) = check.entry("depends_on") {
            for name in names {
                if let Raw::Text(text) = &name.raw {
                    depends_on.push((text.clone(), name.span));
                }
            }
        }
        self.named.push(Named { id: id.clone(), depends_on });
    }
}

struct Reader<'a> {
    check: &'a Node,
    kinds: Kinds<'a>,
    targets: &'a Targets,
}

impl Reader<'_> {
    fn read(&self, defaults: &mut AllDefaults, claims: &mut Claims, problems: &mut Problems) -> Option<ProjectCheck> {
        let Raw::Table(entries) = &self.check.raw else {
            problems.wrong_type(self.check, "a [[check]]");
            return None;
        };
        let fields: Vec<&str> = CheckSettings::fields().iter().map(|field| field.key).collect();
        let (own, rest): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| fields.contains(&entry.key.as_str()));
        let (tables, rest): (Vec<&Entry>, Vec<&Entry>) = rest.into_iter().partition(|entry| self.names_kind(entry));
        let kind = self.one_kind(&tables, &rest, &fields, problems);
        let strange = self.strangers(&rest, &fields, kind, problems);

        let own: Vec<Entry> = own.into_iter().chain(strange).cloned().collect();
        let own = Node { span: self.check.span, raw: Raw::Table(own) };
        let settings = CheckSettings::read(&own, problems);
        self.refuse_nonsense(&own, settings.as_ref(), problems);

        let (kind, table) = kind?;
        let defaults = defaults.of(kind.name());
        let merged = merged(table, defaults);
        let own_timeout = settings.as_ref().and_then(|s| s.timeout).map(|t| (t, Some(value_place(&own, "timeout"))));
        let timeout = own_timeout.or_else(|| defaults.and_then(|d| d.timeout).map(|(t, span)| (t, Some(span))));
        let (timeout, timeout_span) = timeout.unwrap_or((TIMEOUT, None));
        refuse_idle_bound(&merged, timeout, timeout_span, problems);
        let check = self.read_kind(kind, &merged, &fields, problems);
        self.verify_addresses(check.as_deref(), &merged, problems);

        let (settings, mut check) = (settings?, check?);
        check.share(claims);
        Some(ProjectCheck {
            summary: settings.summary.unwrap_or_else(|| check.describe()).into(),
            id: settings.id.into(),
            gates: settings.gates.into_iter().collect(),
            every: settings.every,
            severity: settings.severity,
            runbook: settings.runbook.into(),
            what_to_do: settings.what_to_do.into(),
            tags: settings.tags.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().into(),
            depends_on: settings.depends_on.into(),
            paths: settings.paths.into(),
            retry: settings.retry,
            timeout,
            public: settings.public,
            check: Arc::from(check),
        })
    }

    fn names_kind(&self, entry: &Entry) -> bool {
        self.kinds.iter().any(|kind| kind.name() == entry.key)
    }

    /// The one kind with its table; a problem if there is none or more than one.
    fn one_kind<'e>(
        &self,
        tables: &[&'e Entry],
        rest: &[&Entry],
        fields: &[&str],
        problems: &mut Problems,
    ) -> Option<(&'static dyn AnyKind, &'e Node)> {
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        match tables {
            [] => {
                // A table with an unknown name is reported as an unknown kind, which says it better.
                if !rest.iter().any(|entry| self.stands_for_kind(entry, fields)) {
                    let instead = format!("add one table such as [check.{}]", names.first().unwrap_or(&"http"));
                    let why = "without a kind there is nothing to look at";
                    problems.suggest(self.check.span, "a check without a kind", why, instead);
                }
                None
            }
            [one] => {
                let kind = self.kinds.iter().find(|kind| kind.name() == one.key)?;
                Some((*kind, &one.node))
            }
            [first, others @ ..] => {
                let written: Vec<String> = tables.iter().map(|entry| format!("`{}`", entry.key)).collect();
                problems.push(Problem {
                    span: others.first().map_or(first.key_span, |entry| entry.key_span),
                    what: format!("a check of {} kinds: {}", tables.len(), written.join(", ")),
                    why: "a check is one claim: when it fails, one thing must be wrong".into(),
                    suggestion: Some("make a [[check]] of each".into()),
                    related: vec![(first.key_span, "the first kind".into())],
                    masked: false,
                });
                None
            }
        }
    }

    fn stands_for_kind(&self, entry: &Entry, fields: &[&str]) -> bool {
        matches!(entry.node.raw, Raw::Table(_)) && did_you_mean(&entry.key, fields.iter().copied()).is_none()
    }

    /// Reports unknown kinds and keys of the kind that stand too high; the others are left to the reader of keys.
    fn strangers<'e>(
        &self,
        rest: &[&'e Entry],
        fields: &[&str],
        kind: Option<(&'static dyn AnyKind, &Node)>,
        problems: &mut Problems,
    ) -> Vec<&'e Entry> {
        let keys = match kind {
            Some((kind, _)) if !rest.is_empty() => Some((kind.name(), KindKeys::of(kind))),
            Some(_) | None => None,
        };
        let mut others = Vec::new();
        for entry in rest {
            let key = entry.key.as_str();
            match &keys {
                Some((name, keys)) if keys.look.contains(key) => {
                    misplaced(entry, &format!("a key of its kind: it belongs below [check.{name}]"), problems);
                }
                Some((name, keys)) if key == "expect" || keys.expect.contains(key) => {
                    misplaced(entry, &format!("an expectation: it belongs below [check.{name}.expect]"), problems);
                }
                Some(_) | None if self.stands_for_kind(entry, fields) => {
                    unknown_kind(key, entry.key_span, self.kinds, problems);
                }
                Some(_) | None => others.push(*entry),
            }
        }
        others
    }

    /// What can be written but cannot be meant.
    fn refuse_nonsense(&self, own: &Node, settings: Option<&CheckSettings>, problems: &mut Problems) {
        for key in ["tags", "depends_on", "paths"] {
            let Some(Raw::List(items)) = own.entry(key).map(|entry| &entry.node.raw) else { continue };
            for item in items {
                match &item.raw {
                    Raw::Text(text) if key == "paths" => drop(glob(text, item, problems)),
                    Raw::Text(text) if key == "tags" && not_an_id(text).is_some() => {
                        let why = "it is typed in `--only tag:X`";
                        let better = not_an_id(text).unwrap_or_default();
                        problems.suggest(item.span, format!("`{text}` is no tag"), why, better);
                    }
                    Raw::Text(_)
                    | Raw::Integer(_)
                    | Raw::Float(_)
                    | Raw::Boolean(_)
                    | Raw::Datetime(_)
                    | Raw::List(_)
                    | Raw::Table(_) => {}
                }
            }
        }
        for key in ["summary", "runbook", "what_to_do"] {
            if let Some(Entry { node: Node { span, raw: Raw::Text(text) }, .. }) = own.entry(key)
                && text.trim().is_empty()
            {
                problems.suggest(*span, format!("an empty `{key}`"), "it helps nobody at night", "leave the key out");
            }
        }
        let Some(settings) = settings else { return };
        if settings.gates.is_empty() {
            let why = "no gate would ever wait for it, and the watch would never look";
            let instead = "name gates, or leave the key out for post-deploy and watch";
            problems.suggest(value_place(own, "gates"), "a check at no gate", why, instead);
        }
        let nothing = Lapse::seconds(0);
        if settings.every == nothing {
            let why = "the watch would look without a pause";
            problems.suggest(value_place(own, "every"), "an interval of nothing", why, "for example \"1m\"");
        }
        if settings.timeout == Some(nothing) {
            let why = "every look would end before it began";
            problems.suggest(value_place(own, "timeout"), "a timeout of nothing", why, "for example \"10s\"");
        }
        let retry = own.entry("retry").map_or(own, |entry| &entry.node);
        if settings.retry.attempts == 0 {
            let place = value_place(retry, "attempts");
            let instead = "1 looks once, 2 looks a second time before it counts";
            problems.suggest(place, "no attempt at all", "a check that never looks cannot fail", instead);
        }
        if settings.retry.writes && settings.retry.attempts == 1 {
            let why = "with one attempt nothing is repeated, so it promises what does not happen";
            let instead = "add `attempts = 2`, or leave `writes` out";
            problems.suggest(value_place(retry, "writes"), "`writes` without a second attempt", why, instead);
        }
    }

    fn read_kind(
        &self,
        kind: &'static dyn AnyKind,
        table: &Node,
        fields: &[&str],
        problems: &mut Problems,
    ) -> Option<Box<dyn Check>> {
        let mut own = Problems::default();
        let check = kind.read(table, &mut own);
        if own.is_empty() {
            return check;
        }
        let keys = KindKeys::of(kind);
        let better = misplaced_keys(kind.name(), table, &keys, fields);
        let replaced: Vec<Span> = better.iter().map(|problem| problem.span).collect();
        // An expectation that stands in the wrong table is there, so none is missing.
        let strayed = better.iter().any(|problem| problem.why.contains("an expectation"));
        let kept = own
            .into_sorted()
            .into_iter()
            .filter(|problem| !replaced.contains(&problem.span) && (!strayed || problem.what != "no `expect`"));
        kept.chain(better).for_each(|problem| problems.push(problem));
        None
    }

    /// Refuses targets that are not there and passwords written out, also in a kind's table that is wrong otherwise.
    fn verify_addresses(&self, check: Option<&dyn Check>, table: &Node, problems: &mut Problems) {
        let look = table.entries().iter().filter(|entry| entry.key != "expect");
        look.for_each(|entry| refuse_passwords_in(&entry.node, problems));
        let Some(check) = check else {
            let look = table.entries().iter().filter(|entry| entry.key != "expect");
            look.for_each(|entry| self.verify_named_in(&entry.node, problems));
            return;
        };
        for address in check.addresses() {
            match address {
                Address::Target(name, span) => self.targets.verify(name, *span, problems),
                Address::Literal(_) | Address::Secret(_) => {}
            }
        }
    }

    fn verify_named_in(&self, node: &Node, problems: &mut Problems) {
        match &node.raw {
            Raw::Table(entries) => match entries.as_slice() {
                [Entry { key, key_span: _, node: Node { span, raw: Raw::Text(name) } }] if key == "target" => {
                    self.targets.verify(name, *span, problems);
                }
                entries => entries.iter().for_each(|entry| self.verify_named_in(&entry.node, problems)),
            },
            Raw::List(items) => items.iter().for_each(|item| self.verify_named_in(item, problems)),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) => {}
        }
    }
}

/// Refuses passwords in all addresses of a table, whatever key they stand under: `get`, an item of a sweep, an argument of
/// a command.
fn refuse_passwords_in(node: &Node, problems: &mut Problems) {
    match &node.raw {
        Raw::Table(entries) => entries.iter().for_each(|entry| refuse_passwords_in(&entry.node, problems)),
        Raw::List(items) => items.iter().for_each(|item| refuse_passwords_in(item, problems)),
        // A kind that knows its addresses better has spoken already.
        Raw::Text(text) if !problems.have_one_at(node.span) => {
            let instead = "an address from { env = \"NAME\" }, or the credential under a key of its own from there";
            refuse_password(text, node.span, instead, problems);
        }
        Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) => {}
    }
}

/// Refuses `within` that lies beyond the timeout: the look would have ended before.
fn refuse_idle_bound(table: &Node, timeout: Lapse, timeout_span: Option<Span>, problems: &mut Problems) {
    let within = table.entry("expect").and_then(|entry| entry.node.entry("within"));
    let Some(Entry { node: Node { span, raw: Raw::Text(text) }, .. }) = within else { return };
    if Lapse::parse(text).is_ok_and(|within| within >= timeout) {
        let said = if timeout_span.is_some() { "" } else { ", as nothing else was said" };
        problems.push(Problem {
            span: *span,
            what: format!("`within` of {text} can never fail: the timeout is {timeout}"),
            why: format!("the look is given up after {timeout}{said}, before it can be too slow"),
            suggestion: Some("a smaller `within`, or a larger `timeout` on the check".into()),
            related: timeout_span.map(|span| (span, "the timeout".into())).into_iter().collect(),
            masked: false,
        });
    }
}

/// What the keys of a kind are; it costs the kind's manual, so it is asked for only when something is wrong.
struct KindKeys {
    look: BTreeSet<&'static str>,
    expect: BTreeSet<&'static str>,
}

impl KindKeys {
    fn of(kind: &dyn AnyKind) -> KindKeys {
        let manual = kind.manual();
        KindKeys {
            look: manual.look_fields.iter().map(|field| field.key).collect(),
            expect: manual.expect_fields.iter().map(|field| field.key).collect(),
        }
    }
}

/// Keys that are known, but somewhere else.
fn misplaced_keys(kind: &str, table: &Node, keys: &KindKeys, fields: &[&str]) -> Vec<Problem> {
    let mut found = Problems::default();
    let above = "a key of the check: it belongs above the first table of the check, as TOML gives \
                 whatever follows a [header] to that header";
    for entry in table.entries().iter().filter(|entry| entry.key != "expect") {
        let key = entry.key.as_str();
        if keys.look.contains(key) {
            continue;
        }
        if keys.expect.contains(key) {
            let belongs = format!("an expectation: it belongs below [check.{kind}.expect]");
            misplaced(entry, &belongs, &mut found);
        } else if fields.contains(&key) {
            misplaced(entry, above, &mut found);
        }
    }
    let expect = table.entry("expect").map(|entry| entry.node.entries()).unwrap_or_default();
    for entry in expect.iter().filter(|entry| !keys.expect.contains(entry.key.as_str())) {
        if keys.look.contains(entry.key.as_str()) {
            let belongs = format!("no expectation: it belongs below [check.{kind}]");
            misplaced(entry, &belongs, &mut found);
        } else if fields.contains(&entry.key.as_str()) {
            misplaced(entry, above, &mut found);
        }
    }
    found.into_sorted()
}

fn misplaced(entry: &Entry, belongs: &str, problems: &mut Problems) {
    let (is, instead) = belongs.split_once(": ").unwrap_or((belongs, "move it"));
    let what = format!("`{}` stands in the wrong table", entry.key);
    problems.suggest(entry.key_span, what, format!("it is {is}, and would not be read here"), instead);
}

//! `[defaults.<kind>]`: what the checks of a kind do not say themselves.

use std::collections::BTreeMap;

use steadfast_core::check::AnyKind;
use steadfast_core::measure::Lapse;
use steadfast_core::setting::{Entry, Node, Problems, Raw, Setting, Span, did_you_mean};

use crate::load::Kinds;
use crate::root::twice;

/// Tables that are merged key by key; of any other key the check's own value replaces the default.
const MERGED: [&str; 2] = ["headers", "expect"];

/// The defaults of one kind.
pub(crate) struct Defaults {
    key_span: Span,
    /// The kind's table, without `timeout`.
    table: Node,
    /// Of the checks' own `timeout`, with its place.
    pub(crate) timeout: Option<(Lapse, Span)>,
    used: bool,
}

/// All defaults by the kind's name.
#[derive(Default)]
pub(crate) struct AllDefaults(BTreeMap<String, Defaults>);

impl AllDefaults {
    /// Reads one file's `[defaults]`.
    pub(crate) fn take(&mut self, node: &Node, kinds: Kinds<'_>, problems: &mut Problems) {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table such as [defaults.http]");
            return;
        };
        for entry in entries {
            if !kinds.iter().any(|kind| kind.name() == entry.key) {
                unknown_kind(&entry.key, entry.key_span, kinds, problems);
                continue;
            }
            let Raw::Table(keys) = &entry.node.raw else {
                problems.wrong_type(&entry.node, "a table");
                continue;
            };
            let timeout = keys.iter().find(|key| key.key == "timeout");
            let timeout = timeout.and_then(|key| Some((Lapse::read(&key.node, problems)?, key.node.span)));
            if let Some((Lapse(std::time::Duration::ZERO), span)) = timeout {
                let why = "every look would end before it began";
                problems.suggest(span, "a timeout of nothing", why, "for example \"10s\"");
            }
            let rest = keys.iter().filter(|key| key.key != "timeout").cloned().collect();
            let table = Node { span: entry.node.span, raw: Raw::Table(rest) };
            let defaults = Defaults { key_span: entry.key_span, table, timeout, used: false };
            if let Some(first) = self.0.get(&entry.key) {
                twice(format!("[defaults.{}]", entry.key), first.key_span, entry.key_span, problems);
            } else {
                self.0.insert(entry.key.clone(), defaults);
            }
        }
    }

    /// The defaults of a kind, which from now on count as used.
    pub(crate) fn of(&mut self, kind: &str) -> Option<&Defaults> {
        let defaults = self.0.get_mut(kind)?;
        defaults.used = true;
        Some(defaults)
    }

    /// Reads the defaults that no check used, so that what is wrong in them is found now and not with the first check.
    pub(crate) fn verify_unused(&self, kinds: Kinds<'_>, problems: &mut Problems) {
        for (name, defaults) in self.0.iter().filter(|(_, defaults)| !defaults.used) {
            let Some(kind) = kinds.iter().find(|kind| kind.name() == name) else { continue };
            let mut own = Problems::default();
            drop(kind.read(&defaults.table, &mut own));
            // What is missing is noted at a table's own place: defaults need not be complete.
            let tables = [defaults.table.span, defaults.table.place(&["expect"])];
            let expect = defaults.table.entry("expect").map(|entry| entry.node.span);
            for problem in own.into_sorted() {
                if !tables.contains(&problem.span) && Some(problem.span) != expect {
                    problems.push(problem);
                }
            }
        }
    }
}

/// The check's own table with the defaults for what it does not say.
pub(crate) fn merged(own: &Node, defaults: Option<&Defaults>) -> Node {
    let (Raw::Table(own_entries), Some(defaults)) = (&own.raw, defaults) else { return own.clone() };
    let mut entries = own_entries.clone();
    merge(&mut entries, defaults.table.entries(), &MERGED);
    Node { span: own.span, raw: Raw::Table(entries) }
}

fn merge(own: &mut Vec<Entry>, defaults: &[Entry], merged: &[&str]) {
    for default in defaults {
        match own.iter_mut().find(|entry| entry.key == default.key) {
            None => own.push(default.clone()),
            Some(Entry { key, key_span: _, node: Node { span: _, raw: Raw::Table(inner) } })
                if merged.contains(&key.as_str()) =>
            {
                merge(inner, default.node.entries(), &[]);
            }
            Some(_) => {}
        }
    }
}

/// Refuses the name of a kind that there is not.
pub(crate) fn unknown_kind(name: &str, span: Span, kinds: Kinds<'_>, problems: &mut Problems) {
    let names: Vec<&str> = kinds.iter().map(|kind: &&dyn AnyKind| kind.name()).collect();
    let instead = match did_you_mean(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known kinds: {}", names.join(", ")),
    };
    problems.suggest(span, format!("unknown kind `{name}`"), "nobody knows how to look at it", instead);
}

//! blackbox_exporter: its modules, with the targets of a Prometheus configuration where one is given.

mod module;

use std::rc::Rc;

use super::carried::Carried;
use super::document::{At, Document, Fields, Node, Trouble};
use super::{Format, Source, text_of};

/// The format `blackbox`.
pub(crate) struct Blackbox;

/// Where a module looks.
pub(super) enum Target {
    /// Written in the Prometheus configuration.
    Address { address: String, labels: Vec<String> },
    /// Said in a variable, as no Prometheus configuration was given.
    Variable,
}

impl Format for Blackbox {
    fn name(&self) -> &'static str {
        "blackbox"
    }

    fn title(&self) -> &'static str {
        "blackbox_exporter"
    }

    fn carry(&self, source: &Source<'_>, into: &mut Carried) -> Result<(), Vec<Trouble>> {
        let document = Document::read(source.text()?).map_err(|trouble| vec![trouble])?;
        let jobs = match source.scrape {
            Some((name, bytes)) => Some(scrape(bytes, into).map_err(|troubles| in_other(name, &troubles))?),
            None => None,
        };
        let mut troubles = Vec::new();
        let mut root = Fields::of(&document.root, "the file", &mut troubles);
        let modules: &[_] = root.any("modules").map_or(&[], |modules| modules.pairs());
        for (key, at, _) in root.unknown() {
            into.leave(at.line, key, "blackbox_exporter has no such key");
        }
        if modules.is_empty() {
            troubles.push(Trouble { at: At { line: 1, column: 1 }, what: "there is no module in it".to_owned() });
        }
        let mut after = 0;
        into.head = document.comments_between(1, document.root.at.line.saturating_sub(1));
        for pair in modules {
            let (name, node) = (&pair.key, &pair.value);
            let comments = document.comments_between((after + 1).max(document.root.at.line), node.last_line);
            after = node.last_line;
            let targets: Vec<Target> = match &jobs {
                None => vec![Target::Variable],
                Some(jobs) => jobs
                    .iter()
                    .filter(|job| job.module == *name)
                    .map(|job| Target::Address { address: job.target.clone(), labels: job.labels.clone() })
                    .collect(),
            };
            if targets.is_empty() {
                into.leave(pair.key_at.line, name.clone(), "no job of the Prometheus configuration uses it");
            }
            for target in targets {
                module::carry(name, pair.key_at, node, &target, &comments, into, &mut troubles);
            }
        }
        for job in jobs.iter().flatten().filter(|job| !modules.iter().any(|pair| pair.key == job.module)) {
            into.leave(
                1,
                job.target.clone(),
                format!("its job asks for the module `{}`, which is not there", job.module),
            );
        }
        // A module with several targets tells its troubles once.
        troubles.dedup();
        if troubles.is_empty() { Ok(()) } else { Err(troubles) }
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<&'static str> {
        vec![include_str!("blackbox/everything.yml")]
    }
}

/// A target of a job.
struct Job {
    module: String,
    target: String,
    labels: Vec<String>,
}

/// The targets of the jobs that probe by a module.
fn scrape(bytes: &[u8], into: &mut Carried) -> Result<Vec<Job>, Vec<Trouble>> {
    let document = Document::read(text_of(bytes)?).map_err(|trouble| vec![trouble])?;
    let configs: &[Rc<Node>] = document.root.get("scrape_configs").map_or(&[], |configs| configs.items());
    let mut jobs = Vec::new();
    for config in configs {
        let text = |node: Option<&Rc<Node>>| node.and_then(|node| node.text()).map(str::to_owned);
        let name = text(config.get("job_name")).unwrap_or_default();
        let module = config.get("params").and_then(|params| params.get("module"));
        let Some(module) = module.and_then(|module| text(module.items().first()).or_else(|| text(Some(module)))) else {
            continue;
        };
        let groups: &[Rc<Node>] = config.get("static_configs").map_or(&[], |groups| groups.items());
        for found in config.pairs().iter().filter(|pair| pair.key.ends_with("_sd_configs")) {
            into.leave(1, name.clone(), format!("its targets are found by `{}`, which is not asked", found.key));
        }
        for group in groups {
            let labels: Vec<String> = group
                .get("labels")
                .map_or(&[][..], |labels| labels.pairs())
                .iter()
                .filter_map(|pair| pair.value.text().map(str::to_owned))
                .chain([name.clone()])
                .collect();
            for target in group.get("targets").map_or(&[][..], |targets| targets.items()) {
                if let Some(target) = target.text() {
                    jobs.push(Job { module: module.clone(), target: target.to_owned(), labels: labels.clone() });
                }
            }
        }
    }
    Ok(jobs)
}

/// Troubles of the other file are told at the beginning of this one.
fn in_other(name: &str, troubles: &[Trouble]) -> Vec<Trouble> {
    troubles
        .iter()
        .map(|trouble| Trouble {
            at: At { line: 1, column: 1 },
            what: format!("{name}:{}:{}: {}", trouble.at.line, trouble.at.column, trouble.what),
        })
        .collect()
}

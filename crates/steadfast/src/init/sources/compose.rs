//! Compose files, also those for a swarm: what is published on this machine can be dialled from it, and nothing else.
//! <https://github.com/compose-spec/compose-spec/blob/main/spec.md>

mod service;

use super::{Paper, Source};
use crate::import::document::{Document, Node, Raw};
use crate::init::clue::Clues;
use crate::render::text::{counted, listed};
use service::Service;

/// Compose files.
pub(super) struct Compose;

/// In the order in which Compose looks for them: the first that is there is read.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// What Compose puts over it by itself.
const OVERRIDES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml"];
/// What `docker stack deploy` is usually given.
const STACKS: [&str; 4] = ["docker-stack.yml", "docker-stack.yaml", "stack.yml", "stack.yaml"];

impl Source for Compose {
    fn title(&self) -> &'static str {
        "Compose file"
    }

    fn claims(&self, name: &str) -> bool {
        let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        is_yaml
            && (name.starts_with("docker-compose.")
                || name.starts_with("compose.")
                || name.starts_with("docker-compose-")
                || STACKS.contains(&name))
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        let there = |names: &[&str]| -> Option<&Paper> {
            names.iter().find_map(|name| papers.iter().find(|paper| paper.name == *name))
        };
        let stack = there(&STACKS);
        let main = there(&NAMES);
        let over = main.and_then(|_| there(&OVERRIDES));
        let used: Vec<&Paper> = main.into_iter().chain(over).collect();
        for paper in papers.iter().filter(|paper| !used.iter().any(|used| used.path == paper.path)) {
            if stack.is_some_and(|stack| stack.path == paper.path) {
                continue;
            }
            let why = if NAMES.contains(&paper.name.as_str()) {
                format!("Compose reads {} first and this one not at all", main.map_or("another", |main| &main.name))
            } else {
                "Compose reads it only when -f names it, so what is up may have nothing to do with it".to_owned()
            };
            into.miss(paper.path.clone(), why);
        }
        together(&used, false, into);
        if let Some(stack) = stack {
            together(&[stack], true, into);
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        vec![
            vec![
                ("compose.yaml", include_str!("compose/everything.yaml")),
                ("compose.override.yaml", include_str!("compose/override.yaml")),
                ("docker-compose.prod.yml", "services: {}\n"),
            ],
            vec![("docker-stack.yml", include_str!("compose/stack.yml"))],
        ]
    }
}

/// Reads files that Compose would put over each other, the last on top. One that is wrong spoils all of them, as it does
/// for Compose: half of what runs is not what runs.
fn together(papers: &[&Paper], swarm: bool, into: &mut Clues) {
    let mut services: Vec<Service> = Vec::new();
    let mut documents = Vec::new();
    for paper in papers {
        match Document::read(&paper.text) {
            Ok(document) => documents.push((paper, document)),
            Err(trouble) => {
                let at = format!("{}:{}:{}", paper.path, trouble.at.line, trouble.at.column);
                into.miss(at, format!("{}; nothing of it was used", trouble.what));
                return;
            }
        }
    }
    for (paper, document) in &documents {
        let root = &document.root;
        let Some(of_file) = root.get("services").filter(|node| matches!(node.raw, Raw::Table(_))) else {
            if root.get("include").is_none() {
                into.miss(paper.at(root.at.line), "there are no `services` in it, so it is no Compose file of today");
                return;
            }
            said_elsewhere(paper, root, into);
            continue;
        };
        said_elsewhere(paper, root, into);
        for pair in of_file.pairs() {
            let service = match services.iter_mut().find(|known| known.name == pair.key) {
                Some(known) => known,
                None => {
                    services.push(Service::new(&pair.key, paper.at(pair.key_at.line)));
                    let Some(last) = services.last_mut() else { continue };
                    last
                }
            };
            service.read(paper, &pair.value, into);
        }
    }
    let before = into.published.len();
    services.iter().for_each(|service| service.conclude(swarm, into));
    let published = into.published.len() - before;
    let said = format!("{}, {}", counted(services.len(), "service"), counted(published, "published port"));
    let names: Vec<&str> = papers.iter().map(|paper| paper.path.as_str()).collect();
    if !names.is_empty() {
        into.read.push((names.join(" + "), said));
    }
}

/// What stands in other files.
fn said_elsewhere(paper: &Paper, root: &Node, into: &mut Clues) {
    if let Some(include) = root.get("include") {
        let paths = include.items().iter().filter_map(|item| {
            let path = item.text().or_else(|| item.get("path").and_then(|path| path.text()));
            path.filter(|path| !path.contains("://"))
        });
        let shown = listed(paths, 60);
        let what = paper.at(include.at.line);
        into.miss(what, format!("`include` {shown}: its services are not followed there; run init in its folder"));
    }
}

//! Dockerfiles: what the image of the last stage exposes and how it knows itself to be well.
//! <https://docs.docker.com/reference/dockerfile/>

use std::collections::BTreeMap;

use serde_json::json;

use super::health::page_of;
use super::port_line::range;
use super::variables::expand;
use super::{Paper, Source};
use crate::init::clue::{Ask, Base, Clues, Later};
use crate::render::text::counted;

/// Dockerfiles.
pub(super) struct Dockerfile;

/// A variable's longest value, in bytes.
const LONGEST_VALUE: usize = 4096;
/// So many instructions are read.
const MOST_INSTRUCTIONS: usize = 10_000;

impl Source for Dockerfile {
    fn title(&self) -> &'static str {
        "Dockerfile"
    }

    fn claims(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let words = ["dockerfile", "containerfile"];
        let is_one = words.contains(&name.as_str()) || name.ends_with(".dockerfile");
        let variant = |word: &str| name.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
        is_one || (words.into_iter().any(variant) && !name.ends_with("ignore"))
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        papers.iter().for_each(|paper| one(paper, into));
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        vec![
            vec![("Dockerfile", include_str!("dockerfile/everything.Dockerfile"))],
            vec![("job.Dockerfile", include_str!("dockerfile/job.Dockerfile"))],
            vec![("Dockerfile.secret", include_str!("dockerfile/secret.Dockerfile"))],
        ]
    }
}

/// An instruction.
struct Instruction {
    line: usize,
    word: String,
    rest: String,
}

/// What a stage has come to.
#[derive(Debug, Clone, Default)]
struct Stage {
    image: String,
    external: bool,
    values: BTreeMap<String, String>,
    /// Line, as it is written, and with its variables put in.
    exposed: Vec<(usize, String, String)>,
    health: Option<(usize, String)>,
}

fn one(paper: &Paper, into: &mut Clues) {
    let instructions = instructions(&paper.text);
    let mut global: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
    let mut current: Option<(String, Stage)> = None;
    let mut count = 0;
    for Instruction { line, word, rest } in &instructions {
        if word == "FROM" {
            if let Some((name, stage)) = current.take() {
                stages.insert(name, stage);
            }
            let known = expand(rest, &|name| global.get(name).cloned()).text;
            let words: Vec<&str> = known.split_whitespace().filter(|word| !word.starts_with("--")).collect();
            let image = words.first().copied().unwrap_or_default().to_owned();
            let name = match words.get(1..3) {
                Some([word, name]) if word.eq_ignore_ascii_case("as") => name.to_lowercase(),
                Some(_) | None => count.to_string(),
            };
            count += 1;
            let stage = match stages.get(&image.to_lowercase()) {
                Some(earlier) => earlier.clone(),
                None => Stage { external: image != "scratch", image, ..Stage::default() },
            };
            current = Some((name, stage));
            continue;
        }
        let Some((_, stage)) = current.as_mut() else {
            if word == "ARG" {
                assign(rest, &mut global);
            }
            continue;
        };
        match word.as_str() {
            "ARG" => {
                // Without a value it is that of before the first stage.
                let bare = rest.split_whitespace().filter(|word| !word.contains('='));
                let inherited = bare.filter_map(|name| Some((name.to_owned(), global.get(name)?.clone())));
                let inherited: Vec<(String, String)> = inherited.collect();
                stage.values.extend(inherited);
                assign(rest, &mut stage.values);
            }
            "ENV" => assign(rest, &mut stage.values),
            "EXPOSE" => {
                for port in rest.split_whitespace() {
                    let expanded = expand(port, &|name| stage.values.get(name).cloned());
                    match expanded.known() {
                        Ok(known) => stage.exposed.push((*line, port.to_owned(), known.to_owned())),
                        Err(why) => into.miss(paper.at(*line), format!("EXPOSE {port}: {why}")),
                    }
                }
            }
            "HEALTHCHECK" => {
                // Of a variable only a port goes anywhere: anything else may be a secret.
                let port = |name: &str| stage.values.get(name).filter(|value| range(value).is_some()).cloned();
                let text = expand(rest, &port).text;
                stage.health = Some((*line, text));
            }
            _ => {}
        }
    }
    match current {
        Some((_, stage)) => conclude(paper, &stage, count, into),
        None => into.miss(paper.path.clone(), "there is no FROM in it, so it builds nothing; nothing of it was used"),
    }
}

fn conclude(paper: &Paper, stage: &Stage, stages: usize, into: &mut Clues) {
    let base = |port: u16| Base::Inside { folder: paper.folder.clone(), port };
    let app = paper.folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app");
    let mut ports: Vec<(usize, u16)> = Vec::new();
    // What is said is what is written: a variable may hold anything.
    for (line, written, known) in &stage.exposed {
        let (port, protocol) = known.split_once('/').unwrap_or((known, "tcp"));
        match (range(port), protocol.to_ascii_lowercase().as_str()) {
            (Some((first, last)), "tcp") if last - first < 16 => ports.extend((first..=last).map(|port| (*line, port))),
            (Some(_), "tcp") => into.miss(paper.at(*line), format!("EXPOSE {written}: name the ports that matter")),
            (Some(_), _) => into.miss(paper.at(*line), format!("EXPOSE {written}: no kind of check speaks it")),
            (None, _) => into.miss(paper.at(*line), format!("EXPOSE {written} is no port")),
        }
    }
    let health = stage.health.as_ref().map(|(line, text)| (*line, options_off(text)));
    let health = health.filter(|(_, command)| !command.trim_start().to_ascii_uppercase().starts_with("NONE"));
    let page = health.and_then(|(line, command)| Some((line, page_of(command)?)));
    match (&page, health) {
        (Some((line, page)), _) => {
            let says = format!("HEALTHCHECK asks for {} on port {} of the container", page.path, page.port);
            let ask = Ask::Page { base: base(page.port), path: page.path.clone() };
            into.lead(paper.at(*line), app, says, ask);
        }
        (None, Some((line, _))) => {
            let later = Later {
                kind: "command",
                address: None,
                look: json!({ "run": ["docker", "inspect", "--format", "{{.State.Health.Status}}", app] }),
                expect: json!({ "exit": 0, "stdout": "healthy" }),
                why: "init runs no program".to_owned(),
                then: format!("put the container's name in the place of `{app}`, and run the command by hand"),
            };
            let says = "HEALTHCHECK is a command, which runs within the container";
            into.lead(paper.at(line), format!("{app}-health"), says, Ask::Later(later));
        }
        (None, None) if stage.external && ports.is_empty() => {
            let what = format!("what {} exposes, and how it knows itself to be well,", short(&stage.image));
            into.miss(paper.path.clone(), format!("{what} stands in that image and not in this file"));
        }
        (None, None) => {}
    }
    for (line, port) in &ports {
        if page.as_ref().is_some_and(|(_, page)| page.port == *port) {
            continue;
        }
        let ask = Ask::Page { base: base(*port), path: "/".to_owned() };
        into.lead(paper.at(*line), app.to_owned(), format!("EXPOSE {port}"), ask);
    }
    let exposed = match ports.as_slice() {
        [] => "no port exposed".to_owned(),
        some => format!("{} exposed", counted(some.len(), "port")),
    };
    let health = if health.is_some() { ", HEALTHCHECK" } else { "" };
    let last = if stages > 1 { format!(" (the last of {stages} stages)") } else { String::new() };
    into.read.push((paper.path.clone(), format!("{exposed}{health}{last}")));
}

/// The command behind `--interval=5s` and its like.
fn options_off(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(after) = rest.strip_prefix("--") {
        rest = after.find(char::is_whitespace).map_or("", |end| after[end..].trim_start());
    }
    rest
}

/// An image's name, short enough for a sentence.
fn short(image: &str) -> String {
    if image.contains('$') || image.is_empty() {
        "its base image".to_owned()
    } else {
        crate::render::text::cut(image, 60)
    }
}

/// Sets what an instruction sets, with the variables in it as they are then.
fn assign(rest: &str, values: &mut BTreeMap<String, String>) {
    let set = assignments(rest);
    let known: Vec<(String, String)> =
        set.into_iter().map(|(name, text)| (name, expand(&text, &|name| values.get(name).cloned()).text)).collect();
    // A value that doubles itself again and again is no port.
    values.extend(known.into_iter().filter(|(_, value)| value.len() <= LONGEST_VALUE));
}

/// `A=1 B="2 3"`, or `A the rest`.
fn assignments(text: &str) -> Vec<(String, String)> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let rest = text.trim_start().strip_prefix(first).unwrap_or_default().trim();
        return if rest.is_empty() { Vec::new() } else { vec![(first.to_owned(), rest.to_owned())] };
    }
    let mut words: Vec<String> = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (Some(_) | None, c) => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The instructions with their lines: continued lines joined, comments and here-documents left out.
fn instructions(text: &str) -> Vec<Instruction> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let directive = text.lines().next().unwrap_or_default().replace(' ', "").to_lowercase();
    let escape = if directive.starts_with("#escape=`") { '`' } else { '\\' };
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if found.len() >= MOST_INSTRUCTIONS {
            break;
        }
        let mut whole = line.trim().to_owned();
        while whole.ends_with(escape) {
            whole.pop();
            let mut more = lines.by_ref().map(|(_, line)| line.trim());
            match more.find(|line| !line.is_empty() && !line.starts_with('#')) {
                Some(next) => {
                    whole.push(' ');
                    whole.push_str(next);
                }
                None => break,
            }
        }
        let (word, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
        let word = word.to_ascii_uppercase();
        if ["RUN", "COPY", "ADD"].contains(&word.as_str()) {
            for end in here_documents(rest) {
                lines.by_ref().find(|(_, line)| line.trim_start_matches('\t').trim_end() == end);
            }
        }
        found.push(Instruction { line: at + 1, word, rest: rest.trim().to_owned() });
    }
    found
}

/// The words that end the here-documents of an instruction.
fn here_documents(rest: &str) -> Vec<String> {
    let words = rest.split_whitespace().filter_map(|word| word.split_once("<<").map(|(_, end)| end));
    let ends = words.map(|end| end.trim_start_matches('-').trim_matches(|c| c == '"' || c == '\'').to_owned());
    ends.filter(|end| end.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')).collect()
}

//! One service of a Compose file, gathered from all files that speak of it.

use serde_json::json;

use super::super::Paper;
use super::super::health::{HealthPage, page_of};
use super::super::image::{self, Known};
use super::super::port_line::{PortLine, range};
use super::super::variables::expand;
use crate::import::document::{Node, Raw};
use crate::init::clue::{Ask, Base, Clues, Later, NOT_DIALLED, Published};
use crate::init::site::looks_secret;
use crate::render::text::listed;

/// A service.
pub(super) struct Service {
    /// Its name.
    pub(super) name: String,
    from: String,
    image: Option<String>,
    builds: Option<String>,
    user: Option<String>,
    database: Option<String>,
    ports: Vec<(String, PortLine)>,
    health: Option<(String, Health)>,
    exposed: Vec<String>,
    profiles: Vec<String>,
    replicas: Option<u64>,
    extends: bool,
    host: bool,
}

enum Health {
    Off,
    Page(HealthPage),
    Other,
}

impl Service {
    /// One of which nothing is known but its name and place.
    pub(super) fn new(name: &str, from: String) -> Service {
        Service {
            name: name.to_owned(),
            from,
            image: None,
            builds: None,
            user: None,
            database: None,
            ports: Vec::new(),
            health: None,
            exposed: Vec::new(),
            profiles: Vec::new(),
            replicas: None,
            extends: false,
            host: false,
        }
    }

    /// Takes in what a file says; a later file wins, and its ports are added.
    pub(super) fn read(&mut self, paper: &Paper, node: &Node, into: &mut Clues) {
        let at = |node: &Node| paper.at(node.at.line);
        if !matches!(node.raw, Raw::Table(_)) {
            return into.miss(at(node), format!("service `{}` is {}, and has to be a table", self.name, node.sort()));
        }
        let text = |key: &str| node.get(key).and_then(|node| node.text());
        if let Some(image) = text("image") {
            self.image = expand(image, &|_| None).known().ok().map(str::to_owned).or(self.image.take());
        }
        if let Some(build) = node.get("build") {
            let part = |key: &str| build.get(key).and_then(|node| node.text());
            let context = build.text().or_else(|| part("context")).unwrap_or(".");
            // The Dockerfile's own folder is what it is known by.
            let within = part("dockerfile").and_then(|file| file.rsplit_once('/')).map_or(".", |(folder, _)| folder);
            self.builds = folder(&paper.folder, context).and_then(|base| folder(&base, within));
        }
        self.user = named(node, "POSTGRES_USER").or(self.user.take());
        self.database = named(node, "POSTGRES_DB").or(self.database.take());
        for port in node.get("ports").map(|ports| ports.items()).unwrap_or_default() {
            self.port(&at(port), port, into);
        }
        for port in node.get("expose").map(|expose| expose.items()).unwrap_or_default() {
            self.exposed.extend(port.text().map(str::to_owned));
        }
        if let Some(check) = node.get("healthcheck") {
            self.health = Some((at(check), health(check)));
        }
        for profile in node.get("profiles").map(|profiles| profiles.items()).unwrap_or_default() {
            self.profiles.extend(profile.text().map(str::to_owned));
        }
        if let Some(extends) = node.get("extends") {
            self.extends = true;
            let file = extends.get("file").and_then(|file| file.text()).unwrap_or("this file");
            let what = format!("service `{}` extends another in {file}; what it has from there", self.name);
            into.miss(at(extends), format!("{what} is not put together here: name its ports"));
        }
        if let Some(mode) = node.get("network_mode").filter(|mode| mode.text() == Some("host")) {
            self.host = true;
            let why = "has the host's network: all of its ports are this machine's, and the file does not say which";
            into.miss(at(mode), format!("service `{}` {why}", self.name));
        }
        let replicas = node.get("deploy").and_then(|deploy| deploy.get("replicas"));
        self.replicas = replicas.and_then(|node| node.text()?.parse().ok()).or(self.replicas);
    }

    fn port(&mut self, at: &str, node: &Node, into: &mut Clues) {
        let read = match &node.raw {
            Raw::Scalar { text, .. } => {
                let expanded = expand(text, &|_| None);
                let outside = expanded.text.strip_suffix(":$").filter(|outside| !outside.contains('$'));
                let read = match outside.and_then(|outside| outside.rsplit(':').next().map(|port| (outside, port))) {
                    // Which port of the container it is does not matter to whom that of this machine is known.
                    Some((outside, port)) => PortLine::read(&format!("{outside}:{port}")),
                    None => expanded.known().and_then(PortLine::read),
                };
                read.map(|line| (line, expanded.names))
            }
            Raw::Table(_) => long(node),
            Raw::Null | Raw::List(_) => Err(format!("a port is {}", node.sort())),
        };
        match read {
            Ok((line, names)) => {
                if !names.is_empty() {
                    let why =
                        format!("the port is the default of {}: the variable may say otherwise", names.join(", "));
                    into.miss(at, why);
                }
                self.ports.push((at.to_owned(), line));
            }
            Err(why) => into.miss(at, format!("a port of `{}`: {why}", self.name)),
        }
    }

    /// What comes of it.
    pub(super) fn conclude(&self, swarm: bool, into: &mut Clues) {
        if !self.profiles.is_empty() {
            let profiles = listed(self.profiles.iter().map(String::as_str), 40);
            into.miss(&*self.from, format!("`{}` is only up with the profile {profiles}", self.name));
        }
        if let Some(replicas) = self.replicas.filter(|replicas| *replicas > 1 && !self.ports.is_empty()) {
            let why =
                format!("`{}` has {replicas} replicas behind one port: a check sees whichever answers", self.name);
            into.miss(&*self.from, why);
        }
        let mut published = 0;
        for (at, line) in &self.ports {
            published += self.publish(at, line, into);
        }
        for port in &self.exposed {
            let reached = self.ports.iter().any(|(_, line)| range(port).is_some_and(|port| port == line.inside));
            if !reached {
                let why =
                    "is not reachable from here: `expose` is for the other containers, `ports` is for this machine";
                into.miss(&*self.from, format!("port {port} of `{}` {why}", self.name));
            }
        }
        let known = self.ports.iter().any(|(_, line)| self.known(line, 1).is_some());
        match &self.health {
            // What nobody can dial Docker has asked at least.
            Some((at, Health::Page(_) | Health::Other)) if published == 0 => self.ask_compose(at, swarm, into),
            Some((at, Health::Other)) if !known => self.ask_compose(at, swarm, into),
            Some((_, Health::Off | Health::Page(_) | Health::Other)) | None => {
                if self.ports.is_empty() && self.exposed.is_empty() && !self.extends && !self.host {
                    let why = "publishes no port: nothing of it can be dialled from here";
                    into.miss(&*self.from, format!("`{}` {why}", self.name));
                }
            }
        }
    }

    /// A lead for each port that a line publishes.
    fn publish(&self, at: &str, line: &PortLine, into: &mut Clues) -> usize {
        let shown = |inside: u16| format!("port {inside}/{} of `{}`", line.protocol, self.name);
        let (inside, _) = line.inside;
        if line.protocol != "tcp" {
            let more = if inside == 53 { "; a `dns` check can ask it" } else { "" };
            into.miss(at, format!("{}: no kind of check speaks it{more}", shown(inside)));
            return 0;
        }
        let pairs = match line.pairs() {
            Ok(pairs) => pairs,
            Err(why) => {
                into.miss(at, format!("{}: {why}", shown(inside)));
                return 0;
            }
        };
        if !line.is_on_loopback() {
            let ip = line.ip.as_deref().unwrap_or_default();
            let why = format!("it is published on {ip} alone, and {NOT_DIALLED}");
            into.miss(at, format!("{}: {why}", shown(inside)));
            return 0;
        }
        let count = pairs.len();
        let alone = count == 1 && self.ports.len() == 1;
        for (inside, outside) in pairs {
            let says = if inside == outside {
                format!("`{}` publishes port {outside}", self.name)
            } else {
                format!("`{}` publishes its port {inside} as {outside}", self.name)
            };
            into.published.push(Published { folder: self.builds.clone(), service: self.name.clone(), inside, outside });
            let name = if alone { self.name.clone() } else { format!("{}-{outside}", self.name) };
            let ask = match (&self.health, self.known_port(inside, outside)) {
                (_, Some(Known::Unseen(why))) => {
                    into.miss(at, format!("{says}: {why}"));
                    continue;
                }
                (Some((_, Health::Page(page))), _) if page.port == inside => {
                    Ask::Page { base: Base::Here(outside), path: page.path.clone() }
                }
                (_, Some(Known::Ask(ask))) => ask,
                (_, None) => Ask::Port(outside),
            };
            into.lead(at.to_owned(), name, says, ask);
        }
        count
    }

    fn known(&self, line: &PortLine, outside: u16) -> Option<Known> {
        self.known_port(line.inside.0, outside)
    }

    fn known_port(&self, inside: u16, outside: u16) -> Option<Known> {
        let user = self.user.as_deref().unwrap_or("postgres");
        let database = self.database.as_deref().unwrap_or(user);
        image::known(self.image.as_deref()?, inside, outside, user, database)
    }

    /// The container's own health check runs within it: Docker knows how it went.
    fn ask_compose(&self, at: &str, swarm: bool, into: &mut Clues) {
        if swarm {
            let why = "its health check runs within the containers, and the swarm replaces those that fail it";
            return into.miss(at, format!("`{}`: {why}", self.name));
        }
        let later = Later {
            kind: "command",
            address: None,
            look: json!({ "run": ["docker", "compose", "ps", "--format", "{{.Health}}", self.name] }),
            expect: json!({ "exit": 0, "stdout": "healthy" }),
            why: "init runs no program".to_owned(),
            then: "run the command by hand, and take it in if it says `healthy`".to_owned(),
        };
        let says = format!("`{}` is asked by its own health check, within the container", self.name);
        into.lead(at.to_owned(), format!("{}-health", self.name), says, Ask::Later(later));
    }
}

/// `{ target: 80, published: "8080", host_ip: 127.0.0.1, protocol: tcp }`.
fn long(node: &Node) -> Result<(PortLine, Vec<String>), String> {
    let mut names = Vec::new();
    let mut text = |key: &str| -> Result<Option<String>, String> {
        let Some(text) = node.get(key).and_then(|node| node.text()) else { return Ok(None) };
        let expanded = expand(text, &|_| None);
        let known = expanded.known()?.to_owned();
        names.extend(expanded.names);
        Ok(Some(known))
    };
    let target = text("target")?.ok_or("it has no `target`")?;
    let (published, ip, protocol) = (text("published")?, text("host_ip")?, text("protocol")?);
    let inside = range(&target).ok_or_else(|| format!("`target` is `{target}`, and has to be a port"))?;
    let outside = match published.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(range(&text).ok_or_else(|| format!("`published` is `{text}`, and has to be a port"))?),
    };
    let protocol = protocol.unwrap_or_else(|| "tcp".to_owned()).to_ascii_lowercase();
    Ok((PortLine { ip: ip.filter(|ip| !ip.is_empty()), outside, inside, protocol }, names))
}

fn health(node: &Node) -> Health {
    if node.get("disable").and_then(|disable| disable.truth()) == Some(true) {
        return Health::Off;
    }
    let Some(test) = node.get("test") else { return Health::Other };
    let command = match &test.raw {
        Raw::Scalar { text, .. } => text.clone(),
        Raw::List(items) => items.iter().filter_map(|item| item.text()).collect::<Vec<_>>().join(" "),
        Raw::Null | Raw::Table(_) => return Health::Other,
    };
    if command.split_whitespace().next() == Some("NONE") {
        return Health::Off;
    }
    let expanded = expand(&command, &|_| None);
    page_of(&expanded.text).map_or(Health::Other, Health::Page)
}

/// The value of a variable that is no secret and stands in the file itself.
fn named(node: &Node, name: &str) -> Option<String> {
    let environment = node.get("environment")?;
    let written = match &environment.raw {
        Raw::Table(_) => environment.get(name)?.text()?.to_owned(),
        Raw::List(items) => {
            let line = items
                .iter()
                .filter_map(|item| item.text())
                .find(|text| text.split_once('=').is_some_and(|(key, _)| key == name))?;
            line.split_once('=')?.1.to_owned()
        }
        Raw::Null | Raw::Scalar { .. } => return None,
    };
    let expanded = expand(&written, &|_| None);
    let value = expanded.known().ok()?;
    let tame = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (tame && (1..=63).contains(&value.len()) && !looks_secret("", &json!(value))).then(|| value.to_owned())
}

/// A folder named in a file in `base`, below the project's; none if it is elsewhere.
fn folder(base: &str, context: &str) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    if context.starts_with('/') || context.contains("://") || context.contains('$') {
        return None;
    }
    for part in context.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

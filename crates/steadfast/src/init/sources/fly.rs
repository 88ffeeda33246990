//! fly.toml: the app's address, its services and checks, its volumes.
//! <https://fly.io/docs/reference/configuration/>

use serde_json::json;
use toml::{Table, Value};

use super::{Paper, Source};
use crate::init::clue::{Ask, Base, Clues, Later, NOT_DIALLED};
use crate::render::text::{counted, listed};

/// Configurations of Fly.io.
pub(super) struct Fly;

impl Source for Fly {
    fn title(&self) -> &'static str {
        "fly.toml"
    }

    fn claims(&self, name: &str) -> bool {
        name == "fly.toml" || (name.starts_with("fly.") && name.ends_with(".toml"))
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        papers.iter().for_each(|paper| one(paper, into));
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        vec![
            vec![("fly.toml", include_str!("fly/everything.toml"))],
            vec![("fly.staging.toml", include_str!("fly/services.toml"))],
            vec![("fly.toml", "app = \"{APP_NAME}\"\n[mounts]\ndestination = \"/data\"\n[http_service]\n")],
        ]
    }
}

fn one(paper: &Paper, into: &mut Clues) {
    let root = match paper.text.parse::<Table>() {
        Ok(root) => root,
        Err(why) => {
            let at = why.span().map_or(0, |span| span.start);
            let line = paper.text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            let what = why.message().lines().next().unwrap_or("it is no TOML").to_owned();
            return into.miss(paper.at(line), format!("it is no TOML: {what}; nothing of it was used"));
        }
    };
    let app = root.get("app").and_then(Value::as_str).filter(|app| is_name(app));
    let file = File { paper, app: app.unwrap_or_default() };
    let mut said = Vec::new();
    let services: Vec<&Value> = each(root.get("services")).collect();
    let count = services.len() + usize::from(root.contains_key("http_service"));
    match app {
        Some(app) => {
            said.push(format!("app {app}"));
            root.get("http_service").into_iter().for_each(|service| file.http_service(service, into));
            services.iter().for_each(|service| file.service(service, into));
            if count == 0 {
                into.miss(paper.path.clone(), format!("{app} has no service, so Fly lets nobody in from outside"));
            }
        }
        None => {
            let why = "`app` is no name of an app, so its address is not known: `fly status` says it, and `steadfast init \
                       --url` looks at it";
            into.miss(paper.path.clone(), why);
        }
    }
    if count > 0 {
        said.push(counted(count, "service"));
    }
    let checks = root.get("checks").and_then(Value::as_table);
    for (name, check) in checks.into_iter().flatten() {
        let why = "is asked within Fly's private network, which init cannot reach: `fly checks list` shows it";
        let path = check.get("path").and_then(Value::as_str).map(|path| format!(" ({path})")).unwrap_or_default();
        into.miss(file.at("[checks"), format!("the check `{name}`{path} {why}"));
    }
    if let Some(checks) = checks {
        said.push(counted(checks.len(), "check"));
    }
    let mounts: Vec<&Value> = each(root.get("mounts")).chain(each(root.get("mount"))).collect();
    mounts.iter().for_each(|mount| file.mount(mount, into));
    if !mounts.is_empty() {
        said.push(counted(mounts.len(), "volume"));
    }
    if root.get("deploy").is_some_and(|deploy| deploy.get("release_command").is_some()) {
        let why = "runs before a release, and its end is all that Fly sees: a check of the kind `sql` on the tables that \
                   it makes tells whether it did";
        into.miss(file.at("release_command"), format!("`release_command` {why}"));
    }
    let names = root.get("env").and_then(Value::as_table).into_iter().flatten().map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.collect();
    if !names.is_empty() {
        said.push(format!("{} ({})", counted(names.len(), "variable"), listed(names, 40)));
    }
    let said = if said.is_empty() { "nothing that a check could see".to_owned() } else { said.join(", ") };
    into.read.push((paper.path.clone(), said));
}

/// A file and its app.
struct File<'a> {
    paper: &'a Paper,
    app: &'a str,
}

impl File<'_> {
    /// The place of the first line on which a word stands.
    fn at(&self, word: &str) -> String {
        let mut lines = self.paper.text.lines();
        let line = lines.position(|line| !line.trim_start().starts_with('#') && line.contains(word));
        self.paper.at(line.map_or(1, |line| line + 1))
    }

    fn public(&self) -> Base {
        Base::Public(format!("https://{}.fly.dev", self.app))
    }

    fn page(&self, at: &str, path: &str, says: String, into: &mut Clues) {
        let ask = Ask::Page { base: self.public(), path: path.to_owned() };
        into.lead(self.at(at), self.app, says, ask);
    }

    fn http_service(&self, service: &Value, into: &mut Clues) {
        let port = service.get("internal_port").and_then(Value::as_integer);
        let says = match port {
            Some(port) => format!("`http_service` serves port {port} at https://{}.fly.dev", self.app),
            None => format!("`http_service` serves https://{}.fly.dev", self.app),
        };
        let checks: Vec<&Value> = each(service.get("checks")).collect();
        let paths = checks.iter().filter_map(|check| page_of(check));
        let mut paths: Vec<&str> = paths.collect();
        paths.dedup();
        if !paths.contains(&"/") {
            self.page("http_service", "/", says, into);
        }
        for path in paths {
            let says = format!("Fly itself asks for {path}, and reads the status only");
            self.page(&format!("\"{path}\""), path, says, into);
        }
        if service.get("force_https").and_then(Value::as_bool) == Some(true) {
            let (from, to) = (format!("http://{}.fly.dev", self.app), format!("https://{}.fly.dev/", self.app));
            let later = Later {
                kind: "http",
                address: Some(("base_url", json!(from))),
                look: json!({ "get": "/" }),
                expect: json!({ "status": 301, "location": to }),
                why: NOT_DIALLED.to_owned(),
                then: format!("`steadfast look {from}/` shows whether it leads there"),
            };
            let says = "`force_https`: plain HTTP leads to HTTPS".to_owned();
            into.lead(self.at("force_https"), format!("{}-https", self.app), says, Ask::Later(later));
        }
    }

    fn service(&self, service: &Value, into: &mut Clues) {
        let protocol = service.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
        let internal = service.get("internal_port").and_then(Value::as_integer).unwrap_or_default();
        if protocol != "tcp" {
            let why = format!("a service on port {internal}/{protocol}: no kind of check speaks it");
            return into.miss(self.at("protocol"), why);
        }
        let mut pages = false;
        for port in each(service.get("ports")) {
            let number = port.get("port").and_then(Value::as_integer);
            let handlers: Vec<&str> = each(port.get("handlers")).filter_map(Value::as_str).collect();
            match number.and_then(|number| u16::try_from(number).ok()) {
                Some(443) if handlers.contains(&"http") => {
                    let says = format!("a service serves port {internal} at https://{}.fly.dev", self.app);
                    self.page("services", "/", says, into);
                    pages = true;
                }
                Some(80) => {}
                Some(port) if handlers.contains(&"http") => {
                    let scheme = if handlers.contains(&"tls") { "https" } else { "http" };
                    let address = format!("{scheme}://{}.fly.dev:{port}", self.app);
                    let says = format!("a service serves port {internal} at {address}");
                    let ask = Ask::Page { base: Base::Public(address), path: "/".to_owned() };
                    into.lead(self.at(&port.to_string()), format!("{}-{port}", self.app), says, ask);
                }
                Some(port) => self.port(port, &handlers, into),
                None => into.miss(self.at("ports"), "a port that is no single number: name those that matter"),
            }
        }
        for path in each(service.get("http_checks")).filter_map(page_of).filter(|path| !(pages && *path == "/")) {
            self.page(
                &format!("\"{path}\""),
                path,
                format!("Fly itself asks for {path}, and reads the status only"),
                into,
            );
        }
        if each(service.get("tcp_checks")).next().is_some() {
            let why = "Fly asks only whether the port takes connections; what it says is worth a check";
            into.miss(self.at("tcp_checks"), why);
        }
    }

    fn port(&self, port: u16, handlers: &[&str], into: &mut Clues) {
        let address = format!("{}.fly.dev:{port}", self.app);
        let name = format!("{}-{port}", self.app);
        let says = format!("a service takes connections at {address}");
        let later = if handlers.contains(&"tls") {
            Later {
                kind: "tls",
                address: Some(("address", json!(address))),
                look: json!({}),
                expect: json!({ "trusted": true, "days_left": { "at_least": 14 } }),
                why: NOT_DIALLED.to_owned(),
                then: format!("`steadfast look tls://{address}` shows its certificate"),
            }
        } else {
            Later {
                kind: "tcp",
                address: Some(("address", json!(address))),
                look: json!({ "read": "line" }),
                expect: json!({ "banner_contains": "..." }),
                why: NOT_DIALLED.to_owned(),
                then: "put what it says first in the place of the dots; if it waits to be spoken to, `send` speaks"
                    .to_owned(),
            }
        };
        into.lead(self.at(&port.to_string()), name, says, Ask::Later(later));
    }

    fn mount(&self, mount: &Value, into: &mut Clues) {
        let Some(folder) = mount.get("destination").and_then(Value::as_str).filter(|folder| folder.starts_with('/'))
        else {
            return into.miss(self.at("mounts"), "a volume without a `destination` that is a path");
        };
        let later = Later {
            kind: "files",
            address: None,
            look: json!({ "folder": folder, "glob": "*" }),
            expect: json!({ "exists": true, "free_space": "10%" }),
            why: "the volume is within the machine, and init is not".to_owned(),
            then: format!(
                "run it there, at the gate `boot` or `watch`: {folder} has to hold something, with room left"
            ),
        };
        let source = mount.get("source").and_then(Value::as_str).unwrap_or("data");
        let says = format!("the volume `{source}` is mounted at {folder}");
        into.lead(self.at("mount"), format!("{source}-volume"), says, Ask::Later(later));
    }
}

/// The path of a check by GET.
fn page_of(check: &Value) -> Option<&str> {
    let method = check.get("method").and_then(Value::as_str).unwrap_or("get");
    let path = check.get("path").and_then(Value::as_str)?;
    (method.eq_ignore_ascii_case("get") && path.starts_with('/') && !path.contains('?')).then_some(path)
}

/// The items of a list; one that is none stands for itself.
fn each(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items: Vec<&Value> = match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    items.into_iter()
}

/// A name as Fly gives them: nothing else becomes part of an address.
fn is_name(app: &str) -> bool {
    (1..=63).contains(&app.len()) && app.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

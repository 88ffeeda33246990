//! Gatus: its endpoints and their conditions.

mod condition;
mod expectation;

use std::rc::Rc;

use serde_json::json;
use steadfast_core::measure::Lapse;

use super::carried::{Carried, Check, is_kind};
use super::document::{At, Document, Fields, Node, Trouble};
use super::http_look::{self, Template};
use super::http_way;
use super::{Format, Source};
use expectation::{Endpoint, Sort};

/// The format `gatus`.
pub(crate) struct Gatus;

/// What Gatus reads at its root besides the endpoints, and why it is not carried.
const ROOT: [(&str, &str); 20] = [
    ("alerting", "whom to tell is not part of this file"),
    ("announcements", "they belong to a status page"),
    ("concurrency", "how many checks run at once is `verify --parallel`"),
    ("connectivity", "whether this machine is online is not asked: what could not be looked at is unknown, not down"),
    ("debug", "there is nothing to set"),
    ("disable-monitoring-lock", "checks run at once here; `verify --parallel 1` runs them one by one"),
    ("external-endpoints", "Gatus is told about them by others, and here every check looks for itself"),
    ("key", "it belongs to Gatus' own pages"),
    ("maintenance", "checks are not silenced: run a gate when it matters"),
    ("metrics", "there is no page of metrics to set"),
    ("remote", "other instances of Gatus are not asked"),
    ("security", "there is no page to protect"),
    ("skip-invalid-config-update", "a wrong file is always refused"),
    ("storage", "records are kept in the ledger: [ledger] path"),
    (
        "suites",
        "a suite hands values from one request to the next, which no kind of check does; `command` can run a script",
    ),
    ("tunneling", "there is no tunnel; open one and lead the target there with --route"),
    ("ui", "there is no page to set"),
    ("web", "there is no page to serve"),
    ("default-endpoint", "it is no key that the endpoints here were read with"),
    ("default-conditions", "it is no key that the endpoints here were read with"),
];

impl Format for Gatus {
    fn name(&self) -> &'static str {
        "gatus"
    }

    fn title(&self) -> &'static str {
        "Gatus"
    }

    fn carry(&self, source: &Source<'_>, into: &mut Carried) -> Result<(), Vec<Trouble>> {
        let document = Document::read(source.text()?).map_err(|trouble| vec![trouble])?;
        let mut troubles = Vec::new();
        let mut root = Fields::of(&document.root, "the file", &mut troubles);
        let endpoints = match (root.list("endpoints"), root.list("services")) {
            // Its name until version 4.
            ([], services) => services,
            (endpoints, _) => endpoints,
        };
        for (key, why) in ROOT {
            if let Some(node) = root.any(key) {
                into.leave(node.at.line, key, why);
            }
        }
        for (key, at, near) in root.unknown() {
            into.leave(at.line, key, unknown_key(near));
        }
        // What stands between the key and the first of them is about that one.
        let begins = |at: At| endpoints.first().is_some_and(|one| at < one.at);
        let key = document.root.pairs().iter().rfind(|pair| begins(pair.key_at));
        let first = key.map_or(1, |pair| pair.key_at.line);
        let head = document.root.pairs().first().map_or(1, |pair| pair.key_at.line);
        into.head = document.comments_between(1, head.saturating_sub(1));
        let mut after = first.max(head);
        for endpoint in endpoints {
            let comments = document.comments_between(after + 1, endpoint.last_line);
            after = endpoint.last_line;
            one(endpoint, comments, into, &mut troubles);
        }
        if endpoints.is_empty() && troubles.is_empty() {
            into.leave(1, "endpoints", "there is none in the file");
        }
        if troubles.is_empty() { Ok(()) } else { Err(troubles) }
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<&'static str> {
        vec![include_str!("gatus/everything.yaml"), include_str!("gatus/first-steps.yaml")]
    }
}

fn unknown_key(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("Gatus knows no such key and passes over it: is `{near}` meant?"),
        None => "it is no key that is known of Gatus, which passes over such keys".to_owned(),
    }
}

/// Carries one endpoint.
fn one(node: &Rc<Node>, comments: Vec<String>, into: &mut Carried, troubles: &mut Vec<Trouble>) {
    let mut fields = Fields::of(node, "an endpoint", troubles);
    let name = fields.text("name").unwrap_or_default();
    let group = fields.text("group");
    let url = fields.text("url").unwrap_or_default();
    let about = group.as_ref().map_or_else(|| name.clone(), |group| format!("{group}/{name}"));
    let line = node.at.line;
    let enabled = fields.truth("enabled");
    let method = fields.text("method").unwrap_or_else(|| "GET".to_owned());
    let body = fields.text("body");
    let graphql = fields.truth("graphql") == Some(true);
    let headers = fields.map("headers");
    let interval = fields.text("interval");
    let conditions = fields.texts("conditions");
    let dns = fields.any("dns");
    for (key, why) in [
        ("alerts", "whom to tell is not part of this file"),
        ("maintenance-windows", "checks are not silenced: run a gate when it matters"),
        ("ssh", "there is no kind of check that logs in by SSH"),
        ("grpc", "there is no kind of check that speaks gRPC"),
        ("extra-labels", "there are no metrics to label"),
        ("ui", "there is no page to set"),
        ("store", "no value is handed from one check to the next"),
        ("always-run", "every check runs"),
    ] {
        if let Some(node) = fields.any(key) {
            into.leave(node.at.line, about.clone(), format!("`{key}`: {why}"));
        }
    }
    let client = fields.any("client");
    for (key, at, near) in fields.unknown() {
        into.leave(at.line, about.clone(), format!("`{key}`: {}", unknown_key(near)));
    }
    let every = interval.as_deref().map(|text| lapse(text, "interval", node, troubles));
    let client = client.map(|client| Client::read(client, &about, into, troubles)).unwrap_or_default();
    if url.is_empty() || name.is_empty() {
        let missing = if name.is_empty() { "name" } else { "url" };
        troubles.push(Trouble { at: node.at, what: format!("an endpoint without `{missing}`") });
        return;
    }
    if conditions.is_empty() {
        troubles.push(Trouble { at: node.at, what: format!("`{about}` has no condition, so Gatus would not start") });
        return;
    }
    if enabled == Some(false) {
        into.leave(line, about, "it was disabled");
        return;
    }
    let sort = match Sort::of(&url, dns.map(|dns| &**dns)) {
        Ok(sort) => sort,
        Err(why) => {
            into.leave(line, about, why);
            return;
        }
    };
    if !is_kind(sort.kind()) {
        into.leave(line, about, format!("there is no kind `{}` in this version", sort.kind()));
        return;
    }
    let id = into.free_id(&about);
    let mut check = Check::new(id, line, sort.kind(), about.clone());
    check.every = every.flatten();
    check.timeout = client.timeout.clone();
    check.tags = group.iter().map(|group| crate::init::slug(group)).collect();
    check.comments = comments;
    let address = Template::expanding(&url);
    match sort {
        Sort::Http => {
            http_look::request(into, &mut check, &method, &address);
            for (header, value) in &headers {
                http_look::header(into, &mut check, header, &Template::expanding(value));
            }
            if let Some(body) = body.filter(|body| !body.is_empty()) {
                body_of(&body, graphql, (&name, group.as_deref(), &url), &headers, &mut check, into);
            }
            if !client.ignore_redirect {
                check.look("redirects", 10);
            }
        }
        Sort::Tcp | Sort::Tls | Sort::StartTls => {
            let bare = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let id = check.id.clone();
            let value = Template::expanding(bare).value(into, &id, "address", &format!("the address of {id}"), false);
            check.look("address", value);
            if sort == Sort::StartTls {
                check.look("starttls", "smtp");
            }
            if sort != Sort::Tcp && !client.insecure {
                check.expect("trusted", true);
            }
            if let Some(body) = body.filter(|_| sort == Sort::Tcp) {
                http_look::body(into, &mut check, &Template::expanding(&body));
                if let Some(send) = check.look.remove("body") {
                    check.look("send", send);
                }
            }
        }
        Sort::Dns => {
            if let Some(dns) = dns
                && let Err(why) = expectation::dns_look(dns, &url, &mut check, troubles)
            {
                into.leave(line, about, why);
                return;
            }
        }
        Sort::Icmp => {
            check.look("address", json!(url.trim_start_matches("icmp://")));
        }
    }
    client.lead(sort, &about, &mut check, into);
    let endpoint = Endpoint { about, line, sort, url, insecure: client.insecure };
    expectation::carry(&endpoint, check, &conditions, into);
}

/// Why a proxy or a client certificate is not carried over.
const ONLY_HTTP: &str = "the kind `http` alone has one";

/// `client` of an endpoint.
#[derive(Default)]
struct Client {
    insecure: bool,
    ignore_redirect: bool,
    timeout: Option<String>,
    line: usize,
    proxy: Option<String>,
    certificate: Option<(Option<String>, Option<String>)>,
}

impl Client {
    fn read(node: &Rc<Node>, about: &str, into: &mut Carried, troubles: &mut Vec<Trouble>) -> Client {
        let mut fields = Fields::of(node, "`client`", troubles);
        let insecure = fields.truth("insecure") == Some(true);
        let ignore_redirect = fields.truth("ignore-redirect") == Some(true);
        let timeout = fields.text("timeout");
        let proxy = fields.text("proxy-url");
        let part = |tls: &Node, key: &str| tls.get(key).and_then(|node| node.text()).map(str::to_owned);
        let certificate = fields.any("tls").map(|tls| (part(tls, "certificate-file"), part(tls, "private-key-file")));
        let line = node.at.line;
        for (key, why) in [
            ("dns-resolver", "the machine's own resolver is asked; `connect_to` fixes an address"),
            ("oauth2", "no token is fetched: hand one over in a header"),
            ("identity-aware-proxy", "no token is fetched: hand one over in a header"),
            ("network", "IPv4 or IPv6 is chosen by what the name resolves to"),
            ("tunnel", "there is no tunnel; open one and lead the target there with --route"),
            ("certpath", "name it in `client_certificate`"),
        ] {
            if fields.any(key).is_some() {
                into.leave(line, about, format!("`client.{key}`: {why}"));
            }
        }
        for (key, at, near) in fields.unknown() {
            into.leave(at.line, about, format!("`client.{key}`: {}", unknown_key(near)));
        }
        if insecure {
            let why = "certificates are always verified here; name the one to trust in `roots`";
            into.leave(line, about, format!("`client.insecure`: {why}"));
        }
        let timeout = timeout.and_then(|text| lapse(&text, "client.timeout", node, troubles));
        Client { insecure, ignore_redirect, timeout, line, proxy, certificate }
    }

    /// What of it only a request over HTTP can use: through what it goes, and who it says that it is.
    fn lead(&self, sort: Sort, about: &str, check: &mut Check, into: &mut Carried) {
        if let Some(proxy) = &self.proxy {
            let carried = match sort {
                Sort::Http => http_way::proxy(into, check, &Template::expanding(proxy), None),
                Sort::Tcp | Sort::Tls | Sort::StartTls | Sort::Dns | Sort::Icmp => Err(ONLY_HTTP.to_owned()),
            };
            if let Err(why) = carried {
                into.leave(self.line, about, format!("`client.proxy-url`: {why}"));
            }
        }
        if let Some((certificate, key)) = &self.certificate {
            let carried = match sort {
                Sort::Http => http_way::certificate(check, certificate.as_deref(), key.as_deref()),
                Sort::Tcp | Sort::Tls | Sort::StartTls | Sort::Dns | Sort::Icmp => Err(ONLY_HTTP.to_owned()),
            };
            if let Err(why) = carried {
                into.leave(self.line, about, format!("`client.tls`: {why}"));
            }
        }
    }
}

/// A length of time as Go writes it, as we do.
fn lapse(text: &str, key: &str, node: &Node, troubles: &mut Vec<Trouble>) -> Option<String> {
    match Lapse::parse(text) {
        Ok(lapse) if lapse.micros() > 0 => Some(lapse.to_string()),
        Ok(_) => None,
        Err(why) => {
            troubles.push(Trouble { at: node.at, what: format!("`{key}`: {why}; Gatus wants one such as 5m or 30s") });
            None
        }
    }
}

/// The body, with what Gatus puts into it.
fn body_of(
    body: &str,
    graphql: bool,
    (name, group, url): (&str, Option<&str>, &str),
    headers: &[(String, String)],
    check: &mut Check,
    into: &mut Carried,
) {
    let filled = body
        .replace("[ENDPOINT_NAME]", name)
        .replace("[ENDPOINT_GROUP]", group.unwrap_or_default())
        .replace("[ENDPOINT_URL]", url);
    if filled.contains("[RANDOM_STRING_") {
        into.leave(check.line, check.summary.clone(), "`[RANDOM_STRING_..]`: a body is the same every time here");
    }
    let typed = headers.iter().any(|(header, _)| header.eq_ignore_ascii_case("content-type"));
    match graphql {
        true => {
            http_look::body(into, check, &Template::expanding(&json!({ "query": filled }).to_string()));
            if !typed {
                http_look::header(into, check, "content-type", &Template::literal("application/json"));
            }
        }
        false => http_look::body(into, check, &Template::expanding(&filled)),
    }
}

//! One module of blackbox_exporter as a check.

use std::rc::Rc;

use serde_json::json;
use steadfast_core::measure::Lapse;

use super::Target;
use crate::import::carried::{Carried, Check, is_kind, variable_name};
use crate::import::document::{At, Fields, Node, Trouble};
use crate::import::http_look::{self, Template, status_set};
use crate::import::http_way;
use crate::init::slug;

/// Carries a module for one target.
pub(super) fn carry(
    name: &str,
    at: At,
    node: &Rc<Node>,
    target: &Target,
    comments: &[String],
    into: &mut Carried,
    troubles: &mut Vec<Trouble>,
) {
    let mut fields = Fields::of(node, "a module", troubles);
    let prober = fields.text("prober");
    let timeout = fields.text("timeout");
    let [http, tcp, dns, icmp] = ["http", "tcp", "dns", "icmp"].map(|key| fields.any(key));
    for key in ["grpc", "unix", "websocket", "synthetic"] {
        fields.any(key);
    }
    for (key, at, near) in fields.unknown() {
        let meant = near.map(|near| format!(": is `{near}` meant?")).unwrap_or_default();
        into.leave(at.line, name, format!("`{key}` is no key of a module{meant}"));
    }
    let Some(prober) = prober else {
        troubles.push(Trouble { at, what: format!("the module `{name}` has no `prober`") });
        return;
    };
    let (wanted, labels) = match target {
        Target::Address { address, labels } => (format!("{name} {}", shown(address)), labels.clone()),
        Target::Variable => (name.to_owned(), Vec::new()),
    };
    let mut check = Check::new(into.free_id(&wanted), at.line, "http", summary(name, target));
    check.tags = labels.iter().map(|label| slug(label)).collect();
    check.tags.dedup();
    check.comments = comments.to_vec();
    match timeout.as_deref().map(Lapse::parse) {
        Some(Ok(lapse)) => check.timeout = Some(lapse.to_string()),
        Some(Err(why)) => troubles.push(Trouble { at: node.at, what: format!("`timeout`: {why}") }),
        None => {}
    }
    let done = match prober.as_str() {
        "http" => of_http(name, http, target, &mut check, into, troubles),
        "tcp" => of_tcp(name, tcp, target, &mut check, into, troubles),
        "icmp" => of_icmp(name, icmp, target, &mut check, into),
        "dns" => of_dns(name, dns, target, &mut check, into, troubles),
        other => Err(format!("there is no kind of check that probes by `{other}`")),
    };
    match done {
        Err(why) => into.leave(at.line, name, why),
        Ok(()) if !is_kind(check.kind) => {
            into.leave(at.line, name, format!("there is no kind `{}` in this version", check.kind));
        }
        Ok(()) => into.checks.push(check),
    }
}

fn summary(name: &str, target: &Target) -> String {
    match target {
        Target::Address { address, .. } => format!("{} by {name}", shown(address)),
        Target::Variable => format!("what {name} probes"),
    }
}

/// An address without what may be secret in it.
fn shown(address: &str) -> String {
    let bare = address.split(['?', '#']).next().unwrap_or_default();
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    bare.rsplit_once('@').map_or(bare, |(_, host)| host).to_owned()
}

/// Sets where to look under this key.
fn address(key: &str, name: &str, target: &Target, check: &mut Check, into: &mut Carried) {
    let value = match target {
        Target::Address { address, .. } => json!(address),
        Target::Variable => {
            into.variable(&variable_name(&format!("{name} target")), format!("where the module {name} is to look"))
        }
    };
    check.look(key, value);
}

fn of_http(
    name: &str,
    node: Option<&Rc<Node>>,
    target: &Target,
    check: &mut Check,
    into: &mut Carried,
    troubles: &mut Vec<Trouble>,
) -> Result<(), String> {
    let empty = Rc::new(Node::empty());
    let node = node.unwrap_or(&empty);
    let line = check.line;
    let mut fields = Fields::of(node, "`http`", troubles);
    let method = fields.text("method").unwrap_or_else(|| "GET".to_owned());
    let address = match target {
        Target::Address { address, .. } if address.contains("://") => Template::literal(address),
        // As the prober does.
        Target::Address { address, .. } => Template::literal(&format!("http://{address}")),
        Target::Variable => Template::expanding(&format!("${{{}}}", variable_name(&format!("{name} target")))),
    };
    http_look::request(into, check, &method, &address);
    for (header, value) in fields.map("headers") {
        http_look::header(into, check, &header, &Template::literal(&value));
    }
    if let Some(body) = fields.text("body") {
        http_look::body(into, check, &Template::literal(&body));
    }
    if let Some(credentials) = fields.any("basic_auth") {
        let part = |key: &str| credentials.get(key).and_then(|node| node.text()).unwrap_or_default().to_owned();
        let (user, password) = (part("username"), part("password"));
        http_look::basic(into, check, &Template::literal(&user), &Template::literal(&password));
    }
    if let Some(token) = fields.text("bearer_token") {
        http_look::header(into, check, "authorization", &Template::literal(&format!("Bearer {token}")));
    }
    if let Some(authorization) = fields.any("authorization") {
        let part = |key: &str| authorization.get(key).and_then(|node| node.text()).map(str::to_owned);
        let sort = part("type").unwrap_or_else(|| "Bearer".to_owned());
        let credentials = part("credentials").unwrap_or_default();
        http_look::header(into, check, "authorization", &Template::literal(&format!("{sort} {credentials}")));
    }
    if fields.truth("follow_redirects").or(fields.truth("no_follow_redirects").map(|no| !no)) != Some(false) {
        check.look("redirects", 10);
    }
    let versions = fields.texts("valid_http_versions");
    match versions.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["HTTP/2.0" | "HTTP/2"] => check.look("version", "2"),
        ["HTTP/1.1"] => check.look("version", "1.1"),
        [] | [_, ..] => {}
    }
    if let Some(tls) = fields.any("tls_config") {
        tls_config(name, tls, check, into);
    }
    if let Some(proxy) = fields.text("proxy_url").filter(|text| !text.is_empty())
        && let Err(why) = http_way::proxy(into, check, &Template::literal(&proxy), None)
    {
        into.leave(line, name, format!("`proxy_url`: {why}"));
    }
    let any_status = fields.truth("accept_any_response") == Some(true);
    let codes: Vec<u16> = fields.list("valid_status_codes").iter().filter_map(|n| n.text()?.parse().ok()).collect();
    if !any_status {
        let admits = |code: u16| if codes.is_empty() { code / 100 == 2 } else { codes.contains(&code) };
        match status_set(admits) {
            Some(set) => check.expect("status", set),
            None => into.leave(line, name, "`valid_status_codes`: no set of codes that could be written"),
        }
    }
    let mut claims = 0;
    for pattern in fields.texts("fail_if_body_not_matches_regexp") {
        check.expect("body_matches", pattern);
        claims += 1;
    }
    for pattern in fields.texts("fail_if_body_matches_regexp") {
        match literal_of(&pattern) {
            Some(text) => check.expect("body_excludes", text),
            None => {
                let why = "a body can exclude texts, not patterns: `body_excludes`";
                into.leave(line, name, format!("`fail_if_body_matches_regexp: {pattern}`: {why}"));
            }
        }
    }
    claims += headers(name, &mut fields, check, into);
    match (fields.truth("fail_if_ssl"), fields.truth("fail_if_not_ssl"), target) {
        (Some(true), _, _) => {
            into.leave(line, name, "`fail_if_ssl`: whether a page is served in the clear is in its address: http://");
        }
        (_, Some(true), Target::Address { address, .. }) if !address.starts_with("https://") => {
            let why = "the target is no https:// address, and what it redirects to is not told apart";
            into.leave(line, name, format!("`fail_if_not_ssl`: {why}"));
        }
        (Some(false) | None, _, _) => {}
    }
    for (key, why) in [
        ("fail_if_body_json_matches_cel", "it is CEL; expect parts of the body by JSONPath: `json`"),
        ("fail_if_body_json_not_matches_cel", "it is CEL; expect parts of the body by JSONPath: `json`"),
        ("body_file", "the body stands in the file of checks: `body`"),
        ("bearer_token_file", "headers = { authorization = { bearer = { file = \"..\" } } } does the same"),
        ("oauth2", "no token is fetched: hand one over in a header"),
        ("proxy_from_environment", "a proxy is never taken from the environment: name it in `proxy`"),
        ("proxy_connect_header", "name the proxy in `proxy`"),
        ("no_proxy", "name the proxy in `proxy`"),
        ("enable_http3", "HTTP/3 is not spoken"),
    ] {
        if fields.any(key).is_some_and(|node| node.truth() != Some(false)) {
            into.leave(line, name, format!("`{key}`: {why}"));
        }
    }
    for key in [
        "preferred_ip_protocol",
        "ip_protocol_fallback",
        "skip_resolve_phase_with_proxy",
        "enable_http2",
        "compression",
        "body_size_limit",
        "follow_redirects",
        "http_headers",
        "use_proxy",
    ] {
        fields.any(key);
    }
    for (key, at, near) in fields.unknown() {
        let meant = near.map(|near| format!(": is `{near}` meant?")).unwrap_or_default();
        into.leave(at.line, name, format!("`http.{key}` is not known here{meant}"));
    }
    if check.expect.is_empty() {
        let text = "it accepts any answer and reads nothing of it: only the time is left to expect";
        into.warn(line, name, text);
        check.expect("within", check.timeout.clone().unwrap_or_else(|| "10s".to_owned()));
    } else if claims == 0 {
        let text = "no fail_if_* reads what must be there: an error page with this status passes. `steadfast look ID` \
                    proposes what to expect";
        into.warn(line, name, text);
    }
    Ok(())
}

/// `fail_if_header_matches` and `fail_if_header_not_matches`; how many say what must be there.
fn headers(name: &str, fields: &mut Fields<'_, '_>, check: &mut Check, into: &mut Carried) -> usize {
    let mut claims = 0;
    for (key, must) in [("fail_if_header_matches", false), ("fail_if_header_not_matches", true)] {
        for rule in fields.list(key) {
            let part = |key: &str| rule.get(key).and_then(|node| node.text()).unwrap_or_default().to_owned();
            let (header, pattern) = (part("header").to_lowercase(), part("regexp"));
            let allow_missing = rule.get("allow_missing").and_then(|node| node.truth()) == Some(true);
            let everything = matches!(pattern.as_str(), ".*" | ".+" | "");
            let operators = match (must, literal_of(&pattern)) {
                (true, _) => vec![("matches", json!(pattern))],
                (false, _) if everything => vec![("absent", json!(true))],
                (false, Some(text)) => vec![("excludes", json!(text))],
                (false, None) => Vec::new(),
            };
            if operators.is_empty() || !check.predicate("header", &header, &operators) {
                let why = "a header can exclude texts, not patterns";
                into.leave(rule.at.line, name, format!("`{key}` on {header}: {why}"));
                continue;
            }
            if allow_missing && !everything {
                let text = format!("`{key}` on {header} held there also without that header. Here it fails");
                into.warn(rule.at.line, name, text);
            }
            claims += usize::from(must);
        }
    }
    claims
}

fn tls_config(name: &str, node: &Rc<Node>, check: &mut Check, into: &mut Carried) {
    if node.get("insecure_skip_verify").and_then(|node| node.truth()) == Some(true) {
        let why = "certificates are always verified here; name the one to trust in `roots`";
        into.leave(node.at.line, name, format!("`insecure_skip_verify`: {why}"));
    }
    if let Some(roots) = node.get("ca_file").and_then(|node| node.text()) {
        check.look("roots", roots);
    }
    if let Some(server) = node.get("server_name").and_then(|node| node.text()) {
        if check.kind == "tls" {
            check.look("server_name", server);
        } else {
            into.leave(
                node.at.line,
                name,
                "`tls_config.server_name`: the name of the address is asked for; `connect_to`",
            );
        }
    }
    let part = |key: &str| node.get(key).and_then(|node| node.text());
    let (files, inline) = ((part("cert_file"), part("key_file")), (part("cert"), part("key")));
    let carried = match (check.kind, files, inline) {
        (_, (None, None), (None, None)) => Ok(()),
        ("http", (None, None), (Some(certificate), Some(key))) => {
            http_way::certificate_in_place(into, check, certificate, key);
            Ok(())
        }
        ("http", (certificate, key), (None, None)) => http_way::certificate(check, certificate, key),
        ("http", _, _) => Err("a file here and text there: name both in `client_certificate`".to_owned()),
        (_, _, _) => Err("the kind `http` alone shows one".to_owned()),
    };
    if let Err(why) = carried {
        // Whatever stands there stays there.
        inline.0.into_iter().chain(inline.1).for_each(|secret| into.keep_out(secret));
        into.leave(node.at.line, name, format!("`tls_config.cert`, `key`: {why}"));
    }
}

/// What a TCP module says, and what it waits for.
fn of_tcp(
    name: &str,
    node: Option<&Rc<Node>>,
    target: &Target,
    check: &mut Check,
    into: &mut Carried,
    troubles: &mut Vec<Trouble>,
) -> Result<(), String> {
    let empty = Rc::new(Node::empty());
    let node = node.unwrap_or(&empty);
    let mut fields = Fields::of(node, "`tcp`", troubles);
    let steps = fields.list("query_response");
    let tls = fields.truth("tls") == Some(true);
    let settings = fields.any("tls_config");
    let text = |step: &Rc<Node>, key: &str| step.get(key).and_then(|node| node.text()).map(str::to_owned);
    let sent: String = steps.iter().filter_map(|step| text(step, "send")).collect::<Vec<_>>().join("\n");
    let begins_tls = steps.iter().any(|step| step.get("starttls").and_then(|node| node.truth()) == Some(true));
    if tls || begins_tls {
        check.kind = "tls";
        address("address", name, target, check, into);
        if begins_tls {
            let protocol = if sent.contains("EHLO") { "smtp" } else { "imap" };
            check.look("starttls", protocol);
        }
        if !settings.and_then(|tls| tls.get("insecure_skip_verify")?.truth()).unwrap_or(false) {
            check.expect("trusted", true);
        } else {
            check.expect("protocol", json!(["TLSv1.2", "TLSv1.3"]));
        }
        if let Some(settings) = settings {
            tls_config(name, settings, check, into);
        }
        if tls && !steps.is_empty() {
            into.leave(node.at.line, name, "`query_response`: what is said over TLS is not read by `tls`");
        }
        return Ok(());
    }
    check.kind = "tcp";
    address("address", name, target, check, into);
    let mut sends = Vec::new();
    let mut expected = None;
    for step in steps {
        let (send, expect) = (text(step, "send"), text(step, "expect"));
        if expected.is_some() {
            let why = "one line is read: what comes after the first answer is not said or expected";
            into.leave(step.at.line, name, format!("a step of `query_response`: {why}"));
            continue;
        }
        if let Some(pattern) = expect {
            expected = Some(pattern);
        } else if let Some(send) = send {
            sends.push(format!("{send}\n"));
        }
    }
    if !sends.is_empty() {
        check.look("send", sends.concat());
    }
    match expected {
        Some(pattern) => {
            check.look("read", "line");
            check.expect("banner_matches", pattern);
        }
        None => {
            check.expect("within", check.timeout.clone().unwrap_or_else(|| "10s".to_owned()));
            let text = "it only connects: a proxy takes connections for a service that is not there. Have it say \
                        something: `send` and `read = \"line\"`";
            into.warn(check.line, name, text);
        }
    }
    Ok(())
}

fn of_icmp(
    name: &str,
    node: Option<&Rc<Node>>,
    target: &Target,
    check: &mut Check,
    into: &mut Carried,
) -> Result<(), String> {
    check.ping();
    address("address", name, target, check, into);
    for pair in node.iter().flat_map(|node| node.pairs()) {
        let why = match pair.key.as_str() {
            "preferred_ip_protocol" | "ip_protocol_fallback" => "IPv4 or IPv6 is chosen by what the name resolves to",
            "ttl" => "`hops` says over how many routers an echo may go",
            _ => "an echo is sent as it is",
        };
        into.leave(pair.key_at.line, name, format!("`icmp.{}`: {why}", pair.key));
    }
    Ok(())
}

fn of_dns(
    name: &str,
    node: Option<&Rc<Node>>,
    target: &Target,
    check: &mut Check,
    into: &mut Carried,
    troubles: &mut Vec<Trouble>,
) -> Result<(), String> {
    let empty = Rc::new(Node::empty());
    let mut fields = Fields::of(node.unwrap_or(&empty), "`dns`", troubles);
    let asked = fields.text("query_name").ok_or("it has no `query_name`")?;
    let record = fields.text("query_type").unwrap_or_else(|| "ANY".to_owned());
    check.ask_for(&asked, &record, None)?;
    address("resolver", name, target, check, into);
    let line = node.unwrap_or(&empty).at.line;
    match fields.text("transport_protocol").as_deref() {
        None | Some("udp") => {}
        Some("tcp") if fields.truth("dns_over_tls") == Some(true) => check.look("transport", "tls"),
        Some("tcp") => check.look("transport", "tcp"),
        Some(other) => into.leave(line, name, format!("`dns.transport_protocol` of {other}")),
    }
    match fields.texts("valid_rcodes").as_slice() {
        [] => check.expect_a_record(),
        [only] if only == "NOERROR" => check.expect_a_record(),
        [only] if only == "NXDOMAIN" => check.expect("absent", "nxdomain"),
        several => return Err(format!("it takes {} alike, and a check says what must be there", several.join(", "))),
    }
    for (key, why) in [
        ("validate_answer_rrs", "its expressions match whole lines of a zone; `matches` expects values"),
        ("validate_authority_rrs", "only the answer is expected"),
        ("validate_additional_rrs", "only the answer is expected"),
        ("query_class", "only the class IN is asked for"),
        ("recursion_desired", "a resolver is always asked to resolve"),
        ("tls_config", "`roots` and `server_name` say whom to trust"),
        ("preferred_ip_protocol", "IPv4 or IPv6 is chosen by what the name resolves to"),
        ("ip_protocol_fallback", "IPv4 or IPv6 is chosen by what the name resolves to"),
        ("source_ip_address", "the system chooses where packets go out"),
    ] {
        if let Some(there) = fields.any(key) {
            into.leave(there.at.line, name, format!("`dns.{key}`: {why}"));
        }
    }
    Ok(())
}

/// The text that a regular expression stands for, if it is one text and nothing else.
fn literal_of(pattern: &str) -> Option<String> {
    let trimmed = pattern.trim_start_matches(".*").trim_end_matches(".*");
    let mut text = String::new();
    let mut chars = trimmed.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|c| !c.is_ascii_alphanumeric())?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            c => text.push(c),
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_one_text_is_that_text() {
        assert_eq!(literal_of("Could not connect"), Some("Could not connect".to_owned()));
        assert_eq!(literal_of(r".*127\.0\.0\.1"), Some("127.0.0.1".to_owned()));
        for pattern in ["127.0", "a|b", ".*", r"\d", ""] {
            assert_eq!(literal_of(pattern), None, "{pattern}");
        }
    }
}

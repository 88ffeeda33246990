//! One monitor of Uptime Kuma as a check.

use serde_json::{Value, json};
use steadfast_core::measure::Lapse;

use super::monitors::Monitor;
use crate::import::carried::{Carried, Check, is_kind, variable_name};
use crate::import::http_look::{self, Template, status_set};
use crate::init::slug;

/// Days before its end at which Uptime Kuma first tells of a certificate, unless it is set otherwise.
const FIRST_WORD: u64 = 21;

/// Types that look at something no kind of check looks at.
const ELSEWHERE: [(&str, &str); 20] = [
    ("push", "Uptime Kuma waits there for others to report, and here every check looks for itself"),
    ("manual", "its state is set by hand"),
    ("steam", "there is no kind of check for game servers"),
    ("gamedig", "there is no kind of check for game servers"),
    ("mqtt", "there is no kind of check for MQTT; `command` can run mosquitto_sub"),
    ("kafka-producer", "a check only looks, and does not write to Kafka"),
    ("sqlserver", "`sql` does not speak to SQL Server; `command` can run sqlcmd"),
    ("mysql", "`sql` does not speak to MySQL; `command` can run mysql"),
    ("mongodb", "there is no kind of check for MongoDB; `command` can run mongosh"),
    ("radius", "there is no kind of check for RADIUS"),
    ("grpc-keyword", "there is no kind of check that speaks gRPC"),
    ("real-browser", "no browser is started; `html` expects parts of a page as it is sent"),
    ("snmp", "there is no kind of check for SNMP; `command` can run snmpget"),
    ("rabbitmq", "there is no kind of check for RabbitMQ; its HTTP interface can be checked by `http`"),
    ("tailscale-ping", "`command` can run `tailscale ping`"),
    ("globalping", "nobody else is asked to look"),
    ("websocket-upgrade", "there is no kind of check that speaks WebSocket"),
    ("system-service", "`command` can run `systemctl is-active`"),
    ("sip-options", "there is no kind of check for SIP"),
    ("nut", "there is no kind of check for UPS"),
];

/// Carries one monitor. `groups` are the names of the groups by number.
pub(super) fn carry(monitor: &Monitor, groups: &[(i64, String)], into: &mut Carried) {
    let name = monitor.text("name").unwrap_or("a monitor without a name").to_owned();
    let sort = monitor.text("type").unwrap_or_default().to_owned();
    let place = monitor.place;
    let leave = |into: &mut Carried, why: &str| into.leave(place, name.clone(), why);
    if sort == "group" {
        // Its name is a tag of its members.
        return;
    }
    if monitor.truth("active") == Some(false) {
        return leave(into, "it was paused");
    }
    if let Some((_, why)) = ELSEWHERE.iter().find(|(known, _)| *known == sort) {
        return leave(into, &format!("type `{sort}`: {why}"));
    }
    if monitor.truth("upside_down") == Some(true) {
        let why = "upside down: it was well when nothing answered, and a check is about what works. What must not \
                   be reachable is best shown by a `command`, whose exit code says why";
        return leave(into, why);
    }
    let id = into.free_id(&name);
    let mut check = Check::new(id, place, "http", name.clone());
    let done = match sort.as_str() {
        "http" | "keyword" | "json-query" => http(monitor, &sort, &mut check, into),
        "port" => port(monitor, &mut check, into),
        "redis" => redis(monitor, &mut check, into),
        "smtp" => smtp(monitor, &mut check),
        "docker" => docker(monitor, &mut check),
        "postgres" => postgres(monitor, &mut check, into),
        "ping" => ping(monitor, &mut check),
        "dns" => dns(monitor, &mut check),
        _ => Err("it is of a type that is not known here".to_owned()),
    };
    if let Err(why) = done {
        return leave(into, &format!("type `{sort}`: {why}"));
    }
    if !is_kind(check.kind) {
        return leave(into, &format!("type `{sort}`: there is no kind `{}` in this version", check.kind));
    }
    around(monitor, groups, &mut check);
    // Of the record that came, in version 2.
    let conditions = monitor.any("conditions").and_then(|conditions| match conditions {
        Value::String(text) => serde_json::from_str::<Value>(text).ok(),
        other => Some(other.clone()),
    });
    for condition in conditions.as_ref().and_then(Value::as_array).into_iter().flatten() {
        into.leave(place, check.id.clone(), format!("the condition {condition}: say it under `expect` of the check"));
    }
    into.checks.push(check);
}

/// What every monitor has.
fn around(monitor: &Monitor, groups: &[(i64, String)], check: &mut Check) {
    let seconds = |number: i64| {
        u64::try_from(number).ok().filter(|number| *number > 0).map(|number| Lapse::seconds(number).to_string())
    };
    check.every = monitor.number("interval").and_then(seconds);
    check.timeout = monitor
        .any("timeout")
        .and_then(Value::as_f64)
        .filter(|bound| *bound > 0.0)
        .map(|bound| Lapse(std::time::Duration::from_millis((bound * 1000.0) as u64)).to_string());
    if let Some(retries) = monitor.number("maxretries").filter(|retries| *retries > 0) {
        // Uptime Kuma waits minutes between its tries; a run of checks waits for the answer.
        let waited = monitor.number("retry_interval");
        let delay = waited.filter(|delay| (1..=10).contains(delay)).unwrap_or(1);
        if let Some(waited) = waited.filter(|waited| *waited > 10) {
            check.notes.push(format!("Uptime Kuma waited {waited} s between its tries, here it is {delay} s"));
        }
        check.retry =
            Some(json!({ "attempts": retries.min(4) + 1, "delay": Lapse::seconds(delay.unsigned_abs()).to_string() }));
    }
    if let Some(parent) = monitor.number("parent") {
        check.tags.extend(groups.iter().filter(|(id, _)| *id == parent).map(|(_, name)| slug(name)));
    }
    for tag in monitor.any("tags").and_then(Value::as_array).into_iter().flatten() {
        check.tags.extend(tag["name"].as_str().map(slug));
    }
    check.tags.dedup();
    check.comments.extend(monitor.text("description").map(str::to_owned));
}

fn http(monitor: &Monitor, sort: &str, check: &mut Check, into: &mut Carried) -> Result<(), String> {
    let url = monitor.text("url").filter(|url| *url != "https://").ok_or("it has no address")?;
    let name = check.summary.clone();
    let method = monitor.text("method").unwrap_or("GET");
    http_look::request(into, check, method, &Template::literal(url));
    if let Some(headers) = monitor.text("headers") {
        match serde_json::from_str::<Value>(headers) {
            Ok(Value::Object(headers)) => {
                for (header, value) in headers {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    http_look::header(into, check, &header, &Template::literal(&value));
                }
            }
            Ok(_) | Err(_) => into.leave(monitor.place, name.clone(), "its headers are no JSON"),
        }
    }
    if let Some(body) = monitor.text("body") {
        http_look::body(into, check, &Template::literal(body));
        let typed = check.look.get("headers").is_some_and(|headers| headers.get("content-type").is_some());
        if !typed {
            let media = match monitor.text("http_body_encoding") {
                Some("xml") => "text/xml; charset=utf-8",
                Some("form") => "application/x-www-form-urlencoded",
                Some(_) | None => "application/json",
            };
            http_look::header(into, check, "content-type", &Template::literal(media));
        }
    }
    credentials(monitor, check, into);
    if let Some(redirects) = monitor.number("maxredirects").filter(|redirects| *redirects > 0) {
        check.look("redirects", redirects);
    }
    if monitor.truth("ignore_tls") == Some(true) {
        let why = "certificates are always verified here; name the one to trust in `roots`";
        into.leave(monitor.place, name.clone(), format!("it ignored errors of TLS: {why}"));
    }
    if monitor.number("proxy_id").is_some() {
        into.leave(monitor.place, name.clone(), "its proxy: name the proxy in `proxy`");
    }
    statuses(monitor, check, into);
    match sort {
        "keyword" => {
            let keyword = monitor.text("keyword").ok_or("it has no keyword")?;
            if monitor.truth("invert_keyword") == Some(true) {
                check.expect("body_excludes", keyword);
                let text = "it held when the keyword was absent: an empty answer and an error page with the right \
                            status pass. Expect what must be there";
                into.warn(monitor.place, name, text);
            } else {
                check.expect("body_contains", keyword);
            }
        }
        "json-query" => json_query(monitor, check, into)?,
        _ => {
            let text = "it reads the status code only: an error page with this status passes. `steadfast look ID` \
                        proposes what to expect";
            into.warn(monitor.place, name, text);
        }
    }
    if monitor.truth("expiry_notification") == Some(true) {
        certificate(url, monitor, check, into);
    }
    Ok(())
}

fn credentials(monitor: &Monitor, check: &mut Check, into: &mut Carried) {
    let name = check.summary.clone();
    match monitor.text("auth_method").unwrap_or("basic") {
        "basic" => {
            if let Some(user) = monitor.text("basic_auth_user") {
                let password = monitor.text("basic_auth_pass").unwrap_or_default();
                http_look::basic(into, check, &Template::literal(user), &Template::literal(password));
            }
        }
        method => {
            for secret in ["basic_auth_pass", "oauth_client_secret", "tls_key", "tls_cert"] {
                monitor.text(secret).into_iter().for_each(|secret| into.keep_out(secret));
            }
            let why = match method {
                "oauth2-cc" => "no token is fetched: hand one over in a header",
                "mtls" => "name it in `client_certificate`",
                _ => "only basic and bearer credentials are sent",
            };
            into.leave(monitor.place, name, format!("its authentication by {method}: {why}"));
        }
    }
}

/// `["200-299", "404"]`.
fn statuses(monitor: &Monitor, check: &mut Check, into: &mut Carried) {
    let listed = match (monitor.any("accepted_statuscodes"), monitor.text("accepted_statuscodes_json")) {
        (Some(Value::Array(listed)), _) => listed.clone(),
        (_, Some(text)) => serde_json::from_str::<Vec<Value>>(text).unwrap_or_default(),
        (Some(_) | None, None) => Vec::new(),
    };
    let ranges: Vec<(u16, u16)> = listed
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|text| {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
        })
        .collect();
    let ranges = if ranges.is_empty() { vec![(200, 299)] } else { ranges };
    match status_set(|code| ranges.iter().any(|(from, to)| (*from..=*to).contains(&code))) {
        Some(set) => check.expect("status", set),
        None => {
            let text = "it accepted almost every status code: nothing is expected of it here";
            into.warn(monitor.place, check.summary.clone(), text);
        }
    }
}

/// A question in JSONata, as far as it is a path.
fn json_query(monitor: &Monitor, check: &mut Check, into: &mut Carried) -> Result<(), String> {
    let question = monitor.text("json_path").unwrap_or("$");
    let path = path_of(question).ok_or_else(|| {
        format!("`{question}` is JSONata, of which only paths can be carried; write it as a JSONPath (RFC 9535)")
    })?;
    let wanted = monitor.text("expected_value").unwrap_or_default();
    let number = wanted.trim().parse::<f64>().ok();
    let operators = match (monitor.text("json_path_operator").unwrap_or("=="), number) {
        ("==", _) => equal_to(wanted),
        ("contains", _) => vec![("contains", json!(wanted))],
        (">", Some(number)) => vec![("above", json!(number))],
        (">=", Some(number)) => vec![("at_least", json!(number))],
        ("<", Some(number)) => vec![("below", json!(number))],
        ("<=", Some(number)) => vec![("at_most", json!(number))],
        ("!=", _) => {
            let text = format!("`{question} != {wanted}` held there also for an answer without it. Here it fails");
            into.warn(monitor.place, check.summary.clone(), text);
            vec![("excludes", json!(wanted)), ("type", json!("string"))]
        }
        (operator, _) => return Err(format!("`{operator} {wanted}` compares nothing that can be expected")),
    };
    check.predicate("json", &path, &operators);
    Ok(())
}

/// Uptime Kuma compares texts: what looks like a number or a truth may be either.
fn equal_to(wanted: &str) -> Vec<(&'static str, Value)> {
    match serde_json::from_str::<Value>(wanted) {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => vec![("one_of", json!([value, wanted]))],
        Ok(Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
            vec![("equals", json!(wanted))]
        }
    }
}

/// `data.items[0].name` as `$.data.items[0].name`; nothing for what is more than a path.
fn path_of(question: &str) -> Option<String> {
    let bare = question.strip_prefix('$').unwrap_or(question);
    let bare = bare.strip_prefix('.').unwrap_or(bare);
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    if !bare.chars().all(fine) {
        return None;
    }
    Some(match bare {
        "" => "$".to_owned(),
        bare if bare.starts_with('[') => format!("${bare}"),
        bare => format!("$.{bare}"),
    })
}

fn certificate(url: &str, monitor: &Monitor, check: &Check, into: &mut Carried) {
    let Some(host) = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next()) else { return };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let id = into.free_id(&format!("{} certificate", check.id));
    let summary = format!("{}: the certificate is renewed in time", check.summary);
    let mut tls = Check::new(id, monitor.place, "tls", summary);
    tls.look("address", host);
    tls.expect("trusted", true);
    tls.expect("days_left", json!({ "at_least": FIRST_WORD }));
    tls.every = Some("1h".to_owned());
    into.checks.push(tls);
}

fn host_and_port(monitor: &Monitor) -> Result<String, String> {
    let host = monitor.text("hostname").ok_or("it has no host")?;
    let port = monitor.number("port").filter(|port| *port > 0).ok_or("it has no port")?;
    Ok(if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

fn port(monitor: &Monitor, check: &mut Check, into: &mut Carried) -> Result<(), String> {
    check.kind = "tcp";
    check.look("address", host_and_port(monitor)?);
    check.expect("within", "10s");
    let text = "it only connects: a proxy takes connections for a service that is not there. Have it say something: \
                `send` and `read = \"line\"`";
    into.warn(monitor.place, check.summary.clone(), text);
    Ok(())
}

fn redis(monitor: &Monitor, check: &mut Check, into: &mut Carried) -> Result<(), String> {
    let connection = monitor.text("database_connection_string").ok_or("it has no address")?;
    let url = url::Url::parse(connection).map_err(|why| format!("its address is no URL: {why}"))?;
    if url.scheme() != "redis" {
        url.password().into_iter().for_each(|password| into.keep_out(password));
        return Err(format!("`tcp` does not speak {}", url.scheme()));
    }
    check.kind = "tcp";
    let host = url.host_str().ok_or("its address has no host")?;
    check.look("address", format!("{host}:{}", url.port().unwrap_or(6379)));
    check.look("read", "line");
    match url.password() {
        Some(password) => {
            let id = check.id.clone();
            let secret = into.secret(&id, "password", password, format!("the password of {id}"));
            // Redis 6 and later: AUTH USER PASSWORD.
            let auth = match url.username() {
                "" => "AUTH ".to_owned(),
                user => format!("AUTH {user} "),
            };
            check.look("send", json!([auth, secret, "\r\n"]));
            check.expect("banner_matches", "^\\+OK");
        }
        None => {
            check.look("send", "PING\r\n");
            check.expect("banner_matches", "^\\+PONG");
        }
    }
    Ok(())
}

fn smtp(monitor: &Monitor, check: &mut Check) -> Result<(), String> {
    if monitor.text("smtp_security") == Some("secure") {
        check.kind = "tls";
        check.expect("trusted", true);
    } else {
        check.kind = "tcp";
        check.look("read", "line");
        check.expect("banner_matches", "^220 ");
    }
    check.look("address", host_and_port(monitor)?);
    Ok(())
}

fn docker(monitor: &Monitor, check: &mut Check) -> Result<(), String> {
    let container = monitor.text("docker_container").ok_or("it names no container")?;
    check.kind = "command";
    let format = "{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}";
    check.look("run", json!(["docker", "inspect", "--format", format, container]));
    check.expect("exit", 0);
    check.expect("stdout", json!({ "one_of": ["running", "running healthy"] }));
    check.notes.push("A container that runs shows little of what is in it: look at what it serves, too.".to_owned());
    Ok(())
}

fn postgres(monitor: &Monitor, check: &mut Check, into: &mut Carried) -> Result<(), String> {
    let connection = monitor.text("database_connection_string").ok_or("it has no address")?;
    into.keep_out(connection);
    if let Ok(url) = url::Url::parse(connection) {
        url.password().into_iter().for_each(|password| into.keep_out(password));
    }
    check.kind = "sql";
    let database =
        into.variable(&variable_name(&format!("{} database", check.id)), format!("the address of {}", check.id));
    check.look("database", database);
    match monitor.text("database_query").map(str::trim).filter(|query| !query.is_empty()) {
        Some(query) => {
            check.look("query", query);
            check.expect("rows", json!({ "at_least": 1 }));
            check
                .notes
                .push("Uptime Kuma was content with any answer, also with none: say what it must be.".to_owned());
        }
        None => {
            check.look("query", "select 1");
            check.expect("scalar", 1);
        }
    }
    Ok(())
}

fn ping(monitor: &Monitor, check: &mut Check) -> Result<(), String> {
    check.ping();
    check.look("address", monitor.text("hostname").ok_or("it has no host")?);
    Ok(())
}

fn dns(monitor: &Monitor, check: &mut Check) -> Result<(), String> {
    let name = monitor.text("hostname").ok_or("it has no name to ask for")?;
    let server = monitor.text("dns_resolve_server").map(|servers| servers.split(',').next().unwrap_or(servers).trim());
    let port = monitor.number("port").filter(|port| *port != 53);
    let resolver = server.map(|server| match port {
        Some(port) if server.contains(':') => format!("[{server}]:{port}"),
        Some(port) => format!("{server}:{port}"),
        None => server.to_owned(),
    });
    check.ask_for(name, monitor.text("dns_resolve_type").unwrap_or("A"), resolver)?;
    check.expect_a_record();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_jsonata_is_a_jsonpath_and_the_rest_is_not() {
        let cases = [
            ("$", Some("$")),
            ("data.items[0].name", Some("$.data.items[0].name")),
            ("$.status", Some("$.status")),
            ("[0].id", Some("$[0].id")),
            ("$count(items)", None),
            ("items[price > 3]", None),
        ];
        for (question, path) in cases {
            assert_eq!(path_of(question).as_deref(), path, "{question}");
        }
    }
}

//! From the conditions of an endpoint to what its check expects; and what those conditions could not have seen.

use serde_json::{Value, json};
use steadfast_core::measure::Lapse;

use super::condition::{
    Comparison, Condition, Function, Glob, Operand, PLACEHOLDERS, Part, Unusable, glob, number, values,
};
use crate::import::carried::{Carried, Check};
use crate::import::document::{Fields, Node, Trouble};
use crate::import::http_look::status_set;

/// What sort of endpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Http,
    Tcp,
    Tls,
    StartTls,
    Dns,
    Icmp,
}

impl Sort {
    /// By its address, as Gatus tells them apart; or why there is no such check.
    pub(super) fn of(url: &str, dns: Option<&Node>) -> Result<Sort, String> {
        if dns.is_some() {
            return Ok(Sort::Dns);
        }
        match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("http" | "https") => Ok(Sort::Http),
            Some("tcp") => Ok(Sort::Tcp),
            Some("tls") => Ok(Sort::Tls),
            Some("starttls") => Ok(Sort::StartTls),
            Some("icmp") => Ok(Sort::Icmp),
            Some(scheme @ ("udp" | "sctp" | "ws" | "wss" | "ssh" | "grpc" | "grpcs")) => {
                Err(format!("there is no kind of check that speaks {scheme}"))
            }
            // `${HOST}/health`: what it comes to is not known here.
            None if url.starts_with('$') => Ok(Sort::Http),
            Some(_) | None => Err("its address is of no sort that Gatus knows".to_owned()),
        }
    }

    /// The kind that looks at it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Sort::Http => "http",
            Sort::Tcp => "tcp",
            Sort::Tls | Sort::StartTls => "tls",
            Sort::Dns => "dns",
            Sort::Icmp => "icmp",
        }
    }
}

/// An endpoint, for its conditions.
pub(super) struct Endpoint {
    pub(super) about: String,
    pub(super) line: usize,
    pub(super) sort: Sort,
    pub(super) url: String,
    pub(super) insecure: bool,
}

/// What became of a condition.
enum Became {
    /// It is in the check.
    Carried,
    /// It is not, and why.
    Left(String),
}

/// Carries all conditions, and the check with them if anything is left to expect.
pub(super) fn carry(endpoint: &Endpoint, mut check: Check, conditions: &[String], into: &mut Carried) {
    let (line, about) = (endpoint.line, endpoint.about.as_str());
    let mut statuses = Vec::new();
    let mut days: Option<u64> = None;
    let mut claims = 0;
    for text in conditions {
        let condition = match Condition::read(text) {
            Ok(condition) => condition,
            Err(why) => {
                unusable(text, &why, endpoint, into);
                continue;
            }
        };
        if let Some(warning) = blind(text, &condition) {
            into.warn(line, about, warning);
        }
        claims += usize::from(matches!(condition.part, Part::Body | Part::Json(_) | Part::Header(_)));
        let became = match &condition.part {
            Part::Status if condition.function == Function::None => {
                statuses.push(condition);
                continue;
            }
            Part::Certificate => match days_of(&condition) {
                Ok(bound) => {
                    // All of them must hold: the strictest says it.
                    days = days.max(Some(bound));
                    Became::Carried
                }
                Err(why) => Became::Left(why),
            },
            _ => one(&condition, endpoint, &mut check),
        };
        if let Became::Left(why) = became {
            into.leave(line, about, format!("`{text}`: {why}"));
        }
    }
    if !statuses.is_empty() {
        let admits = |code: u16| statuses.iter().all(|condition| admits(condition, code));
        match status_set(admits) {
            Some(set) => check.expect("status", set),
            None => into.leave(line, about, "its conditions on [STATUS] admit no set of codes that could be written"),
        }
    }
    if let Some(days) = days {
        certificate(endpoint, days, &mut check, into);
    }
    if endpoint.sort == Sort::Http && claims == 0 && !check.expect.is_empty() {
        let text = "no condition reads the answer: an error page with this status passes. `steadfast look ID` proposes \
                    what to expect";
        into.warn(line, about, text);
    }
    if endpoint.sort == Sort::Tcp && check.look.get("read").is_none() {
        let text = "it only connects: a proxy takes connections for a service that is not there. Have it say something: \
                    `send` and `read = \"line\"`";
        into.warn(line, about, text);
    }
    if check.expect.is_empty() {
        let only_certificate = into.checks.last().is_some_and(|last| last.line == line && last.kind == "tls");
        if !only_certificate {
            into.leave(line, about, "none of its conditions could be carried, and a check expects something");
        }
        return;
    }
    into.checks.push(check);
}

fn unusable(text: &str, why: &Unusable, endpoint: &Endpoint, into: &mut Carried) {
    let (line, about) = (endpoint.line, endpoint.about.as_str());
    match why {
        Unusable::NoComparison => {
            into.leave(line, about, format!("`{text}`: it compares nothing; Gatus would not start with it"));
        }
        Unusable::TwoParts => {
            into.leave(line, about, format!("`{text}`: two things that were seen are not compared with each other"));
        }
        Unusable::Constant { left, right, holds } => {
            let typo = [left, right].into_iter().find(|side| side.contains('[')).and_then(|side| near(side));
            let meant = typo.map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
            let always = if *holds { "held" } else { "failed" };
            into.leave(line, about, format!("`{text}`: nothing that was seen is in it{meant}"));
            into.warn(
                line,
                about,
                format!(
                    "`{text}` could never change: it compares the text `{left}` with `{right}`, and always {always}"
                ),
            );
        }
    }
}

/// The placeholder that was meant.
fn near(side: &str) -> Option<&'static str> {
    let end = side.find(']').map_or(side.len(), |end| end + 1);
    let start = side.find('[').unwrap_or_default();
    let word = side.get(start..end)?.to_ascii_uppercase();
    let all = PLACEHOLDERS.iter().map(|(word, _)| *word);
    all.max_by(|a, b| strsim::jaro_winkler(a, &word).total_cmp(&strsim::jaro_winkler(b, &word)))
        .filter(|near| strsim::jaro_winkler(near, &word) > 0.8)
}

/// Why a condition held there although what it speaks of was gone.
fn blind(text: &str, condition: &Condition) -> Option<String> {
    let read_as_zero = condition.comparison.operator().is_some_and(|_| {
        let bound = match &condition.wanted {
            Operand::Text(text) => number(text).unwrap_or_default(),
            Operand::Seen(..) | Operand::Pattern(_) | Operand::Any(_) => 0.0,
        };
        condition.comparison.admits(0.0, bound)
    });
    let unequal = condition.comparison == Comparison::Unequal;
    match (&condition.part, condition.function) {
        (Part::Json(_) | Part::Header(_), Function::None | Function::Len | Function::Age) if read_as_zero => {
            Some(format!("`{text}` held there also without it: what is missing was read as 0. Here it fails"))
        }
        (Part::Json(_) | Part::Header(_), Function::None | Function::Len) if unequal => Some(format!(
            "`{text}` held there also without it: what is missing is unequal to everything. Here it fails"
        )),
        (Part::Json(_), Function::Has) if wants(condition, "false") => {
            Some(format!("`{text}` held there also for a body that is no JSON, such as an error page. Here that fails"))
        }
        (Part::Body, Function::None) if unequal => {
            Some(format!("`{text}` holds for an empty body, too: expect what must be there"))
        }
        _ => None,
    }
}

fn wants(condition: &Condition, text: &str) -> bool {
    let equal = condition.wanted == Operand::Text(text.to_owned());
    let other = condition.wanted == Operand::Text(if text == "true" { "false" } else { "true" }.to_owned());
    match condition.comparison {
        Comparison::Equal => equal,
        Comparison::Unequal => other,
        Comparison::AtMost | Comparison::AtLeast | Comparison::Above | Comparison::Below => false,
    }
}

fn admits(condition: &Condition, code: u16) -> bool {
    let text = code.to_string();
    let equal = match &condition.wanted {
        Operand::Text(wanted) => number(wanted) == Some(f64::from(code)),
        Operand::Any(options) => options.contains(&text),
        Operand::Pattern(pattern) => match glob(pattern) {
            Glob::Anything => true,
            Glob::Contains(part) => text.contains(&part),
            Glob::Matches(regex) => regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(&text)),
        },
        Operand::Seen(..) => false,
    };
    match (condition.comparison, &condition.wanted) {
        (Comparison::Equal, _) => equal,
        (Comparison::Unequal, _) => !equal,
        (comparison, Operand::Text(wanted)) => comparison.admits(f64::from(code), number(wanted).unwrap_or_default()),
        (_, Operand::Seen(..) | Operand::Pattern(_) | Operand::Any(_)) => false,
    }
}

/// The whole days that a certificate must have left.
fn days_of(condition: &Condition) -> Result<u64, String> {
    let Operand::Text(text) = &condition.wanted else { return Err("only a length of time can be expected".to_owned()) };
    if !matches!(condition.comparison, Comparison::Above | Comparison::AtLeast) || condition.function != Function::None
    {
        return Err("a certificate is expected to be valid for so long, not for less".to_owned());
    }
    let millis = number(text).ok_or("only a length of time can be expected")?;
    Ok(((millis / 86_400_000.0).ceil() as u64).max(1))
}

/// A bound on the certificate: on the check itself if it looks at nothing else, and else in a check of its own.
fn certificate(endpoint: &Endpoint, days: u64, check: &mut Check, into: &mut Carried) {
    match endpoint.sort {
        Sort::Tls | Sort::StartTls => check.expect("days_left", json!({ "at_least": days })),
        Sort::Http => {
            let Some(address) = endpoint.url.strip_prefix("https://").filter(|rest| !rest.contains('$')) else {
                let text = "[CERTIFICATE_EXPIRATION]: its address is not known to be an https one";
                into.leave(endpoint.line, endpoint.about.as_str(), text);
                return;
            };
            let host = address.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let id = into.free_id(&format!("{} certificate", check.id));
            let summary = format!("{}: the certificate is renewed in time", endpoint.about);
            let mut tls = Check::new(id, endpoint.line, "tls", summary);
            tls.every.clone_from(&check.every);
            tls.tags.clone_from(&check.tags);
            tls.look("address", host);
            if !endpoint.insecure {
                tls.expect("trusted", true);
            }
            tls.expect("days_left", json!({ "at_least": days }));
            into.checks.push(tls);
        }
        Sort::Tcp | Sort::Dns | Sort::Icmp => {
            into.leave(
                endpoint.line,
                endpoint.about.as_str(),
                "[CERTIFICATE_EXPIRATION]: there is no certificate there",
            );
        }
    }
}

fn one(condition: &Condition, endpoint: &Endpoint, check: &mut Check) -> Became {
    let left = |why: &str| Became::Left(why.to_owned());
    match (&condition.part, condition.function) {
        (Part::ResponseTime, Function::None) => response_time(condition, check),
        (Part::Connected, Function::None) if wants(condition, "true") => {
            // Every look is bounded by its timeout: this says so, and is something to expect.
            if matches!(endpoint.sort, Sort::Http | Sort::Tcp) && !check.expect.contains_key("within") {
                let bound = check.timeout.clone().unwrap_or_else(|| "10s".to_owned());
                check.expect("within", bound);
            }
            match endpoint.sort {
                Sort::Icmp => check.ping(),
                Sort::Dns => check.expect_a_record(),
                Sort::Http | Sort::Tcp | Sort::Tls | Sort::StartTls => {}
            }
            Became::Carried
        }
        (Part::Connected, _) => left("a check is about what works; nothing expects a refused connection"),
        (Part::Domain, _) => left("no kind of check asks a registry when a domain ends"),
        (Part::Ip, _) => {
            left("an http check does not expect an address; a check of kind `dns` does, where there is one")
        }
        (Part::Context, _) => left("no value is handed from one check to the next"),
        (Part::Rcode, Function::None) if endpoint.sort == Sort::Dns => match &condition.wanted {
            // Any other answer than the one below is a failure of the look already.
            Operand::Text(code) if code == "NOERROR" && condition.comparison == Comparison::Equal => {
                check.expect_a_record();
                Became::Carried
            }
            Operand::Text(code) if code == "NXDOMAIN" && condition.comparison == Comparison::Equal => {
                check.expect("absent", "nxdomain");
                Became::Carried
            }
            _ => left("only an answer without an error is expected"),
        },
        (Part::Rcode, _) => left("there is no DNS answer there"),
        (Part::Body, function) => match endpoint.sort {
            Sort::Http => whole_body(condition, function, check),
            Sort::Tcp => banner(condition, function, check),
            Sort::Dns => dns_body(condition, function, check),
            Sort::Tls | Sort::StartTls | Sort::Icmp => left("nothing is read there"),
        },
        (Part::Json(path), function) if endpoint.sort == Sort::Http => {
            predicate(condition, function, "json", path, check)
        }
        (Part::Header(name), function) if endpoint.sort == Sort::Http => {
            predicate(condition, function, "header", name, check)
        }
        (Part::Json(_) | Part::Header(_), _) => left("nothing of that sort is read there"),
        (Part::Status | Part::ResponseTime | Part::Certificate, _) => left("there is no such expectation"),
    }
}

fn response_time(condition: &Condition, check: &mut Check) -> Became {
    let bound = match &condition.wanted {
        Operand::Text(text) => number(text),
        Operand::Seen(..) | Operand::Pattern(_) | Operand::Any(_) => None,
    };
    let millis = bound.filter(|millis| *millis >= 1.0).map(|millis| millis as u64);
    match (condition.comparison, millis) {
        (Comparison::Below | Comparison::AtMost, Some(millis)) => {
            let bound = Lapse(std::time::Duration::from_millis(millis));
            let stricter = check.expect.get("within").and_then(Value::as_str).and_then(|text| Lapse::parse(text).ok());
            let bound = stricter.map_or(bound, |other| if other.0 < bound.0 { other } else { bound });
            check.expect.insert("within".to_owned(), json!(bound.to_string()));
            Became::Carried
        }
        _ => Became::Left("an answer is expected within a time, not after one".to_owned()),
    }
}

/// The whole body of an HTTP answer, as text.
fn whole_body(condition: &Condition, function: Function, check: &mut Check) -> Became {
    let left = |why: &str| Became::Left(why.to_owned());
    match (function, condition.comparison, &condition.wanted) {
        (Function::Has, _, _) if wants(condition, "true") => {
            check.expect("size", json!({ "at_least": 1 }));
            Became::Carried
        }
        (Function::None, Comparison::Equal, Operand::Text(text)) => {
            check.expect("body_matches", format!("\\A\\s*{}\\s*\\z", regex::escape(text)));
            Became::Carried
        }
        (Function::None, Comparison::Equal, Operand::Any(options)) => {
            let options: Vec<String> = options.iter().map(|option| regex::escape(option)).collect();
            check.expect("body_matches", format!("\\A\\s*(?:{})\\s*\\z", options.join("|")));
            Became::Carried
        }
        (Function::None, Comparison::Equal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Anything => left("it holds for everything, an empty body too"),
            Glob::Contains(text) => {
                check.expect("body_contains", text);
                Became::Carried
            }
            Glob::Matches(regex) => {
                check.expect("body_matches", regex);
                Became::Carried
            }
        },
        (Function::None, Comparison::Unequal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Contains(text) => {
                check.expect("body_excludes", text);
                Became::Carried
            }
            Glob::Anything | Glob::Matches(_) => left("a body can exclude texts, not patterns"),
        },
        (Function::None, Comparison::Unequal, Operand::Text(text)) => {
            check.expect("body_excludes", text.clone());
            Became::Carried
        }
        (Function::None | Function::Len, _, _) => predicate(condition, function, "json", "$", check),
        (Function::Has | Function::Age, _, _) => left("there is no such expectation on a whole body"),
    }
}

/// What a TCP server says.
fn banner(condition: &Condition, function: Function, check: &mut Check) -> Became {
    let expected = match (function, condition.comparison, &condition.wanted) {
        (Function::None, Comparison::Equal, Operand::Text(text)) => {
            Some(("banner_matches", format!("\\A\\s*{}\\s*\\z", regex::escape(text))))
        }
        (Function::None, Comparison::Equal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Contains(text) => Some(("banner_contains", text)),
            Glob::Matches(regex) => Some(("banner_matches", regex)),
            Glob::Anything => None,
        },
        _ => None,
    };
    match expected {
        Some((key, value)) => {
            check.look("read", "line");
            check.expect(key, value);
            Became::Carried
        }
        None => Became::Left("what a server says is expected to be a text or to match a pattern".to_owned()),
    }
}

/// A part of a JSON body, or a header.
fn predicate(condition: &Condition, function: Function, under: &str, part: &str, check: &mut Check) -> Became {
    let left = |why: &str| Became::Left(why.to_owned());
    let numeric = match &condition.wanted {
        Operand::Text(text) => number(text),
        Operand::Seen(..) | Operand::Pattern(_) | Operand::Any(_) => None,
    };
    let mut operators: Vec<(&str, Value)> = match (function, condition.comparison, &condition.wanted) {
        (Function::Has, _, _) if wants(condition, "false") => vec![("absent", json!(true))],
        (Function::Has, _, _) if wants(condition, "true") => {
            if under == "header" {
                vec![("type", json!("string"))]
            } else {
                // There is no operator for "whatever it is". A path that names it twice counts nodes instead.
                let Some(twice) = named_twice(part) else { return left("say what the body must be") };
                check
                    .notes
                    .push(format!("{part} is there, whatever it is: a path that names it twice finds it twice."));
                check.predicate(under, &twice, &[("count", json!(2))]);
                return Became::Carried;
            }
        }
        (Function::Has, _, _) => return left("has() is true or false"),
        (Function::Len, comparison, Operand::Text(_)) => match (comparison, numeric.filter(|n| *n >= 0.0)) {
            (Comparison::Equal, Some(n)) => vec![("count", json!(n as u64))],
            (Comparison::AtLeast, Some(n)) if n > 0.0 => vec![("count", json!({ "at_least": n as u64 }))],
            (Comparison::Above, Some(n)) => vec![("count", json!({ "at_least": n as u64 + 1 }))],
            (Comparison::AtMost, Some(n)) => vec![("count", json!({ "at_most": n as u64 }))],
            (Comparison::Below, Some(n)) if n >= 1.0 => vec![("count", json!({ "at_most": n as u64 - 1 }))],
            (Comparison::Unequal, Some(0.0)) => vec![("count", json!({ "at_least": 1 }))],
            _ => return left("no length is so"),
        },
        (Function::Len, _, _) => return left("a length is a number"),
        (Function::Age, Comparison::Below | Comparison::AtMost, Operand::Text(text)) => match Lapse::parse(text) {
            Ok(age) => vec![("younger_than", json!(age.to_string()))],
            Err(why) => return left(&why),
        },
        (Function::Age, _, _) => return left("a date is expected to be younger than a length of time"),
        (Function::None, Comparison::Equal, Operand::Text(text)) => equal(under, std::slice::from_ref(text)),
        (Function::None, Comparison::Equal, Operand::Any(options)) => equal(under, options),
        (Function::None, Comparison::Equal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Anything => vec![("type", json!("string"))],
            Glob::Contains(text) => vec![("contains", json!(text))],
            Glob::Matches(regex) => vec![("matches", json!(regex))],
        },
        (Function::None, Comparison::Unequal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Contains(text) => vec![("excludes", json!(text))],
            Glob::Anything | Glob::Matches(_) => return left("a text can exclude texts, not patterns"),
        },
        (Function::None, Comparison::Unequal, Operand::Text(text)) => match values(text).as_slice() {
            [only] => vec![("excludes", only.clone()), ("type", json!("string"))],
            _ if text == "0" && under == "json" => vec![("above", json!(0))],
            _ => return left("say what it must be: { one_of = [..] }, or a bound"),
        },
        (Function::None, Comparison::Unequal, _) => return left("say what it must be: { one_of = [..] }"),
        (Function::None, comparison, Operand::Text(_)) if under == "json" => match (comparison.operator(), numeric) {
            (Some(operator), Some(bound)) => vec![(operator, number_of(bound))],
            _ => return left("a number is expected to be above or below one"),
        },
        (Function::None, _, _) => return left("it is a text, and texts are not above or below another"),
    };
    if part.contains("[*]") && function != Function::Len && !operators.iter().any(|(name, _)| *name == "absent") {
        // A path that finds nothing would hold.
        operators.push(("count", json!({ "at_least": 1 })));
    }
    if check.predicate(under, part, &operators) {
        Became::Carried
    } else {
        left("there is another condition of this sort on the same part; one of them can stand in the check")
    }
}

/// `$.user.name` as `$.user['name','name']`: a path whose nodes are counted.
fn named_twice(path: &str) -> Option<String> {
    if let Some(whole) = path.strip_suffix(']') {
        let (before, last) = whole.rsplit_once('[')?;
        return (last != "*").then(|| format!("{before}[{last},{last}]"));
    }
    let (before, last) = path.rsplit_once('.')?;
    Some(format!("{before}['{last}','{last}']"))
}

fn equal(under: &str, options: &[String]) -> Vec<(&'static str, Value)> {
    let all: Vec<Value> = if under == "header" {
        options.iter().map(|option| json!(option)).collect()
    } else {
        options.iter().flat_map(|option| values(option)).collect()
    };
    match all.as_slice() {
        [one] => vec![("equals", one.clone())],
        _ => vec![("one_of", Value::Array(all))],
    }
}

fn number_of(number: f64) -> Value {
    // A bound of a condition has no fraction.
    json!(number as i64)
}

/// The look of a DNS check.
pub(super) fn dns_look(
    node: &Node,
    server: &str,
    check: &mut Check,
    troubles: &mut Vec<Trouble>,
) -> Result<(), String> {
    let mut fields = Fields::of(node, "`dns`", troubles);
    let name = fields.text("query-name").unwrap_or_default();
    let record = fields.text("query-type").unwrap_or_else(|| "A".to_owned());
    check.ask_for(&name, &record, Some(server.to_owned()))
}

/// What a resolver answers. Gatus sees one value of the answer, the last one; here one of them must be it.
fn dns_body(condition: &Condition, function: Function, check: &mut Check) -> Became {
    let expected = match (function, condition.comparison, &condition.wanted) {
        (Function::None, Comparison::Equal, Operand::Text(text)) => {
            Some(("contains", text.trim_end_matches('.').to_owned()))
        }
        (Function::None, Comparison::Unequal, Operand::Text(text)) => {
            Some(("excludes", text.trim_end_matches('.').to_owned()))
        }
        (Function::None, Comparison::Equal, Operand::Pattern(pattern)) => match glob(pattern) {
            Glob::Contains(text) => Some(("matches", regex::escape(&text))),
            Glob::Matches(regex) => Some(("matches", regex)),
            Glob::Anything => None,
        },
        (Function::None, Comparison::Equal, Operand::Any(texts)) => {
            let texts: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
            Some(("matches", format!("^({})\\.?$", texts.join("|"))))
        }
        _ => None,
    };
    match expected {
        Some((key, value)) => {
            check.expect(key, value);
            Became::Carried
        }
        None => Became::Left("an answer is expected to have a value, or one that matches".to_owned()),
    }
}

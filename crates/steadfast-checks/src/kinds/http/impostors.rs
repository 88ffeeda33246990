//! Answers that look alive and are wrong, and benign changes of an answer. Both depend on the sort of answer alone.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use regex::Regex;
use steadfast_core::kind::Other;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Outcome;
use steadfast_core::proof::Sabotage;
use steadfast_probe::body::Body;
use steadfast_probe::exchange::{Exchange, Listed, Response};

use super::{Http, page};
use crate::json_claims;

const LOGIN: &str = "<!doctype html><html><head><title>Sign in</title></head><body><main><h1>Sign in</h1>\
    <form method=\"post\" action=\"/login\"><label>Email <input name=\"email\"></label>\
    <label>Password <input type=\"password\" name=\"password\"></label><button>Sign in</button></form></main></body></html>";
const ERROR: &str = "<!doctype html><html><head><title>Error</title></head><body><h1>Something went wrong</h1>\
    <p>An unexpected error has occurred. Please try again later.</p></body></html>";
const MAINTENANCE: &str = "<!doctype html><html><head><title>Maintenance</title></head><body>\
    <h1>We will be back soon</h1><p>This site is down for scheduled maintenance.</p></body></html>";
const JSON_ERROR: &str = r#"{"error":"database is gone"}"#;

/// Whole answers in place of the real one; in a sweep one endpoint at a time.
pub(super) fn impostors(seen: &[Arc<Exchange>], others: &[Other<'_, Http>]) -> Vec<Sabotage<Vec<Arc<Exchange>>>> {
    let mut sabotages = shrunk(seen);
    for i in sample(seen) {
        let exchange = &seen[i];
        let Outcome::Seen(green) = &exchange.answer else { continue };
        let mut add = |name: String, story: &'static str, response: Response| {
            if response.body == green.body && response.status == green.status {
                return;
            }
            let name = at_endpoint(name, seen, i);
            sabotages.push(Sabotage::seen(name, story, replaced(seen, i, response)));
        };
        let html = |text: &str| with_body(green, 200, "text/html; charset=utf-8", text);
        add(
            "login page".into(),
            "an expired session or a proxy's single sign-on answers 200 with its form",
            html(LOGIN),
        );
        add("error page".into(), "the framework renders its error page and keeps the status 200", html(ERROR));
        add("maintenance page".into(), "a proxy answers 200 with its maintenance page", html(MAINTENANCE));
        add(
            "json error".into(),
            "the handler catches the database's error and answers 200 with {\"error\": ..}",
            with_body(green, 200, "application/json", JSON_ERROR),
        );
        if green.header("location").is_some() {
            // Nobody reads the body of a redirect: what counts is where it leads.
            let mut login = green.clone();
            let location = login.headers.iter_mut().filter(|(name, _)| name == "location");
            location.for_each(|(_, to)| *to = "/login".to_owned());
            login.body = Body::Text("<a href=\"/login\">Found</a>".to_owned());
            add("redirect to the login page".into(), "an expired session sends everybody to the login page", login);
            continue;
        }
        let kind = green.header("content-type").unwrap_or_default();
        add(
            "empty".into(),
            "a wiped source or a crashed worker behind a proxy: the answer has no content",
            with_body(green, green.status, &kind, ""),
        );
        add("first half".into(), "a proxy or a full disk cuts the answer in the middle", first_half(green));
        if let Some((name, story, text)) = green.body.text().and_then(|t| json_claims::records_as_texts(t.as_bytes())) {
            add(name.into(), story, with_body(green, green.status, &kind, &text));
        }
        if is_html(green)
            && let Some(text) = green.body.text()
        {
            let kind = green.header("content-type").unwrap_or_default();
            add(
                "shell".into(),
                "88 minutes of empty pages: head, navigation and footer come, the main content does not",
                with_body(green, green.status, &kind, &page::shell(text)),
            );
        }
        for other in others {
            for answer in sample(other.seen).into_iter().take(OTHERS).map(|at| &other.seen[at]) {
                if let (true, Outcome::Seen(response)) = (same_origin(&answer.url, &exchange.url), &answer.answer) {
                    add(
                        format!("answer of {}", other.id),
                        "a routing or cache mistake serves another page of the same site",
                        Response { timings: green.timings, ..response.clone() },
                    );
                }
            }
        }
    }
    sabotages
}

/// So many endpoints of a longer sweep are broken, spread evenly over it. Every name then says so.
const BROKEN: usize = 100;

/// So many answers of another check's sweep are put in the place of ours.
const OTHERS: usize = 10;

/// The endpoints to break: all, or [`BROKEN`] of them.
pub(super) fn sample(seen: &[Arc<Exchange>]) -> Vec<usize> {
    let most = seen.len().min(BROKEN);
    (0..most).map(|i| i * seen.len() / most).collect()
}

/// The name of a sabotage at one endpoint.
pub(super) fn at_endpoint(name: String, seen: &[Arc<Exchange>], i: usize) -> String {
    let path = &seen[i].path;
    match seen.len() {
        1 => name,
        ..=BROKEN => format!("{name} at {path}"),
        all => format!("{name} at {path} (one of {BROKEN} tried of {all})"),
    }
}

/// Lists that have lost their endpoints: what is left of the site is well.
fn shrunk(seen: &[Arc<Exchange>]) -> Vec<Sabotage<Vec<Arc<Exchange>>>> {
    let of = seen.first().and_then(|exchange| exchange.listed.as_ref()).map_or(0, |listed| listed.of);
    let mut sabotages = Vec::new();
    if of > 2 {
        let story = "a generator stopped in the middle, or lost a section of the site: what it still lists is well";
        sabotages.push(Sabotage::seen("half of the list", story, relisted(seen, of / 2)));
    }
    if of > 1 {
        let story = "a build with an empty database lists the front page alone, and that is well";
        sabotages.push(Sabotage::seen("a list of one", story, relisted(seen, 1)));
    }
    sabotages
}

/// The sweep as it would be if so many endpoints were listed.
pub(super) fn relisted(seen: &[Arc<Exchange>], of: u64) -> Vec<Arc<Exchange>> {
    let kept = seen.len().min(usize::try_from(of).unwrap_or(usize::MAX)).max(1);
    let one = |exchange: &Arc<Exchange>| {
        let listed = exchange.listed.clone().map(|listed| Listed { of, ..listed });
        Arc::new(Exchange { listed, ..(**exchange).clone() })
    };
    seen.iter().take(kept).map(one).collect()
}

/// Benign changes: what differs between two good answers to the same request.
pub(super) fn variations(seen: &[Arc<Exchange>]) -> Vec<Sabotage<Vec<Arc<Exchange>>>> {
    let seen: &Vec<Arc<Exchange>> = &sample(seen).into_iter().map(|i| Arc::clone(&seen[i])).collect();
    let mut changes: Vec<(String, &'static str, Vec<Arc<Exchange>>)> = Vec::new();
    let each = |change: &dyn Fn(&Response) -> Option<Response>| -> Option<Vec<Arc<Exchange>>> {
        let mut changed = false;
        let all = seen
            .iter()
            .map(|exchange| match &exchange.answer {
                Outcome::Seen(response) => match change(response) {
                    Some(response) => {
                        changed = true;
                        Arc::new(Exchange { answer: Outcome::Seen(response), ..(**exchange).clone() })
                    }
                    None => Arc::clone(exchange),
                },
                Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => Arc::clone(exchange),
            })
            .collect();
        changed.then_some(all)
    };
    let mut add = |name: &str, story: &'static str, change: &dyn Fn(&Response) -> Option<Response>| {
        changes.extend(each(change).map(|seen| (name.to_owned(), story, seen)));
    };
    add("slower by half", "an ordinary busy hour", &|response| {
        let mut response = response.clone();
        let timings = &mut response.timings;
        for lapse in
            [&mut timings.dns, &mut timings.connect, &mut timings.tls, &mut timings.first_byte, &mut timings.total]
        {
            *lapse = Lapse(Duration::from_micros(lapse.micros() + lapse.micros() / 2));
        }
        Some(response)
    });
    add("new date header", "every answer has its own", &|response| {
        let mut response = response.clone();
        let date = response.headers.iter_mut().find(|(name, _)| name == "date")?;
        date.1 = "Fri, 13 Nov 2026 11:13:17 GMT".to_owned();
        Some(response)
    });
    add("an added header", "a proxy adds one", &|response| {
        let mut response = response.clone();
        response.headers.insert(0, ("x-request-id".to_owned(), "5f0c9a6e".to_owned()));
        Some(response)
    });
    add("new tokens", "every page has its own nonce, CSRF token and asset hash", &|response| {
        let text = response.body.text().filter(|_| is_html(response))?;
        let changed = TOKENS.replace_all(text, |found: &regex::Captures<'_>| {
            let whole = found.get(0).map_or("", |m| m.as_str());
            let token = found.name("a").or(found.name("b")).or(found.name("c")).map_or("", |m| m.as_str());
            whole.replace(token, &rotated(token))
        });
        (changed != text).then(|| rebodied(response, changed.into_owned()))
    });
    add("white space between tags", "a template was formatted anew", &|response| {
        let text = response.body.text().filter(|_| is_html(response))?;
        let changed = text.replace("><", ">\n<");
        (changed != text).then(|| rebodied(response, changed))
    });
    add("an added comment", "a build stamps its pages", &|response| {
        let text = response.body.text().filter(|_| is_html(response))?;
        Some(rebodied(response, format!("{text}\n<!-- built by release 42 -->")))
    });
    let mut json_changes: Vec<(&'static str, &'static str)> = Vec::new();
    for exchange in seen {
        if let Outcome::Seen(response) = &exchange.answer
            && let Some(text) = response.body.text()
        {
            for (name, story, _) in json_claims::variations(text.as_bytes()) {
                if !json_changes.contains(&(name, story)) {
                    json_changes.push((name, story));
                }
            }
        }
    }
    for (name, story) in json_changes {
        add(name, story, &|response| {
            let variations = json_claims::variations(response.body.text()?.as_bytes());
            let (.., text) = variations.into_iter().find(|(known, ..)| *known == name)?;
            Some(rebodied(response, text))
        });
    }
    changes.into_iter().map(|(name, story, seen)| Sabotage::seen(name, story, seen)).collect()
}

/// Nonces and CSRF tokens in attributes, and hashes in the names of assets.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let source = r#"(?x)
        nonce="(?P<a>[A-Za-z0-9+/=_-]{6,})"
        | (?:csrf|xsrf|authenticity)[^>]{0,60}?(?:value|content)="(?P<b>[A-Za-z0-9+/=_-]{8,})"
        | (?:src|href)="[^"]*?[.?=-](?P<c>[0-9a-f]{8,})(?:\.(?:js|css|mjs|woff2?|png|svg))?"
    "#;
    Regex::new(source).unwrap_or_else(|_| unreachable!("a literal pattern, compiled by a test"))
});

/// Another token of the same alphabet.
fn rotated(token: &str) -> String {
    let turn = |c: char| match c {
        '0'..='8' | 'a'..='e' | 'g'..='y' | 'A'..='Y' => char::from_u32(c as u32 + 1).unwrap_or(c),
        '9' => '0',
        'f' => 'a',
        'z' => 'a',
        'Z' => 'A',
        other => other,
    };
    token.chars().map(turn).collect()
}

/// The green answer with other bytes.
pub(super) fn rebodied(green: &Response, text: String) -> Response {
    let mut response = green.clone();
    response.size = text.len() as u64;
    for (name, value) in &mut response.headers {
        if name == "content-length" {
            *value = text.len().to_string();
        }
    }
    response.body = Body::Text(text);
    response
}

fn with_body(green: &Response, status: u16, content_type: &str, text: &str) -> Response {
    let mut response = rebodied(green, text.to_owned());
    response.status = status;
    response.cut = false;
    response.headers.retain(|(name, _)| !matches!(name.as_str(), "content-type" | "location" | "content-encoding"));
    if !content_type.is_empty() {
        response.headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    if status == green.status
        && let Some(location) = green.header("location")
    {
        response.headers.push(("location".to_owned(), location));
    }
    response
}

fn first_half(green: &Response) -> Response {
    let mut response = green.clone();
    let bytes = green.body.bytes();
    let half = bytes[..bytes.len() / 2].to_vec();
    response.size = half.len() as u64;
    response.body = Body::new(half);
    response
}

pub(super) fn is_html(response: &Response) -> bool {
    response.media_type().is_some_and(|media| media == "text/html" || media == "application/xhtml+xml")
}

fn same_origin(a: &str, b: &str) -> bool {
    match (url::Url::parse(a), url::Url::parse(b)) {
        (Ok(a), Ok(b)) => a.origin() == b.origin(),
        (_, _) => false,
    }
}

/// The sweep with one answer replaced. The others are green and stay so: a longer sweep goes without them.
pub(super) fn replaced(seen: &[Arc<Exchange>], i: usize, response: Response) -> Vec<Arc<Exchange>> {
    let broken = Arc::new(Exchange { answer: Outcome::Seen(response), ..(*seen[i]).clone() });
    if seen.len() > BROKEN {
        return vec![broken];
    }
    let mut all = seen.to_vec();
    all[i] = broken;
    all
}

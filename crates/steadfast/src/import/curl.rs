//! Lines of curl, as a script or a browser's tools have them.

use serde_json::json;
use steadfast_core::measure::Lapse;

use super::carried::{Carried, Check};
use super::document::Trouble;
use super::http_look::{self, Template};
use super::http_way;
use super::shell_words::{Line, split};
use super::{Format, Source};

/// The format `curl`.
pub(crate) struct Curl;

/// Options with a value, in both forms, that change nothing of what is asked or expected.
const SILENT_WITH_VALUE: [&str; 13] = [
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-D",
    "--dump-header",
    "-c",
    "--cookie-jar",
    "--stderr",
    "--trace",
    "--trace-ascii",
    "--retry-delay",
    "--retry-max-time",
];
/// Why a key with a password is not carried over.
const LOCKED: &str = "a key with a password is not read: `client_certificate` takes one without";
/// The same without a value.
const SILENT: [&str; 24] = [
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-f",
    "--fail",
    "--fail-with-body",
    "-v",
    "--verbose",
    "-i",
    "--include",
    "-O",
    "--remote-name",
    "-N",
    "--no-buffer",
    "-#",
    "--progress-bar",
    "--no-progress-meter",
    "--compressed",
    "-J",
    "--remote-header-name",
    "--tlsv1.2",
    "--tlsv1.3",
    "--retry-connrefused",
];

impl Format for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn title(&self) -> &'static str {
        "curl"
    }

    fn carry(&self, source: &Source<'_>, into: &mut Carried) -> Result<(), Vec<Trouble>> {
        let lines = split(source.text()?).map_err(|trouble| vec![trouble])?;
        let mut troubles = Vec::new();
        let mut found = 0;
        for (at_line, line) in lines.iter().enumerate() {
            let program = |word: &String| word == "curl" || word.ends_with("/curl");
            // `X=1 curl`, `time curl`, `if curl`: what stands before it is not the request.
            let Some(at) = line.words.iter().position(program) else {
                continue;
            };
            found += 1;
            let reader = lines.get(at_line + 1).filter(|_| line.is_piped);
            one(line, &line.words[at + 1..], reader, into, &mut troubles);
        }
        if found == 0 {
            let at = lines.first().map_or(super::document::At { line: 1, column: 1 }, |line| line.at);
            troubles.push(Trouble { at, what: "there is no command `curl` in it".to_owned() });
        }
        if troubles.is_empty() { Ok(()) } else { Err(troubles) }
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<&'static str> {
        vec![include_str!("curl/everything.sh")]
    }
}

/// What the options of one command ask for.
#[derive(Default)]
struct Asked {
    method: Option<String>,
    urls: Vec<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    json: bool,
    query: bool,
    head: bool,
    user: Option<String>,
    bearer: Option<String>,
    follows: bool,
    most_redirects: Option<u64>,
    takes_globs_literally: bool,
    /// Why the request cannot be made: another one in its place would say nothing about this one.
    unsendable: Option<(String, &'static str)>,
    timeout: Option<String>,
    connect_to: Vec<String>,
    roots: Option<String>,
    version: Option<&'static str>,
    retry: Option<u64>,
    proxy: Option<String>,
    proxy_user: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    left: Vec<(String, String)>,
}

fn one(line: &Line, words: &[String], reader: Option<&Line>, into: &mut Carried, troubles: &mut Vec<Trouble>) {
    let mut asked = Asked::default();
    if let Err(what) = options(words, &mut asked) {
        troubles.push(Trouble { at: line.at, what });
        return;
    }
    if asked.urls.is_empty() {
        troubles.push(Trouble { at: line.at, what: "a curl command without an address".to_owned() });
        return;
    }
    for written in &asked.urls {
        let written = if written.contains("://") || written.starts_with("${") {
            written.clone()
        } else {
            // As curl guesses.
            format!("http://{written}")
        };
        let leave = |into: &mut Carried, why: String| into.leave(line.at.line, name_of(&written), why);
        if let Some((what, why)) = &asked.unsendable {
            leave(into, format!("`{what}`: {why}; no check was made of it"));
            continue;
        }
        let scheme = written.split_once("://").map_or("", |(scheme, _)| scheme);
        if !written.starts_with("${") && !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            leave(into, format!("`{scheme}://` is not asked for here; no check was made of it"));
            continue;
        }
        let addresses = if asked.takes_globs_literally { Some(vec![written.clone()]) } else { globbed(&written) };
        match addresses {
            Some(addresses) => addresses.iter().for_each(|address| carry(line, address, &asked, reader, into)),
            None => {
                let why =
                    format!("curl makes more than {MOST_GLOBBED} addresses of it, or none: write those that count");
                leave(into, format!("{why}; no check was made of it"));
            }
        }
    }
}

/// More addresses than these of one pattern are no list that anybody wrote on purpose.
const MOST_GLOBBED: usize = 64;

/// What curl makes of `{a,b}` and `[1-3]` in an address, see its manual under "Globbing". `None` if that is too many or
/// cannot be read.
fn globbed(written: &str) -> Option<Vec<String>> {
    let mut made = vec![String::new()];
    let mut rest = written;
    while let Some(at) = rest.find(['{', '[', '\\']) {
        let (before, from) = rest.split_at(at);
        made.iter_mut().for_each(|address| address.push_str(before));
        // A variable of the shell; an address of IPv6.
        let is_variable = before.ends_with('$') && from.starts_with('{');
        let is_host = (before.ends_with("//") || before.ends_with('@'))
            && from.starts_with('[')
            && from[1..].split(']').next().is_some_and(|host| host.contains(':'));
        if is_variable || is_host {
            let end = from.find(['}', ']'])?;
            made.iter_mut().for_each(|address| address.push_str(&from[..=end]));
            rest = &from[end + 1..];
            continue;
        }
        if let Some(escaped) = from.strip_prefix('\\') {
            let c = escaped.chars().next()?;
            made.iter_mut().for_each(|address| address.push(c));
            rest = &escaped[c.len_utf8()..];
            continue;
        }
        let (close, list) = if from.starts_with('{') { ('}', true) } else { (']', false) };
        let (inner, next) = from[1..].split_once(close)?;
        let parts = if list { inner.split(',').map(str::to_owned).collect() } else { range(inner)? };
        if parts.is_empty() || made.len() * parts.len() > MOST_GLOBBED {
            return None;
        }
        made = made.iter().flat_map(|address| parts.iter().map(move |part| format!("{address}{part}"))).collect();
        rest = next;
    }
    made.iter_mut().for_each(|address| address.push_str(rest));
    Some(made)
}

/// `1-3`, `001-100`, `a-z`, each with `:STEP` behind it.
fn range(text: &str) -> Option<Vec<String>> {
    let (bounds, step) = text.split_once(':').unwrap_or((text, "1"));
    let step = step.parse::<usize>().ok().filter(|step| *step > 0)?;
    let (from, to) = bounds.split_once('-')?;
    if let (Ok(first), Ok(last)) = (from.parse::<u64>(), to.parse::<u64>()) {
        let width = if from.starts_with('0') { from.len() } else { 0 };
        let numbers = (first..=last).step_by(step).take(MOST_GLOBBED + 1);
        return Some(numbers.map(|number| format!("{number:0width$}")).collect());
    }
    let letter = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii_alphabetic() => Some(*byte),
        _ => None,
    };
    Some((letter(from)?..=letter(to)?).step_by(step).map(|byte| char::from(byte).to_string()).collect())
}

/// Reads the options: `--name value`, `--name=value` is curl's own no, `-nvalue`, `-abc`.
fn options(words: &[String], asked: &mut Asked) -> Result<(), String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
            option(&format!("--{long}"), || words.next().cloned(), asked)?;
        } else if word.len() > 1 && word.starts_with('-') {
            let mut rest = &word[1..];
            while let Some(c) = rest.chars().next() {
                rest = &rest[c.len_utf8()..];
                let mut attached = false;
                let value = || {
                    if rest.is_empty() {
                        words.next().cloned()
                    } else {
                        attached = true;
                        Some(rest.to_owned())
                    }
                };
                option(&format!("-{c}"), value, asked)?;
                if attached {
                    break;
                }
            }
        } else {
            asked.urls.push(word.clone());
        }
    }
    Ok(())
}

fn option(name: &str, value: impl FnOnce() -> Option<String>, asked: &mut Asked) -> Result<(), String> {
    let need = |value: Option<String>| value.ok_or_else(|| format!("`{name}` without a value"));
    let plain = |text: String| Template::expanding(&text).shown();
    match name {
        "-X" | "--request" => asked.method = Some(plain(need(value())?)),
        "-I" | "--head" => asked.head = true,
        "-G" | "--get" => asked.query = true,
        "-g" | "--globoff" => asked.takes_globs_literally = true,
        "--url" => asked.urls.push(need(value())?),
        "-H" | "--header" => {
            let header = need(value())?;
            match header.split_once(':') {
                Some((name, text)) if !text.trim().is_empty() => {
                    asked.headers.push((name.trim().to_owned(), text.trim().to_owned()));
                }
                Some((name, _)) => asked.left.push((format!("-H {name}:"), "no header is taken away".to_owned())),
                None => match header.strip_suffix(';') {
                    Some(name) => asked.headers.push((name.to_owned(), String::new())),
                    None => asked.left.push(("-H".to_owned(), "it is no header: `name: value`".to_owned())),
                },
            }
        }
        "-A" | "--user-agent" => asked.headers.push(("user-agent".to_owned(), need(value())?)),
        "-e" | "--referer" => asked.headers.push(("referer".to_owned(), need(value())?)),
        "-b" | "--cookie" => {
            let cookie = need(value())?;
            if cookie.contains('=') {
                asked.headers.push(("cookie".to_owned(), cookie));
            } else {
                asked.left.push(("--cookie".to_owned(), "no file of cookies is read".to_owned()));
            }
        }
        "-d" | "--data" | "--data-ascii" | "--data-raw" | "--data-binary" => {
            let data = need(value())?;
            if data.starts_with('@') && name != "--data-raw" {
                asked.unsendable = Some((format!("{name} {data}"), "a body stands in the file of checks, as `body`"));
            } else {
                asked.data.push(data);
            }
        }
        "--data-urlencode" => {
            let data = need(value())?;
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let file = data.find(['=', '@']).filter(|at| data[*at..].starts_with('@'));
            if file.is_some() {
                asked.unsendable = Some((format!("{name} {data}"), "a body stands in the file of checks, as `body`"));
            }
            asked.data.push(match data.split_once('=') {
                Some(("", text)) => encoded(text),
                Some((name, text)) => format!("{name}={}", encoded(text)),
                None => encoded(&data),
            });
        }
        "--json" => {
            asked.json = true;
            let data = need(value())?;
            if data.starts_with('@') {
                asked.unsendable = Some((format!("{name} {data}"), "a body stands in the file of checks, as `body`"));
            }
            asked.data.push(data);
        }
        "-F" | "--form" | "--form-string" => {
            let _ = need(value())?;
            let why = "no multipart form is sent; `form` sends an urlencoded one";
            asked.unsendable = Some((name.to_owned(), why));
        }
        "-u" | "--user" => asked.user = Some(need(value())?),
        "--oauth2-bearer" => asked.bearer = Some(need(value())?),
        "-L" | "--location" | "--location-trusted" => asked.follows = true,
        "--max-redirs" => {
            let most = need(value())?;
            let number = most.parse::<i64>().map_err(|_| format!("`--max-redirs {most}` is no number"))?;
            // Below zero there is no bound.
            asked.most_redirects = u64::try_from(number).ok();
        }
        "-m" | "--max-time" => {
            let seconds = need(value())?;
            let bound = seconds.parse::<f64>().ok().filter(|bound| *bound > 0.0 && *bound < 1e6);
            let bound = bound.ok_or_else(|| format!("`--max-time {seconds}` is no number of seconds"))?;
            asked.timeout = Some(Lapse(std::time::Duration::from_millis((bound * 1000.0) as u64)).to_string());
        }
        "--connect-timeout" => drop(need(value())?),
        "--connect-to" => asked.connect_to.push(need(value())?),
        "--resolve" => {
            let rule = need(value())?;
            // HOST:PORT:ADDRESS[,ADDRESS]; the first address is asked first.
            let parts: Vec<&str> = rule.trim_start_matches('+').splitn(3, ':').collect();
            match parts.as_slice() {
                [host, _port] if host.starts_with('-') => {}
                [host, port, addresses] => {
                    let first = addresses.split(',').next().unwrap_or_default();
                    let bracketed = first.contains(':') && !first.starts_with('[');
                    let first = if bracketed { format!("[{first}]") } else { first.to_owned() };
                    // In `connect_to` any host is no host.
                    let host = if *host == "*" { "" } else { host };
                    asked.connect_to.push(format!("{host}:{port}:{first}:{port}"));
                }
                _ => return Err(format!("`--resolve {rule}` is not HOST:PORT:ADDRESS")),
            }
        }
        "--cacert" => asked.roots = Some(need(value())?),
        "--http1.1" => asked.version = Some("1.1"),
        "--http2" | "--http2-prior-knowledge" => asked.version = Some("2"),
        "--retry" => asked.retry = need(value())?.parse().ok(),
        "-k" | "--insecure" => asked.left.push((
            name.to_owned(),
            "certificates are always verified here; name the one to trust in `roots`".to_owned(),
        )),
        "-x" | "--proxy" => asked.proxy = Some(need(value())?),
        "-U" | "--proxy-user" => asked.proxy_user = Some(need(value())?),
        // Also without this there is CONNECT for https.
        "-p" | "--proxytunnel" => {}
        "--noproxy" => {
            let _ = need(value())?;
            asked.left.push((name.to_owned(), "a proxy is never taken from the environment".to_owned()));
        }
        "-E" | "--cert" => {
            let certificate = need(value())?;
            match certificate.split_once(':') {
                None => asked.certificate = Some(certificate),
                // What stands behind it is a secret.
                Some(_) => asked.left.push((name.to_owned(), LOCKED.to_owned())),
            }
        }
        "--key" => asked.key = Some(need(value())?),
        "--pass" => {
            let _ = need(value())?;
            asked.left.push((name.to_owned(), LOCKED.to_owned()));
        }
        "-T" | "--upload-file" => {
            let _ = need(value())?;
            asked.unsendable = Some((name.to_owned(), "a body stands in the file of checks, as `body` under `put`"));
        }
        name if SILENT_WITH_VALUE.contains(&name) => drop(need(value())?),
        name if SILENT.contains(&name) => {}
        name => {
            return Err(format!("`{name}` is an option of curl that import does not know, so what follows is unclear"));
        }
    }
    Ok(())
}

/// What curl follows where nothing was said.
const MOST_REDIRECTS: u64 = 50;

fn carry(line: &Line, written: &str, asked: &Asked, reader: Option<&Line>, into: &mut Carried) {
    let place = line.at.line;
    let has_body = !asked.data.is_empty() && !asked.query;
    let method = match &asked.method {
        Some(method) => method.clone(),
        None if asked.head => "HEAD".to_owned(),
        None if has_body => "POST".to_owned(),
        None => "GET".to_owned(),
    };
    let shown = name_of(written);
    let id = into.free_id(if method == "GET" { shown.clone() } else { format!("{method} {shown}") }.as_str());
    let mut check = Check::new(id.clone(), place, "http", format!("{method} {shown}"));
    check.comments.clone_from(&line.comments);
    let address = if asked.query && !asked.data.is_empty() {
        let mark = if written.contains('?') { "&" } else { "?" };
        format!("{written}{mark}{}", asked.data.join("&"))
    } else {
        written.to_owned()
    };
    http_look::request(into, &mut check, &method, &Template::expanding(&address));
    let given = |name: &str| asked.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    for (header, value) in joined(&asked.headers) {
        http_look::header(into, &mut check, &header, &Template::expanding(&value));
    }
    if has_body {
        let body = asked.data.join(if asked.json { "" } else { "&" });
        http_look::body(into, &mut check, &Template::expanding(&body));
        let media = if asked.json { "application/json" } else { "application/x-www-form-urlencoded" };
        if !given("content-type") {
            http_look::header(into, &mut check, "content-type", &Template::literal(media));
        }
        if asked.json && !given("accept") {
            http_look::header(into, &mut check, "accept", &Template::literal("application/json"));
        }
    }
    if let Some(user) = &asked.user {
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        http_look::basic(into, &mut check, &Template::expanding(user), &Template::expanding(password));
    }
    if let Some(token) = &asked.bearer {
        http_look::header(into, &mut check, "authorization", &Template::expanding(&format!("Bearer {token}")));
    }
    if asked.follows {
        check.look("redirects", asked.most_redirects.unwrap_or(MOST_REDIRECTS));
    }
    if !asked.connect_to.is_empty() {
        check.look("connect_to", json!(asked.connect_to));
    }
    if let Some(roots) = &asked.roots {
        check.look("roots", roots.clone());
    }
    way(place, asked, &mut check, into);
    if let Some(version) = asked.version {
        check.look("version", version);
    }
    check.timeout.clone_from(&asked.timeout);
    if let Some(retries) = asked.retry {
        check.retry = Some(json!({ "attempts": retries.min(4) + 1 }));
    }
    check.expect("status", 200);
    let mut says_something = false;
    if let Some(reader) = reader {
        match grep(&reader.words) {
            Some(text) => {
                check.expect("body_contains", json!([text]));
                says_something = true;
            }
            None => {
                let what = reader.words.first().map_or("", String::as_str);
                let why = "what it makes of the answer is not read; say under `expect` what the answer must be";
                into.leave(place, id.clone(), format!("`| {what}`: {why}"));
            }
        }
    }
    for (what, why) in &asked.left {
        into.leave(place, id.clone(), format!("`{what}`: {why}"));
    }
    if says_something {
        into.checks.push(check);
        return;
    }
    let text = format!(
        "curl says nothing of what the answer is to be: the status 200 is a guess, and an error page with it passes. \
         `steadfast look {id}` proposes what to expect"
    );
    into.warn(place, id, text);
    into.checks.push(check);
}

/// Headers of one name in one line: RFC 9110, section 5.3; cookies as RFC 6265 has them.
fn joined(headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((known, before)) => {
                let between = if known.eq_ignore_ascii_case("cookie") { "; " } else { ", " };
                before.push_str(&format!("{between}{value}"));
            }
            None => all.push((name.clone(), value.clone())),
        }
    }
    all
}

/// What `grep -q TEXT` expects of the answer, where the text is one and no pattern.
fn grep(words: &[String]) -> Option<String> {
    let [program, flags @ .., text] = words else { return None };
    let mut is_fixed = program == "fgrep";
    for flag in flags {
        match flag.as_str() {
            "--quiet" | "--silent" | "--no-messages" => {}
            "--fixed-strings" => is_fixed = true,
            short => {
                let letters = short.strip_prefix('-').filter(|letters| !letters.is_empty())?;
                if !letters.chars().all(|letter| "qsFE".contains(letter)) {
                    return None;
                }
                is_fixed |= letters.contains('F');
            }
        }
    }
    let is_plain = !text.is_empty() && !text.starts_with('-') && !text.contains(['$', '\n']);
    let is_literal = is_plain && (is_fixed || !text.contains(['.', '*', '[', '^', '\\', '+', '?', '(', '{', '|']));
    let is_grep = matches!(program.as_str(), "grep" | "fgrep" | "egrep");
    (is_grep && is_literal).then(|| text.clone())
}

/// The proxy, and the certificate to show.
fn way(place: usize, asked: &Asked, check: &mut Check, into: &mut Carried) {
    let id = check.id.clone();
    if let Some(proxy) = &asked.proxy {
        let user = asked.proxy_user.as_deref().map(|user| user.split_once(':').unwrap_or((user, "")));
        let user = user.map(|(user, password)| (Template::expanding(user), Template::expanding(password)));
        let beside = user.as_ref().map(|(user, password)| (user, password));
        if let Err(why) = http_way::proxy(into, check, &Template::expanding(proxy), beside) {
            into.leave(place, id.clone(), format!("`--proxy`: {why}"));
        }
    }
    if asked.certificate.is_some() || asked.key.is_some() {
        let carried = http_way::certificate(check, asked.certificate.as_deref(), asked.key.as_deref());
        if let Err(why) = carried {
            into.leave(place, id, format!("`--cert`: {why}"));
        }
    }
}

/// The host and path, for names: what may be secret in an address is not in them.
fn name_of(address: &str) -> String {
    let bare = address.split(['?', '#']).next().unwrap_or_default();
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    let bare = bare.split_once('/').map_or_else(
        || bare.rsplit_once('@').map_or(bare, |(_, host)| host).to_owned(),
        |(host, path)| format!("{}/{path}", host.rsplit_once('@').map_or(host, |(_, host)| host)),
    );
    bare.trim_end_matches('/').replace(['{', '}', '$'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_expanded_as_curl_expands_it() {
        let check = |written: &str, expected: &[&str]| {
            assert_eq!(globbed(written).unwrap_or_default(), expected, "{written}");
        };
        check("http://a/x", &["http://a/x"]);
        check("http://a/{x,y}/[1-2]", &["http://a/x/1", "http://a/x/2", "http://a/y/1", "http://a/y/2"]);
        check("http://a/[08-10]", &["http://a/08", "http://a/09", "http://a/10"]);
        check("http://a/[a-e:2]", &["http://a/a", "http://a/c", "http://a/e"]);
        check("http://[::1]:8080/[1-2]", &["http://[::1]:8080/1", "http://[::1]:8080/2"]);
        check("https://${HOST}/{x,y}", &["https://${HOST}/x", "https://${HOST}/y"]);
        check("http://a/\\{x\\}", &["http://a/{x}"]);
        for too_much_or_nothing in
            ["http://a/[1-100]", "http://a/[1-9][1-9]", "http://a/[9-1]", "http://a/{x", "http://a/[x]"]
        {
            assert_eq!(globbed(too_much_or_nothing), None, "{too_much_or_nothing}");
        }
    }

    #[test]
    fn grep_is_an_expectation_where_it_looks_for_a_text() {
        let check = |command: &str, expected: Option<&str>| {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(grep(&words).as_deref(), expected, "{command}");
        };
        check("grep -q ok", Some("ok"));
        check("grep -qsF a.b", Some("a.b"));
        check("fgrep --quiet (ok)", Some("(ok)"));
        for other in
            ["grep -q a.b", "grep -qv ok", "grep -qi ok", "grep -c ok", "jq .", "grep -q $X", "grep", "awk -q ok"]
        {
            check(other, None);
        }
    }

    #[test]
    fn what_is_sent_twice_stands_in_one_line() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [header("Accept", "a"), header("cookie", "x=1"), header("accept", "b"), header("Cookie", "y=2")];
        assert_eq!(joined(&all), [header("Accept", "a, b"), header("cookie", "x=1; y=2")]);
    }
}

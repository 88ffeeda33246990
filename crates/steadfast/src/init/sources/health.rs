//! What a container's own health check asks for: most of them are one line of curl or wget.

use serde_json::json;
use url::Url;

use crate::init::site::looks_secret;

/// A page of the container, by its port within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthPage {
    /// The port in the container.
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

/// The page that a command asks itself for over HTTP, if it does. What stands in the command besides may be a secret,
/// so nothing else of it goes anywhere.
pub(super) fn page_of(command: &str) -> Option<HealthPage> {
    let asks = ["curl", "wget", "http", "fetch", "urlopen", "httpie"];
    if !asks.iter().any(|word| command.contains(word)) {
        return None;
    }
    let words = || command.split(|c: char| c.is_whitespace() || "'\"`|&;()<>,[]".contains(c));
    // A bare `localhost` may be what an option wants, such as --noproxy.
    let is_address = |word: &&str| word.contains([':', '/']);
    let bare = || words().filter(|word| !is_address(word)).find_map(of_word);
    words().filter(is_address).find_map(of_word).or_else(bare)
}

fn of_word(word: &str) -> Option<HealthPage> {
    let own = ["localhost", "127.0.0.1", "0.0.0.0"];
    let written = match word.split_once("://") {
        Some(("http", _)) => word.to_owned(),
        Some(_) => return None,
        None if own.iter().any(|host| word.starts_with(host)) => format!("http://{word}"),
        None => return None,
    };
    let url = Url::parse(&written).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_own = url.host_str().is_some_and(|host| own.contains(&host));
    // A token in the query is nothing to write down.
    let path = url.path().to_owned();
    let tame = url.query().is_none() && path.len() <= 200 && !path.contains(['$', '%']);
    let tame = tame && !path.split('/').any(|part| looks_secret("", &json!(part)));
    (is_plain && is_own && tame).then(|| HealthPage { port: url.port_or_known_default().unwrap_or(80), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, expected: Option<(u16, &str)>) {
        let found = page_of(command).map(|page| (page.port, page.path));
        assert_eq!(found, expected.map(|(port, path)| (port, path.to_owned())), "{command}");
    }

    #[test]
    fn the_page_of_curl_wget_and_friends_is_found_and_nothing_with_a_secret() {
        check("curl -fsS http://localhost:8080/healthz || exit 1", Some((8080, "/healthz")));
        check("wget -q --spider localhost/ping", Some((80, "/ping")));
        check("curl -s --noproxy localhost localhost:3000/health | grep -q OK", Some((3000, "/health")));
        check("curl -f localhost", Some((80, "/")));
        check("wget --no-verbose --tries=1 --spider http://127.0.0.1:3000 || exit 1", Some((3000, "/")));
        check("node -e \"require('http').get('http://localhost:3000/up')\"", Some((3000, "/up")));
        check(
            "python -c \"import urllib.request as u; u.urlopen('http://localhost:8000/health/')\"",
            Some((8000, "/health/")),
        );
        for other in [
            "pg_isready -U shop",
            "nc -z localhost 8080",
            "curl -f https://localhost:8443/",
            "curl -f http://other:80/",
            "curl -f http://me:hunter2@localhost/",
            "curl -f http://localhost/?token=hunter2",
            "curl -f http://localhost/9f86d081884c7d659a2feaa0c55ad015",
            "curl -f http://localhost:${PORT}/",
            "curl http://localhost:99999/",
        ] {
            check(other, None);
        }
    }
}

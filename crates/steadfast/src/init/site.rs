//! A site: the page that its address leads to, the pages that this one links to, its certificate.

use std::path::Path;
use std::sync::Arc;

use scraper::{Html, Selector};
use serde_json::{Value, json};
use steadfast_core::check::Sighting;
use steadfast_core::world::World;
use url::Url;

use super::Stopped;
use super::draft::{Draft, Drafted, SITE};
use super::pages::{self, Home, Page, answer};
use super::sight::{self, Sight, Subject};
use crate::live::Live;
use crate::render::text::counted;
use crate::session::refuse;

/// How many redirects lead from the address to the page.
const MOST_REDIRECTS: usize = 5;
/// Words in a path that do something when they are asked for.
const DOING: [&str; 11] = [
    "logout",
    "log-out",
    "signout",
    "sign-out",
    "delete",
    "remove",
    "unsubscribe",
    "destroy",
    "reset",
    "shutdown",
    "restart",
];
/// Words in a query that a secret stands behind.
const SECRET: [&str; 11] =
    ["token", "key", "secret", "passw", "pwd", "sig", "auth", "session", "jwt", "code", "credential"];
/// Answers that are files, not pages.
const FILES: [&str; 22] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "pdf", "zip", "gz", "tgz", "mp4", "mp3", "webm", "woff",
    "woff2", "css", "js", "exe", "dmg", "iso", "deb",
];

/// Reads an address that a page may be asked for at, with nothing secret in it.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let written = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&written).map_err(|why| format!("`{text}` is no URL: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{text}` is no page's URL: it begins with http:// or https://"));
    }
    // What was written is not repeated: it is the secret.
    let advice = "secrets never go into the file; write this check by hand, with { env = \"NAME\" } for the secret";
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the URL has a name or password in it, and {advice}"));
    }
    if has_secret(&url) {
        return Err(format!("the URL's query seems to hold a secret, and {advice}"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// The page, up to `most` pages that it links to, and the redirects on the way, each seen once.
pub(super) async fn pages(
    start: &Url,
    most: usize,
    world: &World,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<Vec<Page>, Stopped> {
    let roots = draft.roots.clone();
    let mut pages = front(start, roots.as_deref(), world, live).await?;
    let Some(front) = pages.last() else { return Ok(pages) };
    let site = front.url.clone();
    let home = Arc::new(Home { target: SITE.to_owned(), url: site.clone() });
    draft.targets.push((SITE.to_owned(), json!(site.origin().ascii_serialization())));
    let (links, further) = links(&front.greens, &site, most);
    pages.iter_mut().for_each(|page| page.home = Arc::clone(&home));
    for (i, link) in links.iter().enumerate() {
        live.show(&format!("looking at {} of {}: {}", i + 1, counted(links.len(), "link"), link.path()));
        match pages::look(&home, link, roots.as_deref(), sight::PATIENCE, world).await?.0 {
            Ok(page) => pages.push(page),
            Err(unfit) => draft.leave_out(home.shown(link), unfit.why),
        }
    }
    if further > 0 {
        let what = if further == 1 { "1 further link".to_owned() } else { format!("{further} further links") };
        draft.leave_out(what, "--links N looks at more");
    }
    Ok(pages)
}

/// Adds a check for the certificate, if the site has one.
pub(super) async fn certificate(site: &Url, world: &World, draft: &mut Draft, live: &mut Live) -> Result<(), Stopped> {
    if site.scheme() != "https" {
        return Ok(());
    }
    let table = json!({ "address": site.origin().ascii_serialization(), "roots": draft.roots });
    let subject = Subject::new("tls", &table)?;
    live.show("looking at the certificate");
    match sight::twice(&subject, world).await {
        Ok(greens) => certified(&subject, &greens, site, draft),
        Err(why) => draft.leave_out("the certificate", why),
    }
    Ok(())
}

/// The page behind the address: redirects on the way are pages, too, and the last one is the page itself.
async fn front(start: &Url, roots: Option<&str>, world: &World, live: &mut Live) -> Result<Vec<Page>, Stopped> {
    let mut pages: Vec<Page> = Vec::new();
    let mut next = start.clone();
    loop {
        live.show(&format!("looking at {next}"));
        let down = |why: String| {
            Stopped::CannotTell(format!(
                "{next} cannot be described: {why}\n       A configuration is drafted from a site that is up. \
                 Nothing was written; try again when it is."
            ))
        };
        let home = Arc::new(Home { target: SITE.to_owned(), url: next.clone() });
        let (seen, leads_to) = pages::look(&home, &next, roots, sight::PATIENCE, world).await?;
        pages.push(seen.map_err(|unfit| down(unfit.why))?);
        let Some(to) = leads_to else { return Ok(pages) };
        if pages.len() > MOST_REDIRECTS || pages.iter().any(|page| page.url == to) {
            return Err(down(format!("it leads on and on: {} redirects", pages.len())));
        }
        next = address(to.as_str()).map_err(|_| down("it redirects to an address with a secret in it".to_owned()))?;
    }
}

/// The links of a page to others of the same site, in their order, and how many further ones there are.
fn links(greens: &[Sight], site: &Url, most: usize) -> (Vec<Url>, usize) {
    let Some(response) = greens.first().and_then(|seen| answer(seen).ok()) else { return (Vec::new(), 0) };
    let is_html = response.media_type().is_some_and(|media| media.contains("html"));
    let mut links = match response.body.text().filter(|_| is_html) {
        Some(text) => links_in(text, site),
        None => Vec::new(),
    };
    let further = links.len().saturating_sub(most);
    links.truncate(most);
    (links, further)
}

fn links_in(html: &str, site: &Url) -> Vec<Url> {
    let Ok(anchors) = Selector::parse("a[href]:not([download]):not([rel~=nofollow])") else { return Vec::new() };
    let mut links: Vec<Url> = Vec::new();
    for anchor in Html::parse_document(html).select(&anchors) {
        let Some(mut link) = anchor.attr("href").and_then(|to| site.join(to.trim()).ok()) else { continue };
        link.set_fragment(None);
        let path = link.path().to_ascii_lowercase();
        let file = path.rsplit_once('.').is_some_and(|(_, ending)| FILES.contains(&ending));
        let same = link.origin() == site.origin() && link.username().is_empty() && link.password().is_none();
        let harmless = !does_something(&path) && !has_secret(&link);
        if same && harmless && !file && link != *site && !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// Whether a path sounds as if asking for it did something.
pub(super) fn does_something(path: &str) -> bool {
    DOING.iter().any(|word| path.contains(word))
}

fn has_secret(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        SECRET.iter().any(|word| name.contains(word))
    })
}

/// Whether a value, or what is below it, looks like something that must not be written down.
pub(crate) fn looks_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| looks_secret(name, value)),
        Value::Array(items) => items.iter().any(|item| looks_secret(name, item)),
        Value::String(text) => {
            let name = name.to_ascii_lowercase();
            let named =
                ["token", "secret", "passw", "apikey", "api_key", "credential"].iter().any(|w| name.contains(w));
            let random = |word: &str| {
                let (digits, capitals) = (
                    word.bytes().filter(u8::is_ascii_digit).count(),
                    word.bytes().filter(u8::is_ascii_uppercase).count(),
                );
                word.len() >= 24
                    && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=.".contains(&b))
                    && digits >= 4
                    && (capitals >= 2 || word.bytes().all(|b| b.is_ascii_hexdigit()))
            };
            named || text.split_whitespace().any(random)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn certified(subject: &Subject, greens: &[Sight], site: &Url, draft: &mut Draft) {
    let looked: Vec<&Sighting> = greens.iter().map(|green| &green.sighting).collect();
    let Some(proposed) = subject.check.propose(&looked, &[]) else {
        draft.leave_out("the certificate", "a client would not trust it, or it ends today: `steadfast look` shows it");
        return;
    };
    let until = greens[0].json().pointer("/certificate/not_after").and_then(Value::as_str).map(str::to_owned);
    let days = proposed.expect.pointer("/days_left/at_least").and_then(Value::as_u64);
    let host = site.host_str().unwrap_or_default();
    draft.checks.push(Drafted {
        id: draft.free_id("certificate"),
        kind: "tls",
        summary: format!("the certificate of {host} is trusted and renewed in time"),
        tags: vec!["web"],
        gates: Vec::new(),
        notes: until
            .map(|until| format!("It ends {until}; a renewal is late a sixth of its life before."))
            .into_iter()
            .collect(),
        look: json!({ "address": { "target": SITE }, "roots": draft.roots }),
        expect: proposed.expect,
        hint: None,
        shown: format!("tls {host}, trusted, at least {} left", counted(days.map_or(1, |days| days as usize), "day")),
    });
}

/// A PEM file as the configuration should name it.
pub(super) fn roots_in(folder: &Path, roots: &Path) -> Result<String, Stopped> {
    let whole = roots.canonicalize().map_err(|why| refuse(format!("{} cannot be read: {why}", roots.display())))?;
    let relative = whole.strip_prefix(folder).unwrap_or(&whole);
    let text = relative.to_str().ok_or_else(|| refuse(format!("{} is no UTF-8", roots.display())))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_on_the_site_and_do_nothing() {
        let site = Url::parse("https://shop.example/a/").unwrap();
        let html = r##"<a href="b">1</a><a href="/c#x">2</a><a href="/c">again</a><a href="https://else.example/">3</a>
            <a href="/logout">4</a><a href="/d?token=x">5</a><a href="/e?page=2">6</a><a href="/f.pdf">7</a>
            <a href="mailto:a@b">8</a><a href="#top">9</a><a href="/g" rel="nofollow">10</a><a href="//[">11</a>
            <a href="https://a:b@shop.example/h">12</a><a href="/i" download>13</a>"##;
        let home = Home { target: SITE.to_owned(), url: site.clone() };
        let found: Vec<String> = links_in(html, &site).iter().map(|link| home.shown(link)).collect();
        assert_eq!(found, ["/a/b", "/c", "/e?page=2"]);
    }

    #[test]
    fn an_address_with_a_secret_is_refused_and_not_repeated() {
        for written in ["https://me:hunter2@shop.example/", "https://shop.example/?api_key=hunter2"] {
            let refused = address(written).unwrap_err();
            assert!(!refused.contains("hunter2") && refused.contains("env"), "{refused}");
        }
        assert!(address("ftp://shop.example/").is_err());
        assert_eq!(address("shop.example/a#b").unwrap().as_str(), "https://shop.example/a");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_written() {
        for secret in [
            json!({ "json": { "$.access_token": "abc" } }),
            json!({ "body_contains": ["key 9f86d081884c7d659a2feaa0c55ad015"] }),
            json!({ "json": { "$.a": { "equals": "AKIA5XQ2WZ7TLEMN4DVB9KQPRS1" } } }),
        ] {
            assert!(looks_secret("", &secret), "{secret}");
        }
        let fine =
            json!({ "body_contains": ["The Rindfleischetikettierungsgesetz of 1999", "https://shop.example/a/b"] });
        assert!(!looks_secret("", &fine));
    }
}

//! Pages, each seen twice, and for each the fewest expectations that no impostor meets, the other pages among them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use steadfast_core::check::{Neighbour, Sighting};
use steadfast_core::observation::Outcome;
use steadfast_core::world::World;
use steadfast_engine::prove::APART;
use steadfast_probe::exchange::{Exchange, Response};
use url::Url;

use super::Stopped;
use super::draft::{Draft, Drafted, SITE, slug};
use super::sight::{self, Sight, Subject};
use super::site::looks_secret;
use crate::live::Live;
use crate::render::text::{counted, cut};

/// What pages are on.
#[derive(Debug)]
pub(super) struct Home {
    /// The name of its target.
    pub(super) target: String,
    /// An address of it.
    pub(super) url: Url,
}

impl Home {
    /// The path of a page of it, or the whole address of one elsewhere.
    pub(super) fn shown(&self, url: &Url) -> String {
        if url.origin() != self.url.origin() {
            return url.to_string();
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", url.path())
    }

    /// The part of a look that says where a path belongs; the site is where everything without it belongs.
    pub(super) fn base(&self) -> Value {
        if self.target == SITE { json!({}) } else { json!({ "base_url": { "target": self.target } }) }
    }
}

/// A page that was seen.
pub(super) struct Page {
    /// What it is on.
    pub(super) home: Arc<Home>,
    /// Its address.
    pub(super) url: Url,
    /// The look.
    pub(super) subject: Subject,
    /// What was seen.
    pub(super) greens: Vec<Sight>,
}

/// Why a page is not described.
pub(super) struct Unfit {
    /// What it answered, if it did.
    pub(super) status: Option<u16>,
    /// As a sentence.
    pub(super) why: String,
}

/// Looks at a page, and says where it leads to.
pub(super) async fn look(
    home: &Arc<Home>,
    url: &Url,
    roots: Option<&str>,
    patience: Duration,
    world: &World,
) -> Result<(Result<Page, Unfit>, Option<Url>), Stopped> {
    let subject = Subject::new("http", &json!({ "get": url.as_str(), "roots": roots }))?;
    let seen = match sight::once(&subject, world, patience).await {
        Ok(seen) => seen,
        Err(why) => return Ok((Err(Unfit { status: None, why }), None)),
    };
    let to = match answer(&seen) {
        Ok(response) => response.header("location").and_then(|to| url.join(&to).ok()),
        Err(unfit) => return Ok((Err(unfit), None)),
    };
    Ok((Ok(Page { home: Arc::clone(home), url: url.clone(), subject, greens: vec![seen] }), to))
}

/// The answer, if it is one to describe.
pub(super) fn answer(seen: &Sight) -> Result<Response, Unfit> {
    let silent = |why: String| Unfit { status: None, why };
    let exchanges: Vec<Exchange> = serde_json::from_value(seen.json()).map_err(|why| silent(why.to_string()))?;
    match exchanges.into_iter().next().map(|exchange| exchange.answer) {
        Some(Outcome::Seen(response)) => {
            let why = match response.status {
                401 => Some("it answers 401: it wants credentials, which init does not have".to_owned()),
                403 => {
                    Some("it answers 403: it refuses this page, or wants credentials, which init does not have".into())
                }
                400.. => Some(format!("it answers {}", response.status)),
                _ if response.cut => Some("its answer is longer than what is read of it, 1 MiB".to_owned()),
                _ => None,
            };
            match why {
                Some(why) => Err(Unfit { status: Some(response.status), why }),
                None => Ok(response),
            }
        }
        Some(Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble)) => Err(silent(sight::said(&trouble))),
        None => Err(silent("there was no answer".to_owned())),
    }
}

/// Why nothing at all came back from any address of a sweep.
pub(super) fn nobody_answered(seen: &Sight) -> Option<String> {
    let exchanges: Vec<Exchange> = serde_json::from_value(seen.json()).unwrap_or_default();
    let mut first = None;
    for exchange in exchanges {
        match exchange.answer {
            Outcome::Seen(_) => return None,
            Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => {
                first = first.or_else(|| Some(sight::said(&trouble)));
            }
        }
    }
    first.or_else(|| Some("there was no answer".to_owned()))
}

/// Looks a second time at all of them; one that does not answer again is left out.
pub(super) async fn again(pages: &mut Vec<Page>, world: &World, draft: &mut Draft, live: &mut Live) {
    if pages.is_empty() {
        return;
    }
    live.show("waiting a moment, to look again");
    world.clock().sleep(APART).await;
    for page in pages.iter_mut() {
        live.show(&format!("looking again at {}", page.url.path()));
        let seen = sight::now(&page.subject, world).await;
        page.greens.extend(seen.ok().filter(|seen| answer(seen).is_ok()));
    }
    pages.retain(|page| {
        let twice = page.greens.len() == 2;
        if !twice {
            draft.leave_out(page.named(), "the second look failed, a second after the first");
        }
        twice
    });
}

/// Adds a check for each.
pub(super) fn draft(pages: Vec<Page>, draft: &mut Draft, live: &mut Live) {
    for (page, expect, catches) in proposed(pages, draft, live) {
        let check = checked(&page, expect, catches, draft);
        draft.checks.push(check);
    }
}

/// Others for a proof to take for this one.
pub(super) fn neighbours<'a>(pages: &'a [Page], but: Option<&Url>) -> Vec<Neighbour<'a>> {
    let others = pages.iter().filter(|other| Some(&other.url) != but);
    let one = |other: &'a Page| Neighbour {
        id: other.url.path(),
        check: &*other.subject.check,
        green: &other.greens[0].sighting,
    };
    others.map(one).collect()
}

/// For each page the fewest expectations that tell it from all impostors, the other pages among them. A page for
/// which there is none is left out, and the others are asked again without it: the last first, as the address that
/// was given matters most.
fn proposed(mut pages: Vec<Page>, draft: &mut Draft, live: &mut Live) -> Vec<(Page, Value, usize)> {
    loop {
        live.show("choosing what to expect");
        let mut found: Vec<Option<(Value, usize)>> = Vec::new();
        for page in &pages {
            let neighbours = neighbours(&pages, Some(&page.url));
            let greens: Vec<&Sighting> = page.greens.iter().map(|green| &green.sighting).collect();
            let suggestion = page.subject.check.propose(&greens, &neighbours);
            found.push(
                suggestion
                    .filter(|suggestion| suggestion.expect.as_object().is_some_and(|expect| !expect.is_empty()))
                    .map(|suggestion| (suggestion.expect, suggestion.catches.len())),
            );
        }
        let Some(worst) = found.iter().rposition(Option::is_none) else {
            let found = found.into_iter().flatten();
            return pages
                .into_iter()
                .zip(found)
                .map(|(page, (expect, catches))| (page, expect, catches))
                .filter(|(page, expect, _)| {
                    let secret = looks_secret("", expect);
                    if secret {
                        draft.leave_out(page.named(), "what is stable in it looks like a secret");
                    }
                    !secret
                })
                .collect();
        };
        let page = pages.remove(worst);
        let why =
            "nothing in it is the same in two looks and in no impostor: not in the other pages, nor in an error page";
        draft.leave_out(page.named(), why);
    }
}

fn checked(page: &Page, expect: Value, catches: usize, draft: &Draft) -> Drafted {
    let shown = page.home.shown(&page.url);
    let path = page.url.path();
    let is_site = page.home.target == SITE;
    let is_front = path == "/" && page.url.query().is_none();
    let wanted = match (is_site, is_front) {
        (true, true) => "front-page".to_owned(),
        (true, false) => slug(shown.trim_end_matches(".html")),
        (false, true) => page.home.target.clone(),
        (false, false) => format!("{}-{}", page.home.target, slug(path.trim_end_matches(".html"))),
    };
    let of = if is_site { String::new() } else { format!(" of {}", page.home.target) };
    let slowest = page.greens.iter().map(|green| green.sighting.took.micros()).max().unwrap_or_default();
    let mut words = vec![format!("GET {}", if is_site { shown.clone() } else { page.url.to_string() })];
    let first = |key: &str| expect.pointer(key).and_then(Value::as_str).map(str::to_owned);
    words.extend(expect["status"].as_u64().map(|status| status.to_string()));
    words.extend(first("/location").map(|to| format!("to {to}")));
    words.extend(first("/body_contains/0").map(|text| format!("with \"{}\"", cut(&text, 40))));
    let mut look = page.home.base();
    look["get"] = json!(shown);
    Drafted {
        id: draft.free_check(&wanted),
        kind: "http",
        summary: match &expect["location"] {
            Value::Null => format!("{shown}{of} answers with its own content"),
            _ => format!("{shown}{of} leads where it should"),
        },
        tags: vec!["web"],
        gates: Vec::new(),
        notes: vec![format!("Tells the real answer from {}.", counted(catches, "impostor"))],
        look,
        expect,
        hint: Some(format!("within = \"2s\"   # it took {} ms", slowest.div_ceil(1000))),
        shown: words.join(", "),
    }
}

impl Page {
    /// What it is called where it is left out.
    fn named(&self) -> String {
        if self.home.target == SITE { self.home.shown(&self.url) } else { self.url.to_string() }
    }
}

//! What the files of a project speak of, looked at where it is up. What is seen twice and can be told from impostors
//! becomes a check; what is not up becomes one that waits. Nothing is dialled but this machine and what `--url` names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use steadfast_core::check::Sighting;
use steadfast_core::finding::codes;
use steadfast_core::world::World;
use url::Url;

use super::Stopped;
use super::clue::{Ask, Base, Clues, Later, Lead, NOT_DIALLED, Published};
use super::databases;
use super::draft::{Draft, Drafted, SITE, Waiting, slug};
use super::pages::{self, Home, Page};
use super::sight::{self, Subject};
use super::site::does_something;
use crate::live::Live;
use crate::render::text::{counted, cut};

/// So many leads are looked at.
const MOST_LOOKS: usize = 40;
/// So many wait besides.
const MOST_WAITING: usize = 60;
/// A port of this machine takes a connection at once and shows a certificate as soon, or there is nobody.
const CONNECTING: Duration = Duration::from_secs(3);
/// Who greets does it soon.
const GREETING: Duration = Duration::from_secs(2);
/// So many operations of an API are asked one by one if they have nothing in common.
const MOST_OPERATIONS: usize = 4;
/// So many operations of an API are asked in one sweep.
const MOST_SWEPT: usize = 50;
/// Stands where only somebody who knows the service can say what is right. Nothing answers with it by chance.
const DOTS: &str = "...";

/// Where things are, as far as it is known.
struct Ground<'a> {
    site: Option<&'a Url>,
    published: &'a [Published],
    world: &'a World,
}

/// Looks at all leads. Pages that answer are added to `pages`, seen once.
pub(super) async fn look(
    clues: Clues,
    site: Option<&Url>,
    world: &World,
    pages: &mut Vec<Page>,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<(), Stopped> {
    let Clues { read, leads, unseen, published, addresses, secrets } = clues;
    draft.read = read;
    draft.unseen = unseen;
    draft.addresses = addresses;
    draft.secrets = secrets;
    let ground = Ground { site, published: &published, world };
    let mut tried: BTreeSet<String> = pages.iter().map(|page| page.url.to_string()).collect();
    let mut looked = 0;
    for lead in leads {
        let dials = !matches!(lead.ask, Ask::Later(_));
        looked += usize::from(dials);
        if dials && looked > MOST_LOOKS {
            draft.leave_out(lead.from, format!("{}; {MOST_LOOKS} others were looked at already", lead.says));
            continue;
        }
        if dials {
            live.show(&format!("looking: {}", lead.says));
        }
        one(&lead, &ground, &mut tried, pages, draft, live).await?;
    }
    Ok(())
}

async fn one(
    lead: &Lead,
    ground: &Ground<'_>,
    tried: &mut BTreeSet<String>,
    pages: &mut Vec<Page>,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<(), Stopped> {
    match &lead.ask {
        Ask::Port(port) => {
            if !tried.insert(here(*port)) {
                return Ok(());
            }
            match connects(*port, ground.world).await? {
                Ok(()) => speaks(lead, *port, ground, pages, draft).await,
                Err(why) => {
                    let url = here(*port);
                    wait_for_page(lead, &url, "/", why, started(), draft);
                    Ok(())
                }
            }
        }
        Ask::Page { base, path } => page(lead, base, path, ground, tried, pages, draft).await,
        Ask::Postgres { port, user, database } => postgres(lead, *port, user, database, ground, draft, live).await,
        Ask::Line { port, send, begins } => line(lead, *port, *send, begins, ground, draft).await,
        Ask::OpenApi { file, base, paths } => api(lead, file, base, paths, ground, tried, pages, draft).await,
        Ask::Later(later) => {
            wait(lead, later.clone(), draft);
            Ok(())
        }
    }
}

/// A port that takes connections: does it speak HTTP, with TLS or without, or greet?
async fn speaks(
    lead: &Lead,
    port: u16,
    ground: &Ground<'_>,
    pages: &mut Vec<Page>,
    draft: &mut Draft,
) -> Result<(), Stopped> {
    let plain = here(port);
    let unfit = match try_page(lead, &plain, "/", sight::PATIENCE, ground, draft).await? {
        Ok(page) => {
            pages.push(page);
            return Ok(());
        }
        Err(unfit) => unfit,
    };
    // A server that wants TLS answers 400, hangs up, or says something that is no HTTP.
    if matches!(unfit.status, None | Some(400)) {
        let tls = format!("https://localhost:{port}/");
        match try_page(lead, &tls, "/", CONNECTING, ground, draft).await? {
            Ok(page) => {
                pages.push(page);
                return Ok(());
            }
            Err(secure) if secure.status.is_some() || secure.why.contains("certificate") => {
                let then = "give the root that signed its certificate: `--roots` here, or `roots` in the check";
                wait_for_page(lead, &tls, "/", secure.why, then.to_owned(), draft);
                return Ok(());
            }
            Err(_) => {}
        }
    }
    if unfit.status.is_some() {
        let then = format!(
            "name a path that answers without credentials: `steadfast look {plain}...` proposes what to expect"
        );
        wait_for_page(lead, &plain, "/", unfit.why, then, draft);
        return Ok(());
    }
    let look = json!({ "address": format!("127.0.0.1:{port}"), "read": "line" });
    let subject = Subject::new("tcp", &look)?;
    let greets = sight::once(&subject, ground.world, GREETING).await.is_ok_and(|seen| !banner(&seen.json()).is_empty());
    let proposed = if greets { stable(&subject, ground.world).await } else { None };
    match proposed {
        Some((expect, _)) => {
            let says = expect.pointer("/banner_contains/0").and_then(Value::as_str).unwrap_or_default();
            let shown = format!("tcp 127.0.0.1:{port}, says \"{}\"", cut(says, 40));
            tcp(lead, port, json!({ "read": "line" }), expect, shown, draft);
        }
        None => {
            let what = format!("{} ({})", lead.says, lead.from);
            draft
                .leave_out(what, "it takes connections, speaks no HTTP and greets nobody: a port alone proves nothing");
        }
    }
    Ok(())
}

async fn page(
    lead: &Lead,
    base: &Base,
    path: &str,
    ground: &Ground<'_>,
    tried: &mut BTreeSet<String>,
    pages: &mut Vec<Page>,
    draft: &mut Draft,
) -> Result<(), Stopped> {
    let (origin, reachable) = ground.place(base);
    let Some(origin) = origin else {
        let (why, then) = reachable.err().unwrap_or_default();
        let site = json!({ "env": "SITE_URL" });
        wait(lead, unseen_page(site, path, why, then), draft);
        return Ok(());
    };
    let address = format!("{}{}", origin.trim_end_matches('/'), path);
    if !tried.insert(address) {
        return Ok(());
    }
    if let Err((why, then)) = reachable {
        wait_for_page(lead, &origin, path, why, then, draft);
        return Ok(());
    }
    match try_page(lead, &origin, path, sight::PATIENCE, ground, draft).await? {
        Ok(page) => pages.push(page),
        Err(unfit) => {
            let then = match unfit.status {
                Some(_) => format!("look at it: `steadfast look {}{path}`", origin.trim_end_matches('/')),
                None => started(),
            };
            wait_for_page(lead, &origin, path, nobody(unfit.why), then, draft);
        }
    }
    Ok(())
}

async fn try_page(
    lead: &Lead,
    origin: &str,
    path: &str,
    patience: Duration,
    ground: &Ground<'_>,
    draft: &mut Draft,
) -> Result<Result<Page, pages::Unfit>, Stopped> {
    let unfit = |why: String| pages::Unfit { status: None, why };
    let Some(url) = Url::parse(origin).ok().and_then(|origin| origin.join(path).ok()) else {
        return Ok(Err(unfit(format!("`{path}` is no path"))));
    };
    if does_something(&url.path().to_ascii_lowercase()) {
        return Ok(Err(unfit("by its name, asking for it does something".to_owned())));
    }
    let is_site = ground.site.is_some_and(|site| site.origin() == url.origin());
    let roots = draft.roots.clone();
    let target = if is_site { SITE.to_owned() } else { draft.target(&lead.name, &json!(bare(origin))) };
    let home = Arc::new(Home { target, url: url.clone() });
    Ok(pages::look(&home, &url, roots.as_deref(), patience, ground.world).await?.0)
}

async fn postgres(
    lead: &Lead,
    port: u16,
    user: &str,
    database: &str,
    ground: &Ground<'_>,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<(), Stopped> {
    let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
    let target = draft.free_target(&lead.name);
    let why = match connects(port, ground.world).await? {
        Ok(()) => {
            let of = databases::Of { address: &url, shown: &format!("{database} of {}", lead.name), target: &target };
            match databases::describe(&of, ground.world, draft, live).await? {
                Ok(()) => {
                    draft.targets.push((target, json!(url)));
                    return Ok(());
                }
                Err(why) => why,
            }
        }
        Err(why) => why,
    };
    wait(lead, unseen_postgres(why), draft);
    Ok(())
}

/// A service that says a line, unasked or asked.
async fn line(
    lead: &Lead,
    port: u16,
    send: Option<&str>,
    begins: &str,
    ground: &Ground<'_>,
    draft: &mut Draft,
) -> Result<(), Stopped> {
    let mut look = spoken(send);
    look["address"] = json!(format!("127.0.0.1:{port}"));
    let subject = Subject::new("tcp", &look)?;
    let (why, then) = match sight::once(&subject, ground.world, CONNECTING).await {
        Ok(seen) => {
            let said = banner(&seen.json());
            if said.starts_with(begins) {
                let shown = format!("tcp 127.0.0.1:{port}, says \"{}\"", begins.trim());
                tcp(lead, port, spoken(send), begun(begins), shown, draft);
                return Ok(());
            }
            let first: String = said.chars().take_while(|c| !c.is_control()).collect();
            let then =
                "with a password: `send = [\"AUTH \", { env = \"NAME\" }, \"\\r\\nPING\\r\\n\"]`, `read = \"end\"`";
            (format!("it says \"{}\" in the place of \"{}\"", cut(&first, 60), begins.trim()), then.to_owned())
        }
        Err(why) => (nobody(why), started()),
    };
    wait(lead, unseen_line(port, send, begins, why, then), draft);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one caller, which matches on the lead and has all of them at hand")]
async fn api(
    lead: &Lead,
    file: &str,
    base: &Base,
    paths: &[String],
    ground: &Ground<'_>,
    tried: &mut BTreeSet<String>,
    pages: &mut Vec<Page>,
    draft: &mut Draft,
) -> Result<(), Stopped> {
    let (origin, reachable) = ground.place(base);
    let address = origin.as_ref().map_or(json!({ "env": "SITE_URL" }), |origin| json!(bare(origin)));
    let later = |why: String, then: String| unseen_api(file, paths, address.clone(), why, then);
    if let Some(path) = paths.iter().find(|path| does_something(&path.to_ascii_lowercase())) {
        let then = "if a GET does nothing there, take the check in";
        wait(lead, later(format!("by its name, asking for {path} does something"), then.to_owned()), draft);
        return Ok(());
    }
    let (Some(origin), Ok(())) = (origin, &reachable) else {
        let (why, then) = reachable.err().unwrap_or_default();
        wait(lead, later(why, then), draft);
        return Ok(());
    };
    let mut look = swept(file, paths);
    look["base_url"] = json!(bare(&origin));
    look["roots"] = json!(draft.roots);
    let subject = Subject::new("http", &look)?;
    let common = match sight::twice(&subject, ground.world).await {
        Ok(greens) => {
            if let Some(why) = pages::nobody_answered(&greens[0]) {
                wait(lead, later(nobody(why), started()), draft);
                return Ok(());
            }
            let seen: Vec<&Sighting> = greens.iter().map(|green| &green.sighting).collect();
            let proposed = subject.check.propose(&seen, &pages::neighbours(pages, None));
            proposed.filter(|proposed| proposed.expect.as_object().is_some_and(|expect| !expect.is_empty()))
        }
        Err(why) => {
            wait(lead, later(nobody(why), started()), draft);
            return Ok(());
        }
    };
    let Some(proposed) = common else {
        // What they do not have in common, each may have for itself.
        for path in paths.iter().take(MOST_OPERATIONS) {
            let address = format!("{}{path}", bare(&origin));
            if !tried.insert(address.clone()) {
                continue;
            }
            match try_page(lead, &origin, path, sight::PATIENCE, ground, draft).await? {
                Ok(page) => pages.push(page),
                Err(unfit) => draft.leave_out(address, unfit.why),
            }
        }
        let what = format!("one sweep over the {} of {file}", counted(paths.len(), "GET"));
        let first = MOST_OPERATIONS.min(paths.len());
        draft.leave_out(what, format!("their answers have nothing in common; {} looked at by itself", of_first(first)));
        return Ok(());
    };
    let mut look = swept(file, paths);
    if ground.site.is_none_or(|site| bare(site.as_str()) != bare(&origin)) {
        look["base_url"] = json!({ "target": draft.target(&lead.name, &json!(bare(&origin))) });
    }
    draft.checks.push(Drafted {
        id: draft.free_check(&lead.name),
        kind: "http",
        summary: format!("every GET of {file} that needs no parameter answers"),
        tags: vec!["web"],
        gates: Vec::new(),
        notes: vec![format!("{} ({}).", lead.says, counted(paths.len(), "operation"))],
        look,
        expect: proposed.expect,
        hint: None,
        shown: format!("GET {} of {file}", counted(paths.len().min(MOST_SWEPT), "operation")),
    });
    Ok(())
}

fn of_first(count: usize) -> String {
    if count == 1 { "the first is".to_owned() } else { format!("each of the first {count} is") }
}

impl Ground<'_> {
    /// The origin of pages, if it is known, and whether it may be asked; if not, why, and what to do.
    fn place(&self, base: &Base) -> (Option<String>, Result<(), (String, String)>) {
        let site = self.site.map(|url| url.origin().ascii_serialization());
        match base {
            Base::Here(port) => (Some(here(*port)), Ok(())),
            Base::Public(address) if site.as_deref() == Some(address) => (Some(address.clone()), Ok(())),
            Base::Public(address) => {
                let why = NOT_DIALLED.to_owned();
                (Some(address.clone()), Err((why, format!("`steadfast init --url {address}` looks at it"))))
            }
            Base::Inside { folder, port } => {
                let same = |known: &&Published| known.inside == *port && known.folder.as_deref() == Some(folder);
                match (self.published.iter().find(same), site) {
                    (Some(known), _) => (Some(here(known.outside)), Ok(())),
                    (None, Some(site)) => (Some(site), Ok(())),
                    (None, None) => {
                        let why = "an image publishes nothing by itself".to_owned();
                        let url = format!("http://127.0.0.1:{port}");
                        let then = format!("`docker run -p {port}:{port}`, then `steadfast init --url {url}`");
                        (Some(here(*port)), Err((why, then)))
                    }
                }
            }
            Base::Site => match site {
                Some(site) => (Some(site), Ok(())),
                None => {
                    let why = "nobody says where it is served".to_owned();
                    (None, Err((why, "`steadfast init --url` with its address looks at it".to_owned())))
                }
            },
        }
    }
}

/// That nobody listens is said without the kernel's words for it.
fn nobody(why: String) -> String {
    if why.starts_with(codes::REFUSED.word) { "nothing listens there now".to_owned() } else { why }
}

async fn connects(port: u16, world: &World) -> Result<Result<(), String>, Stopped> {
    let subject = Subject::new("tcp", &json!({ "address": format!("127.0.0.1:{port}") }))?;
    Ok(sight::once(&subject, world, CONNECTING).await.map(drop).map_err(nobody))
}

/// What is the same in two looks and in no impostor.
async fn stable(subject: &Subject, world: &World) -> Option<(Value, usize)> {
    let greens = sight::twice(subject, world).await.ok()?;
    let seen: Vec<&Sighting> = greens.iter().map(|green| &green.sighting).collect();
    let proposed = subject.check.propose(&seen, &[])?;
    let some = proposed.expect.as_object().is_some_and(|expect| !expect.is_empty());
    some.then_some((proposed.expect, proposed.catches.len()))
}

fn tcp(lead: &Lead, port: u16, mut look: Value, expect: Value, shown: String, draft: &mut Draft) {
    let target = draft.target(&lead.name, &json!(format!("127.0.0.1:{port}")));
    look["address"] = json!({ "target": target });
    draft.checks.push(Drafted {
        id: draft.free_check(&lead.name),
        kind: "tcp",
        summary: format!("{} answers as itself", lead.name),
        tags: vec!["service"],
        gates: Vec::new(),
        notes: vec![format!("{} ({}).", lead.says, lead.from)],
        look,
        expect,
        hint: None,
        shown,
    });
}

fn banner(seen: &Value) -> String {
    seen.pointer("/banner/text").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A page that is to be looked at by somebody else, or later.
fn wait_for_page(lead: &Lead, origin: &str, path: &str, why: String, then: String, draft: &mut Draft) {
    wait(lead, unseen_page(json!(bare(origin)), path, why, then), draft);
}

/// The status alone would be met by every page of an error that answers 200: the dots keep such a check from passing.
fn unseen_page(base: Value, path: &str, why: String, then: String) -> Later {
    Later {
        kind: "http",
        address: Some(("base_url", base)),
        look: json!({ "get": path }),
        expect: json!({ "status": 200, "body_contains": [DOTS] }),
        why,
        then,
    }
}

/// Adds a check that waits, once.
fn wait(lead: &Lead, later: Later, draft: &mut Draft) {
    let Later { kind, address, mut look, expect, why, then } = later;
    let mut at = lead.name.clone();
    if let Some((key, address)) = address {
        let wanted = address.get("env").and_then(Value::as_str).unwrap_or(&lead.name);
        at = draft.target(wanted, &address);
        look[key] = json!({ "target": at });
    }
    let known = draft.waiting.iter().any(|waiting| waiting.check.kind == kind && waiting.check.look == look);
    if known {
        return;
    }
    if draft.waiting.len() >= MOST_WAITING {
        return draft.leave_out(lead.from.clone(), format!("{}; {MOST_WAITING} checks wait already", lead.says));
    }
    let path = look.get("get").and_then(Value::as_str).filter(|path| *path != "/");
    let name = path.map_or_else(|| lead.name.clone(), |path| format!("{}-{}", lead.name, slug(path)));
    let check = Drafted {
        id: draft.free_check(&name),
        kind,
        summary: claim(kind, &look, &at),
        tags: vec!["proposed"],
        gates: Vec::new(),
        notes: Vec::new(),
        look,
        expect,
        hint: None,
        shown: String::new(),
    };
    draft.waiting.push(Waiting { check, says: format!("{} ({})", lead.says, lead.from), why, then });
}

/// What a check would claim.
fn claim(kind: &str, look: &Value, at: &str) -> String {
    let text = |key: &str| look.get(key).and_then(Value::as_str);
    match kind {
        "sql" => format!("the database at {at} has what it should"),
        "tcp" => format!("{at} answers as itself"),
        "tls" => format!("the certificate of {at} is trusted and renewed in time"),
        "files" => format!("{} holds what it should, with room left", text("folder").unwrap_or("the volume")),
        "command" => format!("{at} knows itself to be well"),
        _ => match text("get") {
            Some(path) => format!("{path} of {at} answers with its own content"),
            None => format!("every operation of {at} that can be asked for answers"),
        },
    }
}

/// Puts a lead off without looking: what it comes to where nothing is up.
#[cfg(test)]
pub(super) fn put_off(lead: &Lead, draft: &mut Draft) {
    let why = || "nothing is up".to_owned();
    match &lead.ask {
        Ask::Port(port) => wait_for_page(lead, &here(*port), "/", why(), started(), draft),
        Ask::Page { base, path } => {
            let origin = match base {
                Base::Here(port) | Base::Inside { port, .. } => json!(bare(&here(*port))),
                Base::Public(origin) => json!(origin),
                Base::Site => json!({ "env": "SITE_URL" }),
            };
            wait(lead, unseen_page(origin, path, why(), started()), draft);
        }
        Ask::Postgres { .. } => wait(lead, unseen_postgres(why()), draft),
        Ask::Line { port, send, begins } => wait(lead, unseen_line(*port, *send, begins, why(), started()), draft),
        Ask::OpenApi { file, paths, .. } => {
            wait(lead, unseen_api(file, paths, json!({ "env": "SITE_URL" }), why(), started()), draft);
        }
        Ask::Later(later) => wait(lead, later.clone(), draft),
    }
}

/// Where the tables stand only their owner can say.
fn unseen_postgres(why: String) -> Later {
    let then = "set DATABASE_URL to an address with a role that may only read, and name the tables that must be there";
    Later {
        kind: "sql",
        address: Some(("database", json!({ "env": "DATABASE_URL" }))),
        look: json!({}),
        expect: json!({ "tables": [DOTS] }),
        why,
        then: then.to_owned(),
    }
}

fn unseen_line(port: u16, send: Option<&str>, begins: &str, why: String, then: String) -> Later {
    Later {
        kind: "tcp",
        address: Some(("address", json!(format!("127.0.0.1:{port}")))),
        look: spoken(send),
        expect: begun(begins),
        why,
        then,
    }
}

fn spoken(send: Option<&str>) -> Value {
    json!({ "send": send, "read": "line" })
}

fn begun(begins: &str) -> Value {
    json!({ "banner_matches": format!("^{}", regex::escape(begins)) })
}

fn unseen_api(file: &str, paths: &[String], base: Value, why: String, then: String) -> Later {
    Later {
        kind: "http",
        address: Some(("base_url", base)),
        look: swept(file, paths),
        expect: json!({ "status": 200, "body_contains": [DOTS] }),
        why,
        then,
    }
}

fn swept(file: &str, paths: &[String]) -> Value {
    let take = (paths.len() > MOST_SWEPT).then_some(MOST_SWEPT);
    json!({ "sweep_from": { "openapi": { "file": file }, "take": take } })
}

fn started() -> String {
    "start it, remove this file, and run `steadfast init` again".to_owned()
}

fn here(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

/// An origin without its last slash.
fn bare(origin: &str) -> String {
    Url::parse(origin)
        .map_or_else(|_| origin.trim_end_matches('/').to_owned(), |url| url.origin().ascii_serialization())
}

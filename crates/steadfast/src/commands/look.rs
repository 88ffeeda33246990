//! `steadfast look`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};
use steadfast_core::check::{Check, Sighting};
use steadfast_core::exit::Exit;
use steadfast_core::observation::Outcome;
use steadfast_core::project::{LedgerSettings, Project};
use steadfast_core::setting::{Node, Problems, Span, did_you_mean};
use steadfast_core::world::{Patience, World};
use steadfast_engine::look::{look, numbers};
use steadfast_engine::prove::APART;
use steadfast_postgres::address::Address;

use crate::completion;
use crate::live::Live;
use crate::project_file::ProjectFile;
use crate::registry;
use crate::render::text::Layout;
use crate::render::{Document, Page, observation, say};
use crate::session::{Refused, WorldFlags, block_on, lapse, refuse};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of a check, a URL (http, https, tls, dns, icmp, postgres, sqlite) or a file
    #[arg(value_name = "ID|URL|FILE", add = ArgValueCandidates::new(completion::ids))]
    what: String,
    /// The bound of one look; without it the check's own, or 10s
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    timeout: Option<Duration>,
    /// For people, or the observation as it would be stored
    #[arg(long, value_enum, default_value_t = Document::Human)]
    format: Document,
    #[command(flatten)]
    config: ProjectFile,
    #[command(flatten)]
    world: WorldFlags,
}

/// What is looked at.
struct Subject {
    id: String,
    check: Arc<dyn Check>,
    timeout: Duration,
    project: Project,
}

/// Looks once, prints what was seen, and a check on it as TOML.
pub(crate) fn run(args: Args) -> Exit {
    show(&args).unwrap_or_else(|refused| refused)
}

fn show(args: &Args) -> Result<Exit, Refused> {
    let subject = subject(args)?;
    let world = args.world.world(&subject.project)?;
    let sightings = block_on(async |stop| {
        let mut live = Live::new();
        live.show(&subject.check.describe());
        tokio::select! {
            biased;
            () = stop.stopped() => None,
            sightings = look_twice(&subject, &world, args.format) => Some(sightings),
        }
    })?;
    let Some(sightings) = sightings else { return Ok(Exit::Interrupted) };
    let Some(first) = sightings.first() else { return Ok(Exit::CannotTell) };
    let check = &*subject.check;
    let text = match args.format {
        Document::Json => crate::render::json::of(&first.stored()),
        Document::Human => {
            let page = Page::of_stdout();
            let mut text = observation::of(&check.describe(), check.kind(), first, &numbers(check, first), &page);
            text.push_str(&proposal(&subject, &sightings, &page));
            text
        }
    };
    say(&text);
    Ok(match &first.outcome {
        Outcome::Seen(_) => Exit::Proceed,
        Outcome::TargetFailed(_) => Exit::Hold,
        Outcome::CouldNotLook(_) => Exit::CannotTell,
    })
}

/// Twice, if that does no harm: only what is the same in both is worth expecting.
async fn look_twice(subject: &Subject, world: &World, format: Document) -> Vec<Sighting> {
    let one = async || {
        let timeout = Some(world.clock().elapsed().saturating_add(subject.timeout));
        look(&*subject.check, &world.for_look(Patience { timeout, deadline: None })).await
    };
    let mut sightings = vec![one().await];
    let seen = matches!(sightings[0].outcome, Outcome::Seen(_));
    if seen && format == Document::Human && subject.check.repeatable() {
        world.clock().sleep(APART).await;
        sightings.push(one().await);
    }
    sightings
}

fn proposal(subject: &Subject, sightings: &[Sighting], page: &Page) -> String {
    let greens: Vec<&Sighting> =
        sightings.iter().filter(|sighting| matches!(sighting.outcome, Outcome::Seen(_))).collect();
    if greens.is_empty() {
        return String::new();
    }
    let mut out = Layout::new(page);
    out.line("");
    let check = &*subject.check;
    let Some(proposed) = check.propose(&greens, &[]) else {
        out.prose(
            0,
            "No check to propose: nothing in it is the same in two looks and in none of the answers that only look \
             alive (empty, login page, error page, ...). A check on it needs something that only the real one has.",
        );
        return out.finish();
    };
    let count = greens.len();
    let looks = if count == 1 { "one look".to_owned() } else { format!("{count} looks") };
    out.prose(
        0,
        &format!(
            "A check on it: the fewest expectations that tell it from {} (from {looks}):",
            match proposed.catches.len() {
                0 => "nothing at all".to_owned(),
                1 => "1 impostor".to_owned(),
                some => format!("{some} impostors"),
            }
        ),
    );
    out.line("");
    let mut look = check.written();
    let kind = check.kind();
    if let Some(table) = look.as_object_mut() {
        let fields = registry::kinds().iter().find(|known| known.name() == kind).map(|kind| kind.manual().look_fields);
        let is_default =
            |key: &str, value: &Value| fields.iter().flatten().any(|field| field.key == key && field.default == *value);
        table.retain(|key, value| key != "expect" && !is_default(key, value));
    }
    let head = json!({ "id": subject.id });
    let toml = format!(
        "[[check]]\n{}[check.{kind}]\n{}[check.{kind}.expect]\n{}",
        steadfast_config::toml_of(&head),
        steadfast_config::toml_of(&look),
        steadfast_config::toml_of(&proposed.expect)
    );
    // To be pasted: never wrapped.
    toml.lines().for_each(|line| out.line(line));
    out.finish()
}

fn subject(args: &Args) -> Result<Subject, Refused> {
    let what = args.what.as_str();
    if let Some((kind, table)) = table_of(what)? {
        let check = read_look(what, kind, &table)?;
        let timeout = args.timeout.unwrap_or(Duration::from_secs(10));
        return Ok(Subject { id: id_of(what), check, timeout, project: nowhere()? });
    }
    let project = args.config.load()?;
    let Some(check) = project.checks.iter().find(|check| *check.id == *what) else {
        let near = did_you_mean(what, project.checks.iter().map(|check| &*check.id));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(refuse(format!("`{what}` is no check of this configuration, no URL and no file{near}")));
    };
    let timeout = args.timeout.unwrap_or(check.timeout.0);
    Ok(Subject { id: check.id.to_string(), check: Arc::clone(&check.check), timeout, project: project.clone() })
}

/// The kind for a URL or file, and its table. `None` if it is neither.
fn table_of(what: &str) -> Result<Option<(&'static str, Value)>, Refused> {
    if let Some(rest) = what.strip_prefix("dns:") {
        return dns(rest).map(|table| Some(("dns", table)));
    }
    let scheme = what.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let table = match scheme.as_deref() {
        Some("http" | "https") => ("http", json!({ "get": what })),
        Some("tls") => ("tls", json!({ "address": what.strip_prefix("tls://").unwrap_or(what) })),
        Some("icmp") => ("icmp", json!({ "address": what.strip_prefix("icmp://").unwrap_or(what) })),
        Some("postgres" | "postgresql") => postgres(what)?,
        Some("sqlite") => sqlite(what.strip_prefix("sqlite://").unwrap_or(what)),
        Some("file") => of_file(Path::new(what.strip_prefix("file://").unwrap_or(what))),
        Some(other) => {
            let known = "http, https, tls, dns, icmp, postgres, sqlite and file are";
            return Err(refuse(format!("`{other}` is no scheme to look at; {known}")));
        }
        None if Path::new(what).exists() => of_file(Path::new(what)),
        None => return Ok(None),
    };
    Ok(Some(table))
}

/// `dns:NAME?type=MX` and `dns://RESOLVER/NAME?type=MX` (RFC 4501).
fn dns(rest: &str) -> Result<Value, Refused> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (resolver, name) = match place.strip_prefix("//") {
        Some(place) => match place.split_once('/') {
            Some((resolver, name)) => (Some(resolver).filter(|resolver| !resolver.is_empty()), name),
            None => return Err(refuse(format!("`dns:{rest}` has no name: dns://RESOLVER/NAME, or dns:NAME"))),
        },
        None => (None, place),
    };
    let mut table = json!({ "name": name });
    if let Some(resolver) = resolver {
        table["resolver"] = json!(resolver);
    }
    for part in query.split([';', '&']).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((key, value)) if key.eq_ignore_ascii_case("type") => table["record"] = json!(value.to_uppercase()),
            Some((key, value)) if key.eq_ignore_ascii_case("class") && value.eq_ignore_ascii_case("in") => {}
            Some(_) | None => {
                return Err(refuse(format!("`{part}` in `dns:{rest}`: only `type=` may stand there (RFC 4501)")));
            }
        }
    }
    Ok(table)
}

fn of_file(path: &Path) -> (&'static str, Value) {
    if is_sqlite(path) {
        return sqlite(&path.display().to_string());
    }
    // A file is looked at in its folder, a folder by what lies in it.
    let (folder, glob) = match path.file_name() {
        Some(name) if !path.is_dir() => (path.parent(), literally(&name.to_string_lossy())),
        Some(_) | None => (Some(path), "*".to_owned()),
    };
    let mut table = json!({ "glob": glob });
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        table["folder"] = json!(folder.display().to_string());
    }
    ("files", table)
}

/// A glob that only this name matches.
fn literally(name: &str) -> String {
    name.chars().map(|c| if matches!(c, '*' | '?' | '[' | '{') { format!("[{c}]") } else { c.to_string() }).collect()
}

/// What psql would see: the variables and `~/.pgpass` count, as there is no configuration.
fn postgres(url: &str) -> Result<(&'static str, Value), Refused> {
    if Address::carries_password(url) {
        let instead = "set PGPASSWORD, or write it into ~/.pgpass";
        return Err(refuse(format!(
            "a password in a command line can be seen by everybody on this machine; {instead}"
        )));
    }
    let query = "select schemaname as schema, tablename as table from pg_tables \
                 where schemaname <> 'information_schema' and schemaname !~ '^pg_' order by 1, 2";
    Ok(("sql", json!({ "database": url, "libpq_defaults": true, "query": query })))
}

fn sqlite(path: &str) -> (&'static str, Value) {
    ("sql", json!({ "database": path, "query": "select name from sqlite_schema where type = 'table' order by name" }))
}

/// Whether it is an SQLite database, by its first bytes.
pub(crate) fn is_sqlite(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 16];
    path.is_file()
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head == *b"SQLite format 3\0"
}

/// A check without expectations, for looking.
pub(crate) fn read_look(what: &str, kind: &str, table: &Value) -> Result<Arc<dyn Check>, Refused> {
    let Some(kind) = registry::kinds().iter().find(|known| known.name() == kind) else {
        return Err(refuse(format!("`{what}` would be looked at by the kind `{kind}`, which is not built in")));
    };
    let mut problems = Problems::default();
    let node = Node::from_json(table, Span::default());
    let check = node.and_then(|node| kind.read_look(&node, &mut problems));
    // A key that nobody reads would have been looked at as if it were not there.
    check.filter(|_| problems.is_empty()).map(Arc::from).ok_or_else(|| {
        let said: Vec<String> = problems.into_sorted().into_iter().map(|problem| problem.what).collect();
        refuse(format!("`{what}` cannot be looked at: {}", said.join("; ")))
    })
}

/// A short name from what was looked at.
fn id_of(what: &str) -> String {
    let (_, rest) = what.split_once("://").unwrap_or(("", what));
    let rest = rest.strip_prefix("dns:").unwrap_or(rest);
    let letters = rest.split(['?', '#']).next().unwrap_or(rest).chars();
    let name: String = letters.map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// What is looked at without a configuration belongs to no project; relative paths start in the working folder.
fn nowhere() -> Result<Project, Refused> {
    let root = std::env::current_dir().map_err(|why| refuse(format!("this folder cannot be read: {why}")))?;
    Ok(Project {
        name: String::new(),
        root,
        file: PathBuf::new(),
        targets: BTreeMap::new(),
        gates: BTreeMap::new(),
        ledger: LedgerSettings::default(),
        checks: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dns_address_is_read_as_rfc_4501_has_it() {
        let check = |rest: &str, expected: Value| assert_eq!(dns(rest).ok(), Some(expected), "{rest}");
        check("shop.example", json!({ "name": "shop.example" }));
        check("shop.example?type=mx", json!({ "name": "shop.example", "record": "MX" }));
        check("//192.0.2.53:5353/shop.example?type=TXT;class=IN", {
            json!({ "name": "shop.example", "resolver": "192.0.2.53:5353", "record": "TXT" })
        });
        check("///shop.example", json!({ "name": "shop.example" }));
        for wrong in ["//192.0.2.53", "shop.example?kind=MX", "shop.example?class=CH", "shop.example?type"] {
            assert!(dns(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_follows_from_what_is_looked_at() {
        assert_eq!(id_of("https://shop.example/d/7d0bd618?x=1"), "shop-example-d-7d0bd618");
        assert_eq!(id_of("backups/db.sqlite"), "backups-db-sqlite");
    }
}

//! OpenAPI 3 documents: the operations that can be asked for without knowing more than is written there. Read by the
//! reader of the kind `http`, which follows no circle and expands no bomb.

use steadfast_checks::kinds::http::openapi_gets;
use url::Url;

use super::{Paper, Source};
use crate::init::clue::{Ask, Base, Clues};
use crate::render::text::counted;

/// OpenAPI documents.
pub(super) struct OpenApi;

impl Source for OpenApi {
    fn title(&self) -> &'static str {
        "OpenAPI document"
    }

    fn claims(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let stem = [".json", ".yaml", ".yml"].iter().find_map(|ending| name.strip_suffix(ending));
        stem.is_some_and(|stem| stem == "swagger" || stem.split(['.', '-', '_']).any(|part| part == "openapi"))
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        papers.iter().for_each(|paper| one(paper, into));
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        vec![
            vec![("openapi.yaml", include_str!("openapi/everything.yaml"))],
            vec![(
                "shop.openapi.json",
                r#"{"openapi": "3.0.3", "paths": {"/up": {"get": {}}, "/a/{id}": {"get": {}}}}"#,
            )],
        ]
    }
}

fn one(paper: &Paper, into: &mut Clues) {
    let gets = match openapi_gets(&paper.text) {
        Ok(gets) => gets,
        Err(why) => return into.miss(paper.path.clone(), format!("{why}; nothing of it was used")),
    };
    let count = gets.asked.len();
    into.read.push((paper.path.clone(), format!("{} that can be asked for without parameters", counted(count, "GET"))));
    if gets.unasked > 0 {
        let unasked = usize::try_from(gets.unasked).unwrap_or(usize::MAX);
        let what = format!("{} of {}", counted(unasked, "further GET"), paper.path);
        into.miss(what, "a parameter has to be known; with `examples = true` those that have one are asked, too");
    }
    let Some((server, _)) = gets.asked.first() else { return };
    let (base, prefix) = base_of(server.as_deref());
    let paths = gets.asked.iter().filter(|(other, _)| other == server).map(|(_, path)| format!("{prefix}{path}"));
    let says = format!("{} lists {}", paper.path, counted(count, "GET"));
    let ask = Ask::OpenApi { file: paper.path.clone(), base, paths: paths.collect() };
    into.lead(paper.path.clone(), "api", says, ask);
}

/// Where a server is, and what its path puts before those of the operations.
fn base_of(server: Option<&str>) -> (Base, String) {
    let Some(server) = server else { return (Base::Site, String::new()) };
    let Ok(url) = Url::parse(server) else {
        let prefix = if server.starts_with('/') { server.trim_end_matches('/').to_owned() } else { String::new() };
        return (Base::Site, prefix);
    };
    let prefix = url.path().trim_end_matches('/').to_owned();
    let is_secret = !url.username().is_empty() || url.password().is_some();
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http", Some("localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]"), Some(port)) => (Base::Here(port), prefix),
        ("http" | "https", Some(_), _) if !is_secret => (Base::Public(url.origin().ascii_serialization()), prefix),
        _ => (Base::Site, prefix),
    }
}

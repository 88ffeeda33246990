//! `sweep_from`: the endpoints of a sweep, as a document of the site or of the project lists them.

mod openapi;
mod sitemap;

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};
use steadfast_core::finding::{Code, Side, codes, excerpt};
use steadfast_core::observation::Trouble;
use steadfast_core::setting::{Node, Problems, Raw, Setting, Table};
use steadfast_core::world::World;
use steadfast_probe::exchange::Listed;
use steadfast_probe::http::ask;
use url::Url;

use super::HttpLook;
use super::request::{self, Credentials};

/// The document does not list endpoints.
pub(super) const BAD_LISTING: Code = Code {
    word: "bad-listing",
    side: Side::Fail,
    meaning: "the document that lists the endpoints of a sweep came with an error status, or is none: broken off, of another format, an index that leads to itself",
    advice: "ask for the document by hand; is it generated, and by the build that is live?",
};

/// The document lists an address elsewhere.
pub(super) const OFF_ORIGIN: Code = Code {
    word: "off-origin",
    side: Side::Fail,
    meaning: "the document lists an address of another origin than its site's; it was not asked",
    advice: "was it generated with the wrong base URL? An origin that is meant goes into `origins` of `sweep_from`",
};

/// A document is read up to here, in bytes, decoded. The protocol of sitemaps allows more; one of more is unknown.
const LARGEST: usize = 10 << 20;

/// So many documents an index may lead to, itself included.
const MOST_DOCUMENTS: usize = 500;

/// So deep an index may lead to another one. The protocol allows none at all.
const DEEPEST_INDEX: usize = 3;

/// So many endpoints are asked without being told how many: a sweep is no crawl.
pub(super) const MOST_ENDPOINTS: usize = 1000;

/// So many endpoints are kept while they are counted.
const MOST_KEPT: usize = 100_000;

steadfast_core::settings! {
    /// Where the endpoints of a sweep are listed: exactly one of `sitemap`, `openapi` and `lines`. Each is a path or URL of the site, as for `get`,
    /// or `{ file = "path" }`, relative to the root configuration. The document is asked for with the headers, the
    /// proxy and the certificates of this look. Only what lies on the origin of `base_url` is asked, and the address of
    /// a target follows its route; what lies elsewhere fails. More than 1000 endpoints are asked only if `take` says so.
    pub struct SweepFrom {
        /// A sitemap, or an index of sitemaps, also gzipped.
        sitemap: Option<Document>,
        /// An OpenAPI 3 document in JSON or YAML: its GETs without required parameters. `base_url` says where they are;
        /// has it no path, the path of the document's first server is put before theirs.
        openapi: Option<Document>,
        /// A list with a path or URL on each line; empty lines and those that begin with `#` do not count.
        lines: Option<Document>,
        /// Of OpenAPI also the GETs whose required parameters have an example or a default there.
        examples: bool = false,
        /// Ask at most this many, spread evenly over the list. How many there are is what `expect.endpoints` reads.
        take: Option<u32>,
        /// Other origins that may be asked, too: `["https://cdn.example"]`. They get no credentials.
        origins: Vec<String>,
    }
}

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A path or URL of the site.
    Site(String),
    /// A file of the project.
    File(String),
}

impl Document {
    fn shown(&self) -> &str {
        match self {
            Document::Site(text) | Document::File(text) => text,
        }
    }
}

impl Setting for Document {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.raw {
            Raw::Text(path) => Some(Document::Site(path.clone())),
            Raw::Table(_) => {
                let mut table = Table::open(node, problems)?;
                let file = table.take::<String>("file", None, problems);
                table.finish(problems);
                file.map(Document::File)
            }
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                problems.wrong_type(node, "a string or { file = \"path\" }");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            Document::Site(path) => json!(path),
            Document::File(path) => json!({ "file": path }),
        }
    }
    fn schema() -> Value {
        let file = json!({ "type": "object", "properties": { "file": { "type": "string" } }, "required": ["file"], "additionalProperties": false });
        json!({ "anyOf": [{ "type": "string" }, file] })
    }
}

/// What sort of list a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Sitemap,
    OpenApi,
    Lines,
}

impl SweepFrom {
    fn documents(&self) -> Vec<(Format, &Document)> {
        let all = [(Format::Sitemap, &self.sitemap), (Format::OpenApi, &self.openapi), (Format::Lines, &self.lines)];
        all.into_iter().filter_map(|(format, document)| document.as_ref().map(|document| (format, document))).collect()
    }

    /// The document in a few words.
    pub(super) fn shown(&self) -> String {
        self.documents().iter().map(|(_, document)| document.shown()).collect::<Vec<_>>().join(", ")
    }

    /// Refuses what cannot be meant.
    pub(super) fn validate(&self, look: &HttpLook, table: &Node, problems: &mut Problems) {
        let place = table.place(&["sweep_from"]);
        let documents = self.documents();
        let [(format, document)] = documents.as_slice() else {
            let why = "the endpoints of a sweep stand in one document";
            return problems.suggest(place, "not exactly one list", why, "one of sitemap, openapi and lines");
        };
        let relative = matches!(document, Document::File(_)) || !request::is_absolute(document.shown());
        if relative && look.base_url.is_none() {
            let why = "without it nobody knows where the endpoints are, and which lie elsewhere";
            let instead = "base_url = { target = \"...\" } here or in [defaults.http]";
            problems.suggest(place, "`sweep_from` without `base_url`", why, instead);
        }
        if self.examples && *format != Format::OpenApi {
            problems.add(
                table.place(&["sweep_from", "examples"]),
                "`examples` without `openapi`",
                "no other list has any",
            );
        }
        if self.take == Some(0) {
            problems.add(table.place(&["sweep_from", "take"]), "a sweep of nothing", "it would look at nothing");
        }
        for origin in self.origins.iter().filter(|text| origin_of(text).is_none()) {
            let what = format!("`{origin}` is no origin");
            let why = "an origin is a scheme, a host and perhaps a port";
            problems.suggest(table.place(&["sweep_from", "origins"]), what, why, "\"https://cdn.example\"");
        }
    }
}

/// The GETs of an OpenAPI document that can be made without knowing more than is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenApiGets {
    /// The server that each belongs to, if the document names one (an address, or a path), and its path and query.
    pub asked: Vec<(Option<String>, String)>,
    /// How many further ones need a parameter that nobody has told us.
    pub unasked: u64,
}

/// Reads an OpenAPI 3 document as `sweep_from` does it without `examples`.
///
/// # Errors
/// What keeps it from being one, as a sentence.
pub fn openapi_gets(text: &str) -> Result<OpenApiGets, String> {
    let api = openapi::read(text, false, &[])?;
    let asked = api.operations.into_iter().filter(|operation| operation.headers.is_empty());
    Ok(OpenApiGets { asked: asked.map(|operation| (operation.server, operation.path)).collect(), unasked: api.unasked })
}

fn origin_of(text: &str) -> Option<url::Origin> {
    let url = Url::parse(text).ok()?;
    let plain = url.path() == "/" && url.query().is_none() && matches!(url.scheme(), "http" | "https");
    plain.then(|| url.origin())
}

/// An endpoint to be asked, or why it is not.
pub(super) struct Endpoint {
    /// Its address as the document has it, or where it really is.
    pub(super) address: Result<Url, (String, Trouble)>,
    /// Headers that this one needs.
    pub(super) headers: Vec<(String, String)>,
    /// Whose credentials it may have.
    pub(super) credentials: Credentials,
    /// Where it was found.
    pub(super) listed: Listed,
}

/// Reads the list, and the lists that it leads to.
pub(super) async fn endpoints(look: &HttpLook, from: &SweepFrom, world: &World) -> Result<Vec<Endpoint>, Trouble> {
    let documents = from.documents();
    let Some((format, document)) = documents.first() else {
        return Err(Trouble::new(codes::EMPTY, "no document lists endpoints"));
    };
    let site = Site::of(look, from, document, world)?;
    let mut found = Found::default();
    let start = match document {
        Document::Site(path) => request::address(look, world, path)?,
        Document::File(_) => site.base.clone(),
    };
    let text = match document {
        Document::Site(_) => fetch(look, world, &start).await?,
        Document::File(path) => read_file(world, path)?,
    };
    match format {
        Format::Sitemap => sitemaps(look, world, &site, document.shown(), start, text, &mut found).await?,
        Format::OpenApi => {
            let given: Vec<&str> = look.headers.keys().map(String::as_str).collect();
            let api = openapi::read(&text, from.examples, &given).map_err(|why| bad(document.shown(), &why))?;
            found.unasked = api.unasked;
            for operation in api.operations {
                let address = site.of_operation(&start, operation.server.as_deref(), &operation.path);
                found.add(document.shown(), operation.name, address, operation.headers);
            }
        }
        Format::Lines => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            for line in lines {
                let address = if request::is_absolute(line) {
                    site.place(&start, line)
                } else {
                    request::address(look, world, line)
                        .map(|url| (url, Credentials::Own))
                        .map_err(|why| (line.to_owned(), why))
                };
                found.add(document.shown(), None, address, Vec::new());
            }
        }
    }
    found.finish(from, document.shown())
}

async fn sitemaps(
    look: &HttpLook,
    world: &World,
    site: &Site,
    shown: &str,
    start: Url,
    text: String,
    found: &mut Found,
) -> Result<(), Trouble> {
    let mut asked: BTreeSet<String> = BTreeSet::from([start.to_string()]);
    let mut waiting: Vec<(String, Url, Option<String>, usize)> = vec![(shown.to_owned(), start, Some(text), 0)];
    while let Some((shown, url, text, depth)) = waiting.pop() {
        let text = match text {
            Some(text) => text,
            None => fetch(look, world, &url).await?,
        };
        match sitemap::read(&text).map_err(|why| bad(&shown, &why))? {
            sitemap::Sitemap::Pages(pages) => {
                for page in pages {
                    found.add(&shown, None, site.place(&url, &page), Vec::new());
                }
            }
            sitemap::Sitemap::Index(_) if depth >= DEEPEST_INDEX => {
                return Err(bad(&shown, &format!("indexes lead to indexes more than {DEEPEST_INDEX} times")));
            }
            sitemap::Sitemap::Index(maps) => {
                // The last is popped first.
                for map in maps.into_iter().rev() {
                    let (inner, credentials) = site.place(&url, &map).map_err(|(_, trouble)| trouble)?;
                    if credentials != Credentials::Own {
                        return Err(Trouble::new(OFF_ORIGIN, format!("{shown} leads to {inner}")));
                    }
                    if !asked.insert(inner.to_string()) {
                        return Err(bad(&shown, &format!("it leads to {inner} again")));
                    }
                    waiting.push((path_of(&inner), inner, None, depth + 1));
                }
                if asked.len() > MOST_DOCUMENTS {
                    let mut trouble = beyond(format!("{shown}: more than {MOST_DOCUMENTS} sitemaps in one index"));
                    trouble.advice = "name one of its sitemaps in `sweep_from`".into();
                    return Err(trouble);
                }
            }
        }
    }
    Ok(())
}

/// Where an address leads and which credentials it may have; or as it stands in the document, and why it is not asked.
type Placed = Result<(Url, Credentials), (String, Trouble)>;

/// The site that the endpoints have to be on.
struct Site {
    /// Where it is: `base_url`, or the document's own address.
    base: Url,
    /// What `base_url` puts before every path; none if it is not set.
    stem: Option<String>,
    /// What the target's address is without its route.
    written: Option<url::Origin>,
    allowed: Vec<url::Origin>,
}

impl Site {
    fn of(look: &HttpLook, from: &SweepFrom, document: &Document, world: &World) -> Result<Site, Trouble> {
        let base = match &look.base_url {
            Some(_) => request::address(look, world, "")?,
            None => request::address(look, world, document.shown())?,
        };
        let written = look.base_url.as_ref().and_then(|base| world.written(base).ok());
        let written = written.and_then(|text| Url::parse(text.expose()).ok()).map(|url| url.origin());
        let stem = look.base_url.as_ref().map(|_| base.path().trim_end_matches('/').to_owned());
        Ok(Site { base, stem, written, allowed: from.origins.iter().filter_map(|text| origin_of(text)).collect() })
    }

    /// Where an address that stands in a document really is, and which credentials it may have.
    fn place(&self, document: &Url, text: &str) -> Placed {
        let refused = |code: Code, why: String| Err((excerpt(text, 200), Trouble::new(code, why)));
        let mut url = match document.join(text) {
            Ok(url) => url,
            Err(why) => return refused(BAD_LISTING, format!("`{}` is no address: {why}", excerpt(text, 200))),
        };
        // Whoever wrote the document does not choose whom we sign in as.
        let _ = (url.set_username(""), url.set_password(None));
        url.set_fragment(None);
        let origin = url.origin();
        if origin == self.base.origin() {
            return Ok((url, Credentials::Own));
        }
        if self.written.as_ref() == Some(&origin) {
            let mut here = self.base.clone();
            here.set_path(url.path());
            here.set_query(url.query());
            return Ok((here, Credentials::Own));
        }
        if self.allowed.contains(&origin) && origin.is_tuple() {
            return Ok((url, Credentials::None));
        }
        refused(OFF_ORIGIN, format!("it is not on {}", self.base.origin().ascii_serialization()))
    }

    /// Where an operation is: below `base_url`, and if that has no path, below the path of the document's server.
    fn of_operation(&self, document: &Url, server: Option<&str>, path: &str) -> Placed {
        let server = server.and_then(|server| document.join(server).ok());
        let behind = |url: &Url| url.path().trim_end_matches('/').to_owned();
        let (mut here, stem) = match (&self.stem, &server) {
            // Without `base_url` it is where the document says; another origin has to be allowed.
            (None, Some(server)) if server.origin() != self.base.origin() => {
                return self.place(document, &format!("{}{path}", server.as_str().trim_end_matches('/')));
            }
            (Some(stem), _) if !stem.is_empty() => (self.base.clone(), stem.clone()),
            (Some(_) | None, server) => (self.base.clone(), server.as_ref().map(behind).unwrap_or_default()),
        };
        let (own, query) = path.split_once('?').map_or((path, None), |(own, query)| (own, Some(query)));
        here.set_path(&format!("{stem}{own}"));
        here.set_query(query);
        Ok((here, Credentials::Own))
    }
}

/// What the documents list.
#[derive(Default)]
struct Found {
    endpoints: Vec<Endpoint>,
    known: BTreeSet<String>,
    of: u64,
    unasked: u64,
}

impl Found {
    fn add(&mut self, document: &str, name: Option<String>, address: Placed, headers: Vec<(String, String)>) {
        let key = match &address {
            Ok((url, _)) => url.as_str(),
            Err((text, _)) => text,
        };
        if self.known.contains(key) {
            return;
        }
        self.of += 1;
        if self.known.len() == MOST_KEPT {
            return;
        }
        self.known.insert(key.to_owned());
        let (address, credentials) = match address {
            Ok((url, credentials)) => (Ok(url), credentials),
            Err(refused) => (Err(refused), Credentials::None),
        };
        let listed = Listed { document: document.to_owned(), name, of: 0, unasked: 0 };
        self.endpoints.push(Endpoint { address, headers, credentials, listed });
    }

    /// Those to ask.
    fn finish(mut self, from: &SweepFrom, document: &str) -> Result<Vec<Endpoint>, Trouble> {
        let there = self.endpoints.len();
        if there == 0 {
            let what = match self.unasked {
                0 => format!("{document} lists no endpoint"),
                n => format!(
                    "{document} lists no GET without required parameters, and {n} with; `examples = true` asks those that have one"
                ),
            };
            return Err(Trouble::new(codes::EMPTY, what));
        }
        let most = match from.take {
            Some(most) => most as usize,
            None if there <= MOST_ENDPOINTS => there,
            None => {
                let mut trouble = beyond(format!("{document} lists {} endpoints; none was asked", self.of));
                trouble.advice =
                    format!("more than {MOST_ENDPOINTS} are asked only if `take` in `sweep_from` says how many").into();
                return Err(trouble);
            }
        };
        let (of, unasked) = (self.of, self.unasked);
        self.endpoints.iter_mut().for_each(|endpoint| {
            endpoint.listed.of = of;
            endpoint.listed.unasked = unasked;
        });
        if most >= there {
            return Ok(self.endpoints);
        }
        let chosen: BTreeSet<usize> = (0..most).map(|i| i * there / most).collect();
        let all = self.endpoints.into_iter().enumerate();
        Ok(all.filter(|(i, _)| chosen.contains(i)).map(|(_, endpoint)| endpoint).collect())
    }
}

async fn fetch(look: &HttpLook, world: &World, url: &Url) -> Result<String, Trouble> {
    let shown = path_of(url);
    let mut asked = request::prepare(look, world, "GET", url.clone(), Credentials::Own)?;
    (asked.body, asked.body_limit) = (bytes::Bytes::new(), LARGEST);
    asked.headers.remove(http::header::CONTENT_TYPE);
    let mut answer = ask(world, &asked).await.map_err(|mut trouble| {
        trouble.detail = format!("{shown}: {}", trouble.detail);
        trouble
    })?;
    if !(200..300).contains(&answer.status) {
        let to = answer.header("location").map(|to| format!(" and leads to {to}; `redirects = 1` follows it"));
        return Err(bad(&shown, &format!("it answers {}{}", answer.status, to.unwrap_or_default())));
    }
    if answer.cut {
        return Err(too_large(&shown));
    }
    let body = std::mem::replace(&mut answer.body, steadfast_probe::body::Body::Text(String::new()));
    text_of(body.bytes().into_owned(), &shown)
}

fn read_file(world: &World, path: &str) -> Result<String, Trouble> {
    let trouble = |why: &std::io::Error| {
        let mut trouble = Trouble::of_io(why);
        trouble.detail = format!("{path}: {}", trouble.detail);
        trouble
    };
    let file = std::fs::File::open(world.root().join(path)).map_err(|why| trouble(&why))?;
    let mut bytes = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|why| trouble(&why))?;
    if bytes.len() > LARGEST {
        return Err(too_large(path));
    }
    text_of(bytes, path)
}

/// As text, unpacked if it is gzipped, whatever its headers and its name say.
fn text_of(bytes: Vec<u8>, shown: &str) -> Result<String, Trouble> {
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = steadfast_probe::decode::decode("gzip", bytes, false, LARGEST);
        let unpacked = unpacked.map_err(|trouble| bad(shown, &trouble.detail))?;
        if unpacked.cut {
            return Err(too_large(shown));
        }
        unpacked.bytes
    } else {
        bytes
    };
    String::from_utf8(bytes)
        .map_err(|why| bad(shown, &format!("it is no UTF-8 from byte {} on", why.utf8_error().valid_up_to())))
}

fn bad(shown: &str, why: &str) -> Trouble {
    Trouble::new(BAD_LISTING, format!("{shown}: {why}"))
}

fn beyond(why: String) -> Trouble {
    Trouble::new(codes::BEYOND_THE_CUT, why)
}

fn too_large(shown: &str) -> Trouble {
    let mut trouble = beyond(format!("{shown} is larger than {} MiB, decoded", LARGEST >> 20));
    trouble.advice = "split it: an index of sitemaps, each below this size".into();
    trouble
}

/// Path and query.
pub(super) fn path_of(url: &Url) -> String {
    url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
}

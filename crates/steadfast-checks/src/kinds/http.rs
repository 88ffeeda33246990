//! The kind `http`: one request, or a sweep over several addresses.

mod connect_to;
mod exemplars;
mod impostors;
mod listing;
mod page;
mod request;
mod status;
mod via_proxy;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Place, Seen, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::{Bytes, Lapse, Pattern};
use steadfast_core::observation::Outcome;
use steadfast_core::predicate::{Count, Literal, Predicate, Reading, breakages};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::rare::Rare;
use steadfast_core::secret::Text;
use steadfast_core::setting::{Node, OneOrMany, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;
use steadfast_probe::exchange::{Exchange, Response};
use steadfast_probe::proxy::{NOT_THROUGH_PROXY, PROXY_FAILED};

use crate::client_certificate::ClientCertificate;
use crate::html_claims::HtmlClaims;
use crate::json_claims::{self, JsonClaims};
use crate::text_claims::{Body, TextClaims, predicate_claims, story_of};

pub use connect_to::ConnectTo;
pub use listing::{Document, OpenApiGets, SweepFrom, openapi_gets};
pub use request::HeaderText;
pub use status::StatusSet;
pub use via_proxy::{ProxySettings, ViaProxy};

/// The kind `http`.
pub struct Http;

steadfast_core::words! {
    /// Which version of HTTP to speak.
    pub enum HttpVersion {
        /// What the server picks by ALPN; HTTP/1.1 without TLS.
        Auto = "auto",
        /// HTTP/1.1.
        One = "1.1",
        /// HTTP/2; without TLS by prior knowledge.
        Two = "2",
    }
}

steadfast_core::settings! {
    /// Makes an HTTP request and reads the answer. One request by `get`, `post` and so on, or `method` with `url`; or
    /// a sweep: the same request to several addresses, judged as one check. Redirects are not followed unless asked
    /// for, as a redirect is an answer. Every look opens its own connection, so that name, connection and certificate
    /// are looked at, too.
    pub struct HttpLook {
        /// What paths are appended to: `"https://shop.example"`, or `{ target = "shop" }`. Best set in `[defaults.http]`.
        base_url: Option<Address>,
        /// GET this path or URL.
        get: Option<String>,
        /// HEAD this path or URL.
        head: Rare<Option<String>>,
        /// POST to this path or URL. Never repeated by `retry` unless `retry.writes` is set; the same holds for every
        /// method but GET, HEAD and OPTIONS.
        post: Rare<Option<String>>,
        /// PUT to this path or URL.
        put: Rare<Option<String>>,
        /// PATCH this path or URL.
        patch: Rare<Option<String>>,
        /// DELETE this path or URL.
        delete: Rare<Option<String>>,
        /// OPTIONS of this path or URL.
        options: Rare<Option<String>>,
        /// Any other method, together with `url`; for a sweep the method of all its requests.
        method: Rare<Option<String>>,
        /// The path or URL for `method`.
        url: Rare<Option<String>>,
        /// Several paths or URLs: every one must meet the same expectations.
        sweep: Rare<Option<Vec<String>>>,
        /// A sweep over what a document lists, read anew at every look: `{ sitemap = "/sitemap.xml" }`,
        /// `{ openapi = { file = "openapi.yaml" }, examples = true }`, `{ lines = { file = "pages.txt" } }`. With
        /// `take` so many of them; with `origins` those of other origins, too. A list that is empty or cannot be had fails.
        sweep_from: Rare<Option<SweepFrom>>,
        /// Parameters to append to the address.
        query: Rare<BTreeMap<String, Text>>,
        /// Headers: `accept = "text/html"`, `authorization = { bearer = { env = "TOKEN" } }`,
        /// `authorization = { basic = { user = "canary", password = { file = "canary.secret" } } }`.
        headers: Rare<BTreeMap<String, HeaderText>>,
        /// A body as text.
        body: Rare<Option<Text>>,
        /// A body as JSON, with its content type.
        json: Rare<Option<Literal>>,
        /// A body as a form, with its content type.
        form: Rare<BTreeMap<String, Text>>,
        /// How many redirects to follow. Credentials are not sent on to another origin.
        redirects: u32 = 0,
        /// Which version of HTTP to speak.
        version: HttpVersion = HttpVersion::Auto,
        /// A PEM file of the only roots to trust, relative to the root configuration.
        roots: Rare<Option<String>>,
        /// The client certificate to show (mutual TLS): `{ certificate = { file = "client.pem" }, key = { file =
        /// "client.key" } }`, or `{ env = "NAME" }` with the PEM itself. Not shown to another origin.
        client_certificate: Rare<Option<ClientCertificate>>,
        /// The forward proxy to go through: `"http://proxy.example:3128"`, or `{ address = "..", user = "..",
        /// password = { env = "NAME" } }`. Never taken from the environment. With CONNECT for https, in the absolute
        /// form for http. A closed World has to have routes for the proxy and for what lies behind it.
        proxy: Rare<Option<ViaProxy>>,
        /// As curl's: `"HOST1:PORT1:HOST2:PORT2"` connects to the second where the first is meant; empty parts match
        /// anything or stay as they are.
        connect_to: Rare<Vec<ConnectTo>>,
        /// How much of the decoded body is read. What lies beyond is unknown, never a pass.
        body_limit: Bytes = Bytes(1 << 20),
        /// Use an open connection again where there is one. Cheaper, and blind to name, connection and certificate.
        keep_alive: bool = false,
        /// Offer gzip, br, zstd and deflate.
        compressed: bool = true,
    }
}

steadfast_core::settings! {
    /// What an answer must be. Everything that is set must hold; in a sweep for every address.
    pub struct HttpExpect {
        /// The status code: `200`, `[200, 204]`, `"2xx"`.
        status: Option<StatusSet>,
        /// The longest that the whole exchange may take, name and connection included.
        within: Option<Lapse>,
        /// Texts that must occur in the body.
        body_contains: OneOrMany<String>,
        /// Texts that must not occur in the body.
        body_excludes: OneOrMany<String>,
        /// Regular expressions that must match somewhere in the body.
        body_matches: Rare<OneOrMany<Pattern>>,
        /// Predicates on headers by name; several headers of one name are joined with `, `.
        header: Rare<BTreeMap<String, Predicate>>,
        /// Predicates on parts of a JSON body by JSONPath (RFC 9535): `"$.queue_depth" = { below = 100 }`.
        json: JsonClaims,
        /// Predicates on parts of an HTML body by CSS selector: on the text of every element found, or on their `count`.
        html: HtmlClaims,
        /// How many endpoints the documents of `sweep_from` list: `{ at_least = 20 }` notices a list that has shrunk.
        endpoints: Rare<Option<Count>>,
        /// Bounds of the decoded body's size.
        size: Rare<Option<SizeBounds>>,
        /// The media type, without parameters: `text/html`.
        content_type: Rare<Option<String>>,
        /// A predicate on the `Location` header of a redirect.
        location: Rare<Option<Predicate>>,
    }
}

steadfast_core::settings! {
    /// Bounds of a size.
    pub struct SizeBounds {
        /// At least this many bytes.
        at_least: Option<Bytes>,
        /// At most this many bytes.
        at_most: Option<Bytes>,
    }
}

impl HttpLook {
    fn methods(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("GET", &self.get),
            ("HEAD", &self.head),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
            ("OPTIONS", &self.options),
        ]
    }

    /// The method, and the paths or URLs to ask for.
    fn requests(&self) -> (&str, Vec<&str>) {
        if let Some(sweep) = &*self.sweep {
            return (self.method.as_deref().unwrap_or("GET"), sweep.iter().map(String::as_str).collect());
        }
        if self.sweep_from.is_some() {
            return (self.method.as_deref().unwrap_or("GET"), Vec::new());
        }
        let named = self.methods().into_iter().find_map(|(method, path)| path.as_deref().map(|path| (method, path)));
        match named {
            Some((method, path)) => (method, vec![path]),
            None => (self.method.as_deref().unwrap_or("GET"), self.url.as_deref().into_iter().collect()),
        }
    }
}

impl HttpExpect {
    fn texts(&self) -> TextClaims<'_> {
        TextClaims {
            under: "body_",
            contains: &self.body_contains,
            excludes: &self.body_excludes,
            matches: &self.body_matches,
        }
    }

    fn judge_response(&self, response: &Response, at: Timestamp, judgement: &mut Judgement) {
        if let Some(set) = &self.status
            && !set.admits(response.status)
        {
            judgement.add(codes::UNEQUAL, |f| {
                f.of("status").expected(set.write()).seen(Seen::Value(json!(response.status)))
            });
        }
        if let Some(bound) = self.within
            && response.timings.total > bound
        {
            let took = shown(response.timings.total);
            judgement
                .add(codes::TOO_SLOW, |f| f.of("within").expected(bound.to_string()).seen(Seen::Value(json!(took))));
        }
        if let Some(wanted) = &*self.content_type {
            judge_content_type(wanted, response, judgement);
        }
        for (name, predicate) in &*self.header {
            judge_header(name, &format!("header.{name}"), predicate, response, at, judgement);
        }
        if let Some(predicate) = &*self.location {
            judge_header("location", "location", predicate, response, at, judgement);
        }
        if let Some(bounds) = &*self.size {
            bounds.judge(response, judgement);
        }
        let bytes = response.body.bytes();
        let body = Body { bytes: &bytes, whole: !response.cut };
        self.texts().judge(body, judgement);
        self.json.judge("json", body, at, judgement);
        self.html.judge(body, at, judgement);
    }
}

impl SizeBounds {
    fn judge(&self, response: &Response, judgement: &mut Judgement) {
        let size = response.size;
        if let Some(low) = self.at_least
            && size < low.0
        {
            let code = if response.cut { codes::BEYOND_THE_CUT } else { codes::OUT_OF_BOUNDS };
            judgement.add(code, |f| f.of("size.at_least").expected(low.write()).seen(Seen::Value(json!(size))));
        }
        if let Some(high) = self.at_most {
            let code = if size > high.0 || response.cut && size == high.0 {
                codes::OUT_OF_BOUNDS
            } else if response.cut {
                codes::BEYOND_THE_CUT
            } else {
                return;
            };
            judgement.add(code, |f| f.of("size.at_most").expected(high.write()).seen(Seen::Value(json!(size))));
        }
    }
}

fn judge_content_type(wanted: &str, response: &Response, judgement: &mut Judgement) {
    let header = response.header("content-type");
    let seen = if wanted.contains(';') { header.clone() } else { response.media_type() };
    match seen {
        Some(seen) if seen.eq_ignore_ascii_case(wanted) => {}
        Some(_) => judgement.add(codes::UNEQUAL, |f| {
            f.of("content_type").expected(wanted).seen(Seen::text(header.as_deref().unwrap_or_default()))
        }),
        None => judgement.add(codes::MISSING, |f| f.of("content_type").expected(wanted).seen(Seen::Missing)),
    }
}

fn judge_header(
    name: &str,
    prefix: &str,
    predicate: &Predicate,
    response: &Response,
    at: Timestamp,
    judgement: &mut Judgement,
) {
    let value = response.header(name).map(Value::String);
    let mut inner = Judgement::default();
    predicate.judge(value.as_ref().map_or(Reading::Missing, Reading::Value), at, &mut inner);
    judgement.absorb(inner, |finding| {
        Finding { claim: format!("{prefix}.{}", finding.claim), ..finding }.at(Place::Field(name.to_owned()))
    });
}

/// A time as a person wants to read it: whole milliseconds from ten on.
fn shown(lapse: Lapse) -> String {
    let micros = lapse.micros();
    if micros < 10_000 {
        return lapse.to_string();
    }
    Lapse(std::time::Duration::from_millis(micros.div_ceil(1000))).to_string()
}

impl Kind for Http {
    const NAME: &'static str = "http";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[listing::BAD_LISTING, listing::OFF_ORIGIN, NOT_THROUGH_PROXY, PROXY_FAILED];
    const DEAD: &'static [&'static str] = &[
        "get = \"http://127.0.0.1:1/\"\nexpect = { status = 200 }",
        "get = \"http://nobody.invalid/\"\nexpect = { status = 200 }",
        "sweep = [\"http://127.0.0.1:1/a\", \"https://127.0.0.1:1/b\"]\nexpect = { status = 200 }",
        "sweep_from = { sitemap = \"http://127.0.0.1:1/sitemap.xml\" }\nexpect = { status = 200 }",
        "base_url = \"http://127.0.0.1:1\"\nsweep_from = { openapi = { file = \"gone.yaml\" } }\nexpect = { status = 200 }",
        "get = \"https://shop.example/\"\nproxy = \"http://127.0.0.1:1\"\nexpect = { status = 200 }",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "get = \"http://{echo}/\"\nheaders = { authorization = { bearer = { env = \"CANARY_TOKEN\" } } }\nexpect = { status = 200 }",
        "get = \"http://{echo}/\"\nquery = { token = { env = \"CANARY_TOKEN\" } }\nexpect = { status = 200 }",
        "get = \"http://{echo}/\"\nheaders = { authorization = { basic = { user = \"canary\", password = { env = \"CANARY_TOKEN\" } } } }\nexpect = { status = 200 }",
        "post = \"http://{echo}/\"\nform = { token = { env = \"CANARY_TOKEN\" } }\nexpect = { status = 200 }",
        "sweep_from = { lines = \"http://{echo}/list\" }\nheaders = { x-token = { env = \"CANARY_TOKEN\" } }\nexpect = { status = 200 }",
        "get = \"http://shop.example/\"\nproxy = { address = \"http://{echo}\", user = \"canary\", password = { env = \"CANARY_TOKEN\" } }\nexpect = { status = 200 }",
        "sweep = [\"http://{echo}/a\"]\nheaders = { x-token = { env = \"CANARY_TOKEN\" } }\nexpect = { status = 200 }",
    ];

    type Look = HttpLook;
    type Expect = HttpExpect;
    type Seen = Vec<Arc<Exchange>>;

    fn validate(look: &HttpLook, expect: &HttpExpect, table: &Node, problems: &mut Problems) {
        let named: Vec<&str> = look.methods().into_iter().filter(|(_, path)| path.is_some()).map(|(m, _)| m).collect();
        let sweeps = usize::from(look.sweep.is_some()) + usize::from(look.sweep_from.is_some());
        let ways = named.len() + usize::from(look.url.is_some()) + sweeps;
        let instead = "one of get, head, post, put, patch, delete, options, `method` with `url`, sweep or sweep_from";
        match ways {
            0 => problems.suggest(table.span, "nothing to ask for", "a look needs an address", instead),
            1 => {}
            _ => problems.suggest(table.span, "several requests in one look", "a look makes one, or a sweep", instead),
        }
        if look.method.is_some() && look.url.is_none() && sweeps == 0 {
            problems.suggest(table.place(&["method"]), "`method` without `url`", "it needs an address", "add `url`");
        }
        if look.sweep.as_ref().is_some_and(Vec::is_empty) {
            problems.add(table.place(&["sweep"]), "an empty sweep", "it would look at nothing and find nothing wrong");
        }
        match &*look.sweep_from {
            Some(from) => from.validate(look, table, problems),
            None if expect.endpoints.is_some() => {
                let why = "how many there are stands in the configuration: it could never fail";
                problems.add(table.place(&["expect", "endpoints"]), "`endpoints` without `sweep_from`", why);
            }
            None => {}
        }
        if let Some((what, instead)) = look.proxy.as_ref().and_then(ViaProxy::fault) {
            problems.suggest(table.place(&["proxy"]), what, "nothing could be asked through it", instead);
        }
        let relative = look.requests().1.iter().any(|path| !request::is_absolute(path));
        if relative && look.base_url.is_none() && ways == 1 {
            let why = "a path needs something to be appended to";
            let instead = "base_url = { target = \"...\" } here or in [defaults.http], or write the whole URL";
            problems.suggest(table.span, "a path without `base_url`", why, instead);
        }
        let bodies =
            usize::from(look.body.is_some()) + usize::from(look.json.is_some()) + usize::from(!look.form.is_empty());
        if bodies > 1 {
            problems.add(table.span, "several bodies", "only one of `body`, `json` and `form` can be sent");
        }
        for name in ["authorization", "proxy-authorization", "cookie", "x-api-key"] {
            let written = look.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            if let Some((key, HeaderText::Plain(Text::Literal(_)))) = written {
                let why = "a secret in a file under version control is no secret";
                let instead = "{ env = \"NAME\" }, { bearer = { env = \"NAME\" } } or { basic = { user, password } }";
                problems.secret(table.place(&["headers", key]), "a credential written out", why, instead);
            }
        }
        for part in expect.body_contains.iter().chain(expect.body_excludes.iter()).filter(|part| part.is_empty()) {
            let _ = part;
            problems.add(table.place(&["expect"]), "an empty text", "every body contains it");
        }
        if let Some(bounds) = &*expect.size {
            let place = table.place(&["expect", "size"]);
            match (bounds.at_least, bounds.at_most) {
                (None, None) => problems.add(place, "`size` without a bound", "it expects nothing"),
                (Some(low), Some(high)) if low > high => {
                    problems.add(place, "an impossible range", "no size lies in it, so the check could never pass");
                }
                (Some(Bytes(0)), None) => problems.add(place, "a size of at least 0", "it always holds"),
                (Some(_) | None, Some(_) | None) => {}
            }
        }
    }

    fn describe(look: &HttpLook) -> String {
        let (method, paths) = look.requests();
        let base = look.base_url.as_ref().map(Address::shown).unwrap_or_default();
        match (paths.as_slice(), &*look.sweep) {
            ([path], None) if request::is_absolute(path) => format!("{method} {path}"),
            ([path], None) => format!("{method} {base}{path}"),
            (_, None) if look.sweep_from.is_some() => {
                let document = look.sweep_from.as_ref().map(SweepFrom::shown).unwrap_or_default();
                format!("{method} {base} (what {document} lists)")
            }
            (paths, _) => format!("{method} {base} ({} addresses)", paths.len()),
        }
    }

    fn addresses(look: &HttpLook) -> Vec<&Address> {
        look.base_url.iter().chain(look.proxy.as_ref().map(ViaProxy::address)).collect()
    }

    fn repeatable(look: &HttpLook) -> bool {
        matches!(look.requests().0, "GET" | "HEAD" | "OPTIONS")
    }

    async fn observe(look: &HttpLook, world: &World) -> Outcome<Vec<Arc<Exchange>>> {
        request::observe(look, world).await
    }

    fn judge(expect: &HttpExpect, seen: &Vec<Arc<Exchange>>, at: Timestamp, judgement: &mut Judgement) {
        if seen.is_empty() {
            judgement.add(codes::EMPTY, |f| f.seen(Seen::Empty).detail("the sweep has no address"));
        }
        let listed = seen.first().and_then(|exchange| exchange.listed.as_ref());
        if let (Some(count), Some(listed)) = (&*expect.endpoints, listed)
            && !count.admits(listed.of)
        {
            judgement.add(codes::OUT_OF_BOUNDS, |f| {
                let place = Place::Field(listed.document.clone());
                f.of("endpoints").at(place).expected(count.write()).seen(Seen::Value(json!(listed.of)))
            });
        }
        let mut inner: Vec<(&Exchange, Judgement)> = Vec::new();
        for exchange in seen {
            let mut one = Judgement::default();
            match &exchange.answer {
                Outcome::Seen(response) => expect.judge_response(response, at, &mut one),
                Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => {
                    let finding = Finding {
                        code: trouble.code.clone(),
                        detail: trouble.detail.clone(),
                        advice: trouble.advice.clone(),
                        ..Finding::new(codes::LOCAL_TROUBLE)
                    };
                    one.push(trouble.side(), finding);
                }
            }
            if !one.is_clean() {
                inner.push((exchange, one));
            }
        }
        let tally = (seen.len() > 1).then(|| {
            let all = listed.filter(|listed| listed.of > seen.len() as u64);
            let all = all.map(|listed| format!(" that were taken from {} listed", listed.of)).unwrap_or_default();
            format!("{} of {} pass{all}", seen.len() - inner.len(), seen.len())
        });
        for (exchange, one) in inner {
            judgement.absorb(one, |mut finding| {
                finding.place.insert(0, Place::Endpoint(format!("{} {}", exchange.method, exchange.path)));
                finding.reproduce.clone_from(&exchange.curl);
                if let (Some(tally), true) = (&tally, finding.detail.is_empty()) {
                    finding.detail.clone_from(tally);
                }
                finding
            });
        }
    }

    fn claims(expect: &HttpExpect) -> Vec<String> {
        let mut claims = Vec::new();
        claims.extend(expect.endpoints.iter().map(|_| "endpoints".to_owned()));
        claims.extend(expect.status.iter().map(|_| "status".to_owned()));
        claims.extend(expect.within.iter().map(|_| "within".to_owned()));
        claims.extend(expect.content_type.iter().map(|_| "content_type".to_owned()));
        claims.extend(expect.header.iter().flat_map(|(name, p)| predicate_claims(&format!("header.{name}"), p)));
        claims.extend(expect.location.iter().flat_map(|predicate| predicate_claims("location", predicate)));
        if let Some(bounds) = &*expect.size {
            claims.extend(bounds.at_least.map(|_| "size.at_least".to_owned()));
            claims.extend(bounds.at_most.map(|_| "size.at_most".to_owned()));
        }
        claims.extend(expect.texts().claims());
        claims.extend(expect.json.claims("json"));
        claims.extend(expect.html.claims());
        claims
    }

    fn numbers(seen: &Vec<Arc<Exchange>>) -> Map<String, Value> {
        let mut numbers = Map::new();
        let responses = || {
            seen.iter().filter_map(|exchange| match &exchange.answer {
                Outcome::Seen(response) => Some(response),
                Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => None,
            })
        };
        if seen.len() > 1 {
            numbers.insert("endpoints".into(), json!(seen.len()));
            numbers.insert("answered".into(), json!(responses().count()));
        }
        if let Some(listed) = seen.first().and_then(|exchange| exchange.listed.as_ref()) {
            numbers.insert("listed".into(), json!(listed.of));
            if listed.unasked > 0 {
                numbers.insert("unasked".into(), json!(listed.unasked));
            }
        }
        // Of a sweep the slowest.
        if let Some(response) = responses().max_by_key(|response| response.timings.total) {
            let timings = &response.timings;
            numbers.insert("status".into(), json!(response.status));
            numbers.insert("size".into(), json!(response.size));
            for (name, lapse) in [
                ("dns", timings.dns),
                ("connect", timings.connect),
                ("tls", timings.tls),
                ("first_byte", timings.first_byte),
                ("total", timings.total),
            ] {
                numbers.insert(name.into(), json!(lapse.micros()));
            }
        }
        numbers
    }

    fn impostors(
        _: &HttpLook,
        seen: &Vec<Arc<Exchange>>,
        _: Timestamp,
        others: &[Other<'_, Http>],
    ) -> Vec<Sabotage<Self::Seen>> {
        impostors::impostors(seen, others)
    }

    fn breakages(expect: &HttpExpect, seen: &Vec<Arc<Exchange>>, at: Timestamp) -> Vec<Breakage<Self::Seen>> {
        let answered = impostors::sample(seen).into_iter().filter_map(|i| match &seen[i].answer {
            Outcome::Seen(response) => Some((i, response)),
            Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => None,
        });
        let counts = expect.endpoints.iter().flat_map(Count::wrong).map(|of| {
            let story = "pages came or went, and the list with them";
            Breakage::new("endpoints", format!("{of} listed"), story, impostors::relisted(seen, of))
        });
        counts.chain(answered.flat_map(|(i, green)| endpoint_breakages(expect, seen, i, green, at))).collect()
    }

    fn variations(seen: &Vec<Arc<Exchange>>) -> Vec<Sabotage<Self::Seen>> {
        impostors::variations(seen)
    }

    fn unclaimed(expect: &HttpExpect, seen: &Vec<Arc<Exchange>>) -> Unclaimed {
        let Some(Outcome::Seen(response)) = seen.first().map(|exchange| &exchange.answer) else {
            return Unclaimed::default();
        };
        if impostors::is_html(response)
            && let Some(html) = response.body.text()
        {
            return unclaimed_headings(expect, html);
        }
        let bytes = response.body.bytes();
        expect.json.unclaimed(Body { bytes: &bytes, whole: !response.cut })
    }

    fn candidates(_: &HttpLook, greens: &[&Vec<Arc<Exchange>>]) -> Vec<Value> {
        candidates(greens)
    }

    fn exemplars() -> Vec<Exemplar<Self::Seen>> {
        exemplars::exemplars()
    }
}

/// For each expectation the smallest changes of one endpoint's answer that must trip it.
fn endpoint_breakages(
    expect: &HttpExpect,
    seen: &[Arc<Exchange>],
    i: usize,
    green: &Response,
    at: Timestamp,
) -> Vec<Breakage<Vec<Arc<Exchange>>>> {
    let mut broken = Vec::new();
    let mut add = |claim: String, name: String, story: &'static str, response: Response| {
        let name = impostors::at_endpoint(name, seen, i);
        broken.push(Breakage::new(claim, name, story, impostors::replaced(seen, i, response)));
    };
    for wrong in expect.status.iter().flat_map(|set| set.wrong().take(1)) {
        let response = Response { status: wrong, ..green.clone() };
        add("status".into(), format!("status {wrong}"), "the service answers with an error", response);
    }
    if let Some(bound) = expect.within {
        let mut response = green.clone();
        response.timings.total = Lapse(bound.0 + std::time::Duration::from_micros(1));
        add("within".into(), "one microsecond over".into(), story_of("one step past the bound"), response);
    }
    if expect.content_type.is_some() {
        let response = with_header(green, "content-type", Some("application/octet-stream"));
        add("content_type".into(), "another media type".into(), "a proxy serves the file as a download", response);
    }
    let location = expect.location.iter().map(|predicate| ("location", "location".to_owned(), predicate));
    let headers = expect.header.iter().map(|(name, predicate)| (name.as_str(), format!("header.{name}"), predicate));
    for (name, prefix, predicate) in headers.chain(location) {
        let value = green.header(name).map_or(Value::Null, Value::String);
        for operator in predicate.operators() {
            for (change, changed) in breakages(predicate, operator, &value, at) {
                let text = match &changed {
                    None => None,
                    Some(Value::String(text)) => Some(text.as_str()),
                    Some(_) => continue,
                };
                let response = with_header(green, name, text);
                add(format!("{prefix}.{operator}"), format!("{name}: {change}"), story_of(change), response);
            }
        }
    }
    if let Some(bounds) = &*expect.size {
        for (claim, size) in [
            ("size.at_least", bounds.at_least.and_then(|low| low.0.checked_sub(1))),
            ("size.at_most", bounds.at_most.map(|high| high.0 + 1)),
        ] {
            if let Some(size) = size {
                let response = Response { size, ..green.clone() };
                add(claim.into(), format!("{size} bytes"), story_of("one step past the bound"), response);
            }
        }
    }
    let bytes = green.body.bytes();
    let body = Body { bytes: &bytes, whole: !green.cut };
    let texts = expect.texts().breakages(body);
    let json = expect.json.breakages("json", body, at);
    let html = if expect.html.is_empty() { Vec::new() } else { expect.html.breakages(body, at) };
    let read_in_body =
        expect.texts().claims().into_iter().chain(expect.json.claims("json")).chain(expect.html.claims());
    for claim in read_in_body {
        let cut = Response { cut: true, ..impostors::rebodied(green, String::new()) };
        add(claim, "cut before it".into(), "the answer has outgrown what is read of it", cut);
    }
    for change in texts.into_iter().chain(json).chain(html) {
        add(change.claim, change.name, change.story, impostors::rebodied(green, change.text));
    }
    broken
}

/// The headings of the main content in whose section no expectation reads a text. Expectations by selector are
/// taken to read all headings that their text occurs in.
fn unclaimed_headings(expect: &HttpExpect, html: &str) -> Unclaimed {
    let mut sections: Vec<(String, bool)> = Vec::new();
    let texts: Vec<&str> = expect.body_contains.iter().map(String::as_str).collect();
    let read_by = |source: &str| {
        texts.iter().any(|text| text.contains(source) || source.contains(text))
            || expect.body_matches.iter().any(|pattern| pattern.is_match(source))
            || expect.html.mentions(source)
    };
    for text in page::main_texts(html) {
        if text.level <= 6 || sections.is_empty() {
            sections.push((text.source.to_owned(), false));
        }
        if let Some(section) = sections.last_mut() {
            section.1 |= read_by(text.source);
        }
    }
    Unclaimed {
        of: sections.len(),
        fields: sections.into_iter().filter(|(_, read)| !read).map(|(heading, _)| heading).collect(),
    }
}

fn with_header(green: &Response, name: &str, value: Option<&str>) -> Response {
    let mut response = green.clone();
    response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    response.headers.extend(value.map(|value| (name.to_ascii_lowercase(), value.to_owned())));
    response
}

/// Expectations that all greens meet: the status with one text of the main content each, headings first; for JSON
/// its fields; for a redirect its location; otherwise media type and size.
fn candidates(greens: &[&Vec<Arc<Exchange>>]) -> Vec<Value> {
    let responses: Vec<&Response> = greens
        .iter()
        .flat_map(|green| green.iter())
        .filter_map(|exchange| match &exchange.answer {
            Outcome::Seen(response) => Some(response),
            Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => None,
        })
        .collect();
    let Some((first, others)) = responses.split_first() else { return Vec::new() };
    if others.iter().any(|other| other.status != first.status) {
        return Vec::new();
    }
    let status = first.status;
    let mut found = Vec::new();
    let counts: Option<Vec<u64>> = greens.iter().map(|green| Some(green.first()?.listed.as_ref()?.of)).collect();
    if let Some(fewest) = counts.and_then(|counts| counts.into_iter().min()).filter(|fewest| *fewest > 1) {
        found.push(json!({ "endpoints": { "at_least": fewest - fewest / 4 } }));
    }
    if let Some(location) = first.header("location")
        && others.iter().all(|other| other.header("location").as_ref() == Some(&location))
    {
        found.push(json!({ "status": status, "location": location }));
    }
    let texts: Vec<&str> = responses.iter().filter_map(|response| response.body.text()).collect();
    if impostors::is_html(first) {
        let rest: Vec<&str> = others.iter().filter_map(|response| response.body.text()).collect();
        let mut stable: Vec<page::Text<'_>> = page::main_texts(texts.first().copied().unwrap_or_default())
            .into_iter()
            .filter(|text| {
                (3..=120).contains(&text.source.len()) && rest.iter().all(|other| other.contains(text.source))
            })
            .collect();
        stable.dedup();
        // Headings first; among equals the ones without digits, which tend to stay.
        stable.sort_by_key(|text| (text.source.contains(|c: char| c.is_ascii_digit()), text.level));
        found.extend(stable.iter().take(40).map(|text| json!({ "status": status, "body_contains": [text.source] })));
    }
    let bodies: Vec<Vec<u8>> = responses.iter().map(|response| response.body.bytes().into_owned()).collect();
    let slices: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    found.extend(json_claims::candidates(&slices).into_iter().map(|table| json!({ "status": status, "json": table })));
    if found.is_empty() && texts.len() == responses.len() {
        let lines = crate::text_claims::stable_lines(&texts);
        found.extend(lines.into_iter().map(|line| json!({ "status": status, "body_contains": [line] })));
    }
    if let Some(media) = first.media_type()
        && others.iter().all(|other| other.media_type().as_ref() == Some(&media))
    {
        let smallest = responses.iter().map(|response| response.size).min().unwrap_or_default();
        let floor = smallest / 2 + 1;
        found.push(json!({ "status": status, "content_type": media, "size": { "at_least": format!("{floor}B") } }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::exemplars::exemplary;
    use super::*;
    use steadfast_core::check::{AnyKind, Of};
    use steadfast_core::setting::Span;

    fn judged(expect: &str, response: Response) -> Vec<String> {
        let table: toml::Table = format!("get = \"http://shop.example/\"\n[expect]\n{expect}").parse().unwrap();
        let node = Node::from_json(&serde_json::to_value(table).unwrap(), Span::default()).unwrap();
        let mut problems = Problems::default();
        let read = Of::<Http>::NEW.read(&node, &mut problems);
        let Some(_) = read else { panic!("{expect}: {problems:?}") };
        let expect = HttpExpect::read(&node.entry("expect").unwrap().node, &mut problems).unwrap();
        let mut judgement = Judgement::default();
        expect.judge_response(&response, Timestamp::UNIX_EPOCH, &mut judgement);
        judgement.verdict().findings().iter().map(|f| format!("{} {}", f.claim, f.code)).collect()
    }

    fn page(body: &str) -> Response {
        match &exemplary("/", 200, "text/html; charset=utf-8", body).answer {
            Outcome::Seen(response) => response.clone(),
            Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => unreachable!("an exemplary answer"),
        }
    }

    fn check(expect: &str, body: &str, expected: &[&str]) {
        assert_eq!(judged(expect, page(body)), expected, "{expect}");
    }

    #[test]
    fn an_answer_is_held_to_every_expectation() {
        check("status = 200\nbody_contains = \"a\"", "cat", &[]);
        check("status = [200, 204]\nwithin = \"50ms\"", "cat", &["within too-slow"]);
        check("status = \"3xx\"", "cat", &["status unequal"]);
        check("content_type = \"text/html\"", "cat", &[]);
        check("content_type = \"application/json\"", "cat", &["content_type unequal"]);
        check("header.x-served-by = \"web-2\"", "cat", &["header.x-served-by.equals unequal"]);
        check("header.x-nobody = { absent = true }", "cat", &[]);
        check("size.at_least = \"4B\"", "cat", &["size.at_least out-of-bounds"]);
        check("location = { contains = \"/\" }", "cat", &["location.contains missing"]);
        check("html.h1 = \"Timothy\"", "<h1> Timothy\n</h1>", &[]);
        check("html.h1 = \"Timothy\"", "<h1>Tom</h1>", &["html.\"h1\".equals unequal"]);
        check("html.h1 = { count = 1 }", "<h1>a</h1><h1>b</h1>", &["html.\"h1\".count out-of-bounds"]);
        check("json.'$.a' = 1", "<html>", &["json.\"$.a\".equals not-json"]);
    }

    #[test]
    fn what_lies_beyond_the_cut_is_unknown() {
        let cut = Response { cut: true, ..page("<h1>Tim") };
        for expect in
            ["body_contains = \"Meaning\"", "html.h2 = \"Meaning\"", "size.at_least = \"1MB\"", "json.'$.a' = 1"]
        {
            let codes = judged(expect, cut.clone());
            assert!(
                codes.iter().all(|code| code.ends_with("beyond-the-cut")) && !codes.is_empty(),
                "{expect}: {codes:?}"
            );
        }
        assert!(judged("body_contains = \"Tim\"", cut.clone()).is_empty());
        assert_eq!(judged("body_excludes = \"Tim\"", cut), ["body_excludes.\"Tim\" forbidden"]);
    }
}

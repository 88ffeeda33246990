//! From a look to requests: addresses, headers, credentials, bodies, and the curl line that asks the same by hand.

use std::sync::Arc;

use serde_json::{Value, json};
use steadfast_core::finding::codes;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::secret::{Secret, SecretRef, Text};
use steadfast_core::setting::{Node, Problems, Raw, Setting, Table};
use steadfast_core::world::World;
use steadfast_probe::exchange::Exchange;
use steadfast_probe::http::{Ask, Speak, ask};

use super::listing::{self, Endpoint};
use super::{HttpLook, HttpVersion};
use crate::client_certificate::ClientCertificate;

/// A header's value.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderText {
    /// Written out, or a secret as it is.
    Plain(Text),
    /// `Bearer <secret>` (RFC 6750).
    Bearer(SecretRef),
    /// `Basic <user:password>` (RFC 7617).
    Basic(Text, SecretRef),
}

impl HeaderText {
    fn value(&self, world: &World) -> Result<Secret, Trouble> {
        match self {
            HeaderText::Plain(text) => world.text(text),
            HeaderText::Bearer(secret) => Ok(Secret::new(format!("Bearer {}", world.secret(secret)?.expose()))),
            HeaderText::Basic(user, password) => {
                let pair = format!("{}:{}", world.text(user)?.expose(), world.secret(password)?.expose());
                let code = steadfast_probe::body::encode(pair.as_bytes());
                Ok(Secret::new(format!("Basic {code}")))
            }
        }
    }

    /// What it looks like in a shell, and whether it has to be expanded there.
    fn shell(&self) -> String {
        match self {
            HeaderText::Plain(text) => text.shell(),
            HeaderText::Bearer(secret) => format!("Bearer {}", secret.shell()),
            HeaderText::Basic(user, password) => {
                format!("Basic $(printf %s {}:{} | base64 -w0)", user.shell(), password.shell())
            }
        }
    }
}

impl Setting for HeaderText {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Some(entry) = node.entry("bearer") {
            let secret = SecretRef::read(&entry.node, problems);
            let mut table = Table::open(node, problems)?;
            table.get("bearer");
            table.finish(problems);
            return secret.map(HeaderText::Bearer);
        }
        if let Some(entry) = node.entry("basic") {
            let mut table = Table::open(node, problems)?;
            table.get("basic");
            table.finish(problems);
            let mut pair = Table::open(&entry.node, problems)?;
            let user = pair.take::<Text>("user", None, problems);
            let password = pair.take::<SecretRef>("password", None, problems);
            pair.finish(problems);
            return Some(HeaderText::Basic(user?, password?));
        }
        match &node.raw {
            Raw::Table(_) | Raw::Text(_) => Text::read(node, problems).map(HeaderText::Plain),
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                problems.wrong_type(node, "a string, { env = \"NAME\" }, { bearer = .. } or { basic = .. }");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            HeaderText::Plain(text) => text.write(),
            HeaderText::Bearer(secret) => json!({ "bearer": secret.write() }),
            HeaderText::Basic(user, password) => {
                json!({ "basic": { "user": user.write(), "password": password.write() } })
            }
        }
    }
    fn schema() -> Value {
        let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        let pair =
            object(json!({ "user": Text::schema(), "password": SecretRef::schema() }), json!(["user", "password"]));
        json!({ "anyOf": [
            Text::schema(),
            object(json!({ "bearer": SecretRef::schema() }), json!(["bearer"])),
            object(json!({ "basic": pair }), json!(["basic"])),
        ] })
    }
}

/// Makes every request of the look, a few at a time, and keeps their order.
pub(super) async fn observe(look: &HttpLook, world: &World) -> Outcome<Vec<Arc<Exchange>>> {
    let (method, paths) = look.requests();
    if let Some(from) = &*look.sweep_from {
        return match listing::endpoints(look, from, world).await {
            Ok(endpoints) => Outcome::Seen(sweep(look, world, method, endpoints).await),
            Err(trouble) => trouble.into(),
        };
    }
    if look.sweep.is_none() {
        let path = paths.first().copied().unwrap_or_default();
        let exchange = one(look, world, method, path).await;
        return match exchange.answer {
            Outcome::Seen(_) => Outcome::Seen(vec![Arc::new(exchange)]),
            Outcome::TargetFailed(trouble) => Outcome::TargetFailed(trouble),
            Outcome::CouldNotLook(trouble) => Outcome::CouldNotLook(trouble),
        };
    }
    let permits = tokio::sync::Semaphore::new(world.limits().per_sweep);
    let requests = paths.iter().map(|path| async {
        // A semaphore that is never closed always grants.
        let _permit = permits.acquire().await;
        Arc::new(one(look, world, method, path).await)
    });
    Outcome::Seen(futures_util::future::join_all(requests).await)
}

/// The bodies of a sweep from a list take at most so many bytes together.
const BODIES: usize = 256 << 20;

async fn sweep(look: &HttpLook, world: &World, method: &str, endpoints: Vec<Endpoint>) -> Vec<Arc<Exchange>> {
    let permits = tokio::sync::Semaphore::new(world.limits().per_sweep);
    let share = BODIES / endpoints.len().max(1);
    let requests = endpoints.into_iter().map(|endpoint| async {
        // A semaphore that is never closed always grants.
        let _permit = permits.acquire().await;
        Arc::new(listed(look, world, method, endpoint, share).await)
    });
    futures_util::future::join_all(requests).await
}

async fn listed(look: &HttpLook, world: &World, method: &str, endpoint: Endpoint, share: usize) -> Exchange {
    let listed = Some(endpoint.listed);
    match endpoint.address {
        Err((text, trouble)) => Exchange { answer: trouble.into(), listed, ..unasked(method, &text) },
        Ok(url) => {
            let path = match endpoint.credentials {
                Credentials::Own => listing::path_of(&url),
                Credentials::None => url.to_string(),
            };
            let asked = prepare(look, world, method, url, endpoint.credentials).and_then(|mut asked| {
                for (name, value) in &endpoint.headers {
                    set_header(&mut asked.headers, name, value)?;
                }
                asked.body_limit = asked.body_limit.min(share);
                Ok(asked)
            });
            let exchange = Exchange { listed, ..unasked(method, &path) };
            answered(look, world, exchange, asked, &endpoint.headers).await
        }
    }
}

async fn one(look: &HttpLook, world: &World, method: &str, path: &str) -> Exchange {
    let asked = address(look, world, path).and_then(|url| prepare(look, world, method, url, Credentials::Own));
    answered(look, world, unasked(method, path), asked, &[]).await
}

fn unasked(method: &str, path: &str) -> Exchange {
    Exchange {
        method: method.to_owned(),
        url: path.to_owned(),
        path: path.to_owned(),
        curl: String::new(),
        answer: Trouble::new(codes::LOCAL_TROUBLE, "not asked").into(),
        listed: None,
    }
}

async fn answered(
    look: &HttpLook,
    world: &World,
    exchange: Exchange,
    asked: Result<Ask, Trouble>,
    further: &[(String, String)],
) -> Exchange {
    match asked {
        Err(trouble) => Exchange { answer: trouble.into(), ..exchange },
        Ok(asked) => Exchange {
            url: asked.url.to_string(),
            curl: curl(look, world, &asked, &exchange.method, further),
            answer: ask(world, &asked).await.into(),
            ..exchange
        },
    }
}

/// Whether it is a URL of its own; one that stands in a path or a query does not count.
pub(super) fn is_absolute(path: &str) -> bool {
    path.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whose credentials a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Those of the look.
    Own,
    /// None: it goes to somebody whom a document named.
    None,
}

/// The URL of a path or URL of the look.
pub(super) fn address(look: &HttpLook, world: &World, path: &str) -> Result<url::Url, Trouble> {
    let written = match &look.base_url {
        Some(base) if !is_absolute(path) => {
            let base = world.address(base)?;
            let base = base.expose().trim_end_matches('/').to_owned();
            if path.starts_with('/') || path.is_empty() { base + path } else { format!("{base}/{path}") }
        }
        Some(_) | None => path.to_owned(),
    };
    let url = url::Url::parse(&written).map_err(|why| unusable(format!("`{written}` is no URL: {why}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable(format!("`{}` is not http or https", url.scheme())));
    }
    Ok(url)
}

fn unusable(what: String) -> Trouble {
    Trouble::new(codes::LOCAL_TROUBLE, what)
}

fn set_header(headers: &mut http::HeaderMap, name: &str, value: &str) -> Result<(), Trouble> {
    let name = http::HeaderName::try_from(name).map_err(|why| unusable(format!("header `{name}`: {why}")))?;
    let mut value = http::HeaderValue::try_from(value)
        .map_err(|_| unusable(format!("the value of header `{name}` holds a character that no header may have")))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The request for a URL, with all that the look adds to it.
pub(super) fn prepare(
    look: &HttpLook,
    world: &World,
    method: &str,
    mut url: url::Url,
    credentials: Credentials,
) -> Result<Ask, Trouble> {
    let own = credentials == Credentials::Own;
    for (name, text) in look.query.iter().filter(|(_, text)| own || matches!(text, Text::Literal(_))) {
        let value = world.text(text)?;
        url.query_pairs_mut().append_pair(name, value.expose());
    }
    let mut headers = http::HeaderMap::new();
    let mut set = |name: &str, value: &str| set_header(&mut headers, name, value);
    if !url.username().is_empty() || url.password().is_some() {
        let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        set("authorization", &format!("Basic {}", steadfast_probe::body::encode(pair.as_bytes())))?;
        let _ = (url.set_username(""), url.set_password(None));
    }
    let mut body = bytes::Bytes::new();
    if let Some(value) = &*look.json {
        set("content-type", "application/json")?;
        body = value.0.to_string().into();
    }
    if !look.form.is_empty() {
        set("content-type", "application/x-www-form-urlencoded")?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, text) in &*look.form {
            form.append_pair(name, world.text(text)?.expose());
        }
        body = form.finish().into();
    }
    if let Some(text) = &*look.body {
        body = world.text(text)?.expose().to_owned().into();
    }
    let public = |text: &HeaderText| matches!(text, HeaderText::Plain(Text::Literal(_)));
    for (name, text) in look.headers.iter().filter(|(_, text)| own || public(text)) {
        set(name, text.value(world)?.expose())?;
    }
    let method = http::Method::try_from(method).map_err(|why| unusable(format!("method `{method}`: {why}")))?;
    Ok(Ask {
        method,
        url,
        headers,
        body,
        redirects: look.redirects,
        speak: match look.version {
            HttpVersion::Auto => Speak::Auto,
            HttpVersion::One => Speak::One,
            HttpVersion::Two => Speak::Two,
        },
        roots: look.roots.as_ref().map(|path| world.root().join(path)),
        connect_to: look.connect_to.iter().map(|rule| rule.pair()).collect(),
        body_limit: usize::try_from(look.body_limit.0).unwrap_or(usize::MAX / 2),
        keep_alive: look.keep_alive,
        compressed: look.compressed,
        proxy: look.proxy.as_ref().map(|proxy| proxy.read_in(world)).transpose()?,
        identity: match &*look.client_certificate {
            Some(certificate) if own => Some(certificate.read_in(world)?),
            Some(_) | None => None,
        },
    })
}

/// A curl command that asks the same. Secrets stand as `$NAME`, so that it can be shown and pasted.
fn curl(look: &HttpLook, world: &World, ask: &Ask, method: &str, further: &[(String, String)]) -> String {
    let mut line = vec!["curl -sS -i".to_owned()];
    match method {
        "GET" => {}
        "HEAD" => line.push("-I".into()),
        other => line.push(format!("-X {other}")),
    }
    if look.redirects > 0 {
        line.push(format!("-L --max-redirs {}", look.redirects));
    }
    match look.version {
        HttpVersion::Auto => {}
        HttpVersion::One => line.push("--http1.1".into()),
        HttpVersion::Two => line.push("--http2".into()),
    }
    if look.compressed {
        line.push("--compressed".into());
    }
    line.extend(look.roots.iter().map(|roots| format!("--cacert {}", quoted(roots))));
    if ask.identity.is_some() {
        line.extend(look.client_certificate.iter().map(ClientCertificate::curl));
    }
    for (address, credentials) in look.proxy.iter().map(|proxy| proxy.curl()) {
        line.push(format!("--proxy {}", expanded(&address)));
        line.extend(credentials.map(|pair| format!("--proxy-user {}", expanded(&pair))));
    }
    line.extend(look.connect_to.iter().map(|rule| format!("--connect-to {}", quoted(rule.source()))));
    // One that goes without our credentials lacks their headers.
    let headers = look.headers.iter().filter(|(name, _)| ask.headers.contains_key(name.as_str()));
    line.extend(headers.map(|(name, text)| format!("-H {}", expanded(&format!("{name}: {}", text.shell())))));
    line.extend(further.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    if let Some(value) = &*look.json {
        line.push(format!("--json {}", quoted(&value.0.to_string())));
    }
    line.extend(
        look.form
            .iter()
            .map(|(name, text)| format!("--data-urlencode {}", expanded(&format!("{name}={}", text.shell())))),
    );
    line.extend(look.body.iter().map(|text| format!("--data-binary {}", expanded(&text.shell()))));
    let mut url = ask.url.clone();
    if !look.query.is_empty() {
        // curl appends them to what the address has of its own.
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        url.set_query(None);
        if let Some(own @ [_, ..]) = pairs.get(..pairs.len().saturating_sub(look.query.len())) {
            url.query_pairs_mut().extend_pairs(own);
        }
        line.push("-G".into());
        line.extend(
            look.query
                .iter()
                .map(|(name, text)| format!("--data-urlencode {}", expanded(&format!("{name}={}", text.shell())))),
        );
    }
    let shown = world.redactor().text(url.as_str()).unwrap_or_else(|| url.to_string());
    line.push(quoted(&shown));
    line.join(" ")
}

/// In single quotes, so that the shell takes it as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// In double quotes if there is a variable to expand, otherwise in single ones.
fn expanded(text: &str) -> String {
    if text.contains('$') {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('`', "\\`"))
    } else {
        quoted(text)
    }
}

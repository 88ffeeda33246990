//! The look of an HTTP check from what other tools write: addresses, headers and bodies in which variables and secrets
//! may stand. A secret that is written out there becomes the name of a variable here.

use serde_json::{Map, Value, json};
use url::Url;

use super::carried::{Carried, Check};
use crate::init::looks_secret;

/// Words in the name of a header, parameter or field that a secret stands behind.
const SECRET: [&str; 12] = [
    "token",
    "secret",
    "passw",
    "pwd",
    "auth",
    "session",
    "jwt",
    "credential",
    "cookie",
    "api-key",
    "apikey",
    "api_key",
];

/// A text in which variables may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
}

impl Template {
    /// A text as it is.
    pub(crate) fn literal(text: &str) -> Template {
        Template(vec![Piece::Text(text.to_owned())])
    }

    /// `$NAME` and `${NAME}` are variables, `$$` is a dollar.
    pub(crate) fn expanding(text: &str) -> Template {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            plain.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, next) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((name, next)) => (name, next),
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            let is_name = |name: &str| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            if is_name(name) {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Variable(name.to_owned()));
                rest = next;
            } else {
                plain.push('$');
                rest = after.strip_prefix('$').unwrap_or(after);
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Template(pieces)
    }

    /// The text, if no variable stands in it.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The variable, if it is all there is.
    pub(crate) fn as_variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// As it was written.
    pub(crate) fn shown(&self) -> String {
        let shown = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name) => format!("${{{name}}}"),
        });
        shown.collect()
    }

    /// What stands behind a word at its beginning, whatever its case.
    fn after(&self, word: &str) -> Option<Template> {
        let [Piece::Text(first), rest @ ..] = self.0.as_slice() else { return None };
        let head = first.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
        let tail = first[head.len()..].trim_start().to_owned();
        let tail = (!tail.is_empty()).then_some(Piece::Text(tail));
        let pieces: Vec<Piece> = tail.into_iter().chain(rest.iter().cloned()).collect();
        (!pieces.is_empty()).then_some(Template(pieces))
    }

    /// As a value of our configuration. A secret never is one: then a variable is named after the check.
    pub(crate) fn value(&self, carried: &mut Carried, id: &str, suffix: &str, what: &str, secret: bool) -> Value {
        match (self.as_literal(), self.as_variable()) {
            (Some(text), _) if secret || looks_secret("", &json!(text)) => carried.secret(id, suffix, text, what),
            (Some(text), _) => json!(text),
            (None, Some(name)) => carried.variable(name, what),
            (None, None) => {
                let pieces = self.0.iter().filter_map(|piece| match piece {
                    Piece::Text(text) if secret => Some(text.as_str()),
                    Piece::Text(_) | Piece::Variable(_) => None,
                });
                pieces.for_each(|text| carried.keep_out(text));
                let name = super::carried::variable_name(&format!("{id} {suffix}"));
                carried.variable(&name, format!("{what}, what `{}` comes to", self.shown()))
            }
        }
    }
}

/// Whether a secret stands behind such a name.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word)) || name == "key" || name.ends_with("-key") || name == "sig"
}

/// Sets what is asked for, and how.
pub(crate) fn request(carried: &mut Carried, check: &mut Check, method: &str, address: &Template) {
    let method = method.to_ascii_uppercase();
    let path = match (address.as_literal(), address.0.as_slice()) {
        (Some(url), _) => without_secrets(carried, check, url),
        (None, [Piece::Variable(name)]) => {
            let name = carried.variable(name, format!("the address of {}", check.id));
            check.look("base_url", name);
            String::new()
        }
        (None, [Piece::Variable(name), Piece::Text(path)]) if path.starts_with('/') => {
            let name = carried.variable(name, format!("where {} is, without `{path}`", check.id));
            check.look("base_url", name);
            path.clone()
        }
        (None, _) => {
            let id = check.id.clone();
            let value = address.value(carried, &id, "url", &format!("the address of {id}"), false);
            check.look("base_url", value);
            String::new()
        }
    };
    match method.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => {
            check.look(&method.to_ascii_lowercase(), path);
        }
        _ => {
            check.look("method", method);
            check.look("url", path);
        }
    }
}

/// The URL without the secrets in it, which become variables.
fn without_secrets(carried: &mut Carried, check: &mut Check, written: &str) -> String {
    let Ok(mut url) = Url::parse(written) else { return written.to_owned() };
    let id = check.id.clone();
    let mut changed = false;
    if let Some(password) = url.password().map(str::to_owned) {
        let decoded = url::form_urlencoded::parse(format!("p={}", password.replace('+', "%2B")).as_bytes())
            .next()
            .map_or_else(|| password.clone(), |(_, value)| value.into_owned());
        carried.keep_out(&password);
        let user = url.username().to_owned();
        let secret = carried.secret(&id, "password", &decoded, format!("the password of `{user}` for {id}"));
        set_header(check, "authorization", json!({ "basic": { "user": user, "password": secret } }));
        let _ = (url.set_username(""), url.set_password(None));
        changed = true;
    }
    let pairs: Vec<(String, String)> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    let secret = |name: &str, value: &str| is_secret_name(name) || looks_secret(name, &json!(value));
    if pairs.iter().any(|(name, value)| !value.is_empty() && secret(name, value)) {
        // Only those move: a name may stand there more than once.
        let (moved, kept): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, value)| secret(name, value));
        let mut query = Map::new();
        for (name, value) in moved {
            let value = carried.secret(&id, &name, &value, format!("the parameter `{name}` of {id}"));
            query.insert(name, value);
        }
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        check.look("query", query);
        changed = true;
    }
    // What needs no change stays as it was written.
    if changed { url.to_string() } else { written.to_owned() }
}

/// Sets a header.
pub(crate) fn header(carried: &mut Carried, check: &mut Check, name: &str, value: &Template) {
    let (id, lower) = (check.id.clone(), name.to_ascii_lowercase());
    let value = match (lower.as_str(), value.after("Bearer ")) {
        ("authorization", Some(token)) => {
            json!({ "bearer": token.value(carried, &id, "token", &format!("the bearer token of {id}"), true) })
        }
        _ => {
            let what = format!("the header `{name}` of {id}");
            value.value(carried, &id, &lower, &what, is_secret_name(&lower))
        }
    };
    set_header(check, &lower, value);
}

/// Sets the header of basic authentication (RFC 7617).
pub(crate) fn basic(carried: &mut Carried, check: &mut Check, user: &Template, password: &Template) {
    let id = check.id.clone();
    let name = user.value(carried, &id, "user", &format!("the user of {id}"), false);
    let what = format!("the password of `{}` for {id}", user.shown());
    let password = password.value(carried, &id, "password", &what, true);
    set_header(check, "authorization", json!({ "basic": { "user": name, "password": password } }));
}

/// Sets the body.
pub(crate) fn body(carried: &mut Carried, check: &mut Check, body: &Template) {
    let id = check.id.clone();
    let secret = body.as_literal().is_some_and(holds_secret);
    let what = format!("the body that {id} sends");
    let value = body.value(carried, &id, "body", &what, secret);
    check.look("body", value);
}

fn set_header(check: &mut Check, name: &str, value: Value) {
    let headers = check.look.entry("headers").or_insert_with(|| json!({}));
    if let Some(headers) = headers.as_object_mut() {
        headers.insert(name.to_owned(), value);
    }
}

/// Whether a body has a field that a secret stands in.
fn holds_secret(body: &str) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(name, value)| {
                is_secret_name(name) && matches!(value, Value::String(text) if !text.is_empty()) || within(value)
            }),
            Value::Array(items) => items.iter().any(within),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    match serde_json::from_str::<Value>(body) {
        Ok(value) => within(&value),
        Err(_) => url::form_urlencoded::parse(body.as_bytes())
            .any(|(name, value)| !value.is_empty() && name.len() < 40 && is_secret_name(&name)),
    }
}

/// Status codes from 100 to 599 as our configuration writes them: whole classes, and the others one by one. `None` if
/// that would be none, all, or a list that nobody would read.
pub(crate) fn status_set(admits: impl Fn(u16) -> bool) -> Option<Value> {
    let mut set = Vec::new();
    for class in 1..=5_u16 {
        let codes: Vec<u16> = (class * 100..class * 100 + 100).filter(|code| admits(*code)).collect();
        match codes.len() {
            100 => set.push(json!(format!("{class}xx"))),
            0..=8 => set.extend(codes.into_iter().map(|code| json!(code))),
            _ => return None,
        }
    }
    match set.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        all if all.len() == 5 && all.iter().all(Value::is_string) => None,
        _ => Some(Value::Array(set)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_as_the_shell_finds_them() {
        let shown = |text: &str| Template::expanding(text).shown();
        assert_eq!(shown("Bearer $TOKEN"), "Bearer ${TOKEN}");
        assert_eq!(shown("${A}-b-$$5 and $ 5"), "${A}-b-$5 and $ 5");
        assert_eq!(Template::expanding("${A}").as_variable(), Some("A"));
        assert_eq!(Template::expanding("no ${ b }").as_literal(), Some("no ${ b }"));
    }

    #[test]
    fn status_codes_are_classes_where_they_can_be() {
        assert_eq!(status_set(|code| code < 300), Some(json!(["1xx", "2xx"])));
        assert_eq!(status_set(|code| code == 200), Some(json!(200)));
        assert_eq!(status_set(|code| code != 500), None);
        assert_eq!(status_set(|_| true), None);
    }
}

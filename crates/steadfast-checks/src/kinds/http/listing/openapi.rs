//! OpenAPI 3.0 and 3.1 documents, in JSON or YAML: the GETs that can be made without knowing more than is written there.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a document lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Api {
    /// The GETs that can be made.
    pub(super) operations: Vec<Operation>,
    /// The GETs that need a parameter which nobody has told us.
    pub(super) unasked: u64,
}

/// One GET.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// What the document calls it.
    pub(super) name: Option<String>,
    /// The server that it belongs to, if the document names one: an address, or a path.
    pub(super) server: Option<String>,
    /// Path and query, with their parameters filled in.
    pub(super) path: String,
    /// Headers that it requires.
    pub(super) headers: Vec<(String, String)>,
}

/// Reads a document. With `examples` required parameters are filled in from the examples and defaults that it gives.
/// `given` are the names of the headers that are sent anyway.
pub(super) fn read(text: &str, examples: bool, given: &[&str]) -> Result<Api, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|why| format!("it is no JSON: {why}"))?
    } else {
        serde_saphyr::from_str(text).map_err(|why| {
            // Below its first line the library repeats the document.
            let why = why.to_string();
            let first = why.lines().next().unwrap_or_default();
            format!("it is neither JSON nor YAML: {}", first.strip_prefix("error: ").unwrap_or(first))
        })?
    };
    match (root.get("openapi").and_then(Value::as_str), root.get("swagger")) {
        (Some(version), _) if version.starts_with("3.") => {}
        (Some(version), _) => return Err(format!("it is OpenAPI {version}; 3.0 and 3.1 are read")),
        (None, Some(_)) => return Err("it is Swagger 2.0: convert it to OpenAPI 3 (swagger2openapi)".to_owned()),
        (None, None) => return Err("it is no OpenAPI document: there is no `openapi = \"3..\"` in it".to_owned()),
    }
    let document = Document { root: &root, examples, given };
    let mut api = Api::default();
    let Some(paths) = root.get("paths").and_then(Value::as_object) else {
        return Err("it has no `paths`".to_owned());
    };
    for (template, item) in paths {
        // A path item may stand elsewhere (3.1.0, 4.8.9); one in another document is not fetched.
        let Some(item) = document.follow(item) else {
            api.unasked += 1;
            continue;
        };
        let Some(get) = item.get("get") else { continue };
        match document.operation(template, item, get) {
            Some(operation) => api.operations.push(operation),
            None => api.unasked += 1,
        }
    }
    Ok(api)
}

struct Document<'a> {
    root: &'a Value,
    examples: bool,
    given: &'a [&'a str],
}

/// So many `$ref`s may lead to each other; a circle is longer.
const LONGEST_CHAIN: usize = 16;

impl<'a> Document<'a> {
    /// What a `$ref` leads to, if it is in this document and not in a circle.
    fn follow(&self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..LONGEST_CHAIN {
            match value.get("$ref").and_then(Value::as_str) {
                None => return Some(value),
                Some(reference) => value = self.root.pointer(&decoded(reference.strip_prefix('#')?))?,
            }
        }
        None
    }

    fn operation(&self, template: &str, item: &'a Value, get: &'a Value) -> Option<Operation> {
        let mut path = template.to_owned();
        let (mut query, mut headers) = (Vec::new(), Vec::new());
        for parameter in self.parameters(item, get)? {
            let name = parameter.get("name")?.as_str()?;
            let place = parameter.get("in")?.as_str()?;
            // Path parameters are always required (4.8.12).
            let required = place == "path" || parameter.get("required").and_then(Value::as_bool) == Some(true);
            let sent_anyway = place == "header" && self.given.iter().any(|known| known.eq_ignore_ascii_case(name));
            if !required || sent_anyway {
                continue;
            }
            let values = texts(self.example(parameter)?)?;
            match place {
                "path" => {
                    let filled: Vec<String> = values.iter().map(|value| encoded(value)).collect();
                    path = path.replace(&format!("{{{name}}}"), &filled.join(","));
                }
                "query" => query.extend(values.iter().map(|value| format!("{}={}", encoded(name), encoded(value)))),
                "header" => headers.push((name.to_owned(), values.join(","))),
                "cookie" => headers.push(("cookie".to_owned(), format!("{name}={}", values.join(",")))),
                _ => return None,
            }
        }
        if path.contains('{') {
            return None;
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let name = get.get("operationId").and_then(Value::as_str).map(str::to_owned);
        let server = [get, item, self.root].into_iter().find_map(|holder| self.server(holder));
        Some(Operation { name, server, path, headers })
    }

    /// Those of the path, replaced by those of the operation with the same name and place.
    fn parameters(&self, item: &'a Value, get: &'a Value) -> Option<Vec<&'a Value>> {
        let mut known: BTreeMap<(String, String), &Value> = BTreeMap::new();
        for holder in [item, get] {
            for parameter in holder.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                let parameter = self.follow(parameter)?;
                let word = |key: &str| Some(parameter.get(key)?.as_str()?.to_owned());
                known.insert((word("in")?, word("name")?), parameter);
            }
        }
        Some(known.into_values().collect())
    }

    /// The value that the document itself gives for a parameter.
    fn example(&self, parameter: &'a Value) -> Option<&'a Value> {
        if !self.examples {
            return None;
        }
        let content = parameter.get("content").and_then(Value::as_object).and_then(|map| map.values().next());
        [Some(parameter), content].into_iter().flatten().find_map(|holder| {
            let named = || {
                let first = holder.get("examples")?.as_object()?.values().next()?;
                self.follow(first)?.get("value")
            };
            let in_schema = || {
                let schema = self.follow(holder.get("schema")?)?;
                let first = || schema.get("examples")?.as_array()?.first();
                schema.get("example").or_else(first).or_else(|| schema.get("default"))
            };
            holder.get("example").or_else(named).or_else(in_schema)
        })
    }

    /// The first server, with the defaults of its variables (4.8.5).
    fn server(&self, holder: &Value) -> Option<String> {
        let server = holder.get("servers")?.as_array()?.first()?;
        let mut url = server.get("url")?.as_str()?.to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = variable.get("default").and_then(Value::as_str) {
                url = url.replace(&format!("{{{name}}}"), default);
            }
        }
        Some(url)
    }
}

/// A fragment as a JSON pointer: it may be percent-encoded (RFC 6901, 6).
fn decoded(fragment: &str) -> String {
    let text = format!("x={}", fragment.replace('+', "%2B"));
    url::form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A scalar, or the items of a list of scalars. Objects have too many ways to be written.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Bool(truth) => Some(vec![truth.to_string()]),
        Value::Array(items) if !items.iter().any(Value::is_array) => {
            let all: Option<Vec<Vec<String>>> = items.iter().map(texts).collect();
            all.map(|all| all.concat())
        }
        Value::Null | Value::Object(_) | Value::Array(_) => None,
    }
}

/// Everything but the unreserved characters (RFC 3986, 2.3) as `%XX`.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, examples: bool, expected: &[&str]) {
        let said: Vec<String> = match read(text, examples, &["X-Tenant"]) {
            Ok(api) => {
                let shown = |operation: &Operation| {
                    let headers = operation.headers.iter().map(|(name, value)| format!(" {name}: {value}"));
                    let server = operation.server.iter().map(|server| format!("{server} "));
                    server.chain([operation.path.clone()]).chain(headers).collect::<String>()
                };
                let rest = (api.unasked > 0).then(|| format!("{} unasked", api.unasked));
                api.operations.iter().map(shown).chain(rest).collect()
            }
            Err(why) => vec![why],
        };
        assert!(said.len() == expected.len(), "{said:#?}");
        said.iter().zip(expected).for_each(|(said, expected)| assert!(said.contains(expected), "{said} ≠ {expected}"));
    }

    const SHOP: &str = "
openapi: 3.1.0
servers: [{ url: 'https://{host}/v1', variables: { host: { default: shop.example } } }]
paths:
  /health: { get: { operationId: health, responses: {} } }
  /orders: { post: {}, get: { parameters: [{ name: page, in: query, schema: { type: integer } }] } }
  /tenant: { get: { parameters: [{ name: x-tenant, in: header, required: true }] } }
  '/designs/{id}':
    parameters: [{ $ref: '#/components/parameters/id' }]
    get: { servers: [{ url: /v2 }] }
  /search:
    get:
      parameters:
        - { name: q, in: query, required: true, examples: { one: { $ref: '#/components/examples/tea' } } }
        - { name: tag, in: query, required: true, schema: { default: [a, b] } }
        - { name: session, in: cookie, required: true, example: x1 }
  /untold: { get: { parameters: [{ name: q, in: query, required: true }] } }
components:
  parameters: { id: { name: id, in: path, required: true, schema: { $ref: '#/components/schemas/id' } } }
  schemas: { id: { type: string, example: 7d/0b } }
  examples: { tea: { value: 'green tea' } }
";

    #[test]
    fn gets_without_required_parameters_are_asked_and_with_examples_those_that_have_one() {
        check(SHOP, false, &["https://shop.example/v1 /health", "/orders", "/tenant", "3 unasked"]);
        let with = [
            "/v2 /designs/7d%2F0b",
            "/health",
            "/orders",
            "/search?q=green%20tea&tag=a&tag=b cookie: session=x1",
            "/tenant",
            "1 unasked",
        ];
        check(SHOP, true, &with);
    }

    #[test]
    fn json_is_read_as_yaml_is() {
        check(r#"{"openapi": "3.0.3", "paths": {"/a": {"get": {}}}}"#, false, &["/a"]);
    }

    #[test]
    fn circles_and_references_to_nowhere_are_left_unasked() {
        check(
            "openapi: 3.0.0
paths:
  /a: { get: { parameters: [{ $ref: '#/components/parameters/a' }] } }
  /b: { $ref: '#/paths/~1b' }
  /c: { get: { parameters: [{ name: c, in: query, required: true, schema: { $ref: '#/components/schemas/c' } }] } }
  /d: { $ref: 'other.yaml#/d' }
  /e: { $ref: '#/nowhere' }
  /f: { get: {} }
components:
  parameters: { a: { $ref: '#/components/parameters/b' }, b: { $ref: '#/components/parameters/a' } }
  schemas: { c: { $ref: '#/components/schemas/c' } }",
            true,
            &["/f", "5 unasked"],
        );
    }

    #[test]
    fn what_is_no_such_document_is_refused() {
        check("{\"openapi\": \"3.1.0\", \"paths\": {\"/a\":", false, &["it is no JSON: EOF"]);
        check("<html>", false, &["it is no OpenAPI document"]);
        check("swagger: '2.0'\npaths: {}", false, &["it is Swagger 2.0"]);
        check("openapi: 4.0.0", false, &["it is OpenAPI 4.0.0"]);
        check("openapi: 3.0.0\ninfo: {}", false, &["it has no `paths`"]);
        let bomb: String = (0..30).map(|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)).collect();
        check(&format!("openapi: 3.0.0\na0: &a0 [x, x]\n{bomb}paths: {{}}"), false, &["neither JSON nor YAML"]);
    }
}

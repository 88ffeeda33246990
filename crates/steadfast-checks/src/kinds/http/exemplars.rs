//! Exemplary configurations, each with what is seen when all is well.

use std::sync::Arc;

use steadfast_core::kind::Exemplar;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Outcome;
use steadfast_probe::body::Body;
use steadfast_probe::exchange::{Exchange, Listed, Response, Timings};

pub(super) fn exemplars() -> Vec<Exemplar<Vec<Arc<Exchange>>>> {
    let page = "<!doctype html><html><head><title>Shop</title></head><body><header><nav><a href=\"/\">Home</a></nav></header>\
        <main><h1>Timothy</h1><section><h2>Meaning</h2><p>The one who honours.</p></section></main>\
        <footer>Shop</footer></body></html>";
    let listed = |path: &str| {
        let exchange = exemplary(path, 200, "text/html; charset=utf-8", page);
        let listed = Listed { document: "/sitemap.xml".to_owned(), name: None, of: 3, unasked: 0 };
        Arc::new(Exchange { listed: Some(listed), ..(*exchange).clone() })
    };
    let queue = r#"{"queue_depth":3,"errors":[],"workers":[{"name":"a"},{"name":"b"}]}"#;
    vec![
        Exemplar {
            good: r#"
get = "https://shop.example/d/7d0bd618"
[expect]
status = 200
within = "400ms"
content_type = "text/html"
body_contains = ["Timothy", "<h2>Meaning"]
body_excludes = "Traceback"
body_matches = "honours\\.</p>"
size = { at_least = "100B", at_most = "64KiB" }
header = { x-served-by = "web-1" }
html = { "main h2" = { count = { at_least = 1 } }, "h1" = "Timothy" }
"#,
            naive: "get = \"https://shop.example/d/7d0bd618\"\nexpect = { status = 200 }",
            naive_survivors: &[
                "empty",
                "login page",
                "error page",
                "maintenance page",
                "json error",
                "first half",
                "shell",
                "answer of *",
            ],
            seen: vec![exemplary("/d/7d0bd618", 200, "text/html; charset=utf-8", page)],
        },
        Exemplar {
            good: r#"
sweep = ["https://shop.example/api/queue", "https://shop.example/api/queue?all"]
[expect]
status = "2xx"
[expect.json]
"$.queue_depth" = { below = 100 }
"$.errors" = { type = "array", count = { at_most = 0 } }
"$.workers[*]" = { type = "object" }
"$.workers[*].name" = { not_empty = true }
"#,
            naive: "sweep = [\"https://shop.example/api/queue\", \"https://shop.example/api/queue?all\"]\nexpect = { status = \"2xx\" }",
            naive_survivors: &[
                "empty at *",
                "login page at *",
                "error page at *",
                "maintenance page at *",
                "json error at *",
                "first half at *",
                "records as texts at *",
                "answer of *",
            ],
            seen: vec![
                exemplary("/api/queue", 200, "application/json", queue),
                exemplary("/api/queue?all", 200, "application/json", queue),
            ],
        },
        Exemplar {
            good: r#"
base_url = "https://shop.example"
sweep_from = { sitemap = "/sitemap.xml" }
[expect]
endpoints = { at_least = 3 }
status = 200
body_contains = "<h2>Meaning"
body_matches = "honours\\.</p>"
"#,
            naive: "base_url = \"https://shop.example\"\nsweep_from = { sitemap = \"/sitemap.xml\" }\nexpect = { status = 200 }",
            naive_survivors: &[
                "empty at *",
                "login page at *",
                "error page at *",
                "maintenance page at *",
                "json error at *",
                "first half at *",
                "shell at *",
                "answer of *",
                "half of the list",
                "a list of one",
            ],
            seen: vec![listed("/d/1"), listed("/d/2"), listed("/d/3")],
        },
        Exemplar {
            good: r#"
get = "https://shop.example/old"
expect = { status = 301, location = "https://shop.example/new" }
"#,
            naive: "get = \"https://shop.example/old\"\nexpect = { status = \"3xx\" }",
            naive_survivors: &["redirect to the login page"],
            seen: vec![exemplary("/old", 301, "text/html", "<a href=\"https://shop.example/new\">moved</a>")],
        },
    ]
}

pub(super) fn exemplary(path: &str, status: u16, content_type: &str, body: &str) -> Arc<Exchange> {
    let lapse = |micros| Lapse(std::time::Duration::from_micros(micros));
    let mut headers = vec![
        ("date".to_owned(), "Mon, 23 Nov 2026 00:00:00 GMT".to_owned()),
        ("content-type".to_owned(), content_type.to_owned()),
        ("content-length".to_owned(), body.len().to_string()),
        ("x-served-by".to_owned(), "web-1".to_owned()),
    ];
    if status == 301 {
        headers.push(("location".to_owned(), "https://shop.example/new".to_owned()));
    }
    let response = Response {
        status,
        version: "HTTP/1.1".to_owned(),
        headers,
        body: Body::Text(body.to_owned()),
        cut: false,
        size: body.len() as u64,
        redirects: Vec::new(),
        remote: "192.0.2.7:443".to_owned(),
        timings: Timings {
            dns: lapse(1_000),
            connect: lapse(9_000),
            tls: lapse(20_000),
            first_byte: lapse(60_000),
            total: lapse(95_000),
        },
    };
    Arc::new(Exchange {
        method: "GET".to_owned(),
        url: format!("https://shop.example{path}"),
        path: path.to_owned(),
        curl: format!("curl -sS -i --compressed 'https://shop.example{path}'"),
        answer: Outcome::Seen(response),
        listed: None,
    })
}

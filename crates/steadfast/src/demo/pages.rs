//! The shop's answers: a request's path in, an answer out. Pages are templates in the shop's folder, as after a deploy.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::database::{Design, Reader};

/// The frame around every page.
pub(super) const FRAME: (&str, &str) = ("shop.html", include_str!("templates/shop.html"));
/// A design's page.
pub(super) const DESIGN: (&str, &str) = ("design.html", include_str!("templates/design.html"));

/// Where the shop keeps what it serves.
#[derive(Clone)]
pub(super) struct Rooms {
    pub(super) database: PathBuf,
    pub(super) templates: PathBuf,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// Answers a GET of this path. Whatever goes wrong behind the scenes becomes a 500.
pub(super) fn answer(rooms: &Rooms, path: &str) -> Answer {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let answer = match parts.as_slice() {
        [""] => index(rooms),
        ["d", id] => design(rooms, id),
        ["api", "queue"] => queue(rooms),
        ["api", "designs", id] => record(rooms, id),
        // The classic: it touches no table, so it is well whatever happens.
        ["health"] => Ok(Answer { status: 200, content_type: JSON, body: json!({"status": "ok"}).to_string() }),
        ["basket" | "account"] => Ok(Answer { status: 200, content_type: HTML, body: "<p>nothing here".into() }),
        _ => Ok(not_found()),
    };
    answer.unwrap_or_else(|why| Answer { status: 500, content_type: HTML, body: format!("<h1>Sorry</h1>{why}") })
}

fn index(rooms: &Rooms) -> Result<Answer, String> {
    let designs = read(rooms, Reader::designs)?;
    let items: String =
        designs.iter().map(|(id, name)| format!("<li><a href=\"/d/{id}\">{}</a></li>\n", escaped(name))).collect();
    page(rooms, "Designs", &format!("<h1>Designs</h1>\n<ul class=\"designs\">\n{items}</ul>"))
}

fn design(rooms: &Rooms, id: &str) -> Result<Answer, String> {
    let Some(Design { id, name, meaning, .. }) = read(rooms, |reader| reader.design(id))? else {
        return Ok(not_found());
    };
    let main = template(rooms, DESIGN.0)?
        .replace("{{id}}", &escaped(&id))
        .replace("{{name}}", &escaped(&name))
        .replace("{{meaning}}", &escaped(&meaning));
    page(rooms, &name, main.trim_end())
}

fn queue(rooms: &Rooms) -> Result<Answer, String> {
    let (queued, printed) = read(rooms, Reader::queue)?;
    let body =
        json!({ "queue_depth": queued, "printed": printed, "errors": [], "as_of": Timestamp::now().to_string() });
    Ok(Answer { status: 200, content_type: JSON, body: body.to_string() })
}

fn record(rooms: &Rooms, id: &str) -> Result<Answer, String> {
    let Some(Design { id, name, layers, .. }) = read(rooms, |reader| reader.design(id))? else {
        let body = json!({ "error": "no such design" }).to_string();
        return Ok(Answer { status: 404, content_type: JSON, body });
    };
    let layers: Value = serde_json::from_str(&layers).map_err(|why| why.to_string())?;
    let body = json!({ "id": id, "name": name, "layers": layers }).to_string();
    Ok(Answer { status: 200, content_type: JSON, body })
}

fn not_found() -> Answer {
    Answer { status: 404, content_type: HTML, body: "<h1>Not found</h1>".into() }
}

fn page(rooms: &Rooms, title: &str, main: &str) -> Result<Answer, String> {
    let token = format!("{:x}", Timestamp::now().as_nanosecond());
    let body = template(rooms, FRAME.0)?
        .replace("{{token}}", &token)
        .replace("{{title}}", &escaped(title))
        .replace("{{main}}", main);
    Ok(Answer { status: 200, content_type: HTML, body })
}

fn template(rooms: &Rooms, name: &str) -> Result<String, String> {
    let file = rooms.templates.join(name);
    std::fs::read_to_string(&file).map_err(|why| format!("{}: {why}", file.display()))
}

fn read<T>(rooms: &Rooms, query: impl FnOnce(&Reader) -> rusqlite::Result<T>) -> Result<T, String> {
    Reader::open(&rooms.database).and_then(|reader| query(&reader)).map_err(|why| format!("database: {why}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

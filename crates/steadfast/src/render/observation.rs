//! One observation, for people: its timings, then what was seen, cut where it would fill the screen.

use serde_json::{Map, Value};
use steadfast_core::check::Sighting;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Outcome;
use steadfast_engine::report::timings_and_numbers;

use super::Page;
use super::text::{BOLD, DIM, GREEN, Layout, RED, YELLOW, brief, cut, padded, plain};

/// So many lines of one text are shown.
const LINES: usize = 24;

/// So many entries of one list or table are shown.
const ENTRIES: usize = 40;

/// As text. `numbers` are the kind's own.
pub(crate) fn of(look: &str, kind: &str, sighting: &Sighting, numbers: &Map<String, Value>, page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(14);
    let title =
        format!("{}  {}", out.styled(BOLD, kind), cut(&plain(look), out.width().saturating_sub(kind.len() + 2)));
    out.line(&title);
    let about = format!("{:.0}, from {}, look {}", sighting.at, sighting.vantage, sighting.look_hash.short());
    out.prose(2, &about);
    out.gap();
    let (timings, numbers) = timings_and_numbers(numbers, sighting.took);
    phases(&mut out, &timings);
    for (name, value) in &numbers {
        out.field(2, name, &value.to_string());
    }
    out.gap();
    match &sighting.stored().outcome {
        Outcome::Seen(seen) => {
            let line = out.styled(GREEN, "seen");
            out.line(&line);
            tree(&mut out, 2, seen);
        }
        Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => {
            let target = matches!(sighting.outcome, Outcome::TargetFailed(_));
            let (word, style) = if target { ("the target failed", RED) } else { ("could not look", YELLOW) };
            let line = format!("{}: {}", out.styled(style, word), trouble.code);
            out.line(&line);
            out.field(2, "detail", &trouble.detail);
            out.field(2, "what to do", &trouble.advice);
        }
    }
    out.finish()
}

/// Each phase with a bar, the longest as long as there is room.
fn phases(out: &mut Layout, timings: &Map<String, Value>) {
    let micros = |value: &Value| value.as_u64().unwrap_or_default();
    let longest = timings.values().map(micros).max().unwrap_or_default().max(1);
    let room = out.width().saturating_sub(2 + 14 + 10 + 2).min(40) as u64;
    // In the order in which they happen, as far as that is known.
    const ORDER: [&str; 6] = ["dns", "connect", "tls", "first_byte", "total", "took"];
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(3);
    let mut phases: Vec<(&String, u64)> = timings.iter().map(|(name, value)| (name, micros(value))).collect();
    phases.sort_by_key(|(name, _)| place(name));
    for (name, time) in phases {
        let bar = "▇".repeat(usize::try_from(time * room / longest).unwrap_or_default());
        let line = format!(
            "  {}{:>9}  {}",
            out.styled(DIM, &padded(name, 14)),
            brief(Lapse(std::time::Duration::from_micros(time))),
            out.styled(DIM, &bar)
        );
        out.line(&line);
    }
}

fn tree(out: &mut Layout, indent: usize, value: &Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().take(ENTRIES) {
                entry(out, indent, key, value);
            }
            left_out(out, indent, map.len());
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate().take(ENTRIES) {
                match pair(item) {
                    Some((name, value)) => entry(out, indent, name, value),
                    None => entry(out, indent, &format!("{}.", i + 1), item),
                }
            }
            left_out(out, indent, items.len());
        }
        Value::String(text) => text_block(out, indent, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.prose(indent, &value.to_string()),
    }
}

fn entry(out: &mut Layout, indent: usize, key: &str, value: &Value) {
    match value {
        Value::String(text) if !text.contains('\n') && text.len() < 400 => out.field(indent, key, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.field(indent, key, &value.to_string()),
        Value::Array(items) if items.is_empty() => out.field(indent, key, "none"),
        Value::Object(map) if map.is_empty() => out.field(indent, key, "none"),
        Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let line = format!("{}{}", " ".repeat(indent), out.styled(DIM, &plain(key)));
            out.line(&line);
            tree(out, indent + 2, value);
        }
    }
}

/// Headers are pairs of name and value.
fn pair(item: &Value) -> Option<(&str, &Value)> {
    match item.as_array()?.as_slice() {
        [Value::String(name), value @ Value::String(_)] => Some((name, value)),
        _ => None,
    }
}

fn text_block(out: &mut Layout, indent: usize, text: &str) {
    let total = text.lines().count();
    let mut shown = 0;
    for line in text.lines().take(LINES) {
        let room = out.width().saturating_sub(indent + 2).max(20);
        let bar = out.styled(DIM, "│");
        let line = format!("{}{bar} {}", " ".repeat(indent), cut(&plain(line), room));
        out.line(&line);
        shown += 1;
    }
    if total > shown {
        let more = format!("… {} more lines, {} bytes in all: --format json shows all", total - shown, text.len());
        out.prose(indent, &more);
    }
}

fn left_out(out: &mut Layout, indent: usize, count: usize) {
    if let Some(more @ 1..) = count.checked_sub(ENTRIES) {
        out.prose(indent, &format!("… and {more} more: --format json shows all"));
    }
}

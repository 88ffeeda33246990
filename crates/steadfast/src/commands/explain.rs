//! `steadfast explain`.

use clap_complete::ArgValueCandidates;
use serde_json::Value;
use steadfast_core::check::{AnyKind, Manual};
use steadfast_core::exit::Exit;
use steadfast_core::finding::{Code, Side};
use steadfast_core::gate::{Gate, Severity};
use steadfast_core::setting::{Field, did_you_mean, tidy};

use crate::completion;
use crate::registry;
use crate::render::text::{BOLD, Layout, RED, YELLOW};
use crate::render::{Page, say};
use crate::session::refuse;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A kind (http), a finding code (too-old), `gates` or `exit-codes`; nothing lists them all
    #[arg(add = ArgValueCandidates::new(completion::topics))]
    topic: Option<String>,
}

/// Prints a page of the manual.
pub(crate) fn run(args: Args) -> Exit {
    let page = Page::of_stdout();
    let text = match args.topic.as_deref() {
        None => contents(&page),
        Some(topic) => match explain(topic, &page) {
            Some(text) => text,
            None => {
                let near = did_you_mean(topic, topics()).map(|near| format!("; did you mean `{near}`?"));
                let near = near.unwrap_or_else(|| "; `steadfast explain` lists the topics".to_owned());
                return refuse(format!("nothing is called `{topic}`{near}"));
            }
        },
    };
    say(&text);
    Exit::Proceed
}

/// Everything that can be explained.
pub(crate) fn topics() -> impl Iterator<Item = &'static str> {
    let kinds = registry::kinds().iter().map(|kind| kind.name());
    let codes = registry::codes().into_iter().map(|(code, _)| code.word);
    kinds.chain(codes).chain(["gates", "exit-codes"])
}

fn explain(topic: &str, page: &Page) -> Option<String> {
    match topic {
        "gates" => return Some(gates(page)),
        "exit-codes" => return Some(exit_codes(page)),
        _ => {}
    }
    if let Some(kind) = registry::kinds().iter().find(|kind| kind.name() == topic) {
        return Some(of_kind(*kind, page));
    }
    let codes: Vec<_> = registry::codes().into_iter().filter(|(code, _)| code.word == topic).collect();
    if codes.is_empty() { None } else { Some(of_codes(&codes, page)) }
}

fn contents(page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(26);
    heading(&mut out, "Kinds of checks");
    for kind in registry::kinds() {
        let look = kind.manual().look;
        let first = look.split_once(". ").map_or(look.as_str(), |(first, _)| first);
        out.field(2, kind.name(), first);
    }
    for (title, side) in [("Finding codes: fail", Side::Fail), ("Finding codes: unknown", Side::Unknown)] {
        heading(&mut out, title);
        for (code, kind) in registry::codes().iter().filter(|(code, _)| code.side == side) {
            let of = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
            out.field(2, code.word, &format!("{}{of}", code.meaning));
        }
    }
    heading(&mut out, "Other topics");
    out.field(2, "gates", "the moments at which checks must hold, and how a gate decides");
    out.field(2, "exit-codes", "what a script can rely on");
    out.finish()
}

fn of_kind(kind: &dyn AnyKind, page: &Page) -> String {
    let Manual { look, look_fields, expect, expect_fields, examples } = kind.manual();
    let mut out = Layout::new(page);
    heading(&mut out, &format!("[check.{}]", kind.name()));
    out.prose(2, &paragraphs(&look));
    fields(&mut out, &look_fields);
    heading(&mut out, &format!("[check.{}.expect]", kind.name()));
    out.prose(2, &paragraphs(&expect));
    fields(&mut out, &expect_fields);
    if !kind.codes().is_empty() {
        heading(&mut out, "Its own finding codes");
        for code in kind.codes() {
            out.gap();
            one_code(&mut out, code);
        }
    }
    for example in examples {
        heading(&mut out, "Example");
        self::example(kind.name(), example).lines().for_each(|line| out.line(line));
    }
    out.finish()
}

fn fields(out: &mut Layout, fields: &[Field]) {
    for field in fields {
        out.gap();
        let key = out.styled(BOLD, field.key);
        let line = format!("  {key}  {}", about(field));
        out.line(&line);
        out.prose(6, &paragraphs(&tidy(field.manual)));
    }
}

/// A doc comment's lines end where the source's do, and the terminal has a width of its own: each paragraph as one line.
/// Lists, tables, quotations and code stay as they are.
fn paragraphs(manual: &str) -> String {
    let mut text = String::with_capacity(manual.len());
    let (mut fenced, mut joins) = (false, false);
    for line in manual.lines() {
        let fence = line.starts_with("```");
        let stands =
            fence || fenced || line.is_empty() || line.starts_with("    ") || line.starts_with(['|', '>', '#']);
        let item = line.starts_with("- ") || line.starts_with("* ");
        if !text.is_empty() {
            text.push(if joins && !stands && !item { ' ' } else { '\n' });
        }
        text.push_str(if joins { line.trim_start() } else { line });
        fenced ^= fence;
        joins = !stands;
    }
    text
}

/// A key's sort, whether it is required, and its default, in a few words.
pub(crate) fn about(field: &Field) -> String {
    let mut about = Vec::new();
    if field.required {
        about.push("required".to_owned());
    }
    if !field.default.is_null() {
        about.push(format!("default {}", field.default));
    }
    let sort = sort_of(&field.schema);
    if about.is_empty() { sort } else { format!("{sort}; {}", about.join(", ")) }
}

/// A kind's exemplary table as it stands in a file: with the headers that it has there.
pub(crate) fn example(kind: &str, source: &str) -> String {
    let lines = source.trim().lines().map(|line| match line.trim_start().strip_prefix("[expect") {
        Some(rest) => format!("[check.{kind}.expect{rest}"),
        None => line.trim_start().to_owned(),
    });
    let header = format!("[check.{kind}]");
    std::iter::once(header).chain(lines).map(|line| line + "\n").collect()
}

/// The sort of a value in a few words.
fn sort_of(schema: &Value) -> String {
    let word = |schema: &Value| schema.get("type").and_then(Value::as_str).map(str::to_owned);
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    let alternatives = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
    if let Some(alternatives) = alternatives {
        let mut words: Vec<String> = alternatives.iter().map(sort_of).collect();
        words.dedup();
        return words.join(" or ");
    }
    match word(schema).as_deref() {
        Some("array") => match schema.get("items") {
            Some(items) => format!("array of {}", sort_of(items)),
            None => "array".to_owned(),
        },
        Some("object") => "table".to_owned(),
        Some(word) => word.to_owned(),
        None => "any".to_owned(),
    }
}

fn of_codes(codes: &[(Code, Option<&'static str>)], page: &Page) -> String {
    let mut out = Layout::new(page);
    for (code, kind) in codes {
        out.gap();
        one_code(&mut out, code);
        if let Some(kind) = kind {
            out.field(2, "kind", kind);
        }
    }
    out.finish()
}

fn one_code(out: &mut Layout, code: &Code) {
    let (side, style, says) = match code.side {
        Side::Fail => ("fail", RED, "the target falls short"),
        Side::Unknown => ("unknown", YELLOW, "we could not look, so nothing is known of the target"),
    };
    let line = format!("{}  {}: {says}", out.styled(BOLD, code.word), out.styled(style, side));
    out.line(&line);
    out.field(2, "means", code.meaning);
    out.field(2, "what to do", code.advice);
}

fn gates(page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(14);
    heading(&mut out, "Gates: the moments at which checks must hold");
    for gate in Gate::ALL {
        out.field(2, gate.word(), &tidy(gate.manual()));
    }
    heading(&mut out, "Severities");
    for severity in Severity::ALL {
        out.field(2, severity.word(), &tidy(severity.manual()));
    }
    heading(&mut out, "How a gate decides");
    out.field(2, "hold", "any critical check fails");
    out.field(2, "cannot tell", "else, if a critical check is unknown, or there was no check at all");
    out.field(2, "proceed", "else");
    out.gap();
    out.prose(
        2,
        "Unknown is not pass: a check that could not look says nothing about the target. A check whose `depends_on` \
         fails is still looked at, and shown under its cause. `steadfast verify GATE` decides; see `explain exit-codes`.",
    );
    out.finish()
}

fn exit_codes(page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(18);
    heading(&mut out, "Exit codes");
    for exit in Exit::ALL {
        out.field(2, &format!("{:>3}  {}", exit.code(), exit.word()), exit.meaning());
    }
    out.finish()
}

fn heading(out: &mut Layout, text: &str) {
    out.gap();
    let line = out.styled(BOLD, text);
    out.line(&line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_one_line_and_what_has_a_form_keeps_it() {
        let check = |manual: &str, expected: &str| assert_eq!(paragraphs(manual), expected);
        check("One\ntwo\n  three.\n\nFour\nfive.", "One two three.\n\nFour five.");
        check("These:\n- one\n  and more\n- two", "These:\n- one and more\n- two");
        check("So:\n```toml\na = 1\n  b = 2\n```\nand\non", "So:\n```toml\na = 1\n  b = 2\n```\nand on");
        check("| a |\n| b |\nend", "| a |\n| b |\nend");
        check("", "");
    }
}

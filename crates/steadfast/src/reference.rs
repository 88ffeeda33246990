//! The reference documentation as Markdown, made from the lists that the program itself runs by.

use std::fmt::Write;

use steadfast_config::CheckSettings;
use steadfast_core::check::AnyKind;
use steadfast_core::exit::Exit;
use steadfast_core::finding::Side;
use steadfast_core::gate::{Gate, Severity};
use steadfast_core::predicate::Operators;
use steadfast_core::setting::{Field, Settings, tidy};

use crate::commands::explain::{about, example};
use crate::registry;

/// The first line of every page.
const MARK: &str = "<!-- Written by `cargo xtask docs` from the code: change it there. -->\n\n";

/// Every page: its path below `docs/`, and its text.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> =
        registry::kinds().iter().map(|kind| (format!("kinds/{}.md", kind.name()), of_kind(*kind))).collect();
    pages.push(("kinds.md".to_owned(), kinds()));
    pages.push(("predicates.md".to_owned(), predicates()));
    pages.push(("findings.md".to_owned(), findings()));
    pages.push(("gates.md".to_owned(), gates()));
    pages.push(("exit-codes.md".to_owned(), exit_codes()));
    pages
}

fn kinds() -> String {
    let mut text = format!("{MARK}# Kinds of checks\n\n| kind | looks at |\n| --- | --- |\n");
    for kind in registry::kinds() {
        let look = flat(&kind.manual().look);
        let first = look.split_once(". ").map_or(look.as_str(), |(first, _)| first).trim_end_matches('.');
        let _ = writeln!(text, "| [`{0}`](kinds/{0}.md) | {first} |", kind.name());
    }
    let _ = write!(text, "\n## What every check can have: `[[check]]`\n\n{}\n\n", tidy(CheckSettings::MANUAL));
    fields(&mut text, &CheckSettings::fields());
    text
}

fn of_kind(kind: &dyn AnyKind) -> String {
    let (name, manual) = (kind.name(), kind.manual());
    let mut text = format!("{MARK}# `{name}`\n\n{}\n\n## `[check.{name}]`\n\n", manual.look);
    fields(&mut text, &manual.look_fields);
    let _ = write!(text, "\n## `[check.{name}.expect]`\n\n{}\n\n", manual.expect);
    fields(&mut text, &manual.expect_fields);
    if !kind.codes().is_empty() {
        text.push_str("\n## Its own finding codes\n\nBeside [those that all kinds share](../findings.md).\n\n");
        text.push_str("| code | side | means | what to do |\n| --- | --- | --- | --- |\n");
        for code in kind.codes() {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                code.word,
                side(code.side),
                cell(code.meaning),
                cell(code.advice)
            );
        }
    }
    text.push_str(
        "\n## Examples\n\nEach catches every impostor of `steadfast prove`, and none of its expectations is dead.\n",
    );
    for source in &manual.examples {
        let _ = write!(text, "\n```toml\n[[check]]\nid = \"example\"\n{}\n```\n", example(name, source).trim_end());
    }
    text
}

fn fields(text: &mut String, fields: &[Field]) {
    text.push_str("| key | value | |\n| --- | --- | --- |\n");
    for field in fields {
        let _ = writeln!(text, "| `{}` | {} | {} |", field.key, cell(&about(field)), cell(&tidy(field.manual)));
    }
}

fn predicates() -> String {
    let mut text = format!("{MARK}# Predicates\n\nOne vocabulary for all kinds. {}\n\n", tidy(Operators::MANUAL));
    fields(&mut text, &Operators::fields());
    text.push_str(
        "\nA bare value is short for `equals`: `\"$.status\" = \"ok\"`. **Missing is never a pass.** Values are never \
         converted: `\"3\"` is not 3.\n",
    );
    text
}

fn findings() -> String {
    let mut text = format!(
        "{MARK}# Fail or Unknown: every finding code\n\n\
         A finding of the side *fail* says that the target falls short. One of the side *unknown* says that it could not \
         be looked at, so nothing is known of it: that is no pass, and no fail. Within one check fail beats unknown beats \
         pass. Codes are stable: scripts and alerts may rely on them. `steadfast explain CODE` prints a row.\n"
    );
    for (title, wanted) in [("Fail", Side::Fail), ("Unknown", Side::Unknown)] {
        let _ = write!(text, "\n## {title}\n\n| code | kind | means | what to do |\n| --- | --- | --- | --- |\n");
        for (code, kind) in registry::codes().iter().filter(|(code, _)| code.side == wanted) {
            let kind = kind.map_or_else(|| "all".to_owned(), |kind| format!("[`{kind}`](kinds/{kind}.md)"));
            let _ = writeln!(text, "| `{}` | {kind} | {} | {} |", code.word, cell(code.meaning), cell(code.advice));
        }
    }
    text
}

fn gates() -> String {
    let mut text = format!(
        "{MARK}# Gates\n\nThe moments at which checks must hold. The list is closed.\n\n| gate | when |\n| --- | --- |\n"
    );
    for gate in Gate::ALL {
        let _ = writeln!(text, "| `{}` | {} |", gate.word(), cell(&tidy(gate.manual())));
    }
    text.push_str("\n## Severities\n\n| severity | what it does |\n| --- | --- |\n");
    for severity in Severity::ALL {
        let _ = writeln!(text, "| `{}` | {} |", severity.word(), cell(&tidy(severity.manual())));
    }
    text.push_str(
        "\n## How a gate decides\n\n\
         1. *hold*, if any critical check fails;\n\
         2. *cannot tell*, else, if a critical check is unknown, or there was no check at all;\n\
         3. *proceed*, else.\n\n\
         Warnings never hold. A check whose `depends_on` fails is still looked at, and shown under its cause. The \
         decision is the [exit code](exit-codes.md) of `steadfast verify`.\n",
    );
    text
}

fn exit_codes() -> String {
    let mut text =
        format!("{MARK}# Exit codes\n\nOne list for every command.\n\n| code | word | means |\n| ---: | --- | --- |\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "| {} | {} | {} |", exit.code(), exit.word(), cell(exit.meaning()));
    }
    text
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Fail => "fail",
        Side::Unknown => "unknown",
    }
}

/// In one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As a cell of a table.
fn cell(text: &str) -> String {
    flat(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_every_code_has_its_place_and_every_example_loads() {
        let pages = pages();
        let page = |path: &str| &pages.iter().find(|(known, _)| known == path).unwrap().1;
        for kind in registry::kinds() {
            assert!(page("kinds.md").contains(&format!("kinds/{}.md", kind.name())));
            for block in page(&format!("kinds/{}.md", kind.name())).split("```toml\n").skip(1) {
                let toml = block.split("```").next().unwrap();
                let text = format!("[project]\nname = \"x\"\n{toml}");
                let loaded = steadfast_config::load_text(&text, steadfast_checks::kinds::KINDS);
                assert!(loaded.is_ok(), "{}\n{text}", loaded.err().unwrap().render(false, 80));
            }
        }
        for (code, _) in registry::codes() {
            assert!(page("findings.md").contains(&format!("| `{}` |", code.word)), "{}", code.word);
        }
    }
}

//! What import says to people: what was carried, what was not and why, or what is wrong with the file.

use super::carried::{Carried, Note};
use super::document::Trouble;
use super::{Imported, Source};
use crate::render::Page;
use crate::render::text::{BOLD, DIM, GREEN, Layout, YELLOW, counted, plain};

/// What was carried, and what was not.
pub(crate) fn shown(imported: &Imported, written: &str, page: &Page) -> String {
    let carried = &imported.carried;
    let mut out = Layout::new(page).with_labels(16);
    let head = format!(
        "{}  {} from {} of {}",
        out.styled(BOLD, &plain(written)),
        counted(carried.checks.len(), "check"),
        plain(&carried.file),
        carried.tool
    );
    out.line(&head);
    notes(&mut out, carried, "not carried over", &carried.left);
    notes(&mut out, carried, &format!("worth knowing about what {} did", carried.tool), &carried.warned);
    if !carried.variables.is_empty() {
        out.gap();
        let title = out.styled(DIM, "to set before the checks look");
        out.line(&title);
        carried.variables.iter().for_each(|variable| out.prose(2, &format!("{}: {}", variable.name, variable.what)));
    }
    out.gap();
    let mark = out.styled(GREEN, "✓ ");
    out.line(&format!("{mark}the file loads: `steadfast config lint` finds no problem in it"));
    out.gap();
    out.prose(
        0,
        "Next: `steadfast verify` looks, and `steadfast prove` shows which of these checks could not fail; `steadfast \
         look ID` proposes what they should expect.",
    );
    out.finish()
}

fn notes(out: &mut Layout, carried: &Carried, title: &str, notes: &[Note]) {
    if notes.is_empty() {
        return;
    }
    out.gap();
    let title = out.styled(YELLOW, title);
    out.line(&title);
    notes.iter().for_each(|note| out.prose(2, &carried.placed(note)));
}

/// Everything that is wrong with a file, each with its place and its line. A line may hold a secret: it is shown
/// without what stands behind its key.
pub(super) fn refusal(source: &Source<'_>, troubles: &[Trouble]) -> String {
    let text = String::from_utf8_lossy(source.bytes);
    let mut lines = Vec::new();
    for trouble in troubles {
        let at = trouble.at;
        lines.push(format!("{}:{}:{}: {}", source.name, at.line, at.column, trouble.what));
        let key = text.lines().nth(at.line - 1).map(|line| match line.find(": ") {
            Some(end) if end + 2 < line.len() => format!("{}: ...", &line[..end]),
            Some(_) | None => line.to_owned(),
        });
        if let Some(shown) = key.filter(|shown| shown.contains(':') && shown.len() < 120) {
            lines.push(format!("       {:>5} | {}", at.line, plain(&shown)));
        }
    }
    format!("{}\n       Nothing was written.", lines.join("\n       "))
}

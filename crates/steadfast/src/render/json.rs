//! `--format json`: the report for programs; `steadfast schema report` describes it.

use steadfast_engine::report::Report;

use super::{Page, Renderer};

/// See the module.
pub(crate) struct Json;

impl Renderer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn render(&self, report: &Report, _page: &Page) -> String {
        of(report)
    }
}

/// Any document, indented.
pub(crate) fn of(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

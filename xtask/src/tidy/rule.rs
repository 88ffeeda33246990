//! What a rule is, and what it finds.

use std::fmt;

use super::tree::Tree;

/// One rule of the house.
pub(super) trait Rule: Sync {
    /// Its name: that of its file.
    fn name(&self) -> &'static str;

    /// What it asks and why, in one line; printed above what breaks it.
    fn why(&self) -> &'static str;

    /// Reports every place that breaks it.
    fn look(&self, tree: &Tree, report: &mut Report);

    /// Small trees that trip it and small trees that it lets pass; the suite tries them all.
    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars;
}

/// The places at which one rule is broken.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    /// What a rule finds in a tree, in the order of the files.
    pub(super) fn of(rule: &dyn Rule, tree: &Tree) -> Report {
        let mut report = Report::default();
        rule.look(tree, &mut report);
        report.0.sort();
        report.0.dedup();
        report
    }

    /// Adds a place; lines count from 1.
    pub(super) fn add(&mut self, path: &str, line: usize, what: impl Into<String>) {
        self.0.push(Finding { path: path.to_owned(), line, what: what.into() });
    }

    /// All places.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.0
    }
}

/// One place at which a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}  {}", self.path, self.line, self.what)
    }
}

#[cfg(test)]
impl Finding {
    /// `path:line`, for the suite.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

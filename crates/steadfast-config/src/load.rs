//! From files to a project: every file is read, everything that is wrong is noted, and only then it is decided.

use std::path::{Path, PathBuf};

use steadfast_core::check::AnyKind;
use steadfast_core::project::Project;
use steadfast_core::setting::{Node, Problems, Table};

use crate::check_table::Checks;
use crate::defaults::AllDefaults;
use crate::document::{Document, Pace};
use crate::refusal::Refusal;
use crate::root::{Targets, gates, ledger, project_name};
use crate::source::{Files, Source};
use crate::tree::Syntax;
use crate::{depends, include};

/// The list of kinds that a configuration may use.
pub type Kinds<'a> = &'a [&'static dyn AnyKind];

/// The name of the root configuration file.
const NAME: &str = "steadfast.toml";

/// Finds `steadfast.toml` in a folder or the nearest of its parents.
pub fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(NAME)).find(|file| file.is_file())
}

/// Reads a text that stands for a root configuration file, as for examples in documentation.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_text(text: &str, kinds: Kinds<'_>) -> Result<Project, Refusal> {
    load(Source::Given { file: PathBuf::from(NAME), bytes: text.as_bytes().to_vec() }, kinds)
}

/// Reads a configuration: the root file and all that it includes.
///
/// # Errors
/// Everything that is wrong in all files.
pub fn load(start: Source, kinds: Kinds<'_>) -> Result<Project, Refusal> {
    if let Some(project) = attempt(&start, kinds) {
        return Ok(project);
    }
    let mut files = Files::default();
    let mut problems = Problems::default();
    let mut syntax = Syntax::default();
    let project = read(Pace::AsAWhole, &start, kinds, &mut files, &mut syntax, &mut problems);
    let problems = syntax.with(problems, |file| files.text(file));
    match project {
        Some(project) if problems.is_empty() => Ok(project),
        Some(_) | None => Err(Refusal::new(files.into_inner(), problems.into_sorted())),
    }
}

/// Reads it one check at a time; `None` if anything is not as it should be.
fn attempt(start: &Source, kinds: Kinds<'_>) -> Option<Project> {
    let mut problems = Problems::default();
    let project = read(Pace::ByCheck, start, kinds, &mut Files::default(), &mut Syntax::default(), &mut problems)?;
    problems.is_empty().then_some(project)
}

fn read(
    pace: Pace,
    start: &Source,
    kinds: Kinds<'_>,
    files: &mut Files,
    syntax: &mut Syntax,
    problems: &mut Problems,
) -> Option<Project> {
    let path = start.path();
    let folder = path.parent().unwrap_or(Path::new(""));
    let root_file = files.read(start, problems)?;
    let root = Document::parse(pace, root_file, files.text(root_file), syntax)?;

    let mut top = Table::open(&root.tree, problems)?;
    let name = project_name(&root.tree, top.get("project"), problems);
    let included = match top.get("include") {
        Some(node) => include::expand(node, folder, path, problems),
        None => Vec::new(),
    };
    let mut targets = Targets::default();
    let mut defaults = AllDefaults::default();
    let gates = gates(top.get("gate"), problems);
    let ledger = ledger(top.get("ledger"), problems);

    let mut others = Vec::new();
    for path in included {
        let Some(file) = files.read(&Source::File(path), problems) else { continue };
        let Some(document) = Document::parse(pace, file, files.text(file), syntax) else {
            match pace {
                // What is wrong with the other files is said as well.
                Pace::AsAWhole => continue,
                Pace::ByCheck => return None,
            }
        };
        refuse_root_keys(&document.tree, problems);
        others.push((file, document.without_keys(&ROOT_ONLY)));
    }
    let documents = || std::iter::once((root_file, &root)).chain(others.iter().map(|(file, other)| (*file, other)));
    for (_, document) in documents() {
        if let Some(entry) = document.tree.entry("targets") {
            targets.take(&entry.node, problems);
        }
        if let Some(entry) = document.tree.entry("defaults") {
            defaults.take(&entry.node, kinds, problems);
        }
    }
    let mut checks = Checks::default();
    for (file, document) in documents() {
        document.checks(files.text(file), |node| checks.take(node, kinds, &mut defaults, &targets, problems))?;
    }
    refuse_unknown_keys(top, problems);
    for (_, other) in &others {
        refuse_unknown_keys(Table::open(&other.tree, problems)?, problems);
    }
    defaults.verify_unused(kinds, problems);
    depends::verify(&checks.named, problems);

    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let root = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Some(Project { name, root, file: absolute, targets: targets.read, gates, ledger, checks: checks.into_read() })
}

/// Keys that only the root file may have.
const ROOT_ONLY: [&str; 4] = ["project", "include", "gate", "ledger"];

fn refuse_root_keys(tree: &Node, problems: &mut Problems) {
    for entry in tree.entries().iter().filter(|entry| ROOT_ONLY.contains(&entry.key.as_str())) {
        let what = format!("`{}` in an included file", entry.key);
        let why = "there is one of it for the whole project, so it stands in the root file alone";
        problems.suggest(entry.key_span, what, why, "move it to the file that includes this one");
    }
}

/// Refuses what is none of the keys that every file may have, nor was asked for before.
fn refuse_unknown_keys(mut table: Table<'_>, problems: &mut Problems) {
    for key in ["check", "targets", "defaults"] {
        table.get(key);
    }
    table.finish(problems);
}

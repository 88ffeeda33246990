//! The scope of a change: which checks cover the changed files, and which files no check covers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use globset::{GlobBuilder, GlobMatcher};
use steadfast_core::plan::Plan;
use steadfast_core::project::{NothingMatches, Project};

use crate::render::text::{counted, listed, plain};
use crate::session::{Refused, refuse};

/// Which change is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ScopeFlags {
    /// Only the checks whose `paths` cover one of these files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    changed: Vec<PathBuf>,
    /// Only the checks whose `paths` cover what git says has changed since this commit, branch or tag
    #[arg(long, value_name = "REF")]
    changed_since: Option<String>,
}

/// What a change concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The changed files, relative to the root configuration's folder.
    files: BTreeSet<String>,
    /// For each check, by its place, what of the change it covers.
    covered: BTreeMap<usize, Vec<String>>,
    /// What no check of the plan covers.
    uncovered: Vec<String>,
}

impl ScopeFlags {
    /// The scope of the change, if one is given.
    pub(crate) fn scope(&self, project: &Project, plan: &Plan) -> Result<Option<Scope>, Refused> {
        if self.changed.is_empty() && self.changed_since.is_none() {
            return Ok(None);
        }
        // `verify --changed a.rs post-deploy` would silently be a run of all gates.
        let gates = steadfast_core::gate::Gate::ALL.iter().map(|gate| gate.word());
        if let Some(gate) = gates.into_iter().find(|gate| self.changed.iter().any(|file| file == Path::new(gate))) {
            return Err(refuse(format!(
                "--changed takes `{gate}` for a file; write the gate first: verify {gate} --changed FILE..\n       \
                 (a file of this name is ./{gate})"
            )));
        }
        let root = std::path::absolute(&project.root).map_err(refuse)?;
        let root = root.canonicalize().unwrap_or(root);
        let here = std::env::current_dir().map_err(refuse)?;
        let mut files: BTreeSet<String> = self.changed.iter().map(|file| relative(&here.join(file), &root)).collect();
        if let Some(since) = &self.changed_since {
            files.extend(changed_since(since, &root).map_err(refuse)?);
        }
        Ok(Some(Scope::of(project, plan, files)))
    }
}

impl Scope {
    fn of(project: &Project, plan: &Plan, files: BTreeSet<String>) -> Scope {
        let mut covered = BTreeMap::new();
        for place in plan.in_file_order() {
            let globs = project.checks.get(place).map(|check| matchers(&check.paths)).unwrap_or_default();
            let its: Vec<String> =
                files.iter().filter(|file| globs.iter().any(|glob| glob.is_match(file))).cloned().collect();
            if !its.is_empty() {
                covered.insert(place, its);
            }
        }
        let uncovered = files.iter().filter(|file| !covered.values().any(|its| its.contains(file))).cloned().collect();
        Scope { files, covered, uncovered }
    }

    /// The plan with the checks alone that cover something.
    pub(crate) fn narrow(&self, project: &Project, plan: Plan) -> Plan {
        let settings = plan.gate.and_then(|gate| project.gates.get(&gate));
        let when_none = settings.and_then(|gate| gate.when_nothing_matches).unwrap_or(NothingMatches::CannotTell);
        plan.narrowed(|place| self.covered.contains_key(&place), when_none)
    }

    /// What of the change this check covers.
    pub(crate) fn why(&self, place: usize) -> Option<String> {
        let files = self.covered.get(&place)?;
        Some(format!("covers {}", listed(files.iter().map(|file| &**file), 50)))
    }

    /// What the person should know about the change.
    pub(crate) fn warnings(&self, plan: &Plan) -> Vec<String> {
        let of = plan.gate.map_or_else(|| "no check".to_owned(), |gate| format!("no check of gate {gate}"));
        if self.files.is_empty() {
            return vec!["nothing has changed, so there is nothing to pick checks by".to_owned()];
        }
        let files = self.uncovered.iter().map(|file| plain(file).into_owned()).collect::<Vec<_>>();
        if files.is_empty() {
            return Vec::new();
        }
        let them = if files.len() == 1 { "it" } else { "them" };
        vec![format!(
            "{of} covers {} of {}: {}; name {them} in the `paths` of a check",
            files.len(),
            counted(self.files.len(), "changed file"),
            listed(files.iter().map(|file| &**file), 400)
        )]
    }
}

/// `paths` as the configuration understands them; they were valid when it was loaded.
fn matchers(paths: &[String]) -> Vec<GlobMatcher> {
    let built = paths.iter().filter_map(|glob| GlobBuilder::new(glob).literal_separator(true).build().ok());
    built.map(|glob| glob.compile_matcher()).collect()
}

/// The file's path from the root, with `..` if it lies outside: no glob covers such a one. The file may be gone, so
/// only the folders that are still there are asked for.
fn relative(file: &Path, root: &Path) -> String {
    let mut plain_path = PathBuf::new();
    for part in file.components() {
        match part {
            Component::ParentDir => drop(plain_path.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain_path.push(part),
        }
    }
    let there = plain_path.ancestors().skip(1).find_map(|folder| {
        let real = folder.canonicalize().ok()?;
        Some(real.join(plain_path.strip_prefix(folder).ok()?))
    });
    let file = there.unwrap_or(plain_path);
    let shared = root.ancestors().find(|folder| file.starts_with(folder)).unwrap_or(Path::new(""));
    let up = root.strip_prefix(shared).map_or(0, |below| below.components().count());
    let below = file.strip_prefix(shared).unwrap_or(&file);
    format!("{}{}", "../".repeat(up), below.display())
}

/// What differs from where this branch left that commit: committed, staged, in the working tree, and not yet known to
/// git. A renamed file counts under both names.
fn changed_since(since: &str, root: &Path) -> Result<BTreeSet<String>, String> {
    let top = git(root, &["rev-parse", "--show-toplevel"])
        .map_err(|why| format!("--changed-since asks git, and {} is in no repository: {why}", root.display()))?;
    let top = PathBuf::from(top.trim_end_matches('\n'));
    let wanted = format!("{since}^{{commit}}");
    let commit = git(&top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).map_err(|_| {
        format!(
            "--changed-since {since}: git knows no such commit, branch or tag; in CI a shallow clone lacks it: fetch \
             the history (fetch-depth: 0)"
        )
    })?;
    let commit = commit.trim();
    let base = git(&top, &["merge-base", commit, "HEAD"]).map_err(|_| {
        format!("--changed-since {since}: it has no history in common with HEAD; fetch the whole history")
    })?;
    let diff = git(&top, &["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", base.trim(), "--"])?;
    let unknown = git(&top, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    let names = diff.split('\0').chain(unknown.split('\0')).filter(|name| !name.is_empty());
    Ok(names.map(|name| relative(&top.join(name), root)).collect())
}

fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    // A monitor or a lock of the user's own git is none of our business.
    command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false"]).args(args).env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().map_err(|why| format!("git cannot be started: {why}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expected: &str) {
        assert_eq!(relative(Path::new(file), Path::new("/no-such-folder/shop")), expected, "{file}");
    }

    #[test]
    fn a_path_is_told_from_the_root_even_when_the_file_is_gone() {
        check("/no-such-folder/shop/src/a.rs", "src/a.rs");
        check("/no-such-folder/shop/x/../src/./a.rs", "src/a.rs");
        check("/no-such-folder/other/a.rs", "../other/a.rs");
        check("/elsewhere/a.rs", "../../elsewhere/a.rs");
    }
}

//! What a test of a kind needs: a folder, a World in it, checks read from TOML, and looks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use steadfast_checks::kinds::kind_named;
use steadfast_core::check::{AnyKind, Check, Sighting};
use steadfast_core::secret::Text;
use steadfast_core::setting::{Node, Problem, Problems, Span};
use steadfast_core::verdict::Verdict;
use steadfast_core::world::{Clock, Limits, Parts, Patience, Routes, SecretSource, World};
use steadfast_probe::system::SystemClock;

/// A scratch folder and the World that stands in it.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) targets: BTreeMap<String, Text>,
    pub(crate) routes: Routes,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene {
            folder: tempfile::tempdir().unwrap(),
            secrets: BTreeMap::new(),
            targets: BTreeMap::new(),
            routes: Routes::default(),
            timeout: Some(Duration::from_secs(20)),
            deadline: None,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with its folders.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn world(&self) -> World {
        let clock = SystemClock::default();
        let elapsed = clock.elapsed();
        let world = World::new(Parts {
            clock: Arc::new(clock),
            secrets: Arc::new(Named(self.secrets.clone())),
            targets: self.targets.clone(),
            routes: self.routes.clone(),
            vantage: "inside".into(),
            limits: Limits::default(),
            root: self.root().to_path_buf(),
        });
        let moment = |bound: Option<Duration>| bound.map(|bound| elapsed + bound);
        world.for_look(Patience { timeout: moment(self.timeout), deadline: moment(self.deadline) })
    }

    /// Looks once.
    pub(crate) fn look(&self, check: &dyn Check) -> Sighting {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world = self.world();
        let sighting = runtime.block_on(check.observe(&world));
        runtime.shutdown_background();
        sighting
    }

    /// Reads, looks and judges.
    pub(crate) fn verdict(&self, kind: &str, table: &str) -> Verdict {
        let check = read(kind, table);
        check.judge(&self.look(&*check))
    }

    /// The verdict's word and the codes of its findings: `fail too-old`.
    pub(crate) fn said(&self, kind: &str, table: &str) -> String {
        let verdict = self.verdict(kind, table);
        let codes: Vec<&str> = verdict.findings().iter().map(|finding| &*finding.code).collect();
        format!("{} {}", verdict.word(), codes.join(" ")).trim_end().to_owned()
    }
}

struct Named(BTreeMap<String, String>);

impl SecretSource for Named {
    fn env(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
    fn file(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|why| why.to_string())
    }
}

/// Reads a `[check.<kind>]` table; panics with all problems.
pub(crate) fn read(kind: &str, table: &str) -> Box<dyn Check> {
    try_read(kind_named(kind).unwrap(), table).unwrap_or_else(|problems| panic!("{table}\n{problems:#?}"))
}

/// Reads a `[check.<kind>]` table, or says all that is wrong with it.
pub(crate) fn try_read(kind: &dyn AnyKind, table: &str) -> Result<Box<dyn Check>, Vec<Problem>> {
    let value: serde_json::Value = toml::from_str(table).unwrap_or_else(|why| panic!("{table}\n{why}"));
    try_read_json(kind, &value)
}

/// The same of a table that is JSON.
pub(crate) fn try_read_json(kind: &dyn AnyKind, table: &serde_json::Value) -> Result<Box<dyn Check>, Vec<Problem>> {
    let node = Node::from_json(table, Span::default()).unwrap();
    let mut problems = Problems::default();
    kind.read(&node, &mut problems).ok_or_else(|| problems.into_sorted())
}

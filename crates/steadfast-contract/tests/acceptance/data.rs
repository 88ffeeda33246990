//! Data for the tests: contracts, and the generator of the name cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use steadfast_contract::check::{Running, run};
use steadfast_contract::comparison::Comparison;
use steadfast_contract::contract::{Contract, Options, Profile};
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::read::{Fault, Input};
use steadfast_contract::report::{Asked, Report, sidecar_of, tell};

/// The folder with the name cache's contract and generator.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/name-cache")
}

/// The name cache's contract.
pub(crate) fn name_cache() -> Contract {
    Contract::open(&examples().join("name_cache.schema.json"), &Options::default()).unwrap()
}

/// Runs the generator; the answer is what it logs.
pub(crate) fn generate(to: &Path, arguments: &[&str]) -> serde_json::Value {
    let done = Command::new("python3")
        .arg(examples().join("gen_namecache.py"))
        .arg(to)
        .args(arguments)
        .output()
        .expect("python3 makes the test data: install it");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stderr).unwrap()
}

/// A contract from text.
pub(crate) fn contract(schema: &str) -> Contract {
    Contract::parse("test", schema.as_bytes(), &Options::default()).unwrap()
}

/// A run over files.
pub(crate) struct Run<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) profile: Profile,
    pub(crate) running: Running,
    pub(crate) asked: Asked,
}

impl<'a> Run<'a> {
    pub(crate) fn new(contract: &'a Contract) -> Run<'a> {
        let asked = Asked { keep: 1000, at: Some("2026-04-01T00:00:00Z".parse().unwrap()), ..Asked::default() };
        Run { contract, profile: Profile::Write, running: Running::default(), asked }
    }

    pub(crate) fn judge(&self) -> Judge<'a> {
        Judge::new(self.contract, self.profile, Look { keys: true, freshness: self.profile == Profile::Gate })
    }

    pub(crate) fn of(&self, files: &[&Path]) -> Result<Report, String> {
        let inputs: Vec<Input> = files.iter().map(|file| Input::File(file.to_path_buf())).collect();
        let judge = self.judge();
        let comparison = Comparison::open(&judge, &self.asked)?;
        let mut ran = run(&judge, &inputs, &self.running, &Arc::default()).map_err(|fault| match fault {
            Fault::Usage(why) => format!("usage: {why}"),
            Fault::Unreadable(why) => format!("unreadable: {why}"),
        })?;
        ran.publish();
        Ok(tell(&judge, ran, &self.asked, comparison).0)
    }

    /// Makes a sidecar of a release, keys and all.
    pub(crate) fn sidecar(&self, release: &Path, to: &Path) {
        let judge = self.judge();
        let ran = run(&judge, &[Input::File(release.to_path_buf())], &self.running, &Arc::default()).unwrap();
        sidecar_of(&judge, ran, to).unwrap();
    }
}

//! The other tools, installed by the bench into the bench's own folder.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the other tools are installed.
pub struct Peers {
    folder: PathBuf,
    node: OnceCell<Result<PathBuf, String>>,
    python: OnceCell<Result<PathBuf, String>>,
}

impl Peers {
    /// Nothing is installed before it is asked for.
    pub fn new(folder: &Path) -> Peers {
        Peers { folder: folder.to_owned(), node: OnceCell::new(), python: OnceCell::new() }
    }

    /// The fastest JavaScript validator, over a line reader.
    pub fn ajv(&self, schema: &str, data: &Path) -> Result<Vec<String>, String> {
        let script = self.script("ajv.cjs", include_str!("../peers/ajv.cjs"))?;
        let modules = self.node()?.display().to_string();
        Ok(words(&["node", &script, &modules, schema, &data.display().to_string()]))
    }

    /// The C++ command line.
    pub fn sourcemeta(&self, schema: &str, data: &Path) -> Result<Vec<String>, String> {
        let program = self.node()?.join(".bin/jsonschema").display().to_string();
        Ok(words(&[&program, "validate", schema, &data.display().to_string(), "--fast"]))
    }

    /// The reference of Python.
    pub fn python(&self, schema: &str, data: &Path) -> Result<Vec<String>, String> {
        let script = self.script("jsonschema_loop.py", include_str!("../peers/jsonschema_loop.py"))?;
        let program = self.python_program("jsonschema==4.26.0", "jsonschema")?;
        Ok(words(&[&program, &script, schema, &data.display().to_string()]))
    }

    /// ODCS checks on the same records.
    pub fn datacontract(&self, examples: &Path, data: &Path) -> Result<Vec<String>, String> {
        self.python_program("datacontract-cli[duckdb]==1.2.8", "datacontract")?;
        let program = self.folder.join("venv/bin/datacontract").display().to_string();
        // The contract names its data: a copy of it names ours, and leaves out what only we judge.
        let contract = std::fs::read_to_string(examples.join("name_cache.odcs.yaml")).map_err(|why| why.to_string())?;
        let contract = contract.replace("data/name_cache.jsonl", &data.display().to_string());
        let contract = contract.replace("mustBeGreaterOrEqualTo: 100000", "mustBeGreaterOrEqualTo: 1000");
        let contract: String = contract
            .lines()
            .take_while(|line| !line.starts_with("slaProperties"))
            .map(|line| format!("{line}\n"))
            .collect();
        let file = self.script("bench.odcs.yaml", &contract)?;
        Ok(words(&[&program, "test", &file]))
    }

    /// Two releases joined by key, with SQL by hand.
    pub fn duckdb(&self, before: &Path, after: &Path) -> Result<Vec<String>, String> {
        let script = self.script("duckdb_regression.py", include_str!("../peers/duckdb_regression.py"))?;
        let program = self.python_program("duckdb==2.0.0", "duckdb")?;
        Ok(words(&[&program, &script, &before.display().to_string(), &after.display().to_string()]))
    }

    fn script(&self, name: &str, text: &str) -> Result<String, String> {
        let file = self.folder.join(name);
        std::fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
        Ok(file.display().to_string())
    }

    fn node(&self) -> Result<PathBuf, String> {
        let install = || {
            let folder = self.folder.join("npm");
            std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
            let prefix = folder.display().to_string();
            run(&words(&[
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                &prefix,
                "ajv@8.20.0",
                "@sourcemeta/jsonschema@16.11.0",
            ]))?;
            Ok(folder.join("node_modules"))
        };
        self.node.get_or_init(install).clone()
    }

    fn python_program(&self, package: &str, module: &str) -> Result<String, String> {
        let make = || {
            let folder = self.folder.join("venv");
            if !folder.exists() {
                run(&words(&["python3", "-m", "venv", &folder.display().to_string()]))?;
            }
            Ok(folder.join("bin/python"))
        };
        let program = self.python.get_or_init(make).clone()?.display().to_string();
        if run(&words(&[&program, "-c", &format!("import {module}")])).is_err() {
            eprintln!("{package}: installed ...");
            run(&words(&[&program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]))?;
        }
        Ok(program)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn run(program: &[String]) -> Result<(), String> {
    let done =
        Command::new(&program[0]).args(&program[1..]).output().map_err(|why| format!("{}: {why}", program[0]))?;
    if done.status.success() { Ok(()) } else { Err(format!("{program:?}: {}", String::from_utf8_lossy(&done.stderr))) }
}

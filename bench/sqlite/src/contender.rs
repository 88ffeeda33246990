//! Who reads the file: each in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags};
use steadfast_sqlite::{Options, Prover, Verdict};

use crate::Outcome;
use crate::cgroup::Cgroup;

/// One reader of the file.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    way: Way,
}

/// How it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A program that is given the file.
    Program(&'static str),
    /// Debian's sqlite3, with this pragma.
    Shell(&'static str),
    /// The SQLite that we bundle, with this pragma.
    Bundled(&'static str),
    /// The prover, with so many workers, and with a manifest or without.
    Prover(usize, bool),
}

pub(crate) const CONTENDERS: &[Contender] = &[
    Contender { name: "cat", title: "cat > /dev/null", way: Way::Program("cat") },
    Contender { name: "sha256sum", title: "sha256sum", way: Way::Program("sha256sum") },
    Contender { name: "quick_check", title: "PRAGMA quick_check", way: Way::Bundled("quick_check") },
    Contender { name: "integrity_check", title: "PRAGMA integrity_check", way: Way::Bundled("integrity_check") },
    Contender { name: "shell-quick_check", title: "sqlite3, quick_check", way: Way::Shell("quick_check") },
    Contender { name: "shell-integrity_check", title: "sqlite3, integrity_check", way: Way::Shell("integrity_check") },
    Contender { name: "prove-1", title: "steadfast, 1 worker", way: Way::Prover(1, false) },
    Contender { name: "prove-2", title: "steadfast, 2 workers", way: Way::Prover(2, false) },
    Contender { name: "prove-manifest", title: "steadfast, 1 worker, with manifest", way: Way::Prover(1, true) },
];

impl Contender {
    pub(crate) fn named(name: &str) -> Outcome<&'static Contender> {
        let known = CONTENDERS.iter().find(|contender| contender.name == name);
        known.ok_or_else(|| {
            let names: Vec<&str> = CONTENDERS.iter().map(|contender| contender.name).collect();
            format!("no contender {name}: there are {}", names.join(", ")).into()
        })
    }

    /// The command that lets it read `file`, in a group or outside. What it says goes to a pipe.
    pub(crate) fn command(&self, file: &Path, group: Option<&Cgroup>) -> Outcome<Command> {
        let ours = std::env::current_exe()?;
        let program = match self.way {
            Way::Program(program) => Path::new(program),
            Way::Shell(_) => Path::new("sqlite3"),
            Way::Bundled(_) | Way::Prover(..) => &ours,
        };
        let mut command = group.map_or_else(|| Command::new(program), |group| group.command(program));
        match self.way {
            Way::Program(_) => command.arg(file).stdout(Stdio::null()),
            Way::Shell(pragma) => {
                command.args(["-batch", "-init", "/dev/null"]).arg(file).arg(format!("PRAGMA {pragma}"))
            }
            Way::Bundled(_) | Way::Prover(..) => command.args(["--one", self.name, "--file"]).arg(file),
        };
        if !matches!(self.way, Way::Program(_)) {
            command.stdout(Stdio::piped());
        }
        Ok(command)
    }

    /// Reads the file in this process and prints what it found.
    pub(crate) fn read(&self, file: &Path) -> Outcome<()> {
        match self.way {
            Way::Program(_) | Way::Shell(_) => return Err(format!("{} is a program of its own", self.name).into()),
            Way::Bundled(pragma) => {
                let sql = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                let said: String = sql.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
                println!("{said}");
            }
            Way::Prover(threads, manifest) => {
                let manifest_out = manifest.then(|| file.with_extension("manifest"));
                let options = Options { threads, manifest_out, ..Options::default() };
                let proof = Prover::new(file).options(options).run(&mut |_| ())?;
                match proof.verdict {
                    Verdict::Pass => println!("ok"),
                    Verdict::Fail | Verdict::Unknown => {
                        println!("{:?} {:?} {:?}", proof.verdict, proof.findings.first(), proof.unproven.first());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether it said that the database is sound; programs that only read have nothing to say.
    pub(crate) fn is_content(&self, said: &str) -> bool {
        matches!(self.way, Way::Program(_)) || said == "ok"
    }
}

/// The version of Debian's sqlite3, if it is there.
pub(crate) fn shell_version() -> Option<String> {
    let output = Command::new("sqlite3").arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).split_whitespace().next()?.to_owned())
}

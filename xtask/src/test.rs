//! `cargo xtask test`: everything, in a fixed order, and it stops at the first thing that is wrong.

use std::io::IsTerminal;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::apt::{self, Refusal};
use crate::workspace::Workspace;

/// Commands of the release binary that must end with this exit code within two minutes.
const SMOKE: &[(&[&str], i32)] = &[
    (&["version"], 0),
    (&["config", "schema"], 0),
    (&["man", "verify"], 0),
    (&["completions", "bash"], 0),
    (&["config", "lint", "--config", "no-such-file.toml"], 2),
    (&["no-such-command"], 2),
];

/// What the README tells a newcomer to run first, word by word.
const DEMO: &[&str] = &["cargo", "run", "--release", "--", "demo"];

/// Steps run in this order: what is quick to fail comes first. The test runner comes after the doctests, so that its
/// closing line is the last of its sort.
const STEPS: &[Step] = &[
    Step { name: "packages", what: Action::Packages },
    Step { name: "fmt", what: Action::Run(5, &["cargo", "fmt", "--all", "--check"]) },
    Step { name: "tidy", what: Action::Run(15, &["cargo", "xtask", "tidy"]) },
    Step { name: "site", what: Action::Run(10, &["cargo", "xtask", "docs", "--site"]) },
    Step {
        name: "clippy",
        what: Action::Run(30, &["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Step { name: "doctests", what: Action::Run(20, &["cargo", "test", "--doc", "--workspace"]) },
    Step { name: "tests", what: Action::Tests },
    Step {
        name: "fuzz-sqlite",
        what: Action::Run(30, &["cargo", "xtask", "fuzz", "sqlite", "--cases", "20000", "--seed", "7"]),
    },
    Step {
        name: "fuzz-contract",
        what: Action::Run(30, &["cargo", "xtask", "fuzz", "contract", "--cases", "50000", "--seed", "7"]),
    },
    Step { name: "release", what: Action::Run(30, &["cargo", "build", "--release"]) },
    Step { name: "demo", what: Action::Run(5, DEMO) },
    Step { name: "smoke", what: Action::Smoke },
    Step { name: "dist", what: Action::Run(40, &["cargo", "xtask", "dist"]) },
];

struct Step {
    name: &'static str,
    what: Action,
}

enum Action {
    /// Debian packages.
    Packages,
    /// One command, with the minutes that it may take.
    Run(u32, &'static [&'static str]),
    /// nextest where there is one, else cargo's own runner.
    Tests,
    /// [`SMOKE`].
    Smoke,
}

/// Why a step did not hold: the command, what became of it, and our exit code.
struct Failure {
    command: String,
    why: String,
    code: u8,
}

/// Runs all steps, or those that were asked for.
pub fn run(arguments: &[String]) -> ExitCode {
    let steps = match chosen(arguments) {
        Ok(steps) => steps,
        Err(why) => {
            let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            eprintln!("{why}\ncargo xtask test [--only STEP]... [--from STEP]\nsteps: {}", names.join(", "));
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let mut report: Vec<(&str, Duration)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        println!("\n=== {}/{} {}", at + 1, steps.len(), step.name);
        let started = Instant::now();
        match step.take() {
            Ok(()) => report.push((step.name, started.elapsed())),
            Err(failure) => {
                println!("\n=== report");
                report.iter().for_each(|(name, took)| println!("{}", line(name, *took)));
                println!("  {:<14} FAILED {:>9}", step.name, clock(started.elapsed()));
                println!("\n{}\n  command    {}", failure.why, failure.command);
                println!("  this step  cargo xtask test --only {}", step.name);
                println!("  and on     cargo xtask test --from {}", step.name);
                return ExitCode::from(failure.code);
            }
        }
    }
    println!("\n=== report");
    report.iter().for_each(|(name, took)| println!("{}", line(name, *took)));
    let what = if steps.len() == STEPS.len() { "Everything holds" } else { "What was asked for holds" };
    println!("\n{what}: {} of {} steps in {}.", steps.len(), STEPS.len(), clock(began.elapsed()));
    ExitCode::SUCCESS
}

fn chosen(arguments: &[String]) -> Result<Vec<&'static Step>, String> {
    let mut only: Vec<usize> = Vec::new();
    let mut from = 0;
    let mut words = arguments.iter();
    while let Some(option) = words.next() {
        let name = words.next().ok_or(format!("{option}: which step?"))?;
        let at = STEPS.iter().position(|step| step.name == name).ok_or(format!("there is no step {name}"))?;
        match option.as_str() {
            "--only" => only.push(at),
            "--from" => from = at,
            unknown => return Err(format!("unknown option {unknown}")),
        }
    }
    let asked = |at: &usize| *at >= from && (only.is_empty() || only.contains(at));
    Ok((0..STEPS.len()).filter(asked).map(|at| &STEPS[at]).collect())
}

impl Step {
    fn take(&self) -> Result<(), Failure> {
        match self.what {
            Action::Packages => apt::install_missing().map_err(|refusal| {
                let (why, code) = match refusal {
                    Refusal::NotAllowed(why) => (why, 2),
                    Refusal::Failed(why) => (why, 1),
                };
                Failure { command: "apt-get install (xtask/src/packages.rs)".to_owned(), why, code }
            }),
            Action::Run(minutes, command) => bounded(minutes * 60, command, 0),
            Action::Tests => bounded(45 * 60, test_runner(), 0),
            Action::Smoke => {
                let binary = format!("{}/release/steadfast", workspace()?.target_directory);
                for (arguments, expected) in SMOKE {
                    bounded(120, &[&[binary.as_str()], *arguments].concat(), *expected)?;
                }
                Ok(())
            }
        }
    }
}

/// Asked for only by the steps that need it: the packages are installed where cargo may not be at hand.
fn workspace() -> Result<Workspace, Failure> {
    Workspace::read().map_err(|why| Failure { command: "cargo metadata".to_owned(), why, code: 2 })
}

/// nextest gives each test a process and a bound (`.config/nextest.toml`); without it cargo's runner does the same work.
fn test_runner() -> &'static [&'static str] {
    let found = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|asked| asked.status.success());
    if found {
        &["cargo", "nextest", "run", "--workspace", "--profile", "ci"]
    } else {
        &["cargo", "test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"]
    }
}

/// Runs a command under a bound, by coreutils' `timeout`, which also ends what the command started.
fn bounded(seconds: u32, command: &[&str], expected: i32) -> Result<(), Failure> {
    println!("$ {}", command.join(" "));
    let failure = |why: String| Failure { command: command.join(" "), why, code: 1 };
    let mut run = Command::new("timeout");
    run.args(["--kill-after=10s", &format!("{seconds}s")]);
    if std::io::stdin().is_terminal() {
        // Ctrl-C reaches the command.
        run.arg("--foreground");
    }
    let status = run.args(command).status().map_err(|why| failure(format!("cannot start it: {why}")))?;
    match status.code() {
        Some(code) if code == expected => Ok(()),
        Some(124 | 137) => Err(failure(format!("It did not end within {seconds} s and was stopped."))),
        Some(code) if expected != 0 => Err(failure(format!("It ended with exit code {code} instead of {expected}."))),
        Some(code) => Err(failure(format!("It ended with exit code {code}."))),
        None => Err(failure(format!("It ended with {status}."))),
    }
}

fn line(name: &str, took: Duration) -> String {
    format!("  {name:<14} ok     {:>9}", clock(took))
}

fn clock(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs_f64()) {
        (0, seconds) => format!("{seconds:.1} s"),
        (minutes, _) => format!("{minutes} m {:02} s", time.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: &[&str]) {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let names: Vec<&str> = chosen(&arguments).expect("a choice").iter().map(|step| step.name).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_step_can_be_run_alone_and_the_rest_from_it() {
        check(&["--only", "clippy"], &["clippy"]);
        check(&["--only", "tidy", "--only", "fmt"], &["fmt", "tidy"]);
        check(&["--from", "release"], &["release", "demo", "smoke", "dist"]);
    }

    #[test]
    fn the_demo_is_started_by_the_words_of_the_readme() {
        let shown = format!("```sh\n{}\n```", DEMO.join(" "));
        assert!(include_str!("../../README.md").contains(&shown), "README.md does not say: {shown}");
    }

    #[test]
    fn without_a_choice_it_is_everything() {
        assert_eq!(chosen(&[]).expect("a choice").len(), STEPS.len());
    }

    #[test]
    fn an_unknown_step_is_refused_rather_than_skipped() {
        assert!(chosen(&["--only".to_owned(), "clipy".to_owned()]).is_err());
        assert!(chosen(&["--olny".to_owned(), "clippy".to_owned()]).is_err());
        assert!(chosen(&["--only".to_owned()]).is_err());
    }

    #[test]
    fn a_command_that_hangs_is_stopped_and_said_to() {
        let failure = bounded(1, &["sleep", "60"], 0).expect_err("it hangs");
        assert_eq!(failure.why, "It did not end within 1 s and was stopped.");
    }

    #[test]
    fn another_exit_code_than_the_expected_one_fails() {
        assert!(bounded(10, &["false"], 0).is_err());
        assert!(bounded(10, &["true"], 2).is_err());
        assert!(bounded(10, &["false"], 1).is_ok());
    }
}

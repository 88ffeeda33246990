//! What a program used: CPU time and peak memory, by `getrusage`. The program is started by a small process of its own,
//! this one under `--measure`, so that what is counted is the program and nothing of the bench.

use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;

/// What one process used.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// User and system, in seconds.
    pub cpu: f64,
    /// Of that in the system: mostly copying from the page cache.
    pub system: f64,
    /// MiB.
    pub peak: f64,
}

/// Runs a program; the answer is what it used, or why not.
pub fn measure(program: &[String]) -> Result<Used, String> {
    let me = std::env::current_exe().map_err(|why| why.to_string())?;
    let done = Command::new(me).arg("--measure").args(program).output().map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    let used: Value = serde_json::from_str(last).map_err(|_| format!("{program:?}: {said}"))?;
    let number = |name: &str| used[name].as_f64().unwrap_or(f64::NAN);
    if used["code"].as_i64() != Some(0) {
        return Err(format!("{program:?} ended with {}: {said}", used["code"]));
    }
    Ok(Used { cpu: number("cpu"), system: number("system"), peak: number("peak") })
}

/// `--measure PROGRAM ..`: runs it, and prints what it used as the last line of standard error.
pub fn child(program: &[String]) -> ExitCode {
    let Some((name, arguments)) = program.split_first() else { return ExitCode::from(2) };
    let status = Command::new(name).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let (Ok(status), Ok(used)) = (status, getrusage(UsageWho::RUSAGE_CHILDREN)) else {
        eprintln!("{name} cannot be run or measured");
        return ExitCode::FAILURE;
    };
    let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
    let (user, system) = (seconds(used.user_time()), seconds(used.system_time()));
    let told = serde_json::json!({
        "cpu": user + system, "system": system, "peak": used.max_rss() as f64 / 1024.0, "code": status.code(),
    });
    eprintln!("\n{told}");
    ExitCode::SUCCESS
}

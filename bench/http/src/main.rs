//! `cargo xtask bench http`: the same thousand checks by Steadfast, blackbox_exporter and monit, against one nginx.

mod measure;
mod peers;
mod process;
mod report;

use std::process::ExitCode;

use scenarios::nginx::Nginx;

fn main() -> ExitCode {
    if let Err(why) = peers::install() {
        eprintln!("{why}");
        return ExitCode::from(2);
    }
    let nginx = Nginx::start(&[("design.json", peers::PAGE)]);
    let mut rows = Vec::new();
    for subject in measure::SUBJECTS {
        eprintln!("measuring {}", subject.name);
        rows.push((subject.name, (subject.measure)(&nginx)));
    }
    eprintln!("measuring memory, start-up, size");
    let singles = [measure::memory(&nginx), measure::startup(), measure::size()];
    let (text, reached) = report::of(&rows, &singles);
    println!("{text}");
    if let Err(why) = report::publish(&text) {
        eprintln!("docs/benchmarks.md was not written: {why}");
        return ExitCode::FAILURE;
    }
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

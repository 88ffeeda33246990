//! `cargo xtask tidy`: the rules of the house that a compiler does not know. A rule is one file in `tidy/` and one line
//! in [`RULES`]; what it trips on and what it lets pass is in its file, and [`suite`] holds every rule to it.

mod arrows;
mod attributes;
mod clocks;
mod configurations;
mod declarations;
mod dialling;
mod documented;
mod documented_commands;
mod documented_paths;
mod file_length;
mod file_names;
mod libraries;
mod lints;
mod listed;
mod printing;
mod product;
mod pure_core;
pub(crate) mod reference;
mod rule;
mod site;
mod sleeping_tests;
mod source;
#[cfg(test)]
mod suite;
mod tree;
mod unfinished;
mod versions;

use std::path::Path;
use std::process::ExitCode;

use crate::workspace::Workspace;
use product::Built;
use rule::{Report, Rule};
use tree::Tree;

/// Every rule, in the order in which they are shown.
const RULES: &[&dyn Rule] = &[
    &arrows::Arrows,
    &versions::Versions,
    &lints::Lints,
    &pure_core::PureCore,
    &clocks::Clocks,
    &dialling::Dialling,
    &printing::Printing,
    &listed::Listed,
    &documented::Documented,
    &declarations::Declarations,
    &configurations::Configurations,
    &documented_commands::DocumentedCommands,
    &documented_paths::DocumentedPaths,
    &reference::Reference,
    &site::Site,
    &libraries::Libraries,
    &attributes::Attributes,
    &unfinished::Unfinished,
    &sleeping_tests::SleepingTests,
    &file_names::FileNames,
    &file_length::FileLength,
];

/// Reads the work tree and says where it breaks a rule.
pub fn run(arguments: &[String]) -> ExitCode {
    if let Some(unknown) = arguments.first() {
        eprintln!("cargo xtask tidy takes no arguments, but was given {unknown}");
        return ExitCode::from(2);
    }
    match look() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("tidy could not look: {why}");
            ExitCode::from(2)
        }
    }
}

fn look() -> Result<bool, String> {
    let workspace = Workspace::read()?;
    let product = Built::build(&workspace)?;
    let tree = Tree::read(Path::new(&workspace.root), Box::new(product))?;
    let broken: Vec<(&dyn Rule, Report)> = RULES
        .iter()
        .map(|rule| (*rule, Report::of(*rule, &tree)))
        .filter(|(_, report)| !report.findings().is_empty())
        .collect();
    for (rule, report) in &broken {
        println!("{}: {}", rule.name(), rule.why());
        report.findings().iter().for_each(|finding| println!("  {finding}"));
    }
    match broken.len() {
        0 => println!("tidy: {} files keep all {} rules", tree.len(), RULES.len()),
        rules => {
            let findings: usize = broken.iter().map(|(_, report)| report.findings().len()).sum();
            println!("tidy: {findings} places break {rules} of {} rules", RULES.len());
        }
    }
    Ok(broken.is_empty())
}

//! `steadfast config lint | show | schema`.

use steadfast_checks::kinds::KINDS;
use steadfast_core::exit::Exit;
use steadfast_core::project::Project;

use crate::project_file::ProjectFile;
use crate::render::say;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Reads all files and prints everything that is wrong; looks at nothing and needs no secret
    Lint(ProjectFile),
    /// Prints the effective configuration: one file, every default written out, secrets as references
    Show(ProjectFile),
    /// Prints the JSON Schema of the file, for editors: `#:schema steadfast.schema.json` in its first line
    Schema,
}

/// Exit code 0, or 2 if the configuration cannot be used.
pub(crate) fn run(args: Args) -> Exit {
    let text = match args.verb {
        Verb::Lint(file) => file.load().map(|project| summary(&project)),
        Verb::Show(file) => file.load().map(|project| steadfast_config::to_toml(&project)),
        Verb::Schema => Ok(format!("{:#}\n", steadfast_config::schema(KINDS))),
    };
    match text {
        Ok(text) => {
            say(&text);
            Exit::Proceed
        }
        Err(exit) => exit,
    }
}

/// What was read, in one line; and what loads but proves nothing.
fn summary(project: &Project) -> String {
    let checks = match project.checks.len() {
        0 => "no check yet, so every run of it is cannot-tell: `steadfast explain` lists the kinds".to_owned(),
        1 => "1 check, no problem".to_owned(),
        n => format!("{n} checks, no problem"),
    };
    format!("{}: project `{}`, {checks}\n", project.file.display(), project.name)
}

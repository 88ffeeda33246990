//! `steadfast contract check | accept | spot-check | freshness | explain | merge`.

mod accept;
mod check;
mod explain;
mod fetch;
mod freshness;
mod human;
mod merge;
mod places;
mod progress;
mod spot_check;

use std::io::Write;
use std::path::{Path, PathBuf};

use steadfast_contract::contract::{Contract, Formats, Options, Profile};
use steadfast_contract::read::Fault;
use steadfast_contract::report::Outcome;
use steadfast_core::exit::Exit;

use crate::render::say as print;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Holds data to its contract; exit code 0 it holds, 1 it does not, 2 usage or broken contract, 3 cannot tell
    Check(Box<check::Args>),
    /// Makes a release the baseline that later ones are compared with, if it holds
    Accept(Box<accept::Args>),
    /// Judges a few records, each drawn with the same chance, and says what that proves
    SpotCheck(spot_check::Args),
    /// Says how old the newest record is, and whether that is within the contract's promise
    Freshness(freshness::Args),
    /// Says what a contract says about one path, such as famous_people[].selected_people[]
    Explain(explain::Args),
    /// Puts parts (check --part i/n) together to what one run would have said
    Merge(Box<merge::Args>),
}

/// Runs the command to its end.
pub(crate) fn run(args: Args) -> Exit {
    let ended = match args.verb {
        Verb::Check(args) => check::run(&args),
        Verb::Accept(args) => accept::run(&args),
        Verb::SpotCheck(args) => spot_check::run(&args),
        Verb::Freshness(args) => freshness::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Merge(args) => merge::run(&args),
    };
    ended.unwrap_or_else(|refused| {
        let _ = writeln!(anstream::stderr(), "steadfast contract: {}", refused.why);
        refused.exit
    })
}

/// Why a command ended without an answer.
struct Refused {
    why: String,
    exit: Exit,
}

impl Refused {
    fn usage(why: impl ToString) -> Refused {
        Refused { why: why.to_string(), exit: Exit::Usage }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        match fault {
            Fault::Usage(why) => Refused { why, exit: Exit::Usage },
            Fault::Unreadable(why) => Refused { why, exit: Exit::CannotTell },
        }
    }
}

/// What every verb takes to read a contract.
#[derive(Debug, clap::Args)]
struct ContractFile {
    /// The contract: a JSON Schema, or an ODCS document that links to one
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// Whether `format` is a promise [default: as the draft says: assert in draft 7, annotate later]
    #[arg(long, value_enum)]
    formats: Option<FormatsChoice>,
    /// Follow references to http and https
    #[arg(long)]
    allow_remote: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatsChoice {
    Assert,
    Annotate,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum ProfileChoice {
    /// Every record, strictly; the answer depends on the data alone
    #[default]
    Write,
    /// Also rows, freshness, allowed shares and severities
    Gate,
    /// As a reader would: what can be repaired is repaired and counted, and the rest is a finding
    Load,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Profile {
        match choice {
            ProfileChoice::Write => Profile::Write,
            ProfileChoice::Gate => Profile::Gate,
            ProfileChoice::Load => Profile::Load,
        }
    }
}

impl ContractFile {
    fn open(&self) -> Result<Contract, Refused> {
        let formats = match self.formats {
            None => Formats::AsTheDraftSays,
            Some(FormatsChoice::Assert) => Formats::Assert,
            Some(FormatsChoice::Annotate) => Formats::Annotate,
        };
        let remote = self.allow_remote.then(fetch::documents);
        Contract::open(Path::new(&self.contract), &Options { formats, remote }).map_err(Refused::usage)
    }
}

fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Holds => Exit::Proceed,
        Outcome::Broken => Exit::Hold,
        Outcome::CannotTell => Exit::CannotTell,
    }
}

fn print_json(value: &impl serde::Serialize) {
    print(&format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default()));
}

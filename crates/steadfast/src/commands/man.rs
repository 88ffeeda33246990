//! `steadfast man`.

use std::path::PathBuf;

use clap::{CommandFactory, ValueHint};
use steadfast_core::exit::Exit;

use crate::CommandLine;
use crate::manual;
use crate::render::print;
use crate::session::{Refused, refuse};
use crate::whole_file;

/// The command's arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
steadfast man | man -l -
steadfast man http | man -l -
steadfast man --out ~/.local/share/man      then: man steadfast-verify, man 7 steadfast-http")]
pub(crate) struct Args {
    /// A command (verify) or a kind of check (http); without one the program itself
    #[arg(conflicts_with = "out")]
    page: Option<String>,
    /// Write all pages below this folder, in man1 and man7
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// Prints a page, or writes them all.
pub(crate) fn run(args: Args) -> Exit {
    man(&args).unwrap_or_else(|refused| refused)
}

fn man(args: &Args) -> Result<Exit, Refused> {
    let pages = manual::pages(CommandLine::command()).map_err(|why| refuse(format!("the manual: {why}")))?;
    let Some(out) = &args.out else {
        let name = args.page.as_ref().map_or_else(|| "steadfast".to_owned(), |page| format!("steadfast-{page}"));
        let Some(page) = pages.iter().find(|page| page.name == name) else {
            let known: Vec<&str> = pages.iter().filter_map(|page| page.name.strip_prefix("steadfast-")).collect();
            return Err(refuse(format!("there is no page `{name}`; there are {}", known.join(", "))));
        };
        print(&page.text).map_err(|why| refuse(format!("the page was not written: {why}")))?;
        return Ok(Exit::Proceed);
    };
    for page in &pages {
        let folder = out.join(format!("man{}", page.section));
        let file = folder.join(format!("{}.{}", page.name, page.section));
        std::fs::create_dir_all(&folder)
            .and_then(|()| whole_file::replace(&file, &page.text))
            .map_err(|why| refuse(format!("{} cannot be written: {why}", file.display())))?;
    }
    let said = format!("{} pages below {}\n", pages.len(), out.display());
    print(&said).map_err(|why| refuse(format!("the summary was not written: {why}")))?;
    Ok(Exit::Proceed)
}

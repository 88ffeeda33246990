//! `steadfast init`.

use std::path::PathBuf;

use clap::ValueHint;
use steadfast_core::exit::Exit;

use crate::init::{self, Order};
use crate::live::Live;
use crate::render::{Page, say};
use crate::session::{block_on, warn};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A page of the site to describe; it is looked at twice, and so are the pages it links to
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    url: Option<String>,
    /// The folder for steadfast.toml; SQLite files below it are described, and what its Compose files, Dockerfile,
    /// fly.toml, Procfile, .env (names only) and OpenAPI documents speak of
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// How many of the page's links to the same site to describe
    #[arg(long, value_name = "N", default_value_t = 4)]
    links: usize,
    /// A PEM file of the only roots to trust
    #[arg(long, value_name = "PEM", value_hint = ValueHint::FilePath)]
    roots: Option<PathBuf>,
}

/// Describes what is there. 0: written and verified; 2: not written, as something is wrong here; 3: nothing could be
/// verified: there is nothing to describe, or nothing of it is up, and the file holds proposals only.
pub(crate) fn run(args: Args) -> Exit {
    let order = Order { url: args.url, folder: args.dir, links: args.links, roots: args.roots };
    let ended = block_on(async |stop| {
        let mut live = Live::new();
        let waiting = stop.clone();
        tokio::select! {
            biased;
            () = waiting.stopped() => None,
            done = init::run(&order, stop, &mut live) => Some(done),
        }
    });
    match ended {
        Err(refused) => refused,
        Ok(None) => {
            warn("interrupted: nothing was written");
            Exit::Interrupted
        }
        Ok(Some(Err(stopped))) => init::ended(stopped),
        Ok(Some(Ok(written))) => {
            say(&init::shown(&written, &Page::of_stdout()));
            written.exit()
        }
    }
}

//! `steadfast docs`: the reference documentation, from the code. Hidden, as it is for this project's own `docs/`.

use std::path::PathBuf;

use steadfast_core::exit::Exit;

use crate::reference;
use crate::session::refuse;
use crate::whole_file;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes every page of the reference.
pub(crate) fn run(args: Args) -> Exit {
    for (path, text) in reference::pages() {
        let file = args.out.join(path);
        let folder = file.parent().unwrap_or(&args.out);
        let written = std::fs::create_dir_all(folder).and_then(|()| whole_file::replace(&file, &text));
        if let Err(why) = written {
            return refuse(format!("{} cannot be written: {why}", file.display()));
        }
    }
    Exit::Proceed
}

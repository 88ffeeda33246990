//! `steadfast completions bash | zsh | fish`.

use steadfast_core::exit::Exit;

use crate::completion::Shell;
use crate::render::print;
use crate::session::refuse;

/// The command's arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
bash  steadfast completions bash > ~/.local/share/bash-completion/completions/steadfast
zsh   echo 'source <(steadfast completions zsh)' >> ~/.zshrc     (behind its compinit)
fish  steadfast completions fish > ~/.config/fish/completions/steadfast.fish

Or for this session: source <(steadfast completions bash)")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: Args) -> Exit {
    match args.shell.script().and_then(|script| print(&script)) {
        Ok(()) => Exit::Proceed,
        Err(why) => {
            refuse(format!("the script was not written: {why}"));
            Exit::CannotTell
        }
    }
}

//! Which configuration a command reads: `--config`, or the nearest `steadfast.toml`. What is wrong with it is printed here.

use std::io::Write;
use std::path::{Path, PathBuf};

use steadfast_checks::kinds::KINDS;
use steadfast_config::Source;
use steadfast_core::exit::Exit;
use steadfast_core::project::Project;

/// An argument of every command that reads the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct ProjectFile {
    /// The configuration; without it `steadfast.toml` in this folder or the nearest of its parents
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl ProjectFile {
    /// This file.
    pub(crate) fn at(file: &Path) -> ProjectFile {
        ProjectFile { config: Some(file.to_owned()) }
    }

    /// Loads it. If something is wrong, all of it is on standard error and the exit code is returned.
    pub(crate) fn load(&self) -> Result<Project, Exit> {
        let file = self.path()?;
        let project = steadfast_config::load(Source::File(file), KINDS).map_err(|refusal| {
            let stderr = anstream::stderr();
            let color = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
            let _ = stderr.lock().write_all(refusal.render(color, columns()).as_bytes());
            Exit::Usage
        });
        crate::linux_memory::give_back();
        project
    }

    /// Where it is, shown relative to the working folder if it lies there.
    fn path(&self) -> Result<PathBuf, Exit> {
        if let Some(path) = &self.config {
            return Ok(path.clone());
        }
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        match steadfast_config::find(&here) {
            Some(found) => Ok(found.strip_prefix(&here).map(Path::to_owned).unwrap_or(found)),
            None => {
                let _ = writeln!(
                    anstream::stderr(),
                    "error: no steadfast.toml in {} or a folder above it\n\
                     Without it there is nothing to verify. `steadfast init` writes one; --config PATH names another.",
                    here.display()
                );
                Err(Exit::Usage)
            }
        }
    }
}

/// Columns of the terminal behind standard error; 80 if it is none.
fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| usize::from(width.0))
}

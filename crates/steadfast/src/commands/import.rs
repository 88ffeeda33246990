//! `steadfast import`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ValueHint, builder::TypedValueParser};
use steadfast_core::exit::Exit;

use crate::import::{self, FORMATS, Format, Source};
use crate::render::{Page, print};
use crate::session::{Refused, refuse, warn};
use crate::whole_file;

/// How much is read.
const MOST: u64 = 64 << 20;

/// The command's arguments.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    /// The tool that the file is from
    #[arg(value_name = "FORMAT", value_parser = formats())]
    format: &'static str,
    /// Its configuration: Gatus' config.yaml; Uptime Kuma's backup or kuma.db; blackbox.yml; a file of curl lines; - reads
    /// standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Where our file goes; never over one that is there. - prints it
    #[arg(long, value_name = "FILE", default_value = "steadfast.toml", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// For blackbox: the Prometheus configuration that says what the modules probe
    #[arg(long, value_name = "prometheus.yml", value_hint = ValueHint::FilePath)]
    targets: Option<PathBuf>,
    /// The project's name; without it that of the folder
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("format", &self.format).field("file", &self.file).field("out", &self.out).finish()
    }
}

fn formats() -> impl TypedValueParser<Value = &'static str> {
    PossibleValuesParser::new(FORMATS.iter().map(|format| format.name())).map(|name| named(&name).name())
}

/// The format of this name, which clap has let through.
fn named(name: &str) -> &'static dyn Format {
    FORMATS.iter().copied().find(|format| format.name() == name).unwrap_or(FORMATS[0])
}

/// Reads another tool's configuration and writes ours. 0: written; 2: not written, as something is wrong; 3: not written,
/// as nothing of it could be carried over.
pub(crate) fn run(args: Args) -> Exit {
    match work(&args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn work(args: &Args) -> Result<Exit, Refused> {
    let format = named(args.format);
    let printed = args.out == Path::new("-");
    if !printed {
        could_write(&args.out)?;
    }
    if args.targets.is_some() && format.name() != "blackbox" {
        return Err(refuse("--targets is for blackbox: the other formats have their addresses in the file itself"));
    }
    let standard = args.file == Path::new("-");
    let bytes = if standard { read(std::io::stdin(), "standard input")? } else { read_file(&args.file)? };
    let name = if standard { "standard input".to_owned() } else { file_name(&args.file) };
    let scrape = args.targets.as_deref().map(|path| Ok((file_name(path), read_file(path)?))).transpose()?;
    let source = Source {
        name: &name,
        bytes: &bytes,
        path: (!standard).then_some(args.file.as_path()),
        scrape: scrape.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
    };
    let project = args.name.clone().unwrap_or_else(|| project_name(&args.out));
    let imported = import::import(format, &source, &project).map_err(refuse)?;
    let written = if printed { "standard output".to_owned() } else { args.out.display().to_string() };
    let report = import::shown(&imported, &written, &Page::of_stderr());
    if imported.carried.checks.is_empty() {
        say(&report);
        warn("nothing of it could be carried over, so nothing was written");
        return Ok(Exit::CannotTell);
    }
    if printed {
        print(&imported.toml).map_err(|why| refuse(format!("the file was not printed: {why}")))?;
    } else {
        whole_file::create(&args.out, &imported.toml).map_err(|why| match why.kind() {
            std::io::ErrorKind::AlreadyExists => there_already(&args.out),
            _ => refuse(format!("{} cannot be written: {why}", args.out.display())),
        })?;
    }
    say(&report);
    Ok(Exit::Proceed)
}

/// The report goes to standard error, so that the file can go to standard output.
fn say(report: &str) {
    // A closed pipe is no reason to change the exit code.
    let _ = anstream::stderr().write_all(report.as_bytes());
}

fn could_write(out: &Path) -> Result<(), Refused> {
    // A dangling link is a file of somebody's, too.
    if out.symlink_metadata().is_ok() {
        return Err(there_already(out));
    }
    whole_file::could_replace(out).map_err(|why| refuse(format!("{} cannot be written: {why}", out.display())))
}

fn there_already(out: &Path) -> Refused {
    refuse(format!(
        "{} is there already, and import never overwrites.\n       Nothing was written. `--out OTHER.toml` names another \
         file, and `include = [\"OTHER.toml\"]` joins them once its [project] is taken out; `--out -` prints.",
        out.display()
    ))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Refused> {
    let file = std::fs::File::open(path).map_err(|why| refuse(format!("{} cannot be read: {why}", path.display())))?;
    read(file, &path.display().to_string())
}

fn read(from: impl Read, what: &str) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes).map_err(|why| refuse(format!("{what} cannot be read: {why}")))?;
    if bytes.len() as u64 > MOST {
        return Err(refuse(format!("{what} is longer than {} MiB, which no configuration is", MOST >> 20)));
    }
    Ok(bytes)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn project_name(out: &Path) -> String {
    let folder = std::path::absolute(out).ok();
    let folder = folder.as_deref().and_then(Path::parent).and_then(Path::file_name);
    let name: String = folder
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if name.trim().is_empty() { "imported".to_owned() } else { name }
}

//! Reading the configurations of other tools: the parts of `steadfast import`. A format is one file in `import/` and one
//! line in [`FORMATS`]; one suite holds all of them to the same.

mod blackbox;
mod carried;
mod curl;
pub(crate) mod document;
mod gatus;
mod http_look;
mod kuma;
mod report;
mod shell_words;
#[cfg(test)]
mod suite;

use std::path::Path;

use carried::Carried;
use document::Trouble;

pub(crate) use report::shown;

/// Every format.
pub(crate) const FORMATS: &[&dyn Format] = &[&gatus::Gatus, &kuma::UptimeKuma, &blackbox::Blackbox, &curl::Curl];

/// A tool whose configuration can be read.
pub(crate) trait Format: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// The tool's name, as people write it.
    fn title(&self) -> &'static str;
    /// Reads a configuration and notes what is carried over, and what is not and why.
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is used then.
    fn carry(&self, source: &Source<'_>, into: &mut Carried) -> Result<(), Vec<Trouble>>;
    /// Configurations that show all that the format has, for the suite.
    #[cfg(test)]
    fn exemplars(&self) -> Vec<&'static str>;
}

/// What is read.
pub(crate) struct Source<'a> {
    /// What the file is called in messages.
    pub(crate) name: &'a str,
    /// What is in it.
    pub(crate) bytes: &'a [u8],
    /// Where it is, if it is a file.
    pub(crate) path: Option<&'a Path>,
    /// A Prometheus configuration with the targets of the modules, and what it is called.
    pub(crate) scrape: Option<(&'a str, &'a [u8])>,
}

impl Source<'_> {
    /// As text.
    pub(crate) fn text(&self) -> Result<&str, Vec<Trouble>> {
        text_of(self.bytes)
    }
}

/// Bytes as text, or the place of the first that is none.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Vec<Trouble>> {
    std::str::from_utf8(bytes).map_err(|why| {
        let before = &bytes[..why.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        vec![Trouble { at: document::At { line, column }, what: "it is no UTF-8 text".to_owned() }]
    })
}

/// What came of a configuration.
pub(crate) struct Imported {
    /// What was carried, and what not.
    pub(crate) carried: Carried,
    /// The file.
    pub(crate) toml: String,
}

/// Reads a configuration and makes ours of it. Every check of it is known to load.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn import(format: &dyn Format, source: &Source<'_>, project: &str) -> Result<Imported, String> {
    let mut carried = Carried::new(format, source.name, project);
    format.carry(source, &mut carried).map_err(|troubles| report::refusal(source, &troubles))?;
    carried.settle();
    let toml = carried.toml();
    Ok(Imported { carried, toml })
}

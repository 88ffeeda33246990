//! The manual as roff: a page for each command (section 1), and one for each kind of check (section 7).

use std::io;

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use steadfast_core::check::AnyKind;
use steadfast_core::exit::Exit;
use steadfast_core::setting::{Field, tidy};

use crate::commands::explain::{about, example};
use crate::registry;

/// A page.
pub(crate) struct ManPage {
    /// `steadfast-verify`.
    pub(crate) name: String,
    /// 1 or 7.
    pub(crate) section: u8,
    /// Its roff.
    pub(crate) text: String,
}

/// All pages.
pub(crate) fn pages(command: clap::Command) -> io::Result<Vec<ManPage>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = vec![of_command(&command, "steadfast", true)?];
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = format!("steadfast-{}", verb.get_name());
        pages.push(of_command(verb, &name, false)?);
        for inner in verb.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            pages.push(of_command(inner, &format!("{name}-{}", inner.get_name()), false)?);
        }
    }
    for kind in registry::kinds() {
        pages.push(of_kind(*kind)?);
    }
    Ok(pages)
}

fn of_command(command: &clap::Command, name: &str, root: bool) -> io::Result<ManPage> {
    let man = Man::new(command.clone()).title(name).section("1").manual("Steadfast");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|inner| !inner.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    if root {
        roff.control("SH", ["EXIT STATUS"]);
        for exit in Exit::ALL {
            roff.control("TP", []);
            roff.text([bold(exit.code().to_string()), roman(format!(" {}", exit.word()))]);
            roff.text([roman(exit.meaning())]);
        }
        roff.control("SH", ["FILES"]);
        roff.control("TP", []);
        roff.text([italic("steadfast.toml")]);
        roff.text([roman("the configuration, in the working folder or the nearest of its parents")]);
        roff.control("TP", []);
        roff.text([italic(".steadfast/ledger.db")]);
        roff.text([roman("what was seen and judged, beside the configuration; [ledger] url names a database instead")]);
        see_also(&mut roff, registry::kinds().iter().map(|kind| format!("steadfast-{}(7)", kind.name())));
    } else {
        see_also(&mut roff, ["steadfast(1)".to_owned()]);
    }
    roff.to_writer(&mut text)?;
    finished(name, 1, text)
}

fn of_kind(kind: &dyn AnyKind) -> io::Result<ManPage> {
    let manual = kind.manual();
    let name = format!("steadfast-{}", kind.name());
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", "", "", "Steadfast"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - the kind of check {}", kind.name()))]);
    roff.control("SH", ["DESCRIPTION"]);
    prose(&mut roff, &manual.look);
    roff.control("SH", [format!("[check.{}]", kind.name()).as_str()]);
    manual.look_fields.iter().for_each(|field| one_field(&mut roff, field));
    roff.control("SH", [format!("[check.{}.expect]", kind.name()).as_str()]);
    prose(&mut roff, &manual.expect);
    manual.expect_fields.iter().for_each(|field| one_field(&mut roff, field));
    if !kind.codes().is_empty() {
        roff.control("SH", ["FINDING CODES"]);
        for code in kind.codes() {
            roff.control("TP", []);
            roff.text([bold(code.word)]);
            roff.text([roman(format!("{}. {}", code.meaning, code.advice))]);
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    for source in &manual.examples {
        roff.control("PP", []);
        roff.control("EX", []);
        example(kind.name(), source).lines().for_each(|line| {
            roff.text([roman(line)]);
        });
        roff.control("EE", []);
    }
    see_also(&mut roff, ["steadfast(1)".to_owned(), "steadfast-explain(1)".to_owned()]);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    finished(&name, 7, text)
}

fn one_field(roff: &mut Roff, field: &Field) {
    roff.control("TP", []);
    let key: Vec<Inline> = vec![bold(field.key), roman(format!("  {}", about(field)))];
    roff.text(key);
    roff.text([roman(tidy(field.manual).replace('\n', " "))]);
}

fn prose(roff: &mut Roff, text: &str) {
    roff.control("PP", []);
    roff.text([roman(text.replace('\n', " "))]);
}

fn see_also(roff: &mut Roff, pages: impl IntoIterator<Item = String>) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.into_iter().collect::<Vec<_>>().join(", "))]);
}

fn finished(name: &str, section: u8, text: Vec<u8>) -> io::Result<ManPage> {
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    Ok(ManPage { name: name.to_owned(), section, text })
}

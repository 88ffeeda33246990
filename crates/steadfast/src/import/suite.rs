//! What every format is held to, over the list.

use steadfast_checks::kinds::KINDS;

use super::*;
use crate::render::Page;

/// One exemplar, imported.
fn imported(format: &dyn Format, text: &str) -> Result<Imported, String> {
    let source = Source { name: "source", bytes: text.as_bytes(), path: None, scrape: None };
    import(format, &source, "shop")
}

fn each(mut check: impl FnMut(&dyn Format, &str)) {
    for format in FORMATS {
        let exemplars = format.exemplars();
        assert!(!exemplars.is_empty(), "{} shows nothing", format.name());
        exemplars.into_iter().for_each(|text| check(*format, text));
    }
}

#[test]
fn what_is_written_loads_and_every_check_of_it_is_there() {
    each(|format, text| {
        let imported = imported(format, text).unwrap_or_else(|why| panic!("{}: {why}", format.name()));
        let project = steadfast_config::load_text(&imported.toml, KINDS)
            .unwrap_or_else(|refusal| panic!("{}\n{}", refusal.render(false, 100), imported.toml));
        assert_eq!(project.checks.len(), imported.carried.checks.len());
        assert!(!project.checks.is_empty());
        // Nothing of an exemplar may be a check that the format wrote wrongly.
        let wrong = imported.carried.left.iter().find(|note| note.text.starts_with("it would be no check here"));
        assert_eq!(wrong, None);
    });
}

#[test]
fn no_secret_that_stood_there_is_written_or_said() {
    each(|format, text| {
        let secrets = text.matches("hunter2").count();
        let Ok(imported) = imported(format, text) else { panic!("{} is refused", format.name()) };
        let said = shown(&imported, "steadfast.toml", &Page::FILE);
        for (what, text) in [("file", &imported.toml), ("report", &said)] {
            let leak = text.lines().find(|line| line.contains("hunter2"));
            assert_eq!(leak, None, "{}: in the {what}, of {secrets} secrets", format.name());
        }
    });
}

#[test]
fn everything_that_was_left_or_warned_of_is_in_the_file_and_in_the_report() {
    each(|format, text| {
        let Ok(imported) = imported(format, text) else { panic!("{} is refused", format.name()) };
        let carried = &imported.carried;
        let said: String = shown(&imported, "steadfast.toml", &Page { width: 100_000, colour: false });
        for note in carried.left.iter().chain(&carried.warned) {
            let line = carried.placed(note);
            assert!(imported.toml.contains(&line) && said.contains(&line), "{line}");
        }
    });
}

#[test]
fn half_a_file_is_refused_with_a_place_or_read_as_what_it_is_and_never_panics() {
    each(|format, text| {
        let cuts = (0..text.len()).step_by(37).filter(|cut| text.is_char_boundary(*cut));
        for half in cuts.map(|cut| &text[..cut]) {
            match imported(format, half) {
                Ok(imported) if imported.carried.checks.is_empty() => {}
                Ok(imported) => {
                    let loaded = steadfast_config::load_text(&imported.toml, KINDS);
                    assert!(loaded.is_ok(), "{} of {} bytes", format.name(), half.len());
                }
                Err(why) => assert!(why.starts_with("source:") && why.contains("Nothing was written"), "{why}"),
            }
        }
    });
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    for format in FORMATS {
        let bytes = b"a: 1\nb: \xff\n";
        let source = Source { name: "source", bytes, path: None, scrape: None };
        let why = import(*format, &source, "shop").err().expect("refused");
        assert!(why.starts_with("source:"), "{why}");
    }
}

/// A name of nothing and the formats of the command line are one list.
#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FORMATS.len());
}

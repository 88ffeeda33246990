//! What every sort of file is held to, over the list.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use steadfast_checks::kinds::KINDS;

use super::*;
use crate::init::clue::{Ask, Lead};
use crate::init::draft::Draft;
use crate::init::leads;

fn papers(files: &[(&str, &str)]) -> Vec<Paper> {
    files.iter().map(|(name, text)| Paper::of(name, (*text).to_owned())).collect()
}

fn clues(source: &dyn Source, files: &[(&str, &str)]) -> Clues {
    let mut clues = Clues::default();
    source.read(&papers(files), &mut clues);
    clues
}

fn each(mut check: impl FnMut(&dyn Source, &[(&str, &str)])) {
    for source in SOURCES {
        let exemplars = source.exemplars();
        assert!(!exemplars.is_empty(), "{} shows nothing", source.title());
        exemplars.iter().for_each(|files| check(*source, files));
    }
}

/// All of it, one thing a line.
fn shown(clues: &Clues) -> String {
    let mut text = String::new();
    let mut line = |sort: &str, what: &str| writeln!(text, "{sort}: {what}").expect("a line");
    clues.read.iter().for_each(|(file, what)| line("read", &format!("{file}: {what}")));
    for Lead { from, name, says, ask } in &clues.leads {
        let ask = match ask {
            Ask::Later(later) => {
                let address = later.address.as_ref().map(|(key, value)| format!(" {key}={value}")).unwrap_or_default();
                let (kind, look, expect) = (later.kind, &later.look, &later.expect);
                format!("later {kind}{address} {look} {expect}\n    {}: {}", later.why, later.then)
            }
            ask => format!("{ask:?}"),
        };
        line("lead", &format!("{name} ({from}) {says}\n    {ask}"));
    }
    clues.unseen.iter().for_each(|left| line("unseen", &format!("{}: {}", left.what, left.why)));
    clues.addresses.iter().for_each(|name| line("address", name));
    clues.secrets.iter().for_each(|name| line("secret", name));
    text
}

/// The file in which all leads wait, with the comments taken in as a person would.
fn taken_in(clues: &Clues) -> String {
    let mut draft = Draft { project: "shop".to_owned(), addresses: clues.addresses.clone(), ..Draft::default() };
    clues.leads.iter().for_each(|lead| leads::put_off(lead, &mut draft));
    uncommented(&draft.toml())
}

fn uncommented(toml: &str) -> String {
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("#:");
    let lines = toml.lines().map(|line| if is_setting(line) { &line[1..] } else { line });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_in_each_and_what_cannot_be_seen() {
    let mut all = String::new();
    each(|source, files| {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        write!(all, "=== {}: {}\n{}\n", source.title(), names.join(", "), shown(&clues(source, files))).expect("text");
    });
    insta::assert_snapshot!(all);
}

#[test]
fn every_file_belongs_to_one_sort() {
    each(|source, files| {
        for (name, _) in files {
            let claims: Vec<&str> =
                SOURCES.iter().filter(|other| other.claims(name)).map(|other| other.title()).collect();
            assert_eq!(claims, [source.title()], "{name}");
        }
    });
    for other in
        ["compose.txt", "Dockerfile.dockerignore", ".envrc", "package.json", "fly.io", "main.rs", "myopenapi.json"]
    {
        assert!(!claimed(other), "{other}");
    }
}

#[test]
fn no_value_that_may_be_a_secret_leaves_its_file() {
    let mut secrets = 0;
    each(|source, files| {
        secrets += files.iter().map(|(_, text)| text.matches("hunter2").count()).sum::<usize>();
        let clues = clues(source, files);
        let all = format!("{clues:?}{}", taken_in(&clues));
        let leak = all.lines().find(|line| line.contains("hunter2"));
        assert_eq!(leak, None, "{}", source.title());
    });
    assert!(secrets > 15, "the exemplars hold {secrets} only");
}

#[test]
fn a_proposal_that_is_taken_in_is_a_check() {
    each(|source, files| {
        let clues = clues(source, files);
        let text = taken_in(&clues);
        let project = steadfast_config::load_text(&text, KINDS)
            .unwrap_or_else(|refusal| panic!("{}: {}\n{text}", source.title(), refusal.render(false, 100)));
        assert_eq!(project.checks.is_empty(), clues.leads.is_empty());
    });
}

#[test]
fn half_a_file_is_read_as_what_it_is_or_said_to_be_wrong() {
    each(|source, files| {
        let (name, text) = files[0];
        for cut in (0..text.len()).step_by(11).filter(|cut| text.is_char_boundary(*cut)) {
            let clues = clues(source, &[(name, &text[..cut])]);
            assert!(!clues.read.is_empty() || !clues.unseen.is_empty(), "{name}, {cut} bytes: nothing is said");
            let text = taken_in(&clues);
            assert!(steadfast_config::load_text(&text, KINDS).is_ok(), "{name}, {cut} bytes\n{text}");
            assert!(!format!("{clues:?}{text}").contains("hunter2"), "{name}, {cut} bytes");
        }
    });
}

#[test]
fn a_file_of_nonsense_is_said_and_is_no_end_of_it() {
    let bomb: String = (0..30).map(|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)).collect();
    let bomb = format!("services: {{}}\nopenapi: 3.0.0\na0: &a0 [x, x]\n{bomb}");
    let deep = "[".repeat(20_000);
    let braces = format!("FROM {}x", "${A:-".repeat(5_000));
    for nonsense in
        ["", "\0", "{", "]", "a: *a", "=", "FROM", "\u{feff}", "a: &a [*a]", "💥: 💥", &bomb, &deep, &braces]
    {
        each(|source, files| {
            let clues = clues(source, &[(files[0].0, nonsense)]);
            let said = !clues.read.is_empty() || !clues.unseen.is_empty();
            assert!(said, "{}: {}", source.title(), nonsense.chars().take(40).collect::<String>());
            let text = taken_in(&clues);
            assert!(steadfast_config::load_text(&text, KINDS).is_ok(), "{}\n{text}", source.title());
        });
    }
}

#[test]
fn what_is_no_file_to_read_is_said_and_never_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("Dockerfile")).expect("a folder");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("Procfile"), rustix::fs::Mode::RUSR).expect("a pipe");
    let _socket = UnixListener::bind(at("fly.toml")).expect("a socket");
    symlink("/dev/zero", at("openapi.json")).expect("a link");
    // Opens, and cannot be read.
    symlink("/proc/self/mem", at("compose.yaml")).expect("a link");
    symlink("nowhere", at("openapi.yaml")).expect("a link");
    std::fs::write(at(".env"), b"A=1\nB=\xff\n").expect("a file");
    std::fs::write(at("web.Dockerfile"), vec![b'\n'; 10 << 20]).expect("a file");
    let files: Vec<PathBuf> = [
        "Dockerfile",
        "Procfile",
        "fly.toml",
        "openapi.json",
        "compose.yaml",
        "openapi.yaml",
        ".env",
        "web.Dockerfile",
    ]
    .map(at)
    .to_vec();
    let clues = read(folder.path(), &files);
    let mut said: Vec<String> = clues.unseen.iter().map(|left| format!("{}: {}", left.what, left.why)).collect();
    said.sort();
    insta::assert_snapshot!(said.join("\n"));
    assert!(clues.read.is_empty() && clues.leads.is_empty());
}

//! Every command that we show exists.

use super::rule::{Report, Rule};
use super::tree::Tree;
use crate::COMMANDS;

/// Each line of a code fence that starts with one of our programs names a command and options that it has.
pub(super) struct DocumentedCommands;

impl Rule for DocumentedCommands {
    fn name(&self) -> &'static str {
        "documented_commands"
    }

    fn why(&self) -> &'static str {
        "a command line in a code fence of the documentation names a command and options that exist"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
            let mut fenced = false;
            for (at, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("```") {
                    fenced = !fenced;
                } else if fenced && let Err(why) = try_line(tree, line) {
                    report.add(path, at + 1, why);
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[(
                    "README.md",
                    "```sh\n$ steadfast verfy\nsteadfast verify --wiat 60s\ncargo xtask tset\ncargo xtask bench nothing\n\
                     cargo run --release -- dmo\nA=1 steadfast nope\n```\n",
                )],
                &["README.md:2", "README.md:3", "README.md:4", "README.md:5", "README.md:6", "README.md:7"],
            )],
            passes: vec![&[
                (
                    "README.md",
                    "steadfast nothing\n```\nsteadfast verify post-deploy --wait=60s  # --not\n\
                     steadfast verify -- ./server --port 1\nsteadfast --version\nsteadfast: a word\n\
                     cargo run --release -- demo\ncargo xtask test\ncargo xtask bench http\ncargo xtask bench <name>\n```\n",
                ),
                ("bench/http/Cargo.toml", "[package]\nname = \"bench-http\"\n"),
            ]],
        }
    }
}

fn try_line(tree: &Tree, line: &str) -> Result<(), String> {
    let mut words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
    if words.first() == Some(&"$") {
        words.remove(0);
    }
    let is_variable =
        |word: &str| word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.starts_with('-'));
    while words.first().is_some_and(|word| is_variable(word)) {
        words.remove(0);
    }
    match words.as_slice() {
        ["steadfast", command @ ..] => ours(tree, command),
        ["cargo", "run", "--release", "--", command @ ..] => ours(tree, command),
        ["cargo", "xtask", command @ ..] => developers(tree, command),
        _ => Ok(()),
    }
}

fn ours(tree: &Tree, words: &[&str]) -> Result<(), String> {
    let plain = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let command: Vec<&str> = words.iter().take_while(plain).copied().collect();
    if command.is_empty() {
        return Ok(());
    }
    let Some(help) = tree.product().help(&command) else {
        return Err(format!("there is no `steadfast {}`", command.join(" ")));
    };
    for word in words.iter().take_while(|word| !matches!(**word, "--" | "|" | "&&" | ";" | ">")) {
        let option = word.split('=').next().unwrap_or(word);
        let known = option == "--help" || help.split([' ', ',', '\n', '=', '[']).any(|known| known == option);
        if option.starts_with("--") && !known {
            return Err(format!("`steadfast {}` has no option {option}", command.join(" ")));
        }
    }
    Ok(())
}

fn developers(tree: &Tree, words: &[&str]) -> Result<(), String> {
    let Some((command, rest)) = words.split_first().filter(|(command, _)| !command.starts_with('<')) else {
        return Ok(());
    };
    if !COMMANDS.iter().any(|(name, ..)| name == command) {
        return Err(format!("there is no `cargo xtask {command}`"));
    }
    let folder = match *command {
        "bench" => "bench",
        "fuzz" => "campaigns",
        _ => return Ok(()),
    };
    match rest.first().filter(|name| !name.starts_with(['<', '-'])) {
        Some(name) if tree.text(&format!("{folder}/{name}/Cargo.toml")).is_none() => {
            Err(format!("there is no {folder}/{name}"))
        }
        _ => Ok(()),
    }
}

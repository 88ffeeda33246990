//! How what a program did is broken to prove that a check on it can fail.

use jiff::Timestamp;
use serde_json::{Value, json};
use steadfast_core::kind::{Exemplar, Other};
use steadfast_core::observation::Outcome;
use steadfast_core::proof::{Breakage, Sabotage};

use super::{Command, CommandExpect, CommandSeen, Ended, Stream, numbered, streams};
use crate::json_claims;
use crate::text_claims::{BrokenText, predicate_breakages, stable_lines};

pub(super) fn impostors(seen: &CommandSeen, others: &[Other<'_, Command>]) -> Vec<Sabotage<CommandSeen>> {
    let says = |stdout: &str, stderr: &str| CommandSeen {
        ended: seen.ended,
        stdout: Stream::of(stdout),
        stderr: Stream::of(stderr),
    };
    let mut all = vec![
        Sabotage::seen(
            "silent",
            "a script without `set -e`, or a pipe without pipefail: nothing was done, and the exit code is right",
            says("", ""),
        ),
        Sabotage::seen(
            "error on stdout",
            "the program reports its failure on standard output and ends with the exit code of success",
            says("Error: could not connect to the database: connection refused\n", ""),
        ),
        Sabotage::seen(
            "error on stderr",
            "the last command of a pipe succeeded, and the one before it failed on standard error",
            says("", "error: connection to server failed: FATAL: database \"shop\" does not exist\n"),
        ),
        Sabotage::seen(
            "usage",
            "an upgrade renamed an option, and the program prints how to use it instead of doing it",
            says("Usage: program [OPTIONS] <COMMAND>\n\nOptions:\n  -h, --help  Print help\n", ""),
        ),
        Sabotage::seen(
            "exit 1",
            "it failed, and printed what it had found until then",
            CommandSeen { ended: Ended::Exit(1), ..seen.clone() },
        ),
        Sabotage::seen(
            "killed",
            "the kernel ended it for want of memory (signal 9) after it had written its output",
            CommandSeen { ended: Ended::Signal(9), ..seen.clone() },
        ),
    ];
    let text = &seen.stdout.text;
    if serde_json::from_str::<Value>(text).is_ok_and(|document| document.is_object() || document.is_array()) {
        let story = "a wrapper turns every failure into a well-formed answer and the exit code of success";
        all.push(Sabotage::seen("error as JSON", story, says(r#"{"error":"database is gone"}"#, "")));
        let story = "a wiped source behind a program that is healthy: the answer is well-formed and holds nothing";
        all.push(Sabotage::seen(
            "empty JSON",
            story,
            says(if text.trim_start().starts_with('[') { "[]" } else { "{}" }, ""),
        ));
    }
    if text.trim().len() > 1 {
        let story = "the disk ran full, or the writer was ended, in the middle of its output";
        all.push(Sabotage::seen("first half", story, says(&text[..text.floor_char_boundary(text.len() / 2)], "")));
    }
    for other in others.iter().filter(|other| other.seen.ended == seen.ended) {
        let story = "a copied line: the script runs what another check was meant to run";
        all.push(Sabotage::seen(format!("answer of {}", other.id), story, other.seen.clone()));
    }
    all.retain(|sabotage| match &sabotage.outcome {
        Outcome::Seen(shown) => !alike(shown, seen),
        Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => true,
    });
    all
}

/// Whether two runs say the same, so that the one is no impostor of the other.
fn alike(one: &CommandSeen, other: &CommandSeen) -> bool {
    one.ended == other.ended
        && one.stdout.body().bytes == other.stdout.body().bytes
        && one.stderr.body().bytes == other.stderr.body().bytes
}

pub(super) fn breakages(expect: &CommandExpect, seen: &CommandSeen, at: Timestamp) -> Vec<Breakage<CommandSeen>> {
    let mut all = Vec::new();
    if !expect.exit.is_empty() {
        let other = (0..=255).find(|code| !expect.exit.contains(code)).unwrap_or(256);
        let wrong = CommandSeen { ended: Ended::Exit(other), ..seen.clone() };
        let story = "it did all its work, and a last step failed";
        all.push(Breakage::new("exit", "exit: another code", story, wrong));
        let killed = CommandSeen { ended: Ended::Signal(15), ..seen.clone() };
        all.push(Breakage::new("exit", "exit: a signal", "a shutdown ended it on its way", killed));
    }
    let cut_story = "it writes more than is kept (a loop, a debug level), and the rest could hold anything";
    for (stream, name, predicates) in streams(expect, seen) {
        for (under, predicate) in numbered(name, predicates) {
            let broken = predicate_breakages(&under, predicate, stream.body(), at);
            all.extend(broken.into_iter().map(|broken| with_text(seen, name, broken)));
            for operator in predicate.operators() {
                let claim = format!("{under}.{operator}");
                all.push(Breakage::new(
                    &claim,
                    format!("{claim}: cut"),
                    cut_story,
                    with_stream(seen, name, nothing_but_a_cut()),
                ));
            }
        }
    }
    let broken = expect.json.breakages("json", seen.stdout.body(), at);
    all.extend(broken.into_iter().map(|broken| with_text(seen, "stdout", broken)));
    for claim in expect.json.claims("json") {
        let cut = with_stream(seen, "stdout", Stream { cut: true, ..seen.stdout.clone() });
        all.push(Breakage::new(&claim, format!("{claim}: cut"), cut_story, cut));
    }
    all
}

fn nothing_but_a_cut() -> Stream {
    Stream { text: String::new(), bytes: 1 << 30, cut: true }
}

fn with_text(seen: &CommandSeen, stream: &str, broken: BrokenText) -> Breakage<CommandSeen> {
    let changed = with_stream(seen, stream, Stream::of(broken.text));
    Breakage::new(broken.claim, broken.name, broken.story, changed)
}

fn with_stream(seen: &CommandSeen, name: &str, stream: Stream) -> CommandSeen {
    match name {
        "stdout" => CommandSeen { stdout: stream, ..seen.clone() },
        _ => CommandSeen { stderr: stream, ..seen.clone() },
    }
}

pub(super) fn variations(seen: &CommandSeen) -> Vec<Sabotage<CommandSeen>> {
    let ends = |text: &str, end: &str| format!("{}{end}", text.trim_end_matches(['\n', '\r']));
    let mut all = Vec::new();
    for (name, end) in [("a line break at the end", "\n"), ("no line break at the end", "")] {
        let mut varied = seen.clone();
        varied.stdout = Stream::of(ends(&seen.stdout.text, end));
        let story = "echo ends its line and printf does not: both say the same";
        all.push(Sabotage::seen(name, story, varied));
    }
    for (name, story, text) in json_claims::variations(seen.stdout.text.as_bytes()) {
        let scalar = !seen.stdout.text.trim_start().starts_with(['{', '[']);
        if !scalar {
            all.push(Sabotage::seen(name, story, CommandSeen { stdout: Stream::of(text), ..seen.clone() }));
        }
    }
    all
}

/// Best first.
pub(super) fn candidates(greens: &[&CommandSeen]) -> Vec<Value> {
    let Some(first) = greens.first() else { return Vec::new() };
    let mut all = Vec::new();
    if let Ended::Exit(code) = first.ended
        && greens.iter().all(|green| green.ended == first.ended)
    {
        all.push(json!({ "exit": code }));
    }
    let texts: Vec<&[u8]> = greens.iter().map(|green| green.stdout.body().bytes).collect();
    all.extend(json_claims::candidates(&texts).into_iter().map(|claim| json!({ "json": claim })));
    let texts: Vec<&str> = greens.iter().map(|green| green.stdout.text.as_str()).collect();
    all.extend(stable_lines(&texts).into_iter().map(|line| json!({ "stdout": { "contains": line } })));
    // From the last line on nothing can be missing at the end.
    for (key, is_quiet) in [
        ("stdout", greens.iter().all(|green| green.stdout.body().bytes.is_empty())),
        ("stderr", greens.iter().all(|green| green.stderr.body().bytes.is_empty())),
    ] {
        if is_quiet {
            all.push(json!({ key: "" }));
        }
    }
    let whole = first.stdout.text.trim_end_matches(['\n', '\r']);
    if (1..=80).contains(&whole.len()) && greens.iter().all(|green| green.stdout.body().bytes == whole.as_bytes()) {
        all.push(json!({ "stdout": whole }));
    }
    all
}

pub(super) fn exemplars() -> Vec<Exemplar<CommandSeen>> {
    let ran = |stdout: &str| CommandSeen { ended: Ended::Exit(0), stdout: Stream::of(stdout), stderr: Stream::of("") };
    vec![
        Exemplar {
            good: r#"
# What the queue says about itself. Its token never stands among the arguments.
run = ["shopctl", "queue", "--json"]
env = { SHOP_TOKEN = { env = "SHOP_TOKEN" } }
expect.exit = 0
expect.json = { "$.depth" = { below = 100 }, "$.workers" = { type = "array", count = { at_least = 1 } } }
"#,
            naive: "run = [\"shopctl\", \"queue\", \"--json\"]\nexpect.exit = 0\n",
            naive_survivors: &[
                "silent",
                "error on stdout",
                "error on stderr",
                "usage",
                "error as JSON",
                "empty JSON",
                "first half",
                "answer of *",
            ],
            seen: ran("{\"depth\": 3, \"workers\": [\"a\", \"b\"]}\n"),
        },
        Exemplar {
            good: r#"
# A restore test that ends with a line of its own: only a run to the very end prints it.
run = "./restore-test.sh 2>&1"
shell = true
expect.exit = 0
expect.stdout = [{ contains = "accounts: ok" }, { matches = "restored [0-9]+ tables$" }]
expect.stderr = ""
"#,
            naive: "run = \"./restore-test.sh 2>&1\"\nshell = true\nexpect.exit = 0\nexpect.stderr = \"\"\n",
            naive_survivors: &["silent", "error on stdout", "usage", "first half", "answer of *"],
            seen: ran("accounts: ok\ndesigns: ok\nrestored 14 tables\n"),
        },
        Exemplar {
            good: "# Nothing to say is good news: anything that is said is not.\nrun = [\"shopctl\", \"doctor\", \"--quiet\"]\n\
                   expect.exit = 0\nexpect.stdout = \"\"\nexpect.stderr = \"\"\n",
            naive: "run = [\"shopctl\", \"doctor\", \"--quiet\"]\nexpect.exit = [0, 3]\n",
            naive_survivors: &["error on *", "usage", "answer of *"],
            seen: ran(""),
        },
    ]
}

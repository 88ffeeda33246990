//! The kind `command`: a program is run, and its exit code and output are held to what they should be.

mod process;
mod sabotage;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Finding, Place, Seen, codes, excerpt};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Bytes;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::Predicate;
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::secret::Text;
use steadfast_core::setting::{Node, OneOrMany, Problems, Raw, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

use crate::json_claims::JsonClaims;
use crate::text_claims::{Body, judge_predicate, predicate_claims};

steadfast_core::settings! {
    /// Runs a program and looks at its exit code and output.
    ///
    /// There is no shell, unless `shell = true` asks for one with a string: an array is the program and its arguments,
    /// as they are. Standard input is empty. Of the environment only PATH, HOME and LANG pass, the names in `pass_env`,
    /// and what `env` sets. Nothing secret belongs into the arguments, where every user of the machine can read it:
    /// give it in `env`, as `{ env = "NAME" }` or `{ file = "path" }`.
    ///
    /// The check's `timeout` ends the program and all that it has started (its process group). So does its own end: a
    /// process that it leaves behind is ended too. A closed World (a drill) runs no program, as nobody could tell
    /// where it looks.
    pub struct CommandLook {
        /// The program and its arguments: `["pg_isready", "--quiet"]`. With `shell = true` one string for `/bin/sh -c`.
        run: CommandLine,
        /// Let `/bin/sh` read the string in `run`.
        shell: bool = false,
        /// The working folder; without it that of steadfast.toml. A relative program path starts here.
        folder: Option<Address>,
        /// Variables to set: a text, `{ env = "NAME" }` or `{ file = "path" }`. The latter two are kept out of all output.
        env: BTreeMap<String, Text>,
        /// Variables that pass as they are. Their values are *not* taken for secrets.
        pass_env: Vec<String>,
        /// How much of each stream is kept. The rest is read and thrown away, which is said.
        output_limit: Bytes = Bytes(64 << 10),
    }
}

steadfast_core::settings! {
    /// Predicates on a stream read it as one string, without the line breaks at its end, as `$(...)` does. A number is
    /// JSON: `json = { "$" = { at_least = 1 } }`.
    pub struct CommandExpect {
        /// The exit code, or several that are right. A program that a signal has ended has none.
        exit: OneOrMany<i32>,
        /// What standard output must be: one predicate, or an array of them.
        stdout: OneOrMany<Predicate>,
        /// What standard error must be, likewise. `""` says that nothing may be written there.
        stderr: OneOrMany<Predicate>,
        /// Standard output as JSON: each JSONPath with its predicate.
        json: JsonClaims,
    }
}

/// A program with its arguments, or a line for the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// The program and its arguments.
    Program(Vec<String>),
    /// A line that `/bin/sh` reads.
    Shell(String),
}

impl Setting for CommandLine {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.raw {
            Raw::Text(line) if line.trim().is_empty() => {
                problems.add(node.span, "an empty command", "there would be nothing to run");
                None
            }
            Raw::Text(line) => Some(CommandLine::Shell(line.clone())),
            Raw::List(_) => {
                let words = Vec::<String>::read(node, problems)?;
                if words.first().is_none_or(String::is_empty) {
                    problems.add(node.span, "an empty command", "there would be nothing to run");
                    return None;
                }
                if words.iter().any(|word| word.contains('\0')) {
                    problems.add(node.span, "a NUL character in an argument", "no program can be given one");
                    return None;
                }
                Some(CommandLine::Program(words))
            }
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::Table(_) => {
                problems.wrong_type(node, "an array of strings");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            CommandLine::Program(words) => json!(words),
            CommandLine::Shell(line) => json!(line),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "type": "string", "minLength": 1 },
        ] })
    }
}

/// What a program has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSeen {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to standard output.
    pub stdout: Stream,
    /// What it wrote to standard error.
    pub stderr: Stream,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// What was written to a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its beginning as text; what is not UTF-8 became U+FFFD.
    pub text: String,
    /// How many bytes were written in all.
    pub bytes: u64,
    /// Whether more was written than was kept, or something still held the stream open after the end.
    pub cut: bool,
}

impl Stream {
    fn of(text: impl Into<String>) -> Stream {
        let text = text.into();
        Stream { bytes: text.len() as u64, text, cut: false }
    }

    fn body(&self) -> Body<'_> {
        let text = if self.cut { self.text.as_str() } else { self.text.trim_end_matches(['\n', '\r']) };
        Body { bytes: text.as_bytes(), whole: !self.cut }
    }
}

/// The kind `command`.
pub struct Command;

impl Kind for Command {
    const NAME: &'static str = "command";
    const SHAPE: u16 = 1;
    const DEAD: &'static [&'static str] = &[
        "run = [\"/no/such/program\"]\nexpect.exit = 0",
        "run = [\"no-such-program\"]\nexpect.exit = 0",
        "run = [\"/etc/passwd\"]\nexpect.exit = 0",
        "run = [\"true\"]\nfolder = \"/no/such/folder\"\nexpect.exit = 0",
        "run = \"kill -9 $$\"\nshell = true\nexpect.exit = 0",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "run = \"echo $TOKEN; echo u:$TOKEN | base64 >&2; printf %s $TOKEN | od -An -tx1 | tr -d ' '\"\nshell = true\n\
         env = { TOKEN = { env = \"CANARY_TOKEN\" } }\nexpect.exit = 0",
        "run = \"printf 'padding %s' $TOKEN\"\nshell = true\noutput_limit = 20\n\
         env = { TOKEN = { env = \"CANARY_TOKEN\" } }\nexpect.exit = 0",
    ];
    type Look = CommandLook;
    type Expect = CommandExpect;
    type Seen = CommandSeen;

    fn validate(look: &CommandLook, expect: &CommandExpect, table: &Node, problems: &mut Problems) {
        match (&look.run, look.shell) {
            (CommandLine::Shell(line), false) => {
                let words: Vec<&str> = line.split_whitespace().collect();
                let instead = format!("run = {}, or add shell = true", json!(words));
                let why = "a string would have to be read by a shell, which has to be asked for";
                problems.suggest(table.place(&["run"]), "a string without `shell = true`", why, instead);
            }
            (CommandLine::Program(_), true) => {
                let why = "the shell reads one string";
                problems.suggest(table.place(&["shell"]), "`shell = true` with an array", why, "run = \"...\"");
            }
            (CommandLine::Shell(_), true) | (CommandLine::Program(_), false) => {}
        }
        for name in look.env.keys().chain(&look.pass_env) {
            if name.is_empty() || name.contains(['=', '\0']) {
                problems.add(table.place(&["env"]), format!("`{name}` is no name of a variable"), "it has no `=`");
            }
        }
        for name in look.pass_env.iter().filter(|name| look.env.contains_key(*name)) {
            let why = "a variable has one value";
            problems.add(table.place(&["pass_env"]), format!("`{name}` is in `env` as well"), why);
        }
        if expect.exit.iter().any(|code| !(0..=255).contains(code)) {
            problems.add(table.place(&["expect", "exit"]), "no exit code", "it is from 0 to 255");
        }
    }

    fn describe(look: &CommandLook) -> String {
        match &look.run {
            CommandLine::Program(words) => excerpt(&words.join(" "), 120),
            CommandLine::Shell(line) => format!("sh -c {}", excerpt(line, 120)),
        }
    }

    fn addresses(look: &CommandLook) -> Vec<&Address> {
        look.folder.iter().collect()
    }

    async fn observe(look: &CommandLook, world: &World) -> Outcome<CommandSeen> {
        if world.routes().is_closed() {
            let detail = format!("a closed World runs no program: {}", Command::describe(look));
            return Trouble::new(codes::NOT_IN_THIS_WORLD, detail).into();
        }
        process::run(look, world).await.into()
    }

    fn judge(expect: &CommandExpect, seen: &CommandSeen, at: Timestamp, judgement: &mut Judgement) {
        let exit_is_right = match seen.ended {
            Ended::Exit(code) => expect.exit.is_empty() || expect.exit.contains(&code),
            Ended::Signal(_) => expect.exit.is_empty(),
        };
        if !exit_is_right {
            let shown = match seen.ended {
                Ended::Exit(code) => json!(code),
                Ended::Signal(signal) => json!({ "signal": signal }),
            };
            let said = last_line(&seen.stderr.text).or(last_line(&seen.stdout.text)).unwrap_or_default();
            judgement.add(codes::UNEQUAL, |f| {
                f.of("exit").expected(expect.exit.write()).seen(Seen::Value(shown)).detail(excerpt(said, 200))
            });
        }
        for (stream, name, claims) in streams(expect, seen) {
            let mut inner = Judgement::default();
            for (under, predicate) in numbered(name, claims) {
                judge_predicate(&under, predicate, stream.body(), at, &mut inner);
            }
            judgement.absorb(inner, |finding| finding.at(Place::Stream(name.into())));
        }
        let mut inner = Judgement::default();
        expect.json.judge("json", seen.stdout.body(), at, &mut inner);
        let outer = |mut finding: Finding| {
            finding.place.insert(0, Place::Stream("stdout".into()));
            finding
        };
        judgement.absorb(inner, outer);
    }

    fn claims(expect: &CommandExpect) -> Vec<String> {
        let exit = (!expect.exit.is_empty()).then(|| "exit".to_owned());
        let of = |name, claims| {
            numbered(name, claims).into_iter().flat_map(|(under, predicate)| predicate_claims(&under, predicate))
        };
        let streams = of("stdout", &expect.stdout).chain(of("stderr", &expect.stderr));
        exit.into_iter().chain(streams).chain(expect.json.claims("json")).collect()
    }

    fn numbers(seen: &CommandSeen) -> Map<String, Value> {
        let exit = match seen.ended {
            Ended::Exit(code) => code,
            // As a shell counts it.
            Ended::Signal(signal) => 128 + signal,
        };
        let all = [("exit", json!(exit)), ("stdout", json!(seen.stdout.bytes)), ("stderr", json!(seen.stderr.bytes))];
        all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn impostors(
        _look: &CommandLook,
        seen: &CommandSeen,
        _: Timestamp,
        others: &[Other<'_, Self>],
    ) -> Vec<Sabotage<CommandSeen>> {
        sabotage::impostors(seen, others)
    }

    fn breakages(expect: &CommandExpect, seen: &CommandSeen, at: Timestamp) -> Vec<Breakage<CommandSeen>> {
        sabotage::breakages(expect, seen, at)
    }

    fn variations(seen: &CommandSeen) -> Vec<Sabotage<CommandSeen>> {
        sabotage::variations(seen)
    }

    fn unclaimed(expect: &CommandExpect, seen: &CommandSeen) -> Unclaimed {
        let stdout = !seen.stdout.text.is_empty();
        let stderr = !seen.stderr.text.is_empty();
        let mut unclaimed = match expect.json.is_empty() {
            false => expect.json.unclaimed(seen.stdout.body()),
            true if stdout => {
                Unclaimed { of: 1, fields: expect.stdout.is_empty().then(|| "stdout".to_owned()).into_iter().collect() }
            }
            true => Unclaimed::default(),
        };
        for (name, there, read) in
            [("exit", true, !expect.exit.is_empty()), ("stderr", stderr, !expect.stderr.is_empty())]
        {
            unclaimed.of += usize::from(there);
            unclaimed.fields.extend((there && !read).then(|| name.to_owned()));
        }
        unclaimed
    }

    fn candidates(_look: &CommandLook, greens: &[&CommandSeen]) -> Vec<Value> {
        sabotage::candidates(greens)
    }

    fn exemplars() -> Vec<Exemplar<CommandSeen>> {
        sabotage::exemplars()
    }
}

/// Both streams with what is expected of them.
fn streams<'a>(
    expect: &'a CommandExpect,
    seen: &'a CommandSeen,
) -> [(&'a Stream, &'static str, &'a OneOrMany<Predicate>); 2] {
    [(&seen.stdout, "stdout", &expect.stdout), (&seen.stderr, "stderr", &expect.stderr)]
}

/// Predicates with their names: `stdout` alone, `stdout[0]`, `stdout[1]` for several.
fn numbered<'a>(name: &str, predicates: &'a OneOrMany<Predicate>) -> Vec<(String, &'a Predicate)> {
    match &**predicates {
        [only] => vec![(name.to_owned(), only)],
        several => several.iter().enumerate().map(|(index, one)| (format!("{name}[{index}]"), one)).collect(),
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

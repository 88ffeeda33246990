//! A kind that sees what its script says, one word per look, the last word for ever.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::check::{AnyKind, Check, Of};
use steadfast_core::finding::codes;
use steadfast_core::gate::{Gate, Gates, Severity};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::plan::{Only, Plan, plan};
use steadfast_core::project::{LedgerSettings, Project, ProjectCheck, Retry};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::rare::Rare;
use steadfast_core::setting::{Node, Problems, Span};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::{Boxed, Clock, Limits, Parts, Routes, SecretSource, World};
use steadfast_engine::run::Runner;
use steadfast_engine::stop::Stop;

steadfast_core::settings! {
    /// Sees words.
    pub struct ToyLook {
        /// Whose script it is.
        name: String,
        /// `ok wrong refused blind panic hang stuck`, or any word to be seen.
        script: String,
        /// How long each look takes.
        takes: Lapse = Lapse::seconds(0),
        /// Whether looking twice does no harm.
        harmless: bool = true,
    }
}

steadfast_core::settings! {
    /// Holds the word to be this one.
    pub struct ToyExpect {
        /// The word.
        word: Option<String>,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Word(pub(crate) String);

/// How often each script was looked at.
#[derive(Default)]
pub(crate) struct Visits(Mutex<HashMap<String, usize>>);

impl Visits {
    pub(crate) fn of(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

pub(crate) struct Toy;

impl Kind for Toy {
    const NAME: &'static str = "toy";
    const SHAPE: u16 = 1;
    type Look = ToyLook;
    type Expect = ToyExpect;
    type Seen = Word;

    fn describe(look: &ToyLook) -> String {
        format!("toy {}", look.name)
    }

    fn repeatable(look: &ToyLook) -> bool {
        look.harmless
    }

    async fn observe(look: &ToyLook, world: &World) -> Outcome<Word> {
        let words: Vec<&str> = look.script.split_whitespace().collect();
        let visit = {
            let visits = world.resource::<Visits>();
            let mut visits = visits.0.lock().unwrap();
            let count = visits.entry(look.name.clone()).or_default();
            *count += 1;
            *count - 1
        };
        if let Err(trouble) = steadfast_probe::patience::within(world, world.clock().sleep(look.takes.0)).await {
            return trouble.into();
        }
        match words[visit.min(words.len() - 1)] {
            "refused" => Trouble::new(codes::REFUSED, "connection refused").into(),
            "blind" => Trouble::new(codes::RESOLVER_FAILED, "SERVFAIL").into(),
            "panic" => panic!("the toy broke"),
            "hang" => {
                let never = std::future::pending::<()>();
                match steadfast_probe::patience::within(world, never).await {
                    Ok(()) => Outcome::Seen(Word("woke".into())),
                    Err(trouble) => trouble.into(),
                }
            }
            "stuck" => std::future::pending().await,
            word => Outcome::Seen(Word(word.to_owned())),
        }
    }

    fn judge(expect: &ToyExpect, seen: &Word, _at: Timestamp, judgement: &mut Judgement) {
        if seen.0 == "judge-panics" {
            panic!("over what was seen");
        }
        if let Some(word) = &expect.word
            && seen.0 != *word
        {
            let seen = steadfast_core::finding::Seen::text(&seen.0);
            judgement.add(codes::UNEQUAL, |f| f.of("word").expected(word.as_str()).seen(seen));
        }
    }

    fn claims(expect: &ToyExpect) -> Vec<String> {
        expect.word.iter().map(|_| "word".to_owned()).collect()
    }

    fn numbers(seen: &Word) -> Map<String, Value> {
        let numbers = json!({ "first_byte_us": 1200, "letters": seen.0.len() });
        numbers.as_object().cloned().unwrap()
    }

    fn impostors(_: &ToyLook, _: &Word, _: Timestamp, others: &[Other<'_, Self>]) -> Vec<Sabotage<Word>> {
        let empty = Sabotage::seen("empty", "the answer is gone", Word(String::new()));
        let answer = |other: &Other<'_, Self>| {
            Sabotage::seen(format!("answer of {}", other.id), "a mixed-up route", other.seen.clone())
        };
        std::iter::once(empty).chain(others.iter().map(answer)).collect()
    }

    fn breakages(_: &ToyExpect, _: &Word, _: Timestamp) -> Vec<Breakage<Word>> {
        vec![Breakage::new("word", "another-word", "changed", Word("another".into()))]
    }

    fn variations(seen: &Word) -> Vec<Sabotage<Word>> {
        vec![Sabotage::seen("as-it-was", "nothing changed", seen.clone())]
    }

    fn unclaimed(expect: &ToyExpect, _: &Word) -> Unclaimed {
        let fields = if expect.word.is_none() { vec!["word".to_owned()] } else { Vec::new() };
        Unclaimed { of: 1, fields }
    }

    fn candidates(_: &ToyLook, greens: &[&Word]) -> Vec<Value> {
        greens.first().map(|green| json!({ "word": green.0 })).into_iter().collect()
    }

    fn exemplars() -> Vec<Exemplar<Word>> {
        Vec::new()
    }
}

/// A check of this script that expects `ok`, to be changed as needed.
pub(crate) fn scripted(id: &str, script: &str) -> ProjectCheck {
    ProjectCheck {
        id: id.into(),
        summary: format!("The {id} says ok").into(),
        gates: Gates::from_iter([Gate::PostDeploy, Gate::Watch]),
        every: Lapse::seconds(300),
        severity: Severity::Critical,
        runbook: Rare::default(),
        what_to_do: Rare::default(),
        tags: Rare::default(),
        depends_on: Rare::default(),
        paths: Rare::default(),
        retry: Retry { attempts: 1, delay: Lapse::seconds(1), writes: false },
        timeout: Lapse::seconds(10),
        public: false,
        check: toy(json!({ "name": id, "script": script, "expect": { "word": "ok" } })),
    }
}

/// A toy check from its table.
pub(crate) fn toy(table: Value) -> Arc<dyn Check> {
    let node = Node::from_json(&table, Span::default()).unwrap();
    let mut problems = Problems::default();
    let check = Of::<Toy>::NEW.read(&node, &mut problems);
    Arc::from(check.unwrap_or_else(|| panic!("{:?}", problems.into_sorted())))
}

pub(crate) fn project(checks: Vec<ProjectCheck>) -> Arc<Project> {
    Arc::new(Project {
        name: "shop".into(),
        root: PathBuf::from("/nowhere"),
        file: PathBuf::from("/nowhere/steadfast.toml"),
        targets: BTreeMap::new(),
        gates: BTreeMap::new(),
        ledger: LedgerSettings::default(),
        checks,
    })
}

pub(crate) fn runner(project: &Arc<Project>) -> Runner {
    Runner {
        project: Arc::clone(project),
        world: world(),
        ledger: None,
        stop: Stop::never(),
        parallel: 4,
        deadline: Duration::from_secs(600),
        version: "0.0.0",
    }
}

pub(crate) fn all(project: &Project) -> Plan {
    plan(project, None, &[], 7).unwrap()
}

pub(crate) fn at_gate(project: &Project, gate: Gate, only: &[&str]) -> Result<Plan, String> {
    let only: Vec<Only> = only.iter().map(|only| Only::parse(only)).collect();
    plan(project, Some(gate), &only, 7).map_err(|why| why.to_string())
}

pub(crate) fn world() -> World {
    World::new(Parts {
        clock: Arc::new(PausedClock(tokio::time::Instant::now())),
        secrets: Arc::new(NoSecrets),
        targets: BTreeMap::new(),
        routes: Routes::default(),
        vantage: "test".into(),
        limits: Limits::default(),
        root: PathBuf::from("/nowhere"),
    })
}

/// Tokio's paused clock: it jumps to the next timer as soon as there is nothing else to do.
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let began: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        began + jiff::SignedDuration::try_from(self.elapsed()).unwrap()
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct NoSecrets;

impl SecretSource for NoSecrets {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, _: &Path) -> Result<String, String> {
        Err("no files here".into())
    }
}

//! A contract: the schema of one record, our meanings in it, and the envelope around it.

pub mod annotations;
mod circle;
pub mod envelope;
mod reach;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use serde_json::Value;

pub use crate::contract::sources::Fetch;

use crate::contract::annotations::{Annotations, Freshness, Limit, RootAnnotations, Transition};
use crate::contract::envelope::Envelope;
use crate::contract::reach::Reached;
use crate::draft::Draft;
use crate::finding::{Severity, Token};
use crate::plan::compile::Endless;
use crate::plan::{Plan, compile};
use crate::states::{Path, State, Step};
use crate::{stack, strict, subschemas};

/// How strictly a contract is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// For the one who writes: every record, strictly. The answer depends on the data alone.
    #[default]
    Write,
    /// For a release: also rows, freshness, allowed shares of bad records, severities.
    Gate,
    /// For the one who reads: what can be repaired is repaired.
    Load,
}

impl Profile {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Write => "write",
            Profile::Gate => "gate",
            Profile::Load => "load",
        }
    }
}

/// Whether `format` is a promise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Formats {
    /// As the draft says: a promise in draft 7, a remark later.
    #[default]
    AsTheDraftSays,
    /// A promise.
    Assert,
    /// A remark.
    Annotate,
}

/// How to read a contract.
#[derive(Clone, Default)]
pub struct Options {
    /// See [`Formats`].
    pub formats: Formats,
    /// Gets a schema from `http` or `https`; `None`: such references are refused.
    pub remote: Option<Fetch>,
}

/// What is wrong with a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which contract.
    pub name: String,
    /// Every mistake that was found.
    pub mistakes: Vec<String>,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: not a contract that can be judged by", self.name)?;
        self.mistakes.iter().try_for_each(|mistake| write!(out, "\n  {mistake}"))
    }
}

impl std::error::Error for Broken {}

/// A contract, ready to judge by.
#[derive(Debug)]
pub struct Contract {
    /// Where it was read from.
    pub name: String,
    /// The record's schema.
    pub schema: Value,
    /// The rules it is read by.
    pub draft: Draft,
    /// The envelope, if there is one.
    pub envelope: Option<Envelope>,
    /// What stands at the root.
    pub root: RootAnnotations,
    /// `x-` names that are not ours, with their places: told, never judged.
    pub foreign: Vec<String>,
    /// xxh3 of the schema and the envelope: parts of one run must agree on it.
    pub fingerprint: u64,
    /// The files that it was read from: its own, the schema that an envelope links to, and those that references lead to.
    pub files: Vec<PathBuf>,
    pub(crate) plan: Plan,
    pub(crate) official: jsonschema::Validator,
    pub(crate) reached: Vec<Reached>,
    /// See [`reach::Named`].
    pub(crate) named: reach::Named,
    /// The most items that a list tells apart by their place.
    pub(crate) positions: usize,
    pub(crate) formats_asserted: bool,
}

impl Contract {
    /// Reads a contract from a file: JSON Schema (JSON), or ODCS (YAML or JSON) that links to one.
    pub fn open(file: &FilePath, options: &Options) -> Result<Contract, Broken> {
        let name = file.display().to_string();
        let broken = |what: String| Broken { name: name.clone(), mistakes: vec![what] };
        let text = std::fs::read(file).map_err(|why| broken(format!("cannot be read: {why}")))?;
        let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let document = parse(&text, yaml).map_err(broken)?;
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        if !Envelope::is_one(&document) {
            let contract = stack::with_room(|| Contract::build(&name, document, None, 0, &folder, options));
            return contract.map(|contract| contract.also_read_from([file.to_owned()]));
        }
        let mut mistakes = Vec::new();
        let envelope = Envelope::read(&document, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(Broken { name, mistakes });
        }
        let link = envelope.record_schema.clone();
        let (schema, place) = if link.starts_with("http://") || link.starts_with("https://") {
            let fetch = options.remote.as_ref().ok_or_else(|| broken(sources::refusal(&link)))?;
            (fetch(&link).map_err(|why| broken(format!("{link}: {why}")))?, link.clone())
        } else {
            let file = folder.join(&link);
            let text =
                std::fs::read(&file).map_err(|why| broken(format!("record schema {}: {why}", file.display())))?;
            (parse(&text, false).map_err(|why| broken(format!("record schema {link}: {why}")))?, link.clone())
        };
        let linked = folder.join(&place);
        let folder = linked.parent().map(PathBuf::from).unwrap_or_default();
        let seed = xxhash_rust::xxh3::xxh3_64(&text);
        let contract = stack::with_room(|| Contract::build(&name, schema, Some(envelope), seed, &folder, options));
        contract.map(|contract| contract.also_read_from([file.to_owned(), linked]))
    }

    fn also_read_from(mut self, files: impl IntoIterator<Item = PathBuf>) -> Contract {
        self.files.extend(files);
        self
    }

    /// Reads a contract from the text of a JSON Schema; references to other files are relative to the current folder.
    pub fn parse(name: &str, schema: &[u8], options: &Options) -> Result<Contract, Broken> {
        let document = parse(schema, false).map_err(|what| Broken { name: name.to_owned(), mistakes: vec![what] })?;
        stack::with_room(|| Contract::build(name, document, None, 0, FilePath::new(""), options))
    }

    /// On a stack with room for whatever the schema is.
    fn build(
        name: &str,
        schema: Value,
        envelope: Option<Envelope>,
        seed: u64,
        folder: &FilePath,
        options: &Options,
    ) -> Result<Contract, Broken> {
        let broken = |mistakes: Vec<String>| Broken { name: name.to_owned(), mistakes };
        if !schema.is_object() && !schema.is_boolean() {
            return Err(broken(vec!["a JSON Schema is an object (or true, or false)".to_owned()]));
        }
        let (draft, foreign_dialect) = match Draft::of(&schema) {
            Ok(draft) => (draft, false),
            // A dialect of someone's own: its meta-schema says which keywords count, and only the official judge reads it.
            Err(_) if options.remote.is_some() && sources::is_remote(&schema["$schema"]) => (Draft::Twenty, true),
            Err(why) => return Err(broken(vec![why])),
        };
        let formats_asserted = match options.formats {
            Formats::AsTheDraftSays => draft.asserts_formats(),
            Formats::Assert => true,
            Formats::Annotate => false,
        };
        let judge = match (foreign_dialect, options.formats) {
            // Its meta-schema says whether formats are promises.
            (true, Formats::AsTheDraftSays) => jsonschema::options(),
            (true, _) => jsonschema::options().should_validate_formats(formats_asserted),
            (false, _) => jsonschema::options().with_draft(draft.official()).should_validate_formats(formats_asserted),
        };
        let troubles = sources::Troubles::default();
        let documents = sources::Documents::default();
        let retriever = sources::Retriever::new(folder, options.remote.clone(), &troubles, &documents);
        let judge = judge.with_retriever(retriever);

        let mut mistakes = Vec::new();
        let mut foreign = Vec::new();
        subschemas::visit(&schema, draft, &mut |pointer, members| {
            if let Some(members) = members.as_object() {
                annotations::read(members, pointer, &mut mistakes, &mut foreign);
            }
        });
        let root = schema.as_object().map(|members| annotations::read_root(members, &mut mistakes)).unwrap_or_default();
        // Before the official judge: it would follow a cycle for ever.
        let local = std::cell::OnceCell::new();
        let official_of = |pointer: &str| {
            let map = local.get_or_init(|| judge.build_map(&schema).ok()).as_ref()?;
            map.get(&format!("#{pointer}")).cloned()
        };
        let compiled = if foreign_dialect {
            Ok(compile::nothing_but_doubt())
        } else {
            compile::compile(&schema, draft, formats_asserted, &official_of)
        };
        let plan = match compiled {
            Ok(plan) => plan,
            Err(endless) => {
                mistakes.push(endless.to_string());
                return Err(broken(mistakes));
            }
        };
        let official = match judge.build(&schema) {
            Ok(official) => official,
            Err(why) => {
                let troubles = troubles.lock().map(|troubles| troubles.clone()).unwrap_or_default();
                match troubles.as_slice() {
                    [] => mistakes.insert(0, sources::why_not_a_schema(&why)),
                    troubles => mistakes.extend_from_slice(troubles),
                }
                return Err(broken(mistakes));
            }
        };
        let others = documents.lock().map(|mut documents| std::mem::take(&mut *documents)).unwrap_or_default();
        mistakes.extend(circle::find(&schema, draft, &others).map(|cycle| Endless::Circle(cycle).to_string()));
        mistakes.extend(others.iter().filter_map(|(document, schema)| annotated_elsewhere(document, schema, draft)));
        let reached = reach::annotated(&schema, draft, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(broken(mistakes));
        }
        let fingerprint = xxhash_rust::xxh3::xxh3_64_with_seed(schema.to_string().as_bytes(), seed);
        let name = name.to_owned();
        let positions = reach::positions(&schema, draft);
        let files = others.keys().filter_map(|address| sources::file_of(address, folder)).collect();
        let mut contract = Contract {
            name,
            files,
            schema,
            draft,
            envelope,
            root,
            foreign,
            fingerprint,
            plan,
            official,
            reached,
            named: reach::Named::new(),
            positions,
            formats_asserted,
        };
        contract.check_paths().map_err(broken)?;
        Ok(contract)
    }

    /// The record's key: the envelope's, or `x-key`.
    pub fn key(&self) -> Vec<Path> {
        match self.envelope.as_ref().and_then(|envelope| envelope.key.clone()) {
            Some(key) => vec![key],
            None => self.root.key.clone(),
        }
    }

    /// Releases are compared by key: the error says what to add.
    pub fn needs_key(&self) -> Result<(), String> {
        if self.key().is_empty() {
            let name = &self.name;
            return Err(format!(
                "{name}: names no key, so releases cannot be compared: add \"x-key\": \"/id\" at its root"
            ));
        }
        Ok(())
    }

    pub(crate) fn key_paths(&self) -> Vec<String> {
        self.key().iter().map(ToString::to_string).collect()
    }

    /// The freshness promise: the stricter of the envelope's and `x-freshness`.
    pub fn freshness(&self) -> Option<Freshness> {
        let envelope = self.envelope.as_ref().and_then(|envelope| envelope.freshness.clone());
        match (envelope, self.root.freshness.clone()) {
            (Some((path, max_age)), Some(root)) => {
                Some(if root.max_age < max_age { root } else { Freshness { path, max_age } })
            }
            (Some((path, max_age)), None) => Some(Freshness { path, max_age }),
            (None, root) => root,
        }
    }

    /// How many keys may be gone, and how many new. Unless the contract says otherwise: none gone, any number new.
    pub fn gone_and_new(&self) -> (Limit, Limit) {
        let envelope = self.envelope.as_ref();
        let gone = envelope.and_then(|envelope| envelope.gone).or(self.root.gone).unwrap_or(Limit::NONE);
        let new = envelope.and_then(|envelope| envelope.new).or(self.root.new).unwrap_or_default();
        (gone, new)
    }

    /// What the states of the paths mean.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = (&Path, &Annotations)> {
        self.reached
            .iter()
            .filter(|reached| !reached.annotations.states.is_empty())
            .map(|reached| (&reached.path, &reached.annotations))
    }

    /// The regression rules by path: those of the schema, and the envelope's, of which the stricter holds.
    pub fn regressions(&self) -> BTreeMap<Path, BTreeMap<Transition, Limit>> {
        let mut rules: BTreeMap<Path, BTreeMap<Transition, Limit>> = BTreeMap::new();
        for reached in &self.reached {
            if let Some(regression) = &reached.annotations.regression
                && !reached.path.0.is_empty()
            {
                rules.entry(reached.path.clone()).or_default().extend(regression.clone());
            }
        }
        let fields = self.envelope.as_ref().map(|envelope| &envelope.fields);
        for (name, regression) in fields.into_iter().flatten().filter(|(name, _)| *name != "*") {
            let known = rules.entry(Path::parse(name)).or_default();
            for (transition, limit) in regression {
                let known = known.entry(*transition).or_default();
                known.max = least(known.max, limit.max);
                known.max_ratio = match (known.max_ratio, limit.max_ratio) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
        }
        if let Some(others) = fields.and_then(|fields| fields.get("*")) {
            let members = self.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            for (name, _) in members {
                rules.entry(Path(vec![Step::Key(name.clone())])).or_insert_with(|| others.clone());
            }
        }
        rules
    }

    /// Does what recurses by this contract: here where it is as shallow as most are, else on a thread that has the room.
    pub(crate) fn with_room<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if self.plan.longest <= 8 { work() } else { stack::with_room(work) }
    }

    /// What the plan leaves to the official judge.
    pub fn escapes(&self) -> &[String] {
        self.plan.left_to_the_official_judge()
    }

    /// Scans with this engine from now on.
    pub fn with_engine(mut self, engine: crate::scan::Engine) -> Contract {
        self.plan = self.plan.with_engine(engine);
        self
    }

    /// The compiled plan: for the campaign and the benchmarks.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the official judge calls the value valid: for the campaign.
    pub fn officially_valid(&self, value: &Value) -> bool {
        self.official.is_valid(value)
    }

    /// Whether `format` is a promise here.
    pub fn asserts_formats(&self) -> bool {
        self.formats_asserted
    }

    /// The annotations that apply to the value at `path`, and the path with `[]` and `{*}`.
    pub(crate) fn at(&self, path: &[Token]) -> (Path, Vec<Annotations>) {
        reach::at(&self.schema, self.draft, path)
    }

    /// The pattern of a path, and the severity of a finding there: that of the nearest place that names one.
    pub(crate) fn pattern_and_severity(&self, path: &[Token]) -> (Path, Severity) {
        let (pattern, here) = self.at(path);
        let mut severity = here.iter().find_map(|annotations| annotations.severity);
        let mut above = path;
        while severity.is_none() && !above.is_empty() {
            above = &above[..above.len() - 1];
            severity = self.at(above).1.iter().find_map(|annotations| annotations.severity);
        }
        (pattern, severity.unwrap_or_default())
    }

    /// Every schema that stands for the values at a path pattern.
    pub fn schemas_at(&self, path: &Path) -> Vec<(String, &Value)> {
        reach::schemas_at(&self.schema, self.draft, &path.0)
    }

    /// Keys, states and the like are looked for along paths: each has to lead somewhere, and few enough from one place.
    fn check_paths(&mut self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        let mut named: BTreeMap<Path, std::collections::BTreeSet<Path>> = BTreeMap::new();
        let freshness = self.root.freshness.iter().map(|fresh| ("x-freshness", &fresh.path));
        let envelope = self.envelope.as_ref();
        let single = self.root.key.iter().map(|path| ("x-key", path));
        let single = single
            .chain(envelope.and_then(|envelope| envelope.key.as_ref()).map(|path| ("the envelope's key", path)))
            .chain(self.root.attribution.iter().map(|path| ("x-attribution", path)))
            .chain(freshness)
            .chain(envelope.and_then(|envelope| envelope.freshness.as_ref()).map(|(path, _)| ("slaProperties", path)));
        for (what, path) in single {
            if path.0.iter().any(|step| !matches!(step, Step::Key(_))) {
                mistakes.push(format!(
                    "{what}: {path} leads through a list or through members without a name: a record has one value \
                     there or none; name a member by its path from the record, such as \"/id\""
                ));
            }
        }
        let paths = self.key().into_iter().map(|path| ("the key", path));
        let paths = paths
            .chain(self.root.attribution.clone().map(|path| ("x-attribution", path)))
            .chain(self.freshness().map(|fresh| ("the freshness path", fresh.path)))
            .chain(self.regressions().into_keys().map(|path| ("x-regression", path)))
            .chain(self.meanings().map(|(path, _)| ("x-states", path.clone())));
        for (what, path) in paths {
            if self.schemas_at(&path).is_empty() {
                mistakes.push(format!("{what}: {path} is nowhere in the schema"));
            }
            for length in 1..=path.0.len() {
                let above = Path(path.0[..length - 1].to_vec());
                named.entry(above).or_default().insert(Path(path.0[..length].to_vec()));
            }
        }
        let mut apart = reach::Named::new();
        let watched: Vec<(&str, Path)> = self
            .regressions()
            .into_keys()
            .map(|path| ("x-regression", path))
            .chain(self.meanings().map(|(path, _)| ("x-states", path.clone())))
            .collect();
        for (what, path) in &watched {
            if let Err(why) = reach::told_apart(&self.schema, self.draft, path, &mut apart) {
                mistakes.push(format!("{what}: {path}: {why}"));
            }
        }
        for (above, names) in &apart {
            let below = named.entry(above.clone()).or_default();
            // A member that is watched by name and has none in the schema would be lost to `{*}`.
            let lost =
                below.iter().find(|path| matches!(path.0.last(), Some(Step::Key(name)) if !names.contains(name)));
            if let Some(lost) = lost {
                mistakes.push(format!(
                    "{lost} and {} are both watched: give {lost} a schema of its own in `properties`",
                    above.with(Step::Free)
                ));
            }
            below.extend(names.iter().map(|name| above.with(Step::Key(name.clone()))));
        }
        mistakes.dedup();
        self.named = apart;
        if let Some((above, below)) = named.iter().find(|(_, below)| below.len() > 64) {
            mistakes.push(format!("{} members of {above} are watched: 64 at most", below.len()));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// What a state means at a path, in the contract's words.
    pub(crate) fn means(&self, path: &Path, state: State) -> Option<&str> {
        self.meanings()
            .find(|(known, _)| *known == path)
            .and_then(|(_, annotations)| annotations.states.get(&state))
            .and_then(|meaning| meaning.means.as_deref())
    }
}

/// Another document whose annotations nobody would follow: saying nothing would be a pass for what they forbid.
fn annotated_elsewhere(document: &str, schema: &Value, draft: Draft) -> Option<String> {
    let mut first = None;
    subschemas::visit(schema, draft, &mut |pointer, members| {
        let mut mistakes = Vec::new();
        let read = |members| annotations::read(members, pointer, &mut mistakes, &mut Vec::new());
        let annotated = members.as_object().map(read).is_some_and(|read| read != annotations::Annotations::default());
        if first.is_none() && (annotated || !mistakes.is_empty()) {
            first = Some(pointer.to_owned());
        }
    });
    first.map(|pointer| {
        format!("{document}#{pointer}: annotations are followed in the contract's own document only: move them into it")
    })
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn parse(text: &[u8], yaml: bool) -> Result<Value, String> {
    let trimmed = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if yaml {
        let text = std::str::from_utf8(trimmed).map_err(|why| format!("not UTF-8: {why}"))?;
        return serde_saphyr::from_str(text).map_err(|why| format!("not YAML: {why}"));
    }
    let read = strict::read(trimmed).map_err(|fault| format!("{} (byte {})", fault.message, fault.at))?;
    match read.duplicates.first() {
        Some((_, key)) => Err(format!("the member \"{key}\" stands twice in one object")),
        None => Ok(read.value),
    }
}

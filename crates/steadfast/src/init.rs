//! Drafting a configuration from what is there: the parts of `steadfast init`.

mod clue;
mod databases;
mod draft;
mod leads;
mod pages;
mod report;
mod sight;
mod site;
mod sources;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use steadfast_checks::kinds::KINDS;
use steadfast_config::Source as Text;
use steadfast_core::exit::Exit;
use steadfast_core::plan::plan;
use steadfast_core::project::Project;
use steadfast_engine::prove::{CheckProof, ProofOutcome, Proofs, Source, Step};
use steadfast_engine::run::{DEADLINE, PARALLEL, Runner};
use steadfast_engine::stop::Stop;

use crate::live::Live;
use crate::render::text::{counted, listed};
use crate::session::{Refused, WorldFlags, refuse};
use draft::Draft;

pub(crate) use draft::slug;
pub(crate) use report::shown;
pub(crate) use site::looks_secret;

/// What to describe.
pub(crate) struct Order {
    /// A page of the site.
    pub(crate) url: Option<String>,
    /// Where the file goes, and where databases are searched.
    pub(crate) folder: PathBuf,
    /// How many links of the page to describe besides.
    pub(crate) links: usize,
    /// A PEM file of the only roots to trust.
    pub(crate) roots: Option<PathBuf>,
}

/// Why nothing was written.
pub(crate) enum Stopped {
    /// It was said already.
    Refused(Refused),
    /// The target is not up, or there is nothing.
    CannotTell(String),
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Stopped::Refused(refused)
    }
}

/// What was written, and what is known of it.
pub(crate) struct Written {
    draft: Draft,
    file: PathBuf,
    search: databases::Search,
    proofs: Proofs,
    warning: Option<String>,
}

/// Looks, drafts, verifies the draft, proves it, and only then writes it.
pub(crate) async fn run(order: &Order, stop: Stop, live: &mut Live) -> Result<Written, Stopped> {
    let folder = writing::place(&order.folder)?;
    let url = order.url.as_deref().map(site::address).transpose().map_err(refuse)?;
    let mut draft = Draft { project: name_of(&folder, url.as_ref()), ..Draft::default() };
    draft.roots = order.roots.as_deref().map(|roots| site::roots_in(&folder, roots)).transpose()?;
    let world = WorldFlags::default().world(&empty(&folder, &draft)?)?;
    let mut pages = match &url {
        Some(url) => site::pages(url, order.links, &world, &mut draft, live).await?,
        None => Vec::new(),
    };
    let site = pages.first().map(|page| page.home.url.clone());
    let search = databases::search(&folder, live);
    let clues = sources::read(&folder, &search.papers);
    leads::look(clues, site.as_ref(), &world, &mut pages, &mut draft, live).await?;
    pages::again(&mut pages, &world, &mut draft, live).await;
    pages::draft(pages, &mut draft, live);
    if let Some(site) = &site {
        site::certificate(site, &world, &mut draft, live).await?;
    }
    databases::draft(&search, &folder, &world, &mut draft, live).await?;
    let file = folder.join(writing::NAME);
    let proofs = verified(&mut draft, &file, stop, live).await?;
    if draft.checks.is_empty() && draft.waiting.is_empty() {
        return Err(Stopped::CannotTell(nothing(&draft, &search, &folder, url.is_some())));
    }
    note_unclaimed(&mut draft, &proofs);
    let warning = writing::write(&file, &draft)?;
    Ok(Written { draft, file, search, proofs, warning })
}

impl Written {
    /// Whether anything of it was seen to hold. A file of proposals proves nothing yet.
    pub(crate) fn exit(&self) -> Exit {
        if self.draft.checks.is_empty() { Exit::CannotTell } else { Exit::Proceed }
    }
}

/// Loads the draft and puts it to the proof, as `verify` and `prove` would. A check that does not hold, or is not
/// shown to be able to fail, is left out, and the rest is verified again: what is written is what was verified.
async fn verified(draft: &mut Draft, file: &Path, stop: Stop, live: &mut Live) -> Result<Proofs, Stopped> {
    loop {
        let given = Text::Given { file: file.to_owned(), bytes: draft.toml().into_bytes() };
        let project = Arc::new(steadfast_config::load(given, KINDS).map_err(|refusal| {
            refuse(format!(
                "the draft does not load, which is a fault of Steadfast itself:\n{}",
                refusal.render(false, 80)
            ))
        })?);
        let plan = plan(&project, None, &[], 0).map_err(refuse)?;
        let runner = Runner {
            world: WorldFlags::default().world(&project)?,
            project,
            ledger: None,
            stop: stop.clone(),
            parallel: PARALLEL,
            deadline: DEADLINE,
            version: env!("CARGO_PKG_VERSION"),
        };
        let mut step = |step: Step| live.show(&format!("verifying: {} {}/{}", step.doing, step.done, step.of));
        let proofs = runner.prove(&plan, Source::Now, &mut step).await;
        let wrong: Vec<(String, String)> =
            proofs.checks.iter().filter_map(|check| Some((check.id.clone(), fault(check)?))).collect();
        if wrong.is_empty() {
            return Ok(proofs);
        }
        for (id, why) in wrong {
            draft.checks.retain(|check| check.id != id);
            draft.leave_out(id, why);
        }
    }
}

/// The fewest expectations leave parts of a page unread: the file says which, for the person to choose from.
fn note_unclaimed(draft: &mut Draft, proofs: &Proofs) {
    for check in draft.checks.iter_mut().filter(|check| check.kind == "http") {
        let proof = proofs.checks.iter().find(|proof| proof.id == check.id);
        let Some(ProofOutcome::Proof(proof)) = proof.map(|proof| &proof.outcome) else { continue };
        let fields: Vec<&str> = proof.unclaimed.fields.iter().map(String::as_str).collect();
        if !fields.is_empty() && !site::looks_secret("", &json!(fields)) {
            let listed = listed(fields.iter().copied(), 80);
            check.notes.push(format!("Read by no expectation, worth one if it matters: {listed}"));
        }
    }
}

/// Why a check must not be written.
fn fault(check: &CheckProof) -> Option<String> {
    match &check.outcome {
        ProofOutcome::Proof(proof) if proof.holds() => None,
        ProofOutcome::Proof(proof) => Some(format!(
            "its proof does not hold: {}, {}, {}",
            counted(proof.survivors().count(), "surviving impostor"),
            counted(proof.dead().count(), "dead expectation"),
            counted(proof.brittle().count(), "brittle variation"),
        )),
        ProofOutcome::NoGreen { why, findings } => {
            let first =
                findings.first().map(|finding| format!(" ({} {})", finding.claim, finding.code)).unwrap_or_default();
            Some(format!("{why}{first}"))
        }
    }
}

fn nothing(draft: &Draft, search: &databases::Search, folder: &Path, asked: bool) -> String {
    let mut text = format!(
        "nothing to check was found: no check could be made of {} below {}",
        counted(search.files, "file"),
        folder.display()
    );
    if draft.read.is_empty() {
        let titles = listed(sources::SOURCES.iter().map(|source| source.title()), 80);
        text.push_str(&format!(" (no SQLite database, {titles})"));
    }
    if asked {
        text.push_str(" and of the site");
    } else {
        text.push_str(", and no --url was given");
    }
    for left in draft.left_out.iter().chain(&draft.unseen) {
        text.push_str(&format!("\n       {}: {}", left.what, left.why));
    }
    text.push_str("\n       Nothing was written. `steadfast init --url https://...` describes a site; `steadfast look` one thing.");
    text
}

fn name_of(folder: &Path, url: Option<&url::Url>) -> String {
    let folder = folder.file_name().and_then(|name| name.to_str());
    let host = url.and_then(url::Url::host_str);
    let name: String = folder.or(host).unwrap_or("project").chars().filter(|c| !c.is_control()).collect();
    if name.trim().is_empty() { "project".to_owned() } else { name }
}

/// A project without checks in this folder: for the World in which init looks.
fn empty(folder: &Path, draft: &Draft) -> Result<Project, Refused> {
    let text = format!("[project]\n{}", steadfast_config::toml_of(&json!({ "name": draft.project })));
    let given = Text::Given { file: folder.join(writing::NAME), bytes: text.into_bytes() };
    steadfast_config::load(given, KINDS).map_err(|refusal| refuse(refusal.render(false, 80)))
}

/// The exit code for what kept init from writing, said on standard error.
pub(crate) fn ended(stopped: Stopped) -> Exit {
    match stopped {
        Stopped::Refused(exit) => exit,
        Stopped::CannotTell(why) => {
            crate::session::refuse(why);
            Exit::CannotTell
        }
    }
}

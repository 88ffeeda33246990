//! The show: opens the shop, tells the stories, proves both configurations, and leaves nothing behind.

use std::time::{Duration, Instant};

use serde_json::Value;
use steadfast_core::exit::Exit;
use steadfast_core::finding::{Finding, Seen};
use steadfast_core::measure::Lapse;
use steadfast_engine::prove::{ProofOutcome, Proofs};
use steadfast_engine::report::{CheckReport, Report};
use steadfast_engine::stop::Stop;

use super::breakage::Breakage;
use super::configuration;
use super::guard::Guard;
use super::premises::Folder;
use super::probe::{self, Told};
use super::shop::{PORT, Premises, Shop};
use super::stories::{STORIES, Story};
use crate::render::human::shortfall;
use crate::render::text::{BOLD, DIM, GREEN, Layout, RED, brief, counted, cut, listed};
use crate::render::{Page, print};
use crate::session::refuse;

/// The columns of labels.
const LABELS: usize = 21;

/// Tells every story. `Exit::Hold` if one did not turn out as told.
pub(crate) async fn perform(port: Option<u16>, stop: Stop) -> Exit {
    let began = Instant::now();
    let told = async {
        let folder = Folder::temporary().map_err(refuse)?;
        let shop = Premises::take(port).and_then(|premises| Shop::open(folder.path(), premises)).map_err(refuse)?;
        let (good, status_only) = configuration::write(&shop).map_err(refuse)?;
        let guard = Guard::load(&good, &stop)?;
        let by_status = Guard::load(&status_only, &stop)?;
        opening(&shop, &guard).await?;
        let mut as_told = true;
        for (number, story) in STORIES.iter().enumerate() {
            as_told &= tell(number + 1, story, &shop, &guard, &by_status).await?;
        }
        as_told &= proofs(&by_status, &guard).await?;
        Ok(as_told)
    };
    match told.await {
        Ok(as_told) => closing(as_told, began.elapsed()),
        Err(exit) => exit,
    }
}

/// Opens the shop where `examples/` look for it, and keeps it open until stopped.
pub(crate) async fn keep(port: Option<u16>, stop: Stop) -> Exit {
    let port = port.unwrap_or(PORT);
    // The port first: whoever has it owns the folder, too.
    let opened = Premises::take(Some(port)).and_then(|premises| {
        let folder = Folder::known(port)?;
        let shop = Shop::open(folder.path(), premises)?;
        configuration::write(&shop)?;
        Ok((folder, shop))
    });
    let (_folder, shop) = match opened {
        Ok(opened) => opened,
        Err(why) => return refuse(why),
    };
    if let Err(exit) = show(&kept(&shop)) {
        return exit;
    }
    stop.stopped().await;
    Exit::Proceed
}

fn kept(shop: &Shop) -> String {
    let mut out = layout();
    let title = out.styled(BOLD, "The shop is open");
    out.line(&title);
    out.field(2, "in the clear", &format!("http://{}", shop.http()));
    out.field(2, "over TLS", &format!("https://localhost:{}", shop.tls().port()));
    out.field(2, "its folder", &shop.folder().display().to_string());
    out.gap();
    out.prose(0, "In another terminal:");
    out.command(2, "go there", &format!("cd {}", shop.folder().display()));
    out.command(2, "verify", "steadfast verify");
    out.command(2, "prove", "steadfast prove");
    out.command(2, "prove status codes", "steadfast prove --config status-only/steadfast.toml");
    out.gap();
    out.prose(0, "Break it there, and verify again:");
    for breakage in Breakage::ALL {
        out.line(&format!("  {}", breakage.by_hand()));
    }
    out.gap();
    out.prose(0, "Ctrl-C closes the shop and removes its folder.");
    out.finish()
}

async fn opening(shop: &Shop, guard: &Guard) -> Result<(), Exit> {
    let mut out = layout();
    let title = out.styled(BOLD, "Available is not working.");
    out.line(&format!("{title} A small real shop, broken for real, five times."));
    out.gap();
    out.field(2, "the shop", &format!("http://{} over SQLite, with TLS and backups", shop.http()));
    out.field(2, "its checks", &guard.file().display().to_string());
    show(&out.finish())?;
    let report = guard.verify().await?;
    if report.exit() != Exit::Proceed {
        return Err(refuse(format!("the shop is not well to begin with: {}", not_passing(&report).join(", "))));
    }
    let mut out = layout();
    let verdict = out.styled(GREEN, "proceed");
    out.field_styled(2, "steadfast verify", &format!("{verdict}, {} hold", counted(report.checks.len(), "check")));
    show(&out.finish())
}

/// One story: break, ask both, repair. `false` if it did not turn out as told.
async fn tell(number: usize, story: &Story, shop: &Shop, guard: &Guard, by_status: &Guard) -> Result<bool, Exit> {
    story.breakage.strike(shop).map_err(refuse)?;
    let told = probe::ask(shop.http(), story.asked);
    let status_codes = by_status.verify().await?;
    let broken = guard.verify().await?;
    story.breakage.repair(shop).map_err(refuse)?;
    let repaired = guard.verify().await?;

    let mut out = layout();
    rule(&mut out);
    let title = out.styled(BOLD, story.title);
    out.line(&format!("{number}/{} {title}", STORIES.len()));
    out.prose(4, story.what);
    out.gap();
    let mut as_told = probe_says(&mut out, story, &told);
    as_told &= expect(&mut out, status_codes.exit() == Exit::Proceed, "the status-only checks were to hold");
    as_told &= steadfast_says(&mut out, story, &broken);
    let well = repaired.exit() == Exit::Proceed;
    if well {
        let word = out.styled(GREEN, "proceed");
        out.field_styled(4, "repaired", &format!("{word}, all {} hold again", counted(repaired.checks.len(), "check")));
    }
    as_told &= expect(&mut out, well, "the repaired shop was to be well again");
    show(&out.finish())?;
    Ok(as_told)
}

fn probe_says(out: &mut Layout, story: &Story, told: &Result<Told, String>) -> bool {
    match told {
        Ok(Told { status, took }) => {
            let up = out.styled(GREEN, "UP");
            let line = format!("{up}    GET {} -> {status} in {}", story.asked, brief(Lapse(*took)));
            out.field_styled(4, "a status-code probe", &line);
            expect(out, *status == 200, "the probe was to see 200")
        }
        Err(why) => expect(out, false, why),
    }
}

fn steadfast_says(out: &mut Layout, story: &Story, report: &Report) -> bool {
    let Some(check) = report.checks.iter().find(|check| *check.id == *story.told_by) else {
        return expect(out, false, "the check that tells was to be there");
    };
    let failed = check.verdict == "fail" && report.exit() == Exit::Hold;
    if failed {
        let hold = out.styled(RED, "HOLD");
        let id = out.styled(BOLD, &check.id);
        out.field_styled(4, "Steadfast", &format!("{hold}  {id}"));
        told_in_full(out, check);
        let others: Vec<String> = not_passing(report).into_iter().filter(|id| **id != *check.id).collect();
        if !others.is_empty() {
            out.field(6, "told by, too", &listed(others.iter().map(String::as_str), 2 * out.width()));
        }
        out.gap();
    }
    expect(out, failed, &format!("{} was to fail", story.told_by))
}

fn told_in_full(out: &mut Layout, check: &CheckReport) {
    out.field(6, "the claim", &check.summary);
    let findings: Vec<Finding> = check.findings.iter().take(2).map(in_short).collect();
    let mut above = None;
    for finding in &findings {
        shortfall(out, 6, check, finding, &mut above);
    }
    if let Some(todo) = &*check.what_to_do {
        out.field(6, "what to do", todo);
    }
}

/// The finding with what was seen cut to a line: the show is not the report.
fn in_short(finding: &Finding) -> Finding {
    let seen = match &finding.seen {
        Some(Seen::Value(Value::String(text))) => Some(Seen::Value(cut(text, 44).into())),
        Some(Seen::Missing | Seen::Null | Seen::Empty | Seen::WrongType(_) | Seen::Value(_)) | None => {
            finding.seen.clone()
        }
    };
    Finding { seen, ..finding.clone() }
}

/// Proves what people have, then what they could have.
async fn proofs(by_status: &Guard, guard: &Guard) -> Result<bool, Exit> {
    let mut out = layout();
    rule(&mut out);
    let title = out.styled(BOLD, "Can these checks fail at all? steadfast prove");
    out.line(&title);
    out.prose(
        4,
        "It shows each check answers that look alive and are wrong, breaks what each expectation reads, \
                  and changes what does not matter.",
    );
    show(&out.finish())?;
    let naive = by_status.prove().await?;
    let good = guard.prove().await?;

    let mut out = layout();
    let as_told = (naive.exit() == Exit::Hold, good.exit() == Exit::Proceed);
    for (name, proofs) in [("status codes only", &naive), ("steadfast.toml", &good)] {
        scores(&mut out, name, proofs);
    }
    let naive_told = expect(&mut out, as_told.0, "impostors were to survive the status codes");
    let good_told = expect(&mut out, as_told.1, "no impostor was to survive steadfast.toml");
    show(&out.finish())?;
    Ok(naive_told && good_told)
}

fn scores(out: &mut Layout, name: &str, proofs: &Proofs) {
    let totals = proofs.totals();
    out.gap();
    let title = out.styled(BOLD, name);
    out.line(&format!("    {title}"));
    for (label, what, (some, all)) in [
        ("impostors", "caught", totals.caught),
        ("expectations", "seen red", totals.seen_red),
        ("benign changes", "pass", totals.passed),
    ] {
        let style = if some == all { GREEN } else { RED };
        let score = out.styled(style, &format!("{some} of {all}"));
        out.field_styled(6, label, &format!("{score} {what}"));
    }
    let mut survivors: Vec<&str> = Vec::new();
    for check in &proofs.checks {
        match &check.outcome {
            ProofOutcome::Proof(proof) => survivors.extend(proof.survivors().map(|trial| trial.name.as_str())),
            ProofOutcome::NoGreen { .. } => {}
        }
    }
    survivors.sort_unstable();
    survivors.dedup();
    if !survivors.is_empty() {
        out.field(6, "taken for real", &listed(survivors, 2 * out.width()));
    }
}

fn closing(as_told: bool, took: Duration) -> Exit {
    let mut out = layout();
    rule(&mut out);
    if as_told {
        let word = out.styled(GREEN, "As told:");
        out.line(&format!(
            "{word} {} outages behind a 200, {} found, in {}. Nothing is left running.",
            STORIES.len(),
            STORIES.len(),
            brief(Lapse(took))
        ));
        out.gap();
        out.prose(0, "Next:");
        out.command(2, "try it by hand", "steadfast demo --keep --port 18080");
        out.command(2, "begin your own", "steadfast init --url https://your.site");
        out.command(2, "read about a kind", "steadfast explain http");
    } else {
        let word = out.styled(RED, "Not as told:");
        out.line(&format!("{word} see the lines marked above. The demo is itself a check, and it fails."));
    }
    match show(&out.finish()) {
        Ok(()) if as_told => Exit::Proceed,
        Ok(()) => Exit::Hold,
        Err(exit) => exit,
    }
}

/// Says loudly what did not turn out as told.
fn expect(out: &mut Layout, holds: bool, what: &str) -> bool {
    if !holds {
        let what = out.styled(RED, what);
        out.field_styled(4, "not as told", &what);
    }
    holds
}

fn not_passing(report: &Report) -> Vec<String> {
    report.checks.iter().filter(|check| check.verdict != "pass").map(|check| check.id.to_string()).collect()
}

fn rule(out: &mut Layout) {
    out.line("");
    let rule = out.styled(DIM, &"─".repeat(out.width().min(80)));
    out.line(&rule);
}

fn layout() -> Layout {
    Layout::new(&Page::of_stdout()).with_labels(LABELS)
}

fn show(text: &str) -> Result<(), Exit> {
    print(text).map_err(|why| refuse(format!("nothing can be shown: {why}")))
}

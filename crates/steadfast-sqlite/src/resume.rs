//! The state of a stopped run: enough to go on from the next chunk, bound to the file and the moment it was made for.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::entry_hash::Key;
use crate::error::{ProveError, ProveErrorKind};
use crate::finding::{Finding, Findings};
use crate::identity::Identity;
use crate::own_file;
use crate::pagemap::PageMap;
use crate::plan::Plan;
use crate::sketch::Sketch;
use crate::worker::{Chain, Share, Tally};

const MAGIC: &[u8; 16] = b"steadfast state\x02";
/// Of states of every version.
const BEGINNING: &[u8] = b"steadfast state";

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    identity: Identity,
    /// Another table or level is another run.
    scope: String,
    seed: [u64; 2],
    next_page: u32,
    rows: Vec<u64>,
    entries: Vec<u64>,
    tallies: Vec<[u64; 6]>,
    findings: Vec<Finding>,
    beyond: u64,
    chains: usize,
    differing: Vec<u32>,
}

/// What an earlier run left.
pub(crate) struct Saved {
    pub(crate) key: Key,
    pub(crate) next_page: u32,
    pub(crate) share: Share,
    pub(crate) next_links: Vec<u8>,
}

/// Writes the state with mode 0600, complete or not at all.
pub(crate) fn save(
    path: &Path,
    identity: &Identity,
    scope: &str,
    key: Key,
    next_page: u32,
    share: &Share,
    map: &PageMap,
) -> std::io::Result<()> {
    let tallies =
        share.tallies.iter().map(|t| [t.entries, t.leaf_pages, t.interior_pages, t.overflow_pages, t.payload, t.free]);
    let head = Head {
        identity: identity.clone(),
        scope: scope.to_owned(),
        seed: [key.k0, key.k1],
        next_page,
        rows: share.rows.clone(),
        entries: share.entries.clone(),
        tallies: tallies.collect(),
        findings: share.findings.list().to_vec(),
        beyond: share.findings.beyond(),
        chains: share.chains.len(),
        differing: share.differing.clone(),
    };
    let head = serde_json::to_vec(&head)?;
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(head.len() as u64).to_le_bytes());
    out.extend_from_slice(&head);
    share.sketches.iter().for_each(|sketch| sketch.save(&mut out));
    for chain in &share.chains {
        for number in [chain.first, chain.pages, chain.from] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    map.save(&mut out);
    let sum = *blake3::hash(&out).as_bytes();
    out.extend_from_slice(&sum);
    own_file::stage(path, BEGINNING, &out)?.publish(path)
}

/// Refuses a place where another file than a state lies, or where nothing can be written.
pub(crate) fn may_be_saved(path: &Path) -> std::io::Result<()> {
    own_file::could_write(path, BEGINNING)
}

/// Reads a state, refusing one of another file, moment or scope. `None` if there is none.
pub(crate) fn load(
    path: &Path,
    database: &Path,
    identity: &Identity,
    scope: &str,
    plan: &Plan,
    max_findings: usize,
) -> Result<Option<Saved>, ProveError> {
    let bytes = match own_file::read(path) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(ProveError::new(ProveErrorKind::State, path, format!("cannot read the state: {why}"))),
    };
    let broken = || ProveError::new(ProveErrorKind::State, path, "not a state of this program, or damaged");
    let (body, sum) = bytes.split_last_chunk::<32>().ok_or_else(broken)?;
    if blake3::hash(body).as_bytes() != sum {
        return Err(broken());
    }
    let rest = body.strip_prefix(MAGIC).ok_or_else(broken)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
    let (head, rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or_else(broken)?;
    let head: Head = serde_json::from_slice(head).map_err(|_| broken())?;
    if head.identity != *identity {
        let what = head.identity.differences(identity).join(", ");
        let seen = format!("the state was saved for another moment of this file: {what} changed since");
        return Err(ProveError::new(ProveErrorKind::OtherIdentity, database, seen));
    }
    if head.scope != scope {
        let seen = format!("it was saved by a run with other flags: {}; this run has {scope}", head.scope);
        return Err(ProveError::new(ProveErrorKind::State, path, seen));
    }
    let mut share = Share::new(plan, max_findings);
    if head.rows.len() != plan.sketches
        || head.entries.len() != plan.sketches
        || head.tallies.len() != share.tallies.len()
    {
        return Err(broken());
    }
    let (sketches, rest) = rest.split_at_checked(plan.sketches * Sketch::SAVED).ok_or_else(broken)?;
    let (chains, links) = rest.split_at_checked(head.chains * 12).ok_or_else(broken)?;
    share.sketches =
        sketches.chunks_exact(Sketch::SAVED).map(Sketch::load).collect::<Option<_>>().ok_or_else(broken)?;
    share.chains = chains
        .as_chunks::<12>()
        .0
        .iter()
        .map(|raw| {
            let number = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
            Chain { first: number(0), pages: number(4), from: number(8) }
        })
        .collect();
    share.rows = head.rows;
    share.differing = head.differing;
    share.entries = head.entries;
    for (tally, [entries, leaf_pages, interior_pages, overflow_pages, payload, free]) in
        share.tallies.iter_mut().zip(head.tallies)
    {
        *tally = Tally { entries, leaf_pages, interior_pages, overflow_pages, payload, free };
    }
    share.findings = Findings::restore(max_findings, head.findings, head.beyond);
    let key = Key { k0: head.seed[0], k1: head.seed[1] };
    Ok(Some(Saved { key, next_page: head.next_page, share, next_links: links.to_vec() }))
}

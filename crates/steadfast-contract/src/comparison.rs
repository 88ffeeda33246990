//! The earlier release that a run is compared with: opened and understood before anything is judged, so that a wrong
//! call is said at once and not after an hour.

use std::collections::BTreeMap;

use crate::baseline::Baseline;
use crate::check::Ran;
use crate::judge::Judge;
use crate::regression::{Regression, Rules};
use crate::report::Asked;
use crate::states::Step;

/// An earlier release, and what it is compared by.
pub struct Comparison {
    name: String,
    baseline: Baseline,
    rules: Rules,
    /// Why not all of the earlier release is in it.
    pub(crate) doubts: Vec<String>,
}

impl Comparison {
    /// What was asked for, if anything was. The error is a usage error.
    pub fn open(judge: &Judge<'_>, asked: &Asked) -> Result<Option<Comparison>, String> {
        let Some(source) = asked.baseline.as_ref().or(asked.previous.as_ref()) else {
            return match asked.accepted.keys().next() {
                None => Ok(None),
                Some(path) => Err(format!(
                    "--accept-regression {path}: there is no earlier release to compare with: name one with --baseline or \
                     --previous, or leave it out"
                )),
            };
        };
        let contract = judge.contract;
        contract.needs_key()?;
        let baseline = Baseline::open(source)?;
        if baseline.head.key != contract.key_paths() {
            return Err(format!(
                "{}: made with the key {}, and the contract says {}: records cannot be matched; accept a release with \
                 the new key first",
                source.display(),
                baseline.head.key.join(" + "),
                contract.key_paths().join(" + ")
            ));
        }
        let (gone, new) = contract.gone_and_new();
        let paths = judge.followed_paths();
        let mut accepted = BTreeMap::new();
        for (path, count) in &asked.accepted {
            let known = path == "gone" || path == "new" || paths.iter().any(|known| known.to_string() == *path);
            if !known {
                let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "--accept-regression {path}: not watched; watched are {}, gone and new",
                    names.join(", ")
                ));
            }
            accepted.insert(path.clone(), *count);
        }
        let rules = Rules { paths, rules: contract.regressions(), gone, new, accepted, keep: asked.keep };
        let name = match &asked.baseline {
            Some(baseline) => baseline.display().to_string(),
            None => baseline.head.made_from.join(", "),
        };
        Ok(Some(Comparison { name, baseline, rules, doubts: Vec::new() }))
    }

    /// Not all of the earlier release is in it: what is not there cannot be missed.
    pub fn doubt(&mut self, why: Vec<String>) {
        self.doubts = why;
    }

    pub(crate) fn of(mut self, judge: &Judge<'_>, ran: &mut Ran) -> Result<Regression, String> {
        let head = &mut self.baseline.head;
        let (paths, words) = (std::mem::take(&mut head.paths), std::mem::take(&mut head.words));
        let mut regression = ran
            .compare(&self.rules, &mut self.baseline, &paths, &words)
            .map_err(|why| format!("{}: cannot be compared with: {why}", self.name))?;
        let attribution = judge.contract.root.attribution.as_ref().and_then(|path| path.0.last());
        regression.attribution = attribution.map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Item | Step::Free => String::new(),
        });
        regression.baseline = self.name;
        Ok(regression)
    }
}

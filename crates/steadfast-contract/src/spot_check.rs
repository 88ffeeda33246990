//! A sample: every record has the same chance, and what a clean sample proves is said with it.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;

use crate::finding::spell;
use crate::judge::{Judge, Verdict};

/// One sampled record that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BadSample {
    /// From 1.
    pub line: u64,
    /// The first thing that is wrong with it.
    pub finding: String,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Records in the file.
    pub records: u64,
    /// Records looked at.
    pub sampled: u64,
    /// The seed that draws the same sample again.
    pub seed: u64,
    /// Those that do not hold.
    pub bad: Vec<BadSample>,
    /// Those that could not be judged.
    pub unsure: u64,
    /// With 95 % confidence no more than this share of all records is bad.
    pub at_most: f64,
}

/// Draws `count` records of a JSON lines file, each with the same chance, and judges them.
pub fn sample(judge: &Judge<'_>, file: &Path, count: u64, seed: u64) -> Result<Sample, String> {
    let cannot = |why: std::io::Error| format!("{}: cannot be read: {why}", file.display());
    let mut source = std::fs::File::open(file).map_err(cannot)?;
    let mut magic = [0; 4];
    let packed = source.read(&mut magic).map_err(cannot)? >= 2
        && (magic.starts_with(&[0x1f, 0x8b]) || magic == [0x28, 0xb5, 0x2f, 0xfd]);
    if packed || !source.metadata().map_err(cannot)?.is_file() {
        return Err(format!(
            "{}: a sample needs a plain file of JSON lines, because records are drawn from an index of its lines; \
             `contract check` reads packed ones whole",
            file.display()
        ));
    }
    // First an index: where every 1024th record starts.
    let mut index = Vec::new();
    let mut records = 0_u64;
    each_line(&mut source, 0, |offset, _, line| {
        if !line.trim_ascii().is_empty() {
            if records.is_multiple_of(1024) {
                index.push((offset, 0_u64));
            }
            records += 1;
        }
        true
    })
    .map_err(cannot)?;
    if records == 0 {
        return Err(format!("{}: has no record", file.display()));
    }
    let sampled = count.min(records);
    let mut drawn = draw(records, sampled, seed);
    drawn.sort_unstable();
    let mut result = Sample { records, sampled, seed, bad: Vec::new(), unsure: 0, at_most: 0.0 };
    // Lines and records differ by the blank lines: counted again on the second pass, stretch by stretch.
    let mut lines_before = lines_of(&mut source, &index).map_err(cannot)?;
    lines_before.push(0);
    let mut at = 0;
    while at < drawn.len() {
        let stretch = (drawn[at] / 1024) as usize;
        let mut record = stretch as u64 * 1024;
        each_line(&mut source, index[stretch].0, |_, line, text| {
            if text.trim_ascii().is_empty() {
                return true;
            }
            if drawn.get(at) == Some(&record) {
                at += 1;
                let line = lines_before[stretch] + line + 1;
                match judge.verdict(text) {
                    Verdict::Good | Verdict::Warned(_) => {}
                    Verdict::Unsure(_) => result.unsure += 1,
                    Verdict::Bad(breaches) => {
                        let finding = breaches.first().map_or_else(String::new, |breach| {
                            format!("{}: {}, expected {}", spell(&breach.path), breach.seen, breach.expected)
                        });
                        result.bad.push(BadSample { line, finding });
                    }
                }
            }
            record += 1;
            drawn.get(at).is_some_and(|next| (*next / 1024) as usize == stretch)
        })
        .map_err(cannot)?;
    }
    result.at_most = upper_bound(result.bad.len() as u64 + result.unsure, sampled);
    Ok(result)
}

/// Calls `seen` with offset, number and text of the lines from an offset on, until it says stop.
fn each_line(
    file: &mut std::fs::File,
    from: u64,
    mut seen: impl FnMut(u64, u64, &[u8]) -> bool,
) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let (mut offset, mut number) = (from, 0);
    loop {
        line.clear();
        let got = reader.read_until(b'\n', &mut line)?;
        if got == 0 {
            return Ok(());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !seen(offset, number, text) {
            return Ok(());
        }
        offset += got as u64;
        number += 1;
    }
}

/// Lines before each place of the index.
fn lines_of(file: &mut std::fs::File, index: &[(u64, u64)]) -> std::io::Result<Vec<u64>> {
    let mut lines = Vec::with_capacity(index.len());
    let mut next = 0;
    each_line(file, 0, |offset, number, _| {
        if index.get(next).is_some_and(|(start, _)| *start == offset) {
            lines.push(number);
            next += 1;
        }
        next < index.len()
    })?;
    Ok(lines)
}

/// `count` different numbers below `of`, every set with the same chance (Floyd).
fn draw(of: u64, count: u64, seed: u64) -> Vec<u64> {
    let mut random = Random(seed);
    let mut drawn = std::collections::HashSet::new();
    for limit in of - count..of {
        let candidate = random.below(limit + 1);
        if !drawn.insert(candidate) {
            drawn.insert(limit);
        }
    }
    drawn.into_iter().collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// Uniform: numbers from the uneven end are drawn again (Lemire 2019).
    fn below(&mut self, limit: u64) -> u64 {
        loop {
            let wide = u128::from(self.next()) * u128::from(limit);
            if (wide as u64) >= limit.wrapping_neg() % limit {
                return (wide >> 64) as u64;
            }
        }
    }
}

/// The share of bad records that is ruled out with 95 % confidence (Clopper and Pearson, one-sided).
pub fn upper_bound(bad: u64, sampled: u64) -> f64 {
    if sampled == 0 || bad >= sampled {
        return 1.0;
    }
    // The chance of seeing so few bad ones falls as the share rises: halve until it is one in twenty.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let share = (low + high) / 2.0;
        let mut term = (sampled as f64 * (-share).ln_1p()).exp();
        let mut chance = term;
        for step in 0..bad {
            term *= (sampled - step) as f64 / (step + 1) as f64 * share / (1.0 - share);
            chance += term;
        }
        if chance > 0.05 { low = share } else { high = share }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_clean_records_leave_almost_six_percent_in_doubt() {
        assert_eq!(format!("{:.1}", upper_bound(0, 50) * 100.0), "5.8");
        // Tables of Clopper-Pearson limits: 1 of 50, 95 % one-sided.
        assert_eq!(format!("{:.1}", upper_bound(1, 50) * 100.0), "9.1");
        assert_eq!(format!("{:.2}", upper_bound(0, 3000) * 100.0), "0.10");
    }

    #[test]
    fn every_record_is_drawn_equally_often() {
        let mut hits = [0_u32; 20];
        for seed in 0..4000 {
            let drawn = draw(20, 5, seed);
            assert_eq!(drawn.len(), 5);
            drawn.iter().for_each(|which| hits[*which as usize] += 1);
        }
        // 1000 expected each, standard deviation 27: five of them.
        assert!(hits.iter().all(|count| count.abs_diff(1000) < 137), "{hits:?}");
    }
}

//! A sample: every record has the same chance, and what a clean sample proves is said with it.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::finding::spell;
use crate::judge::{Judge, Verdict};
use crate::read::{self, Block, Empty, Fault, Form, Input, Reading, Sort};

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

/// Draws `count` records of a file, each with the same chance, and judges them. Of plain JSON lines only the stretches that
/// were drawn are read again; everything else is read twice.
///
/// # Errors
/// It is no file, it cannot be read, or it holds no record.
pub fn sample(
    judge: &Judge<'_>,
    file: &Path,
    csv_empty: Option<Empty>,
    count: u64,
    seed: u64,
) -> Result<Sample, Fault> {
    let unreadable = |what: String| Fault::Unreadable(format!("{}: {what}", file.display()));
    let cannot = |why: std::io::Error| unreadable(format!("cannot be read: {why}"));
    let mut source = std::fs::File::open(file).map_err(cannot)?;
    if !source.metadata().map_err(cannot)?.is_file() {
        let why = "a sample needs a file, because records are drawn from all of it; `contract check` reads anything";
        return Err(Fault::Usage(format!("{}: {why}", file.display())));
    }
    let mut magic = [0; 4];
    let packed = source.read(&mut magic).map_err(cannot)? >= 2
        && (magic.starts_with(&[0x1f, 0x8b]) || magic == [0x28, 0xb5, 0x2f, 0xfd]);
    let input = Input::File(file.to_owned());
    if packed || read::form(&input, judge.contract)? != Form::Lines {
        let reading = Reading { csv_empty, ..Reading::default() };
        return of_blocks(judge, &input, &reading, count, seed);
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
        return Err(unreadable("has no record".to_owned()));
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
                result.judge(judge, text, lines_before[stretch] + line + 1);
            }
            record += 1;
            drawn.get(at).is_some_and(|next| (*next / 1024) as usize == stretch)
        })
        .map_err(cannot)?;
    }
    result.at_most = upper_bound(result.bad.len() as u64 + result.unsure, sampled);
    Ok(result)
}

/// The same for what has no index of lines: records are counted, drawn, and found again.
fn of_blocks(judge: &Judge<'_>, input: &Input, reading: &Reading, count: u64, seed: u64) -> Result<Sample, Fault> {
    let mut records = 0;
    each_record(judge, input, reading, |_, _| {
        records += 1;
        true
    })?;
    if records == 0 {
        return Err(Fault::Unreadable(format!("{}: has no record", input.name())));
    }
    let sampled = count.min(records);
    let mut drawn = draw(records, sampled, seed);
    drawn.sort_unstable();
    let mut drawn = drawn.into_iter().peekable();
    let mut result = Sample { records, sampled, seed, bad: Vec::new(), unsure: 0, at_most: 0.0 };
    let mut number = 0;
    each_record(judge, input, reading, |line, record| {
        if drawn.next_if_eq(&number).is_some() {
            match record {
                Record::Text(text) => result.judge(judge, text, line),
                Record::Fault(fault) => result.bad.push(BadSample { line, finding: fault.to_owned() }),
                Record::TooLong => result.unsure += 1,
            }
        }
        number += 1;
        drawn.peek().is_some()
    })?;
    result.at_most = upper_bound(result.bad.len() as u64 + result.unsure, sampled);
    Ok(result)
}

/// A record as it was found.
enum Record<'a> {
    Text(&'a [u8]),
    Fault(&'a str),
    TooLong,
}

/// Calls `seen` with the line, from 1, of every record of any input, until it says stop.
fn each_record(
    judge: &Judge<'_>,
    input: &Input,
    reading: &Reading,
    mut seen: impl FnMut(u64, Record<'_>) -> bool,
) -> Result<(), Fault> {
    let mut blocks = read::open(input, reading, judge.contract, &Arc::default())?;
    let mut block = Block::default();
    let mut before = 0;
    while blocks.next(&mut block)? {
        let text = if block.rows.is_empty() { &block.bytes } else { &block.rows };
        let mut goes_on = true;
        match &block.sort {
            Sort::Lines => {
                let lines = block.bytes.split(|byte| *byte == b'\n').enumerate();
                for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
                    goes_on = goes_on && seen(before + number as u64 + 1, Record::Text(line));
                }
            }
            Sort::Units(units) => {
                for unit in units {
                    let record = match &unit.fault {
                        Some(fault) => Record::Fault(fault),
                        None => Record::Text(&block.bytes[unit.start..unit.end]),
                    };
                    goes_on = goes_on && seen(before + unit.line + 1, record);
                }
            }
            Sort::Oversized { first: true, .. } => goes_on = seen(before + 1, Record::TooLong),
            Sort::Oversized { first: false, .. } => {}
        }
        if !goes_on {
            return Ok(());
        }
        before += memchr::memchr_iter(b'\n', text).count() as u64 + block.head_lines;
    }
    Ok(())
}

impl Sample {
    fn judge(&mut self, judge: &Judge<'_>, text: &[u8], line: u64) {
        match judge.verdict(text) {
            Verdict::Good | Verdict::Warned(_) => {}
            Verdict::Unsure(_) => self.unsure += 1,
            Verdict::Bad(breaches) => {
                let finding = breaches.first().map_or_else(String::new, |breach| {
                    format!("{}: {}, expected {}", spell(&breach.path), breach.seen, breach.expected)
                });
                self.bad.push(BadSample { line, finding });
            }
        }
    }
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

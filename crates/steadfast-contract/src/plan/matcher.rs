//! Patterns. Most patterns in contracts are a row of character classes between `^` and `$`: those are matched without an
//! engine, and most of them in one comparison of thirty-two bytes with the ranges that may stand there. Others run on
//! `regex`, after the translation from ECMA-262 that the official judge uses. What `regex` cannot do (look-around, back
//! references) is left to the official judge.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::scan::{Ranges, WINDOW};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Matcher {
    Shape(Box<Shape>),
    /// Anchored at the start.
    Row {
        steps: Vec<Step>,
        to_the_end: bool,
    },
    Regex(regex::Regex),
}

/// A class of ASCII bytes, repeated greedily; what follows never begins with a byte of the class when the count is open.
#[derive(Debug)]
pub(crate) struct Step {
    class: [bool; 256],
    min: u32,
    max: u32,
}

impl Matcher {
    /// `None`: not for the plan.
    pub(crate) fn new(pattern: &str) -> Option<Matcher> {
        let translated = jsonschema_regex::to_rust_regex(pattern).ok()?;
        if let Some((steps, to_the_end)) = regex_syntax::parse(&translated).ok().and_then(|hir| row(&hir)) {
            return Some(match Shape::new(&steps, to_the_end) {
                Some(shape) => Matcher::Shape(Box::new(shape)),
                None => Matcher::Row { steps, to_the_end },
            });
        }
        // The official judge reports what takes too long; the plan never runs a pattern that could.
        regex::Regex::new(&translated).ok().map(Matcher::Regex)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.matches_within(text.as_bytes(), 0, text.len())
    }

    /// Whether the text from `start` to `end` matches; the rest of `text` only lets it be read in one piece. `false`,
    /// too, for a pattern that needs an engine and a text that is not UTF-8.
    #[inline]
    pub(crate) fn matches_within(&self, text: &[u8], start: usize, end: usize) -> bool {
        match self {
            Matcher::Shape(shape) => shape.fits(text, start, end),
            Matcher::Row { steps, to_the_end } => {
                let bytes = &text[start..end];
                let mut at = 0;
                for step in steps {
                    let limit = (step.max as usize).min(bytes.len() - at);
                    let run = bytes[at..at + limit].iter().take_while(|byte| step.class[**byte as usize]).count();
                    if run < step.min as usize {
                        return false;
                    }
                    at += run;
                }
                !to_the_end || at == bytes.len()
            }
            Matcher::Regex(regex) => std::str::from_utf8(&text[start..end]).is_ok_and(|text| regex.is_match(text)),
        }
    }
}

/// A row whose steps have a length of their own, but for the last, which may be open: what may stand at each place is
/// known beforehand, as one or two ranges of bytes.
#[derive(Debug)]
pub(crate) struct Shape {
    ranges: Ranges,
    least: usize,
    most: usize,
    /// Places from here on are not looked at: `usize::MAX` where the row goes to the end, for every byte counts there.
    looked_at: usize,
}

impl Shape {
    /// `None`: it has no such shape.
    fn new(steps: &[Step], to_the_end: bool) -> Option<Shape> {
        let (last, fixed) = steps.split_last()?;
        let ranges = Ranges { low: [[0; WINDOW]; 2], span: [[0; WINDOW]; 2] };
        let mut shape = Shape { ranges, least: 0, most: 0, looked_at: usize::MAX };
        for step in fixed {
            if step.min != step.max {
                return None;
            }
            shape.add(&step.class, step.min as usize)?;
        }
        // What may follow an open end is anything that the last step matches; without an end, only its minimum counts.
        shape.add(&last.class, last.min as usize)?;
        if !to_the_end {
            shape.looked_at = shape.least;
            shape.most = usize::MAX;
            return Some(shape);
        }
        let fixed = shape.least - last.min as usize;
        shape.most = fixed.saturating_add(last.max as usize);
        for place in shape.least..WINDOW.min(shape.most) {
            shape.allow(place, &last.class)?;
        }
        // A longer text goes on as the last place compared says: that must be a place of the open end.
        let open = last.max == u32::MAX && fixed < WINDOW;
        (shape.most <= WINDOW || open).then_some(shape)
    }

    fn add(&mut self, class: &[bool; 256], times: usize) -> Option<()> {
        for _ in 0..times {
            self.allow(self.least, class)?;
            self.least += 1;
        }
        Some(())
    }

    fn allow(&mut self, place: usize, class: &[bool; 256]) -> Option<()> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in (0..=255).filter(|byte| class[usize::from(*byte)]) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == byte => *last = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        if place >= WINDOW || ranges.is_empty() || ranges.len() > 2 {
            return None;
        }
        for (which, (low, last)) in ranges.iter().cycle().take(2).enumerate() {
            self.ranges.low[which][place] = *low;
            self.ranges.span[which][place] = last - low;
        }
        Some(())
    }

    #[inline]
    fn fits(&self, text: &[u8], start: usize, end: usize) -> bool {
        let length = end - start;
        if length < self.least || length > self.most {
            return false;
        }
        let counted = length.min(self.looked_at);
        if counted > WINDOW {
            return self.fits_slowly(&text[start..end]);
        }
        match text[start..].first_chunk() {
            Some(window) => self.ranges.hold(window, counted),
            None => {
                let mut window = [0; WINDOW];
                window[..counted].copy_from_slice(&text[start..start + counted]);
                self.ranges.hold(&window, counted)
            }
        }
    }

    /// A text longer than the window, where the last step is open: it says what may follow.
    fn fits_slowly(&self, text: &[u8]) -> bool {
        text.chunks(WINDOW).enumerate().all(|(number, chunk)| {
            chunk.iter().enumerate().all(|(place, byte)| {
                let place = if number == 0 { place } else { WINDOW - 1 };
                self.ranges.allow(place, *byte)
            })
        })
    }
}

/// The steps of an anchored row, and whether it is anchored at the end, too.
fn row(hir: &Hir) -> Option<(Vec<Step>, bool)> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => return None,
    };
    let (first, mut rest) = parts.split_first()?;
    if !matches!(first.kind(), HirKind::Look(Look::Start)) {
        return None;
    }
    let mut to_the_end = false;
    if let Some((last, before)) = rest.split_last()
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        to_the_end = true;
        rest = before;
    }
    let mut steps = Vec::new();
    for part in rest {
        push(part, 1, 1, &mut steps)?;
    }
    // Greedy without going back is right only if no byte could belong to a step and to one it may run into.
    for (place, step) in steps.iter().enumerate() {
        if step.min == step.max {
            continue;
        }
        for next in &steps[place + 1..] {
            if (0..256).any(|byte| step.class[byte] && next.class[byte]) {
                return None;
            }
            if next.min > 0 {
                break;
            }
        }
    }
    Some((steps, to_the_end))
}

fn push(hir: &Hir, min: u32, max: u32, steps: &mut Vec<Step>) -> Option<()> {
    match hir.kind() {
        HirKind::Literal(literal) if (min, max) == (1, 1) || literal.0.len() == 1 => {
            for byte in &literal.0 {
                let mut class = [false; 256];
                class[*byte as usize] = true;
                if *byte >= 0x80 && (min, max) != (1, 1) {
                    return None;
                }
                steps.push(Step { class, min, max });
            }
            Some(())
        }
        HirKind::Class(Class::Unicode(ranges)) => {
            let mut class = [false; 256];
            for range in ranges.iter() {
                if !range.end().is_ascii() {
                    return None;
                }
                (range.start() as usize..=range.end() as usize).for_each(|byte| class[byte] = true);
            }
            steps.push(Step { class, min, max });
            Some(())
        }
        HirKind::Repetition(repetition) if (min, max) == (1, 1) && repetition.greedy => {
            push(&repetition.sub, repetition.min, repetition.max.unwrap_or(u32::MAX), steps)
        }
        HirKind::Capture(capture) => push(&capture.sub, min, max, steps),
        HirKind::Concat(parts) if (min, max) == (1, 1) => parts.iter().try_for_each(|part| push(part, 1, 1, steps)),
        HirKind::Empty => Some(()),
        HirKind::Literal(_)
        | HirKind::Class(Class::Bytes(_))
        | HirKind::Repetition(_)
        | HirKind::Look(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: [&str; 19] = [
        "^[0-9a-f]{8}$",
        "^https?://",
        "^Q[0-9]+$",
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "^a*ab$",
        "^a?b?a$",
        "^(ab)c*$",
        "^a*",
        "^é+$",
        "^[a-z]+[0-9]*$",
        "^a{0,2}b$",
        "^\\d+\\w?$",
        "^[a-c]{2}[0-9hs]{3,}$",
        "^[a9]{1,4}$",
        "^[ab]{3}",
        "^a[0-9]*",
        "^[ab]{32}[0-9]*$",
        "^[ab]{31}[0-9]*$",
        "^[0-9ab]{32}$",
    ];

    proptest! {
        #[test]
        fn a_row_of_classes_says_what_the_engine_says(which in 0..PATTERNS.len(), text in "[ab0-9éhtps:/QZT-]{0,12}|[ab]{2}[0-9]{30,70}[a0]?|[ab]{30,33}[0-9]{0,40}|Q[0-9]{1,40}[0a]?") {
            let translated = jsonschema_regex::to_rust_regex(PATTERNS[which]).unwrap();
            let engine = regex::Regex::new(&translated).unwrap();
            let ours = Matcher::new(PATTERNS[which]).unwrap();
            prop_assert_eq!(ours.matches(&text), engine.is_match(&text));
            let within = format!("\"{text}\", 0123456789abcdef0123456789abcdef");
            prop_assert_eq!(ours.matches_within(within.as_bytes(), 1, 1 + text.len()), engine.is_match(&text));
        }
    }

    #[test]
    fn a_wrong_byte_is_seen_wherever_it_stands() {
        let ours = Matcher::new("^Q[0-9]+$").unwrap();
        for length in 1..100 {
            let text = format!("Q{}", "0".repeat(length));
            assert!(ours.matches(&text), "{text}");
            for place in 1..text.len() {
                let wrong = format!("{}a{}", &text[..place], &text[place + 1..]);
                assert!(!ours.matches(&wrong), "{wrong}");
            }
        }
    }

    #[test]
    fn the_patterns_of_the_name_cache_need_no_engine() {
        for pattern in &PATTERNS[..4] {
            assert!(matches!(Matcher::new(pattern), Some(Matcher::Row { .. } | Matcher::Shape(_))), "{pattern}");
        }
    }

    #[test]
    fn look_around_is_left_to_the_official_judge() {
        assert!(Matcher::new("^(?=a)").is_none());
        assert!(Matcher::new("(a)\\1").is_none());
    }
}

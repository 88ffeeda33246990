//! Patterns. Most patterns in contracts are a row of character classes between `^` and `$`: those are matched byte by
//! byte, without an engine. Others run on `regex`, after the translation from ECMA-262 that the official judge uses.
//! What `regex` cannot do (look-around, back references) is left to the official judge.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Matcher {
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
        if let Some(row) = regex_syntax::parse(&translated).ok().and_then(|hir| row(&hir)) {
            return Some(row);
        }
        // The official judge reports what takes too long; the plan never runs a pattern that could.
        regex::Regex::new(&translated).ok().map(Matcher::Regex)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Matcher::Regex(regex) => regex.is_match(text),
            Matcher::Row { steps, to_the_end } => {
                let bytes = text.as_bytes();
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
        }
    }
}

fn row(hir: &Hir) -> Option<Matcher> {
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
    Some(Matcher::Row { steps, to_the_end })
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

    const PATTERNS: [&str; 12] = [
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
    ];

    proptest! {
        #[test]
        fn a_row_of_classes_says_what_the_engine_says(which in 0..PATTERNS.len(), text in "[ab0-9éhtps:/QZT-]{0,12}") {
            let translated = jsonschema_regex::to_rust_regex(PATTERNS[which]).unwrap();
            let engine = regex::Regex::new(&translated).unwrap();
            prop_assert_eq!(Matcher::new(PATTERNS[which]).unwrap().matches(&text), engine.is_match(&text));
        }
    }

    #[test]
    fn the_patterns_of_the_name_cache_need_no_engine() {
        for pattern in &PATTERNS[..4] {
            assert!(matches!(Matcher::new(pattern), Some(Matcher::Row { .. })), "{pattern}");
        }
    }

    #[test]
    fn look_around_is_left_to_the_official_judge() {
        assert!(Matcher::new("^(?=a)").is_none());
        assert!(Matcher::new("(a)\\1").is_none());
    }
}

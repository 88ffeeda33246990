//! Expectations on a text: what it contains, excludes and matches, or a predicate on the whole of it. Kinds that see
//! a text (the body of an answer, a command's output) share them.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use steadfast_core::finding::{Finding, Seen, codes, excerpt};
use steadfast_core::measure::Pattern;
use steadfast_core::predicate::{self, Predicate, Reading};
use steadfast_core::verdict::Judgement;

/// A text as it came: its bytes, and whether these are all of it.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// The bytes that were kept.
    pub bytes: &'a [u8],
    /// Whether nothing was cut off.
    pub whole: bool,
}

impl<'a> Body<'a> {
    /// All of a text.
    pub fn whole(bytes: &'a [u8]) -> Self {
        Body { bytes, whole: true }
    }

    /// As text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

/// A changed text, as the breakage of one expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenText {
    /// The expectation.
    pub claim: String,
    /// What the change is called.
    pub name: String,
    /// Which outage it re-enacts.
    pub story: &'static str,
    /// The text after it.
    pub text: String,
}

/// A text in double quotes, short enough for the name of an expectation.
pub fn quoted(text: &str) -> String {
    Value::String(excerpt(text, 80)).to_string()
}

/// What a text must contain, must not contain, and must match. Each is an expectation of its own, named
/// `<under>contains."..."`, `<under>excludes."..."`, `<under>matches."..."`.
#[derive(Debug, Clone, Copy)]
pub struct TextClaims<'a> {
    /// What stands before the name of each expectation: `body_`.
    pub under: &'a str,
    /// Each of these must occur.
    pub contains: &'a [String],
    /// None of these may occur.
    pub excludes: &'a [String],
    /// Each of these must match somewhere.
    pub matches: &'a [Pattern],
}

impl TextClaims<'_> {
    /// The names of all expectations.
    pub fn claims(&self) -> Vec<String> {
        let contains = self.contains.iter().map(|part| self.name("contains", part));
        let excludes = self.excludes.iter().map(|part| self.name("excludes", part));
        let matches = self.matches.iter().map(|pattern| self.name("matches", pattern.source()));
        contains.chain(excludes).chain(matches).collect()
    }

    /// Judges a text. What may stand beyond a cut is unknown, never a fail and never a pass.
    pub fn judge(&self, body: Body<'_>, judgement: &mut Judgement) {
        let text = body.text();
        let seen = || Seen::text(&text);
        let absent = |code| if body.whole { code } else { codes::BEYOND_THE_CUT };
        for part in self.contains.iter().filter(|part| !text.contains(part.as_str())) {
            judgement.add(absent(codes::NOT_CONTAINED), |f| {
                f.of(self.name("contains", part)).expected(part.as_str()).seen(seen())
            });
        }
        for part in self.excludes {
            let found = text.find(part.as_str());
            if found.is_none() && body.whole {
                continue;
            }
            let code = if found.is_some() { codes::FORBIDDEN } else { codes::BEYOND_THE_CUT };
            let near = found.map_or_else(seen, |at| Seen::text(around(&text, at, part.len())));
            judgement.add(code, |f| f.of(self.name("excludes", part)).expected(part.as_str()).seen(near));
        }
        for pattern in self.matches.iter().filter(|pattern| !pattern.is_match(&text)) {
            judgement.add(absent(codes::NO_MATCH), |f| {
                f.of(self.name("matches", pattern.source())).expected(pattern.source()).seen(seen())
            });
        }
    }

    /// For each expectation the smallest changes of the text that must trip it.
    pub fn breakages(&self, body: Body<'_>) -> Vec<BrokenText> {
        let text = body.text();
        let mut broken = Vec::new();
        for part in self.contains {
            broken.push(BrokenText {
                claim: self.name("contains", part),
                name: format!("without {}", quoted(part)),
                story: "the answer still comes, but this part of its content is gone",
                text: text.replace(part.as_str(), ""),
            });
        }
        for part in self.excludes {
            broken.push(BrokenText {
                claim: self.name("excludes", part),
                name: format!("with {}", quoted(part)),
                story: "what must never be shown has slipped into an answer that is otherwise right",
                text: format!("{text}{part}"),
            });
        }
        for pattern in self.matches {
            let claim = self.name("matches", pattern.source());
            for (name, other) in [("an empty text", ""), ("another text", "\u{1}"), ("another text", "x")] {
                broken.push(BrokenText {
                    claim: claim.clone(),
                    name: format!("{name} for {}", quoted(pattern.source())),
                    story: "the answer still comes, with other content",
                    text: other.to_owned(),
                });
            }
        }
        broken
    }

    fn name(&self, operator: &str, operand: &str) -> String {
        format!("{}{operator}.{}", self.under, quoted(operand))
    }
}

/// The names of a predicate's expectations: `<under>.<operator>`.
pub fn predicate_claims(under: &str, predicate: &Predicate) -> Vec<String> {
    predicate.operators().into_iter().map(|operator| format!("{under}.{operator}")).collect()
}

/// Judges a text as one string value. What may stand beyond a cut is unknown.
pub fn judge_predicate(under: &str, predicate: &Predicate, body: Body<'_>, at: Timestamp, judgement: &mut Judgement) {
    let value = Value::String(body.text().into_owned());
    let mut inner = Judgement::default();
    predicate.judge(Reading::Value(&value), at, &mut inner);
    let name = |finding: Finding| Finding { claim: format!("{under}.{}", finding.claim), ..finding };
    if body.whole {
        judgement.absorb(inner, name);
        return;
    }
    let verdict = inner.verdict();
    for operator in predicate.operators() {
        let finding = verdict.findings().iter().find(|finding| finding.claim == operator);
        let known = match operator {
            "contains" | "matches" | "not_empty" => finding.is_none(),
            "excludes" | "type" => finding.is_some(),
            _ => false,
        };
        match finding {
            Some(finding) if known => judgement.push(steadfast_core::finding::Side::Fail, name(finding.clone())),
            None if known => {}
            Some(_) | None => judgement.add(codes::BEYOND_THE_CUT, |f| {
                f.of(format!("{under}.{operator}")).expected(predicate.expected(operator)).seen(Seen::value(&value))
            }),
        }
    }
}

/// For each operator of a predicate the smallest changes of the text that must trip it. A text stays a text: changes
/// of type are left out.
pub fn predicate_breakages(under: &str, predicate: &Predicate, body: Body<'_>, at: Timestamp) -> Vec<BrokenText> {
    let value = Value::String(body.text().into_owned());
    let mut broken = Vec::new();
    for operator in predicate.operators() {
        for (name, changed) in predicate::breakages(predicate, operator, &value, at) {
            let Some(Value::String(text)) = changed else { continue };
            let claim = format!("{under}.{operator}");
            broken.push(BrokenText { name: format!("{claim}: {name}"), story: story_of(name), claim, text });
        }
    }
    broken
}

/// Which outage a small change of a value re-enacts, by the name that [`predicate::breakages`] gives it.
pub fn story_of(change: &str) -> &'static str {
    match change {
        "missing" => "a deploy renamed or dropped this field, and the answer still looks whole",
        "null" => "the lookup behind this field finds nothing any more, and nobody handles it",
        "empty" => "a wiped or unfilled source behind an endpoint that is healthy",
        "wrong type" => "the shape of the records changed (a number became a string), and the readers were not told",
        "another value" => "the right shape with the wrong content: another record, another environment",
        "without it" => "the part that matters is gone from an answer that still comes",
        "with it" => "what must never be there has slipped in",
        "another text" => "the answer still comes, with other content",
        "one step past the bound" | "the bound itself" | "one step below" | "one step above" => {
            "a value drifts just past its bound: the first moment at which the alarm must ring"
        }
        "one item more or fewer" => "an item too many or too few: the first moment at which the alarm must ring",
        "one second too old" => "the job that writes it has stopped, and the last result is still served",
        "one second too young" => "it was replaced or restarted when it should not have been",
        "from the future" => "a placeholder date, or a clock that runs ahead, makes it look fresh for ever",
        "present" => "what must not be there is there again",
        _ => "the smallest change that this expectation is there to catch",
    }
}

/// Whole lines that occur in every one of these texts, for suggestions: short, with some letters, the ones without
/// digits first, as numbers tend to change.
pub fn stable_lines(texts: &[&str]) -> Vec<String> {
    let Some((first, others)) = texts.split_first() else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    for line in first.lines().map(str::trim).take(2_000) {
        let fits = (4..=80).contains(&line.len()) && line.chars().filter(|c| c.is_alphabetic()).count() >= 3;
        if fits && others.iter().all(|other| other.contains(line)) && !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    lines.sort_by_key(|line| line.contains(|c: char| c.is_ascii_digit()));
    lines.truncate(32);
    lines
}

fn around(text: &str, at: usize, length: usize) -> &str {
    let from = text.floor_char_boundary(at.saturating_sub(60));
    let to = text.ceil_char_boundary((at + length + 60).min(text.len()));
    &text[from..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, whole: bool, expected: &str) {
        let (contains, excludes) = (["Meaning".to_owned()], ["Traceback".to_owned()]);
        let matches = [Pattern::parse("^<h1>").unwrap()];
        let claims = TextClaims { under: "body_", contains: &contains, excludes: &excludes, matches: &matches };
        let mut judgement = Judgement::default();
        claims.judge(Body { bytes: text.as_bytes(), whole }, &mut judgement);
        let verdict = judgement.verdict();
        let codes: Vec<&str> = verdict.findings().iter().map(|f| &*f.code).collect();
        assert_eq!(format!("{} {}", verdict.word(), codes.join(" ")).trim(), expected, "{text}");
    }

    #[test]
    fn a_text_is_held_to_each_of_its_claims() {
        check("<h1>Meaning", true, "pass");
        check("<h1>Meaning Traceback", true, "fail forbidden");
        check("Meaning", true, "fail no-match");
        check("", true, "fail not-contained no-match");
    }

    #[test]
    fn what_may_stand_beyond_the_cut_is_unknown() {
        check("<h1>Mean", false, "unknown beyond-the-cut beyond-the-cut");
        check("<h1>Meaning", false, "unknown beyond-the-cut");
        check("<h1>Meaning Traceback", false, "fail forbidden");
    }

    #[test]
    fn every_claim_is_tripped_by_its_own_breakage() {
        let (contains, excludes) = (["Meaning".to_owned()], ["Traceback".to_owned()]);
        let matches = [Pattern::parse("^<h1>").unwrap()];
        let claims = TextClaims { under: "body_", contains: &contains, excludes: &excludes, matches: &matches };
        let broken = claims.breakages(Body::whole(b"<h1>Meaning"));
        for claim in claims.claims() {
            let red = broken.iter().filter(|b| b.claim == claim).any(|b| {
                let mut judgement = Judgement::default();
                claims.judge(Body::whole(b.text.as_bytes()), &mut judgement);
                judgement.verdict().findings().iter().any(|f| f.claim == claim)
            });
            assert!(red, "{claim}");
        }
    }

    #[test]
    fn a_predicate_on_a_cut_text_knows_only_what_it_has_seen() {
        let at = Timestamp::UNIX_EPOCH;
        let check = |predicate: Value, expected: &str| {
            use steadfast_core::setting::{Node, Problems, Setting, Span};
            let node = Node::from_json(&predicate, Span::default()).unwrap();
            let predicate = Predicate::read(&node, &mut Problems::default()).unwrap();
            let mut judgement = Judgement::default();
            judge_predicate("stdout", &predicate, Body { bytes: b"ok so far", whole: false }, at, &mut judgement);
            assert_eq!(judgement.verdict().word(), expected);
        };
        check(serde_json::json!({ "contains": "ok" }), "pass");
        check(serde_json::json!({ "contains": "done" }), "unknown");
        check(serde_json::json!({ "excludes": "far" }), "fail");
        check(serde_json::json!({ "excludes": "error" }), "unknown");
        check(serde_json::json!("ok so far"), "unknown");
    }

    #[test]
    fn only_lines_that_every_text_has_are_stable() {
        assert_eq!(stable_lines(&["Backup of 2 tables\nall good\nat 03:00", "all good\nat 04:00\nx"]), ["all good"]);
    }
}

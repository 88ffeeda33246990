//! A finding in one line, for lists where many stand under each other.

use steadfast_core::finding::{Finding, Seen};

/// `json."$.status": expected "up", seen "down" (unequal)`.
pub(crate) fn finding_line(finding: &Finding) -> String {
    let mut line = match (finding.claim.as_str(), finding.place.last()) {
        ("", None) => String::new(),
        ("", Some(place)) => format!("{place}: "),
        (claim, _) => format!("{claim}: "),
    };
    let expected = finding.expected.as_ref().map(|value| format!("expected {value}"));
    let seen = finding.seen.as_ref().map(|seen| format!("seen {}", seen_word(seen)));
    let said = match (expected, seen) {
        (Some(expected), Some(seen)) => format!("{expected}, {seen}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => finding.detail.clone(),
    };
    line.push_str(&said);
    // A line is one line, whatever a target put into it.
    let line = one_line(&line);
    if line.is_empty() {
        finding.code.to_string()
    } else {
        format!("{} ({})", line.trim_end_matches(':'), finding.code)
    }
}

fn seen_word(seen: &Seen) -> String {
    match seen {
        Seen::Missing => "nothing".into(),
        Seen::Null => "null".into(),
        Seen::Empty => "an empty value".into(),
        Seen::WrongType(json_type) => format!("a value of type {}", json_type.word()),
        Seen::Value(value) => value.to_string(),
    }
}

/// The text in one line, without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|letter| !letter.is_control()).collect()
}

/// At most so many characters, the last an ellipsis if something was left out.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

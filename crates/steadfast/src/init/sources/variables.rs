//! `${NAME:-default}` as Compose and Dockerfiles write it. A variable is known by its default alone: what `.env` or the
//! environment hold is never read.

/// How deep defaults stand within defaults.
const DEEPEST: usize = 8;

/// A text with its defaults put in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Expanded {
    /// The text.
    pub(super) text: String,
    /// The variables that could change it.
    pub(super) names: Vec<String>,
    /// The variables without which it is not known.
    pub(super) unknown: Vec<String>,
}

impl Expanded {
    /// The text, if all of it is known; otherwise what is missing, for people.
    pub(super) fn known(&self) -> Result<&str, String> {
        if self.unknown.is_empty() {
            return Ok(&self.text);
        }
        Err(format!("it depends on {}, whose value init does not read", self.unknown.join(" and ")))
    }
}

/// Puts defaults in; `known` has what the file itself says about a variable.
pub(super) fn expand(text: &str, known: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut out = Expanded::default();
    into(text, known, 0, &mut out);
    out
}

fn into(text: &str, known: &dyn Fn(&str) -> Option<String>, depth: usize, out: &mut Expanded) {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(next) = after.strip_prefix('$') {
            out.text.push('$');
            rest = next;
        } else if let Some(inner) = after.strip_prefix('{') {
            let Some(end) = closing(inner) else {
                out.unknown.push("a variable that nothing closes".to_owned());
                return;
            };
            braced(&inner[..end], known, depth, out);
            rest = &inner[end + 1..];
        } else {
            let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
            if end == 0 {
                out.text.push('$');
            } else {
                named(&after[..end], known, out);
            }
            rest = &after[end..];
        }
    }
    out.text.push_str(rest);
}

/// What stands between the braces: a name, and perhaps what to do without it.
fn braced(inner: &str, known: &dyn Fn(&str) -> Option<String>, depth: usize, out: &mut Expanded) {
    let end = inner.find(|c: char| !is_name(c)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
    match default {
        Some(_) if depth >= DEEPEST => out.unknown.push(name.to_owned()),
        Some(default) => match known(name) {
            Some(value) if !value.is_empty() => out.text.push_str(&value),
            Some(_) | None => {
                out.names.push(name.to_owned());
                into(default, known, depth + 1, out);
            }
        },
        // `${NAME:?message}` wants one, and `${NAME:+other}` is nothing without one.
        None if rest.starts_with(":+") || rest.starts_with('+') => out.names.push(name.to_owned()),
        None => named(name, known, out),
    }
}

fn named(name: &str, known: &dyn Fn(&str) -> Option<String>, out: &mut Expanded) {
    match known(name) {
        Some(value) => out.text.push_str(&value),
        None => {
            // Something stands there, and it is nothing that anybody knows.
            out.text.push('$');
            out.unknown.push(name.to_owned());
        }
    }
}

/// The brace that closes, past those that open within.
fn closing(inner: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in inner.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let known = |name: &str| (name == "SET").then(|| "7".to_owned());
        let got = expand(text, &known);
        let said = got.known().map_or_else(|why| why, str::to_owned);
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn defaults_stand_in_for_variables_and_names_for_what_is_not_known() {
        check("${PORT:-8080}:80", "8080:80");
        check("${PORT-8080}:${SET}", "8080:7");
        check("${A:-${B:-9}}$SET", "97");
        check("$$x ${A:+y}z", "$x z");
        check("${SET:-1} $ 5", "7 $ 5");
        check("${PORT}:80", "it depends on PORT, whose value init does not read");
        check("$A${B:?must be set}", "it depends on A and B, whose value init does not read");
        check("${A", "it depends on a variable that nothing closes, whose value init does not read");
        check(&format!("{}1{}", "${A:-".repeat(50), "}".repeat(50)), "it depends on A, whose value init does not read");
    }
}

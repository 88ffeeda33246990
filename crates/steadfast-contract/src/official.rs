//! The official judge: the `jsonschema` crate, pinned. It has the last word on every record that the plan did not
//! accept, and words every finding of the schema.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use crate::finding::{Breach, Token, cut, short};

/// What the official judge says of one value.
#[derive(Debug, Default)]
pub(crate) struct Opinion {
    pub(crate) breaches: Vec<Breach>,
    /// It could not tell, and why.
    pub(crate) unsure: Option<String>,
}

/// Judges a value that is nested no deeper than [`crate::strict::DEPTH`].
pub(crate) fn judge(validator: &Validator, value: &Value) -> Opinion {
    let mut opinion = Opinion::default();
    for error in validator.iter_errors(value) {
        put_into_words(value, &error, &mut opinion);
    }
    opinion
}

fn put_into_words(root: &Value, error: &ValidationError<'_>, opinion: &mut Opinion) {
    use ValidationErrorKind as Kind;
    let path = tokens(root, error.instance_path().as_str());
    let seen = error.instance();
    let keyword = error.kind().keyword().to_owned();
    let mut say = |path: Vec<Token>, expected: String| {
        opinion.breaches.push(Breach::new(path, &keyword, expected, seen));
    };
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => match closest(&path, context) {
            // The branch that the value was meant for says what is wrong with it.
            Some(branch) => branch.iter().for_each(|error| put_into_words(root, error, opinion)),
            None => say(path, format!("one of {} alternatives", context.len())),
        },
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            let mut path = path;
            path.push(Token::Key(name));
            opinion.breaches.push(Breach {
                seen: "nothing".to_owned(),
                seen_kind: "absent".to_owned(),
                ..Breach::new(path, "required", "a value", seen)
            });
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                let mut path = path.clone();
                path.push(Token::Key(name.clone()));
                let there = seen.get(name).unwrap_or(&Value::Null);
                opinion.breaches.push(Breach::new(path, &keyword, "no such member", there));
            }
        }
        Kind::Type { kind } => say(path, types(kind)),
        Kind::Enum { options } => {
            let listed: Vec<String> = options.as_array().into_iter().flatten().map(short).collect();
            let more = if listed.len() > 6 { format!(", ... ({} in all)", listed.len()) } else { String::new() };
            say(path, format!("one of {}{more}", listed[..listed.len().min(6)].join(", ")));
        }
        Kind::Constant { expected_value } => say(path, short(expected_value)),
        Kind::Pattern { pattern } => say(path, format!("text that matches {}", cut(pattern, 80))),
        Kind::Format { format } => say(path, format!("format {format}")),
        Kind::MinLength { limit } => say(path, format!("at least {limit} characters")),
        Kind::MaxLength { limit } => say(path, format!("at most {limit} characters")),
        Kind::MinItems { limit } => say(path, format!("at least {limit} items")),
        Kind::MaxItems { limit } => say(path, format!("at most {limit} items")),
        Kind::MinProperties { limit } => say(path, format!("at least {limit} members")),
        Kind::MaxProperties { limit } => say(path, format!("at most {limit} members")),
        Kind::AdditionalItems { limit } => say(path, format!("at most {limit} items")),
        Kind::Minimum { limit } => say(path, format!("at least {limit}")),
        Kind::Maximum { limit } => say(path, format!("at most {limit}")),
        Kind::ExclusiveMinimum { limit } => say(path, format!("more than {limit}")),
        Kind::ExclusiveMaximum { limit } => say(path, format!("less than {limit}")),
        Kind::MultipleOf { multiple_of } => say(path, format!("a multiple of {multiple_of}")),
        Kind::UniqueItems => say(path, "no two equal items".to_owned()),
        Kind::Contains => say(path, "an item of the sort that `contains` asks for".to_owned()),
        Kind::FalseSchema => say(path, "nothing".to_owned()),
        Kind::Not { schema } => say(path, format!("anything but {}", cut(&schema.to_string(), 60))),
        Kind::OneOfMultipleValid { .. } => say(path, "exactly one alternative, and more hold".to_owned()),
        Kind::PropertyNames { error } => say(path, cut(&format!("other member names: {error}"), 100)),
        Kind::UnevaluatedItems { unexpected } => say(path, format!("no further items ({})", unexpected.len())),
        Kind::ContentEncoding { content_encoding } => say(path, format!("{content_encoding} text")),
        Kind::ContentMediaType { content_media_type } => say(path, format!("{content_media_type} text")),
        Kind::FromUtf8 { .. } | Kind::Custom { .. } => say(path, cut(&error.to_string(), 100)),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } | Kind::Referencing(_) => {
            opinion.unsure = Some(cut(&error.to_string(), 200));
        }
    }
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: JsonType| kind.as_str().to_owned();
    match kind {
        TypeKind::Single(kind) => name(*kind),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}

/// The branch that the value was most likely meant for: the one that it follows furthest before it breaks, and of those
/// the one with the fewest breaches.
fn closest<'a>(
    at: &[Token],
    branches: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a Vec<ValidationError<'static>>> {
    let score = |branch: &&Vec<ValidationError<'static>>| {
        let here = branch
            .iter()
            .filter(|error| error.instance_path().as_str().matches('/').count() <= at.len())
            .map(|error| match error.kind() {
                // A wrong sort altogether says: meant for another branch.
                ValidationErrorKind::Type { .. } => 8,
                ValidationErrorKind::Required { .. } | ValidationErrorKind::AdditionalProperties { .. } => 3,
                _ => 1,
            })
            .sum::<usize>();
        (here, branch.len())
    };
    let best = branches.iter().filter(|branch| !branch.is_empty()).min_by_key(score)?;
    // Nothing but wrong sorts: then no branch is nearer than another, unless there is only one left.
    let all_types = branches.iter().all(|branch| {
        branch.iter().any(|error| {
            matches!(error.kind(), ValidationErrorKind::Type { .. })
                && error.instance_path().as_str().matches('/').count() == at.len()
        })
    });
    if all_types && branches.len() > 1 { None } else { Some(best) }
}

/// A JSON pointer as steps through this value: a number is an index in a list and a key in an object.
pub(crate) fn tokens(root: &Value, pointer: &str) -> Vec<Token> {
    let mut at = Some(root);
    let mut tokens = Vec::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        match (at, segment.parse::<usize>()) {
            (Some(Value::Array(items)), Ok(index)) => {
                at = items.get(index);
                tokens.push(Token::Index(index));
            }
            (value, _) => {
                at = value.and_then(|value| value.get(&segment));
                tokens.push(Token::Key(segment));
            }
        }
    }
    tokens
}

//! Which rules a schema is read by.

use serde_json::Value;

/// A dialect of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// Draft 7.
    Seven,
    /// 2019-09.
    Nineteen,
    /// 2020-12: also what a schema without `$schema` is read as.
    Twenty,
}

impl Draft {
    /// Reads `$schema`; an error names what is read and what was found.
    pub fn of(schema: &Value) -> Result<Draft, String> {
        let Some(named) = schema.get("$schema") else { return Ok(Draft::Twenty) };
        let text = named.as_str().unwrap_or_default();
        match text.trim_end_matches('#') {
            "https://json-schema.org/draft/2020-12/schema" => Ok(Draft::Twenty),
            "https://json-schema.org/draft/2019-09/schema" => Ok(Draft::Nineteen),
            "http://json-schema.org/draft-07/schema" | "https://json-schema.org/draft-07/schema" => Ok(Draft::Seven),
            _ => Err(format!(
                "$schema is {named}: read are draft 7 (http://json-schema.org/draft-07/schema#), 2019-09 and 2020-12 \
                 (https://json-schema.org/draft/2020-12/schema)"
            )),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Draft::Seven => "draft 7",
            Draft::Nineteen => "2019-09",
            Draft::Twenty => "2020-12",
        }
    }

    pub(crate) fn official(self) -> jsonschema::Draft {
        match self {
            Draft::Seven => jsonschema::Draft::Draft7,
            Draft::Nineteen => jsonschema::Draft::Draft201909,
            Draft::Twenty => jsonschema::Draft::Draft202012,
        }
    }

    /// Whether `format` is a promise unless the caller says otherwise: in draft 7 it is, later it is a remark.
    pub(crate) fn asserts_formats(self) -> bool {
        match self {
            Draft::Seven => true,
            Draft::Nineteen | Draft::Twenty => false,
        }
    }
}

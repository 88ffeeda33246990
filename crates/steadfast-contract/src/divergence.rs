//! Where a verdict differs from the `jsonschema` crate's on purpose. The campaign exempts these rows and nothing else.

/// One decided divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The keyword of the finding, where there is one.
    pub keyword: &'static str,
    /// What the input is.
    pub input: &'static str,
    /// What `serde_json` and the crate do with it.
    pub official: &'static str,
    /// What is done here.
    pub here: &'static str,
    /// Why.
    pub why: &'static str,
}

/// Every one.
pub const TABLE: [Divergence; 7] = [
    Divergence {
        keyword: "duplicateKey",
        input: "two equal keys in one object, also after unescaping",
        official: "the last one wins, silently",
        here: "a breach",
        why: "readers disagree about which one counts",
    },
    Divergence {
        keyword: "json",
        input: "NaN, Infinity, -Infinity",
        official: "a syntax error",
        here: "a breach that names them",
        why: "Python's json.dumps writes them by default",
    },
    Divergence {
        keyword: "json",
        input: "half of a surrogate pair, \\ud800",
        official: "a syntax error",
        here: "a breach that names it",
        why: "Python and JavaScript write them; no UTF-8 can hold them",
    },
    Divergence {
        keyword: "json",
        input: "a byte order mark",
        official: "a syntax error",
        here: "skipped at the start of an input, a breach before any other record",
        why: "spreadsheets write one per file; within a file it is a sign of files glued together",
    },
    Divergence {
        keyword: "depth",
        input: "more than 127 levels of nesting",
        official: "serde_json refuses; the crate alone would overflow the stack",
        here: "a breach, not judged further",
        why: "200,000 levels end the process",
    },
    Divergence {
        keyword: "json",
        input: "a number beyond 1.8e308",
        official: "a syntax error",
        here: "a breach that names it",
        why: "without arbitrary_precision no reader here could hold it",
    },
    Divergence {
        keyword: "(contract)",
        input: "schemas that refer to each other in a circle without using up any of the record",
        official: "the circle is cut",
        here: "the contract is refused",
        why: "such a rule says nothing, and is a mistake",
    },
];

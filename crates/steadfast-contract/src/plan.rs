//! The plan: a schema compiled to flat nodes that are walked over the bytes of a record, without building a value.
//!
//! The plan *accepts* alone. What it rejects, and what it does not know, is judged again by the `jsonschema` crate,
//! which has the last word and words the finding. So the one promise that the plan must keep is: **what it accepts,
//! `serde_json` parses, no object in it has two equal keys, and the crate calls it valid.** The campaign in
//! `campaigns/contract` and the test suite of JSON Schema hold it to that.

pub mod bug;
pub(crate) mod compile;
mod disjoint;
pub(crate) mod matcher;
pub(crate) mod number;
pub(crate) mod resolve;
mod text;
pub(crate) mod walk;
mod words;

use crate::plan::matcher::Matcher;
use crate::plan::words::Words;
use crate::scan::{Engine, Needle};

/// Which node of a plan.
pub(crate) type NodeId = u32;

/// The node that accepts anything.
pub(crate) const ANYTHING: NodeId = 0;
/// The node that rejects everything.
pub(crate) const NOTHING: NodeId = 1;

/// The sorts of JSON value, as bits.
pub(crate) mod kind {
    pub(crate) const NULL: u8 = 1;
    pub(crate) const BOOL: u8 = 2;
    pub(crate) const NUMBER: u8 = 4;
    pub(crate) const STRING: u8 = 8;
    pub(crate) const ARRAY: u8 = 16;
    pub(crate) const OBJECT: u8 = 32;
    pub(crate) const ALL: u8 = 63;

    /// The kind of the value that starts with this byte; 0 when none does.
    #[inline(always)]
    pub(crate) fn of(first: u8) -> u8 {
        match first {
            b'"' => STRING,
            b'{' => OBJECT,
            b'[' => ARRAY,
            b'n' => NULL,
            b't' | b'f' => BOOL,
            b'-' | b'0'..=b'9' => NUMBER,
            _ => 0,
        }
    }
}

/// What the plan says of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The record holds; it ends before this offset.
    Accept(usize),
    /// The record does not hold, or is no JSON: the official judge will say which.
    Reject,
    /// Not for the plan to say.
    DontKnow,
}

/// A schema, ready to be walked.
#[derive(Debug)]
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
    /// The most schemas that one value is held to, one behind the other.
    pub(crate) longest: usize,
    pub(crate) engine: Engine,
    /// Why some values must go to the official judge, one line each: shown by `explain`.
    pub(crate) escapes: Vec<String>,
    /// Which member follows which, before anything is learnt: by the order of the schema.
    pub(crate) successors: Vec<u32>,
    /// The official judges of the subtrees that are parsed and handed over.
    pub(crate) official: Vec<jsonschema::Validator>,
}

impl Plan {
    /// The keywords that this plan leaves to the official judge, with their places.
    pub fn left_to_the_official_judge(&self) -> &[String] {
        &self.escapes
    }

    /// The names of all props, by their places among the successors.
    pub(crate) fn props(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let rules = self.nodes.iter().filter_map(|node| node.object.as_deref());
        rules.flat_map(|rule| {
            rule.props.iter().enumerate().map(|(place, prop)| (rule.learnt as usize + place, &*prop.name))
        })
    }

    /// Walks with this engine from now on.
    pub fn with_engine(mut self, engine: Engine) -> Plan {
        self.engine = engine;
        self
    }
}

#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Kinds that are allowed here.
    pub(crate) kinds: u8,
    /// A number must be an integer.
    pub(crate) integer: bool,
    /// The least and the greatest length in bytes of a string without escapes that satisfies the whole node, whatever
    /// the text is; none does where there is more than a length.
    pub(crate) sure: Lengths,
    /// Nothing but the base rules: no `also`, no `constants`.
    pub(crate) plain: bool,
    /// The base rules accept anything: an applicator may stand for the whole node.
    pub(crate) open: bool,
    pub(crate) string: Option<Box<StringRule>>,
    pub(crate) number: Option<Box<NumberRule>>,
    pub(crate) array: Option<Box<ArrayRule>>,
    pub(crate) object: Option<Box<ObjectRule>>,
    pub(crate) constants: Vec<Constants>,
    pub(crate) also: Vec<Also>,
}

/// From the one to the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths(pub(crate) usize, pub(crate) usize);

impl Default for Lengths {
    /// None.
    fn default() -> Lengths {
        Lengths(1, 0)
    }
}

#[derive(Debug)]
pub(crate) struct StringRule {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) patterns: Vec<Matcher>,
    pub(crate) one_of: Option<Words>,
    /// Nothing but `one_of`.
    pub(crate) only_one_of: bool,
}

impl Default for StringRule {
    fn default() -> StringRule {
        StringRule { min: 0, max: usize::MAX, patterns: Vec::new(), one_of: None, only_one_of: false }
    }
}

#[derive(Debug, Default)]
pub(crate) struct NumberRule {
    pub(crate) bounds: Vec<Bound>,
    pub(crate) multiple_of: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) limit: f64,
    pub(crate) side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    AtLeast,
    Above,
    AtMost,
    Below,
}

#[derive(Debug)]
pub(crate) struct ArrayRule {
    pub(crate) first: Vec<NodeId>,
    pub(crate) rest: NodeId,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) unique: bool,
    pub(crate) contains: Option<Contains>,
}

#[derive(Debug)]
pub(crate) struct Contains {
    pub(crate) node: NodeId,
    pub(crate) min: usize,
    pub(crate) max: usize,
}

#[derive(Debug)]
pub(crate) struct ObjectRule {
    pub(crate) props: Vec<Prop>,
    /// No more than 64 props, and no rule but `props`, `required`, `additional` and the two counts.
    pub(crate) plain: bool,
    /// Where this object's successors stand in the scratch that learns them.
    pub(crate) learnt: u32,
    /// (hash of the name, place in `props`), sorted; empty for small objects, which are searched in line.
    pub(crate) index: Vec<(u64, u32)>,
    /// Bits of the required props, 64 a word.
    pub(crate) required: Vec<u64>,
    pub(crate) patterns: Vec<(Matcher, NodeId)>,
    pub(crate) additional: NodeId,
    pub(crate) names: Option<NodeId>,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// When the first is there, the others must be.
    pub(crate) dependent: Vec<(u32, Vec<u32>)>,
}

#[derive(Debug)]
pub(crate) struct Prop {
    pub(crate) name: Box<[u8]>,
    /// How the member begins behind a brace, by [`walk::Style`]: `"name":` or `"name": `.
    pub(crate) first: [Needle; 2],
    /// How it begins behind another member: `,"name":` or `, "name": `.
    pub(crate) next: [Needle; 2],
    /// `None`: the name is only watched for (`required`), and is additional otherwise.
    pub(crate) node: Option<NodeId>,
}

/// `enum` or `const`, by kind.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    pub(crate) null: bool,
    pub(crate) yes: bool,
    pub(crate) no: bool,
    pub(crate) strings: Vec<Box<[u8]>>,
    pub(crate) numbers: Vec<f64>,
    /// Kinds for which an equal value cannot be told here.
    pub(crate) unknown: u8,
}

#[derive(Debug)]
pub(crate) enum Also {
    All(NodeId),
    Any(Vec<NodeId>),
    One {
        branches: Vec<NodeId>,
        /// No value satisfies two of the branches: the first that accepts decides.
        disjoint: bool,
    },
    Not(NodeId),
    If {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
    /// If the key is there, the whole object must satisfy the node.
    Dependent(Box<[u8]>, NodeId),
    /// Values of these kinds are parsed and judged by the official judge of this subschema.
    Official(u8, usize),
    /// Values of these kinds cannot be told.
    Unknown(u8),
}

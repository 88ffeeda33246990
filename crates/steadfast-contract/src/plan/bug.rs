//! Bugs that can be planted in the walk, so that the campaign can show that it would find them.
//!
//! [`Sound`] is the only implementation in this crate, and the only one for which the shipped binary holds code: the
//! walk is generic over [`Flaw`], `Sound` answers `false` to every question, and the planted branches compile to
//! nothing. A walk with a bug in it exists only where another crate implements the trait: the campaign does.

/// One mistake that a walk could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// `required` is not looked at.
    RequiredForgotten,
    /// `maxLength` allows one more.
    MaxLengthOffByOne,
    /// Lengths are counted in bytes, not in code points.
    LengthInBytes,
    /// Two equal known keys are accepted.
    KnownDuplicateUnseen,
    /// Two equal unknown keys are accepted.
    UnknownDuplicateUnseen,
    /// A key with an escape in it is compared as it is written.
    EscapedKeyTakenLiterally,
    /// `oneOf` is satisfied by the first branch that accepts.
    OneOfStopsAtTheFirst,
    /// `not` takes "don't know" for "no".
    NotTakesUnknownForNo,
    /// `01` is a number.
    LeadingZeroAccepted,
    /// A raw control character is allowed within a string.
    ControlCharacterAccepted,
    /// `1.5` is an integer.
    FractionIsInteger,
    /// `exclusiveMinimum` and `exclusiveMaximum` include their limit.
    ExclusiveIncludesItsLimit,
    /// `additionalProperties: false` is not looked at.
    AdditionalAccepted,
    /// A lone surrogate is a character.
    LoneSurrogateAccepted,
    /// Text after the value is not looked at.
    TrailingTextAccepted,
    /// `minItems` is not looked at.
    MinItemsForgotten,
    /// Patterns are not looked at when the text has an escape.
    PatternSkippedOnEscapes,
    /// `1e400` is a number like any other.
    HugeExponentAccepted,
    /// A pattern is held against as much of the text as is compared at once.
    PatternSeesOneWindowOnly,
    /// `enum` is satisfied by a text that begins with one of the values.
    EnumTakesABeginning,
    /// A word of an `enum` is not compared with what its ends hash to.
    EnumWordNotCompared,
    /// What only the official judge can tell of a value (`format`, look-around patterns) is taken to hold.
    OfficialJudgeNotAsked,
}

impl Bug {
    /// Every one.
    pub const ALL: [Bug; 22] = [
        Bug::RequiredForgotten,
        Bug::MaxLengthOffByOne,
        Bug::LengthInBytes,
        Bug::KnownDuplicateUnseen,
        Bug::UnknownDuplicateUnseen,
        Bug::EscapedKeyTakenLiterally,
        Bug::OneOfStopsAtTheFirst,
        Bug::NotTakesUnknownForNo,
        Bug::LeadingZeroAccepted,
        Bug::ControlCharacterAccepted,
        Bug::FractionIsInteger,
        Bug::ExclusiveIncludesItsLimit,
        Bug::AdditionalAccepted,
        Bug::LoneSurrogateAccepted,
        Bug::TrailingTextAccepted,
        Bug::MinItemsForgotten,
        Bug::PatternSkippedOnEscapes,
        Bug::HugeExponentAccepted,
        Bug::PatternSeesOneWindowOnly,
        Bug::EnumTakesABeginning,
        Bug::EnumWordNotCompared,
        Bug::OfficialJudgeNotAsked,
    ];
}

/// Whether a walk makes a mistake.
pub trait Flaw: Copy {
    /// Whether it makes this one.
    fn makes(self, bug: Bug) -> bool;
}

/// Makes none.
#[derive(Debug, Clone, Copy)]
pub struct Sound;

impl Flaw for Sound {
    #[inline(always)]
    fn makes(self, _bug: Bug) -> bool {
        false
    }
}

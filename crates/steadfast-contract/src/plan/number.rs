//! Numbers, as the plan reads them: exact where that is cheap, "don't know" where it is not.
//!
//! The official judge reads numbers with `serde_json` as `u64`, `i64` or `f64` (no `arbitrary_precision`). Up to fifteen
//! significant digits and small exponents of ten, the quotient of two exact floats is the float that `serde_json`
//! yields, and no fraction rounds to an integer. Beyond that the plan does not decide anything but the syntax.

use crate::plan::{Bound, NumberRule, Side};

/// A number as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Written {
    /// Digits only, at most fifteen.
    Whole(i64),
    /// At most fifteen digits, some of them behind a point. The float is the one that `serde_json` yields.
    Decimal { value: f64, whole: bool },
    /// Digits only, more than fifteen: an integer, of a size that is not looked at.
    LongWhole,
    /// Anything else that is a number.
    Odd,
}

/// Whether the rule holds; `None` when the plan cannot tell.
#[inline]
pub(crate) fn holds(rule: &NumberRule, written: Written, exclusive_includes: bool) -> Option<bool> {
    let value = match written {
        Written::Whole(value) => value as f64,
        Written::Decimal { value, .. } => value,
        Written::LongWhole | Written::Odd => return None,
    };
    let inside = |bound: &Bound| match bound.side {
        Side::AtLeast => value >= bound.limit,
        Side::AtMost => value <= bound.limit,
        Side::Above => value > bound.limit || exclusive_includes && value == bound.limit,
        Side::Below => value < bound.limit || exclusive_includes && value == bound.limit,
    };
    if !rule.bounds.iter().all(inside) {
        return Some(false);
    }
    if rule.multiple_of.is_empty() {
        return Some(true);
    }
    match written {
        Written::Whole(value) => Some(rule.multiple_of.iter().all(|of| value.unsigned_abs() % of == 0)),
        Written::Decimal { .. } | Written::LongWhole | Written::Odd => None,
    }
}

/// Ten to this power, exactly.
pub(crate) const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The limit as the plan may use it: a float that is exactly the number written.
pub(crate) fn exact_limit(value: &serde_json::Value) -> Option<f64> {
    let number = value.as_number()?;
    let float = number.as_f64()?;
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => whole <= 1 << 53,
        (None, Some(whole)) => whole >= -(1 << 53),
        (None, None) => float.is_finite(),
    };
    exact.then_some(float)
}

//! **The** list of kinds. Adding one is a file beneath `kinds/` and a line here.

use steadfast_core::check::AnyKind;

/// Every kind that a `[check.<kind>]` table can be, in the order of the manual.
pub static KINDS: &[&dyn AnyKind] = &[];

/// The kind with this name.
pub fn kind_named(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

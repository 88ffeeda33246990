//! Bugs planted on purpose, to show that the campaign and the tests would find them. Without the feature `planted-bugs`,
//! which no shipped package enables, there are none to choose from.

/// A way to make the prover wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Planted {
    /// None: the prover as it is.
    #[default]
    Nothing,
    /// The WAL is not laid over the file.
    #[cfg(feature = "planted-bugs")]
    OverlayOff,
    /// Bytes of a page that are used twice go unnoticed.
    #[cfg(feature = "planted-bugs")]
    CoverageOff,
    /// Keys are not held to their order.
    #[cfg(feature = "planted-bugs")]
    OrderOff,
    /// Pages that nobody uses go unnoticed.
    #[cfg(feature = "planted-bugs")]
    PageUseOff,
    /// Overflow chains are not walked.
    #[cfg(feature = "planted-bugs")]
    ChainsOff,
    /// The first column of an entry is left out of its hash.
    #[cfg(feature = "planted-bugs")]
    HashForgetsAColumn,
    /// NOT NULL and types are not looked at.
    #[cfg(feature = "planted-bugs")]
    TypesOff,
    /// Pointer maps are not looked at.
    #[cfg(feature = "planted-bugs")]
    PointerMapOff,
    /// Entries of interior pages are not summed.
    #[cfg(feature = "planted-bugs")]
    InteriorEntriesForgotten,
    /// The freelist's length is not held to the header.
    #[cfg(feature = "planted-bugs")]
    FreelistOff,
}

macro_rules! planted {
    ($($method:ident = $bug:ident;)+) => {
        impl Planted {
            $(
                /// Whether this bug is planted.
                #[inline(always)]
                pub(crate) fn $method(self) -> bool {
                    #[cfg(feature = "planted-bugs")]
                    { self == Planted::$bug }
                    #[cfg(not(feature = "planted-bugs"))]
                    { false }
                }
            )+

            /// Every bug that can be planted.
            #[cfg(feature = "planted-bugs")]
            pub const ALL: &'static [Planted] = &[$(Planted::$bug),+];
        }
    };
}

planted! {
    overlay_off = OverlayOff;
    coverage_off = CoverageOff;
    order_off = OrderOff;
    page_use_off = PageUseOff;
    chains_off = ChainsOff;
    hash_forgets_a_column = HashForgetsAColumn;
    types_off = TypesOff;
    pointer_map_off = PointerMapOff;
    interior_entries_forgotten = InteriorEntriesForgotten;
    freelist_off = FreelistOff;
}

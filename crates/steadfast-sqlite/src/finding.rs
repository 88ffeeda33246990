//! One fault: what kind, where, what was expected and what was seen.

use serde::{Deserialize, Serialize};

use crate::raw_name;

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $word:literal, $repair:ident;)+) => {
        /// The kinds of faults. The word is stable and is what scripts match on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $name,)+
        }

        impl Code {
            /// Every kind of fault.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $(Code::$name => $word),+ }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($meaning),+)),+ }
            }

            /// What mends it.
            pub fn repair(self) -> Repair {
                match self { $(Code::$name => Repair::$repair),+ }
            }
        }
    };
}

/// What mends a fault, provided that nothing worse stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// Nothing is lost: a VACUUM writes the file anew.
    Vacuum,
    /// The rows are whole: REINDEX builds the index from them.
    Reindex,
    /// The rows need an owner's decision: they are readable, and break a rule of their table.
    Rows,
    /// Pages are damaged: `.recover` or a backup.
    Recover,
}

codes! {
    /// The header is not that of a database.
    Header = "header", Recover;
    /// The header counts more pages than the file holds.
    PageCount = "page-count", Recover;
    /// The file ends in the middle of a page.
    Truncated = "truncated", Recover;
    /// SQLite cannot read the schema.
    Schema = "schema", Recover;
    /// A root page that cannot be one.
    RootPage = "root-page", Recover;
    /// A page is not of the kind its place in the tree demands.
    PageType = "page-type", Recover;
    /// More cells than fit on a page.
    CellCount = "cell-count", Recover;
    /// The cell content area starts at an impossible place.
    ContentStart = "content-start", Recover;
    /// The chain of free blocks on a page is broken.
    Freeblock = "freeblock", Recover;
    /// A cell pointer leads outside of the content area.
    CellOffset = "cell-offset", Recover;
    /// A cell reaches past the end of its page.
    CellExtent = "cell-extent", Recover;
    /// Two cells or free blocks share bytes.
    CellOverlap = "cell-overlap", Recover;
    /// The count of fragmented bytes is wrong.
    Fragments = "fragments", Vacuum;
    /// A page of a tree holds no cell.
    EmptyPage = "empty-page", Recover;
    /// A child page number that does not exist.
    ChildPage = "child-page", Recover;
    /// A page is used twice.
    SecondReference = "second-reference", Recover;
    /// Leaves of one tree stand at different depths.
    Depth = "depth", Recover;
    /// Rowids are not ascending, or outside of their parent's bounds.
    RowidOrder = "rowid-order", Recover;
    /// Index keys are not ascending, or outside of their parent's bounds.
    KeyOrder = "key-order", Reindex;
    /// Two rows have the same key in a UNIQUE index.
    NotUnique = "not-unique", Rows;
    /// An overflow chain is longer or shorter than its row.
    OverflowLength = "overflow-length", Recover;
    /// An overflow chain leads to an impossible page.
    OverflowPage = "overflow-page", Recover;
    /// The freelist's length is not what the header says.
    FreelistLength = "freelist-length", Vacuum;
    /// A freelist page is broken or used twice.
    FreelistPage = "freelist-page", Recover;
    /// A pointer-map entry is wrong.
    PointerMap = "pointer-map", Vacuum;
    /// The header's auto-vacuum fields contradict the file.
    AutoVacuum = "auto-vacuum", Vacuum;
    /// No tree and no list uses this page.
    NeverUsed = "never-used", Vacuum;
    /// A record's header is broken.
    RecordHeader = "record-header", Recover;
    /// A record's fields do not add up to its length.
    RecordLength = "record-length", Recover;
    /// A record uses a serial type that does not exist.
    ReservedType = "reserved-type", Recover;
    /// An index entry has not the columns of its index.
    EntryShape = "entry-shape", Reindex;
    /// NULL in a NOT NULL column.
    NullValue = "null-value", Rows;
    /// A row that does not satisfy a CHECK of its table.
    CheckFailed = "check-failed", Rows;
    /// A value of the wrong type in a STRICT table.
    WrongType = "wrong-type", Rows;
    /// A number in a TEXT column.
    NumberInText = "number-in-text", Rows;
    /// Text in a numeric column that SQLite would have stored as a number.
    TextInNumber = "text-in-number", Rows;
    /// A row has no entry in an index.
    MissingEntry = "missing-entry", Reindex;
    /// An index entry has no row.
    StrayEntry = "stray-entry", Reindex;
    /// An index entry's key is not its row's.
    EntryDiffers = "entry-differs", Reindex;
    /// An index and its table have different numbers of entries.
    EntryCount = "entry-count", Reindex;
    /// The rows and the entries of an index are not the same.
    IndexContent = "index-content", Reindex;
    /// SQLite's own check of a table found it.
    ThroughSqlite = "through-sqlite", Recover;
    /// A page is not the one in the manifest.
    PageChanged = "page-changed", Recover;
    /// The file alone is sound, with its WAL it is not.
    ForeignWal = "foreign-wal", Recover;
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// The page it was seen on.
    pub page: Option<u32>,
    /// The table or index.
    pub tree: Option<String>,
    /// The row.
    pub rowid: Option<i64>,
    /// What a sound file would have there.
    pub expected: String,
    /// What is there.
    pub seen: String,
}

impl Finding {
    /// A fault of the whole file.
    pub fn new(code: Code, expected: impl Into<String>, seen: impl Into<String>) -> Finding {
        let (expected, seen) = (raw_name::shown(expected.into()), raw_name::shown(seen.into()));
        Finding { code, page: None, tree: None, rowid: None, expected, seen }
    }

    /// On a page.
    #[must_use]
    pub fn on_page(mut self, page: u32) -> Finding {
        self.page = Some(page);
        self
    }

    /// In a tree.
    #[must_use]
    pub fn in_tree(mut self, tree: impl Into<String>) -> Finding {
        self.tree = Some(raw_name::shown(tree.into()));
        self
    }

    /// At a row.
    #[must_use]
    pub fn at_row(mut self, rowid: i64) -> Finding {
        self.rowid = Some(rowid);
        self
    }
}

/// Findings up to a bound; beyond it they are only counted.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    bound: usize,
    list: Vec<Finding>,
    beyond: u64,
}

impl Findings {
    pub(crate) fn up_to(bound: usize) -> Findings {
        Findings { bound: bound.max(1), list: Vec::new(), beyond: 0 }
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        if self.list.len() < self.bound {
            self.list.push(finding);
        } else {
            self.beyond += 1;
        }
    }

    pub(crate) fn absorb(&mut self, other: Findings) {
        self.beyond += other.beyond;
        for finding in other.list {
            self.push(finding);
        }
    }

    pub(crate) fn list(&self) -> &[Finding] {
        &self.list
    }

    pub(crate) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.list, self.beyond)
    }

    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    pub(crate) fn restore(bound: usize, list: Vec<Finding>, beyond: u64) -> Findings {
        Findings { bound: bound.max(1), list, beyond }
    }
}

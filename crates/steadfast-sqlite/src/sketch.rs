//! The accumulator of one index: a sum of hashes modulo 2^128 that is zero when rows and entries are the same multiset,
//! spread over cells so that a few hundred differences can be read back out of it (an invertible Bloom lookup table).
//!
//! Each entry goes into three cells, one per third, at places taken from its own hash. The cells of one third add up to
//! the plain sum over all entries, so the sketch is the accumulator and nothing is kept twice.

/// Cells in each third.
const CELLS: usize = 128;

/// One entry that one side has and the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// Positive: so many entries of the index without a row; negative: so many rows without their entry.
    pub count: i32,
    /// The rowid, or the place (page and cell) of an entry for tables without rowids.
    pub locator: u64,
    /// The hash of the entry.
    pub hash: u128,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
struct Cell {
    sum: u128,
    locator: u64,
    /// The count, and 2^32 times the sum of the checks: one addition does both.
    tally: u64,
}

impl Cell {
    #[inline(always)]
    fn one(hash: u128, locator: u64) -> Cell {
        Cell { sum: hash, locator, tally: (u64::from(check_of(hash, locator)) << 32) + 1 }
    }

    #[inline(always)]
    fn add(&mut self, other: Cell) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.locator = self.locator.wrapping_add(other.locator);
        self.tally = self.tally.wrapping_add(other.tally);
    }

    /// The cell, or its negative.
    #[inline(always)]
    fn signed(self, is_negative: bool) -> Cell {
        let (wide, word) = (0_u128.wrapping_sub(u128::from(is_negative)), 0_u64.wrapping_sub(u64::from(is_negative)));
        Cell {
            sum: (self.sum ^ wide).wrapping_sub(wide),
            locator: (self.locator ^ word).wrapping_sub(word),
            tally: (self.tally ^ word).wrapping_sub(word),
        }
    }

    fn negated(self) -> Cell {
        self.signed(true)
    }

    /// Entries less rows, modulo 2^32.
    fn count(&self) -> i32 {
        self.tally as u32 as i32
    }
}

/// The sketch of one index, or of one worker's share of it. Addition commutes, so shares merge in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sketch {
    cells: Box<[Cell; 3 * CELLS]>,
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch { cells: Box::new([Cell::default(); 3 * CELLS]) }
    }
}

impl Sketch {
    /// Bytes of a saved sketch.
    pub(crate) const SAVED: usize = 3 * CELLS * 32;

    /// A row's entry as the index should have it, or one of the index.
    #[inline(always)]
    pub(crate) fn take(&mut self, is_row: bool, hash: u128, locator: u64) {
        // Which of the two it is changes from page to page: the sign is made without a branch.
        let cell = Cell::one(hash, locator).signed(is_row);
        for place in places(hash) {
            self.cells[place].add(cell);
        }
    }

    /// Adds another worker's share.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.cells.iter_mut().zip(other.cells.iter()) {
            mine.add(*theirs);
        }
    }

    /// Whether the hashes of entries and rows cancel: the sum over one third is the sum over all entries.
    ///
    /// The locators take no part: for tables without rowids they differ between an entry and its row.
    pub(crate) fn cancels(&self) -> bool {
        self.cells.iter().all(|cell| cell.sum == 0 && cell.count() == 0)
    }

    /// Reads the differences back; `None` if there are too many (more than about 250) to be told apart.
    pub(crate) fn differences(&self) -> Option<Vec<Difference>> {
        let mut left = self.clone();
        let mut found = Vec::new();
        let mut queue: Vec<usize> = (0..3 * CELLS).collect();
        while let Some(place) = queue.pop() {
            let cell = left.cells[place];
            let count = cell.count();
            if count != 1 && count != -1 {
                continue;
            }
            let one = if count == 1 { cell } else { cell.negated() };
            let at = places(one.sum);
            if !at.contains(&place) || one != Cell::one(one.sum, one.locator) {
                continue;
            }
            found.push(Difference { count, locator: one.locator, hash: one.sum });
            if found.len() > 3 * CELLS {
                return None;
            }
            let taken = cell.negated();
            for place in at {
                left.cells[place].add(taken);
                queue.push(place);
            }
        }
        found.sort_by_key(|difference| (difference.locator, -difference.count));
        left.cancels().then_some(found)
    }

    /// The cells as bytes, for a run that is to be resumed.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for cell in self.cells.iter() {
            out.extend_from_slice(&cell.sum.to_le_bytes());
            out.extend_from_slice(&cell.locator.to_le_bytes());
            out.extend_from_slice(&cell.tally.to_le_bytes());
        }
    }

    /// The reverse of [`Sketch::save`]; `None` if the length is another.
    pub(crate) fn load(bytes: &[u8]) -> Option<Sketch> {
        let (saved, rest) = bytes.as_chunks::<32>();
        if saved.len() != 3 * CELLS || !rest.is_empty() {
            return None;
        }
        let mut sketch = Sketch::default();
        for (cell, bytes) in sketch.cells.iter_mut().zip(saved) {
            let (sum, rest) = bytes.split_first_chunk::<16>()?;
            let (locator, rest) = rest.split_first_chunk::<8>()?;
            let tally = rest.first_chunk::<8>()?;
            *cell = Cell {
                sum: u128::from_le_bytes(*sum),
                locator: u64::from_le_bytes(*locator),
                tally: u64::from_le_bytes(*tally),
            };
        }
        Some(sketch)
    }
}

#[inline(always)]
fn places(hash: u128) -> [usize; 3] {
    let low = hash as usize;
    [low % CELLS, CELLS + (low >> 7) % CELLS, 2 * CELLS + (low >> 14) % CELLS]
}

#[inline(always)]
fn check_of(hash: u128, locator: u64) -> u32 {
    let mixed = ((hash >> 64) as u64 ^ locator.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: u64) -> u128 {
        u128::from_le_bytes(blake3::hash(&value.to_le_bytes()).as_bytes()[..16].try_into().unwrap())
    }

    fn check(entries: impl Iterator<Item = u64>, rows: impl Iterator<Item = u64>) -> Option<Vec<(i32, u64)>> {
        let mut sketch = Sketch::default();
        entries.for_each(|value| sketch.take(false, hash(value), value));
        rows.for_each(|value| sketch.take(true, hash(value), value));
        sketch.differences().map(|all| all.into_iter().map(|one| (one.count, one.locator)).collect())
    }

    #[test]
    fn equal_multisets_cancel_in_any_order() {
        assert_eq!(check(0..5000, (0..5000).rev()), Some(vec![]));
    }

    #[test]
    fn two_hundred_differences_are_named_nearly_always() {
        let named = (0..100).filter(|round| {
            let from = round * 10_000;
            let rows = (from..from + 100).map(|value| (-1, value));
            let expected: Vec<(i32, u64)> = rows.chain((from + 1000..from + 1100).map(|value| (1, value))).collect();
            match check(from + 100..from + 1100, from..from + 1000) {
                Some(found) => {
                    assert_eq!(found, expected);
                    true
                }
                None => false,
            }
        });
        // Two that share all three cells are not told apart: about one time in fifty somewhere among two hundred.
        assert!(named.count() >= 95);
    }

    #[test]
    fn a_duplicate_is_not_hidden_by_its_twin() {
        let mut sketch = Sketch::default();
        (0..2).for_each(|_| sketch.take(false, hash(1), 1));
        assert!(!sketch.cancels());
    }

    #[test]
    fn too_many_differences_are_admitted() {
        assert_eq!(check(0..5000, 0..0), None);
    }

    #[test]
    fn a_saved_sketch_is_the_same_sketch() {
        let mut sketch = Sketch::default();
        (0..300).for_each(|value| sketch.take(false, hash(value), value));
        let mut bytes = Vec::new();
        sketch.save(&mut bytes);
        assert_eq!(bytes.len(), Sketch::SAVED);
        assert_eq!(Sketch::load(&bytes), Some(sketch));
        assert_eq!(Sketch::load(&bytes[1..]), None);
    }
}

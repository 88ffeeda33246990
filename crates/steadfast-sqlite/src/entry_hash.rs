//! The keyed pseudo-random function of an entry: AES-128 in CBC-MAC over the tree's number and the entry's one record.
//!
//! The first block is the tree's number, the others are the record of `entry_record`, filled up with zeros. All messages
//! together are prefix-free, which is what CBC-MAC asks for. Sources: FIPS 197; Bellare, Kilian and Rogaway, "The Security
//! of the Cipher Block Chaining Message Authentication Code" (1994), and for messages of different lengths Petrank and
//! Rackoff, "CBC MAC for Real-Time Data Sources" (2000).
//!
//! One block waits for the block before it, but entries do not wait for one another. So entries of as many blocks are
//! collected, and a batch of them goes through the cipher side by side. Sums do not ask for the order.

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Block};

use crate::entry_record::{self, Piece, Sources, cut};
use crate::schema::TreeId;

const BLOCK: usize = 16;

/// Entries in a batch: as many blocks as the widest implementation takes at once.
const BATCH: usize = 64;

/// Entries of more blocks are hashed one by one.
const MOST_BLOCKS: usize = 8;

/// A run's secret: without it nobody can choose two different entries of equal hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// First half.
    pub k0: u64,
    /// Second half.
    pub k1: u64,
}

/// The function under one key, for the trees of one database.
pub(crate) struct EntryHash {
    cipher: Aes128Enc,
    /// Per tree: the state after its block.
    starts: Vec<[u8; BLOCK]>,
}

/// Whose entry it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Whose {
    /// The index.
    pub(crate) tree: TreeId,
    /// The index's place among the sketches.
    pub(crate) sketch: u32,
    /// Where the entry or the row stands.
    pub(crate) page: u32,
    /// Whether a row implies the entry; otherwise it was read from the index.
    pub(crate) is_row: bool,
    /// What goes into the sketch beside the hash.
    pub(crate) locator: u64,
}

/// Entries that wait for their batch.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// By number of blocks, from one on.
    queues: [Queue; MOST_BLOCKS],
    long: Vec<u8>,
}

#[derive(Debug)]
struct Queue {
    blocks: usize,
    /// One entry after the other, and room for what is written beyond the last one.
    bytes: Vec<u8>,
    whose: [Whose; BATCH],
    used: usize,
}

impl EntryHash {
    pub(crate) fn new(key: Key, trees: usize) -> EntryHash {
        let mut bytes = [0; BLOCK];
        bytes[..8].copy_from_slice(&key.k0.to_le_bytes());
        bytes[8..].copy_from_slice(&key.k1.to_le_bytes());
        let cipher = Aes128Enc::new(&Array::from(bytes));
        let starts = (0..trees as u128).map(|tree| {
            let mut block = Block::from(tree.to_le_bytes());
            cipher.encrypt_block(&mut block);
            block.into()
        });
        EntryHash { starts: starts.collect(), cipher }
    }

    /// The hash of one record, which is in the one form.
    fn of_record(&self, tree: TreeId, record: &[u8]) -> u128 {
        let mut state = self.starts[tree as usize];
        for chunk in record.chunks(BLOCK) {
            let mut block = [0; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            let mut block = Block::from(xor(&state, &block));
            self.cipher.encrypt_block(&mut block);
            state = block.into();
        }
        u128::from_le_bytes(state)
    }
}

impl Default for Waiting {
    fn default() -> Self {
        let queues = std::array::from_fn(|index| Queue {
            blocks: index + 1,
            bytes: vec![0; (BATCH * (index + 1) + 2) * BLOCK],
            whose: [Whose::default(); BATCH],
            used: 0,
        });
        Waiting { queues, long: Vec::new() }
    }
}

impl Waiting {
    /// Takes an entry as it is stored, in the one form: the first `length` bytes of `rest`, which may go on behind it.
    #[inline(always)]
    pub(crate) fn stored(
        &mut self,
        hash: &EntryHash,
        whose: Whose,
        rest: &[u8],
        length: usize,
        take: &mut impl FnMut(&Whose, u128),
    ) {
        let blocks = length.div_ceil(BLOCK);
        let Some(queue) = self.queues.get_mut(blocks.wrapping_sub(1)) else {
            return take(&whose, hash.of_record(whose.tree, &rest[..length.min(rest.len())]));
        };
        let room = queue.room();
        match rest.get(..blocks * BLOCK) {
            Some(whole) => {
                let (whole, _) = whole.as_chunks::<BLOCK>();
                let (room, _) = room.as_chunks_mut::<BLOCK>();
                for (to, from) in room.iter_mut().zip(whole) {
                    *to = *from;
                }
                let last = blocks - 1;
                room[last] = cut(whole[last], length - last * BLOCK);
            }
            None => {
                let length = length.min(rest.len());
                room[..length].copy_from_slice(&rest[..length]);
                room[length..blocks * BLOCK].fill(0);
            }
        }
        queue.add(hash, whose, take);
    }

    /// Takes an entry as its pieces: those of `pieces` that `order` names.
    #[inline(always)]
    pub(crate) fn pieces(
        &mut self,
        hash: &EntryHash,
        whose: Whose,
        pieces: &[Piece],
        order: &[u16],
        sources: &Sources<'_>,
        take: &mut impl FnMut(&Whose, u128),
    ) {
        let chosen = order.iter().map(|at| &pieces[usize::from(*at)]);
        let (mut length, mut serials) = (1 + order.len(), 0);
        for piece in chosen.clone() {
            length += piece.len as usize;
            serials |= piece.serial;
        }
        // One byte for each type and for the header's length, and not too long.
        let is_usual = serials < 128 && order.len() < 127;
        let blocks = length.div_ceil(BLOCK);
        match self.queues.get_mut(blocks - 1).filter(|_| is_usual) {
            Some(queue) => {
                let room = queue.room();
                room[0] = (1 + order.len()) as u8;
                let mut at = 1 + order.len();
                for (number, piece) in chosen.enumerate() {
                    room[1 + number] = piece.serial as u8;
                    match piece.long(sources) {
                        None => room[at..at + BLOCK].copy_from_slice(&piece.head),
                        Some(bytes) => room[at..at + bytes.len()].copy_from_slice(bytes),
                    }
                    at += piece.len as usize;
                }
                room[at..at + BLOCK].fill(0);
                queue.add(hash, whose, take);
            }
            None => {
                let mut long = std::mem::take(&mut self.long);
                long.clear();
                entry_record::write(chosen, sources, &mut long);
                self.stored(hash, whose, &long, long.len(), take);
                self.long = long;
            }
        }
    }

    /// Hashes all that wait.
    pub(crate) fn settle(&mut self, hash: &EntryHash, take: &mut impl FnMut(&Whose, u128)) {
        for queue in &mut self.queues {
            queue.run(hash, take);
        }
    }
}

impl Queue {
    /// Where the next entry goes: its blocks and two more, which the next one overwrites.
    #[inline(always)]
    fn room(&mut self) -> &mut [u8] {
        let at = self.used * self.blocks * BLOCK;
        &mut self.bytes[at..at + (self.blocks + 2) * BLOCK]
    }

    #[inline(always)]
    fn add(&mut self, hash: &EntryHash, whose: Whose, take: &mut impl FnMut(&Whose, u128)) {
        self.whose[self.used] = whose;
        self.used += 1;
        if self.used == BATCH {
            self.run(hash, take);
        }
    }

    #[inline(never)]
    fn run(&mut self, hash: &EntryHash, take: &mut impl FnMut(&Whose, u128)) {
        let used = std::mem::take(&mut self.used);
        let whose = &self.whose[..used];
        let (bytes, _) = self.bytes.as_chunks::<BLOCK>();
        let mut states = [Block::default(); BATCH];
        let states = &mut states[..used];
        for (entry, (state, whose)) in states.iter_mut().zip(whose).enumerate() {
            *state = xor(&hash.starts[whose.tree as usize], &bytes[entry * self.blocks]).into();
        }
        hash.cipher.encrypt_blocks(states);
        for step in 1..self.blocks {
            for (entry, state) in states.iter_mut().enumerate() {
                *state = xor(&(*state).into(), &bytes[entry * self.blocks + step]).into();
            }
            hash.cipher.encrypt_blocks(states);
        }
        for (state, whose) in states.iter().zip(whose) {
            take(whose, u128::from_le_bytes((*state).into()));
        }
    }
}

#[inline(always)]
fn xor(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_le_bytes(*left) ^ u128::from_le_bytes(*right)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry_record::tests::pieces_of;
    use crate::schema::Default as Missing;
    use proptest::prelude::*;

    const KEY: Key = Key { k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908 };

    /// The hash of each entry of tree 3, given as its values, through the batches.
    fn hashes(key: Key, entries: &[Vec<Missing>]) -> Vec<u128> {
        let hash = EntryHash::new(key, 4);
        let mut waiting = Waiting::default();
        let mut found = vec![0; entries.len()];
        let mut take = |whose: &Whose, hash: u128| found[whose.locator as usize] = hash;
        for (number, values) in entries.iter().enumerate() {
            let pieces = pieces_of(values);
            let order: Vec<u16> = (0..pieces.len() as u16).collect();
            let default_of = |column: u32| &values[column as usize];
            let sources = Sources { record: &[], default_of: &default_of };
            let whose = Whose { tree: 3, locator: number as u64, ..Whose::default() };
            waiting.pieces(&hash, whose, &pieces, &order, &sources, &mut take);
        }
        waiting.settle(&hash, &mut take);
        found
    }

    fn check(left: &[Missing], right: &[Missing]) -> bool {
        let both = hashes(KEY, &[left.to_vec(), right.to_vec()]);
        both[0] == both[1]
    }

    #[test]
    fn the_cipher_is_the_one_of_the_standard() {
        // FIPS 197, appendix C.1.
        let hash = EntryHash::new(KEY, 1);
        let mut block = Block::from(0xffee_ddcc_bbaa_9988_7766_5544_3322_1100_u128.to_le_bytes());
        hash.cipher.encrypt_block(&mut block);
        assert_eq!(u128::from_be_bytes(block.into()), 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a);
    }

    #[test]
    fn equal_numbers_agree_whatever_their_storage() {
        assert!(check(&[Missing::Real(5.0)], &[Missing::Integer(5)]));
        assert!(check(&[Missing::Real(-0.0)], &[Missing::Integer(0)]));
        assert!(!check(&[Missing::Real(5.5)], &[Missing::Integer(5)]));
        assert!(!check(&[Missing::Real(f64::from_bits(5))], &[Missing::Integer(5)]));
    }

    #[test]
    fn class_length_column_tree_and_key_each_count() {
        let text = |text: &[u8]| Missing::Text(text.to_vec());
        assert!(!check(&[text(b"a")], &[Missing::Blob(b"a".to_vec())]));
        assert!(!check(&[text(b"a")], &[text(b"a\0")]));
        assert!(!check(&[Missing::Null, Missing::Integer(1)], &[Missing::Integer(1), Missing::Null]));
        assert!(!check(&[text(b"ab"), text(b"")], &[text(b"a"), text(b"b")]));
        let hash = EntryHash::new(KEY, 5);
        assert_ne!(hash.of_record(3, &[2, 0]), hash.of_record(4, &[2, 0]));
        assert_ne!(hash.of_record(3, &[2, 0]), EntryHash::new(Key { k1: 0, ..KEY }, 5).of_record(3, &[2, 0]));
        let many: Vec<Vec<Missing>> = (0..=300).map(|n| vec![Missing::Null; n]).collect();
        let mut found = hashes(KEY, &many);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), many.len());
    }

    fn value() -> impl Strategy<Value = Missing> {
        prop_oneof![
            Just(Missing::Null),
            any::<i64>().prop_map(Missing::Integer),
            any::<f64>().prop_map(Missing::Real),
            proptest::collection::vec(any::<u8>(), 0..70).prop_map(Missing::Text),
            proptest::collection::vec(any::<u8>(), 0..70).prop_map(Missing::Blob),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// A batch, the pieces and the stored record all come to the plain chain of blocks, written down here once more.
        #[test]
        fn every_way_to_the_hash_gives_the_plain_chain(entries in proptest::collection::vec(proptest::collection::vec(value(), 1..7), 1..200), behind in 0usize..40) {
            let hash = EntryHash::new(KEY, 4);
            let cipher = aes::Aes128::new(&Array::from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
            let mut waiting = Waiting::default();
            let (mut plain, mut stored) = (Vec::new(), vec![0; entries.len()]);
            let mut take = |whose: &Whose, hash: u128| stored[whose.locator as usize] = hash;
            for (number, values) in entries.iter().enumerate() {
                let pieces = pieces_of(values);
                let mut record = Vec::new();
                let default_of = |column: u32| &values[column as usize];
                entry_record::write(pieces.iter(), &Sources { record: &[], default_of: &default_of }, &mut record);
                let mut message = vec![3];
                message.resize(16, 0);
                message.extend_from_slice(&record);
                message.resize(message.len().next_multiple_of(16), 0);
                let mut state = Block::default();
                for block in message.chunks(16) {
                    state.iter_mut().zip(block).for_each(|(state, byte)| *state ^= byte);
                    cipher.encrypt_block(&mut state);
                }
                plain.push(u128::from_le_bytes(state.into()));
                let length = record.len();
                // What follows on the page must not count.
                record.resize(length + behind, 0xee);
                let whose = Whose { tree: 3, locator: number as u64, ..Whose::default() };
                waiting.stored(&hash, whose, &record, length, &mut take);
            }
            waiting.settle(&hash, &mut take);
            prop_assert_eq!(&stored, &plain);
            prop_assert_eq!(&hashes(KEY, &entries), &plain);
        }
    }
}

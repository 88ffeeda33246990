//! Records that are longer than is judged pass by in pieces: only a block of one is held.

use crate::read::source::Source;
use crate::read::{Block, Fault, Sort};

/// What a piece was.
pub(crate) enum Piece {
    /// The record goes on.
    Inside,
    /// It ended; this stands behind it.
    Last(Vec<u8>),
    /// The input ended before it did.
    CutShort,
}

/// Makes the next piece of what is in `block` already, or else of the next `size` bytes. `end` says where the record ends
/// in a piece.
pub(crate) fn piece(
    source: &mut Source,
    size: usize,
    first: bool,
    block: &mut Block,
    end: impl FnOnce(&[u8]) -> Option<usize>,
) -> Result<Piece, Fault> {
    if block.bytes.is_empty() {
        source.read(&mut block.bytes, size.max(1))?;
    }
    let piece = match end(&block.bytes) {
        Some(end) => Piece::Last(block.bytes.split_off(end)),
        None if block.bytes.is_empty() => Piece::CutShort,
        None => Piece::Inside,
    };
    block.sort = Sort::Oversized { first, last: !matches!(piece, Piece::Inside) };
    Ok(piece)
}

//! The 100-byte database header: what SQLite refuses, what it only reports, what it ignores.

use std::fmt;

/// The first sixteen bytes of every SQLite 3 database.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The page sizes that there are.
pub(crate) const PAGE_SIZES: [u32; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/// How text is stored, for the whole database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

/// The database header, parsed. Offsets are those of the file format document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Bytes in a page: a power of two from 512 to 65,536.
    pub page_size: u32,
    /// Bytes at the end of every page that SQLite leaves to an extension.
    pub reserved: u8,
    /// 1: rollback journal, 2: write-ahead log.
    pub write_version: u8,
    /// 1: rollback journal, 2: write-ahead log.
    pub read_version: u8,
    /// Counts the transactions of a rollback-journal database.
    pub change_counter: u32,
    /// Pages of the database, valid if `version_valid_for` equals `change_counter`.
    pub page_count: u32,
    /// First trunk page of the freelist, or 0.
    pub freelist_head: u32,
    /// Pages on the freelist.
    pub freelist_count: u32,
    /// Largest root page of an auto-vacuum database, otherwise 0.
    pub largest_root: u32,
    /// Text encoding: 0 (not set yet), 1, 2 or 3.
    pub encoding: u32,
    /// Non-zero for incremental vacuum.
    pub incremental_vacuum: u32,
    /// The change counter at which `page_count` was written.
    pub version_valid_for: u32,
    /// The header's bytes.
    pub raw: [u8; 100],
}

/// Why the first bytes are not the header of a database that SQLite would open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderFault {
    /// The magic is missing: another kind of file, or an encrypted database; from outside these look the same.
    NotADatabase,
    /// Fewer than 100 bytes.
    Short(usize),
    /// The page size is not a power of two from 512 to 65,536.
    PageSize(u32),
    /// The reserved bytes leave fewer than 480 usable ones.
    Reserved(u8),
    /// The read version is neither 1 nor 2.
    ReadVersion(u8),
    /// The payload fractions are not 64, 32, 32.
    Fractions([u8; 3]),
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFault::NotADatabase => {
                f.write_str("not an SQLite database, or an encrypted one: the first 16 bytes are not its signature")
            }
            HeaderFault::Short(len) => write!(f, "{len} bytes long: a database header has 100"),
            HeaderFault::PageSize(size) => {
                write!(f, "page size {size} in the header: it must be a power of two from 512 to 65536")
            }
            HeaderFault::Reserved(bytes) => write!(f, "{bytes} reserved bytes leave fewer than 480 usable ones a page"),
            HeaderFault::ReadVersion(version) => write!(f, "read version {version} in the header: only 1 and 2 exist"),
            HeaderFault::Fractions(seen) => {
                write!(f, "payload fractions {seen:?} in the header: they must be 64, 32, 32")
            }
        }
    }
}

impl Header {
    /// Parses the header as SQLite does when it opens a file.
    pub fn parse(bytes: &[u8]) -> Result<Header, HeaderFault> {
        let Some(raw) = bytes.first_chunk::<100>() else {
            let starts = bytes.len().min(16);
            return Err(if bytes[..starts] == MAGIC[..starts] {
                HeaderFault::Short(bytes.len())
            } else {
                HeaderFault::NotADatabase
            });
        };
        if &raw[..16] != MAGIC {
            return Err(HeaderFault::NotADatabase);
        }
        if raw[19] > 2 {
            return Err(HeaderFault::ReadVersion(raw[19]));
        }
        if raw[21..24] != [64, 32, 32] {
            return Err(HeaderFault::Fractions([raw[21], raw[22], raw[23]]));
        }
        let page_size = (u32::from(raw[16]) << 8) | (u32::from(raw[17]) << 16);
        if !PAGE_SIZES.contains(&page_size) {
            return Err(HeaderFault::PageSize((u32::from(raw[16]) << 8) | u32::from(raw[17])));
        }
        if page_size - u32::from(raw[20]) < 480 {
            return Err(HeaderFault::Reserved(raw[20]));
        }
        Ok(Header {
            page_size,
            reserved: raw[20],
            write_version: raw[18],
            read_version: raw[19],
            change_counter: be32(raw, 24),
            page_count: be32(raw, 28),
            freelist_head: be32(raw, 32),
            freelist_count: be32(raw, 36),
            largest_root: be32(raw, 52),
            encoding: be32(raw, 56),
            incremental_vacuum: be32(raw, 64),
            version_valid_for: be32(raw, 92),
            raw: *raw,
        })
    }

    /// Bytes of a page that SQLite uses.
    pub fn usable(&self) -> u32 {
        self.page_size - u32::from(self.reserved)
    }

    /// Whether the database has pointer-map pages.
    pub fn auto_vacuum(&self) -> bool {
        self.largest_root != 0
    }

    /// Whether the database is in write-ahead-log mode.
    pub fn is_wal(&self) -> bool {
        self.read_version == 2
    }

    /// The page count that the header itself vouches for.
    pub fn vouched_page_count(&self) -> Option<u32> {
        (self.page_count != 0 && self.change_counter == self.version_valid_for).then_some(self.page_count)
    }

    /// The text encoding; an unset one reads as UTF-8.
    pub fn text(&self) -> Encoding {
        match self.encoding & 3 {
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        }
    }
}

/// The page that holds the lock bytes at 1 GiB and is never used.
pub(crate) fn lock_byte_page(page_size: u32) -> u32 {
    0x4000_0000 / page_size + 1
}

/// Whether `page` is a pointer-map page of an auto-vacuum database.
pub(crate) fn is_pointer_map(page: u32, page_size: u32, usable: u32) -> bool {
    page >= 2 && pointer_map_of(page, page_size, usable) == page
}

/// The pointer-map page that describes `page` (2 or higher).
pub(crate) fn pointer_map_of(page: u32, page_size: u32, usable: u32) -> u32 {
    let per_map = usable / 5 + 1;
    let map = (page - 2) / per_map * per_map + 2;
    if map == lock_byte_page(page_size) { map + 1 } else { map }
}

/// Reads four bytes, high byte first. The caller has checked the length.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        Some(four) => u32::from_be_bytes(*four),
        None => 0,
    }
}

/// Reads two bytes, high byte first. Past the end reads as 0.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk::<2>) {
        Some(two) => u16::from_be_bytes(*two),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Vec<u8> {
        let mut bytes = vec![0; 100];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16] = 16;
        bytes[18] = 1;
        bytes[19] = 1;
        bytes[21..24].copy_from_slice(&[64, 32, 32]);
        bytes
    }

    fn check(change: impl FnOnce(&mut Vec<u8>)) -> Result<Header, HeaderFault> {
        let mut bytes = sound();
        change(&mut bytes);
        Header::parse(&bytes)
    }

    #[test]
    fn page_sizes_that_sqlite_cannot_have_are_refused() {
        assert_eq!(check(|_| ()).map(|h| h.page_size), Ok(4096));
        assert_eq!(check(|b| b[16..18].copy_from_slice(&[0, 0])), Err(HeaderFault::PageSize(0)));
        assert_eq!(check(|b| b[16..18].copy_from_slice(&[0, 3])), Err(HeaderFault::PageSize(3)));
        assert_eq!(check(|b| b[16..18].copy_from_slice(&[1, 0])), Err(HeaderFault::PageSize(256)));
        assert_eq!(check(|b| b[16..18].copy_from_slice(&[0, 1])).map(|h| h.page_size), Ok(65536));
    }

    #[test]
    fn a_foreign_file_and_a_short_one_are_told_apart() {
        assert_eq!(Header::parse(b"hello"), Err(HeaderFault::NotADatabase));
        assert_eq!(Header::parse(&MAGIC[..]), Err(HeaderFault::Short(16)));
        assert_eq!(check(|b| b[3] ^= 1), Err(HeaderFault::NotADatabase));
    }

    #[test]
    fn pointer_maps_stand_where_sqlite_puts_them() {
        assert!(is_pointer_map(2, 1024, 1024));
        assert!(is_pointer_map(2 + 205, 1024, 1024));
        assert!(!is_pointer_map(3, 1024, 1024));
    }
}

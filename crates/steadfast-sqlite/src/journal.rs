//! The rollback journal: whether a crash left a transaction half written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::header::be32;
use crate::own_file;

const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// What the journal beside a database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Journal {
    /// None, or one whose header is zeroed: a transaction that ended.
    Ended,
    /// A journal with a live header: hot, unless somebody is writing just now.
    Live,
    /// A journal that names a super-journal which is gone: its transaction ended.
    SuperGone,
}

/// The name of a file beside the database: beside the file itself, as SQLite has it, where the path is a link.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Looks at `<database>-journal`.
pub(crate) fn look(database: &Path) -> std::io::Result<Journal> {
    let file = match own_file::open(&beside(database, "-journal")) {
        Ok(file) => file,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Journal::Ended),
        Err(why) => return Err(why),
    };
    let mut first = [0];
    match file.read_exact_at(&mut first, 0) {
        Ok(()) if first[0] != 0 => {}
        Ok(()) => return Ok(Journal::Ended),
        Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Journal::Ended),
        Err(why) => return Err(why),
    }
    match super_journal(&file)? {
        Some(name) if !name.exists() => Ok(Journal::SuperGone),
        _ => Ok(Journal::Live),
    }
}

/// The super-journal named in the last bytes: length, checksum and the magic stand behind the name.
fn super_journal(journal: &File) -> std::io::Result<Option<PathBuf>> {
    let size = journal.metadata()?.len();
    let mut tail = [0; 16];
    if size < 16 || journal.read_exact_at(&mut tail, size - 16).is_err() || tail[8..] != MAGIC {
        return Ok(None);
    }
    let length = u64::from(be32(&tail, 0));
    if length == 0 || length > size - 16 || length > 4096 {
        return Ok(None);
    }
    let mut name = vec![0; length as usize];
    journal.read_exact_at(&mut name, size - 16 - length)?;
    let sum = name.iter().fold(0u32, |sum, byte| sum.wrapping_add(*byte as i8 as u32));
    Ok((sum == be32(&tail, 4)).then(|| PathBuf::from(String::from_utf8_lossy(&name).into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(journal: &[u8]) -> Journal {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        std::fs::write(beside(&database, "-journal"), journal).unwrap();
        look(&database).unwrap()
    }

    #[test]
    fn only_a_journal_with_a_live_header_is_live() {
        assert_eq!(check(b""), Journal::Ended);
        assert_eq!(check(&[0; 512]), Journal::Ended);
        assert_eq!(check(&MAGIC), Journal::Live);
    }

    #[test]
    fn a_journal_whose_super_journal_is_gone_has_ended() {
        let name = b"/nowhere/super-journal";
        let mut journal = MAGIC.to_vec();
        journal.extend_from_slice(name);
        journal.extend_from_slice(&(name.len() as u32).to_be_bytes());
        journal.extend_from_slice(&name.iter().map(|byte| u32::from(*byte)).sum::<u32>().to_be_bytes());
        journal.extend_from_slice(&MAGIC);
        assert_eq!(check(&journal), Journal::SuperGone);
    }
}

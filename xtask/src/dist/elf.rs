//! What a program of Linux needs of the machine that runs it: the loader and the libraries that its ELF file names.

/// Program headers that say so (elf(5), `p_type`).
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
/// An entry of the dynamic section that names a library (elf(5), `d_tag`).
const DT_NEEDED: u64 = 1;

/// What it asks for before its first line runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// It has a loader to be started by, such as `/lib64/ld-linux-x86-64.so.2`.
    pub(super) loader: bool,
    /// How many shared libraries it names.
    pub(super) libraries: usize,
}

impl Needs {
    /// Reads them. The file is 64 bits wide and little-endian, as are all machines that we build for.
    pub(super) fn of(file: &[u8]) -> Result<Needs, String> {
        if file.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err("it is no 64-bit little-endian ELF file".to_owned());
        }
        needs(file).ok_or_else(|| "it is an ELF file that ends within its headers".to_owned())
    }

    /// Whether it needs nothing.
    pub(super) fn nothing(&self) -> bool {
        !self.loader && self.libraries == 0
    }
}

fn needs(file: &[u8]) -> Option<Needs> {
    let (table, size, count) = (word(file, 32)?, u64::from(half(file, 54)?), u64::from(half(file, 56)?));
    let mut needs = Needs { loader: false, libraries: 0 };
    for number in 0..count {
        let at = table.checked_add(number * size)?;
        let sort = u32::from_le_bytes(bytes(file, at)?);
        needs.loader |= sort == PT_INTERP;
        if sort == PT_DYNAMIC {
            let (offset, length) = (word(file, at.checked_add(8)?)?, word(file, at.checked_add(32)?)?);
            for entry in (0..length).step_by(16) {
                let tag = word(file, offset.checked_add(entry)?)?;
                needs.libraries += usize::from(tag == DT_NEEDED);
                if tag == 0 {
                    break;
                }
            }
        }
    }
    Some(needs)
}

fn word(file: &[u8], at: u64) -> Option<u64> {
    Some(u64::from_le_bytes(bytes(file, at)?))
}

fn half(file: &[u8], at: u64) -> Option<u16> {
    Some(u16::from_le_bytes(bytes(file, at)?))
}

fn bytes<const N: usize>(file: &[u8], at: u64) -> Option<[u8; N]> {
    file.get(usize::try_from(at).ok()?..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these program headers, each of a type, and a dynamic section with these tags.
    fn file(headers: &[u32], tags: &[u64]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(64, 0);
        file[32] = 64;
        file[54] = 56;
        file[56] = u8::try_from(headers.len()).expect("few");
        let dynamic = 64 + 56 * headers.len();
        for sort in headers {
            let mut header = [0; 56];
            header[..4].copy_from_slice(&sort.to_le_bytes());
            header[8..16].copy_from_slice(&(dynamic as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(16 * tags.len() as u64).to_le_bytes());
            file.extend(header);
        }
        tags.iter().for_each(|tag| file.extend([tag.to_le_bytes(), [0; 8]].concat()));
        file
    }

    #[track_caller]
    fn check(file: &[u8], loader: bool, libraries: usize) {
        assert_eq!(Needs::of(file), Ok(Needs { loader, libraries }));
    }

    #[test]
    fn a_loader_and_libraries_are_seen_wherever_they_are_named() {
        check(&file(&[1], &[]), false, 0);
        check(&file(&[1, PT_INTERP], &[]), true, 0);
        check(&file(&[1, PT_DYNAMIC], &[5, 1, 1, 0, 1]), false, 2);
        check(&file(&[PT_DYNAMIC, PT_INTERP], &[1]), true, 1);
    }

    #[test]
    fn this_very_test_is_linked_dynamically() {
        let me = std::fs::read(std::env::current_exe().expect("this program")).expect("readable");
        let needs = Needs::of(&me).expect("an ELF file");
        assert!(needs.loader && needs.libraries > 0 && !needs.nothing());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_refused() {
        let whole = file(&[1, PT_DYNAMIC], &[1, 1]);
        for length in 0..whole.len() - 8 {
            assert!(Needs::of(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut far = whole;
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Needs::of(&far).is_err());
        assert!(Needs::of(b"#!/bin/sh\n").is_err());
    }
}

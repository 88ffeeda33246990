//! SQLite's variable-length integers: one to nine bytes, high bits first.

/// Reads a varint at `at`: the value and the offset after it. `None` if the bytes end within it.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    read_long(bytes, at)
}

fn read_long(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for index in 0..8 {
        let byte = *bytes.get(at + index)?;
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + index + 1));
        }
    }
    let last = *bytes.get(at + 8)?;
    Some(((value << 8) | u64::from(last), at + 9))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_length_reads_back() {
        assert_eq!(read(&[0x7f], 0), Some((127, 1)));
        assert_eq!(read(&[0x81, 0x00], 0), Some((128, 2)));
        assert_eq!(read(&[0, 0x82, 0x2c], 1), Some((300, 3)));
        assert_eq!(read(&[0xff; 9], 0), Some((u64::MAX, 9)));
    }

    #[test]
    fn a_cut_varint_is_none() {
        assert_eq!(read(&[], 0), None);
        assert_eq!(read(&[0x81], 0), None);
        assert_eq!(read(&[0xff; 8], 0), None);
    }
}

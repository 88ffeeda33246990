//! SipHash-2-4 with 128 bits of output over 64-bit words: a keyed pseudo-random function.
//!
//! The caller feeds words that already form an injective, prefix-free encoding (see `entry_hash`), so the length
//! block of the byte-string version is left to the caller; the tests feed it and compare with the published vectors.
//! Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), and the reference implementation.

/// A run's secret: without it nobody can choose two different entries of equal hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// First half.
    pub k0: u64,
    /// Second half.
    pub k1: u64,
}

/// The state while words are fed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sip {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl Sip {
    /// Starts under a key.
    #[inline]
    pub(crate) fn new(key: Key) -> Sip {
        Sip {
            v0: key.k0 ^ 0x736f_6d65_7073_6575,
            v1: key.k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: key.k0 ^ 0x6c79_6765_6e65_7261,
            v3: key.k1 ^ 0x7465_6462_7974_6573,
        }
    }

    /// Feeds one word.
    #[inline]
    pub(crate) fn word(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.round();
        self.v0 ^= word;
    }

    /// Feeds bytes as words, the last one filled with zeros: the caller has fed the length before.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0u8; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    /// Ends and gives 128 bits.
    #[inline]
    pub(crate) fn finish(mut self) -> u128 {
        self.v2 ^= 0xee;
        self.round();
        self.round();
        self.round();
        self.round();
        let low = self.v0 ^ self.v1 ^ self.v2 ^ self.v3;
        self.v1 ^= 0xdd;
        self.round();
        self.round();
        self.round();
        self.round();
        let high = self.v0 ^ self.v1 ^ self.v2 ^ self.v3;
        (u128::from(high) << 64) | u128::from(low)
    }

    #[inline(always)]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Sip};

    fn check(len: usize) -> String {
        let key = Key { k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908 };
        let bytes: Vec<u8> = (0u8..64).take(len).collect();
        let mut sip = Sip::new(key);
        let whole = len / 8 * 8;
        sip.bytes(&bytes[..whole]);
        let mut last = [0u8; 8];
        last[..len - whole].copy_from_slice(&bytes[whole..]);
        last[7] = u8::try_from(len % 256).unwrap_or(0);
        sip.word(u64::from_le_bytes(last));
        sip.finish().to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(check(0), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(check(1), "da87c1d86b99af44347659119b22fc45");
        assert_eq!(check(8), "3b62a9ba6258f5610f83e264f31497b4");
    }
}

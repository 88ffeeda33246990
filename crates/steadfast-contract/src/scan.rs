//! Finds the byte that ends the plain part of a JSON string, as fast as the machine can: AVX2 where the processor has
//! it (asked at run time), SSE2 on any other x86-64, and a portable loop elsewhere. All three give the same answer.
//!
//! This is the only file of the crate with `unsafe` in it. Every use is a vector load whose sixteen or thirty-two bytes
//! are inside the slice, as the line before it has compared.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads; measured in docs/benchmarks.md, compared with `portable` by the tests and the fuzz target"
    )
)]

/// How strings are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One byte at a time; any processor.
    Portable,
    /// Sixteen bytes at a time; every x86-64.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// Thirty-two bytes at a time; chosen when the processor says that it can.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Engine {
    /// The fastest that this processor runs.
    pub fn best() -> Engine {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") { Engine::Avx2 } else { Engine::Sse2 }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Engine::Portable
    }

    /// Every engine that this processor runs, the portable one first.
    pub fn all() -> Vec<Engine> {
        let mut engines = vec![Engine::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            engines.push(Engine::Sse2);
            if Engine::best() == Engine::Avx2 {
                engines.push(Engine::Avx2);
            }
        }
        engines
    }

    /// The first position at or after `from` of a quote, a backslash or a control character; `text.len()` if there is none.
    #[inline(always)]
    pub fn plain_end(self, text: &[u8], from: usize) -> usize {
        match self {
            Engine::Portable => portable(text, from),
            #[cfg(target_arch = "x86_64")]
            Engine::Sse2 => sse2(text, from),
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 => {
                // Most strings end within sixteen bytes: answered here, without a call.
                if from + 16 <= text.len() {
                    let hits = sse2_hits(text, from);
                    if hits != 0 {
                        return from + hits.trailing_zeros() as usize;
                    }
                    long(text, from + 16)
                } else {
                    portable(text, from)
                }
            }
        }
    }
}

/// Whether `text` at `from` goes on with `wanted`; made for keys, which are short.
#[inline(always)]
pub(crate) fn goes_on_with(text: &[u8], from: usize, wanted: &Needle) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        if wanted.len <= 16 && from + 16 <= text.len() {
            return sse2_equal(text, from, &wanted.head) & wanted.mask == wanted.mask;
        }
    }
    text.get(from..from + wanted.len).is_some_and(|there| there == &*wanted.bytes)
}

/// Bytes to look for at a known place.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    bytes: Box<[u8]>,
    len: usize,
    head: [u8; 16],
    mask: u32,
}

impl Needle {
    pub(crate) fn new(bytes: &[u8]) -> Needle {
        let mut head = [0; 16];
        let short = bytes.len().min(16);
        head[..short].copy_from_slice(&bytes[..short]);
        Needle { bytes: bytes.into(), len: bytes.len(), head, mask: ((1_u64 << short) - 1) as u32 }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[inline(always)]
fn stops(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

fn portable(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| stops(*byte)).map_or(text.len(), |at| from + at)
}

#[cfg(target_arch = "x86_64")]
fn sse2(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while at + 16 <= text.len() {
        let hits = sse2_hits(text, at);
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 16;
    }
    portable(text, at)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sse2_hits(text: &[u8], at: usize) -> u32 {
    use std::arch::x86_64::*;
    let here: &[u8] = &text[at..at + 16];
    // SAFETY: SSE2 is part of x86-64; the load reads the sixteen bytes of `here`, unaligned loads are allowed.
    unsafe {
        let bytes = _mm_loadu_si128(here.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)) as u32
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sse2_equal(text: &[u8], at: usize, head: &[u8; 16]) -> u32 {
    use std::arch::x86_64::*;
    let here: &[u8] = &text[at..at + 16];
    // SAFETY: SSE2 is part of x86-64; both loads read sixteen bytes that the two slices hold.
    unsafe {
        let bytes = _mm_loadu_si128(here.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_loadu_si128(head.as_ptr().cast()))) as u32
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn long(text: &[u8], from: usize) -> usize {
    // SAFETY: reached from `Engine::Avx2` only. That variant is public, so ask again: the answer is cached, one load.
    if std::arch::is_x86_feature_detected!("avx2") { unsafe { avx2(text, from) } } else { sse2(text, from) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(text: &[u8], from: usize) -> usize {
    use std::arch::x86_64::*;
    let (quotes, slashes) = (_mm256_set1_epi8(b'"' as i8), _mm256_set1_epi8(b'\\' as i8));
    let controls = _mm256_set1_epi8(0x1f);
    let mut at = from;
    while at + 32 <= text.len() {
        let here: &[u8] = &text[at..at + 32];
        // SAFETY: the load reads the thirty-two bytes of `here`; unaligned loads are allowed.
        let bytes = unsafe { _mm256_loadu_si256(here.as_ptr().cast()) };
        let quote = _mm256_cmpeq_epi8(bytes, quotes);
        let slash = _mm256_cmpeq_epi8(bytes, slashes);
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, controls), bytes);
        let hits = _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), control)) as u32;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 32;
    }
    sse2(text, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_engine_stops_where_the_portable_one_does(
            text in proptest::collection::vec(prop_oneof![8 => Just(b'a'), 4 => any::<u8>(), 1 => Just(b'"')], 0..200),
            from in 0_usize..210,
        ) {
            let expected = portable(&text, from);
            for engine in Engine::all() {
                prop_assert_eq!(engine.plain_end(&text, from).max(from), expected.max(from), "{:?}", engine);
            }
        }

        #[test]
        fn a_needle_is_found_exactly_where_it_is(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b')], 0..60),
            wanted in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b')], 0..40),
            from in 0_usize..60,
        ) {
            let there = text.get(from..).is_some_and(|rest| rest.starts_with(&wanted));
            prop_assert_eq!(goes_on_with(&text, from, &Needle::new(&wanted)), there);
        }
    }

    #[test]
    fn a_stop_is_found_at_every_distance() {
        for distance in 0..130 {
            for stop in [b'"', b'\\', 0, 0x1f] {
                let mut text = vec![0xe3; distance];
                text.push(stop);
                text.extend([b' '; 70]);
                for engine in Engine::all() {
                    assert_eq!(engine.plain_end(&text, 0), distance, "{engine:?} {stop}");
                }
            }
        }
    }
}

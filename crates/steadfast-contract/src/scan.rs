//! Marks the bytes at which the plain part of a JSON string may end, sixty-four bytes at a time: AVX-512 or AVX2 where
//! the processor has it (asked at run time), SSE2 on any other x86-64, and a portable loop elsewhere. All give the same
//! marks. The walk then finds the end of a string in a word of bits, without looking at its bytes.
//!
//! This is the only file of the crate with `unsafe` in it. Every load reads within an array of sixty-four bytes.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads; measured in docs/benchmarks.md, compared with `portable` by the tests"
    )
)]

/// How a text is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One byte at a time; any processor.
    Portable,
    /// Sixteen bytes at a time; every x86-64.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// Thirty-two bytes at a time; used where the processor says that it can.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Sixty-four bytes at a time; used where the processor says that it can.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Engine {
    /// The fastest that this processor runs.
    pub fn best() -> Engine {
        Engine::all().pop().unwrap_or(Engine::Portable)
    }

    /// Every engine that this processor runs: the portable one first, the fastest last.
    pub fn all() -> Vec<Engine> {
        let mut engines = vec![Engine::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            engines.push(Engine::Sse2);
            if std::arch::is_x86_feature_detected!("avx2") {
                engines.push(Engine::Avx2);
            }
            if std::arch::is_x86_feature_detected!("avx512bw") {
                engines.push(Engine::Avx512);
            }
        }
        engines
    }
}

/// Room for the marks of a text: used again from text to text.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    words: Vec<u64>,
}

/// A text that is UTF-8, with its marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked<'a> {
    pub(crate) text: &'a [u8],
    /// A bit for every byte of the text and for every place behind it up to the end of the last word. Set are the bits
    /// of quotes, of backslashes, of control characters, and of every place behind the text.
    words: &'a [u64],
}

impl Marks {
    /// Marks a text; `None` when it is not UTF-8.
    pub(crate) fn of<'a>(&'a mut self, engine: Engine, text: &'a [u8]) -> Option<Marked<'a>> {
        simdutf8::basic::from_utf8(text).ok()?;
        self.words.clear();
        self.words.reserve(text.len() / 64 + 1);
        let (blocks, rest) = text.as_chunks::<64>();
        match engine {
            Engine::Portable => self.words.extend(blocks.iter().map(portable)),
            #[cfg(target_arch = "x86_64")]
            Engine::Sse2 => self.words.extend(blocks.iter().map(sse2)),
            // The variants are public: whoever chose one may not have asked the processor. The answer is cached.
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 if std::arch::is_x86_feature_detected!("avx2") => {
                // SAFETY: the processor has just been asked.
                unsafe { avx2(blocks, &mut self.words) }
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512 if std::arch::is_x86_feature_detected!("avx512bw") => {
                // SAFETY: the processor has just been asked.
                unsafe { avx512(blocks, &mut self.words) }
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 | Engine::Avx512 => self.words.extend(blocks.iter().map(sse2)),
        }
        // Zero is a control character: the places behind the text are marked.
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        self.words.push(portable(&last));
        Some(Marked { text, words: &self.words })
    }
}

impl Marked<'_> {
    /// The first marked place at or after `from`, which is at most the end of the text; `from` itself if that is behind.
    #[inline(always)]
    pub(crate) fn next(&self, from: usize) -> usize {
        let Some(word) = self.words.get(from / 64) else { return from };
        let ahead = word >> (from % 64);
        if ahead != 0 { from + ahead.trailing_zeros() as usize } else { self.next_word(from / 64 + 1) }
    }

    #[inline(always)]
    fn next_word(&self, first: usize) -> usize {
        let mut at = first;
        for word in self.words.get(first..).unwrap_or_default() {
            if *word != 0 {
                return at * 64 + word.trailing_zeros() as usize;
            }
            at += 1;
        }
        at * 64
    }
}

#[inline(always)]
fn stops(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

#[inline]
fn portable(block: &[u8; 64]) -> u64 {
    block.iter().rev().fold(0, |word, byte| word << 1 | u64::from(stops(*byte)))
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn sse2(block: &[u8; 64]) -> u64 {
    use std::arch::x86_64::*;
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().rev().fold(0, |word, part| {
        // SAFETY: SSE2 is part of x86-64; the load reads the sixteen bytes of `part`, unaligned loads are allowed.
        let hits = unsafe {
            let bytes = _mm_loadu_si128(part.as_ptr().cast());
            let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)) as u32
        };
        word << 16 | u64::from(hits)
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(blocks: &[[u8; 64]], words: &mut Vec<u64>) {
    use std::arch::x86_64::*;
    let (quotes, slashes) = (_mm256_set1_epi8(b'"' as i8), _mm256_set1_epi8(b'\\' as i8));
    let controls = _mm256_set1_epi8(0x1f);
    words.extend(blocks.iter().map(|block| {
        let (parts, _) = block.as_chunks::<32>();
        parts.iter().rev().fold(0, |word, part| {
            // SAFETY: the load reads the thirty-two bytes of `part`; unaligned loads are allowed.
            let bytes = unsafe { _mm256_loadu_si256(part.as_ptr().cast()) };
            let quote = _mm256_cmpeq_epi8(bytes, quotes);
            let slash = _mm256_cmpeq_epi8(bytes, slashes);
            let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, controls), bytes);
            let hits = _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), control)) as u32;
            word << 32 | u64::from(hits)
        })
    }));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512(blocks: &[[u8; 64]], words: &mut Vec<u64>) {
    use std::arch::x86_64::*;
    let (quotes, slashes) = (_mm512_set1_epi8(b'"' as i8), _mm512_set1_epi8(b'\\' as i8));
    let space = _mm512_set1_epi8(b' ' as i8);
    words.extend(blocks.iter().map(|block| {
        // SAFETY: the load reads the sixty-four bytes of `block`; unaligned loads are allowed.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        _mm512_cmpeq_epi8_mask(bytes, quotes)
            | _mm512_cmpeq_epi8_mask(bytes, slashes)
            | _mm512_cmplt_epu8_mask(bytes, space)
    }));
}

/// Bytes to look for at a known place: keys with their quotes and colon, which are short.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    bytes: Box<[u8]>,
    /// The first sixteen and the next sixteen bytes, and which bits of them count.
    head: [u128; 2],
    mask: [u128; 2],
}

impl Needle {
    pub(crate) fn new(bytes: &[u8]) -> Needle {
        let mut padded = [0; 32];
        let short = bytes.len().min(32);
        padded[..short].copy_from_slice(&bytes[..short]);
        let halves = |bytes: &[u8; 32]| [0, 16].map(|at| sixteen(bytes, at).unwrap_or_default());
        let mut mask = [0; 32];
        mask[..short].fill(0xff);
        Needle { bytes: bytes.into(), head: halves(&padded), mask: halves(&mask) }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether `text` at `from` goes on with these bytes.
    #[inline(always)]
    pub(crate) fn is_at(&self, text: &[u8], from: usize) -> bool {
        if self.len() <= 32
            && let Some(first) = sixteen(text, from)
            && let Some(second) = sixteen(text, from + if self.len() > 16 { 16 } else { 0 })
        {
            return (first ^ self.head[0]) & self.mask[0] | (second ^ self.head[1]) & self.mask[1] == 0;
        }
        text.get(from..).is_some_and(|rest| rest.starts_with(&self.bytes))
    }
}

/// Sixteen bytes of a text.
#[inline(always)]
fn sixteen(text: &[u8], from: usize) -> Option<u128> {
    text.get(from..)?.first_chunk().map(|bytes| u128::from_le_bytes(*bytes))
}

/// Eight bytes of a text; fewer, filled up with zeros, at its end.
#[inline(always)]
pub(crate) fn eight(text: &[u8], from: usize) -> u64 {
    let rest = text.get(from..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_stop(text: &[u8], from: usize) -> usize {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().position(|byte| stops(*byte)).map_or(text.len().max(from), |at| from + at)
    }

    proptest! {
        #[test]
        fn every_engine_stops_where_a_plain_search_does(
            text in proptest::collection::vec(
                prop_oneof![16 => Just('a'), 8 => any::<char>(), 1 => Just('"'), 1 => Just('\\'), 1 => Just('\n')],
                0..300,
            ),
            from in 0_usize..700,
        ) {
            let text: String = text.into_iter().collect();
            for engine in Engine::all() {
                let mut marks = Marks::default();
                let marked = marks.of(engine, text.as_bytes()).unwrap();
                prop_assert_eq!(marked.next(from), first_stop(text.as_bytes(), from), "{:?}", engine);
            }
        }

        #[test]
        fn a_needle_is_found_exactly_where_it_is(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b')], 0..90),
            wanted in proptest::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], 0..40),
            from in 0_usize..60,
        ) {
            let there = text.get(from..).is_some_and(|rest| rest.starts_with(&wanted));
            prop_assert_eq!(Needle::new(&wanted).is_at(&text, from), there);
            let mut with_it = text.clone();
            with_it.splice(from.min(text.len()).., wanted.iter().copied().chain([b'x'; 40]));
            prop_assert!(Needle::new(&wanted).is_at(&with_it, from.min(text.len())));
        }
    }

    #[test]
    fn a_stop_is_found_at_every_distance() {
        for distance in 0..130 {
            for stop in [b'"', b'\\', 0, 0x1f] {
                let mut text = vec![b'~'; distance];
                text.push(stop);
                text.extend([b' '; 70]);
                for engine in Engine::all() {
                    let mut marks = Marks::default();
                    assert_eq!(marks.of(engine, &text).unwrap().next(0), distance, "{engine:?} {stop}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_utf_8_is_not_marked() {
        for engine in Engine::all() {
            assert!(Marks::default().of(engine, b"\"\xff\"").is_none(), "{engine:?}");
        }
    }

    #[test]
    fn eight_bytes_are_filled_up_at_the_end_of_a_text() {
        assert_eq!(eight(b"123456789", 1), u64::from_le_bytes(*b"23456789"));
        assert_eq!(eight(b"123", 1), u64::from_le_bytes(*b"23\0\0\0\0\0\0"));
        assert_eq!(eight(b"123", 7), 0);
    }
}

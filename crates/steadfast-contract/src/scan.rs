//! Finds the stops of a text, sixty-four bytes at a time: the bytes at which the plain part of a JSON string may end.
//! AVX-512 or AVX2 where the processor has it (asked at run time), SSE2 on any other x86-64, and a portable loop
//! elsewhere. All find the same stops. The walk then knows the end of a string from a list, without looking at its bytes
//! and without a guess at its length.
//!
//! A text that is not UTF-8 has no stops. AVX-512 finds that out in the same pass, by the three lookups of Keiser and
//! Lemire ("Validating UTF-8 In Less Than One Instruction Per Byte", 2020); the others ask simdutf8 first, which does
//! the same with what they have.
//!
//! This is the only file of the crate with `unsafe` in it. Every load reads within an array of the size that it reads,
//! every store writes within one.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads and stores; measured in docs/benchmarks.md, compared with `portable` by the tests"
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
            if has_avx512() {
                engines.push(Engine::Avx512);
            }
        }
        engines
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vbmi2")
}

/// Room for the stops of a text: used again from text to text.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Beyond the stops of the last text stands what was left there before.
    stops: Vec<u32>,
}

/// Stops that are kept room for, however short the next text is.
const KEPT: usize = 1 << 20;

/// A text that is UTF-8, with its stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked<'a> {
    pub(crate) text: &'a [u8],
    /// The places of quotes, of backslashes and of control characters, in order; behind them at least one place at or
    /// behind the end of the text.
    stops: &'a [u32],
}

/// A place in a marked text, and how many stops are before it. One number, so that it stays in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(u64);

impl At {
    /// The start of a text.
    pub(crate) const START: At = At(0);

    /// Bytes before it.
    #[inline(always)]
    pub(crate) fn place(self) -> usize {
        self.0 as u32 as usize
    }

    /// So many bytes further on, none of them a stop.
    #[inline(always)]
    pub(crate) fn plus(self, bytes: usize) -> At {
        At(self.0.wrapping_add(bytes as u64))
    }

    /// So many bytes further on, so many of them stops.
    #[inline(always)]
    pub(crate) fn over(self, bytes: usize, stops: usize) -> At {
        At(self.0.wrapping_add(bytes as u64 | (stops as u64) << 32))
    }

    /// At this place further on, with no stop between.
    #[inline(always)]
    pub(crate) fn to(self, place: usize) -> At {
        At(self.0 & !0xffff_ffff | place as u64)
    }

    #[inline(always)]
    fn stops(self) -> usize {
        (self.0 >> 32) as usize
    }
}

impl Marks {
    /// Marks a text; `None` when it is not UTF-8, or too long (four gigabytes).
    pub(crate) fn of<'a>(&'a mut self, engine: Engine, text: &'a [u8]) -> Option<Marked<'a>> {
        if text.len() > u32::MAX as usize - 4096 {
            return None;
        }
        // Room that one long record needed is not kept for the next thousand short ones.
        if self.stops.len() > KEPT.max(text.len()) {
            self.stops.truncate(KEPT);
            self.stops.shrink_to_fit();
        }
        let (blocks, rest) = text.as_chunks::<64>();
        // Zero is a control character: the places behind the text are stops.
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        let stops = &mut self.stops;
        let found = match engine {
            Engine::Portable => utf_8(text)?.list(blocks, &last, stops, portable),
            #[cfg(target_arch = "x86_64")]
            Engine::Sse2 => utf_8(text)?.list(blocks, &last, stops, sse2),
            // The variants are public: whoever chose one may not have asked the processor. The answer is cached.
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 if std::arch::is_x86_feature_detected!("avx2") => {
                let known = utf_8(text)?;
                // SAFETY: the processor has just been asked.
                unsafe { avx2(known, blocks, &last, stops) }
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512 if has_avx512() => {
                // SAFETY: the processor has just been asked.
                unsafe { avx512(blocks, &last, stops) }?
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 | Engine::Avx512 => utf_8(text)?.list(blocks, &last, stops, sse2),
        };
        Some(Marked { text, stops: &self.stops[..found] })
    }
}

/// Known: the text is UTF-8.
struct Utf8;

fn utf_8(text: &[u8]) -> Option<Utf8> {
    simdutf8::basic::from_utf8(text).ok().map(|_| Utf8)
}

impl Marked<'_> {
    /// The place of the stop that is so many stops further on; the end of the text, or a place behind it, if there are
    /// not so many.
    #[inline(always)]
    pub(crate) fn stop(&self, at: At, further: usize) -> usize {
        match self.stops.get(at.stops() + further) {
            Some(place) => *place as usize,
            None => self.text.len(),
        }
    }

    /// The same place, with the stops before it counted from those before an earlier place.
    pub(crate) fn later(&self, from: At, place: usize) -> At {
        let ahead = self.stops.get(from.stops()..).unwrap_or_default();
        At::START.over(place, from.stops() + ahead.partition_point(|stop| (*stop as usize) < place))
    }
}

/// Room for the stops of one more block.
#[inline(always)]
fn room(stops: &mut Vec<u32>, found: usize) -> &mut [u32; 64] {
    if stops.len() < found + 64 {
        more_room(stops, found);
    }
    let Some(room) = stops.get_mut(found..).and_then(|rest| rest.first_chunk_mut()) else { unreachable!() };
    room
}

#[cold]
#[inline(never)]
fn more_room(stops: &mut Vec<u32>, found: usize) {
    stops.resize((found + found / 2).max(found + 4096), 0);
}

impl Utf8 {
    /// Lists the stops of a text in blocks; the answer: how many there are.
    #[inline(always)]
    fn list(
        self,
        blocks: &[[u8; 64]],
        last: &[u8; 64],
        stops: &mut Vec<u32>,
        find: impl Fn(&[u8; 64]) -> u64,
    ) -> usize {
        let mut found = 0;
        for (number, block) in blocks.iter().chain([last]).enumerate() {
            found += unpack(find(block), number as u32 * 64, room(stops, found));
        }
        found
    }
}

/// Lists the places of the bits; the answer: how many there are.
#[inline(always)]
fn unpack(mut word: u64, base: u32, room: &mut [u32; 64]) -> usize {
    let count = word.count_ones() as usize;
    // Eight at a time: how many there are is no guess of every round, and what is too much is written over.
    for eight in room.chunks_exact_mut(8).take(count.div_ceil(8)) {
        for place in eight {
            *place = base.wrapping_add(word.trailing_zeros());
            word &= word.wrapping_sub(1);
        }
    }
    count
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
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn avx2(known: Utf8, blocks: &[[u8; 64]], last: &[u8; 64], stops: &mut Vec<u32>) -> usize {
    use std::arch::x86_64::*;
    let (quotes, slashes) = (_mm256_set1_epi8(b'"' as i8), _mm256_set1_epi8(b'\\' as i8));
    let controls = _mm256_set1_epi8(0x1f);
    known.list(blocks, last, stops, |block| {
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
    })
}

/// As `Utf8::list`; `None`: the text is not UTF-8.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn avx512(blocks: &[[u8; 64]], last: &[u8; 64], stops: &mut Vec<u32>) -> Option<usize> {
    use std::arch::x86_64::*;
    let (quotes, slashes) = (_mm512_set1_epi8(b'"' as i8), _mm512_set1_epi8(b'\\' as i8));
    let space = _mm512_set1_epi8(b' ' as i8);
    let numbers: [u8; 64] = std::array::from_fn(|number| number as u8);
    // SAFETY: the load reads the sixty-four bytes of `numbers`; unaligned loads are allowed.
    let numbers = unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) };
    // SAFETY: the load reads the sixty-four bytes of the block; unaligned loads are allowed.
    let load = |block: &[u8; 64]| unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let mut found = 0;
    let mut base = _mm512_setzero_si512();
    // The block before a group, whether it is all ASCII, and every fault so far.
    let mut before = _mm512_setzero_si512();
    let mut before_beyond = 0;
    let mut faults = _mm512_setzero_si512();
    for group in blocks.chunks(64).chain([std::slice::from_ref(last)]) {
        // A bit for each block that goes beyond ASCII.
        let mut beyond = 0;
        for (number, block) in group.iter().enumerate() {
            let bytes = load(block);
            beyond |= u64::from(_mm512_movepi8_mask(bytes) != 0) << number;
            let word = _mm512_cmpeq_epi8_mask(bytes, quotes)
                | _mm512_cmpeq_epi8_mask(bytes, slashes)
                | _mm512_cmplt_epu8_mask(bytes, space);
            let count = word.count_ones() as usize;
            // The numbers of the bits that are set, close together.
            let packed = _mm512_maskz_compress_epi8(word, numbers);
            let (sixteens, _) = room(stops, found).as_chunks_mut::<16>();
            let mut store = |sixteen: usize, numbers: __m128i| {
                let places = _mm512_add_epi32(base, _mm512_cvtepu8_epi32(numbers));
                // SAFETY: the store writes the sixteen numbers of one of the four arrays; unaligned stores are allowed.
                unsafe { _mm512_storeu_si512(sixteens[sixteen].as_mut_ptr().cast(), places) }
            };
            store(0, _mm512_castsi512_si128(packed));
            if count > 16 {
                store(1, _mm512_extracti32x4_epi32::<1>(packed));
                store(2, _mm512_extracti32x4_epi32::<2>(packed));
                store(3, _mm512_extracti32x4_epi32::<3>(packed));
            }
            found += count;
            base = _mm512_add_epi32(base, _mm512_set1_epi32(64));
        }
        // Those and the block behind each of them: a letter that is cut by the end of a block is a fault of the next one.
        // There always is one, for the last block ends with a zero. They are looked at only here, one after the other:
        // whether a block is among them is no guess of every round above.
        let mut among = beyond | beyond << 1 | before_beyond;
        while let Some(block) = group.get(among.trailing_zeros() as usize) {
            let number = among.trailing_zeros() as usize;
            let before = if number == 0 { before } else { load(&group[number - 1]) };
            faults = _mm512_or_si512(faults, faults_of_utf_8(before, load(block)));
            among &= among - 1;
        }
        before = load(&group[group.len() - 1]);
        before_beyond = beyond >> (group.len() - 1);
    }
    (_mm512_test_epi8_mask(faults, faults) == 0).then_some(found)
}

/// Not zero where a byte of the block, with the three before it, is not UTF-8. Each pair of bytes is looked up by the
/// high and the low half of the first and by the high half of the second: a bit that all three have is a fault of that
/// kind. The bit `TWO_MORE` is no fault where the second or the third byte before begins a letter of three or four bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn faults_of_utf_8(
    before: std::arch::x86_64::__m512i,
    bytes: std::arch::x86_64::__m512i,
) -> std::arch::x86_64::__m512i {
    use std::arch::x86_64::*;
    // A letter that does not go on; a byte that continues none.
    const TOO_SHORT: u8 = 1;
    const TOO_LONG: u8 = 1 << 1;
    // So many bytes for what fewer can say.
    const OVERLONG_2: u8 = 1 << 5;
    const OVERLONG_3: u8 = 1 << 2;
    const OVERLONG_4: u8 = 1 << 6;
    // U+D800 to U+DFFF.
    const SURROGATE: u8 = 1 << 4;
    // Beyond U+10FFFF: F4 90 and more, F5 80 and more. The latter has its bit with F0 80, which is as wrong.
    const TOO_LARGE: u8 = 1 << 3;
    const TOO_LARGE_1000: u8 = OVERLONG_4;
    const TWO_MORE: u8 = 1 << 7;
    const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_MORE;
    const LARGER: u8 = CARRY | TOO_LARGE | TOO_LARGE_1000;
    const FIRST_HIGH: [u8; 16] = [
        // 0_ to 7_: ASCII.
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        // 8_ to B_: a byte that continues a letter.
        TWO_MORE,
        TWO_MORE,
        TWO_MORE,
        TWO_MORE,
        // C_, D_, E_ and F_: the first of two, three or four bytes.
        TOO_SHORT | OVERLONG_2,
        TOO_SHORT,
        TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
    ];
    const FIRST_LOW: [u8; 16] = [
        CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
        CARRY | OVERLONG_2,
        CARRY,
        CARRY,
        CARRY | TOO_LARGE,
        LARGER,
        LARGER,
        LARGER,
        LARGER,
        LARGER,
        LARGER,
        LARGER,
        LARGER,
        LARGER | SURROGATE,
        LARGER,
        LARGER,
    ];
    const CONTINUES: u8 = TOO_LONG | OVERLONG_2 | TWO_MORE;
    const SECOND_HIGH: [u8; 16] = [
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        CONTINUES | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
        CONTINUES | OVERLONG_3 | TOO_LARGE,
        CONTINUES | SURROGATE | TOO_LARGE,
        CONTINUES | SURROGATE | TOO_LARGE,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
    ];
    let look_up = |table: &[u8; 16], halves: __m512i| {
        // SAFETY: the load reads the sixteen bytes of `table`; unaligned loads are allowed.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), halves)
    };
    let half = _mm512_set1_epi8(0xf);
    let high = |bytes: __m512i| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), half);
    // Each lane beside the sixteen bytes that are before it.
    let lanes_before = _mm512_alignr_epi64::<6>(bytes, before);
    let first = _mm512_alignr_epi8::<15>(bytes, lanes_before);
    let found = _mm512_and_si512(
        _mm512_and_si512(look_up(&FIRST_HIGH, high(first)), look_up(&FIRST_LOW, _mm512_and_si512(first, half))),
        look_up(&SECOND_HIGH, high(bytes)),
    );
    // The highest bit is set where a letter of three or of four bytes goes on.
    let third = _mm512_subs_epu8(_mm512_alignr_epi8::<14>(bytes, lanes_before), _mm512_set1_epi8(0x60));
    let fourth = _mm512_subs_epu8(_mm512_alignr_epi8::<13>(bytes, lanes_before), _mm512_set1_epi8(0x70));
    let goes_on = _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8(0x80_u8 as i8));
    _mm512_xor_si512(found, goes_on)
}

/// Bytes to look for at a known place: keys with their quotes and colon, which are short.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    bytes: Box<[u8]>,
    /// The first thirty-two bytes, and which of them do not count.
    head: [u8; WINDOW],
    beyond: [u8; WINDOW],
    stops: usize,
}

/// Bytes that are compared at once.
pub(crate) const WINDOW: usize = 32;

impl Needle {
    pub(crate) fn new(bytes: &[u8]) -> Needle {
        let short = bytes.len().min(WINDOW);
        let (mut head, mut beyond) = ([0; WINDOW], [0xff; WINDOW]);
        head[..short].copy_from_slice(&bytes[..short]);
        beyond[..short].fill(0);
        Needle { bytes: bytes.into(), head, beyond, stops: bytes.iter().filter(|byte| stops(**byte)).count() }
    }

    /// The place behind it, if `text` goes on with these bytes.
    #[inline(always)]
    pub(crate) fn behind(&self, text: &[u8], from: At) -> Option<At> {
        let rest = text.get(from.place()..)?;
        let there = match rest.first_chunk() {
            Some(window) if self.bytes.len() <= WINDOW => self.is_in(window),
            _ => rest.starts_with(&self.bytes),
        };
        there.then(|| from.over(self.bytes.len(), self.stops))
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn is_in(&self, window: &[u8; WINDOW]) -> bool {
        use std::arch::x86_64::*;
        let half = |at: usize| {
            // SAFETY: SSE2 is part of x86-64; `at` is 0 or 16, so the loads read within arrays of thirty-two bytes.
            unsafe {
                let load = |bytes: &[u8; WINDOW]| _mm_loadu_si128(bytes.as_ptr().add(at).cast());
                _mm_or_si128(_mm_cmpeq_epi8(load(window), load(&self.head)), load(&self.beyond))
            }
        };
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_and_si128(half(0), half(16))) == 0xffff }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    fn is_in(&self, window: &[u8; WINDOW]) -> bool {
        let differ = |place: usize| (window[place] ^ self.head[place]) & !self.beyond[place];
        (0..WINDOW).fold(0, |wrong, place| wrong | differ(place)) == 0
    }
}

/// What may stand at each place of a window: a byte of one range or of another.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    /// The first byte of either range, by place.
    pub(crate) low: [[u8; WINDOW]; 2],
    /// The last byte of either range, less the first.
    pub(crate) span: [[u8; WINDOW]; 2],
}

impl Ranges {
    /// Whether what may stand there stands at the first `counted` places of the window, at most all of them.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn hold(&self, window: &[u8; WINDOW], counted: usize) -> bool {
        use std::arch::x86_64::*;
        /// A window of it, from the right place on, has as many bytes that count.
        static COUNTED: [u8; 2 * WINDOW] = {
            let mut bytes = [0; 2 * WINDOW];
            let mut place = 0;
            while place < WINDOW {
                bytes[place] = 0xff;
                place += 1;
            }
            bytes
        };
        let Some(counts) = COUNTED[WINDOW - counted.min(WINDOW)..].first_chunk::<WINDOW>() else { return false };
        let half = |at: usize| {
            // SAFETY: SSE2 is part of x86-64; `at` is 0 or 16, so the loads read within arrays of thirty-two bytes.
            unsafe {
                let load = |bytes: &[u8; WINDOW]| _mm_loadu_si128(bytes.as_ptr().add(at).cast());
                let bytes = load(window);
                // Zero within the range: the subtraction stops there.
                let outside =
                    |which: usize| _mm_subs_epu8(_mm_sub_epi8(bytes, load(&self.low[which])), load(&self.span[which]));
                _mm_and_si128(_mm_min_epu8(outside(0), outside(1)), load(counts))
            }
        };
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let wrong = _mm_or_si128(half(0), half(16));
            _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff
        }
    }

    /// Whether what may stand there stands at the first `counted` places of the window, at most all of them.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn hold(&self, window: &[u8; WINDOW], counted: usize) -> bool {
        window.iter().take(counted).enumerate().all(|(place, byte)| self.allow(place, *byte))
    }

    /// Whether the byte may stand at the place.
    #[inline]
    pub(crate) fn allow(&self, place: usize, byte: u8) -> bool {
        (0..2).any(|which| byte.wrapping_sub(self.low[which][place]) <= self.span[which][place])
    }
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

    fn searched(text: &[u8]) -> Vec<usize> {
        text.iter().enumerate().filter(|(_, byte)| stops(**byte)).map(|(place, _)| place).collect()
    }

    /// What the engine lists, and that the end of the text follows.
    fn listed(engine: Engine, text: &[u8], marks: &mut Marks) -> Vec<usize> {
        let marked = marks.of(engine, text).unwrap();
        let all =
            (0..).map(|further| marked.stop(At::START, further)).take_while(|place| *place < text.len()).collect();
        let (within, behind) = marked.stops.split_at(Vec::len(&all));
        assert!(behind.iter().all(|place| *place as usize >= text.len()) && within.len() == all.len());
        assert_eq!(marked.stop(At::START, all.len()), text.len());
        all
    }

    proptest! {
        #[test]
        fn every_engine_lists_what_a_plain_search_finds(
            text in proptest::collection::vec(
                prop_oneof![16 => Just('a'), 8 => any::<char>(), 1 => Just('"'), 1 => Just('\\'), 1 => Just('\n')],
                0..300,
            ),
            quotes in 0_usize..200,
        ) {
            let mut marks = Marks::default();
            // A stretch of nothing but quotes: more stops in a block than are usually there.
            let text: String = "\"".repeat(quotes).chars().chain(text).collect();
            for engine in Engine::all() {
                prop_assert_eq!(listed(engine, text.as_bytes(), &mut marks), searched(text.as_bytes()), "{:?}", engine);
            }
            let marked = marks.of(Engine::best(), text.as_bytes()).unwrap();
            for place in 0..text.len() {
                let before = searched(text.as_bytes()).into_iter().filter(|stop| *stop < place).count();
                prop_assert_eq!(marked.later(At::START, place), At::START.over(place, before));
            }
        }

        #[test]
        fn a_needle_is_found_exactly_where_it_is(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'"')], 0..90),
            wanted in proptest::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'"')], 0..40),
            from in 0_usize..60,
        ) {
            let behind = At::START.over(from + wanted.len(), wanted.iter().filter(|byte| **byte == b'"').count());
            let there = text.get(from..).is_some_and(|rest| rest.starts_with(&wanted)).then_some(behind);
            prop_assert_eq!(Needle::new(&wanted).behind(&text, At::START.to(from)), there);
            let from = from.min(text.len());
            let mut with_it = text.clone();
            with_it.splice(from.., wanted.iter().copied().chain([b'x'; 40]));
            prop_assert!(Needle::new(&wanted).behind(&with_it, At::START.to(from)).is_some());
        }
    }

    proptest! {
        #[test]
        fn ranges_hold_where_each_byte_is_allowed(
            low in proptest::array::uniform2(proptest::array::uniform32(any::<u8>())),
            span in proptest::array::uniform2(proptest::array::uniform32(128_u8..)),
            window in proptest::array::uniform32(any::<u8>()),
            inside in 0..=WINDOW,
            counted in 0..=WINDOW,
        ) {
            let ranges = Ranges { low, span };
            let mut window = window;
            for place in 0..inside {
                window[place] = low[place % 2][place].wrapping_add(window[place] % span[place % 2][place]);
            }
            let each = window[..counted].iter().enumerate().all(|(place, byte)| ranges.allow(place, *byte));
            prop_assert_eq!(ranges.hold(&window, counted), each);
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
                    assert_eq!(listed(engine, &text, &mut Marks::default()), [distance], "{engine:?} {stop}");
                }
            }
        }
    }

    /// Whether every engine finds UTF-8 where the standard library does.
    fn agrees_on_utf_8(text: &[u8], marks: &mut Marks) {
        let is_utf_8 = std::str::from_utf8(text).is_ok();
        for engine in Engine::all() {
            assert_eq!(marks.of(engine, text).is_some(), is_utf_8, "{engine:?} {text:x?}");
        }
    }

    #[test]
    fn every_beginning_of_a_letter_is_told_from_what_is_none() {
        let mut marks = Marks::default();
        // At the start, within a lane, from lane to lane and from block to block; more of the text follows, or nothing.
        for (place, more) in [(0, 70), (13, 30), (47, 0), (61, 9), (62, 64), (63, 0)] {
            let mut text = vec![b'a'; place + 4 + more];
            for first in 0x80..=0xff_u8 {
                for second in (0..=0xff_u8).filter(|second| second & 0xf == 0 || second & 0xf == 0xf) {
                    for rest in [[0x80, 0xbf], [0xbf, b'a'], [b'a', 0x80], [b'a', b'a'], [0xc3, 0x9f]] {
                        text[place..place + 4].copy_from_slice(&[first, second, rest[0], rest[1]]);
                        agrees_on_utf_8(&text, &mut marks);
                        agrees_on_utf_8(&text[..place + 3], &mut marks);
                        agrees_on_utf_8(&text[..place + 2], &mut marks);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_damaged_text_is_utf_8_where_the_standard_library_says_so(
            text in proptest::collection::vec(prop_oneof![3 => Just('a'), 2 => any::<char>()], 0..120),
            place in 0_usize..480,
            byte in any::<u8>(),
            end in 0_usize..480,
        ) {
            let mut text = text.into_iter().collect::<String>().into_bytes();
            let mut marks = Marks::default();
            agrees_on_utf_8(&text, &mut marks);
            agrees_on_utf_8(&text[..end.min(text.len())], &mut marks);
            if let Some(there) = text.get_mut(place) {
                *there = byte;
            }
            agrees_on_utf_8(&text, &mut marks);
        }
    }

    #[test]
    fn eight_bytes_are_filled_up_at_the_end_of_a_text() {
        assert_eq!(eight(b"123456789", 1), u64::from_le_bytes(*b"23456789"));
        assert_eq!(eight(b"123", 1), u64::from_le_bytes(*b"23\0\0\0\0\0\0"));
        assert_eq!(eight(b"123", 7), 0);
    }
}

//! Fields of an instruction word, and masks.

/// RT, RS, BF's upper bits, BO, TO: bits 6-10.
#[inline]
pub(crate) fn rt(word: u32) -> usize {
    (word >> 21) as usize & 31
}

/// RA, BI: bits 11-15.
#[inline]
pub(crate) fn ra(word: u32) -> usize {
    (word >> 16) as usize & 31
}

/// RB, SH, NB: bits 16-20.
#[inline]
pub(crate) fn rb(word: u32) -> usize {
    (word >> 11) as usize & 31
}

/// RC, MB, BC: bits 21-25.
#[inline]
pub(crate) fn rc(word: u32) -> usize {
    (word >> 6) as usize & 31
}

/// ME: bits 26-30.
#[inline]
pub(crate) fn me(word: u32) -> u32 {
    (word >> 1) & 31
}

/// SI, D: bits 16-31 with sign.
#[inline]
pub(crate) fn si(word: u32) -> u64 {
    i64::from(word as i16).cast_unsigned()
}

/// UI: bits 16-31.
#[inline]
pub(crate) fn ui(word: u32) -> u64 {
    u64::from(word & 0xFFFF)
}

/// BF: bits 6-8.
#[inline]
pub(crate) fn bf(word: u32) -> usize {
    (word >> 23) as usize & 7
}

/// BFA: bits 11-13.
#[inline]
pub(crate) fn bfa(word: u32) -> usize {
    (word >> 18) as usize & 7
}

/// FC: bits 16-20, as a number.
#[inline]
pub(crate) fn fc(word: u32) -> u32 {
    (word >> 11) & 31
}

/// Six-bit shift of the MD and XS forms: bit 30, then bits 16-20.
#[inline]
pub(crate) fn sh6(word: u32) -> u32 {
    ((word << 4) & 32) | ((word >> 11) & 31)
}

/// Six-bit mask bound of the MD forms: bit 26, then bits 21-25.
#[inline]
pub(crate) fn mb6(word: u32) -> u32 {
    (word & 32) | ((word >> 6) & 31)
}

/// SPR: bits 11-20 with the halves swapped.
#[inline]
pub(crate) fn spr(word: u32) -> u32 {
    ((word >> 16) & 31) | ((word >> 6) & 0x3E0)
}

/// Bits `from` to `to` of a doubleword, numbered from the most significant; wraps when `from` is beyond `to`.
/// Power ISA Book I 3.3.14
#[inline]
pub(crate) fn mask(from: u32, to: u32) -> u64 {
    let (left, right) = (u64::MAX >> from, u64::MAX << (63 - to));
    if from <= to { left & right } else { left | right }
}

/// A word with sign as a doubleword.
#[inline]
pub(crate) fn extend(word: u64) -> u64 {
    i64::from(word as i32).cast_unsigned()
}

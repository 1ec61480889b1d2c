//! What the comparisons with other disassemblers share.

use hypercheck_ppc::row::{Group, Row};

/// Primary opcodes of the integer facility: no floating point, no vectors, no signal processing.
pub fn is_integer(word: u32) -> bool {
    matches!(word >> 26, 2 | 3 | 7 | 8 | 10..=21 | 23..=47 | 56 | 58 | 62)
}

/// The mnemonic of a word of this row, with the suffixes of its variants.
pub fn mnemonic(row: &Row, word: u32) -> String {
    let set = |bit: u32| word & row.variants & bit != 0;
    let mut name = row.name.to_owned();
    if set(0x400) {
        name.push('o');
    }
    if set(1) {
        name.push(if row.group == Group::Branch { 'l' } else { '.' });
    }
    if set(2) && row.absolute {
        name.push('a');
    }
    name
}

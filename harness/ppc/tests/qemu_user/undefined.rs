//! What the architecture leaves undefined, and instructions that make it defined again.
//!
//! The table is the core's, see [`Cpu::undefined_results`]. The generator puts those instructions after the one with the
//! undefined result, so that the next ones, and the comparison, see only what the architecture says. Forms that are
//! invalid as a whole are not generated.

use super::core::Core;
use super::target::Target;
use hypercheck_ppc::assemble;
use hypercheck_ppc::row::{Group, Row};
use hypercheck_ppc::undefined::When;

/// Bits of XER that the architecture defines on a target.
pub fn defined_xer(target: &Target) -> u64 {
    let write = assemble("mtxer r0", 0, &|_| None).expect("an instruction of every model")[0];
    !target.processor().undefined_results(write).xer & target.model.register_mask()
}

/// Whether the quotient of a division, whose remainder an instruction may be, can be represented.
pub fn has_quotient(word: u32, core: &Core) -> bool {
    !core.cpu.undefined_rows(word).any(|row| row.when.contains(&When::NoQuotient))
}

/// Whether an instruction reads the time base. It counts the host's time in QEMU, and instructions in the core.
fn reads_time(row: &Row, word: u32) -> bool {
    let number = word >> 16 & 31 | word >> 6 & 0x3E0;
    row.group == Group::Spr && row.name.starts_with("mf") && matches!(number, 268 | 269 | 526 | 527)
}

/// Whether the outcome of a word as a whole, or what it stores, is undefined in the present state.
pub fn is_invalid(word: u32, core: &Core) -> bool {
    let bits = core.cpu.undefined_results(word);
    bits.everything || bits.memory
}

/// Runs of bits that are 1 in the low word: first and last, counted from its most significant bit.
fn runs(bits: u32) -> Vec<(u32, u32)> {
    let set = |bit: &u32| bits >> (31 - bit) & 1 != 0;
    let first = (0..32).filter(|bit| set(bit) && (*bit == 0 || !set(&(bit - 1))));
    first.map(|first| (first, (first..32).take_while(set).last().unwrap_or(first))).collect()
}

/// Instructions that clear bits of a register.
fn clear(register: usize, bits: u64, wide: bool) -> Vec<String> {
    let upper = wide && bits >> 32 == 0xFFFF_FFFF;
    let low = bits as u32;
    if low == u32::MAX && (upper || !wide) {
        return vec![format!("addi r{register}, 0, 0")];
    }
    let mut lines = Vec::new();
    for (first, last) in runs(low) {
        // A mask that wraps around keeps all but the run; on 64 bits it makes a copy of the word in the upper half.
        let (begin, end) = ((last + 1) % 32, (first + 31) % 32);
        lines.push(format!("rlwinm r{register}, r{register}, 0, {begin}, {end}"));
    }
    assert!(!wide || upper || low == 0 && bits == 0, "{bits:#x} of r{register} cannot be cleared");
    if upper {
        lines.push(format!("rldicl r{register}, r{register}, 0, 32"));
    }
    lines
}

/// Instructions that give every undefined part of what `word` does in the present state a defined value.
pub fn settle(row: &Row, word: u32, core: &Core) -> Vec<u32> {
    let (mut bits, wide) = (core.cpu.undefined_results(word), core.target.is_wide());
    if reads_time(row, word) {
        bits.gpr[(word >> 21 & 31) as usize] = u64::MAX;
    }
    let mut lines = Vec::new();
    for (register, undefined) in bits.gpr.iter().enumerate().filter(|(_, undefined)| **undefined != 0) {
        lines.extend(clear(register, undefined & core.target.model.register_mask(), wide));
    }
    let field = |number: u32| bits.cr >> (28 - 4 * number) & 0xF;
    let undefined = (0..8).filter(|number| field(*number) != 0);
    let defined = (0..8).rev().find(|number| field(*number) == 0);
    lines.extend(undefined.zip(std::iter::repeat(defined)).map(|(field, defined)| {
        format!("mcrf cr{field}, cr{}", defined.expect("no instruction leaves the whole condition register undefined"))
    }));
    assemble(&lines.join("\n"), 0, &|_| None).expect("instructions of every model")
}

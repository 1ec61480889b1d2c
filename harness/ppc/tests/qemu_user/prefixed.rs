//! Prefixed instructions. Power ISA 3.1 Book I 1.6.3
//!
//! A pair of words lies in two places of a case, the prefix first. A branch to the suffix alone is one to another
//! instruction, which the generator takes as such.

use super::core::Core;
use super::layout::*;
use super::random::Random;
use hypercheck_ppc::Model;
use hypercheck_ppc::row::{Group, Kind, Prefixed, decode};
use hypercheck_ppc::table::{FIELDS, PREFIXED};

/// R: the address is relative to the instruction.
const RELATIVE: u64 = 1 << 52;

/// Every form that programs may execute on a model: with R and without, where there is an R.
pub fn forms(model: Model) -> Vec<(&'static Prefixed, u64)> {
    if model != Model::Power10 {
        return Vec::new();
    }
    let rows = PREFIXED.iter().filter(|row| !row.name.is_empty() && !row.group.is_stub());
    let relative = |row: &Prefixed| row.operands.iter().any(|operand| FIELDS[operand.field as usize].name == "Rpc");
    rows.flat_map(|row| [Some((row, 0)), relative(row).then_some((row, RELATIVE))]).flatten().collect()
}

/// Whether an instruction has an effective address.
pub fn reaches_memory(row: &Prefixed) -> bool {
    matches!(row.group, Group::Load | Group::Store)
}

/// The displacement, or immediate, of 34 bits.
fn displacement(word: u64) -> u64 {
    let joined = (word >> 32 & 0x3_FFFF) << 16 | word & 0xFFFF;
    ((joined << 30).cast_signed() >> 30).cast_unsigned()
}

/// What the displacement is added to.
fn base(word: u64, core: &Core) -> u64 {
    let register = (word >> 16 & 31) as usize;
    match (word & RELATIVE != 0, register) {
        (true, _) => core.cpu.pc,
        (false, 0) => 0,
        (false, _) => core.cpu.gpr[register],
    }
}

/// The effective address of an instruction that has one.
pub fn address(word: u64, core: &Core) -> u64 {
    core.cpu.effective(base(word, core).wrapping_add(displacement(word)))
}

/// Prefix and suffix of an instruction at the core's `pc`. Its memory operand is aimed at the scratch area, but for one in
/// 10, which is aimed where there is no memory.
pub fn draw(row: &Prefixed, relative: u64, core: &Core, random: &mut Random) -> [u32; 2] {
    let mut word = row.value | relative;
    for operand in row.operands {
        let field = &FIELDS[operand.field as usize];
        let bits = match (field.name, field.kind) {
            ("Rpc", _) => continue,
            ("RA0", _) if relative != 0 => 0,
            (_, Kind::Signed) => field.mask_long() & random.operand().rotate_left(random.below(2) as u32 * 16),
            _ => field.place_long(random.field(field.width()).into()),
        };
        word |= bits;
    }
    if row.name == "pnop" {
        word |= u64::from(suffix(random, core));
    }
    // A quadword is in an even register and the next.
    if matches!(row.name, "plq" | "pstq") {
        word &= !(1 << 21);
    }
    if reaches_memory(row) {
        let align = 1 << random.below(5);
        let wanted = if random.one_in(10) {
            HOLE.start + random.below(HOLE.end - HOLE.start)
        } else {
            SCRATCH + random.below((SCRATCH_SIZE - 128) / align + 1) * align
        };
        word = aim(word, wanted, core, random);
    }
    [(word >> 32) as u32, word as u32]
}

/// Changes RA and the displacement so that the address is the wanted one.
fn aim(word: u64, wanted: u64, core: &Core, random: &mut Random) -> u64 {
    for _ in 0..6 {
        let register = if word & RELATIVE != 0 { 0 } else { random.below(32) };
        let word = word & !(31 << 16) | register << 16;
        let offset = wanted.wrapping_sub(base(word, core)).cast_signed();
        if (-(1i64 << 33)..1 << 33).contains(&offset) {
            let offset = offset.cast_unsigned();
            return word & !0x0003_FFFF_0000_FFFF | (offset >> 16 & 0x3_FFFF) << 32 | offset & 0xFFFF;
        }
    }
    word
}

/// What follows the prefix of pnop: anything but a branch or what changes the context. Book I 3.3.20
fn suffix(random: &mut Random, core: &Core) -> u32 {
    loop {
        let word = random.bits() as u32;
        let opcode = word >> 26;
        let row = decode(word, core.target.model);
        let changes = row.is_some_and(|row| matches!(row.group, Group::Branch | Group::System | Group::Prefix));
        if !changes && !matches!(opcode, 0 | 1 | 16..=19) {
            return word;
        }
    }
}

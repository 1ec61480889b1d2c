//! An instruction with operands: what its fields hold, and where it reaches in memory.

use super::core::Core;
use super::layout::*;
use super::random::Random;
use hypercheck_ppc::row::{FieldInfo, Group, Kind, Operand, Privilege, Row};
use hypercheck_ppc::table::{FIELDS, SPRS};

/// Encodings of BO that are no reserved form: always, on a condition, on the count, on both. Power ISA Book I figure 40
const BRANCH_OPTIONS: [u32; 22] = [0, 2, 4, 6, 7, 8, 10, 12, 14, 15, 16, 18, 20, 24, 25, 26, 27, 20, 12, 4, 16, 18];

/// Function codes of lwat and ldat, and of stwat and stdat. Power ISA Book II 4.5
const FETCH_FUNCTIONS: [u32; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 25, 28];
/// See [`FETCH_FUNCTIONS`].
const STORE_FUNCTIONS: [u32; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 24];

fn info(operand: &Operand) -> &'static FieldInfo {
    &FIELDS[operand.field as usize]
}

/// The operand of that field.
fn find(row: &Row, names: &[&str]) -> Option<&'static FieldInfo> {
    row.operands.iter().map(info).find(|field| names.contains(&field.name))
}

/// Whether an instruction has an effective address.
pub fn reaches_memory(row: &Row) -> bool {
    if row.group == Group::Atomic {
        return find(row, &["RA0"]).is_some();
    }
    let registers = !matches!(
        row.group,
        Group::Arithmetic | Group::Compare | Group::Logical | Group::Rotate | Group::Trap | Group::Cr | Group::Spr
    );
    row.operands.iter().any(|operand| operand.memory)
        || registers && find(row, &["RA", "RA0"]).is_some() && find(row, &["RB", "NB"]).is_some()
}

/// Whether an instruction only tells the cache something, without an access. Power ISA Book II 4.3.2
pub fn is_hint(row: &Row) -> bool {
    row.group == Group::Cache && (row.name.starts_with("dcbt") || row.name == "icbt" || row.name == "dcba")
}

/// The displacement of a memory operand: its field and the field's value with sign and scale.
fn displacement(row: &Row, word: u32) -> Option<(&'static FieldInfo, u64)> {
    let base = row.operands.iter().position(|operand| operand.memory)?;
    let field = info(&row.operands[base.checked_sub(1)?]);
    let shift = 64 - field.width();
    let value = (u64::from(field.extract(word)) << shift).cast_signed() >> shift;
    Some((field, value.wrapping_mul(field.scale.into()).cast_unsigned()))
}

/// The value of RA, or zero where the instruction says so.
fn base(row: &Row, word: u32, core: &Core) -> u64 {
    let register = (word >> 16 & 31) as usize;
    if register == 0 && find(row, &["RA0"]).is_some() { 0 } else { core.cpu.gpr[register] }
}

/// The effective address of an instruction that has one.
pub fn address(row: &Row, word: u32, core: &Core) -> u64 {
    let offset = match displacement(row, word) {
        Some((_, offset)) => offset,
        None if find(row, &["RB"]).is_some() => core.cpu.gpr[(word >> 11 & 31) as usize],
        None => 0,
    };
    core.cpu.effective(base(row, word, core).wrapping_add(offset))
}

/// Whether an access there stays within the scratch area whatever its length, which is at most 128 bytes.
pub fn is_in_scratch(address: u64) -> bool {
    (SCRATCH..=SCRATCH + SCRATCH_SIZE - 128).contains(&address)
}

/// Registers that mfspr and mtspr name: mostly those a program has.
fn special(core: &Core, random: &mut Random, write: bool) -> u32 {
    let here = |name: &str| SPRS.iter().find(|row| row.models & core.target.model.bit() != 0 && row.name == name);
    let mut names = vec!["xer", "lr", "ctr", "lr", "ctr"];
    names.extend(core.target.held_registers().iter().map(|row| row.name));
    if !write {
        names.extend(["tb", "tbu"]);
    }
    // Registers of the supervisor that every model has: the privileged-instruction interrupt.
    if random.one_in(4) {
        names = vec!["srr0", "srr1", "sprg0", "sprg1", "dec"];
    }
    let name = random.pick(&names);
    u32::from(here(name).unwrap_or_else(|| panic!("no {name}")).number)
}

/// A word of the row with that choice of variants. Its memory operand, if it has one, is aimed at the scratch area, but
/// for one in 10. `index` is its place in the block.
pub fn draw(row: &Row, variants: u32, index: usize, slot: usize, core: &Core, random: &mut Random) -> u32 {
    let mut word = row.value | variants;
    let pc = code(slot) + 4 * index as u64;
    for operand in row.operands {
        let field = info(operand);
        let value = match (field.name, field.kind) {
            ("FXM", _) if row.value & 1 << 20 != 0 => 1 << random.below(8),
            ("L", _) if !core.target.is_wide() => 0,
            ("CY", _) => 0,
            ("FC", _) if row.name.starts_with('l') => random.pick(&FETCH_FUNCTIONS),
            ("FC", _) => random.pick(&STORE_FUNCTIONS),
            ("BO", _) => random.pick(&BRANCH_OPTIONS),
            ("TBR", _) => random.pick(&[268, 269]),
            ("SPR", _) => special(core, random, row.name.starts_with("mt")),
            (_, Kind::Relative) => {
                let target = target(index, slot, variants & 2 != 0 && row.absolute, field, random);
                let from = if variants & 2 != 0 && row.absolute { 0 } else { pc };
                (target.wrapping_sub(from) as u32 >> 2) & (((1u64 << field.width()) - 1) as u32)
            }
            _ => random.field(field.width()),
        };
        word |= field.place(value);
    }
    // A quadword is in an even register and the next.
    if matches!(row.name, "lq" | "stq" | "lqarx" | "stqcx.") {
        word &= !(1 << 21);
    }
    if reaches_memory(row) && !random.one_in(10) {
        word = aim(row, word, core, random).unwrap_or(word);
    }
    word
}

/// Where a branch goes: on in the block, a little back, or to its end.
fn target(index: usize, slot: usize, absolute: bool, field: &FieldInfo, random: &mut Random) -> u64 {
    if absolute && (field.width() < 24 || random.one_in(2)) {
        return NEAR_END;
    }
    let to = match random.below(4) {
        0 => index.saturating_sub(1 + random.below(4) as usize),
        _ => (index + 1 + random.below(4) as usize).min(WORDS),
    };
    code(slot) + 4 * to as u64
}

/// Changes RA and the displacement, or RA and RB, so that the address lies in the scratch area.
fn aim(row: &Row, word: u32, core: &Core, random: &mut Random) -> Option<u32> {
    let aligned = row.group == Group::Reservation || row.name.ends_with('q');
    let align = if aligned && !random.one_in(4) { 16 } else { 1 << random.below(5) };
    for _ in 0..6 {
        let register = random.below(32) as u32;
        let word = word & !(31 << 16) | register << 16;
        let base = base(row, word, core);
        if let Some((field, _)) = displacement(row, word) {
            let scale = u64::from(field.scale);
            let wanted = SCRATCH + random.below((SCRATCH_SIZE - 128) / align + 1) * align;
            let offset = wanted.wrapping_sub(base).cast_signed();
            let half = 1i64 << (field.width() - 1);
            let encoded = offset.div_euclid(scale as i64);
            if (-half..half).contains(&encoded) {
                let word = word & !field.mask() | field.place(encoded as u32 & ((1u64 << field.width()) - 1) as u32);
                if is_in_scratch(address(row, word, core)) {
                    return Some(word);
                }
            }
        } else if find(row, &["RB"]).is_some() {
            let start = random.below(32) as u32;
            for step in 0..32 {
                let word = word & !(31 << 11) | ((start + step) & 31) << 11;
                let address = address(row, word, core);
                if is_in_scratch(address) && address.is_multiple_of(align) {
                    return Some(word);
                }
            }
        } else if is_in_scratch(core.cpu.effective(base)) {
            return Some(word);
        }
    }
    None
}

/// Whether programs may execute the row's instruction on the core's model, and it is more than a stub of a facility that
/// the core does not have.
pub fn is_open(row: &Row, core: &Core) -> bool {
    let stub = row.group.is_stub();
    !row.name.is_empty() && !stub && row.privilege == Privilege::Problem && row.models & core.target.model.bit() != 0
}

//! Instructions for the PowerPC core, from bytes.

use arbitrary::{Result, Unstructured};
use hypercheck_ppc::row::{FieldInfo, Kind, Row};
use hypercheck_ppc::table::{FIELDS, ROWS, SPRS};
use hypercheck_ppc::{Cpu, Memory, Model, Overlay, ReservedBits, Translation, disassemble, msr};

/// Bytes of memory that a stream has.
pub(super) const MEMORY: usize = 0x1_0000;
/// Where its instructions are.
const CODE: u64 = 0x4000;
/// Where the vectors of BookE are, one every 16 bytes.
const IVORS: u32 = 0x1800;

/// A processor's state, and instructions to execute in it.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The processor before the first instruction.
    pub cpu: Cpu,
    /// The instructions.
    pub words: Vec<u32>,
    /// An instruction for all vectors; none for zeroes, which are illegal.
    pub handler: Option<u32>,
    /// How many instructions to run at a time when they are run in pieces.
    pub piece: u64,
}

impl Stream {
    /// Draws a stream: a model, a state in which much can happen, one to 24 instructions.
    ///
    /// # Errors
    /// [`arbitrary::Error`] where the bytes cannot be used; too few bytes are no error.
    pub fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let model = *u.choose(&Model::ALL)?;
        let piece = u.int_in_range(1..=9)?;
        let cpu = processor(u, model)?;
        let returns = ["rfi", "rfid", "hrfid"];
        let handler = match u.int_in_range(0..=3u8)? {
            0 => None,
            1 => Some(instruction(u, model)?),
            _ => row(|row| row.models & model.bit() != 0 && returns.contains(&row.name)).map(|row| row.value),
        };
        let count = u.int_in_range(1..=24usize)?;
        let words = (0..count).map(|_| instruction(u, model)).collect::<Result<_>>()?;
        Ok(Self { cpu, words, handler, piece })
    }

    /// Writes instructions and vectors to an otherwise empty memory.
    pub(super) fn load(&self, memory: &mut Memory) {
        let mut write = |at: u64, word: u32| {
            let written = memory.write_u32(at, word, self.cpu.is_big_endian());
            debug_assert!(written.is_ok(), "{at:#x} lies in memory");
        };
        for (at, word) in (CODE..).step_by(4).zip(&self.words) {
            write(at, *word);
        }
        if let Some(word) = self.handler {
            let vectors = if self.cpu.model.is_embedded() { IVORS.into()..IVORS as u64 + 0x300 } else { 0x100..0x1000 };
            vectors.step_by(if self.cpu.model.is_embedded() { 16 } else { 0x80 }).for_each(|at| write(at, word));
        }
    }

    /// The stream for a person: the model, registers that are not zero, and the instructions.
    #[must_use]
    pub fn show(&self) -> String {
        use std::fmt::Write as _;
        let cpu = &self.cpu;
        let mut text = format!("{:?}, msr {:#x}, lpcr {:#x}, {} at a time\n", cpu.model, cpu.msr, cpu.lpcr, self.piece);
        for (n, value) in cpu.gpr.iter().enumerate().filter(|(_, value)| **value != 0) {
            let _ = writeln!(text, "r{n} {value:#x}");
        }
        let _ = writeln!(
            text,
            "cr {:#x} xer {:#x} lr {:#x} ctr {:#x} dec {:#x}",
            cpu.cr, cpu.xer, cpu.lr, cpu.ctr, cpu.dec
        );
        for (at, word) in (CODE..).step_by(4).zip(&self.words) {
            let _ = writeln!(text, "{at:#x}: {word:08x} {}", disassemble(*word, at));
        }
        text
    }
}

fn row(fits: impl Fn(&Row) -> bool) -> Option<&'static Row> {
    ROWS.iter().find(|row| fits(row))
}

/// An instruction of the model, rarely any word at all.
fn instruction(u: &mut Unstructured<'_>, model: Model) -> Result<u32> {
    if u.ratio(1, 16)? {
        return u.arbitrary();
    }
    let start = u.choose_index(ROWS.len())?;
    let (before, after) = ROWS.split_at(start);
    let row = after.iter().chain(before).find(|row| row.models & model.bit() != 0);
    let Some(row) = row else { return u.arbitrary() };
    let mut word = row.value | u.arbitrary::<u32>()? & row.variants;
    for operand in row.operands {
        let field = &FIELDS[operand.field as usize];
        word = word & !field.mask() | field.place(field_value(u, field)?);
    }
    if u.ratio(1, 32)? {
        word ^= 1 << u.int_in_range(0..=31u32)?;
    }
    Ok(word)
}

fn field_value(u: &mut Unstructured<'_>, field: &FieldInfo) -> Result<u32> {
    Ok(match field.kind {
        // Few registers, so that instructions see each other's results.
        Kind::Gpr | Kind::Gpr0 => u.int_in_range(0..=7)?,
        Kind::Relative => u.int_in_range(-6..=6i32)?.cast_unsigned(),
        Kind::Spr if u.ratio(7, 8)? => u.choose(&SPRS)?.number.into(),
        Kind::Signed | Kind::Wrapped => match u.int_in_range(0..=2u8)? {
            0 => u.int_in_range(-16..=16i32)?.cast_unsigned(),
            1 => *u.choose(&[0x7FFF, 0x8000, 0xFFFF, 0x7F, 0x80])?,
            _ => u.arbitrary()?,
        },
        _ => u.arbitrary()?,
    })
}

fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=7u8)? {
        0 => 0,
        1 => u.int_in_range(0..=0x40)?,
        2..=4 => u.int_in_range(0x2000..=MEMORY as u64 + 0x10)?,
        5 => *u.choose(&[u64::MAX, 1 << 63, (1 << 63) - 1, 0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF, 1 << 32])?,
        _ => u.arbitrary()?,
    })
}

fn processor(u: &mut Unstructured<'_>, model: Model) -> Result<Cpu> {
    let mut cpu = Cpu::new(model);
    let mask = model.register_mask();
    for n in 0..8 {
        cpu.gpr[n] = number(u)? & mask;
    }
    cpu.cr = u.arbitrary()?;
    cpu.xer = u64::from(u.arbitrary::<u32>()? & 0xE00C_007F);
    cpu.lr = number(u)? & mask;
    cpu.ctr = number(u)? & mask;
    cpu.srr0 = number(u)? & mask & !3;
    cpu.pc = CODE;
    cpu.dec = if u.arbitrary()? { u.int_in_range(0..=64)? } else { 0x7FFF_FFFF };
    cpu.stop_on_interrupt = u.arbitrary()?;
    cpu.external_pending = u.ratio(1, 8)?;
    if model.is_embedded() {
        for (n, vector) in (IVORS..).step_by(16).take(cpu.ivor.len()).enumerate() {
            cpu.ivor[n] = vector;
        }
    }
    let flips = match u.int_in_range(0..=3u8)? {
        0 | 1 => 0,
        2 => *u.choose(&[msr::PR, msr::LE, msr::SF, msr::EE, msr::IR | msr::DR, msr::SE, msr::FP, msr::HV])?,
        _ => u.arbitrary()?,
    };
    cpu.msr ^= flips & model.msr_bits();
    cpu.srr1 = if u.arbitrary()? { cpu.msr } else { u.arbitrary()? };
    cpu.srr1 &= mask;
    if model.is_server() && u.ratio(1, 4)? {
        cpu.lpcr = u.arbitrary()?;
        cpu.fscr = u.arbitrary()?;
    }
    if u.ratio(1, 8)? {
        cpu.translation = Translation::None;
    }
    if u.ratio(1, 8)? {
        cpu.reserved_bits = ReservedBits::Ignored;
    }
    if u.ratio(1, 8)? {
        cpu.overlay = Some(Overlay::new(number(u)? & mask, number(u)? & mask, u.arbitrary()?));
    }
    Ok(cpu)
}

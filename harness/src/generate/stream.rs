//! Instructions for the PowerPC core, from bytes.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use hypercheck_ppc::row::{FieldInfo, Kind, Row};
use hypercheck_ppc::table::{FIELDS, PREFIXED, ROWS, SPRS, Spr};
use hypercheck_ppc::{Cpu, Hypervisor, Memory, Model, Overlay, ReservedBits, SlbEntry, Translation, disassemble, msr};

/// Bytes of memory that a stream has without a page table.
const SMALL: usize = 0x1_0000;
/// Where the hashed page table is, and how much memory a stream has with it.
const TABLE: u64 = 0x4_0000;
const LARGE: usize = 0x8_0000;
/// Where its instructions are.
const CODE: u64 = 0x4000;
/// Where the partition table is, which says from 3.0 on where the page table is.
const PARTITION: u64 = 0x3000;
/// The first segment.
const VSID: u64 = 0x2_3456;
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
    /// How many instructions to run at most; it may loop.
    pub budget: u64,
    /// What a hashed page table at [`TABLE`] holds at first: entry and its two words or doublewords.
    pub table: Vec<(u64, u64, u64)>,
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
        let mut words = Vec::with_capacity(count);
        while words.len() < count {
            match model {
                Model::Power10 if u.ratio(1, 8)? => words.extend(prefixed(u)?),
                _ => words.push(instruction(u, model)?),
            }
        }
        if u.arbitrary()? {
            // bdnz to the first: the rest is a loop.
            words.push(16 << 26 | 16 << 21 | (4 * words.len() as u32).wrapping_neg() & 0xFFFC);
        }
        // A budget below two pages of instructions is watched more closely by the run loop.
        let budget = *u.choose(&[256, 256, 256, 4000])?;
        let table = if cpu.translation == Translation::Tables { page_table(u, &cpu)? } else { Vec::new() };
        Ok(Self { cpu, words, handler, piece, budget, table })
    }

    /// Bytes of memory it has.
    pub(super) fn memory(&self) -> usize {
        if self.cpu.translation == Translation::Tables { LARGE } else { SMALL }
    }

    /// Writes instructions and vectors to an otherwise empty memory.
    pub(super) fn load(&self, memory: &mut Memory) {
        let big_endian = self.cpu.is_big_endian();
        let write = |memory: &mut Memory, at: u64, word: u32| {
            let written = memory.write_u32(at, word, big_endian);
            debug_assert!(written.is_ok(), "{at:#x} lies in memory");
        };
        for (at, word) in (CODE..).step_by(4).zip(&self.words) {
            write(memory, at, *word);
        }
        let wide = self.cpu.model.is_server();
        if !self.table.is_empty() && self.cpu.model.is_v30() {
            let written = memory.write_u64(PARTITION, TABLE, true);
            debug_assert!(written.is_ok(), "{PARTITION:#x} lies in memory");
        }
        for &(entry, first, second) in &self.table {
            let (at, length) = if wide { (TABLE + 16 * entry, 8) } else { (TABLE + 8 * entry, 4) };
            for (at, value) in [(at, first), (at + length as u64, second)] {
                let written = memory.write_number(at, length, value, true);
                debug_assert!(written.is_ok(), "{at:#x} lies in memory");
            }
        }
        if let Some(word) = self.handler {
            let vectors = if self.cpu.model.is_embedded() { IVORS.into()..IVORS as u64 + 0x300 } else { 0x100..0x1000 };
            vectors
                .step_by(if self.cpu.model.is_embedded() { 16 } else { 0x80 })
                .for_each(|at| write(memory, at, word));
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

/// See [`instruction`].
const COMMON: [&str; 28] = [
    "lwz", "ld", "lbz", "lha", "lwzx", "ldx", "lwzu", "stw", "std", "stb", "sth", "stwx", "stdx", "stwu", "addi",
    "ori", "xori", "andi.", "add", "cmpi", "cmpli", "cmp", "bc", "b", "rlwinm", "mtspr", "slbie", "tlbie",
];

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
    let mut rows = after.iter().chain(before).filter(|row| row.models & model.bit() != 0);
    // What loops and their translations are made of comes more often.
    let row = if u.arbitrary()? { rows.find(|row| COMMON.contains(&row.name)) } else { rows.next() };
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

/// Prefix and suffix of a prefixed instruction.
fn prefixed(u: &mut Unstructured<'_>) -> Result<[u32; 2]> {
    let row = u.choose(&PREFIXED)?;
    let mut word = row.value;
    for operand in row.operands {
        let field = &FIELDS[operand.field as usize];
        word |= field.place_long(match field.width() {
            // A displacement to near the code, or any.
            34 if u.ratio(7, 8)? => u64::from(u.int_in_range(0..=0x3000u32)?),
            34 => u.arbitrary()?,
            _ => field_value(u, field)?.into(),
        });
    }
    if u.ratio(1, 32)? {
        word ^= 1 << u.int_in_range(0..=63u32)?;
    }
    Ok([(word >> 32) as u32, word as u32])
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
        2 | 3 => u.int_in_range(0x2000..=0x1_0010)?,
        4 if u.arbitrary()? => CODE + u.int_in_range(0..=0x60)?,
        // The entry of a page in the table, of either width.
        4 => {
            let (page, shift) = (u.int_in_range(0..=15)?, u.int_in_range(6..=7)?);
            group(page, shift) + *u.choose(&[0, 4, 8, 12])?
        }
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
        2 => {
            let states = [msr::PR, msr::LE, msr::SF, msr::EE, msr::IR | msr::DR, msr::SE, msr::FP, msr::HV, msr::GS];
            *u.choose(&states)?
        }
        _ => u.arbitrary()?,
    };
    cpu.msr ^= flips & model.msr_bits();
    cpu.srr1 = if u.arbitrary()? { cpu.msr } else { u.arbitrary()? };
    cpu.srr1 &= mask;
    if model.is_server() && u.ratio(1, 4)? {
        cpu.lpcr = u.arbitrary()?;
        cpu.fscr = u.arbitrary()?;
    }
    cpu.hypervisor = *u.choose(&[Hypervisor::Harness, Hypervisor::Harness, Hypervisor::Caller, Hypervisor::Guest])?;
    if u.ratio(1, 4)? {
        cpu.tcr = u.arbitrary()?;
        cpu.hid0 = u.arbitrary::<u64>()? & mask;
        for _ in 0..3 {
            // Any other register too; those that do not exist are left alone.
            let row = u.choose(&SPRS)?;
            let value = number(u)?;
            if row.models & model.bit() != 0 && row.spr != Spr::Tbu40 {
                cpu.set_spr(row.spr, if row.bits == 32 { value & 0xFFFF_FFFF } else { value });
            }
        }
        cpu.tb = u.arbitrary()?;
    }
    match u.int_in_range(0..=7u8)? {
        0 => cpu.translation = Translation::None,
        1 | 2 => translate(u, &mut cpu)?,
        _ => {}
    }
    if u.ratio(1, 8)? {
        cpu.reserved_bits = ReservedBits::Ignored;
    }
    if u.ratio(1, 8)? {
        cpu.overlay = Some(Overlay::new(number(u)? & mask, number(u)? & mask, u.arbitrary()?));
    }
    Ok(cpu)
}

/// Turns translation by tables on, with a table at [`TABLE`] and, elsewhere, whatever finds something in it.
fn translate(u: &mut Unstructured<'_>, cpu: &mut Cpu) -> Result<()> {
    cpu.translation = Translation::Tables;
    if u.ratio(7, 8)? {
        cpu.msr |= (msr::IR | msr::DR) & cpu.model.msr_bits();
    }
    cpu.set_spr(Spr::Sdr1, TABLE);
    cpu.set_spr(Spr::Ptcr, PARTITION);
    for (n, entry) in cpu.slb.iter_mut().take(2).enumerate() {
        let flags = if u.ratio(1, 4)? { u.arbitrary::<u64>()? & 0xFF0 } else { 0 };
        *entry = SlbEntry { esid: (n as u64) << 28 | SlbEntry::VALID, vsid: (VSID + n as u64) << 12 | flags };
    }
    cpu.sr = [VSID as u32 | if u.ratio(1, 8)? { u.arbitrary::<u32>()? & 0x7000_0000 } else { 0 }; 16];
    if u.ratio(1, 4)? {
        // A block from 0 for the classic models.
        cpu.set_spr(Spr::Dbat0u, 0x1F);
        cpu.set_spr(Spr::Dbat0l, u64::from(u.arbitrary::<u8>()? & 0x7B));
        cpu.set_spr(Spr::Ibat0u, 0x1F);
        cpu.set_spr(Spr::Ibat0l, 2);
    }
    if cpu.model.is_embedded() {
        // Memory up to 1 MiB in both address spaces, not always with all rights.
        for (number, space) in [0, 1 << 12].into_iter().enumerate() {
            let rights = if u.ratio(1, 4)? { u.arbitrary::<u64>()? & 0x3F } else { 0x3F };
            cpu.mas = [1 << 28 | (number as u64) << 16, 0x8000_0500 | space, 0, rights, 0, 0, 0, 0];
            cpu.write_tlb();
        }
    }
    Ok(())
}

/// Real address of the group of entries for a page: of 2 to the power of `shift` bytes.
fn group(page: u64, shift: u32) -> u64 {
    TABLE + (((VSID ^ page) << shift) & 0x3_FFFF >> (7 - shift))
}

/// Entries that map the first pages, most of them to themselves, and the pages in which these entries are.
fn page_table(u: &mut Unstructured<'_>, cpu: &Cpu) -> Result<Vec<(u64, u64, u64)>> {
    if cpu.model.is_embedded() {
        return Ok(Vec::new());
    }
    let mut table: Vec<(u64, u64, u64)> = Vec::new();
    let (shift, size) = if cpu.model.is_server() { (7, 16) } else { (6, 8) };
    let mut enter = |page: u64, real: u64, bits: u64| {
        let first = (group(page, shift) - TABLE) / size;
        let entry = (first..first + 8).find(|entry| table.iter().all(|(taken, ..)| taken != entry)).unwrap_or(first);
        table.push(if cpu.model.is_server() {
            (entry, (VSID << 5 | page >> 11 & 0x1F) << 7 | 1, real << 12 | bits)
        } else {
            (entry, 1 << 31 | VSID << 7 | page >> 10 & 0x3F, real << 12 | bits)
        });
    };
    for page in 0..16 {
        let real = if u.ratio(1, 8)? { u.int_in_range(0..=0x7F)? } else { page };
        let bits = if u.ratio(1, 4)? { u.arbitrary::<u64>()? & 0x1FF } else { 2 };
        enter(page, real, bits);
    }
    for page in (0..16).map(|page| group(page, shift) >> 12).collect::<BTreeSet<_>>() {
        enter(page, page, 2);
    }
    Ok(table)
}

//! Execution of predecoded instructions, within one page, without looking up.
//!
//! Whatever is unusual (an unaligned access, a page not seen before, an instruction that may raise an interrupt and does)
//! ends the burst before that instruction, with nothing of it done.

use crate::cpu::{Cpu, XER_SO};
use crate::execute::{Outcome, Step};
use crate::fast::WORDS;
use crate::fast::predecode::{Action as A, Decoded, fused_target};
use crate::fast::translations::Translations;
use crate::memory::BLOCK;
use crate::row::Group;

/// Widths of registers and addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// 64-bit mode.
    Wide,
    /// A 64-bit processor in 32-bit mode.
    Cut,
    /// A 32-bit processor.
    Narrow,
}

const WIDE: u8 = Mode::Wide as u8;
const CUT: u8 = Mode::Cut as u8;
const NARROW: u8 = Mode::Narrow as u8;

/// Why a burst ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// `pc` is in another page, or the page is at its end.
    Page,
    /// The instruction has not been worked out.
    Unknown,
    /// The instruction is left to the single step.
    Step,
    /// A load from a page that has no entry.
    Load(u64),
    /// A store to a page that has no entry.
    Store(u64),
    /// The quantum is used up, or `until` is reached.
    Budget,
}

/// What a burst works on.
pub(crate) struct Burst<'a> {
    pub(crate) cpu: &'a mut Cpu,
    pub(crate) bytes: &'a mut [u8],
    /// Blocks to which stores are left to the single step.
    pub(crate) care: &'a [u8],
    pub(crate) words: &'a [Decoded; WORDS],
    pub(crate) translations: &'a Translations,
    pub(crate) big_endian: bool,
    /// Effective address of the page.
    pub(crate) base: u64,
    /// Instructions that may be executed.
    pub(crate) left: u64,
    /// Number of the instruction to stop before.
    pub(crate) until: Option<usize>,
}

impl Burst<'_> {
    /// Executes from instruction number `start`; `pc` and `left` are up to date afterwards.
    pub(crate) fn run(&mut self, mode: Mode, start: usize) -> Pause {
        // A straight line cannot be longer than the page, so that only jumps need to look at what is left.
        let exact = self.until.is_some() || self.left < 2 * WORDS as u64;
        match (mode, exact) {
            (Mode::Wide, false) => self.execute::<WIDE, false>(start),
            (Mode::Wide, true) => self.execute::<WIDE, true>(start),
            (Mode::Cut, false) => self.execute::<CUT, false>(start),
            (Mode::Cut, true) => self.execute::<CUT, true>(start),
            (Mode::Narrow, false) => self.execute::<NARROW, false>(start),
            (Mode::Narrow, true) => self.execute::<NARROW, true>(start),
        }
    }

    /// With `EXACT`, every instruction looks at `left` and `until`.
    #[expect(clippy::too_many_lines, reason = "one arm an action")]
    fn execute<const MODE: u8, const EXACT: bool>(&mut self, start: usize) -> Pause {
        let Self { care, translations, words, big_endian, base, .. } = *self;
        let cpu = &mut *self.cpu;
        let bytes = &mut *self.bytes;
        let until = self.until.unwrap_or(WORDS);
        let budget = self.left;
        // Jumps stop where a straight line to the end of the page might use up the budget.
        let limit = if EXACT { budget } else { budget - WORDS as u64 };
        let mut done: u64 = 0;
        let mut index = start;
        // The first instruction since the last jump, from which what was done is counted.
        let mut line = start;

        macro_rules! set {
            ($register:expr, $value:expr) => {{
                let value: u64 = $value;
                cpu.gpr[usize::from($register & 31)] = if MODE == NARROW { value & 0xFFFF_FFFF } else { value };
            }};
        }
        macro_rules! get {
            ($register:expr) => {
                cpu.gpr[usize::from($register & 31)]
            };
        }
        macro_rules! cut {
            ($address:expr) => {{
                let address: u64 = $address;
                if MODE == WIDE { address } else { address & 0xFFFF_FFFF }
            }};
        }
        macro_rules! jump {
            ($target:expr, $length:expr) => {{
                done += (index - line) as u64 + $length;
                index = $target;
                line = index;
                if done >= limit {
                    break Pause::Budget;
                }
                continue;
            }};
        }
        macro_rules! leave {
            ($target:expr) => {{
                let target: u64 = $target;
                if target & !(4 * WORDS as u64 - 1) == base {
                    jump!(target as usize / 4 % WORDS, 1);
                }
                self.left = budget - (done + (index - line) as u64 + 1);
                cpu.pc = target;
                return Pause::Page;
            }};
        }
        macro_rules! compare {
            ($decoded:expr, $kind:ty, $a:expr, $b:expr, $branch:literal) => {{
                let (a, b) = ($a as $kind, $b as $kind);
                let order = u32::from(a < b) << 3 | u32::from(a > b) << 2 | u32::from(a == b) << 1;
                let field = order | u32::from(cpu.xer & XER_SO != 0);
                let shift = $decoded.d & 28;
                cpu.cr = cpu.cr & !(0xF << shift) | field << shift;
                if $branch && !EXACT {
                    if let Some(target) = fused_target($decoded.immediate, field) {
                        jump!(target, 2);
                    }
                    index += 2;
                    continue;
                }
            }};
        }
        macro_rules! load {
            ($decoded:expr, $address:expr, $length:literal, $kind:ty, $update:literal) => {{
                let address = cut!($address);
                let Some(at) = translations.load::<$length>(address) else {
                    break if address.is_multiple_of($length) { Pause::Load(address) } else { Pause::Step };
                };
                let Some(raw) = bytes.get(at..at.wrapping_add($length)).and_then(|raw| raw.try_into().ok()) else {
                    break Pause::Step;
                };
                let value = if big_endian { <$kind>::from_be_bytes(raw) } else { <$kind>::from_le_bytes(raw) };
                set!($decoded.d, i64::from(value as i64) as u64);
                if $update {
                    set!($decoded.a, address);
                }
            }};
        }
        macro_rules! store {
            ($decoded:expr, $address:expr, $length:literal, $kind:ty, $update:literal) => {{
                let address = cut!($address);
                let Some(at) = translations.store::<$length>(address) else {
                    break if address.is_multiple_of($length) { Pause::Store(address) } else { Pause::Step };
                };
                if care.get(at / BLOCK) != Some(&0) {
                    break Pause::Step;
                }
                let value = get!($decoded.d) as $kind;
                let raw = if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
                let Some(place) = bytes.get_mut(at..at.wrapping_add($length)) else { break Pause::Step };
                place.copy_from_slice(&raw);
                if $update {
                    set!($decoded.a, address);
                }
            }};
        }
        macro_rules! displaced {
            ($decoded:expr) => {
                get!($decoded.a).wrapping_add(signed($decoded.immediate))
            };
        }
        macro_rules! indexed {
            ($decoded:expr) => {
                get!($decoded.a).wrapping_add(get!($decoded.b))
            };
        }

        let pause = loop {
            let Some(decoded) = words.get(index) else { break Pause::Page };
            if EXACT && (index == until || done + (index - line) as u64 >= budget) {
                break Pause::Budget;
            }
            let m = *decoded;
            match m.action {
                A::Unknown => break Pause::Unknown,
                A::Step => break Pause::Step,
                A::Row => {
                    cpu.pc = cut!(base + 4 * index as u64);
                    match cpu.compute(&m) {
                        Ok(Step::Next) => {}
                        Ok(Step::Jump(target)) => leave!(target),
                        _ => break Pause::Step,
                    }
                }
                A::Nothing => {}
                A::Constant => set!(m.d, signed(m.immediate)),
                A::AddImmediate => set!(m.d, get!(m.a).wrapping_add(signed(m.immediate))),
                A::MultiplyImmediate => set!(m.d, get!(m.a).wrapping_mul(signed(m.immediate))),
                A::OrImmediate => set!(m.d, get!(m.a) | u64::from(m.immediate)),
                A::XorImmediate => set!(m.d, get!(m.a) ^ u64::from(m.immediate)),
                A::AndImmediateDot => {
                    let value = get!(m.a) & u64::from(m.immediate);
                    set!(m.d, value);
                    cpu.record(value);
                }
                A::Add => set!(m.d, indexed!(m)),
                A::Subf => set!(m.d, get!(m.b).wrapping_sub(get!(m.a))),
                A::Neg => set!(m.d, get!(m.a).wrapping_neg()),
                A::Mulld => set!(m.d, get!(m.a).wrapping_mul(get!(m.b))),
                A::Mullw => {
                    let product = i64::from(get!(m.a) as i32) * i64::from(get!(m.b) as i32);
                    set!(m.d, product.cast_unsigned());
                }
                A::And => set!(m.d, get!(m.a) & get!(m.b)),
                A::Andc => set!(m.d, get!(m.a) & !get!(m.b)),
                A::Or => set!(m.d, get!(m.a) | get!(m.b)),
                A::Xor => set!(m.d, get!(m.a) ^ get!(m.b)),
                A::Nor => set!(m.d, !(get!(m.a) | get!(m.b))),
                A::Extsb => set!(m.d, i64::from(get!(m.a) as i8).cast_unsigned()),
                A::Extsh => set!(m.d, i64::from(get!(m.a) as i16).cast_unsigned()),
                A::Extsw => set!(m.d, signed(get!(m.a) as u32)),
                A::Slw => set!(m.d, (get!(m.a) as u32).checked_shl(get!(m.b) as u32 & 63).unwrap_or(0).into()),
                A::Srw => set!(m.d, (get!(m.a) as u32).checked_shr(get!(m.b) as u32 & 63).unwrap_or(0).into()),
                A::Sld => set!(m.d, get!(m.a).checked_shl(get!(m.b) as u32 & 127).unwrap_or(0)),
                A::Srd => set!(m.d, get!(m.a).checked_shr(get!(m.b) as u32 & 127).unwrap_or(0)),
                A::RotateClearLeft => {
                    set!(m.d, get!(m.a).rotate_left(m.b.into()) & (u64::MAX >> (m.immediate & 63)));
                }
                A::RotateClearRight => {
                    set!(m.d, get!(m.a).rotate_left(m.b.into()) & (u64::MAX << (63 - (m.immediate & 63))));
                }
                A::RotateWord => {
                    set!(m.d, u64::from((get!(m.a) as u32).rotate_left(m.b.into()) & m.immediate));
                }
                A::CompareWord => compare!(m, i32, get!(m.a), get!(m.b), false),
                A::CompareDouble => compare!(m, i64, get!(m.a), get!(m.b), false),
                A::CompareLogicalWord => compare!(m, u32, get!(m.a), get!(m.b), false),
                A::CompareLogicalDouble => compare!(m, u64, get!(m.a), get!(m.b), false),
                A::CompareWordImmediate => compare!(m, i32, get!(m.a), m.immediate as i16, false),
                A::CompareDoubleImmediate => compare!(m, i64, get!(m.a), m.immediate as i16, false),
                A::CompareLogicalWordImmediate => compare!(m, u32, get!(m.a), m.immediate as u16, false),
                A::CompareLogicalDoubleImmediate => compare!(m, u64, get!(m.a), m.immediate as u16, false),
                A::CompareWordBranch => compare!(m, i32, get!(m.a), get!(m.b), true),
                A::CompareDoubleBranch => compare!(m, i64, get!(m.a), get!(m.b), true),
                A::CompareLogicalWordBranch => compare!(m, u32, get!(m.a), get!(m.b), true),
                A::CompareLogicalDoubleBranch => compare!(m, u64, get!(m.a), get!(m.b), true),
                A::CompareWordImmediateBranch => compare!(m, i32, get!(m.a), m.immediate as i16, true),
                A::CompareDoubleImmediateBranch => compare!(m, i64, get!(m.a), m.immediate as i16, true),
                A::CompareLogicalWordImmediateBranch => compare!(m, u32, get!(m.a), m.immediate as u16, true),
                A::CompareLogicalDoubleImmediateBranch => compare!(m, u64, get!(m.a), m.immediate as u16, true),
                A::Branch => jump!(m.immediate as usize, 1),
                A::BranchLink => {
                    cpu.lr = cut!(base + 4 * (index as u64 + 1));
                    jump!(m.immediate as usize, 1);
                }
                A::BranchTrue => {
                    if cpu.cr >> (m.d & 31) & 1 != 0 {
                        jump!(m.immediate as usize, 1);
                    }
                }
                A::BranchFalse => {
                    if cpu.cr >> (m.d & 31) & 1 == 0 {
                        jump!(m.immediate as usize, 1);
                    }
                }
                A::BranchDecrement => {
                    let count = cpu.ctr.wrapping_sub(1);
                    cpu.ctr = if MODE == NARROW { count & 0xFFFF_FFFF } else { count };
                    if cut!(count) != 0 {
                        jump!(m.immediate as usize, 1);
                    }
                }
                A::BranchToLink => leave!(cut!(cpu.lr & !3)),
                A::BranchToCount => leave!(cut!(cpu.ctr & !3)),
                A::MoveFromLink => set!(m.d, cpu.lr),
                A::MoveToLink => cpu.lr = get!(m.d),
                A::MoveFromCount => set!(m.d, cpu.ctr),
                A::MoveToCount => cpu.ctr = get!(m.d),
                A::LoadByte => load!(m, displaced!(m), 1, u8, false),
                A::LoadByteZero => load!(m, signed(m.immediate), 1, u8, false),
                A::LoadByteIndexed => load!(m, indexed!(m), 1, u8, false),
                A::LoadByteIndexedZero => load!(m, get!(m.b), 1, u8, false),
                A::LoadByteUpdate => load!(m, displaced!(m), 1, u8, true),
                A::LoadHalf => load!(m, displaced!(m), 2, u16, false),
                A::LoadHalfZero => load!(m, signed(m.immediate), 2, u16, false),
                A::LoadHalfIndexed => load!(m, indexed!(m), 2, u16, false),
                A::LoadHalfIndexedZero => load!(m, get!(m.b), 2, u16, false),
                A::LoadHalfUpdate => load!(m, displaced!(m), 2, u16, true),
                A::LoadHalfSigned => load!(m, displaced!(m), 2, i16, false),
                A::LoadHalfSignedZero => load!(m, signed(m.immediate), 2, i16, false),
                A::LoadHalfSignedIndexed => load!(m, indexed!(m), 2, i16, false),
                A::LoadHalfSignedIndexedZero => load!(m, get!(m.b), 2, i16, false),
                A::LoadWord => load!(m, displaced!(m), 4, u32, false),
                A::LoadWordZero => load!(m, signed(m.immediate), 4, u32, false),
                A::LoadWordIndexed => load!(m, indexed!(m), 4, u32, false),
                A::LoadWordIndexedZero => load!(m, get!(m.b), 4, u32, false),
                A::LoadWordUpdate => load!(m, displaced!(m), 4, u32, true),
                A::LoadWordSigned => load!(m, displaced!(m), 4, i32, false),
                A::LoadWordSignedZero => load!(m, signed(m.immediate), 4, i32, false),
                A::LoadWordSignedIndexed => load!(m, indexed!(m), 4, i32, false),
                A::LoadWordSignedIndexedZero => load!(m, get!(m.b), 4, i32, false),
                A::LoadDouble => load!(m, displaced!(m), 8, u64, false),
                A::LoadDoubleZero => load!(m, signed(m.immediate), 8, u64, false),
                A::LoadDoubleIndexed => load!(m, indexed!(m), 8, u64, false),
                A::LoadDoubleIndexedZero => load!(m, get!(m.b), 8, u64, false),
                A::LoadDoubleUpdate => load!(m, displaced!(m), 8, u64, true),
                A::StoreByte => store!(m, displaced!(m), 1, u8, false),
                A::StoreByteZero => store!(m, signed(m.immediate), 1, u8, false),
                A::StoreByteIndexed => store!(m, indexed!(m), 1, u8, false),
                A::StoreByteIndexedZero => store!(m, get!(m.b), 1, u8, false),
                A::StoreByteUpdate => store!(m, displaced!(m), 1, u8, true),
                A::StoreHalf => store!(m, displaced!(m), 2, u16, false),
                A::StoreHalfZero => store!(m, signed(m.immediate), 2, u16, false),
                A::StoreHalfIndexed => store!(m, indexed!(m), 2, u16, false),
                A::StoreHalfIndexedZero => store!(m, get!(m.b), 2, u16, false),
                A::StoreHalfUpdate => store!(m, displaced!(m), 2, u16, true),
                A::StoreWord => store!(m, displaced!(m), 4, u32, false),
                A::StoreWordZero => store!(m, signed(m.immediate), 4, u32, false),
                A::StoreWordIndexed => store!(m, indexed!(m), 4, u32, false),
                A::StoreWordIndexedZero => store!(m, get!(m.b), 4, u32, false),
                A::StoreWordUpdate => store!(m, displaced!(m), 4, u32, true),
                A::StoreDouble => store!(m, displaced!(m), 8, u64, false),
                A::StoreDoubleZero => store!(m, signed(m.immediate), 8, u64, false),
                A::StoreDoubleIndexed => store!(m, indexed!(m), 8, u64, false),
                A::StoreDoubleIndexedZero => store!(m, get!(m.b), 8, u64, false),
                A::StoreDoubleUpdate => store!(m, displaced!(m), 8, u64, true),
            }
            index += 1;
        };
        self.left = budget - (done + (index - line) as u64);
        cpu.pc = cut!(base + 4 * index as u64);
        pause
    }
}

/// A word with sign.
#[inline(always)]
fn signed(word: u32) -> u64 {
    i64::from(word.cast_signed()).cast_unsigned()
}

impl Cpu {
    /// The semantics of a row that touches registers only.
    fn compute(&mut self, decoded: &Decoded) -> Outcome {
        let word = decoded.immediate;
        let Some(row) = decoded.row() else { return self.invalid_form(word) };
        match row.group {
            Group::Arithmetic => self.arithmetic(row.op, word),
            Group::Logical => self.logical(row.op, word),
            Group::Rotate => self.rotate(row.op, word),
            Group::Compare | Group::Trap => self.compare(row.op, word),
            Group::Cr => self.condition(row.op, word),
            Group::Branch => self.branch(row.op, word),
            _ => self.invalid_form(word),
        }
    }
}

//! Predecoded instructions: what a word does, worked out once.
//!
//! Common instructions without their recording and overflow variants have an action of their own; the others of the
//! families that touch registers only keep their row, and everything that may change the mode, the translation or time is
//! left to the single step.

use crate::bits::{bf, mb6, me, ra, rb, rc, rt, sh6, si, spr, ui};
use crate::cpu::ReservedBits;
use crate::model::Model;
use crate::row::{Group, KEYS, Key, Privilege, decode_number};
use crate::table::Op;

/// What to do. Loads and stores: `a` is the base register, the displacement is `immediate` or, in the indexed forms,
/// register `b`; a base that is the number 0 has forms of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Action {
    /// Not looked at yet.
    Unknown,
    /// Left to the single step.
    Step,
    /// The semantics of row `a`, `b`, for the word in `immediate`.
    Row,
    /// No effect (sync, isync, dcbt ...).
    Nothing,
    /// `d` becomes `immediate` with sign.
    Constant,
    AddImmediate,
    MultiplyImmediate,
    OrImmediate,
    XorImmediate,
    AndImmediateDot,
    Add,
    Subf,
    Neg,
    Mulld,
    Mullw,
    And,
    Andc,
    Or,
    Xor,
    Nor,
    Extsb,
    Extsh,
    Extsw,
    Slw,
    Srw,
    Sld,
    Srd,
    /// rldicl: rotate by `b`, clear the `immediate` most significant bits.
    RotateClearLeft,
    /// rldicr: rotate by `b`, keep the bits down to `immediate`, 0 the most significant.
    RotateClearRight,
    /// rlwinm whose mask, `immediate`, does not wrap.
    RotateWord,
    /// Comparisons write the field of CR at shift `d`. The branch behind one may be taken along: then `immediate` also
    /// holds the instruction of the page it goes to, the bit of the field it looks at, and what it wants to see there.
    CompareWord,
    CompareDouble,
    CompareLogicalWord,
    CompareLogicalDouble,
    CompareWordImmediate,
    CompareDoubleImmediate,
    CompareLogicalWordImmediate,
    CompareLogicalDoubleImmediate,
    CompareWordBranch,
    CompareDoubleBranch,
    CompareLogicalWordBranch,
    CompareLogicalDoubleBranch,
    CompareWordImmediateBranch,
    CompareDoubleImmediateBranch,
    CompareLogicalWordImmediateBranch,
    CompareLogicalDoubleImmediateBranch,
    /// Branches within the page, to its instruction `immediate`; `d` is the shift of the bit of CR.
    Branch,
    BranchLink,
    BranchTrue,
    BranchFalse,
    BranchDecrement,
    /// blr.
    BranchToLink,
    /// bctr.
    BranchToCount,
    MoveFromLink,
    MoveToLink,
    MoveFromCount,
    MoveToCount,
    LoadByte,
    LoadByteZero,
    LoadByteIndexed,
    LoadByteIndexedZero,
    LoadByteUpdate,
    LoadHalf,
    LoadHalfZero,
    LoadHalfIndexed,
    LoadHalfIndexedZero,
    LoadHalfUpdate,
    LoadHalfSigned,
    LoadHalfSignedZero,
    LoadHalfSignedIndexed,
    LoadHalfSignedIndexedZero,
    LoadWord,
    LoadWordZero,
    LoadWordIndexed,
    LoadWordIndexedZero,
    LoadWordUpdate,
    LoadWordSigned,
    LoadWordSignedZero,
    LoadWordSignedIndexed,
    LoadWordSignedIndexedZero,
    LoadDouble,
    LoadDoubleZero,
    LoadDoubleIndexed,
    LoadDoubleIndexedZero,
    LoadDoubleUpdate,
    StoreByte,
    StoreByteZero,
    StoreByteIndexed,
    StoreByteIndexedZero,
    StoreByteUpdate,
    StoreHalf,
    StoreHalfZero,
    StoreHalfIndexed,
    StoreHalfIndexedZero,
    StoreHalfUpdate,
    StoreWord,
    StoreWordZero,
    StoreWordIndexed,
    StoreWordIndexedZero,
    StoreWordUpdate,
    StoreDouble,
    StoreDoubleZero,
    StoreDoubleIndexed,
    StoreDoubleIndexedZero,
    StoreDoubleUpdate,
}

use Action as A;

/// A predecoded instruction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoded {
    pub(crate) action: Action,
    pub(crate) d: u8,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) immediate: u32,
}

impl Decoded {
    pub(crate) const UNKNOWN: Self = Self::bare(A::Unknown);

    const fn bare(action: Action) -> Self {
        Self { action, d: 0, a: 0, b: 0, immediate: 0 }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.action != A::Unknown
    }

    /// The row of [`Action::Row`].
    pub(crate) fn row(&self) -> Option<&'static Key> {
        KEYS.get(usize::from(self.a) << 8 | usize::from(self.b))
    }
}

/// Where the fields of `immediate` of a comparison with its branch lie: 16 bits of operand, the target, the bit, the sense.
const TARGET: u32 = 16;
const BIT: u32 = 26;
const SENSE: u32 = 28;

/// Whether a comparison that set `field` makes the branch taken along go, and where.
#[inline(always)]
pub(crate) fn fused_target(immediate: u32, field: u32) -> Option<usize> {
    let set = field >> (3 - (immediate >> BIT & 3)) & 1;
    (set == immediate >> SENSE & 1).then_some((immediate >> TARGET & 0x3FF) as usize)
}

/// Works out `word`, the instruction number `index` of its page. Whatever the single step would look at twice is left
/// to it.
pub(crate) fn predecode(word: u32, index: usize, model: Model, reserved: ReservedBits) -> Decoded {
    let Some(number) = decode_number(word, model) else { return Decoded::bare(A::Step) };
    let row = &KEYS[usize::from(number)];
    if row.privilege != Privilege::Problem || word & row.reserved != 0 && reserved.refuses(model) {
        return Decoded::bare(A::Step);
    }
    let common = match row.group {
        Group::Arithmetic => arithmetic(row.op, word),
        Group::Logical => logical(row.op, word),
        Group::Rotate => rotate(row.op, word),
        Group::Compare => compare(row.op, word, model),
        Group::Branch => branch(row.op, word, index),
        Group::Load | Group::Store => load_store(row.op, word),
        Group::Spr => move_spr(row.op, word),
        Group::Sync if matches!(row.op, Op::Sync | Op::Isync | Op::Eieio | Op::Mbar) => Some(Decoded::bare(A::Nothing)),
        Group::Cache if matches!(row.op, Op::Dcbt | Op::Dcbtst) => Some(Decoded::bare(A::Nothing)),
        _ => None,
    };
    common.unwrap_or_else(|| match row.group {
        Group::Arithmetic
        | Group::Logical
        | Group::Rotate
        | Group::Compare
        | Group::Trap
        | Group::Cr
        | Group::Branch => Decoded { action: A::Row, d: 0, a: (number >> 8) as u8, b: number as u8, immediate: word },
        _ => Decoded::bare(A::Step),
    })
}

/// Registers of a word whose target is RT.
fn to_rt(action: Action, word: u32, immediate: u32) -> Option<Decoded> {
    Some(Decoded { action, d: rt(word) as u8, a: ra(word) as u8, b: rb(word) as u8, immediate })
}

/// Registers of a word whose target is RA and whose source is RS.
fn to_ra(action: Action, word: u32, immediate: u32) -> Option<Decoded> {
    Some(Decoded { action, d: ra(word) as u8, a: rt(word) as u8, b: rb(word) as u8, immediate })
}

fn arithmetic(op: Op, word: u32) -> Option<Decoded> {
    let low = si(word) as u32;
    match op {
        Op::Addi if ra(word) == 0 => return to_rt(A::Constant, word, low),
        Op::Addis if ra(word) == 0 => return to_rt(A::Constant, word, low << 16),
        Op::Addi => return to_rt(A::AddImmediate, word, low),
        Op::Addis => return to_rt(A::AddImmediate, word, low << 16),
        Op::Mulli => return to_rt(A::MultiplyImmediate, word, low),
        _ => {}
    }
    let action = match op {
        Op::Add => A::Add,
        Op::Subf => A::Subf,
        Op::Neg => A::Neg,
        Op::Mulld => A::Mulld,
        Op::Mullw => A::Mullw,
        _ => return None,
    };
    if word & 0x401 == 0 { to_rt(action, word, 0) } else { None }
}

fn logical(op: Op, word: u32) -> Option<Decoded> {
    let (low, high) = (ui(word) as u32, (ui(word) as u32) << 16);
    match op {
        Op::Ori => return to_ra(A::OrImmediate, word, low),
        Op::Oris => return to_ra(A::OrImmediate, word, high),
        Op::Xori => return to_ra(A::XorImmediate, word, low),
        Op::Xoris => return to_ra(A::XorImmediate, word, high),
        Op::AndiDot => return to_ra(A::AndImmediateDot, word, low),
        Op::AndisDot => return to_ra(A::AndImmediateDot, word, high),
        _ => {}
    }
    let action = match op {
        Op::And => A::And,
        Op::Andc => A::Andc,
        Op::Or => A::Or,
        Op::Xor => A::Xor,
        Op::Nor => A::Nor,
        Op::Extsb => A::Extsb,
        Op::Extsh => A::Extsh,
        Op::Extsw => A::Extsw,
        _ => return None,
    };
    if word & 1 == 0 { to_ra(action, word, 0) } else { None }
}

fn rotate(op: Op, word: u32) -> Option<Decoded> {
    if word & 1 != 0 {
        return None;
    }
    let with_shift = |action, shift: u32, immediate| {
        Some(Decoded { action, d: ra(word) as u8, a: rt(word) as u8, b: shift as u8, immediate })
    };
    match op {
        Op::Slw => to_ra(A::Slw, word, 0),
        Op::Srw => to_ra(A::Srw, word, 0),
        Op::Sld => to_ra(A::Sld, word, 0),
        Op::Srd => to_ra(A::Srd, word, 0),
        Op::Rldicl => with_shift(A::RotateClearLeft, sh6(word), mb6(word)),
        Op::Rldicr => with_shift(A::RotateClearRight, sh6(word), mb6(word)),
        Op::Rlwinm if rc(word) as u32 <= me(word) => {
            let mask = (u32::MAX >> rc(word)) & (u32::MAX << (31 - me(word)));
            with_shift(A::RotateWord, rb(word) as u32, mask)
        }
        _ => None,
    }
}

fn compare(op: Op, word: u32, model: Model) -> Option<Decoded> {
    let double = word & 1 << 21 != 0;
    if double && !model.is_server() {
        return None;
    }
    let (action, immediate) = match (op, double) {
        (Op::Cmp, false) => (A::CompareWord, 0),
        (Op::Cmp, true) => (A::CompareDouble, 0),
        (Op::Cmpl, false) => (A::CompareLogicalWord, 0),
        (Op::Cmpl, true) => (A::CompareLogicalDouble, 0),
        (Op::Cmpi, false) => (A::CompareWordImmediate, word & 0xFFFF),
        (Op::Cmpi, true) => (A::CompareDoubleImmediate, word & 0xFFFF),
        (Op::Cmpli, false) => (A::CompareLogicalWordImmediate, word & 0xFFFF),
        (Op::Cmpli, true) => (A::CompareLogicalDoubleImmediate, word & 0xFFFF),
        _ => return None,
    };
    let shift = 28 - 4 * bf(word);
    Some(Decoded { action, d: shift as u8, a: ra(word) as u8, b: rb(word) as u8, immediate })
}

fn branch(op: Op, word: u32, index: usize) -> Option<Decoded> {
    let (bo, bi) = (rt(word), ra(word));
    // The hint bits of BO do not count.
    let always = bo & 20 == 20;
    let near = |action, displacement: i32| {
        let target = index as i64 + i64::from(displacement >> 2);
        let shift = 31 - bi as u8;
        (0..1024).contains(&target).then_some(Decoded { action, d: shift, a: 0, b: 0, immediate: target as u32 })
    };
    match op {
        Op::B if word & 2 == 0 => {
            let displacement = ((word & 0x03FF_FFFC) << 6).cast_signed() >> 6;
            near(if word & 1 == 0 { A::Branch } else { A::BranchLink }, displacement)
        }
        Op::Bc if word & 3 == 0 => {
            let action = match bo {
                _ if always => A::Branch,
                4..=7 => A::BranchFalse,
                12..=15 => A::BranchTrue,
                16 | 17 | 24 | 25 => A::BranchDecrement,
                _ => return None,
            };
            near(action, i32::from((word & 0xFFFC) as i16))
        }
        Op::Bclr if always && word & 1 == 0 => Some(Decoded::bare(A::BranchToLink)),
        Op::Bcctr if always && word & 1 == 0 => Some(Decoded::bare(A::BranchToCount)),
        _ => None,
    }
}

fn move_spr(op: Op, word: u32) -> Option<Decoded> {
    let action = match (op, spr(word)) {
        (Op::Mfspr, 8) => A::MoveFromLink,
        (Op::Mtspr, 8) => A::MoveToLink,
        (Op::Mfspr, 9) => A::MoveFromCount,
        (Op::Mtspr, 9) => A::MoveToCount,
        _ => return None,
    };
    to_rt(action, word, 0)
}

fn load_store(op: Op, word: u32) -> Option<Decoded> {
    let zero = ra(word) == 0;
    // The low bits of DS forms are opcode.
    let displacement = if word >> 26 >= 58 { si(word & !3) } else { si(word) } as u32;
    let plain = |action, without| to_rt(if zero { without } else { action }, word, displacement);
    let update = |action, load: bool| {
        let invalid = zero || load && ra(word) == rt(word);
        if invalid { None } else { to_rt(action, word, displacement) }
    };
    match op {
        Op::Lbz => plain(A::LoadByte, A::LoadByteZero),
        Op::Lbzx => plain(A::LoadByteIndexed, A::LoadByteIndexedZero),
        Op::Lbzu => update(A::LoadByteUpdate, true),
        Op::Lhz => plain(A::LoadHalf, A::LoadHalfZero),
        Op::Lhzx => plain(A::LoadHalfIndexed, A::LoadHalfIndexedZero),
        Op::Lhzu => update(A::LoadHalfUpdate, true),
        Op::Lha => plain(A::LoadHalfSigned, A::LoadHalfSignedZero),
        Op::Lhax => plain(A::LoadHalfSignedIndexed, A::LoadHalfSignedIndexedZero),
        Op::Lwz => plain(A::LoadWord, A::LoadWordZero),
        Op::Lwzx => plain(A::LoadWordIndexed, A::LoadWordIndexedZero),
        Op::Lwzu => update(A::LoadWordUpdate, true),
        Op::Lwa => plain(A::LoadWordSigned, A::LoadWordSignedZero),
        Op::Lwax => plain(A::LoadWordSignedIndexed, A::LoadWordSignedIndexedZero),
        Op::Ld => plain(A::LoadDouble, A::LoadDoubleZero),
        Op::Ldx => plain(A::LoadDoubleIndexed, A::LoadDoubleIndexedZero),
        Op::Ldu => update(A::LoadDoubleUpdate, true),
        Op::Stb => plain(A::StoreByte, A::StoreByteZero),
        Op::Stbx => plain(A::StoreByteIndexed, A::StoreByteIndexedZero),
        Op::Stbu => update(A::StoreByteUpdate, false),
        Op::Sth => plain(A::StoreHalf, A::StoreHalfZero),
        Op::Sthx => plain(A::StoreHalfIndexed, A::StoreHalfIndexedZero),
        Op::Sthu => update(A::StoreHalfUpdate, false),
        Op::Stw => plain(A::StoreWord, A::StoreWordZero),
        Op::Stwx => plain(A::StoreWordIndexed, A::StoreWordIndexedZero),
        Op::Stwu => update(A::StoreWordUpdate, false),
        Op::Std => plain(A::StoreDouble, A::StoreDoubleZero),
        Op::Stdx => plain(A::StoreDoubleIndexed, A::StoreDoubleIndexedZero),
        Op::Stdu => update(A::StoreDoubleUpdate, false),
        _ => None,
    }
}

/// Takes the branch behind a comparison along, if it is one that looks at the field just written and stays in the page.
pub(crate) fn fuse(first: &mut Decoded, second: &Decoded) {
    let sense = match second.action {
        A::BranchTrue => 1,
        A::BranchFalse => 0,
        _ => return,
    };
    let Some(bit) = (3 + first.d).checked_sub(second.d).filter(|&bit| bit < 4 && second.d >= first.d) else { return };
    first.action = match first.action {
        A::CompareWord => A::CompareWordBranch,
        A::CompareDouble => A::CompareDoubleBranch,
        A::CompareLogicalWord => A::CompareLogicalWordBranch,
        A::CompareLogicalDouble => A::CompareLogicalDoubleBranch,
        A::CompareWordImmediate => A::CompareWordImmediateBranch,
        A::CompareDoubleImmediate => A::CompareDoubleImmediateBranch,
        A::CompareLogicalWordImmediate => A::CompareLogicalWordImmediateBranch,
        A::CompareLogicalDoubleImmediate => A::CompareLogicalDoubleImmediateBranch,
        _ => return,
    };
    first.immediate |= second.immediate << TARGET | u32::from(bit) << BIT | sense << SENSE;
}

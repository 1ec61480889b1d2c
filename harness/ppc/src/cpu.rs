//! Architected state.

use crate::interrupt::Hypervisor;
use crate::model::Model;
use crate::msr;
use crate::overlay::Overlay;
use crate::table::PLAIN_COUNT;
use crate::translate::{Tlb, Translation};

/// XER\[SO\], summary overflow.
pub(crate) const XER_SO: u64 = 1 << 31;
/// XER\[OV\], overflow.
pub(crate) const XER_OV: u64 = 1 << 30;
/// XER\[CA\], carry.
pub(crate) const XER_CA: u64 = 1 << 29;
/// XER\[OV32\], overflow of the low word (3.0).
pub(crate) const XER_OV32: u64 = 1 << 19;
/// XER\[CA32\], carry of the low word (3.0).
pub(crate) const XER_CA32: u64 = 1 << 18;

/// What an instruction with a reserved bit set does. Bits of the opcode are not reserved: `sc` without its bit 30 is
/// illegal everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReservedBits {
    /// What the model does, see [`Model::ignores_reserved_bits`].
    #[default]
    Model,
    /// Illegal-instruction interrupt, as KVM and QEMU decode.
    Illegal,
    /// No effect.
    Ignored,
}

impl ReservedBits {
    /// Whether an instruction with a reserved bit is illegal on `model`.
    pub(crate) fn refuses(self, model: Model) -> bool {
        match self {
            Self::Model => !model.ignores_reserved_bits(),
            Self::Illegal => true,
            Self::Ignored => false,
        }
    }
}

/// A reservation made by a load and reserve. Power ISA Book II 1.7.4
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Real address of the operand.
    pub at: u64,
    /// Bytes loaded.
    pub length: u64,
}

/// An entry of the segment look-aside buffer. Power ISA Book III 6.7.7
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlbEntry {
    /// ESID in bits 0-35 and V in bit 36, as slbmfee gives them.
    pub esid: u64,
    /// Contents as slbmfev gives them.
    pub vsid: u64,
}

impl SlbEntry {
    /// V, the valid bit of `esid`.
    pub const VALID: u64 = 1 << 27;
}

/// A processor. All fields are open: a hypervisor model or a case sets and reads what it likes between runs.
///
/// Registers are 64 bits wide in this structure; on 32-bit models the upper half is 0 after every instruction that
/// writes one. Sections are of the Power ISA 3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// Which processor it is.
    pub model: Model,
    /// General-purpose registers. Book I 3.2.1
    pub gpr: [u64; 32],
    /// Condition register, CR0 in the most significant bits. Book I 2.3.1
    pub cr: u32,
    /// Fixed-point exception register. Book I 3.2.2
    pub xer: u64,
    /// Link register. Book I 2.3.2
    pub lr: u64,
    /// Count register. Book I 2.3.3
    pub ctr: u64,
    /// Target address register. Book I 2.3.4
    pub tar: u64,
    /// Address of the next instruction to execute.
    pub pc: u64,
    /// Machine state register; bits in [`msr`]. Book III 3.2.1
    pub msr: u64,
    /// Save/restore registers. Book III 7.2.1
    pub srr0: u64,
    /// See `srr0`.
    pub srr1: u64,
    /// Hypervisor save/restore registers. Book III 7.2.2
    pub hsrr0: u64,
    /// See `hsrr0`.
    pub hsrr1: u64,
    /// Critical save/restore registers (BookE).
    pub csrr0: u64,
    /// See `csrr0`.
    pub csrr1: u64,
    /// Machine-check save/restore registers (BookE).
    pub mcsrr0: u64,
    /// See `mcsrr0`.
    pub mcsrr1: u64,
    /// Debug save/restore registers (e500mc).
    pub dsrr0: u64,
    /// See `dsrr0`.
    pub dsrr1: u64,
    /// Data address register; DEAR on BookE. Book III 7.2.4
    pub dar: u64,
    /// Data storage interrupt status register. Book III 7.2.5
    pub dsisr: u32,
    /// SPRG0 to SPRG7; 4 to 7 exist on BookE. Book III 4.3.2
    pub sprg: [u64; 8],
    /// Decrementer, one tick an instruction. Book III 8.3
    pub dec: u64,
    /// Decrementer auto-reload (BookE), 32 bits.
    pub decar: u32,
    /// Time base, one tick an instruction. Book II 6.2
    pub tb: u64,
    /// Segment registers (classic). Programming Environments Manual 2.3.5
    pub sr: [u32; 16],
    /// Segment look-aside buffer (server). Book III 6.7.7
    pub slb: [SlbEntry; 32],
    /// Processor version register. Book III 4.3.1
    pub pvr: u32,
    /// Processor identification register. Book III 4.3.3
    pub pir: u32,
    /// Control register; bit 31 is RUN. Book III 4.3.6
    pub ctrl: u32,
    /// Data address breakpoint (classic; held for a hypervisor model elsewhere). No match is made.
    pub dabr: u64,
    /// Extension of `dabr`, held for a hypervisor model.
    pub dabrx: u32,
    /// Completed instruction address breakpoint. Book III 10.3; no match is made.
    pub ciabr: u64,
    /// Data address watchpoint. Book III 10.4; no match is made.
    pub dawr0: u64,
    /// Extension of `dawr0`.
    pub dawrx0: u32,
    /// Logical partitioning control: ILE, AIL, HAIL, LD and GTSE have effect. Book III 2.2
    pub lpcr: u64,
    /// Facility status and control: SCV, TAR and DSCR have effect. Book III 7.2.11
    pub fscr: u64,
    /// Data stream control. Book II 4.2
    pub dscr: u64,
    /// Program priority. Book II 3.1
    pub ppr: u64,
    /// VRSAVE; USPRG0 on e500v2.
    pub vrsave: u32,
    /// Hypervisor emulated instruction. Book III 7.2.9
    pub heir: u32,
    /// Hardware implementation registers; HILE of HID0 has effect.
    pub hid0: u64,
    /// See `hid0`.
    pub hid1: u64,
    /// Exception syndrome (BookE). Power ISA 2.07 Book III-E 7.2.13
    pub esr: u32,
    /// Interrupt vector prefix (BookE).
    pub ivpr: u64,
    /// Interrupt vector offsets (BookE), by number.
    pub ivor: [u32; 43],
    /// MMU assist registers 0 to 7 (BookE); 5 is unused.
    pub mas: [u64; 8],
    /// Translation look-aside buffer (BookE), used with [`Translation::Tables`].
    pub tlb: Tlb,
    /// Timer status (BookE).
    pub tsr: u32,
    /// Timer control (BookE).
    pub tcr: u32,
    /// Debug status (BookE).
    pub dbsr: u32,
    /// Performance monitor registers (e500): PMC0 to 3, PMLCa0 to 3, PMLCb0 to 3, PMGC0. They hold what was written.
    pub performance: [u32; 13],
    /// Special-purpose registers that only hold what was written, see [`spr`](Self::spr).
    pub plain: [u64; PLAIN_COUNT],
    /// Address of the line that copy took, until a paste or cpabort. Book II 4.4
    pub copied: Option<u64>,
    /// The prefixed instruction at `pc` raised an interrupt, which SRR1 is to show. Book III 7.5
    pub prefixed: bool,
    /// Reservation.
    pub reservation: Option<Reservation>,
    /// A decrementer exception waits (classic, where it is an event and not a level).
    pub decrementer_pending: bool,
    /// The external interrupt line, a level.
    pub external_pending: bool,
    /// Doorbells that have rung, but for the one of DPDES; see [`ring`](Self::ring).
    pub doorbells: u8,
    /// Who takes interrupts to hypervisor state.
    pub hypervisor: Hypervisor,
    /// What address translation finds when it is on.
    pub translation: Translation,
    /// What reserved bits do.
    pub reserved_bits: ReservedBits,
    /// [`run`](Self::run) returns after it delivered an interrupt.
    pub stop_on_interrupt: bool,
    /// Paravirtual page that shows supervisor registers.
    pub overlay: Option<Overlay>,
    /// Instructions started since the processor was made.
    pub instructions: u64,
}

impl Cpu {
    /// A processor as a partition's guest finds it: real mode, supervisor state, HV=0 (GS=1 on e500mc), ME=1, 64-bit mode
    /// where there is one, big-endian, pc 0, every other register 0 but the decrementer, PVR and CTRL\[RUN\].
    pub fn new(model: Model) -> Self {
        let mut msr = msr::ME;
        if model.is_server() {
            msr |= msr::SF;
        }
        if model == Model::E500mc {
            msr |= msr::GS;
        }
        Self {
            model,
            gpr: [0; 32],
            cr: 0,
            xer: 0,
            lr: 0,
            ctr: 0,
            tar: 0,
            pc: 0,
            msr,
            srr0: 0,
            srr1: 0,
            hsrr0: 0,
            hsrr1: 0,
            csrr0: 0,
            csrr1: 0,
            mcsrr0: 0,
            mcsrr1: 0,
            dsrr0: 0,
            dsrr1: 0,
            dar: 0,
            dsisr: 0,
            sprg: [0; 8],
            dec: 0x7FFF_FFFF,
            decar: 0,
            tb: 0,
            sr: [0; 16],
            slb: [SlbEntry::default(); 32],
            pvr: model.pvr(),
            pir: 0,
            ctrl: 1,
            dabr: 0,
            dabrx: 0,
            ciabr: 0,
            dawr0: 0,
            dawrx0: 0,
            lpcr: 0,
            fscr: 0,
            dscr: 0,
            ppr: 0,
            vrsave: 0,
            heir: 0,
            hid0: 0,
            hid1: 0,
            esr: 0,
            ivpr: 0,
            ivor: [0; 43],
            mas: [0; 8],
            tlb: Tlb::default(),
            tsr: 0,
            tcr: 0,
            dbsr: 0,
            performance: [0; 13],
            plain: [0; PLAIN_COUNT],
            copied: None,
            prefixed: false,
            reservation: None,
            decrementer_pending: false,
            external_pending: false,
            doorbells: 0,
            hypervisor: Hypervisor::default(),
            translation: Translation::default(),
            reserved_bits: ReservedBits::default(),
            stop_on_interrupt: false,
            overlay: None,
            instructions: 0,
        }
    }

    /// Whether addresses and record forms are 64 bits wide: MSR\[SF\] on servers.
    #[inline]
    pub fn is_64_bit(&self) -> bool {
        self.msr & msr::SF != 0 && self.model.is_server()
    }

    /// Whether storage is big-endian at present.
    #[inline]
    pub fn is_big_endian(&self) -> bool {
        self.msr & msr::LE == 0 || !self.model.has_little_endian()
    }

    /// An effective address in the present mode: the low 32 bits unless in 64-bit mode.
    #[inline]
    pub fn effective(&self, address: u64) -> u64 {
        if self.is_64_bit() { address } else { address & 0xFFFF_FFFF }
    }

    /// Writes a general-purpose register.
    #[inline]
    pub(crate) fn set(&mut self, register: usize, value: u64) {
        self.gpr[register] = value & self.model.register_mask();
    }

    /// A register, or zero for number 0.
    #[inline]
    pub(crate) fn base(&self, register: usize) -> u64 {
        if register == 0 { 0 } else { self.gpr[register] }
    }

    /// Writes condition register field `field`, 0 to 7, with LT, GT, EQ, SO in the low bits of `value`.
    #[inline]
    pub(crate) fn set_cr(&mut self, field: usize, value: u32) {
        let shift = 28 - 4 * field;
        self.cr = (self.cr & !(0xF << shift)) | ((value & 0xF) << shift);
    }

    /// Bit `bit` of the condition register, 0 the most significant.
    #[inline]
    pub(crate) fn cr_bit(&self, bit: usize) -> bool {
        (self.cr >> (31 - bit)) & 1 != 0
    }

    /// Records `value` in CR0: compared with zero at the width of the mode, with SO.
    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        let value = if self.is_64_bit() { value.cast_signed() } else { i64::from(value as i32) };
        let order = match value {
            ..0 => 8,
            0 => 2,
            1.. => 4,
        };
        self.set_cr(0, order | u32::from(self.xer & XER_SO != 0));
    }

    /// Writes `register`, and CR0 if the instruction records.
    #[inline]
    pub(crate) fn set_recording(&mut self, register: usize, value: u64, word: u32) {
        self.set(register, value);
        if word & 1 != 0 {
            self.record(value);
        }
    }

    /// Writes XER\[CA\] and, from 3.0 on, CA32: carries out of the doubleword and out of the word.
    #[inline]
    pub(crate) fn set_carry(&mut self, double: bool, word: bool) {
        let carry = if self.is_64_bit() { double } else { word };
        self.set_xer(XER_CA, carry);
        if self.model.is_v30() {
            self.set_xer(XER_CA32, word);
        }
    }

    /// Writes XER\[OV\] and, from 3.0 on, OV32; SO sticks.
    #[inline]
    pub(crate) fn set_overflow(&mut self, double: bool, word: bool) {
        let overflow = if self.is_64_bit() { double } else { word };
        self.set_xer(XER_OV, overflow);
        if overflow {
            self.xer |= XER_SO;
        }
        if self.model.is_v30() {
            self.set_xer(XER_OV32, word);
        }
    }

    /// Sets or clears a bit of XER.
    #[inline]
    pub(crate) fn set_xer(&mut self, bit: u64, value: bool) {
        self.xer = if value { self.xer | bit } else { self.xer & !bit };
    }
}

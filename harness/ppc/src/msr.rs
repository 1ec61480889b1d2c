//! Machine state register: bits, and which of them an instruction may change.
//!
//! Values, not bit numbers. Power ISA Book III 3.2.1; Linux `arch/powerpc/include/asm/reg.h` and `reg_booke.h`.

use crate::model::Model;

/// 64-bit mode (server).
pub const SF: u64 = 1 << 63;
/// Hypervisor state (server).
pub const HV: u64 = 1 << 60;
/// Transactional memory available (POWER8, POWER9).
pub const TM: u64 = 1 << 32;
/// Guest state (embedded hypervisor).
pub const GS: u64 = 1 << 28;
/// User cache locking enable (BookE).
pub const UCLE: u64 = 1 << 26;
/// Vector facility available.
pub const VEC: u64 = 1 << 25;
/// Signal processing engine available (e500v2); the bit of [`VEC`].
pub const SPE: u64 = 1 << 25;
/// Vector-scalar facility available.
pub const VSX: u64 = 1 << 23;
/// Secure state (server).
pub const S: u64 = 1 << 22;
/// Power management enable (classic).
pub const POW: u64 = 1 << 18;
/// Wait state enable (BookE); the bit of [`POW`].
pub const WE: u64 = 1 << 18;
/// Critical interrupts enabled (BookE).
pub const CE: u64 = 1 << 17;
/// Endianness of interrupts (classic).
pub const ILE: u64 = 1 << 16;
/// External and decrementer interrupts enabled.
pub const EE: u64 = 1 << 15;
/// Problem state.
pub const PR: u64 = 1 << 14;
/// Floating point available.
pub const FP: u64 = 1 << 13;
/// Machine check enabled.
pub const ME: u64 = 1 << 12;
/// Floating-point exception mode, first bit.
pub const FE0: u64 = 1 << 11;
/// Single-step trace.
pub const SE: u64 = 1 << 10;
/// User branch locking enable (e500v2); the bit of [`SE`].
pub const UBLE: u64 = 1 << 10;
/// Branch trace.
pub const BE: u64 = 1 << 9;
/// Debug interrupts enabled (BookE); the bit of [`BE`].
pub const DE: u64 = 1 << 9;
/// Floating-point exception mode, second bit.
pub const FE1: u64 = 1 << 8;
/// Interrupt prefix: vectors at 0xFFF00000 (classic).
pub const IP: u64 = 1 << 6;
/// Instruction translation on; IS on BookE.
pub const IR: u64 = 1 << 5;
/// Data translation on; DS on BookE.
pub const DR: u64 = 1 << 4;
/// Performance monitor mark.
pub const PMM: u64 = 1 << 2;
/// Interrupt is recoverable.
pub const RI: u64 = 1 << 1;
/// Little-endian storage.
pub const LE: u64 = 1;

/// LPCR\[LD\]: large decrementer. Power ISA 3.0 Book III 2.2
pub const LPCR_LD: u64 = 1 << 17;
/// LPCR\[ILE\]: interrupts are taken in little-endian mode.
pub const LPCR_ILE: u64 = 1 << 25;
/// LPCR\[HAIL\]: alternate interrupt location in hypervisor state (3.1).
pub const LPCR_HAIL: u64 = 1 << 26;
/// LPCR\[LPES\]: external interrupts leave HV as it is. Power ISA Book III 2.2
pub const LPCR_LPES: u64 = 1 << 3;
/// LPCR\[GTSE\]: the guest may invalidate translations itself.
pub const LPCR_GTSE: u64 = 1 << 10;
/// LPCR\[AIL\], value 3 in its place.
pub const LPCR_AIL: u64 = 3 << 23;
/// FSCR\[SCV\].
pub const FSCR_SCV: u64 = 1 << 12;
/// FSCR\[PREFIX\].
pub const FSCR_PREFIX: u64 = 1 << 13;
/// FSCR\[TAR\].
pub const FSCR_TAR: u64 = 1 << 8;
/// FSCR\[EBB\].
pub const FSCR_EBB: u64 = 1 << 7;
/// FSCR\[BHRB\].
pub const FSCR_BHRB: u64 = 1 << 4;
/// FSCR\[DSCR\].
pub const FSCR_DSCR: u64 = 1 << 2;

/// Bits of SRR1 that an interrupt replaces on servers: bits 33-36 and 42-47. Power ISA Book III 7.5
pub const SRR1_INTERRUPT: u64 = 0x783F_0000;
/// Bits of SRR1 that hold the MSR on classic models: 0, 5-9 and 16-31. Programming Environments Manual, chapter 6
pub const SRR1_CLASSIC: u64 = 0x87C0_FFFF;

/// PR drags EE, IR and DR along on servers.
fn with_problem(value: u64) -> u64 {
    if value & PR != 0 { value | EE | IR | DR } else { value }
}

/// The MSR after mtmsr or mtmsrd with L=0 on a server. Power ISA Book III 5.4.4: HV, S, ME and LE stay; mtmsr also leaves
/// the upper half.
pub(crate) fn moved_server(model: Model, old: u64, new: u64, upper: bool) -> u64 {
    let mut taken = model.msr_bits() & !(HV | S | ME | LE);
    if !upper {
        taken &= 0xFFFF_FFFF;
    }
    (old & !taken) | (with_problem(new) & taken)
}

/// The MSR after mtmsr on a 32-bit model. An e500mc guest cannot leave guest state.
pub(crate) fn moved_narrow(model: Model, old: u64, new: u64) -> u64 {
    let mut taken = model.msr_bits();
    if old & GS != 0 {
        taken &= !GS;
    }
    (old & !taken) | (new & taken)
}

/// The MSR after rfid or hrfid. Power ISA Book III 3.3.2: neither HV nor S can be gained, ME follows only in hypervisor
/// state. The transactional state of SRR1 is ignored, as the core has no transactions.
pub(crate) fn returned_server(model: Model, old: u64, saved: u64) -> u64 {
    let mut new = with_problem(saved) & model.msr_bits();
    if old & HV == 0 {
        new = (new & !(HV | ME)) | (old & ME);
    }
    if old & S == 0 {
        new &= !S;
    }
    new
}

/// The MSR after rfi on a 32-bit model. POW and WE are never set by a return.
pub(crate) fn returned_narrow(model: Model, old: u64, saved: u64) -> u64 {
    let taken = if model.is_classic() { SRR1_CLASSIC } else { 0xFFFF_FFFF };
    moved_narrow(model, old & !POW, (old & !taken) | (saved & taken & !POW))
}

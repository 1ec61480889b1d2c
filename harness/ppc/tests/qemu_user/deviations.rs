//! Where QEMU 7.2 departs from the architecture, and which text decides.

use super::core::Core;
use super::target::Target;
use super::undefined::has_quotient;

/// Something QEMU does otherwise than the architecture says, or not at all. The generator keeps away from it.
pub struct Deviation {
    /// Instructions.
    pub of: &'static [&'static str],
    /// Processors of QEMU, as in [`Target::cpu`]; none for all.
    pub on: &'static [&'static str],
    /// In little-endian mode only.
    pub little: bool,
    /// Which of them.
    pub when: Where,
    /// What QEMU does.
    pub qemu: &'static str,
    /// What the architecture says, and where.
    pub architecture: &'static str,
}

/// Which words of an instruction deviate, in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// All.
    Always,
    /// Those with one of these bits.
    Bits(u32),
    /// Those with an address that is no multiple of this.
    Unaligned(u64),
    /// Those with a reservation.
    Reserved,
    /// Those with a reservation in the cache block.
    ReservedBlock,
    /// Those of VRSAVE with a number that does not fit it.
    WideVrsave,
    /// Those whose quotient needs a 65th bit, for its sign.
    QuotientOf65Bits,
}

use Where::*;

/// Every known deviation.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        of: &["lmw", "stmw", "lswi", "lswx", "stswi", "stswx"],
        on: &[],
        little: true,
        when: Always,
        qemu: "dies of `Unknown exception 0x5` in user mode (linux-user/ppc/cpu_loop.c has no alignment interrupt)",
        architecture: "alignment interrupt, Power ISA 3.1 Book I 3.3.6, 3.3.7 and Book III 7.5.8",
    },
    Deviation {
        of: &["dcbf"],
        on: &[],
        little: false,
        when: Bits(0x0040_0000),
        qemu: "takes L of 2 and more for reserved bits, which it takes for illegal",
        architecture: "L is bits 8:10 (9:10 before 3.1) and selects how far the block is flushed, Book II 4.3.2",
    },
    Deviation {
        of: &["lmw", "stmw"],
        on: &["750", "7400", "e500v2", "e500mc"],
        little: false,
        when: Unaligned(4),
        qemu: "takes any address",
        architecture: "the address must be a multiple of 4, or the alignment handler is invoked; Programming \
                       Environments Manual, lmw and stmw; 6.4.6.1",
    },
    Deviation {
        of: &["sthcx."],
        on: &[],
        little: false,
        when: Unaligned(2),
        qemu: "fails without an interrupt where nothing is reserved",
        architecture: "the address must be a multiple of the length, or the alignment handler is invoked, Book II 4.6.2",
    },
    Deviation {
        of: &["stwcx."],
        on: &[],
        little: false,
        when: Unaligned(4),
        qemu: "fails without an interrupt where nothing is reserved",
        architecture: "the address must be a multiple of the length, or the alignment handler is invoked, Book II 4.6.2",
    },
    Deviation {
        of: &["stdcx."],
        on: &[],
        little: false,
        when: Unaligned(8),
        qemu: "fails without an interrupt where nothing is reserved",
        architecture: "the address must be a multiple of the length, or the alignment handler is invoked, Book II 4.6.2",
    },
    Deviation {
        of: &["stqcx."],
        on: &[],
        little: false,
        when: Unaligned(16),
        qemu: "fails without an interrupt where nothing is reserved",
        architecture: "the address must be a multiple of the length, or the alignment handler is invoked, Book II 4.6.2",
    },
    Deviation {
        of: &["lq", "stq"],
        on: &[],
        little: false,
        when: Unaligned(16),
        qemu: "takes any address",
        architecture: "alignment interrupt, Book I 3.3.4 and Book III 7.5.8",
    },
    Deviation {
        of: &["mtspr"],
        on: &[],
        little: false,
        when: WideVrsave,
        qemu: "holds 64 bits",
        architecture: "VRSAVE has 32 bits, Book I 3.2.3",
    },
    Deviation {
        of: &["divde"],
        on: &[],
        little: false,
        when: QuotientOf65Bits,
        qemu: "sets OV only where the dividend is as large as the divisor",
        architecture: "OV is 1 if the quotient cannot be represented in 64 bits, Book I 3.3.9",
    },
    Deviation {
        of: &["stqcx."],
        on: &[],
        little: false,
        when: Reserved,
        qemu: "always fails after lqarx, with one thread",
        architecture: "stores if the reservation is of the same quadword, Book II 4.6.2.2",
    },
    Deviation {
        of: &["dcbz"],
        on: &["970"],
        little: false,
        when: Always,
        qemu: "clears 32 bytes: user mode begins with the size bit of HID5 set",
        architecture: "a cache block, which has 128 bytes, Book II 4.3.2",
    },
    Deviation {
        of: &["dcbz"],
        on: &[],
        little: false,
        when: ReservedBlock,
        qemu: "drops the reservation of the processor itself",
        architecture: "another processor's dcbz drops it, the own does not, Book II 1.7.4.1",
    },
    Deviation {
        of: &["icbt"],
        on: &["e500v2", "e500mc"],
        little: false,
        when: Bits(0x01E0_0000),
        qemu: "takes CT for reserved bits, which it takes for illegal",
        architecture: "CT is bits 7:10 and selects the cache, Book II 4.3.1",
    },
    Deviation {
        of: &["icbt"],
        on: &["power8", "power9", "power10"],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "a hint of every processor since 2.07, Book II 4.3.1",
    },
];

/// Instructions that programs may use and that are not run, and why.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("sc", "a system call, which the host would carry out"),
    ("scv", "as sc"),
    ("ehpriv", "goes to a hypervisor, of which user mode has none"),
    ("wait", "waits for an interrupt, of which user mode has none"),
];

impl Deviation {
    fn is_on(&self, name: &str, target: &Target) -> bool {
        let here = self.on.is_empty() || self.on.contains(&target.cpu);
        self.of.contains(&name) && here && (!self.little || target.little)
    }
}

/// Whether an instruction is left out on a target.
pub fn is_left_out(name: &str, target: &Target) -> bool {
    NOT_RUN.iter().any(|(other, _)| *other == name)
        || DEVIATIONS.iter().any(|row| row.when == Always && row.is_on(name, target))
}

/// Whether a word of an instruction that is not left out is one where QEMU deviates.
pub fn deviates(name: &str, word: u32, address: u64, core: &Core) -> bool {
    let register = |shift: u32| core.cpu.gpr[(word >> shift & 31) as usize];
    DEVIATIONS.iter().filter(|row| row.is_on(name, &core.target)).any(|row| match row.when {
        Always => true,
        Bits(bits) => word & bits != 0,
        Unaligned(length) => !address.is_multiple_of(length),
        Reserved => core.cpu.reservation.is_some(),
        ReservedBlock => core.cpu.reservation.is_some_and(|reservation| {
            let block = core.target.model.cache_block();
            reservation.at / block == address / block
        }),
        WideVrsave => word & 0x001F_F800 == 0x0000_4000 && register(21) >> 32 != 0,
        QuotientOf65Bits => {
            let (dividend, divisor) = (register(16).cast_signed(), register(11).cast_signed());
            dividend.unsigned_abs() < divisor.unsigned_abs() && !has_quotient(name, register(16), register(11))
        }
    })
}

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
    /// Those of a prefixed instruction that crosses a boundary of 64 bytes.
    Crossing,
    /// Those of an atomic memory operation with one of these function codes.
    Functions(&'static [u32]),
    /// Those of an atomic memory operation that finds its bound reached.
    Bound,
    /// Those of an atomic memory operation on two operands that are not in the same 32 bytes.
    Apart,
    /// Those with these bits 0.
    Zero(u32),
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
        when: Bits(0x00C0_0000),
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
        of: &["plq", "pstq"],
        on: &[],
        little: false,
        when: Unaligned(16),
        qemu: "takes any address",
        architecture: "alignment interrupt, Book I 3.3.4 and Book III 7.5.8",
    },
    Deviation {
        of: &[
            "paddi", "plbz", "plhz", "plha", "plwz", "plwa", "pld", "plq", "pstb", "psth", "pstw", "pstd", "pstq",
            "pnop",
        ],
        on: &[],
        little: false,
        when: Crossing,
        qemu: "dies of `Unknown exception 0x5` in user mode (linux-user/ppc/cpu_loop.c has no alignment interrupt)",
        architecture: "alignment interrupt, Book I 1.6.3 and Book III 7.5.8",
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
    Deviation {
        of: &["clrbhrb", "mfbhrbe"],
        on: &[],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "instructions of a program since 2.07, Power ISA 2.07 Book III-S 9.7.1",
    },
    Deviation {
        of: &["eciwx", "ecowx"],
        on: &[],
        little: false,
        when: Always,
        qemu: "loads and stores whatever EAR[E] is",
        architecture: "data storage interrupt while EAR[E] is 0, Programming Environments Manual, eciwx and ecowx",
    },
    Deviation {
        of: &["hrfid"],
        on: &["970"],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "hypervisor: the 970 has hypervisor state with HSRR0 and HSRR1, PowerPC Architecture 2.01 Book III 3.3",
    },
    Deviation {
        of: &["dst", "dstt", "dstst", "dststt"],
        on: &[],
        little: false,
        when: Zero(0x001F_0000),
        qemu: "illegal",
        architecture: "RA is a register whatever its number, AltiVec Technology Programming Environments Manual, dst",
    },
    Deviation {
        of: &["lwat", "stwat"],
        on: &[],
        little: false,
        when: Functions(&[5, 7]),
        qemu: "compares words as unsigned numbers",
        architecture: "maximum and minimum of signed numbers, Book II 4.5",
    },
    Deviation {
        of: &["lwat", "ldat"],
        on: &[],
        little: false,
        when: Bound,
        qemu: "gives a number with ones above bit 32, or bit 0 (1 << n of an int)",
        architecture: "the smallest number of the operand's length, Book II 4.5.1",
    },
    Deviation {
        of: &["lwat", "ldat", "stwat", "stdat"],
        on: &[],
        little: false,
        when: Apart,
        qemu: "takes any two operands",
        architecture: "both operands are in the same 32 bytes, or the alignment handler is invoked, Book II 4.5",
    },
    Deviation {
        of: &["lwat", "ldat"],
        on: &[],
        little: false,
        when: Functions(&[28]),
        qemu: "compares with the operand after it",
        architecture: "fetch and decrement bounded compares with the operand before it, Book II 4.5.1",
    },
    Deviation {
        of: &["sync"],
        on: &["power10"],
        little: false,
        when: Bits(0x0083_0000),
        qemu: "takes L of 4 and more, and SC, for reserved bits, which it takes for illegal",
        architecture: "L is bits 8:10 and SC bits 14:15 since 3.1, Book II 4.6.3",
    },
    Deviation {
        of: &["dcbtls", "dcbtstls", "dcblc", "icbtls", "icblc", "dcblq.", "icblq."],
        on: &["e500v2", "e500mc"],
        little: false,
        when: Always,
        qemu: "has dcbtls as a no-operation, and not the others",
        architecture: "data storage interrupt while MSR[UCLE] is 0, Power ISA 2.07 Book III-E 6.11.4",
    },
    Deviation {
        of: &["bblels", "bbelr"],
        on: &["e500v2"],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "data storage interrupt while MSR[UBLE] is 0, e500 Core Family Reference Manual 3.3.1.8",
    },
    Deviation {
        of: &["lbdx", "lhdx", "lwdx", "stbdx", "sthdx", "stwdx", "dsn"],
        on: &["e500mc"],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "decorated storage, e500mc Core Reference Manual chapter 3",
    },
    Deviation {
        of: &["mfpmr", "mtpmr"],
        on: &["e500v2", "e500mc"],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "programs read the counters by their user numbers, Power ISA 2.07 Book III-E appendix D",
    },
    Deviation {
        of: &["plq"],
        on: &["power10"],
        little: false,
        when: Zero(0x03FF_0000),
        qemu: "takes register 0 with an address relative to the instruction for an invalid form, RT being RA",
        architecture: "there is no RA where R is 1, Book I 3.3.4",
    },
    Deviation {
        of: &["copy", "paste."],
        on: &[],
        little: false,
        when: Always,
        qemu: "illegal",
        architecture: "instructions of a program since 3.0, Book II 4.4",
    },
];

/// Instructions that programs may use and that are not run, and why.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("sc", "a system call, which the host would carry out"),
    ("scv", "as sc"),
    ("ehpriv", "goes to a hypervisor, of which user mode has none"),
    ("rfebb", "event-based branches are off in user mode of QEMU, which dies of the interrupt"),
    ("hashst", "user mode of QEMU draws its key HASHKEYR at random, and no program can read it"),
    ("hashchk", "as hashst"),
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

/// The second operand of an atomic memory operation that has one. Power ISA Book II 4.5
fn neighbour(function: u32, address: u64, length: u64) -> Option<u64> {
    match function {
        24 | 25 => Some(address.wrapping_add(length)),
        28 => Some(address.wrapping_sub(length)),
        _ => None,
    }
}

/// Whether a bounded operation of lwat or ldat stops at its bound. Power ISA Book II 4.5.1
fn is_at_bound(name: &str, function: u32, address: u64, core: &Core) -> bool {
    let length = if name == "lwat" { 4 } else { 8 };
    let Some(neighbour) = neighbour(function, address, length) else { return false };
    let operand = |address| {
        let mut bytes = [0; 8];
        core.memory.read(address, &mut bytes[..length as usize]).ok().map(|()| bytes)
    };
    (operand(address) == operand(neighbour)) != (function == 25)
}

/// Whether a word of an instruction that is not left out is one where QEMU deviates.
pub fn deviates(name: &str, word: u32, address: u64, core: &Core) -> bool {
    let register = |shift: u32| core.cpu.gpr[(word >> shift & 31) as usize];
    DEVIATIONS.iter().filter(|row| row.is_on(name, &core.target)).any(|row| match row.when {
        Always => true,
        Bits(bits) => word & bits != 0,
        Unaligned(length) => !address.is_multiple_of(length),
        Crossing => core.cpu.pc & 63 == 60,
        Functions(codes) => codes.contains(&(word >> 11 & 31)),
        Bound => is_at_bound(name, word >> 11 & 31, address, core),
        Apart => {
            let length = if name.contains('w') { 4 } else { 8 };
            neighbour(word >> 11 & 31, address, length).is_some_and(|other| other / 32 != address / 32)
        }
        Zero(bits) => word & bits == 0,
        Reserved => core.cpu.reservation.is_some(),
        ReservedBlock => core.cpu.reservation.is_some_and(|reservation| {
            let block = core.target.model.cache_block();
            reservation.at / block == address / block
        }),
        WideVrsave => word & 0x001F_F800 == 0x0000_4000 && register(21) >> 32 != 0,
        QuotientOf65Bits => {
            let (dividend, divisor) = (register(16).cast_signed(), register(11).cast_signed());
            dividend.unsigned_abs() < divisor.unsigned_abs() && !has_quotient(word, core)
        }
    })
}

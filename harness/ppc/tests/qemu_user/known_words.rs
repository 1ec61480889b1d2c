//! Words that QEMU 7.2 takes for another kind than the core, and why.

use super::target::Target;

/// Words with one primary opcode and some extended ones.
pub struct KnownWords {
    /// Primary opcode.
    pub primary: u32,
    /// Bits 21-30.
    pub extended: &'static [u32],
    /// Processors of QEMU, as in [`Target::cpu`]; none for all.
    pub on: &'static [&'static str],
    /// What is known of them.
    pub why: &'static str,
}

/// Every known difference. A test fails for one that no target has.
pub const KNOWN_WORDS: &[KnownWords] = &[
    KnownWords {
        primary: 31,
        extended: &[177, 300, 333, 461],
        on: &[],
        why: "floating-point, vector and VSX loads, stores and moves, which user mode has switched on",
    },
    KnownWords {
        primary: 31,
        extended: &[342, 374, 822],
        on: &["power7", "power8", "power9", "power10"],
        why: "data streams, which QEMU gives to every processor with vectors; Power ISA 2.06 does not have them",
    },
    KnownWords {
        primary: 4,
        extended: &[2, 34, 162, 198, 227, 230, 323, 451, 739, 835, 963],
        on: &["750", "e500mc"],
        why: "vector instructions of 3.1, which QEMU gives to processors without vectors too",
    },
    KnownWords {
        primary: 31,
        extended: &[654, 686, 718, 750, 782, 814, 846, 878, 910, 942, 1006],
        on: &[],
        why: "transactional memory, which user mode of QEMU switches on whatever MSR[TM] of a partition is",
    },
    KnownWords {
        primary: 31,
        extended: &[18, 31, 63, 95, 127, 159, 223, 255, 287, 319, 415, 607, 735, 991, 1023],
        on: &[],
        why: "BookE: TLB, external process identifier and cache locking",
    },
    KnownWords {
        primary: 31,
        extended: &[658, 690, 722, 754],
        on: &[],
        why: "hash instructions of 3.1B, which QEMU gives to every processor as no-operations; reserved before",
    },
    KnownWords {
        primary: 31,
        extended: &[52, 116, 694, 726],
        on: &["power7"],
        why: "byte and halfword reservations, phased in with 2.06, which the POWER7 does not have",
    },
    KnownWords {
        primary: 31,
        extended: &[150, 182, 214, 694, 726],
        on: &[],
        why: "store conditional with bit 31 clear, which QEMU does not look at; it is 1, Book II 4.6.2",
    },
    KnownWords {
        primary: 31,
        extended: &[210, 242, 595, 659],
        on: &[],
        why: "segment registers, which QEMU gives to 64-bit processors; removed from them in 2.00 but for the bridge",
    },
    KnownWords {
        primary: 31,
        extended: &[19, 144],
        on: &["750", "7400"],
        why: "mtocrf and mfocrf, which QEMU gives to every processor; since 2.01",
    },
    KnownWords {
        primary: 31,
        extended: &[470],
        on: &[],
        why: "dcbi, which QEMU gives to 64-bit processors; embedded and PEM only",
    },
    KnownWords {
        primary: 31,
        extended: &[512],
        on: &[],
        why: "mcrxr, which QEMU gives to 64-bit processors; phased out in 2.00",
    },
    KnownWords {
        primary: 31,
        extended: &[274],
        on: &[],
        why: "tlbiel, which QEMU gives to 32-bit processors; since 2.00",
    },
    KnownWords {
        primary: 31,
        extended: &[78, 110],
        on: &["power9", "power10"],
        why: "msgsndu and msgclru: secure memory facility, which QEMU does not have; Book III 11.2",
    },
    KnownWords {
        primary: 19,
        extended: &[306],
        on: &["power9", "power10"],
        why: "urfid: secure memory facility, which QEMU does not have; Book III 3.3",
    },
    KnownWords {
        primary: 19,
        extended: &[102],
        on: &["e500mc"],
        why: "rfgi: embedded hypervisor, which QEMU does not have; Power ISA 2.07 Book III-E 4.3",
    },
    KnownWords { primary: 31, extended: &[979], on: &[], why: "slbfee., which QEMU has for its system machines only" },
    KnownWords {
        primary: 19,
        extended: &[50],
        on: &[],
        why: "rfi, which QEMU gives to 64-bit processors; rfid since 2.00",
    },
    KnownWords { primary: 19, extended: &[82], on: &[], why: "rfscv, which QEMU has for its system machines only" },
    KnownWords {
        primary: 19,
        extended: &[38, 39],
        on: &[],
        why: "QEMU gives e500v2 rfdi and not rfmci; e500 Core Reference Manual: rfmci, debug interrupts are critical",
    },
    KnownWords {
        primary: 19,
        extended: &[
            32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
            736, 768, 800, 832, 864, 896, 928, 960, 992,
        ],
        on: &[],
        why: "QEMU looks at five bits of the extended opcode of mcrf; it has ten, Book I 2.5.2",
    },
];

/// The number of the row that knows a difference, if there is one.
pub fn known(word: u32, target: &Target) -> Option<usize> {
    let extended = word >> 1 & 0x3FF;
    KNOWN_WORDS.iter().position(|row| {
        row.primary == word >> 26
            && row.extended.contains(&extended)
            && (row.on.is_empty() || row.on.contains(&target.cpu))
    })
}

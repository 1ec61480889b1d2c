//! Words that QEMU 7.2 takes for another kind than the core, and why.

/// Words with one primary opcode and some extended ones.
pub struct KnownWords {
    /// Primary opcode.
    pub primary: u32,
    /// Bits 21-30; empty for any.
    pub extended: &'static [u32],
    /// What is known of them.
    pub why: &'static str,
}

/// Every known difference. The first rows are of facilities of which the core has the unavailable interrupt at most, so
/// that they only say which words it does not have yet.
pub const KNOWN_WORDS: &[KnownWords] = &[
    KnownWords {
        primary: 31,
        extended: &[
            12, 13, 45, 51, 76, 77, 109, 115, 140, 141, 173, 177, 179, 205, 211, 237, 243, 268, 269, 300, 301, 307,
            332, 333, 364, 396, 397, 403, 429, 435, 461, 524, 652, 781, 791, 812, 813, 876, 909, 919, 940, 941, 1004,
            342, 374, 822,
        ],
        why: "floating-point, vector and VSX loads, stores and moves, which user mode has switched on",
    },
    KnownWords { primary: 4, extended: &[], why: "vector and SPE, which user mode has switched on" },
    KnownWords { primary: 6, extended: &[], why: "VSX, which user mode has switched on" },
    KnownWords { primary: 57, extended: &[], why: "floating point and VSX, which user mode has switched on" },
    KnownWords { primary: 59, extended: &[], why: "floating point, which user mode has switched on" },
    KnownWords { primary: 60, extended: &[], why: "VSX, which user mode has switched on" },
    KnownWords { primary: 61, extended: &[], why: "floating point and VSX, which user mode has switched on" },
    KnownWords { primary: 63, extended: &[], why: "floating point, which user mode has switched on" },
    KnownWords { primary: 31, extended: &[74, 586, 282, 314], why: "BCD assist of 2.06" },
    KnownWords { primary: 31, extended: &[582, 614, 710, 742], why: "atomic memory operations of 3.0" },
    KnownWords { primary: 31, extended: &[774, 838, 902], why: "copy and paste of 3.0" },
    KnownWords {
        primary: 31,
        extended: &[654, 686, 718, 750, 782, 814, 846, 878, 910, 942, 1006],
        why: "transactional memory, which user mode of QEMU switches on whatever MSR[TM] of a partition is",
    },
    KnownWords { primary: 31, extended: &[142, 174, 206, 238, 886], why: "messages: hypervisor and supervisor" },
    KnownWords { primary: 31, extended: &[338, 466, 850], why: "SLB instructions of 3.0: supervisor" },
    KnownWords {
        primary: 31,
        extended: &[310, 438],
        why: "eciwx and ecowx, optional, Programming Environments Manual",
    },
    KnownWords {
        primary: 31,
        extended: &[
            18, 31, 63, 95, 127, 159, 166, 223, 255, 287, 319, 415, 607, 735, 786, 914, 946, 978, 991, 1023, 134, 198,
            390, 454, 486, 230,
        ],
        why: "BookE: TLB, external process identifier and cache locking",
    },
    KnownWords {
        primary: 31,
        extended: &[658, 690, 722, 754],
        why: "hash instructions of 3.1B, which QEMU gives to every processor as no-operations; reserved before",
    },
    KnownWords {
        primary: 31,
        extended: &[150, 182, 214, 694, 726],
        why: "store conditional with bit 31 clear, which QEMU does not look at; it is 1, Book II 4.6.2",
    },
    KnownWords {
        primary: 31,
        extended: &[210, 242, 595, 659],
        why: "segment registers, which QEMU gives to 64-bit processors; removed from them in 2.00 but for the bridge",
    },
    KnownWords {
        primary: 31,
        extended: &[470],
        why: "dcbi, which QEMU gives to 64-bit processors; embedded and PEM only",
    },
    KnownWords {
        primary: 31,
        extended: &[512],
        why: "mcrxr, which QEMU gives to 64-bit processors; phased out in 2.00",
    },
    KnownWords { primary: 31, extended: &[274], why: "tlbiel, which QEMU gives to 32-bit processors; since 2.00" },
    KnownWords { primary: 31, extended: &[979], why: "slbfee., which QEMU has for its system machines only" },
    KnownWords { primary: 31, extended: &[22], why: "icbt with CT, see the table of deviations" },
    KnownWords { primary: 19, extended: &[50], why: "rfi, which QEMU gives to 64-bit processors; rfid since 2.00" },
    KnownWords { primary: 19, extended: &[82], why: "rfscv, which QEMU has for its system machines only" },
    KnownWords {
        primary: 19,
        extended: &[38, 39],
        why: "QEMU gives e500v2 rfdi and not rfmci; e500 Core Reference Manual: rfmci, debug interrupts are critical",
    },
    KnownWords {
        primary: 19,
        extended: &[
            32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
            736, 768, 800, 832, 864, 896, 928, 960, 992,
        ],
        why: "QEMU looks at five bits of the extended opcode of mcrf; it has ten, Book I 2.5.2",
    },
];

/// Whether a difference is known.
pub fn is_known(word: u32) -> bool {
    let extended = word >> 1 & 0x3FF;
    KNOWN_WORDS
        .iter()
        .any(|row| row.primary == word >> 26 && (row.extended.is_empty() || row.extended.contains(&extended)))
}

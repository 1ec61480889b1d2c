//! Where QEMU 7.2 is known to differ from the architecture: what it does, and the text that decides.
//!
//! Nothing may differ outside this list, and a row that no case needs any more fails the test of its board.

use hypercheck_ppc::{Hypervisor, Model, msr};

use super::agent32;
use super::board::Board;
use super::record::{Case, Seen};

/// A known difference.
pub struct Known {
    /// Boards that have it, by the beginning of their names.
    pub boards: &'static [&'static str],
    /// Registers that may differ where it applies.
    pub registers: &'static [&'static str],
    /// Whether it applies to a case, by what the core and QEMU made of it.
    pub applies: fn(&Board, &Case, &Seen, &Seen) -> bool,
    /// What QEMU does.
    pub qemu: &'static str,
    /// What the architecture says, and where.
    pub text: &'static str,
}

const SERVERS: &[&str] = &["pseries", "powernv"];
const WHOLE: &[&str] = &["powernv"];
const EMBEDDED: &[&str] = &["ppce500"];
const CLASSIC: &[&str] = &["g3beige"];
const PARTITION: &[&str] = &["pseries"];
/// Everything that a different interrupt, or none, changes.
const ANOTHER: &[&str] = &[
    "r3", "r4", "r9", "vector", "srr0", "srr1", "msr", "fscr", "hsrr0", "hsrr1", "heir", "dar", "dear", "dsisr", "esr",
    "hfscr",
];

/// What QEMU's e500v2 has and has not in its MSR.
const FLOAT: u64 = msr::FP | msr::FE0 | msr::FE1 | msr::PMM;

/// An SPR case about one of these numbers.
fn about(case: &Case, numbers: &[u32]) -> bool {
    matches!(case.family, "mfspr" | "mtspr") && numbers.contains(&case.number)
}

fn problem(case: &Case) -> bool {
    case.msr & msr::PR != 0
}

fn text_has(case: &Case, part: &str) -> bool {
    case.name.contains(part)
}

/// Undefined numbers whose bit 0x10 is clear ask for emulation in problem state.
fn asks_for_emulation(case: &Case) -> bool {
    problem(case) && case.number & 0x10 == 0 || matches!(case.number, 0 | 4 | 5 | 6)
}

pub const KNOWN: &[Known] = &[
    Known {
        boards: WHOLE,
        registers: &["heir"],
        applies: |_, _, _, _| true,
        qemu: "has no HEIR: mfspr 339 does nothing",
        text: "an emulation assistance interrupt sets HEIR to the instruction: Power ISA 3.0 Book III 7.5.18",
    },
    Known {
        boards: SERVERS,
        registers: &["srr1", "hsrr1", "msr", "r3", "r5"],
        applies: |board, case, here, there| {
            let without = match case.family {
                "return" => board.hypervisor != Hypervisor::Guest,
                "return from" => case.msr & msr::HV == 0,
                _ => false,
            };
            let others = |name: &str| (here.named(name) ^ there.named(name)) & !(msr::ME | msr::TM) == 0;
            without && here.named("msr") & !there.named("msr") == msr::ME && others("srr1") && others("hsrr1")
        },
        qemu: "a return without MSR[HV] changes ME",
        text: "MSR bit 51 is taken from SRR1 only where MSR[HV] is 1: Power ISA Book III 3.3.2, rfid and rfscv",
    },
    Known {
        boards: &["pseries/power8", "powernv8"],
        registers: &["vector", "msr"],
        applies: |_, case, here, there| {
            case.lpcr & (msr::LPCR_AIL | msr::LPCR_HAIL) != 0
                && (here.named("vector") ^ there.named("vector")) & 0xFFF == 0
        },
        qemu: "POWER8 has HAIL in the place of LPCR[ONL], and so AIL as in 3.1",
        text: "AIL 2 adds 0x18000 and leaves IR and DR on, and AIL is for hypervisor state as well: Power ISA 2.07 Book \
               III-S 2.2",
    },
    Known {
        boards: &["pseries/power10", "powernv10"],
        registers: &["srr1", "hsrr1", "r3", "r4", "r5"],
        applies: |_, case, here, there| {
            matches!(case.family, "return" | "hreturn" | "return from" | "move")
                && (here.named("srr1") ^ there.named("srr1") | here.named("hsrr1") ^ there.named("hsrr1")) & !msr::ME
                    == msr::TM
        },
        qemu: "POWER10 has MSR[TM]",
        text: "bit 31 of the MSR is reserved: Power ISA 3.1 Book III 3.2.1",
    },
    Known {
        boards: &["pseries/power9", "pseries/power10", "powernv9", "powernv10"],
        registers: &["dsisr"],
        applies: |_, _, here, there| here.named("vector") & 0xFFF == 0x600 && there.named("dsisr") != 0,
        qemu: "an alignment interrupt puts bits of the instruction into DSISR",
        text: "alignment interrupts leave no such bits from 3.0 on: Power ISA 3.0 Book III 7.5.8",
    },
    Known {
        boards: SERVERS,
        registers: &["dar"],
        applies: |board, case, here, _| {
            case.is_little(board.model) && text_has(case, "lmw") && here.named("vector") & 0xFFF == 0x600
        },
        qemu: "lmw in little-endian mode leaves DAR as it was",
        text: "DAR is set to the effective address: Power ISA Book III 7.5.8",
    },
    Known {
        boards: &["pseries/power8", "powernv8"],
        registers: &["dsisr"],
        applies: |board, case, here, there| {
            here.named("vector") & 0xFFF == 0x600
                && (case.is_little(board.model) || here.named("dsisr") & 0x3FF == there.named("dsisr"))
        },
        qemu: "DSISR has the registers of the instruction and not its opcode, and in little-endian mode those of its bytes \
               in the wrong order",
        text: "opcode and registers: Power ISA 2.07 Book III-S 6.5.8; Programming Environments Manual 6.4.6.1",
    },
    Known {
        boards: CLASSIC,
        registers: ANOTHER,
        applies: |_, case, here, there| {
            (about(case, &[case.number]) || text_has(case, "mfspr"))
                && (!problem(case) || case.number & 0x10 == 0)
                && here.named("srr1") & !there.named("srr1") & 0x000F_0000 == 0x0008_0000
                && there.named("srr1") & 0x000F_0000 != 0x0008_0000
        },
        qemu: "ignores an undefined register in supervisor state, and takes every one for privileged in problem state and \
               0, 4, 5 and 6 in both",
        text: "illegal or boundedly undefined, and privileged only where bit 0 of the field is 1: Programming Environments \
               Manual chapter 8, mfspr and mtspr",
    },
    Known {
        boards: CLASSIC,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[955, 1017]),
        qemu: "SIA cannot be written, and L2CR reads 0",
        text: "both are read and written in supervisor state: MPC750 RISC Microprocessor Family User's Manual 2.1.2",
    },
    Known {
        boards: EMBEDDED,
        registers: ANOTHER,
        applies: |_, case, here, there| {
            (about(case, &[case.number]) || text_has(case, "mfspr"))
                && (!problem(case) || case.number & 0x10 == 0)
                && here.named("esr") == 0x0800_0000
                && there.named("esr") != 0x0800_0000
        },
        qemu: "ignores an undefined register in supervisor state, and takes every one for privileged in problem state and \
               0, 4, 5 and 6 in both",
        text: "an illegal instruction, privileged only where bit 5 of the number is 1: e500 Core Family Reference Manual \
               3.3.1.7, mfspr and mtspr",
    },
    Known {
        boards: EMBEDDED,
        registers: &["msr"],
        applies: |_, _, here, there| {
            here.named("msr") & !(msr::CE | msr::DE | msr::RI | msr::ME) == there.named("msr") & !msr::ME
        },
        qemu: "an interrupt clears CE and DE",
        text: "a base class interrupt leaves CE, ME and DE: Power ISA 2.07 Book III-E 7.4.1",
    },
    Known {
        boards: EMBEDDED,
        registers: &["srr1"],
        applies: |_, _, here, there| (here.named("srr1") ^ there.named("srr1")) & !(0x001F_0000 | msr::ME) == 0,
        qemu: "a program interrupt puts bits that say why into SRR1",
        text: "SRR1 is the MSR, and ESR says why: Power ISA 2.07 Book III-E 7.6.7",
    },
    Known {
        boards: &["ppce500/e500mc"],
        registers: ANOTHER,
        applies: |_, case, _, _| {
            text_has(case, "ehpriv")
                || text_has(case, "rfgi")
                || about(case, &[307, 378, 379])
                || case.family == "sc" && case.number == 1
        },
        qemu: "has no embedded hypervisor: neither ehpriv, rfgi, EPCR nor GSRR, and sc 1 is sc",
        text: "all belong to Embedded.Hypervisor: Power ISA 2.07 Book III-E 4.3.1, 3.1.1; e500mc Core Reference Manual",
    },
    Known {
        boards: &["ppce500/e500v2"],
        registers: &["srr1", "r3", "r4"],
        applies: |_, case, here, there| {
            case.family != "mfspr"
                && case.family != "mtspr"
                && (here.named("srr1") ^ there.named("srr1")) & !(0x001F_0000 | FLOAT) == 0
        },
        qemu: "e500v2 has MSR[FP], FE0 and FE1, and not PMM",
        text: "the bits belong to Floating-Point: Power ISA 2.07 Book III-E 4.2.1; e500v2 has no such registers, but a \
               performance monitor: e500 Core Family Reference Manual 2.5.1, 2.15",
    },
    Known {
        boards: &["ppce500/e500v2"],
        registers: ANOTHER,
        applies: |_, case, _, _| text_has(case, "rfmci") || text_has(case, "rfdi"),
        qemu: "e500v2 has rfdi in the place of rfmci",
        text: "rfmci returns from a machine check, and debug interrupts are critical ones: e500 Core Family Reference \
               Manual 3.3.1.8, 5.7.16",
    },
    Known {
        boards: EMBEDDED,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[284, 285, 513, 514, 526, 527]),
        qemu: "lets problem state read TBL and TBU under their privileged numbers, and not ATB, BBEAR and BBTAR",
        text: "284 and 285 are for writing; the others are for users: e500 Core Family Reference Manual 2.4, table 2-3",
    },
    Known {
        boards: EMBEDDED,
        registers: &["r3"],
        applies: |_, case, _, _| about(case, &[947, 948, 1010, 1011]),
        qemu: "masks EPLC, EPSC and L1CSR",
        text: "these bits are reserved or act on a cache, of which the core has none: e500 Core Family Reference Manual 2.11",
    },
    Known {
        boards: EMBEDDED,
        registers: &["r3"],
        applies: |_, case, here, there| about(case, &[case.number]) && here.gpr[3] == there.gpr[3] & 0xFFF0,
        qemu: "keeps the low four bits of an IVOR",
        text: "bits 60 to 63 are reserved: Power ISA 2.07 Book III-E 7.2.18",
    },
    Known {
        boards: &["g3beige", "ppce500"],
        registers: &["msr", "srr1", "r4"],
        applies: |board, case, here, there| {
            let others = match board.model {
                Model::E500v2 => 0x001F_0000 | FLOAT,
                Model::E500mc => 0x001F_0000,
                _ => 0,
            };
            case.family == "move" && (here.named("srr1") ^ there.named("srr1")) & !(msr::ME | others) == 0
        },
        qemu: "mtmsr does not change ME",
        text: "all of the register is written: Programming Environments Manual chapter 8, mtmsr",
    },
    Known {
        boards: &["pseries", "powernv", "g3beige", "ppce500"],
        registers: &["vector", "srr0", "srr1", "cr", "dar", "dsisr", "msr", "dear", "esr"],
        applies: |board, case, here, _| {
            let alignment = if board.model.is_embedded() { agent32::offset(5) } else { 0x600 };
            text_has(case, "stwcx.") && here.named("vector") & 0x1FFF & alignment == alignment
        },
        qemu: "a store conditional without a reservation does not look at the alignment",
        text: "alignment interrupt or boundedly undefined: Power ISA Book II 4.6.2",
    },
    Known {
        boards: &["pseries/power10", "powernv10"],
        registers: &["srr1"],
        applies: |_, case, here, there| {
            let level = if case.family == "sc" { case.number } else { 1 };
            matches!(case.family, "sc" | "order")
                && here.named("srr1") ^ there.named("srr1") == u64::from(level & 3) << 20
        },
        qemu: "does not show the level of a system call",
        text: "SRR1 bits 42 and 43 are LEV: Power ISA 3.1 Book III 7.5.14",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[3]) || text_has(case, "mtspr 3,"),
        qemu: "has no DSCR for problem state, number 3",
        text: "DSCR is 3 in problem state and 17 in privileged state: Power ISA Book III 4.4.4, figure 18",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| case.family == "privileged" && text_has(case, "slbfee."),
        qemu: "slbfee. in problem state is an illegal instruction",
        text: "it is privileged: Power ISA Book III 6.9.3.4",
    },
    Known {
        boards: &["pseries/power9", "pseries/power10", "powernv9", "powernv10"],
        registers: ANOTHER,
        applies: |_, case, _, _| case.family == "privileged" && ["urfid", "msgsndu", "msgclru"].contains(&&*case.name),
        qemu: "has no ultravisor: its instructions are illegal",
        text: "they need more privilege than the state has: Power ISA 3.1 Book III 3.3.2, 11.2",
    },
    Known {
        boards: &["pseries/power9", "pseries/power10", "powernv9", "powernv10"],
        registers: ANOTHER,
        applies: |_, case, _, _| case.family == "privileged" && ["slbieg", "slbiag", "slbsync"].contains(&&*case.name),
        qemu: "lets every privileged program invalidate segments everywhere",
        text: "they are the hypervisor's unless LPCR[GTSE] is 1: Power ISA 3.0 Book III 5.9.3.2",
    },
    Known {
        boards: &["ppce500/e500mc"],
        registers: ANOTHER,
        applies: |_, case, _, _| {
            let external = ["dcbstep", "dcbtep", "dcbtstep", "dcbzep", "dcbfep", "icbiep"];
            case.family == "privileged" && external.contains(&&*case.name)
        },
        qemu: "lets problem state use the external process",
        text: "these instructions are privileged: Power ISA 2.07 Book III-E 5.4.3",
    },
    Known {
        boards: WHOLE,
        registers: ANOTHER,
        applies: |_, case, here, _| {
            case.family == "facility" && here.named("vector") & 0xFFF == 0xF80
                || text_has(case, "btar") && here.named("vector") & 0xFFF == 0xF60
        },
        qemu: "HFSCR does not guard TAR, EBB and transactional memory, and FSCR does not guard bctar",
        text: "facility unavailable: Power ISA 2.07 Book III-S 6.2.11, 6.2.12",
    },
    Known {
        boards: PARTITION,
        registers: &["srr1"],
        applies: |_, case, here, there| {
            about(case, &[case.number])
                && asks_for_emulation(case)
                && here.named("srr1") ^ there.named("srr1") == 0x000C_0000
        },
        qemu: "reflects the emulation assistance of an undefined register as a privileged instruction",
        text: "emulation assistance where bit 0 of the field is 0: Power ISA Book III 4.4.4; a hypervisor that emulates \
               nothing reflects an illegal instruction: Linux arch/powerpc/kvm/book3s_hv.c",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[136, 152, 259, 268, 269, 286, 287, 769, 1023]),
        qemu: "takes a number that has a register in the other direction only for privileged",
        text: "a number that is not defined in a direction is undefined there: Power ISA Book III 4.4.4",
    },
    Known {
        boards: &["pseries", "powernv", "g3beige"],
        registers: ANOTHER,
        applies: |board, case, _, _| about(case, &[284, 285]) || board.model.is_server() && about(case, &[308, 309]),
        qemu: "lets problem state read TBL and TBU under their privileged numbers, PURR and SPURR",
        text: "the numbers are privileged, and 284 and 285 cannot be read: Power ISA Book III 4.4.4, figure 18",
    },
    Known {
        boards: PARTITION,
        registers: &["r3"],
        applies: |_, case, _, _| !problem(case) && about(case, &[13]),
        qemu: "guards AMR with AMOR, which is 0, under its number for problem state in privileged state too",
        text: "AMOR is the hypervisor's to open: Power ISA Book III 6.7.13",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[898]),
        qemu: "has no PPR32",
        text: "PPR32 is 898 in every state: Power ISA Book III 4.4.4, figure 18",
    },
    Known {
        boards: SERVERS,
        registers: &["r3"],
        applies: |_, case, here, there| {
            about(case, &[18, 256, 787, 788, 789, 790]) && here.gpr[3] == there.gpr[3] & 0xFFFF_FFFF
        },
        qemu: "keeps 64 bits of registers that have 32",
        text: "mfspr clears the upper half where the register has 32 bits: Power ISA Book III 4.4.4; 4.3, 9.4",
    },
    Known {
        boards: &["pseries", "powernv", "g3beige", "ppce500"],
        registers: &["r3"],
        applies: |_, case, here, there| about(case, &[1, 896]) && here.gpr[3] & !there.gpr[3] == 0,
        qemu: "keeps reserved bits of XER and PPR",
        text: "the bits are reserved: Power ISA Book I 3.2.2, Book II 3.1",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| {
            about(case, &[768, 769, 770, 771, 772, 773, 774, 775, 776, 779, 780, 781, 782, 784, 791, 792])
        },
        qemu: "has the performance monitor, with numbers for problem state under MMCR0[PMCC]",
        text: "the monitor is no part of the core: Power ISA Book III chapter 9",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[801, 802, 803]),
        qemu: "has the upper halves of BESCR's set and reset",
        text: "the core has no row for them: Power ISA 2.07 Book II 6.2.1",
    },
    Known {
        boards: SERVERS,
        registers: ANOTHER,
        applies: |_, case, _, _| {
            about(
                case,
                &[
                    28, 31, 48, 282, 312, 316, 317, 339, 446, 464, 468, 469, 816, 851, 855, 888, 889, 890, 892, 893,
                    894, 895, 921,
                ],
            )
        },
        qemu: "has implementation-specific registers, or none where the architecture has one for a hypervisor",
        text: "these are not in figure 18 of Power ISA Book III 4.4.4, or are the hypervisor's there (339, 446, 464, 855)",
    },
    Known {
        boards: &["pseries/power10", "powernv10"],
        registers: ANOTHER,
        applies: |_, case, _, _| about(case, &[471, 828]),
        qemu: "7.2 has no DEXCR and HDEXCR",
        text: "3.1 has dynamic execution control: Power ISA 3.1B Book III 9.3 and 4.4.4, figure 18",
    },
    Known {
        boards: &["pseries/power10", "powernv10"],
        registers: ANOTHER,
        applies: |_, case, _, _| {
            about(case, &[128, 129, 130, 131, 181, 189, 471, 828]) || case.family == "facility" && text_has(case, "129")
        },
        qemu: "POWER10 has the registers of transactional memory, and neither the second watchpoint nor DEXCR",
        text: "3.1 has no transactional memory, two watchpoints and DEXCR: Power ISA 3.1 Book III 4.4.4, figure 18",
    },
];

/// Registers of a case that say nothing: what a register held before anybody wrote it.
pub fn says_nothing(case: &Case, register: &str, here: u64, there: u64) -> bool {
    let poison = |register: u64| case.gpr[register as usize];
    match (case.family, register) {
        ("mfspr", "r3") => here != poison(3) && there != poison(3),
        ("mtspr", "r9") => here != poison(9) && there != poison(9),
        _ => false,
    }
}

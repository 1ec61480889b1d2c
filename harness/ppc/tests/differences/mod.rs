//! Where the table and GNU objdump 2.40 differ, and what decides.

use hypercheck_ppc::Model;

/// Who has the instruction.
#[derive(PartialEq, Eq)]
pub enum Side {
    /// The core; objdump shows a number.
    Core,
    /// Objdump; to the core it is no instruction, or none of the integer facility.
    Objdump,
    /// Both, under two names; the list has those of objdump.
    Renamed,
}

/// A known difference.
pub struct Difference {
    /// Models, all if none is named.
    pub on: &'static [Model],
    /// Who has the instruction.
    pub side: Side,
    /// Mnemonics.
    pub names: &'static [&'static str],
    /// What objdump does, and the text that decides.
    pub why: &'static str,
}

impl Difference {
    /// Whether it explains the mnemonics that core and objdump give a word.
    pub fn holds(&self, model: Model, own: Option<&str>, theirs: Option<&str>) -> bool {
        let name = match (&self.side, own, theirs) {
            (Side::Core, Some(name), None) | (Side::Objdump, None, Some(name)) => name,
            (Side::Renamed, Some(_), Some(name)) => name,
            _ => return false,
        };
        (self.on.is_empty() || self.on.contains(&model)) && self.names.contains(&name)
    }
}

const EMBEDDED: &[Model] = &[Model::E500v2, Model::E500mc];
const SERVERS: &[Model] = &[Model::Ppc970, Model::Power7, Model::Power8, Model::Power9, Model::Power10];

/// Every known difference.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        on: &[],
        side: Side::Core,
        names: &["bc", "bca", "bcl", "bcla", "bclr", "bclrl", "bcctr", "bcctrl", "bctar", "bctarl"],
        why: "objdump refuses z bits of BO and reserved values of BH, which are ignored: Book I 2.4, figure 40",
    },
    Difference {
        on: &[],
        side: Side::Core,
        names: &[
            "lbzu", "lbzux", "lhzu", "lhzux", "lhau", "lhaux", "lwzu", "lwzux", "lwaux", "ldu", "ldux", "stbu",
            "stbux", "sthu", "sthux", "stwu", "stwux", "stdu", "stdux", "lfsux", "lfdux", "stfsux", "stfdux", "lmw",
            "lswi", "lswx", "lq", "stq", "lqarx", "stqcx.", "lfdpx", "stfdpx",
        ],
        why: "objdump shows no invalid forms; the core decodes them and raises its interrupt: Book I 1.8.2",
    },
    Difference {
        on: &[],
        side: Side::Core,
        names: &["mfocrf", "mtocrf"],
        why: "objdump wants one bit of FXM; otherwise the result is undefined, not the instruction: Book I 3.3.17",
    },
    Difference {
        on: &[],
        side: Side::Core,
        names: &["mftb"],
        why: "objdump wants the number of a time base; with another one the form is invalid: 2.07 Book II 6.2.1",
    },
    Difference {
        on: &[],
        side: Side::Core,
        names: &["sync", "wait", "dcbf"],
        why: "objdump refuses reserved values of L and WC, of fields that are defined: Book II 4.3.2, 4.6.3, 4.6.4",
    },
    Difference {
        on: &[Model::E500mc],
        side: Side::Core,
        names: &["dcblq.", "icblq.", "ehpriv"],
        why: "2.40 lacks the queries of locks and the OC field: 2.07 Book III-E 6.11.4 and 5.4.1",
    },
    Difference {
        on: &[Model::G4],
        side: Side::Core,
        names: &["dcba"],
        why: "2.40 has it from the 7450 on; the 7400 has it: MPC7400 User's Manual 2.3.5.3",
    },
    Difference {
        on: &[Model::Ppc970],
        side: Side::Core,
        names: &["mtsr", "mtsrin", "mfsr", "mfsrin"],
        why: "objdump has them for 32-bit processors only; the 970 has the bridge: 2.07 Book III-S 5.9.3.2",
    },
    Difference {
        on: &[Model::Ppc970],
        side: Side::Core,
        names: &["hrfid", "slbia"],
        why: "POWER4 has no hypervisor state to return from and no IH; the 970 is like POWER4 to objdump only",
    },
    Difference {
        on: EMBEDDED,
        side: Side::Renamed,
        names: &["msync", "tlbilxlpid", "tlbilxpid", "tlbilxva"],
        why: "extended mnemonics: 2.07 Book II 4.4.3, Book III-E 6.11.4.9",
    },
    Difference {
        on: &[Model::Power8, Model::Power9],
        side: Side::Renamed,
        names: &["tendall."],
        why: "an extended mnemonic of tend.: 2.07 Book II 5.5",
    },
    Difference {
        on: SERVERS,
        side: Side::Objdump,
        names: &[
            "dcbi", "eciwx", "ecowx", "mcrxr", "rfi", "tlbia", "tlbld", "tlbli", "dst", "dstst", "dstt", "dststt",
            "dss", "dssall", "dcbzl", "icbt",
        ],
        why: "of the 32-bit processors, or phased out before the level: PEM, 2.07 appendix of phased-out facilities",
    },
    Difference {
        on: &[Model::Ppc970],
        side: Side::Objdump,
        names: &["lq", "stq"],
        why: "POWER4 has them; the 970 is 2.01, which has not",
    },
    Difference {
        on: &[Model::Power7, Model::Power8, Model::Power9],
        side: Side::Objdump,
        names: &["hashst", "hashchk", "hashstp", "hashchkp", "icswx", "icswx.", "pbt.", "waitasec"],
        why: "hashes are of 3.1 (3.1B Book I 3.3.16); coprocessors are no part of the core, waitasec is of no level",
    },
    Difference {
        on: &[Model::Power10],
        side: Side::Objdump,
        names: &[
            "tabort.",
            "tabortdc.",
            "tabortdci.",
            "tabortwc.",
            "tabortwci.",
            "tbegin.",
            "tcheck",
            "tend.",
            "tendall.",
            "trechkpt.",
            "treclaim.",
            "tsr.",
            "pbt.",
            "icswx",
            "icswx.",
            "lxvpx",
            "stxvpx",
        ],
        why: "3.1 has no transactions; coprocessors and vector pairs are no part of the core",
    },
    Difference {
        on: &[Model::G3, Model::G4],
        side: Side::Objdump,
        names: &["tlbie", "tlbia", "mtocrf", "mfocrf", "tlbld", "tlbli"],
        why: "objdump lets an L field and FXM of the 64-bit processors pass, and has instructions of the 603: PEM chapter 8",
    },
    Difference {
        on: EMBEDDED,
        side: Side::Objdump,
        names: &[
            "tlbre",
            "tlbsx",
            "tlbsx.",
            "tlbwe",
            "tlbie",
            "tlbia",
            "dcbal",
            "dcbzl",
            "dcblce",
            "dcbtlse",
            "dcbtstlse",
            "icblce",
            "icbtlse",
            "mfapidi",
            "mfdcr",
            "mfdcrx",
            "mtdcr",
            "mtdcrx",
            "ldepx",
            "stdepx",
            "lddx",
            "stddx",
            "evlddepx",
            "evstddepx",
            "dnh",
            "eciwx",
            "ecowx",
        ],
        why: "operands and instructions of other embedded processors: e500 and e500mc manuals, chapter 3",
    },
];

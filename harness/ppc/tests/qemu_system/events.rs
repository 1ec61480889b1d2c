//! Cases of what happens beside the program: traces, timers, facilities that are denied, instructions that are not allowed.

use hypercheck_ppc::row::{Privilege, Row};
use hypercheck_ppc::table::{FIELDS, ROWS};
use hypercheck_ppc::{Model, msr};

use super::cases::{Random, states, words};
use super::record::Case;

/// Single-step and branch trace: each of these is traced or not.
pub fn traced(model: Model, states: &[u64]) -> Vec<Case> {
    let mut list = vec![
        "nop; nop",
        "b next; next: nop",
        "cmpw r3, r3; bne next; next: nop",
        "lwz r4, 0x7000(0); nop",
        "isync; nop",
        "tw 4, r3, r4; nop",
        "trap",
        "sc",
        ".long 0; nop",
        "mfspr r4, 26; nop",
    ];
    if model.is_server() {
        list.extend(["mfsrr0 r3; addi r3, r3, 16; mtsrr0 r3; rfid; nop; nop", "mtmsrd r9, 1; nop"]);
    } else {
        list.extend(["mfsrr0 r3; addi r3, r3, 16; mtsrr0 r3; rfi; nop; nop"]);
    }
    let mut cases = Vec::new();
    for &state in states {
        for mark in [msr::SE, msr::BE, msr::SE | msr::BE] {
            for code in &list {
                cases.push(Case::new(model, "trace", *code, state | mark, &words(code)));
            }
        }
    }
    cases
}

/// A decrementer that has run out and an MSR that lets it interrupt: r5 is its value, r6 goes to the MSR. With `wide` the
/// sign is that of 56 bits.
pub fn expired(model: Model, states: &[u64], lpcr: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    // None of them is near a turn of the sign, for QEMU's time is not that of the core.
    let values = [
        u64::MAX,
        0x8000_1000,
        0xC000_0000,
        0x7FFF_FFFF,
        1 << 55 | 0x1000_0000,
        3 << 54 | 0x1000_0000,
        0x1234_0000_8000_1000,
        0x1FFF_FFFF,
    ];
    let set = if model.is_server() { "mtmsrd r6, 1" } else { "mtmsr r6" };
    for &state in states {
        for value in values {
            for &lpcr in lpcr {
                for code in [
                    format!("mtdec r5; nop; {set}; nop; nop"),
                    format!("mtdec r5; {set}; mtdec r7; nop"),
                    format!("mtdec r5; nop; mtdec r7; nop; {set}; nop; nop"),
                ] {
                    cases.push(Case::new(model, "decrementer", format!("{value:#x}"), state, &words(&code)).with(
                        |case| {
                            let mask = if model.is_server() { u64::MAX } else { 0xFFFF_FFFF };
                            (case.gpr[5], case.gpr[7], case.lpcr) = (value & mask, 0x7FFF_FFFF, lpcr);
                            let narrow = if model.is_server() { 0 } else { state };
                            case.gpr[6] = narrow | msr::EE | if case.number & 1 == 0 { msr::RI } else { 0 };
                        },
                    ));
                }
            }
        }
    }
    cases
}

/// The hypervisor decrementer, which runs out in hypervisor state and interrupts it, or what it returns to.
pub fn hypervisor_expired(model: Model) -> Vec<Case> {
    let mut cases = Vec::new();
    let base = msr::SF | msr::HV | msr::ME | msr::RI;
    for value in [u64::MAX, 0x8000_1000, 1 << 55 | 0x1000_0000, 0x7FFF_FFFF] {
        for lpcr in [0, 1, 1 | msr::LPCR_LD] {
            let code = "mtspr 310, r5; nop; mtmsrd r6, 1; nop; nop";
            cases.push(Case::new(model, "hypervisor decrementer", format!("{value:#x}"), base, &words(code)).with(
                |case| {
                    (case.gpr[5], case.gpr[6], case.lpcr) = (value, msr::EE | msr::RI, lpcr);
                },
            ));
            for target in [0, msr::HV, msr::PR, msr::EE, msr::HV | msr::PR, msr::IR | msr::DR, msr::RI] {
                let code = "mfsrr0 r9; addi r9, r9, 24; mtsrr0 r9; mtsrr1 r8; mtspr 310, r5; rfid; nop; nop";
                cases.push(Case::new(model, "hypervisor decrementer", format!("{value:#x}"), base, &words(code)).with(
                    |case| {
                        (case.gpr[5], case.gpr[8], case.lpcr) = (value, target | msr::SF | msr::ME, lpcr);
                    },
                ));
            }
        }
    }
    cases
}

/// Facilities that the hypervisor or the operating system denies, from every state.
pub fn facilities(model: Model, hv: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    for state in states(hv) {
        for code in ["mfspr r3, 815", "mtspr 806, r0", "mfspr r3, 129", "btar", "mfspr r3, 17", "lfd f1, 0x40(0)"] {
            for (fscr, hfscr) in [(0, u64::MAX >> 8), (0xFFFF, u64::MAX >> 8), (0xFFFF, 0), (0, 0)] {
                cases.push(Case::new(model, "facility", code, state, &words(code)).with(|case| {
                    (case.fscr, case.hfscr) = (fscr, hfscr);
                    case.ignored.push("r3");
                }));
            }
        }
    }
    cases
}

/// The byte order of interrupts to hypervisor state.
pub fn hypervisor_order(model: Model) -> Vec<Case> {
    let mut cases = Vec::new();
    for state in states(&[msr::HV, 0]) {
        for snippet in ["trap", "sc", "sc 1", ".long 0", "mfspr r3, 0", "tw 31, 0, 0", "mfmsr r3", "lfd f1, 0x40(0)"] {
            for hid0 in [0, 1 << 59, 1 << 44] {
                for lpcr in [0, msr::LPCR_ILE, msr::LPCR_HAIL, msr::LPCR_AIL, msr::LPCR_HAIL | msr::LPCR_AIL] {
                    cases.push(Case::new(model, "order", snippet, state, &words(snippet)).with(|case| {
                        (case.hid0, case.lpcr) = (hid0, lpcr);
                    }));
                }
            }
        }
    }
    cases
}

/// Every instruction of the table that needs more privilege than the state has.
pub fn forbidden(model: Model, states: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut random = Random::new(3);
    for &state in states {
        let allowed = |row: &Row| match row.privilege {
            Privilege::Problem | Privilege::None => true,
            Privilege::Supervisor => state & msr::PR == 0,
            Privilege::Hypervisor | Privilege::HypervisorUnlessGtse => {
                state & msr::PR == 0 && (state & msr::HV != 0 || !model.is_server())
            }
        };
        for row in ROWS.iter().filter(|row| row.models & model.bit() != 0 && !allowed(row)) {
            for _ in 0..4 {
                let fields = row.operands.iter().fold(0, |mask, operand| mask | FIELDS[operand.field as usize].mask());
                let word = row.value | random.next() as u32 & fields;
                cases.push(Case::new(model, "privileged", row.name, state, &[word]));
            }
        }
    }
    cases
}

/// A decrementer that has run out, which TSR shows, and then is or is not let through: r5 its value, r6 for TCR, r8 for the
/// MSR.
pub fn embedded_timers(model: Model) -> Vec<Case> {
    let mut cases = Vec::new();
    let wait = "mtdec r5; loop: mfspr r9, 336; andis. r9, r9, 0x0800; beq loop; mtspr 340, r6";
    for base in [msr::ME, msr::ME | msr::IR | msr::DR, msr::ME | msr::CE] {
        for value in [1, 2, 5] {
            // DIE, FIE, WIE, ARE: only the first belongs to what has happened.
            for control in [0, 0x0400_0000, 0x0080_0000, 0x0440_0000] {
                for (enable, end) in [
                    ("wrteei 1", "nop"),
                    ("wrtee r7", "nop"),
                    ("mtmsr r8", "isync"),
                    ("mtspr 336, r10; wrteei 1", "nop"),
                    ("nop", "nop"),
                ] {
                    let code = format!("{wait}; {enable}; {end}; nop");
                    cases.push(Case::new(model, "timer", enable, base, &words(&code)).with(|case| {
                        (case.gpr[5], case.gpr[6], case.gpr[7]) = (value, control, msr::EE);
                        (case.gpr[8], case.gpr[10]) = (base | msr::EE, 0x0800_0000);
                    }));
                }
            }
        }
    }
    cases
}

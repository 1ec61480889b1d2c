//! The cases.

use hypercheck_ppc::{Model, assemble, msr};

use super::events::{embedded_timers, expired, facilities, forbidden, hypervisor_expired, hypervisor_order, traced};
use super::record::{Case, Entry};
use super::split_mix::split_mix;

/// A small generator: the cases are the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[(self.next() % list.len() as u64) as usize]
    }
}

pub fn words(text: &str) -> Vec<u32> {
    assemble(text, 0, &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Which state a 64-bit case runs in.
pub fn states(hv: &[u64]) -> Vec<u64> {
    let mut states = Vec::new();
    for &hv in hv {
        for sf in [0, msr::SF] {
            for pr in [0, msr::PR] {
                for translation in [0, msr::IR | msr::DR] {
                    for le in [0, msr::LE] {
                        if pr == 0 || translation != 0 {
                            states.push(hv | sf | pr | translation | le | msr::ME);
                        }
                    }
                }
            }
        }
    }
    states
}

/// Instructions, each of which ends in an interrupt or does not, by state.
fn snippets(model: Model) -> Vec<String> {
    let mut list: Vec<String> = [
        "nop",
        ".long 0",
        ".long 0x7C000268",
        ".long 0x00000200",
        ".long 0x44000023",
        ".long 0x44000026",
        ".long 0x44001022",
        "tw 31, 0, 0",
        "tw 4, r3, r4",
        "twi 4, r3, 5",
        "td 31, r5, r6",
        "td 1, r9, r3",
        "tdi 16, r4, -3",
        "tdi 8, r4, 3",
        "mfmsr r3",
        "mtmsr r3, 1",
        "mtmsrd r3, 1",
        "mfsrr0 r3; addi r3, r3, 16; mtsrr0 r3; rfid; nop",
        "hrfid",
        "mfspr r3, 318",
        "mfspr r3, 1008",
        "li r4, 1; slbmfee r3, r4",
        "li r4, 0; slbmfev r3, r4",
        "slbia",
        "slbie r10",
        "tlbsync",
        "lfd f1, 0x40(0)",
        "lvx v1, 0, r3",
        "lxvd2x vs1, 0, r3",
        "li r3, 0; ori r3, r3, 0xF001; lwarx r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF004; ldarx r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF002; lwarx r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF002; stwcx. r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF001; lharx r4, 0, r3",
        "mtspr 815, r4; mfspr r3, 815",
        "mtspr 3, r4; mfspr r3, 3",
        "mtspr 17, r4; mfspr r3, 17",
        "li r3, 0; ori r3, r3, 0xF004; lmw r28, 0(r3)",
        "lnia r4",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    if !model.is_v30() {
        list.retain(|text| !text.starts_with("lnia"));
    }
    list
}

/// What both 64-bit machines do.
fn common(model: Model, hv: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut random = Random::new(1);
    let facilities = msr::FP | msr::VEC | msr::VSX;
    // System calls.
    for state in states(hv) {
        for lev in 0..128_u32 {
            let word = 0x4400_0002 | lev << 5;
            cases.push(Case::new(model, "sc", format!("sc {lev}"), state, &[word]).with(|case| case.number = lev));
            if model.is_v30() {
                for scv in [0, msr::FSCR_SCV] {
                    let word = 0x4400_0001 | lev << 5;
                    let name = format!("scv {lev}");
                    cases.push(Case::new(model, "scv", name, state, &[word]).with(|case| {
                        (case.number, case.fscr) = (lev, scv);
                    }));
                }
            }
        }
    }
    // The same with every location and byte order of interrupts.
    for state in states(hv) {
        for ail in 0..4 {
            for ile in [0, msr::LPCR_ILE] {
                for lev in [0, 1, 2, 5, 64, 127] {
                    let change = |case: &mut Case| {
                        (case.number, case.lpcr, case.fscr) = (lev, ail << 23 | ile, msr::FSCR_SCV);
                        case.msr |= msr::RI;
                    };
                    cases.push(Case::new(model, "sc", "sc", state, &[0x4400_0002 | lev << 5]).with(change));
                    if model.is_v30() {
                        cases.push(Case::new(model, "scv", "scv", state, &[0x4400_0001 | lev << 5]).with(change));
                    }
                }
            }
        }
    }
    // Synchronous interrupts from every state, with every location and byte order of interrupts.
    for state in states(hv) {
        for ail in [0, 2, 3] {
            for ile in [0, msr::LPCR_ILE] {
                for snippet in snippets(model) {
                    // Without its segments a handler at the alternate location could not begin.
                    if snippet == "slbia" && state & msr::IR != 0 && state & msr::PR == 0 {
                        continue;
                    }
                    for fscr in [0, 0xFFFF] {
                        cases.push(Case::new(model, "interrupt", snippet.clone(), state, &words(&snippet)).with(
                            |case| {
                                case.lpcr = ail << 23 | ile;
                                case.fscr = fscr;
                                if random.next() & 1 != 0
                                    && !["lfd", "lvx", "lxv"].iter().any(|name| snippet.starts_with(name))
                                {
                                    case.msr |= facilities & random.next();
                                }
                            },
                        ));
                    }
                }
            }
        }
    }
    // Entering with any MSR.
    let alive = !(msr::EE | msr::SE | msr::BE | 3 << 33);
    for i in 0..4000 {
        let mut value = random.next() & random.next() & alive;
        if i % 3 == 0 {
            value |= msr::IR | msr::DR;
        }
        cases.push(Case::new(model, "return", "rfid", value, &words("mfmsr r3; nop")));
    }
    // Returning from every privileged state to any MSR.
    let mut returns = vec!["mtsrr0 r3; mtsrr1 r4; rfid; nop; mfmsr r5; nop"];
    if model.is_v30() {
        returns.push("mtlr r3; mtctr r4; rfscv; nop; mfmsr r5; nop");
    }
    for code in returns {
        let code = words(&format!("mfsrr0 r3; addi r3, r3, 20; {code}"));
        for _ in 0..1500 {
            let state = random.one_of(&states(hv)) & !msr::PR;
            let value = random.next() & random.next() & alive;
            cases.push(Case::new(model, "return from", "return", state, &code).with(|case| case.gpr[4] = value));
        }
    }
    // Moving any value to the MSR.
    for code in ["mtmsr r3", "mtmsrd r3", "mtmsr r3, 1", "mtmsrd r3, 1"] {
        for _ in 0..1000 {
            let state = random.one_of(&states(hv));
            let value = random.next() & random.next() & alive;
            let name = code.split(' ').next().unwrap_or_default();
            cases.push(
                Case::new(model, "move", name, state, &words(&format!("{code}; mfmsr r4; nop")))
                    .with(|case| case.gpr[3] = value),
            );
        }
    }
    cases
}

/// Registers that count: values differ from run to run.
const TIME: &[u32] = &[22, 268, 269, 284, 285, 286, 308, 309, 310, 526, 527, 848, 849];
/// Registers that are not written: the save and restore registers and counters are what the cases run on, the others
/// take the agent's memory or the machine away.
const NEVER_WRITTEN: &[u32] = &[22, 25, 26, 27, 284, 285, 286, 310, 313, 314, 315, 318, 319, 464, 795, 779, 176, 177];

/// The same for BookE: debug events, the identity of the space, interrupt prefix and critical pair, translations.
const NEVER_WRITTEN_EMBEDDED: &[u32] = &[48, 58, 59, 63, 308, 309, 310, 340, 633, 634, 1012];

/// Registers that a case does not read, for they hold time, or write, for the agent would not survive.
pub fn sweep(model: Model, states: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &state in states {
        for number in 0..1024_u32 {
            let field = (number & 31) << 16 | (number >> 5) << 11;
            let (read, write) = (0x7C60_02A6 | field, 0x7C80_03A6 | field);
            cases.push(Case::new(model, "mfspr", format!("mfspr {number}"), state, &[read]).with(|case| {
                case.number = number;
                if TIME.contains(&number) {
                    case.ignored.push("r3");
                }
            }));
            if NEVER_WRITTEN.contains(&number) || model.is_embedded() && NEVER_WRITTEN_EMBEDDED.contains(&number) {
                continue;
            }
            // What was read before the write is written back: the agent goes on with it.
            let back = read + (9 << 21) - (3 << 21);
            let code = [back, write, read, write + (9 << 21) - (4 << 21)];
            let value = match number {
                // An agent with HV needs what it has; BATs must be valid.
                _ if state & msr::HV != 0 => 0,
                528..=543 if model.is_classic() => 0x1112_0002,
                _ if model.is_server() => 0x1111_0404_1111_0404,
                _ => 0x1111_0404,
            };
            cases.push(Case::new(model, "mtspr", format!("mtspr {number}"), state, &code).with(|case| {
                case.number = number;
                case.gpr[4] = value;
                if TIME.contains(&number) {
                    case.ignored.extend(["r3", "r9"]);
                }
            }));
        }
    }
    cases
}

/// For a partition.
pub fn partition(model: Model) -> Vec<Case> {
    let mut cases = common(model, &[0]);
    cases.extend(forbidden(model, &states(&[0])));
    cases.extend(traced(model, &states(&[0])));
    // Without the decrementer's width, which is the hypervisor's to choose.
    cases.extend(expired(model, &[msr::SF | msr::ME, msr::ME, msr::SF | msr::ME | msr::IR | msr::DR], &[0]));
    cases.extend(sweep(model, &[msr::SF | msr::ME, msr::SF | msr::ME | msr::PR | msr::IR | msr::DR]));
    cases
}

/// For a whole machine.
pub fn machine(model: Model) -> Vec<Case> {
    let mut cases = common(model, &[msr::HV, 0]);
    cases.extend(traced(model, &states(&[msr::HV, 0])));
    cases.extend(expired(
        model,
        &[msr::HV | msr::SF | msr::ME, msr::HV | msr::ME, msr::SF | msr::ME, msr::SF | msr::ME | msr::IR | msr::DR],
        &[0, msr::LPCR_LD],
    ));
    cases.extend(hypervisor_expired(model));
    cases.extend(facilities(model, &[msr::HV, 0]));
    cases.extend(forbidden(model, &states(&[msr::HV, 0])));
    cases.extend(hypervisor_order(model));
    let states = [msr::HV | msr::SF | msr::ME, msr::SF | msr::ME | msr::PR | msr::IR | msr::DR];
    cases.extend(sweep(model, &states));
    cases.extend(embedded_timers(model));
    cases.extend(forbidden(model, &states));
    let returns: Vec<_> = cases.iter().filter(|case| case.family == "return").cloned().collect();
    cases.extend(
        returns.into_iter().map(|case| case.with(|case| (case.family, case.entry) = ("hreturn", Entry::Other))),
    );
    cases
}

/// Instructions for 32-bit machines.
fn narrow_snippets(model: Model) -> Vec<String> {
    let mut list: Vec<&str> = vec![
        "nop",
        ".long 0",
        ".long 0x7C000268",
        ".long 0x00000200",
        ".long 0x44000023",
        ".long 0x44001022",
        ".long 0x4C000024",
        ".long 0x4C000224",
        "tw 31, 0, 0",
        "tw 4, r3, r4",
        "twi 4, r3, 5",
        "twi 16, r4, -3",
        "mfmsr r3",
        "mfsrr0 r3; addi r3, r3, 16; mtsrr0 r3; rfi; nop",
        "li r3, 0; ori r3, r3, 0xF001; lwarx r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF002; stwcx. r4, 0, r3",
        "li r3, 0; ori r3, r3, 0xF004; lmw r28, 0(r3)",
        "tlbsync",
        "mfspr r3, 318",
    ];
    if model.is_classic() {
        list.extend([
            "mtsr 4, r5; mfsr r3, 4",
            "mtsr 4, r3; mfsrin r5, r4",
            "lfd f1, 0x40(0)",
            "lvx v1, 0, r3",
            "fadd f1, f2, f3",
        ]);
    } else {
        list.extend([
            "wrteei 0; mfmsr r3",
            "wrtee r4; mfmsr r3",
            "ehpriv 1",
            "rfmci",
            "rfdi",
            "mfspr r3, 340",
            "lfd f1, 0x40(0)",
            ".long 0x10221A00",
        ]);
    }
    list.into_iter().map(str::to_owned).collect()
}

/// What both kinds of 32-bit machines do, from these states.
fn narrow(model: Model, states: &[u64], alive: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut random = Random::new(2);
    for &state in states {
        for lev in 0..128_u32 {
            let word = 0x4400_0002 | lev << 5;
            cases.push(Case::new(model, "sc", format!("sc {lev}"), state, &[word]).with(|case| case.number = lev));
        }
        for snippet in narrow_snippets(model) {
            // A word that only some processors know is written as such.
            let Ok(code) = assemble(&snippet, 0, &|_| None) else { continue };
            for _ in 0..8 {
                cases.push(Case::new(model, "interrupt", snippet.clone(), state, &code).with(|case| {
                    if !snippet.starts_with("lfd") && !snippet.starts_with("lvx") && !snippet.starts_with(".long 0x1") {
                        case.msr |= random.next() & random.next() & alive & (msr::FP | msr::VEC | msr::FE0 | msr::FE1);
                    }
                }));
            }
        }
    }
    for _ in 0..4000 {
        let value = random.next() & random.next() & alive;
        cases.push(Case::new(model, "return", "rfi", value, &words("mfmsr r3; nop")));
    }
    for _ in 0..3000 {
        let state = random.one_of(states);
        let value = random.next() & random.next() & alive;
        cases.push(
            Case::new(model, "move", "mtmsr", state, &words("mtmsr r3; isync; mfmsr r4; nop"))
                .with(|case| case.gpr[3] = value),
        );
    }
    cases
}

/// For 32-bit Book3S.
pub fn classic(model: Model) -> Vec<Case> {
    let states: Vec<_> = (0..8)
        .map(|bits| {
            let on = |bit: u64, which: u64| if bits & bit != 0 { which } else { 0 };
            msr::ME | on(1, msr::PR) | on(2, msr::IR) | on(4, msr::DR)
        })
        .collect();
    let alive = !(msr::EE | msr::SE | msr::BE | msr::POW | msr::ILE | msr::IP | msr::LE) & 0xFFFF_FFFF;
    let mut cases = narrow(model, &states, alive);
    cases.extend(sweep(model, &[msr::ME, msr::ME | msr::PR]));
    cases.extend(traced(model, &states));
    cases.extend(forbidden(model, &states));
    cases.extend(expired(model, &[msr::ME, msr::ME | msr::IR | msr::DR], &[0]));
    cases
}

/// For BookE.
pub fn embedded(model: Model) -> Vec<Case> {
    let states: Vec<_> = (0..8)
        .map(|bits| {
            let on = |bit: u64, which: u64| if bits & bit != 0 { which } else { 0 };
            msr::ME | on(1, msr::PR) | on(2, msr::IR | msr::DR) | on(4, msr::CE | msr::DE)
        })
        .collect();
    let alive = !(msr::EE | msr::GS | msr::WE | msr::DE) & 0xFFFF_FFFF;
    let mut cases = narrow(model, &states, alive);
    cases.extend(sweep(model, &[msr::ME, msr::ME | msr::PR]));
    cases.extend(embedded_timers(model));
    cases.extend(forbidden(model, &states));
    let returns: Vec<_> = cases.iter().filter(|case| case.family == "return").cloned().collect();
    cases.extend(
        returns.into_iter().map(|case| case.with(|case| (case.family, case.entry) = ("creturn", Entry::Other))),
    );
    cases
}

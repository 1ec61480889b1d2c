//! Each oracle can fail: a fault planted in the reference is reported by the oracle whose business it is, with the
//! register or address and the clause; what the documents allow is not.

mod common;

use common::{Fault, Planted, SPEC, Strike, machine, scenario, session};
use hypercheck::contract::{Machine, Stop};
use hypercheck::scenario::{self, Options, RowResult};
use hypercheck_report::model::Oracle;
use rstest::rstest;

use Oracle::{MemoryFootprint as Memory, RegisterFrame as Frame, ReturnSet as Return, State, Stop as End};

/// A machine and the ABI that is called on it.
#[derive(Debug, Clone, Copy)]
enum Site {
    Papr,
    Kvm64,
    Kvm32,
    Booke,
    Osi32,
    Osi64,
    Ultravisor,
    Linux64,
    Linux32,
    S390,
}

impl Site {
    fn machine(self) -> (Machine, &'static str) {
        match self {
            Self::Papr => (machine("ppc64", &["papr"]), "papr"),
            Self::Kvm64 => (machine("ppc64", &["kvm-epapr", "book3s-pr"]), "kvm-epapr"),
            Self::Kvm32 => (machine("ppc32", &["kvm-epapr", "book3s-pr"]), "kvm-epapr"),
            Self::Booke => (machine("ppc32", &["kvm-epapr", "booke-hv"]), "kvm-epapr"),
            Self::Osi32 => (machine("ppc32", &["osi"]), "osi"),
            Self::Osi64 => (machine("ppc64", &["osi"]), "osi"),
            Self::Ultravisor => (machine("ppc64", &["ultravisor", "ultravisor.enabled"]), "ultravisor"),
            Self::Linux64 => (machine("ppc64", &["ppc64.scv"]), "linux-syscall"),
            Self::Linux32 => (machine("ppc32", &[]), "linux-syscall"),
            Self::S390 => (machine("s390x", &["s390.diag288", "s390.diag10"]), "s390-diag"),
        }
    }

    /// Runs one step, in YAML, with a fault in its first block, and another in its second.
    fn run(self, step: &str, first: Fault, second: Fault) -> RowResult {
        let (machine, abi) = self.machine();
        let scenario = scenario("planted", &format!("title: planted\nabi: {abi}\nsteps: [{step}]\n"));
        let hypervisor = Planted::new(&SPEC, vec![(Strike::Nth(0), first), (Strike::Nth(1), second)]);
        let mut session = session(&SPEC, &hypervisor, &machine);
        scenario::run(&mut session, &SPEC, &scenario, Options::default()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What is found: oracle, subject, clause.
fn found(result: &RowResult) -> Vec<(Oracle, &str, &str)> {
    result.mismatches.iter().map(|m| (m.oracle, m.subject.as_str(), m.clause.as_deref().unwrap_or(""))).collect()
}

const SPRG0: &str = "{ call: H_SET_SPRG0, arguments: { value: 0x1122 } }";
const SPRG0_PROBLEM: &str = "{ call: H_SET_SPRG0, mode: [problem] }";
const DABR: &str = "{ call: H_SET_DABR, arguments: { value: 4 } }";
const XDABR: &str = "{ call: H_SET_XDABR, arguments: { value: 0x1000, extended: 3 } }";
const XDABR_BAD: &str = "{ call: H_SET_XDABR, arguments: { value: 0x1000, extended: 4 } }";
const ZERO: &str = "{ call: H_PAGE_INIT, memory: { machine.scratch: { fill: [0x11, 4096] } } }";
const COPY: &str = "{ call: H_PAGE_INIT, arguments: { flags: COPY_PAGE }, memory: { machine.scratch + 0x1000: { fill: [0x22, 4096] } } }";
const CI_STORE: &str = "{ call: H_LOGICAL_CI_STORE, arguments: { value: 0x11223344 } }";
const CI_LOAD: &str = "{ call: H_LOGICAL_CI_LOAD, memory: { machine.scratch: { be32: 0x89ABCDEF } } }";
const PUT_TCE: &str = "{ call: H_PUT_TCE }";
const CEDE: &str = "{ call: H_CEDE }";
const RESET: &str = "{ call: H_SIGNAL_SYS_RESET, arguments: { target: ALL } }";
const RESET_OTHERS: &str = "{ call: H_SIGNAL_SYS_RESET, arguments: { target: OTHERS } }";
const RANDOM: &str = "{ call: H_RANDOM }";
const UNKNOWN: &str = "{ call: '0xABC0' }";
const FEATURES: &str = "{ call: KVM_HC_FEATURES }";
const FEATURES_PROBLEM: &str = "{ call: KVM_HC_FEATURES, mode: [problem] }";
const IDLE: &str = "{ call: EV_IDLE }";
const KVM_UNKNOWN: &str = "{ call: '0x2A0063' }";
const AVAILABLE: &str = "{ call: OSI_CALL_AVAILABLE }";
const SELECTOR_100: &str = "{ call: '100' }";
const EXIT: &str = "{ call: OSI_EXIT }";
const PATE: &str = "{ call: UV_WRITE_PATE }";
const PATE_PROBLEM: &str = "{ call: UV_WRITE_PATE, mode: [problem] }";
const SYSCALL: &str = "{ call: '7' }";
const SYSCALL_PROBLEM: &str = "{ call: '7', mode: [problem] }";
const SCV: &str = "{ call: '7', conduit: scv }";

const YIELD: &str = "{ call: YIELD }";
const FREE: &str = "{ call: CODE_502 }";
const WATCHDOG: &str = "{ call: WATCHDOG }";
const WATCHDOG_BAD: &str = "{ call: WATCHDOG, arguments: { action: 1 } }";

const RETURNS: &str = "papr.returns-listed";
const KEPT: &str = "papr.nonvolatile-preserved";
const WRITES: &str = "papr.memory-only-declared";
const STATES: &str = "papr.state-only-declared";
const END: &str = "end of the call";

const fn negative(n: u64) -> u64 {
    0_u64.wrapping_sub(n)
}

fn interrupt(vector: u64) -> Fault {
    Fault::Stop(Stop::Interrupt { vector })
}

fn ended() -> Fault {
    Fault::Stop(Stop::Ended { how: "powered off".to_owned() })
}

#[rstest]
// PAPR: registers
#[case(Site::Papr, SPRG0, Fault::Set("r14", 0xBAD), &[(Frame, "r14", KEPT)])]
#[case(Site::Papr, SPRG0, Fault::Flip("r1", 1 << 63), &[(Frame, "r1", KEPT)])]
#[case(Site::Papr, SPRG0, Fault::Flip("r31", 1), &[(Frame, "r31", KEPT)])]
#[case(Site::Papr, SPRG0, Fault::Flip("cr.cr2", 8), &[(Frame, "cr", KEPT)])]
#[case(Site::Papr, SPRG0, Fault::Flip("cr.cr4", 1), &[(Frame, "cr", KEPT)])]
#[case(Site::Papr, UNKNOWN, Fault::Flip("r13", 1), &[(Frame, "r13", KEPT)])]
// PAPR: what comes back
#[case(Site::Papr, SPRG0, Fault::Set("r3", 0x7777), &[(Return, "return", "papr.sprg0-unchecked")])]
#[case(Site::Papr, SPRG0, Fault::Set("r3", 1 << 32), &[(Return, "return", "papr.sprg0-unchecked")])]
#[case(Site::Papr, SPRG0, Fault::Set("r3", negative(4)), &[(Return, "return", "papr.sprg0-unchecked"), (State, "sprg0", STATES)])]
#[case(Site::Papr, RANDOM, Fault::Set("r3", negative(4)), &[(Return, "return", RETURNS)])]
#[case(Site::Papr, UNKNOWN, Fault::Set("r3", 0), &[(Return, "return", "papr.unknown-token")])]
#[case(Site::Papr, XDABR_BAD, Fault::Set("r3", 0), &[(Return, "return", "papr.xdabr-extension"), (State, "dabr", STATES), (State, "dabrx", STATES)])]
// PAPR: state
#[case(Site::Papr, SPRG0, Fault::Keep(&["sprg0"]), &[(State, "sprg0", STATES)])]
#[case(Site::Papr, SPRG0, Fault::Set("sprg0", 0x2211), &[(State, "sprg0", STATES)])]
#[case(Site::Papr, SPRG0, Fault::Flip("sprg3", 1), &[(State, "sprg3", STATES)])]
#[case(Site::Papr, SPRG0, Fault::Flip("msr.ee", 1), &[(State, "msr", STATES)])]
#[case(Site::Papr, SPRG0, Fault::Flip("msr.sf", 1), &[(State, "msr", STATES)])]
#[case(Site::Papr, XDABR, Fault::Keep(&["dabrx"]), &[(State, "dabrx", STATES)])]
#[case(Site::Papr, XDABR, Fault::Set("dabr", 0x1008), &[(State, "dabr", STATES)])]
#[case(Site::Papr, XDABR, Fault::Flip("sprg0", 2), &[(State, "sprg0", STATES)])]
#[case(Site::Papr, DABR, Fault::Set("r3", negative(1)), &[(State, "dabr", STATES), (State, "dabrx", STATES)])]
#[case(Site::Papr, CI_LOAD, Fault::Set("r4", 0x1_89AB_CDEF), &[(State, "output value in r4", STATES)])]
#[case(Site::Papr, CI_LOAD, Fault::Set("r4", 0xEFCD_AB89), &[(State, "output value in r4", STATES)])]
#[case(Site::Papr, CI_LOAD, Fault::Keep(&["r4"]), &[(State, "output value in r4", STATES)])]
// PAPR: memory
#[case(Site::Papr, SPRG0, Fault::Poke(0x8008, &[0xEE; 4]), &[(Memory, "memory 0x308008..0x30800c", WRITES)])]
#[case(Site::Papr, SPRG0, Fault::Poke(-0x10_0004, &[1]), &[(Memory, "memory 0x1ffffc..0x1ffffd", WRITES)])]
#[case(Site::Papr, ZERO, Fault::KeepMemory, &[(Memory, "memory at 0x300000", WRITES)])]
#[case(Site::Papr, ZERO, Fault::Poke(0x10, &[1]), &[(Memory, "memory at 0x300010", WRITES)])]
#[case(Site::Papr, ZERO, Fault::Poke(0x10, &[0x11]), &[(Memory, "memory at 0x300010", WRITES)])]
#[case(Site::Papr, ZERO, Fault::Poke(0x1000, &[1]), &[(Memory, "memory 0x301000..0x301001", WRITES)])]
#[case(Site::Papr, COPY, Fault::KeepMemory, &[(Memory, "memory at 0x300000", WRITES)])]
#[case(Site::Papr, COPY, Fault::Poke(0x1000, &[7]), &[(Memory, "memory 0x301000..0x301001", WRITES)])]
#[case(Site::Papr, CI_STORE, Fault::Poke(0, &[0x44, 0x33, 0x22, 0x11]), &[(Memory, "memory at 0x300000", WRITES)])]
#[case(Site::Papr, CI_STORE, Fault::KeepMemory, &[(Memory, "memory at 0x300000", WRITES)])]
#[case(Site::Papr, CI_STORE, Fault::Set("r3", negative(4)), &[(Memory, "memory 0x300000..0x300004", WRITES)])]
// PAPR: how it ends
#[case(Site::Papr, SPRG0, interrupt(0x700), &[(End, END, RETURNS)])]
#[case(Site::Papr, SPRG0, interrupt(0xC00), &[(End, END, RETURNS)])]
#[case(Site::Papr, SPRG0, Fault::Stop(Stop::Asleep), &[(End, END, RETURNS)])]
#[case(Site::Papr, SPRG0, ended(), &[(End, END, RETURNS)])]
#[case(Site::Papr, SPRG0, Fault::Stop(Stop::Exhausted), &[(End, END, RETURNS)])]
#[case(Site::Papr, CEDE, ended(), &[(End, END, RETURNS)])]
#[case(Site::Papr, CEDE, interrupt(0x100), &[(End, END, RETURNS)])]
#[case(Site::Papr, RESET, interrupt(0x200), &[(End, END, RETURNS)])]
#[case(Site::Papr, RESET_OTHERS, interrupt(0x100), &[(End, END, RETURNS)])]
// PAPR: problem state
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Set("r3", 0), &[(Return, "return", "papr.problem-state")])]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Set("r3", negative(2)), &[(Return, "return", "papr.problem-state")])]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Flip("r5", 1), &[(Frame, "r5", "papr.problem-state")])]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Flip("ctr", 1), &[(Frame, "ctr", "papr.problem-state")])]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Set("sprg0", 1), &[(State, "sprg0", STATES)])]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Poke(0, &[1]), &[(Memory, "memory 0x300000..0x300001", WRITES)])]
#[case(Site::Papr, SPRG0_PROBLEM, interrupt(0xC00), &[(End, END, "papr.problem-state")])]
// KVM and ePAPR, 64-bit, 32-bit and BookE
#[case(Site::Kvm64, FEATURES, Fault::Flip("r31", 1), &[(Frame, "r31", "kvm-epapr.preserved-registers")])]
#[case(Site::Kvm32, FEATURES, Fault::Flip("r2", 1 << 31), &[(Frame, "r2", "kvm-epapr.preserved-registers")])]
#[case(Site::Booke, FEATURES, Fault::Flip("r13", 1), &[(Frame, "r13", "kvm-epapr.preserved-registers")])]
#[case(Site::Kvm64, FEATURES, Fault::Set("r3", 12), &[(Return, "return", "kvm-epapr.result-codes")])]
#[case(Site::Kvm32, FEATURES, Fault::Set("r3", 0xFFFF_FFFF), &[(Return, "return", "kvm-epapr.result-codes")])]
#[case(Site::Booke, FEATURES, Fault::Set("r3", 14), &[(Return, "return", "kvm-epapr.result-codes")])]
#[case(Site::Kvm64, KVM_UNKNOWN, Fault::Set("r3", 0), &[(Return, "return", "kvm-epapr.unknown-call")])]
#[case(Site::Booke, KVM_UNKNOWN, Fault::Set("r3", 1), &[(Return, "return", "kvm-epapr.unknown-call")])]
#[case(Site::Kvm64, FEATURES, Fault::Flip("sprg1", 1), &[(State, "sprg1", "kvm-epapr.only-declared-state")])]
#[case(Site::Kvm32, FEATURES, Fault::Flip("sr5", 1), &[(State, "sr5", "kvm-epapr.only-declared-state")])]
#[case(Site::Booke, FEATURES, Fault::Flip("msr.ee", 1), &[(State, "msr", "kvm-epapr.only-declared-state")])]
#[case(Site::Kvm64, FEATURES, Fault::Poke(4, &[1, 2]), &[(Memory, "memory 0x300004..0x300006", "kvm-epapr.only-declared-memory")])]
#[case(Site::Kvm32, FEATURES, Fault::Poke(0, &[9]), &[(Memory, "memory 0x300000..0x300001", "kvm-epapr.only-declared-memory")])]
#[case(Site::Kvm64, FEATURES, interrupt(0xC00), &[(End, END, "kvm-epapr.result-codes")])]
#[case(Site::Kvm32, IDLE, ended(), &[(End, END, "kvm-epapr.result-codes")])]
#[case(Site::Booke, FEATURES, Fault::Stop(Stop::Asleep), &[(End, END, "kvm-epapr.result-codes")])]
#[case(Site::Kvm64, FEATURES_PROBLEM, Fault::Stop(Stop::Reached), &[(End, END, "kvm-epapr.problem-state-is-no-hypercall")])]
#[case(Site::Kvm32, FEATURES_PROBLEM, interrupt(0x700), &[(End, END, "kvm-epapr.problem-state-is-no-hypercall")])]
#[case(Site::Booke, FEATURES_PROBLEM, interrupt(0xC00), &[(End, END, "kvm-epapr.hv-problem-state-traps")])]
#[case(Site::Kvm64, FEATURES_PROBLEM, Fault::Set("r4", 2), &[(Frame, "r4", "kvm-epapr.problem-state-is-no-hypercall")])]
#[case(Site::Booke, FEATURES_PROBLEM, Fault::Set("r3", 0), &[(Frame, "r3", "kvm-epapr.hv-problem-state-traps")])]
// OSI
#[case(Site::Osi32, AVAILABLE, Fault::Flip("r0", 1), &[(Frame, "r0", "osi.others-kept")])]
#[case(Site::Osi64, AVAILABLE, Fault::Flip("r12", 1 << 40), &[(Frame, "r12", "osi.others-kept")])]
#[case(Site::Osi32, AVAILABLE, Fault::Flip("cr.cr0", 1), &[(Frame, "cr", "osi.others-kept")])]
#[case(Site::Osi64, AVAILABLE, Fault::Flip("ctr", 1), &[(Frame, "ctr", "osi.others-kept")])]
#[case(Site::Osi32, AVAILABLE, Fault::Set("r3", 0), &[(Return, "return", "osi.available-range")])]
#[case(Site::Osi64, AVAILABLE, Fault::Set("r3", 2), &[(State, "output available in r3", "osi.no-other-state")])]
#[case(Site::Osi32, SELECTOR_100, Fault::Set("r3", 0), &[(Return, "return", "osi.bad-selector")])]
#[case(Site::Osi32, AVAILABLE, Fault::Flip("sr15", 1), &[(State, "sr15", "osi.no-other-state")])]
#[case(Site::Osi64, AVAILABLE, Fault::Flip("sprg2", 1), &[(State, "sprg2", "osi.no-other-state")])]
#[case(Site::Osi32, AVAILABLE, Fault::Poke(0, &[9]), &[(Memory, "memory 0x300000..0x300001", "osi.pointers-are-physical")])]
#[case(Site::Osi32, AVAILABLE, ended(), &[(End, END, "osi.value-in-r3")])]
#[case(Site::Osi64, EXIT, Fault::Stop(Stop::Asleep), &[(End, END, "osi.value-in-r3")])]
// Ultravisor
#[case(Site::Ultravisor, PATE, Fault::Flip("r14", 1), &[(Frame, "r14", "ultravisor.hcall-convention")])]
#[case(Site::Ultravisor, PATE, Fault::Set("r3", 0), &[(Return, "return", "ultravisor.documented-codes")])]
#[case(Site::Ultravisor, PATE, Fault::Set("r3", negative(9)), &[(Return, "return", "ultravisor.documented-codes")])]
#[case(Site::Ultravisor, PATE, Fault::Flip("msr.sf", 1), &[(State, "msr", "ultravisor.only-declared-state")])]
#[case(Site::Ultravisor, PATE, Fault::Poke(0, &[9]), &[(Memory, "memory 0x300000..0x300001", "ultravisor.only-declared-memory")])]
#[case(Site::Ultravisor, PATE, interrupt(0xC00), &[(End, END, "ultravisor.documented-codes")])]
#[case(Site::Ultravisor, PATE_PROBLEM, Fault::Set("r3", negative(2)), &[(Return, "return", "ultravisor.problem-state")])]
#[case(Site::Ultravisor, PATE_PROBLEM, Fault::Flip("r4", 1), &[(Frame, "r4", "ultravisor.problem-state")])]
// The guest's own system calls
#[case(Site::Linux64, SYSCALL, Fault::Stop(Stop::Reached), &[(End, END, "linux-syscall.last-in-line")])]
#[case(Site::Linux32, SYSCALL, interrupt(0x700), &[(End, END, "linux-syscall.last-in-line")])]
#[case(Site::Linux64, SYSCALL, Fault::Set("r3", 0), &[(Frame, "r3", "linux-syscall.last-in-line")])]
#[case(Site::Linux32, SYSCALL, Fault::Flip("r0", 1), &[(Frame, "r0", "linux-syscall.last-in-line")])]
#[case(Site::Linux64, SYSCALL_PROBLEM, Fault::Flip("lr", 1), &[(Frame, "lr", "linux-syscall.last-in-line")])]
#[case(Site::Linux32, SYSCALL_PROBLEM, Fault::Flip("cr", 1), &[(Frame, "cr", "linux-syscall.last-in-line")])]
#[case(Site::Linux64, SCV, Fault::Flip("xer", 1), &[(Frame, "xer", "linux-syscall.last-in-line")])]
#[case(Site::Linux64, SCV, interrupt(0xC00), &[(End, END, "linux-syscall.last-in-line")])]
#[case(Site::Linux64, SYSCALL, Fault::Poke(0, &[9]), &[(Memory, "memory 0x300000..0x300001", "")])]
// Calls that return nothing, and calls that end in an interrupt
#[case(Site::S390, YIELD, interrupt(6), &[(Return, "return", "s390-diag.yield")])]
#[case(Site::S390, YIELD, interrupt(0x15), &[(End, END, "s390-diag.unsupported-code")])]
#[case(Site::S390, YIELD, Fault::Flip("r4", 1), &[(Frame, "r4", "s390-diag.nothing-else")])]
#[case(Site::S390, WATCHDOG, interrupt(1), &[(Return, "return", "s390-diag.unsupported-code")])]
#[case(Site::S390, FREE, interrupt(5), &[(Return, "return", "s390-diag.unsupported-code")])]
#[case(Site::S390, FREE, Fault::Flip("r4", 1), &[(Frame, "r4", "s390-diag.nothing-else")])]
// What an interrupt writes, without one and beside it
#[case(Site::S390, YIELD, Fault::Poke(0x8E - 0x20_0000, &[6]), &[(Memory, "memory 0x8e..0x8f", "s390-diag.no-memory")])]
#[case(Site::S390, FREE, Fault::Poke(0x90 - 0x20_0000, &[6]), &[(Memory, "memory 0x90..0x91", "s390-diag.no-memory")])]
#[case(Site::S390, FREE, Fault::Poke(0x160 - 0x20_0000, &[6]), &[(Memory, "memory 0x160..0x161", "s390-diag.no-memory")])]
fn a_fault_is_found_by_its_oracle(
    #[case] site: Site,
    #[case] step: &str,
    #[case] fault: Fault,
    #[case] expected: &[(Oracle, &str, &str)],
) {
    let right = site.run(step, Fault::None, Fault::None);
    assert_eq!(found(&right), [], "without the fault: {:#?}", right.mismatches);
    let hangs = matches!(fault, Fault::Stop(Stop::Exhausted));
    let result = site.run(step, fault, Fault::None);
    assert_eq!(found(&result), expected, "{:#?}", result.mismatches);
    assert!(result.evidence.is_some(), "a mismatch comes with the state around it");
    assert_eq!(result.hung, hangs);
}

#[rstest]
// Volatile and unstated registers
#[case(Site::Papr, SPRG0, Fault::Flip("r5", 1))]
#[case(Site::Papr, SPRG0, Fault::Flip("r0", 1))]
#[case(Site::Papr, SPRG0, Fault::Flip("ctr", 1))]
#[case(Site::Papr, SPRG0, Fault::Flip("xer", 1))]
#[case(Site::Papr, SPRG0, Fault::Flip("cr.cr0", 1))]
#[case(Site::Papr, SPRG0, Fault::Flip("cr.cr7", 8))]
#[case(Site::Papr, SPRG0, Fault::Flip("lr", 4))]
#[case(Site::Papr, SPRG0, Fault::Flip("sprg2", 1))]
#[case(Site::Kvm64, FEATURES, Fault::Flip("cr", 0xFFFF_FFFF))]
#[case(Site::Kvm32, FEATURES, Fault::Flip("ctr", 1))]
#[case(Site::Kvm32, FEATURES, Fault::Flip("r12", 1))]
#[case(Site::Booke, FEATURES, Fault::Flip("lr", 4))]
#[case(Site::Kvm64, KVM_UNKNOWN, Fault::Flip("r4", 1))]
#[case(Site::Osi32, AVAILABLE, Fault::Flip("r11", 1))]
#[case(Site::Ultravisor, PATE, Fault::Flip("r0", 1))]
#[case(Site::Ultravisor, PATE, Fault::Flip("xer", 1))]
// Clocks, interrupt registers
#[case(Site::Papr, SPRG0, Fault::Flip("tb", 0xFFFF))]
#[case(Site::Papr, SPRG0, Fault::Flip("dec", 0xFFFF))]
#[case(Site::Papr, SPRG0, Fault::Flip("srr0", 4))]
#[case(Site::Linux32, SYSCALL, Fault::Flip("tb", 0xFFFF))]
// What else may come back
#[case(Site::Papr, RANDOM, Fault::Set("r3", negative(2)))]
#[case(Site::Papr, RANDOM, Fault::Flip("r4", 0xFF00))]
#[case(Site::Papr, CEDE, Fault::Stop(Stop::Asleep))]
#[case(Site::Papr, RESET, Fault::None)]
#[case(Site::Papr, RESET, interrupt(0x100))]
#[case(Site::Papr, RESET, ended())]
#[case(Site::Papr, SPRG0_PROBLEM, Fault::Keep(&["r5"]))]
#[case(Site::Papr, CI_LOAD, Fault::Set("r3", negative(4)))]
#[case(Site::Kvm64, FEATURES, Fault::Set("r3", 0xDEAD_BEEF_0000_0000))]
#[case(Site::Kvm64, IDLE, Fault::Stop(Stop::Asleep))]
#[case(Site::Osi32, EXIT, ended())]
#[case(Site::Ultravisor, PATE, Fault::Set("r3", negative(11)))]
#[case(Site::S390, FREE, Fault::Poke(0x110 - 0x20_0000, &[0x11; 8]))]
#[case(Site::S390, YIELD, Fault::Flip("psw.cc", 3))]
#[case(Site::Linux64, SCV, interrupt(0xF60))]
#[case(Site::Linux64, SCV, Fault::Flip("ctr", 1))]
// Memory as it was, and as it must become
#[case(Site::Papr, SPRG0, Fault::KeepMemory)]
#[case(Site::Papr, ZERO, Fault::Poke(0x10, &[0; 64]))]
#[case(Site::Papr, CI_STORE, Fault::Poke(0, &[0x11, 0x22]))]
fn what_the_documents_allow_is_not_found(#[case] site: Site, #[case] step: &str, #[case] fault: Fault) {
    let result = site.run(step, fault, Fault::None);
    assert_eq!(found(&result), [], "{:#?}", result.mismatches);
}

#[rstest]
#[case(Fault::Flip("r4", 1), &[(State, "tce of H_GET_TCE after H_PUT_TCE", "papr.tce-readable")])]
#[case(Fault::Flip("r20", 1), &[(Frame, "r20", KEPT)])]
#[case(Fault::Stop(Stop::Asleep), &[(End, END, RETURNS), (State, "H_GET_TCE after H_PUT_TCE", "papr.tce-readable")])]
#[case(Fault::Set("r3", 0x77), &[(Return, "return", "papr.tce-in-table"), (State, "H_GET_TCE after H_PUT_TCE", "papr.tce-readable")])]
fn hypervisor_state_is_looked_at_through_another_call(#[case] fault: Fault, #[case] expected: &[(Oracle, &str, &str)]) {
    let result = Site::Papr.run(PUT_TCE, Fault::None, fault);
    assert_eq!(found(&result), expected, "{:#?}", result.mismatches);
}

#[test]
fn a_hang_of_the_call_that_looks_is_a_hang() {
    let result = Site::Papr.run(PUT_TCE, Fault::None, Fault::Stop(Stop::Exhausted));
    assert!(result.hung, "{:#?}", result.mismatches);
}

#[test]
fn several_faults_are_all_found() {
    let faults = [Fault::Set("r14", 1), Fault::Flip("sprg1", 1), Fault::Poke(0, &[1]), Fault::Set("r3", 5)];
    let faults = faults.into_iter().map(|fault| (Strike::Nth(0), fault)).collect();
    let hypervisor = Planted::new(&SPEC, faults);
    let mut session = session(&SPEC, &hypervisor, &machine("ppc64", &["papr"]));
    let scenario = scenario("planted", &format!("title: planted\nabi: papr\nsteps: [{SPRG0}]\n"));
    let result = scenario::run(&mut session, &SPEC, &scenario, Options::default()).expect("the row runs");
    let oracles: Vec<Oracle> = result.mismatches.iter().map(|m| m.oracle).collect();
    assert_eq!(oracles, [Return, Frame, State, State, Memory], "{:#?}", result.mismatches);
}

/// What a person reads: expected, actual, the words of the clause and where they stand.
#[rstest]
#[case(Fault::Set("r14", 0xBAD), "unchanged 0xa5a5000e5a5a000e", "0x0000000000000bad")]
#[case(Fault::Flip("cr.cr2", 8), "unchanged 0x0badca20 in the bits 0xfff000", "0x0b2dca20")]
#[case(Fault::Set("r3", negative(4)), "H_SUCCESS", "H_PARAMETER (-4)")]
#[case(Fault::Set("sprg0", 0x2211), "0x1122", "0x2211")]
#[case(Fault::Poke(0x8008, &[0xEE; 4]), "unchanged 00000000", "eeeeeeee")]
#[case(interrupt(0x700), "execution goes on after H_SET_SPRG0", "the interrupt program (0x700)")]
#[case(ended(), "execution goes on after H_SET_SPRG0", "the guest ended: powered off")]
fn a_mismatch_says_what_must_be_and_what_is(#[case] fault: Fault, #[case] expected: &str, #[case] actual: &str) {
    let result = Site::Papr.run(SPRG0, fault, Fault::None);
    let first = &result.mismatches[0];
    assert_eq!((first.expected.as_str(), first.actual.as_str()), (expected, actual));
    let clause = first.clause.as_deref().expect("a clause");
    let (abi, clause) = SPEC.clause(clause).expect("a clause of the spec");
    assert_eq!(first.says.as_ref(), Some(&clause.says));
    let source = first.source.as_ref().expect("a source");
    assert!(source.starts_with(&abi.sources[&clause.source]), "{source}");
}

mod law {
    //! One bit of one register, for every ABI: the lists of the ABI's file decide, and nothing else.

    use std::collections::HashMap;

    use hypercheck::judge::{Judge, Seen};
    use hypercheck::program::Memory;
    use hypercheck::registers::RegisterId;
    use hypercheck_spec::arch::{Class, names};
    use proptest::prelude::*;

    use super::*;

    struct Empty;

    impl Memory for Empty {
        fn number(&mut self, _: u64, _: usize) -> Option<u64> {
            Some(0)
        }
        fn ram(&self) -> u64 {
            0x200_0000
        }
    }

    thread_local! {
        static SESSIONS: Vec<(&'static str, hypercheck::session::Session)> =
            [Site::Papr, Site::Kvm64, Site::Kvm32, Site::Booke, Site::Osi32, Site::Osi64, Site::Ultravisor]
                .into_iter()
                .map(|site| {
                    let (machine, abi) = site.machine();
                    (abi, session(&SPEC, &Planted::new(&SPEC, Vec::new()), &machine))
                })
                .collect();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_bit_that_turns_is_found_where_the_abi_keeps_it(site in 0..7_usize, register in 0..96_u8, bit in 0..64_u32) {
            SESSIONS.with(|sessions| {
                let (abi, session) = &sessions[site];
                let plan = session.plans.get(abi).expect("the ABI fits together").expect("it exists here");
                let file = &plan.file;
                let id = RegisterId(register);
                if usize::from(register) >= file.len() || file.mask(id) >> bit & 1 == 0 {
                    return Ok(());
                }
                let mut before = session.poison(0);
                let number = plan.number.expect("these ABIs number their calls").slot;
                let unknown = if *abi == "osi" { 100 } else { 0xABC0 };
                let whole = before.get(number.register).unwrap_or(0);
                before.set(number.register, number.insert(whole, unknown));
                let was = before.get(id).unwrap_or(0);
                before.set(id, was);
                let result = plan.result.expect("these ABIs return a code").slot;
                let answer = plan.unknown.returns[0].code;
                let answer = plan.abi.codes[usize::from(answer)].value.value.expect("a number").0;
                let mut seen = Seen { after: before.clone(), ..Seen::default() };
                seen.after.set(result.register, answer & file.mask(result.register));
                let now = seen.after.get(id).unwrap_or(0) ^ 1 << bit;
                seen.after.set(id, now);

                let mut judge = Judge::default();
                let conduit = plan.conduit(None).expect("a way in");
                judge.prepare(&plan, &plan.unknown, conduit, &before, &mut Empty);
                let mut found = Vec::new();
                judge.check(&plan, &plan.unknown, conduit, &before, &seen, &mut Empty, &mut found);

                let mut listed: HashMap<&str, bool> = HashMap::new();
                let frame = &plan.abi.registers;
                for (kept, list) in [(true, &frame.preserved), (false, &frame.volatile), (false, &frame.unstated)] {
                    for name in list.iter().flat_map(|entry| names(entry)) {
                        let slot = file.slot(&name).expect("a register");
                        if slot.register == id && slot.bits.mask() >> bit & 1 == 1 {
                            listed.insert(if kept { "kept" } else { "lost" }, true);
                        }
                    }
                }
                let supervisor = file.class(id) == Class::Supervisor && !listed.contains_key("lost");
                let wanted = if id == result.register {
                    // Bits above the width of the return code mean nothing.
                    (bit < u32::from(plan.result.map_or(64, |result| result.width))).then_some(Return)
                } else if listed.contains_key("kept") {
                    Some(Frame)
                } else {
                    supervisor.then_some(State)
                };
                let oracles: Vec<Oracle> = found.iter().map(|m| m.oracle).collect();
                prop_assert_eq!(oracles, Vec::from_iter(wanted), "{} of {} {}", bit, file.name(id), abi);
                prop_assert!(found.iter().all(|m| m.clause.is_some()));
                Ok(())
            })?;
        }
    }
}

/// A call that should have ended in an interrupt and returns nothing says so by going on.
#[rstest]
#[case(FREE, "DONE", "s390-diag.unsupported-code")]
#[case(WATCHDOG_BAD, "DONE", "s390-diag.watchdog-function")]
fn going_on_is_an_answer(#[case] step: &str, #[case] actual: &str, #[case] clause: &str) {
    let result = Site::S390.run(step, Fault::Stop(Stop::Reached), Fault::None);
    let returned = result.mismatches.iter().find(|m| m.oracle == Return).expect("a mismatch");
    assert_eq!((returned.expected.as_str(), returned.actual.as_str()), ("SPECIFICATION", actual));
    assert_eq!(returned.clause.as_deref(), Some(clause));
    let lowcore = result.mismatches.iter().any(|m| m.oracle == Memory);
    assert!(lowcore, "what an interrupt writes is a change where there was none: {:#?}", result.mismatches);
}

/// What a row expects of a call that returns nothing: an end, by name.
#[rstest]
#[case("{ call: YIELD, expect: { return: DONE } }", &[])]
#[case("{ call: WATCHDOG_ABSENT, expect: { return: SPECIFICATION } }", &[])]
#[case("{ conduit: diag44, expect: { return: [SPECIFICATION, DONE] } }", &[])]
#[case("{ conduit: diag44, expect: { return: SPECIFICATION } }", &[(Oracle::Expectation, "return", "")])]
#[case("{ conduit: code-502, expect: { interrupt: [specification], return: DONE } }", &[(Oracle::Expectation, "return", "")])]
fn an_end_is_expected_by_name(#[case] step: &str, #[case] expected: &[(Oracle, &str, &str)]) {
    let machine = machine("s390x", &[]);
    let scenario = scenario("ends", &format!("title: ends\nabi: s390-diag\nsteps: [{step}]\n"));
    let hypervisor = Planted::new(&SPEC, Vec::new());
    let mut session = session(&SPEC, &hypervisor, &machine);
    let result = scenario::run(&mut session, &SPEC, &scenario, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found(&result), expected, "{:#?}", result.mismatches);
}

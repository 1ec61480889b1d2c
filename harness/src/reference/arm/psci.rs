//! Power State Coordination Interface (DEN0022): processors on and off, and the end of the machine.

use super::call::{Call, Reply};
use super::profile::{CPUS, Profile};
use super::smccc;
use crate::reference::trap::Next;

const NOT_SUPPORTED: i64 = -1;
const INVALID_PARAMETERS: i64 = -2;
const DENIED: i64 = -3;
const ALREADY_ON: i64 = -4;
const ON_PENDING: i64 = -5;
const INTERNAL_FAILURE: i64 = -6;
const INVALID_ADDRESS: i64 = -9;
/// Types of SYSTEM_RESET2 from here on are the vendor's.
const VENDOR: u32 = 0x8000_0000;

/// A function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    /// The low bits of its identifier.
    number: u32,
    /// The first version that has it.
    since: u32,
    /// Whether there is an SMC32 form, an SMC64 form.
    forms: (bool, bool),
    /// Whether this hypervisor has it.
    there: bool,
    act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Version,
    CpuSuspend,
    CpuOff,
    CpuOn,
    AffinityInfo,
    Migrate,
    MigrateInfoType,
    MigrateInfoUpCpu,
    SystemOff,
    SystemReset,
    Features,
    CpuFreeze,
    CpuDefaultSuspend,
    NodeHwState,
    SystemSuspend,
    SetSuspendMode,
    Statistics,
    SystemReset2,
    MemProtect,
    MemProtectCheckRange,
    SystemOff2,
}

const SMC32: (bool, bool) = (true, false);
const BOTH: (bool, bool) = (true, true);

const fn function(name: &'static str, number: u32, since: u32, forms: (bool, bool), there: bool, act: Act) -> Function {
    Function { name, number, since, forms, there, act }
}

/// All functions. MIGRATE is not there, because there is no trusted OS that could move.
pub(super) const FUNCTIONS: &[Function] = &[
    function("PSCI_VERSION", 0x00, 0x2, SMC32, true, Act::Version),
    function("CPU_SUSPEND", 0x01, 0x2, BOTH, true, Act::CpuSuspend),
    function("CPU_OFF", 0x02, 0x2, SMC32, true, Act::CpuOff),
    function("CPU_ON", 0x03, 0x2, BOTH, true, Act::CpuOn),
    function("AFFINITY_INFO", 0x04, 0x2, BOTH, true, Act::AffinityInfo),
    function("MIGRATE", 0x05, 0x2, BOTH, false, Act::Migrate),
    function("MIGRATE_INFO_TYPE", 0x06, 0x2, SMC32, true, Act::MigrateInfoType),
    function("MIGRATE_INFO_UP_CPU", 0x07, 0x2, BOTH, false, Act::MigrateInfoUpCpu),
    function("SYSTEM_OFF", 0x08, 0x2, SMC32, true, Act::SystemOff),
    function("SYSTEM_RESET", 0x09, 0x2, SMC32, true, Act::SystemReset),
    function("PSCI_FEATURES", 0x0A, 0x1_0000, SMC32, true, Act::Features),
    function("CPU_FREEZE", 0x0B, 0x1_0000, SMC32, true, Act::CpuFreeze),
    function("CPU_DEFAULT_SUSPEND", 0x0C, 0x1_0000, BOTH, true, Act::CpuDefaultSuspend),
    function("NODE_HW_STATE", 0x0D, 0x1_0000, BOTH, true, Act::NodeHwState),
    function("SYSTEM_SUSPEND", 0x0E, 0x1_0000, BOTH, true, Act::SystemSuspend),
    function("PSCI_SET_SUSPEND_MODE", 0x0F, 0x1_0000, SMC32, true, Act::SetSuspendMode),
    function("PSCI_STAT_RESIDENCY", 0x10, 0x1_0000, BOTH, true, Act::Statistics),
    function("PSCI_STAT_COUNT", 0x11, 0x1_0000, BOTH, true, Act::Statistics),
    function("SYSTEM_RESET2", 0x12, 0x1_0001, BOTH, true, Act::SystemReset2),
    function("MEM_PROTECT", 0x13, 0x1_0001, SMC32, true, Act::MemProtect),
    function("MEM_PROTECT_CHECK_RANGE", 0x14, 0x1_0001, BOTH, true, Act::MemProtectCheckRange),
    function("SYSTEM_OFF2", 0x15, 0x1_0003, BOTH, true, Act::SystemOff2),
];

/// What KVM has of them (arch/arm64/kvm/psci.c).
const KVM: &[Act] = &[
    Act::Version,
    Act::CpuSuspend,
    Act::CpuOff,
    Act::CpuOn,
    Act::AffinityInfo,
    Act::MigrateInfoType,
    Act::SystemOff,
    Act::SystemReset,
    Act::Features,
    Act::SystemReset2,
    Act::SystemOff2,
];

/// Names of the functions of 0.1.
pub(super) const OLD_NAMES: &[&str] = &["PSCI_0_1_CPU_SUSPEND", "PSCI_0_1_CPU_OFF", "PSCI_0_1_CPU_ON"];

/// The function of 0.1 with this number, as KVM and QEMU give them; their arguments are as wide as registers.
pub(super) const fn old(id: u32) -> Option<Act> {
    match id {
        0x95C1_BA5E => Some(Act::CpuSuspend),
        0x95C1_BA5F => Some(Act::CpuOff),
        0x95C1_BA60 => Some(Act::CpuOn),
        0x95C1_BA61 => Some(Act::Migrate),
        _ => None,
    }
}

impl Function {
    /// Its names in the spec: that of the SMC64 form has a `_64` behind it.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let forms = [(self.there && self.forms.0, ""), (self.there && self.forms.1, "_64")];
        forms.into_iter().filter(|(form, _)| *form).map(|(_, ending)| format!("{}{ending}", self.name))
    }
}

/// Whether a processor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cpu {
    On,
    Off,
    Pending,
}

/// What PSCI keeps.
#[derive(Debug, Clone)]
pub(super) struct Power {
    version: Option<u32>,
    smccc: u32,
    kvm: bool,
    on_pending: bool,
    extended: bool,
    cpus: [Cpu; CPUS.len()],
    os_initiated: bool,
    protected: bool,
}

/// The bits of an affinity in an SMC64 argument: Aff3 and Aff2 to Aff0.
const AFFINITIES: u64 = 0xFF_00FF_FFFF;

impl Power {
    /// The first processor is on, the others are off.
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            version: profile.psci,
            smccc: profile.smccc,
            kvm: profile.kvm,
            on_pending: profile.on_pending,
            extended: profile.extended_state,
            cpus: [Cpu::On, Cpu::Off, Cpu::Off],
            os_initiated: false,
            protected: false,
        }
    }

    /// Makes it this version.
    pub(super) fn become_version(&mut self, version: u32) {
        self.version = Some(version);
    }

    /// What the guest has done to it, as numbers.
    pub(super) fn numbers(&self) -> [u64; 5] {
        let cpu = |n: usize| match self.cpus[n] {
            Cpu::On => 0,
            Cpu::Off => 1,
            Cpu::Pending => 2,
        };
        [cpu(0), cpu(1), cpu(2), u64::from(self.os_initiated), u64::from(self.protected)]
    }

    /// Takes over what a guest has done.
    pub(super) fn adopt(&mut self, numbers: [u64; 5]) {
        let [cpus @ .., os_initiated, protected] = numbers;
        self.cpus = cpus.map(|state| match state {
            0 => Cpu::On,
            1 => Cpu::Off,
            _ => Cpu::Pending,
        });
        (self.os_initiated, self.protected) = (os_initiated != 0, protected != 0);
    }

    /// The function with this identifier, if the version has it.
    fn function(&self, id: u32) -> Option<&'static Function> {
        let version = self.version?;
        let wide = match id & !0x1F {
            0x8400_0000 => false,
            0xC400_0000 => true,
            _ => return None,
        };
        FUNCTIONS.iter().find(|function| {
            let form = if wide { function.forms.1 } else { function.forms.0 };
            let there = function.there && (!self.kvm || KVM.contains(&function.act));
            there && form && function.number == id & 0x1F && function.since <= version
        })
    }

    /// The answer, if the function is one of PSCI's.
    pub(super) fn answer(&mut self, call: &mut Call<'_>) -> Option<Reply> {
        let act = if self.version == Some(0) { old(call.id)? } else { self.function(call.id)?.act };
        let argument = |n: usize| call.argument(n);
        Some(match act {
            Act::Version => Reply::Code(i64::from(self.version.unwrap_or(0))),
            Act::CpuSuspend => self.suspend(call),
            Act::CpuOff => {
                self.cpus[0] = Cpu::Off;
                Reply::Next(Next::Sleep)
            }
            Act::CpuFreeze => Reply::Next(Next::Sleep),
            Act::CpuDefaultSuspend => power_down(call, 1, 2),
            Act::SystemSuspend if self.cpus[1..].contains(&Cpu::On) => Reply::Code(DENIED),
            Act::SystemSuspend => power_down(call, 1, 2),
            Act::CpuOn => Reply::Code(self.turn_on(call)),
            Act::AffinityInfo => Reply::Code(self.affinity(argument(1), argument(2))),
            Act::NodeHwState => Reply::Code(self.affinity(argument(1), argument(2))),
            Act::MigrateInfoType => Reply::Code(2),
            Act::Migrate | Act::MigrateInfoUpCpu => Reply::UNKNOWN,
            Act::SystemOff => self.end(call, "off"),
            Act::SystemReset => self.end(call, "reset"),
            Act::SystemReset2 if call.w(1) == 0 || self.kvm && call.w(1) >= VENDOR => self.end(call, "warm reset"),
            Act::SystemReset2 => Reply::Code(INVALID_PARAMETERS),
            Act::SystemOff2 if argument(1) <= 1 && argument(2) == 0 => self.end(call, "hibernated"),
            Act::SystemOff2 => Reply::Code(INVALID_PARAMETERS),
            Act::Features => Reply::Code(self.features(call.w(1))),
            Act::SetSuspendMode => Reply::Code(self.set_mode(call.w(1))),
            Act::Statistics => Reply::Code(0),
            Act::MemProtect => {
                let before = std::mem::replace(&mut self.protected, call.w(1) != 0);
                Reply::Code(i64::from(before))
            }
            Act::MemProtectCheckRange => {
                let (base, length) = (argument(1), argument(2));
                Reply::Code(if length != 0 && call.machine.contains(base, length) { 0 } else { DENIED })
            }
        })
    }

    /// Flags of a function that is there, NOT_SUPPORTED of one that is not (DEN0022, PSCI_FEATURES).
    fn features(&self, id: u32) -> i64 {
        if id == smccc::VERSION && self.smccc >= 0x1_0001 {
            return 0;
        }
        match self.function(id).map(|function| function.act) {
            // OS-initiated mode is there; the format of power_state is bit 1. KVM has neither.
            Some(Act::CpuSuspend) if !self.kvm => 1 | i64::from(self.extended) << 1,
            Some(Act::SystemOff2) => 1,
            Some(_) => 0,
            None => NOT_SUPPORTED,
        }
    }

    fn suspend(&self, call: &mut Call<'_>) -> Reply {
        let state = if self.kvm { 0 } else { call.w(1) };
        let (reserved, down) = if self.extended { (0xB000_0000, 1 << 30) } else { (0xFCFE_0000, 1 << 16) };
        if state & reserved != 0 {
            return Reply::Code(INVALID_PARAMETERS);
        }
        if state & down != 0 {
            return power_down(call, 2, 3);
        }
        call.slots.set_x(call.machine, 0, 0);
        Reply::Next(Next::Sleep)
    }

    /// The processors that an affinity stands for at a level, from 0 on.
    fn named(&self, target: u64, level: u64) -> Option<Vec<Cpu>> {
        let mask = *[AFFINITIES, 0xFF_00FF_FF00, 0xFF_00FF_0000, 0xFF_0000_0000].get(usize::try_from(level).ok()?)?;
        let known = target & !AFFINITIES == 0;
        let same = CPUS.iter().zip(self.cpus).filter(|(mpidr, _)| known && *mpidr & mask == target & mask);
        let found: Vec<Cpu> = same.map(|(_, cpu)| cpu).collect();
        (!found.is_empty()).then_some(found)
    }

    fn affinity(&mut self, target: u64, level: u64) -> i64 {
        let Some(found) = self.named(target, level) else { return INVALID_PARAMETERS };
        if found.contains(&Cpu::On) {
            0
        } else if found.contains(&Cpu::Pending) {
            self.cpus.iter_mut().filter(|cpu| **cpu == Cpu::Pending).for_each(|cpu| *cpu = Cpu::On);
            2
        } else {
            1
        }
    }

    fn turn_on(&mut self, call: &Call<'_>) -> i64 {
        let (target, entry) = (call.argument(1), call.argument(2));
        let found = CPUS.iter().position(|mpidr| *mpidr == target);
        let Some(cpu) = found.map(|n| &mut self.cpus[n]) else { return INVALID_PARAMETERS };
        // KVM does not look at the entry point.
        if !self.kvm && (entry & 3 != 0 || !call.machine.contains(entry, 4)) {
            return INVALID_ADDRESS;
        }
        match *cpu {
            Cpu::On => ALREADY_ON,
            Cpu::Pending => ON_PENDING,
            Cpu::Off => {
                *cpu = if self.on_pending { Cpu::Pending } else { Cpu::On };
                0
            }
        }
    }

    /// The machine is gone. KVM prepares for a user space that goes on all the same.
    fn end(&self, call: &mut Call<'_>, how: &str) -> Reply {
        if self.kvm {
            call.slots.set_x(call.machine, 0, INTERNAL_FAILURE.cast_unsigned());
            (1..4).for_each(|n| call.slots.set_x(call.machine, n, 0));
        }
        Reply::Next(Next::End(how.to_owned()))
    }

    /// PSCI_SET_SUSPEND_MODE: 0 is platform-coordinated, 1 is OS-initiated, which begins with one processor on.
    fn set_mode(&mut self, mode: u32) -> i64 {
        match mode {
            0 => self.os_initiated = false,
            1 if self.cpus[1..].iter().all(|cpu| *cpu == Cpu::Off) => self.os_initiated = true,
            1 => return DENIED,
            _ => return INVALID_PARAMETERS,
        }
        0
    }
}

/// A processor that loses its state: it wakes at the entry with the context in x0.
fn power_down(call: &mut Call<'_>, entry: usize, context: usize) -> Reply {
    let (entry, context) = (call.argument(entry), call.argument(context));
    if entry & 3 != 0 || !call.machine.contains(entry, 4) {
        return Reply::Code(INVALID_ADDRESS);
    }
    call.slots.jump(call.machine, entry);
    call.slots.set_x(call.machine, 0, context);
    Reply::Next(Next::Sleep)
}

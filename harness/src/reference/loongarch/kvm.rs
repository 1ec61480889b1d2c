//! KVM on LoongArch, and a machine without it.
//!
//! Linux `Documentation/virt/kvm/loongarch/hypercalls.rst`; where that is silent, `arch/loongarch/kvm/exit.c`. The word of
//! feature bits is the host's to set, once: `arch/loongarch/kvm/vcpu.c`, `kvm_loongarch_cpucfg_set_attr`.

use std::collections::BTreeMap;

use crate::contract::{Answered, BootError, Configuring, Exchange, GuestError, Refusal};
use crate::reference::trap::{Machine, Model, Next, Trap};
use crate::registers::{RegisterFile, Slot};

/// The physical id of the processor that calls: one that the upper half of a bitmap can mean.
pub(super) const CPU: u64 = 70;

/// Codes of `hvcl`: 1, for KVM, above eight bits of service.
const SERVICE: u64 = 0x100;
const BREAKPOINT: u64 = 0x101;
const USER_SERVICE: u64 = 0x102;

/// Functions of [`SERVICE`].
const IPI: u64 = 1;
const NOTIFY: u64 = 2;

const SUCCESS: u64 = 0;
const NOT_IMPLEMENTED: u64 = (-1_i64).cast_unsigned();
const INVALID_PARAMETER: u64 = (-2_i64).cast_unsigned();

/// Configuration words, and what the first of KVM's shows.
const PROCESSOR_ID: u64 = 0;
const KVM_SIGNATURE: u64 = 0x4000_0000;
const KVM_FEATURES: u64 = 0x4000_0004;
const SIGNATURE: u64 = u32::from_le_bytes(*b"KVM\0") as u64;
/// A 3A5000.
const LA464: u64 = 0x0014_C010;

/// Feature bits. Those above bit 23 are served by user space, and off unless it says so.
const FEATURE_IPI: u64 = 1 << 1;
const FEATURE_STEAL_TIME: u64 = 1 << 2;
const FEATURE_VIRT_EXTIOI: u64 = 1 << 24;
const FEATURE_USER_HCALL: u64 = 1 << 25;
const FEATURES: u64 = FEATURE_IPI | FEATURE_STEAL_TIME | FEATURE_VIRT_EXTIOI | FEATURE_USER_HCALL;

/// Bits 1 to 5 of the address of a record of stolen time.
const RESERVED: u64 = 0x3E;
/// Nanoseconds that the host has stolen whenever it looks.
const STOLEN: u64 = 1_000_000;

/// Exceptions of the guest.
const SYSTEM_CALL: u64 = 0xB;
const BREAK: u64 = 0xC;
const NO_INSTRUCTION: u64 = 0xD;

/// Properties that the host sets.
const FEATURES_PROPERTY: &str = "cpucfg-kvm-features";
const DEBUG_PROPERTY: &str = "debug-software-breakpoints";

/// Where the guest's registers are.
#[derive(Debug, Clone)]
struct Slots {
    /// By number; `$r0` is always zero and so has none.
    general: [Option<Slot>; 32],
    pc: Slot,
    crmd: Slot,
    prmd: Slot,
    eentry: Slot,
    era: Slot,
    badi: Slot,
    ecode: Slot,
    swi0: Slot,
}

/// Names of general registers by number, `$r0` left out.
const NAMES: [&str; 31] = [
    "ra", "tp", "sp", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7",
    "t8", "r21", "fp", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8",
];
const A0: usize = 4;

/// The hypervisor.
#[derive(Debug, Clone)]
pub(super) struct Kvm {
    slots: Slots,
    /// Whether there is a hypervisor that serves calls.
    present: bool,
    features: u64,
    /// Whether the host has set the feature bits.
    set: bool,
    /// Whether the host debugs with software breakpoints.
    debug: bool,
    /// Whether a call for user space is out: its answer completes the instruction.
    called: bool,
}

impl Kvm {
    /// A hypervisor, or with `present` false a machine that has none.
    ///
    /// # Errors
    /// [`BootError::Failed`] if the architecture's file lacks a register.
    pub(super) fn new(file: &RegisterFile, present: bool, user_service: bool) -> Result<Self, BootError> {
        let slot = |name: &str| {
            let why = || BootError::Failed { why: format!("no register {name}"), log: String::new() };
            file.slot(name).ok_or_else(why)
        };
        let mut general = [None; 32];
        for (place, name) in general.iter_mut().skip(1).zip(NAMES) {
            *place = Some(slot(name)?);
        }
        let slots = Slots {
            general,
            pc: slot("pc")?,
            crmd: slot("crmd")?,
            prmd: slot("prmd")?,
            eentry: slot("eentry")?,
            era: slot("era")?,
            badi: slot("badi")?,
            ecode: slot("estat.ecode")?,
            swi0: slot("estat.swi0")?,
        };
        let optional = if user_service { FEATURE_USER_HCALL } else { 0 };
        let features = FEATURE_IPI | FEATURE_STEAL_TIME | optional;
        Ok(Self { slots, present, features, set: user_service, debug: false, called: false })
    }

    fn general(&self, machine: &Machine, number: usize) -> u64 {
        self.slots.general.get(number).copied().flatten().map_or(0, |slot| machine.get(slot))
    }

    fn set_general(&self, machine: &mut Machine, number: usize, value: u64) {
        if let Some(slot) = self.slots.general.get(number).copied().flatten() {
            machine.set(slot, value);
        }
    }

    fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }

    fn hypercall(&mut self, machine: &mut Machine, code: u64, at: u64) -> Next {
        let result = match code {
            SERVICE => self.service(machine),
            BREAKPOINT if self.debug => return self.go_out(machine, at, "KVM_EXIT_DEBUG", BTreeMap::new()),
            USER_SERVICE if self.has(FEATURE_USER_HCALL) => {
                let arguments = (0..6).map(|n| (format!("args{n}"), self.general(machine, A0 + n)));
                let mut fields: BTreeMap<String, u64> = arguments.collect();
                fields.extend([("nr".to_owned(), USER_SERVICE), ("ret".to_owned(), NOT_IMPLEMENTED)]);
                self.called = true;
                return self.go_out(machine, at, "KVM_EXIT_HYPERCALL", fields);
            }
            _ => NOT_IMPLEMENTED,
        };
        self.set_general(machine, A0, result);
        Next::Resume
    }

    /// Stops the guest at the instruction: it is done when user space answers.
    fn go_out(&self, machine: &mut Machine, at: u64, exit: &str, fields: BTreeMap<String, u64>) -> Next {
        machine.set(self.slots.pc, at);
        Next::Forward(Exchange { exit: exit.to_owned(), fields, registers: machine.registers.clone() })
    }

    fn service(&self, machine: &mut Machine) -> u64 {
        let argument = |machine: &Machine, n: usize| self.general(machine, A0 + n);
        match argument(machine, 0) {
            IPI if self.has(FEATURE_IPI) => {
                let (low, high) = (argument(machine, 1), argument(machine, 2));
                // The rest of a3 is not part of the id.
                let base = argument(machine, 3) & 0xFFFF_FFFF;
                let targets = u128::from(high) << 64 | u128::from(low);
                if CPU.checked_sub(base).is_some_and(|bit| bit < 128 && targets >> bit & 1 == 1) {
                    machine.set(self.slots.swi0, 1);
                }
                SUCCESS
            }
            NOTIFY => self.notify(machine, argument(machine, 1), argument(machine, 2)),
            _ => NOT_IMPLEMENTED,
        }
    }

    fn notify(&self, machine: &mut Machine, record: u64, address: u64) -> u64 {
        if record != FEATURE_STEAL_TIME || !self.has(FEATURE_STEAL_TIME) {
            return NOT_IMPLEMENTED;
        }
        if address & RESERVED != 0 {
            return INVALID_PARAMETER;
        }
        let at = address & !0x3F;
        if address & 1 == 1 && machine.contains(at, 64) {
            // Stolen time in 8 bytes, then the version in 4: odd while the host writes.
            let stolen = machine.load(at, 8).unwrap_or(0);
            let version = machine.load(at + 8, 4).unwrap_or(0);
            machine.store(at, 8, stolen.wrapping_add(STOLEN));
            machine.store(at + 8, 4, (version & !1).wrapping_add(2));
        }
        SUCCESS
    }

    /// A configuration word; KVM answers for its own and for what no processor defines.
    fn word(&self, number: u64) -> u64 {
        match number & 0xFFFF_FFFF {
            PROCESSOR_ID => LA464,
            KVM_SIGNATURE if self.present => SIGNATURE,
            KVM_FEATURES if self.present => self.features,
            _ => 0,
        }
    }

    fn exception(&self, machine: &mut Machine, code: u64, trap: &Trap<'_>) -> Next {
        let slots = &self.slots;
        machine.set(slots.era, trap.at);
        machine.set(slots.badi, machine.load(trap.at, 4).unwrap_or(0));
        machine.set(slots.ecode, code);
        let mode = machine.get(slots.crmd);
        machine.set(slots.prmd, mode & 7);
        machine.set(slots.crmd, mode & !7);
        machine.set(slots.pc, machine.get(slots.eentry));
        Next::Interrupt(code)
    }
}

impl Model for Kvm {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let Some(found) = &trap.instruction else { return self.exception(machine, NO_INSTRUCTION, trap) };
        let register = |n: usize| usize::try_from(found.field(n)).unwrap_or(0);
        match found.name {
            "hvcl" if self.present => self.hypercall(machine, found.field(0), trap.at),
            "cpucfg" => {
                let value = self.word(self.general(machine, register(1)));
                self.set_general(machine, register(0), value);
                Next::Resume
            }
            "syscall" => self.exception(machine, SYSTEM_CALL, trap),
            "break" => self.exception(machine, BREAK, trap),
            _ => self.exception(machine, NO_INSTRUCTION, trap),
        }
    }

    /// The answer of user space goes into `a0`. One that it has not given is what the exit was preset with.
    fn answer(&mut self, machine: &mut Machine, answer: &Exchange) -> Next {
        let at = machine.get(self.slots.pc);
        machine.set_all(&answer.registers);
        if std::mem::take(&mut self.called) {
            let result = answer.fields.get("ret").copied().unwrap_or(NOT_IMPLEMENTED);
            self.set_general(machine, A0, result);
            machine.set(self.slots.pc, at.wrapping_add(4));
        }
        Next::Resume
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        self.present.then_some(self as &mut dyn Configuring)
    }
}

impl Configuring for Kvm {
    fn set(&mut self, name: &str, value: u64) -> Answered {
        Ok(match name {
            FEATURES_PROPERTY if value & !FEATURES != 0 => Err(Refusal("EINVAL")),
            FEATURES_PROPERTY if self.set && value != self.features => Err(Refusal("EINVAL")),
            FEATURES_PROPERTY => {
                (self.features, self.set) = (value, true);
                Ok(())
            }
            DEBUG_PROPERTY => {
                self.debug = value != 0;
                Ok(())
            }
            _ => Err(Refusal("ENXIO")),
        })
    }

    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError> {
        Ok([(FEATURES_PROPERTY, self.features), (DEBUG_PROPERTY, u64::from(self.debug))]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }
}

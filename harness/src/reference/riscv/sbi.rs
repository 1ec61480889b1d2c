//! Traps of the hart, and which extension a call is for.

use super::call::{Call, Done, NOT_SUPPORTED};
use super::console::Console;
use super::cppc::Cppc;
use super::dbtr::Dbtr;
use super::fwft::Fwft;
use super::hsm::Harts;
use super::mpxy::Mpxy;
use super::nacl::Nacl;
use super::pmu::Pmu;
use super::profile::Profile;
use super::registers::Slots;
use super::sse::Sse;
use super::{base, console, cppc, dbtr, fwft, hsm, ipi, legacy, mpxy, nacl, pmu, rfence, sse, sta, system, time};
use crate::reference::trap::{Machine, Model, Next, Trap};

/// An extension.
pub(super) struct Extension {
    /// Its number, in `a7`.
    pub(super) number: u64,
    /// The feature under which a guest has it.
    pub(super) feature: &'static str,
    /// What answers its functions.
    answer: fn(&mut Sbi, &mut Call<'_>) -> Done,
}

const fn extension(number: u64, feature: &'static str, answer: fn(&mut Sbi, &mut Call<'_>) -> Done) -> Extension {
    Extension { number, feature, answer }
}

/// All extensions but the legacy ones.
pub(super) const EXTENSIONS: &[Extension] = &[
    extension(0x10, "sbi.base", base::answer),
    extension(0x5449_4D45, "sbi.time", time::answer),
    extension(0x0073_5049, "sbi.ipi", ipi::answer),
    extension(0x5246_4E43, "sbi.rfence", rfence::answer),
    extension(0x0048_534D, "sbi.hsm", hsm::answer),
    extension(0x5352_5354, "sbi.srst", system::reset),
    extension(0x5355_5350, "sbi.susp", system::suspend),
    extension(0x0050_4D55, "sbi.pmu", pmu::answer),
    extension(0x4442_434E, "sbi.dbcn", console::answer),
    extension(0x4350_5043, "sbi.cppc", cppc::answer),
    extension(0x4E41_434C, "sbi.nacl", nacl::answer),
    extension(0x0053_5441, "sbi.sta", sta::answer),
    extension(0x0053_5345, "sbi.sse", sse::answer),
    extension(0x4657_4654, "sbi.fwft", fwft::answer),
    extension(0x4442_5452, "sbi.dbtr", dbtr::answer),
    extension(0x4D50_5859, "sbi.mpxy", mpxy::answer),
];

/// Causes of exceptions. Privileged Architecture, table of `scause`.
const ILLEGAL_INSTRUCTION: u64 = 2;
const BREAKPOINT: u64 = 3;
const USER_CALL: u64 = 8;

/// Privilege modes.
const SUPERVISOR: u64 = 1;

/// The implementation, with what it keeps for the hart that calls and of the others.
#[derive(Debug, Clone)]
pub(super) struct Sbi {
    pub(super) slots: Slots,
    pub(super) profile: Profile,
    pub(super) harts: Harts,
    pub(super) pmu: Pmu,
    pub(super) console: Console,
    pub(super) cppc: Cppc,
    pub(super) nacl: Nacl,
    pub(super) sse: Sse,
    pub(super) fwft: Fwft,
    pub(super) dbtr: Dbtr,
    pub(super) mpxy: Mpxy,
}

impl Sbi {
    /// As at boot.
    pub(super) fn new(profile: Profile, slots: Slots) -> Self {
        Self {
            slots,
            harts: Harts::new(&profile),
            pmu: Pmu::default(),
            console: Console::new(&profile),
            cppc: Cppc::new(),
            nacl: Nacl::default(),
            sse: Sse::new(),
            fwft: Fwft::default(),
            dbtr: Dbtr::default(),
            mpxy: Mpxy::new(),
            profile,
        }
    }

    /// The extension with this number, if the guest has it. The whole register counts.
    pub(super) fn extension(&self, number: u64) -> Option<&'static Extension> {
        EXTENSIONS.iter().find(|known| known.number == number && !self.profile.lacks(known.feature))
    }

    /// Whether this is a legacy extension that the guest has.
    pub(super) fn is_legacy(&self, number: u64) -> bool {
        number <= legacy::LAST && self.profile.has("sbi-legacy")
    }

    fn environment_call(&mut self, machine: &mut Machine, at: u64) -> Next {
        let extension = machine.get(self.slots.a[7]);
        let next = if self.is_legacy(extension) {
            legacy::call(self, machine, extension, at)
        } else {
            self.function(machine, extension)
        };
        // What a call makes pending comes before anything else.
        if next == Next::Resume {
            self.deliver(machine);
        }
        next
    }

    fn function(&mut self, machine: &mut Machine, extension: u64) -> Next {
        let a = self.slots.a;
        let arguments = std::array::from_fn(|n| machine.get(a[n]));
        let function = machine.get(a[6]);
        let mut call = Call { machine, function, arguments };
        let done = match self.extension(extension) {
            Some(extension) => (extension.answer)(self, &mut call),
            None => Done::Answer(Err(NOT_SUPPORTED)),
        };
        let (code, value, next) = match done {
            Done::Answer(Ok(value)) => (0, value, Next::Resume),
            Done::Answer(Err(refused)) => (refused.code.cast_unsigned(), refused.value, Next::Resume),
            Done::Sleep => (0, 0, Next::Sleep),
            Done::Elsewhere { asleep } => return if asleep { Next::Sleep } else { Next::Resume },
            Done::End(how) => return Next::End(how.to_owned()),
        };
        machine.set(a[0], code);
        machine.set(a[1], value);
        next
    }

    /// Takes an exception into supervisor mode. Privileged Architecture, chapter Supervisor-Level ISA.
    pub(super) fn take(&self, machine: &mut Machine, cause: u64, at: u64, value: u64) -> Next {
        let s = &self.slots;
        machine.set(s.sepc, at);
        machine.set(s.scause, cause);
        machine.set(s.stval, value);
        machine.set(s.status_spp, machine.get(s.mode));
        machine.set(s.status_spie, machine.get(s.status_sie));
        machine.set(s.status_sie, 0);
        machine.set(s.mode, SUPERVISOR);
        machine.set(s.pc, machine.get(s.stvec) & !3);
        Next::Interrupt(cause)
    }

    /// Starts the hart anew at `address`, as after a stop or a suspend that keeps nothing. HSM, table of registers.
    pub(super) fn restart(&self, machine: &mut Machine, address: u64, opaque: u64) {
        let s = &self.slots;
        machine.set(s.satp, 0);
        machine.set(s.status_sie, 0);
        machine.set(s.mode, SUPERVISOR);
        machine.set(s.a[0], super::profile::HART);
        machine.set(s.a[1], opaque);
        machine.set(s.pc, address);
    }

    /// Whether an interrupt would wake the hart: it is pending and enabled, whether it would be taken or not.
    pub(super) fn wakes(&self, machine: &Machine) -> bool {
        machine.get(self.slots.sip) & machine.get(self.slots.sie) != 0
    }
}

impl Model for Sbi {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let instruction = trap.instruction.as_ref().map(|found| found.name);
        match instruction {
            Some("ecall") if machine.get(self.slots.mode) == SUPERVISOR => self.environment_call(machine, trap.at),
            Some("ecall") => self.take(machine, USER_CALL, trap.at, 0),
            Some("ebreak") => self.take(machine, BREAKPOINT, trap.at, trap.at),
            _ => self.take(machine, ILLEGAL_INSTRUCTION, trap.at, 0),
        }
    }
}

//! DIAGNOSE: which function it is, and who answers.
//!
//! Linux `Documentation/virt/kvm/s390/s390-diag.rst`, General remarks; `arch/s390/kvm/diag.c`, `kvm_s390_handle_diag`.

use std::collections::BTreeMap;

use super::Features;
use super::cpu::{Cpu, OPERATION, PRIVILEGED_OPERATION, SPECIFICATION};
use super::ipl::Ipl;
use super::services::{PageFaults, Watchdog, release_pages};
use super::virtio::Channel;
use crate::contract::{Answered, Configuring, GuestError, Refusal};
use crate::reference::trap::{Machine, Model, Next, Trap};

/// How a function ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Execution goes on behind the instruction.
    Done,
    /// With this program interruption.
    Program(u64),
    /// The machine is reset.
    Reset(&'static str),
}

/// The registers that an instruction names, by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) r1: usize,
    pub(super) r3: usize,
}

/// The hypervisor.
#[derive(Debug, Clone)]
pub(super) struct Host {
    cpu: Cpu,
    features: Features,
    channel: Channel,
    ipl: Ipl,
    faults: PageFaults,
    watchdog: Watchdog,
    /// Name and version of the control program, as function 0x318 was given them.
    program: u64,
}

impl Host {
    pub(super) fn new(cpu: Cpu, features: Features) -> Self {
        let (channel, ipl) = (Channel::default(), Ipl::default());
        let (faults, watchdog) = (PageFaults::default(), Watchdog::default());
        Self { cpu, features, channel, ipl, faults, watchdog, program: 0 }
    }

    fn diagnose(&mut self, machine: &mut Machine, code: u64, operands: Operands) -> Outcome {
        let (cpu, has) = (&self.cpu, |name| self.features.has(name));
        match code {
            0x10 if has("s390.diag10") => release_pages(cpu, machine, operands),
            // There is nobody to yield to.
            0x44 => Outcome::Done,
            0x9C if has("s390.diag9c") => Outcome::Done,
            0x258 if has("s390.diag258") => self.faults.call(cpu, machine, operands),
            0x288 if has("s390.diag288") => self.watchdog.call(cpu, machine, operands),
            0x308 => self.ipl.call(cpu, self.features, machine, operands),
            0x318 if has("s390.diag318") => {
                self.program = cpu.get(machine, operands.r1);
                Outcome::Done
            }
            0x500 => self.channel.call(cpu, self.features, machine),
            // No breakpoint of the host is ever here.
            0x501 if has("s390.diag501") => Outcome::Program(OPERATION),
            _ => Outcome::Program(SPECIFICATION),
        }
    }
}

impl Model for Host {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let Some(found) = &trap.instruction else { return self.cpu.no_instruction(machine, trap.at) };
        if found.name == "svc" {
            return self.cpu.supervisor_call(machine, found.field(0));
        }
        let register = |n: usize| usize::try_from(found.field(n)).unwrap_or(0);
        let (operands, displacement, base) =
            (Operands { r1: register(0), r3: register(1) }, found.field(2), register(3));
        let outcome = if self.cpu.is_problem(machine) {
            Outcome::Program(PRIVILEGED_OPERATION)
        } else {
            let base = if base == 0 { 0 } else { self.cpu.get(machine, base) };
            self.diagnose(machine, base.wrapping_add(displacement) & 0xFFFF, operands)
        };
        match outcome {
            Outcome::Done => Next::Resume,
            Outcome::Program(code) => self.cpu.program(machine, code, u64::from(found.length)),
            Outcome::Reset(how) => Next::End(how.to_owned()),
        }
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        Some(self)
    }
}

/// The host sets nothing here, but sees what the guest has told it.
impl Configuring for Host {
    fn set(&mut self, _: &str, _: u64) -> Answered {
        Ok(Err(Refusal("ENXIO")))
    }

    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError> {
        Ok([
            ("control-program", self.program),
            ("virtqueue-0-notified", self.channel.notified()),
            ("watchdog-seconds", self.watchdog.seconds().unwrap_or(0)),
            ("pfault-token", self.faults.token().unwrap_or(0)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }
}

//! A guest of the reference.

use std::sync::Arc;

use hypercheck_ppc::{Cpu, Exit, Interrupt, Memory, Program, ReservedBits, SlbEntry, Translation, msr};

use super::device_tree;
use super::dispatch::{self, Next, Route};
use super::epapr;
use super::papr;
use super::partition::{CPUS, Partition, RAM, State};
use super::profile::Profile;
use super::registers::Places;
use super::sleep::{self, Until};
use super::ultravisor;
use crate::contract::{
    BootError, Budget, Exchange, Facts, Forwarding, Guest, GuestError, Rewinding, SeeChange, Stop, Watching,
};
use crate::reference::watch::Mark;
use crate::registers::{RegisterFile, Registers};
use crate::translation;

/// Where the suite's instructions go.
const CODE: u64 = 0x20_0000;
/// Where its data goes.
const SCRATCH: u64 = 0x30_0000;
/// Where the device tree is.
pub(super) const TREE: u64 = 0x100_0000;

/// How a guest ends whose watchdog runs out.
const WATCHDOG: &str = "a watchdog ran out";

/// What the guest is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Execute instructions.
    Running,
    /// Wait for something to wake it.
    Sleeping(Until),
    /// Wait for user space.
    Out(Route),
    /// Nothing any more.
    Ended(&'static str),
}

/// One processor of a partition, with its memory.
#[derive(Debug)]
pub(super) struct ReferenceGuest {
    partition: Partition,
    doing: Doing,
    boot: (Cpu, State),
    mark: Mark,
    places: Places,
    mapped: bool,
    facts: Facts,
    tree: Vec<u8>,
}

impl ReferenceGuest {
    /// Boots a guest.
    pub(super) fn boot(profile: Profile, file: Arc<RegisterFile>) -> Result<Self, BootError> {
        let failed = |why: String| BootError::Failed { why, log: String::new() };
        let ram = usize::try_from(RAM).map_err(|_| failed("32 MiB of RAM exceed the address space".to_owned()))?;
        let mut memory = Memory::new(ram);
        let tree = device_tree::build(&profile).map_err(|e| failed(format!("the device tree is not valid: {e}")))?;
        memory.write(TREE, &tree).map_err(|e| failed(e.to_string()))?;
        memory.baseline();
        let cpu = processor(&profile);
        let state = State::new();
        let own = [
            ("cpus", CPUS as u64),
            ("cpu", 0),
            ("ptes", papr::ENTRIES),
            ("device-tree", TREE),
            ("uv-page", ultravisor::PAGE),
            ("scm-drc", papr::SCM_DRC),
            ("scm-block", papr::SCM_BLOCK),
            ("scm-blocks", papr::SCM_BLOCKS),
        ];
        let named = own.into_iter().chain(papr::facts(&profile));
        Ok(Self {
            places: Places::new(file, &cpu),
            boot: (cpu.clone(), state.clone()),
            partition: Partition { cpu, memory, state, profile },
            doing: Doing::Running,
            mapped: false,
            mark: Mark::default(),
            facts: Facts {
                ram: RAM,
                code: CODE,
                scratch: SCRATCH,
                named: named.chain(epapr::facts()).map(|(name, value)| (name.to_owned(), value)).collect(),
            },
            tree,
        })
    }

    /// Executes instructions until something else is to be done.
    fn execute(&mut self, until: u64, left: &mut u64) -> Option<Stop> {
        let cpu = &mut self.partition.cpu;
        let before = cpu.instructions;
        let bite = self.partition.state.watchdogs.left(cpu.tb);
        let most = (*left).min(bite.unwrap_or(u64::MAX));
        let exit = cpu.run(&mut self.partition.memory, hypercheck_ppc::Budget::until(until, most));
        *left = left.saturating_sub(cpu.instructions - before);
        match exit {
            Exit::Until => Some(Stop::Reached),
            Exit::Budget if bite == Some(most) => {
                self.doing = Doing::Ended(WATCHDOG);
                None
            }
            Exit::Budget => Some(Stop::Exhausted),
            Exit::Interrupt(which) => Some(taken(which)),
            Exit::SystemCall { lev } => match dispatch::system_call(&mut self.partition, lev) {
                // Before the next instruction, which may be where the run ends.
                Next::Resume => self.partition.cpu.deliverable().map(|which| self.take(which)),
                Next::Sleep(until) => {
                    self.doing = Doing::Sleeping(until);
                    None
                }
                Next::Forward(route) => {
                    self.doing = Doing::Out(route);
                    None
                }
                Next::Interrupt(which) => Some(self.take(which)),
                Next::End(how) => {
                    self.doing = Doing::Ended(how);
                    None
                }
            },
            Exit::SystemCallVectored { lev } => Some(self.take(Interrupt::SystemCallVectored { lev })),
            Exit::Wait => {
                self.doing = Doing::Sleeping(Until::Interrupt);
                None
            }
            // ehpriv: KVM passes on the one that its debugger uses and calls all others illegal; there is no debugger.
            _ => Some(self.take(Interrupt::Program(Program::Illegal))),
        }
    }

    /// Makes the mapping of [`translation`] before the first run that needs it.
    fn map(&mut self) {
        let cpu = &mut self.partition.cpu;
        let Translation::Held(table) = &mut cpu.translation else { return };
        if self.mapped || cpu.msr & (msr::IR | msr::DR | msr::PR) == 0 {
            return;
        }
        self.mapped = true;
        for (group, entry) in
            (translation::Identity { code: CODE, scratch: SCRATCH, ptes: table.capacity() }).mappings()
        {
            if let Some(free) = (group..group + 8).find(|&index| table.get(index)[0] & 1 == 0) {
                table.set(free, entry);
            }
        }
        cpu.slb[0] = SlbEntry { esid: translation::SLB_ESID, vsid: translation::SLB_VSID };
    }

    fn take(&mut self, which: Interrupt) -> Stop {
        self.partition.cpu.interrupt(which);
        taken(which)
    }
}

fn taken(which: Interrupt) -> Stop {
    // Interrupts that only BookE has go by the number of their IVOR.
    let ivor = || which.ivor().and_then(|n| u64::try_from(n).ok());
    Stop::Interrupt { vector: which.vector().or_else(ivor).unwrap_or_default() }
}

/// A processor as the guest finds it.
fn processor(profile: &Profile) -> Cpu {
    let mut cpu = Cpu::new(profile.model);
    // The hosts that this machine stands for decode strictly, see the cases of reserved bits.
    cpu.reserved_bits = ReservedBits::Illegal;
    cpu.stop_on_interrupt = true;
    if profile.little_endian_interrupts {
        if profile.model.is_server() {
            cpu.lpcr |= msr::LPCR_ILE;
        } else {
            cpu.msr |= msr::ILE;
        }
    }
    if profile.kvm.is_some() && profile.model.is_server() {
        // A guest of KVM PR believes itself to be alone: it may use tlbsync, which KVM takes for nothing.
        cpu.lpcr |= msr::LPCR_GTSE;
    }
    if profile.papr {
        cpu.translation = papr::new_table();
    }
    if profile.scv {
        cpu.fscr |= msr::FSCR_SCV;
    }
    if profile.model.is_embedded() {
        // Vectors of their own, at the offsets of Book3S where it has the interrupt.
        for (number, offset) in (0..).step_by(0x40).take(cpu.ivor.len()).enumerate() {
            cpu.ivor[number] = 0x1800 + offset;
        }
        let known = [(1, 0x200), (2, 0x300), (3, 0x400), (4, 0x500), (5, 0x600), (6, 0x700), (7, 0x800), (8, 0xC00)];
        for (number, offset) in known.into_iter().chain([(10, 0x900)]) {
            cpu.ivor[number] = offset;
        }
    }
    cpu
}

impl Guest for ReferenceGuest {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        let length = into.len();
        self.partition.memory.read(at, into).map_err(|_| GuestError::OutOfRange { at, length })
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        let length = bytes.len();
        self.partition.memory.write(at, bytes).map_err(|_| GuestError::OutOfRange { at, length })
    }

    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        self.places.get(&self.partition.cpu, into);
        Ok(())
    }

    /// A guest that sleeps is awake again once its registers are set: it goes on at its program counter.
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.places.set(&mut self.partition.cpu, registers);
        if let Doing::Sleeping(_) = self.doing {
            sleep::wake(&mut self.partition);
            self.doing = Doing::Running;
        }
        Ok(())
    }

    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        self.map();
        let mut left = budget.instructions;
        loop {
            let stop = match self.doing {
                Doing::Running => self.execute(budget.until, &mut left),
                Doing::Sleeping(until) => {
                    let bite = self.partition.state.watchdogs.left(self.partition.cpu.tb);
                    let mut nap = left.min(bite.unwrap_or(u64::MAX));
                    let before = nap;
                    if sleep::until_woken(&mut self.partition, until, &mut nap) {
                        left -= before - nap;
                        self.doing = Doing::Running;
                        self.partition.cpu.deliverable().map(|which| self.take(which))
                    } else if bite == Some(before) {
                        self.doing = Doing::Ended(WATCHDOG);
                        None
                    } else {
                        Some(Stop::Asleep)
                    }
                }
                Doing::Out(_) => Some(Stop::Forwarded),
                Doing::Ended(how) => Some(Stop::Ended { how: how.to_owned() }),
            };
            if let Some(stop) = stop {
                return Ok(stop);
            }
        }
    }

    fn device_tree(&mut self) -> Result<Vec<u8>, GuestError> {
        Ok(self.tree.clone())
    }

    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        Some(self)
    }

    fn watching(&mut self) -> Option<&mut dyn Watching> {
        Some(self)
    }

    fn forwarding(&mut self) -> Option<&mut dyn Forwarding> {
        Some(self)
    }
}

impl Rewinding for ReferenceGuest {
    /// Also makes the mark at boot.
    fn rewind(&mut self) -> Result<(), GuestError> {
        self.partition.memory.rewind();
        self.partition.cpu.clone_from(&self.boot.0);
        if self.partition.state != self.boot.1 {
            self.partition.state.clone_from(&self.boot.1);
        }
        self.mark.clear();
        self.doing = Doing::Running;
        self.mapped = false;
        Ok(())
    }
}

impl Watching for ReferenceGuest {
    fn watched(&self) -> Vec<(u64, u64)> {
        vec![(0, RAM)]
    }

    fn mark(&mut self) -> Result<(), GuestError> {
        self.mark.set(&self.partition.memory);
        Ok(())
    }

    fn changes(&mut self, see: &mut SeeChange<'_>) -> Result<(), GuestError> {
        self.mark.changes(&self.partition.memory, see);
        Ok(())
    }
}

impl Forwarding for ReferenceGuest {
    fn call(&mut self) -> Result<Exchange, GuestError> {
        let Doing::Out(route) = self.doing else { return Err(nothing_out()) };
        let cpu = &self.partition.cpu;
        let exit = match route {
            Route::Osi => "KVM_EXIT_OSI",
            Route::Papr => "KVM_EXIT_PAPR_HCALL",
        };
        let numbered = match route {
            Route::Osi => Vec::new(),
            Route::Papr => vec![("nr".to_owned(), cpu.gpr[3])],
        };
        let arguments = (0..9).map(|n| (format!("args{n}"), cpu.gpr[4 + n])).filter(|_| route == Route::Papr);
        Ok(Exchange {
            exit: exit.to_owned(),
            fields: numbered.into_iter().chain(arguments).collect(),
            registers: self.places.general(cpu, carried(route)),
        })
    }

    fn answer(&mut self, answer: &Exchange) -> Result<(), GuestError> {
        let Doing::Out(route) = self.doing else { return Err(nothing_out()) };
        self.places.set_general(&mut self.partition.cpu, carried(route), &answer.registers);
        self.doing = Doing::Running;
        Ok(())
    }
}

/// The general registers that travel with a call.
fn carried(route: Route) -> std::ops::Range<usize> {
    match route {
        Route::Osi => 0..32,
        Route::Papr => 3..13,
    }
}

fn nothing_out() -> GuestError {
    GuestError::Unsupported("answer a call while none is out".to_owned())
}

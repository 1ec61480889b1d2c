//! A guest of QEMU's `pseries` machine.

use std::sync::Arc;
use std::time::Duration;

use super::code::CodePages;
use super::frame::Frame;
use super::machine::{Launcher, Machine};
use super::mailbox::{DEC, FSCR, GPR, MSR, PC, Record, SRR0, SRR1};
use super::wait::{Waited, wait};
use super::watch::{self, BaseLine};
use super::{facts, mailbox};
use crate::contract::{BootError, Budget, Facts, Guest, GuestError, Rewinding, SeeChange, Stop, Watching};
use crate::device_tree::DeviceTree;
use crate::registers::Registers;
use crate::translation;

/// MSR: 64-bit mode, machine checks enabled, recoverable.
const SUPERVISOR: u64 = 1 << 63 | 1 << 12 | 1 << 1;
/// MSR bits that need a mapping: IR, DR, and PR, which implies them.
const TRANSLATED: u64 = 1 << 5 | 1 << 4 | 1 << 14;
/// SRR1 after a program interrupt: a trap instruction.
pub(super) const TRAP: u64 = 0x0002_0000;
/// Vector of the program interrupt.
pub(super) const PROGRAM: u64 = 0x700;
/// How long the agent may take for something of the host's own, or to take an injected reset interrupt.
pub(super) const PROMPT: Duration = Duration::from_secs(2);

/// A guest of QEMU's `pseries` machine.
pub struct PseriesGuest {
    launcher: Launcher,
    pub(super) machine: Machine,
    /// Set when there is no QEMU any more.
    pub(super) gone: Option<(String, String)>,
    frame: Arc<Frame>,
    tree: DeviceTree,
    facts: Facts,
    /// Registers as they are, or are to be.
    pub(super) current: Record,
    /// Which of them are known, bit n for doubleword n.
    pub(super) known: u64,
    /// The suite set the decrementer itself.
    timed: bool,
    mapped: bool,
    code: CodePages,
    base: BaseLine,
}

impl PseriesGuest {
    /// Boots a guest.
    ///
    /// # Errors
    /// See [`BootError`].
    pub fn boot(launcher: Launcher, frame: Arc<Frame>) -> Result<Self, BootError> {
        let machine = launcher.launch()?;
        let tree = tree(&machine).map_err(|why| BootError::Failed { why, log: machine.process.log() })?;
        let facts = facts::facts(&tree, machine.ram.len());
        let mut guest = Self {
            launcher,
            machine,
            gone: None,
            frame,
            tree,
            facts,
            current: [0; mailbox::SLOTS],
            known: 0,
            timed: false,
            mapped: false,
            code: CodePages::new(facts::CODE),
            base: BaseLine::default(),
        };
        guest.fresh();
        Ok(guest)
    }

    /// The tree that it was given.
    pub fn tree(&self) -> &DeviceTree {
        &self.tree
    }

    /// Version of the QEMU that it runs on.
    pub fn version(&self) -> &str {
        &self.machine.qmp.version
    }

    /// Registers as after boot.
    pub(super) fn fresh(&mut self) {
        let mut booted = [0; mailbox::SLOTS];
        mailbox::take(&self.machine.ram, &mut booted);
        self.current = [0; mailbox::SLOTS];
        self.current[FSCR] = booted[FSCR];
        self.current[MSR] = SUPERVISOR;
        self.current[PC] = facts::CODE;
        self.known = ALL & !(1 << SRR0 | 1 << SRR1);
        self.timed = false;
        self.mapped = false;
    }

    /// Far enough away not to disturb a run.
    fn far_decrementer(&self) -> u64 {
        let bits = self.facts.get("dec-bits").filter(|bits| (32..=64).contains(bits)).unwrap_or(32);
        // QEMU counts nanoseconds in 64 bits: leave room.
        (1 << (bits.min(56) - 1)) - 1
    }

    fn alive(&self) -> Result<(), GuestError> {
        match &self.gone {
            Some((why, log)) => Err(GuestError::Lost { why: why.clone(), log: log.clone() }),
            None => Ok(()),
        }
    }

    /// Runs instructions of the agent in real mode, for the host.
    fn internal(&mut self, pc: u64, gprs: &[(usize, u64)], fresh: Option<(u64, u64)>) -> Result<Record, GuestError> {
        let mut record = [0; mailbox::SLOTS];
        record[FSCR] = self.current[FSCR];
        for (n, value) in gprs {
            record[GPR + n] = *value;
        }
        record[MSR] = SUPERVISOR;
        record[PC] = pc;
        let bell = mailbox::ring(&self.machine.ram, &record, fresh, false);
        match wait(&mut self.machine, bell, PROMPT, true) {
            Ok(Waited::Answered) => {
                mailbox::take(&self.machine.ram, &mut record);
                if record[PC] == PROGRAM && record[SRR1] & TRAP != 0 {
                    return Ok(record);
                }
                Err(GuestError::Link(format!("the agent took an interrupt at {:#x}", record[PC])))
            }
            _ => Err(self.failed("the agent does not answer")),
        }
    }

    /// Makes the mapping of [`translation`].
    fn map(&mut self) -> Result<(), GuestError> {
        let refused = |what: String| GuestError::Unsupported(format!("run with translation on: {what}"));
        let ptes = self.facts.get("ptes").ok_or_else(|| refused("the device tree names no page table".to_owned()))?;
        for call in facts::identity(ptes).calls() {
            let gprs: Vec<_> = (3..).zip(call).collect();
            let answer = self.internal(mailbox::STUB_HYPERCALL, &gprs, None)?[GPR + 3];
            if answer != 0 {
                return Err(refused(format!("H_ENTER answered {}", answer.cast_signed())));
            }
        }
        let entry = [(5, translation::SLB_VSID), (6, translation::SLB_ESID)];
        self.internal(mailbox::STUB_SLBMTE, &entry, None)?;
        self.mapped = true;
        Ok(())
    }
}

/// All doublewords of a record.
pub(super) const ALL: u64 = (1 << mailbox::SLOTS) - 1;

/// The tree that the machine left in memory.
fn tree(machine: &Machine) -> Result<DeviceTree, String> {
    let at = mailbox::device_tree(&machine.ram);
    let header = machine.ram.bytes(at, DeviceTree::HEADER).unwrap_or_default();
    let length = DeviceTree::length(header).unwrap_or(0);
    let blob = machine.ram.bytes(at, length).unwrap_or_default();
    DeviceTree::parse(blob).map_err(|error| format!("at {at:#x}, {error}"))
}

impl Guest for PseriesGuest {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        let bytes = self.machine.ram.bytes(at, into.len());
        into.copy_from_slice(bytes.ok_or(GuestError::OutOfRange { at, length: into.len() })?);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        let ram = &self.machine.ram;
        self.code.written(ram, at, bytes);
        // What lies below is the agent's.
        if at < mailbox::END || !ram.write(at, bytes) {
            return Err(GuestError::OutOfRange { at, length: bytes.len() });
        }
        Ok(())
    }

    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        self.alive()?;
        self.frame.take(&self.current, self.known, into);
        Ok(())
    }

    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.alive()?;
        let set = self.frame.put(registers, &mut self.current);
        self.known |= set;
        self.timed |= set >> DEC & 1 == 1;
        Ok(())
    }

    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        self.alive()?;
        if self.current[MSR] & TRANSLATED != 0 && !self.mapped {
            self.map()?;
        }
        self.code.entered(self.current[PC]);
        let mut fresh = self.code.stale();
        while let Some(more) = self.code.stale() {
            self.internal(mailbox::STUB_TRAP, &[], fresh.replace(more))?;
        }
        let timed = std::mem::take(&mut self.timed);
        // Otherwise it stays far away. Writing it makes QEMU's main loop reckon anew, which costs more than a call.
        let far = self.far_decrementer();
        let near = !timed && !(far / 2..=far).contains(&self.current[DEC]);
        if near {
            self.current[DEC] = far;
        }
        let bell = mailbox::ring(&self.machine.ram, &self.current, fresh, timed || near);
        match wait(&mut self.machine, bell, budget.patience, timed) {
            Ok(Waited::Answered) => Ok(self.take(budget.until)),
            Ok(Waited::Asleep) => self.recover(bell, Stop::Asleep, budget.until),
            Ok(Waited::Exhausted) => self.recover(bell, Stop::Exhausted, budget.until),
            Ok(Waited::Reset) => {
                self.machine.boots = mailbox::boots(&self.machine.ram);
                self.fresh();
                self.known = 0;
                Ok(Stop::Ended { how: "reset".to_owned() })
            }
            Ok(Waited::Halted(how)) => {
                self.start_over()?;
                Ok(Stop::Ended { how })
            }
            Ok(Waited::Unreachable(why)) => Err(self.failed(&why)),
            Err(status) => {
                let why = self.machine.process.describe(status);
                let lost = self.lost(why.clone());
                if status.success() { Ok(Stop::Ended { how: why }) } else { Err(lost) }
            }
        }
    }

    fn device_tree(&mut self) -> Result<Vec<u8>, GuestError> {
        Ok(self.tree.blob().to_vec())
    }

    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        Some(self)
    }

    fn watching(&mut self) -> Option<&mut dyn Watching> {
        Some(self)
    }
}

impl Rewinding for PseriesGuest {
    fn rewind(&mut self) -> Result<(), GuestError> {
        if self.gone.is_none() && self.machine.reset(true).is_ok() {
            self.code.forgotten();
        } else {
            self.machine = self.launcher.launch().map_err(|error| GuestError::Link(error.to_string()))?;
            self.code = CodePages::new(facts::CODE);
            self.gone = None;
        }
        self.fresh();
        self.tree = tree(&self.machine).map_err(GuestError::Link)?;
        Ok(())
    }
}

impl Watching for PseriesGuest {
    fn watched(&self) -> Vec<(u64, u64)> {
        watch::RANGES.to_vec()
    }

    fn mark(&mut self) -> Result<(), GuestError> {
        self.base.take(&self.machine.ram);
        Ok(())
    }

    fn changes(&mut self, see: &mut SeeChange<'_>) -> Result<(), GuestError> {
        self.base.compare(&self.machine.ram, see);
        Ok(())
    }
}

//! A trap-level guest as the suite sees it.

use std::sync::Arc;

use hypercheck_ppc::Memory;
use hypercheck_spec::arch::Arch;

use super::{Machine, Model, Next, Trap, saved};
use crate::contract::{
    Answered, BootError, Budget, Configuring, Exchange, Facts, Filtering, Forwarding, Guest, GuestError, Migrating,
    Refusal, Rewinding, Saved, SeeChange, Stop, Watching,
};
use crate::reference::watch::Mark;
use crate::registers::{RegisterFile, RegisterId, Registers};

/// Bytes of RAM.
const RAM: u64 = 4 << 20;
/// Where the suite's instructions go.
const CODE: u64 = 0x10_0000;
/// Where its data goes.
const SCRATCH: u64 = 0x20_0000;
/// Bytes that are looked at for an instruction.
const LONGEST: usize = 8;

/// What the guest is about to do.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of these in a guest")]
enum Doing {
    Running,
    Asleep,
    Out(Exchange),
    Ended(String),
}

/// A guest under a model.
pub(crate) struct TrapGuest<M: Model> {
    machine: Machine,
    model: M,
    fresh: (M, Registers),
    doing: Doing,
    mark: Mark,
    pc: RegisterId,
    facts: Facts,
}

impl<M: Model> TrapGuest<M> {
    /// Boots a guest. `named` are facts of its machine; `prepare` sets registers and memory as the guest finds them.
    ///
    /// # Errors
    /// [`BootError::Failed`] if the architecture has no register `pc`.
    pub(crate) fn boot(
        arch: &Arc<Arch>,
        file: &Arc<RegisterFile>,
        model: M,
        named: &[(&str, u64)],
        prepare: impl FnOnce(&mut Machine),
    ) -> Result<Self, BootError> {
        let failed = |why: String| BootError::Failed { why, log: String::new() };
        let pc = file.id("pc").ok_or_else(|| failed(format!("{} has no register pc", arch.arch)))?;
        let ram = usize::try_from(RAM).map_err(|error| failed(error.to_string()))?;
        let mut machine = Machine {
            arch: Arc::clone(arch),
            file: Arc::clone(file),
            registers: Registers::default(),
            memory: Memory::new(ram),
        };
        for id in file.ids() {
            machine.registers.set(id, 0);
        }
        prepare(&mut machine);
        machine.memory.baseline();
        Ok(Self {
            fresh: (model.clone(), machine.registers.clone()),
            machine,
            model,
            doing: Doing::Running,
            mark: Mark::default(),
            pc,
            facts: Facts {
                ram: RAM,
                code: CODE,
                scratch: SCRATCH,
                named: named.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            },
        })
    }

    /// Executes one instruction.
    fn step(&mut self) -> Next {
        let at = self.machine.registers.get(self.pc).unwrap_or(0);
        let mut bytes = [0; LONGEST];
        let room = usize::try_from(self.machine.ram().saturating_sub(at)).unwrap_or(0).min(LONGEST);
        let fetched = self.machine.memory.read(at, &mut bytes[..room]).is_ok();
        let arch = Arc::clone(&self.machine.arch);
        let instruction = if fetched { arch.decode(&bytes[..room]) } else { None };
        if let Some(found) = &instruction {
            self.machine
                .registers
                .set(self.pc, at.wrapping_add(u64::from(found.length)) & self.machine.file.mask(self.pc));
        }
        self.model.trap(&mut self.machine, &Trap { instruction, at })
    }

    fn go_on(&mut self, next: Next) -> Option<Stop> {
        match next {
            Next::Resume => self.doing = Doing::Running,
            Next::Interrupt(vector) => {
                self.doing = Doing::Running;
                return Some(Stop::Interrupt { vector });
            }
            Next::Sleep => self.doing = Doing::Asleep,
            Next::Forward(exchange) => self.doing = Doing::Out(exchange),
            Next::End(how) => self.doing = Doing::Ended(how),
        }
        None
    }
}

impl<M: Model> Guest for TrapGuest<M> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        let length = into.len();
        self.machine.memory.read(at, into).map_err(|_| GuestError::OutOfRange { at, length })
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        let length = bytes.len();
        self.machine.memory.write(at, bytes).map_err(|_| GuestError::OutOfRange { at, length })
    }

    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        into.clone_from(&self.machine.registers);
        Ok(())
    }

    /// A guest that sleeps is awake again once its registers are set: it goes on at its program counter.
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.machine.set_all(registers);
        if matches!(self.doing, Doing::Asleep) {
            self.doing = Doing::Running;
        }
        Ok(())
    }

    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        let mut left = budget.instructions;
        loop {
            match &self.doing {
                Doing::Running => {}
                Doing::Asleep => return Ok(Stop::Asleep),
                Doing::Out(_) => return Ok(Stop::Forwarded),
                Doing::Ended(how) => return Ok(Stop::Ended { how: how.clone() }),
            }
            if self.machine.registers.get(self.pc) == Some(budget.until) {
                return Ok(Stop::Reached);
            }
            if left == 0 {
                return Ok(Stop::Exhausted);
            }
            left -= 1;
            let next = self.step();
            if let Some(stop) = self.go_on(next) {
                return Ok(stop);
            }
        }
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

    fn filtering(&mut self) -> Option<&mut dyn Filtering> {
        self.model.filtering()
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        self.model.configuring()
    }

    fn migrating(&mut self) -> Option<&mut dyn Migrating> {
        self.model.save_guest().is_some().then_some(self as &mut dyn Migrating)
    }
}

impl<M: Model> Rewinding for TrapGuest<M> {
    /// Also makes the mark at boot.
    fn rewind(&mut self) -> Result<(), GuestError> {
        self.machine.memory.rewind();
        self.machine.registers.clone_from(&self.fresh.1);
        self.model.clone_from(&self.fresh.0);
        self.mark.clear();
        self.doing = Doing::Running;
        Ok(())
    }
}

impl<M: Model> Watching for TrapGuest<M> {
    fn watched(&self) -> Vec<(u64, u64)> {
        vec![(0, RAM)]
    }

    fn mark(&mut self) -> Result<(), GuestError> {
        self.mark.set(&self.machine.memory);
        Ok(())
    }

    fn changes(&mut self, see: &mut SeeChange<'_>) -> Result<(), GuestError> {
        self.mark.changes(&self.machine.memory, see);
        Ok(())
    }
}

impl<M: Model> Forwarding for TrapGuest<M> {
    fn call(&mut self) -> Result<Exchange, GuestError> {
        match &self.doing {
            Doing::Out(exchange) => Ok(exchange.clone()),
            _ => Err(nothing_out()),
        }
    }

    fn answer(&mut self, answer: &Exchange) -> Result<(), GuestError> {
        if !matches!(self.doing, Doing::Out(_)) {
            return Err(nothing_out());
        }
        let next = self.model.answer(&mut self.machine, answer);
        // An interrupt that user space asks for is seen when the guest runs.
        self.go_on(next);
        Ok(())
    }
}

impl<M: Model> Migrating for TrapGuest<M> {
    fn save(&mut self) -> Result<Saved, GuestError> {
        let own = self.model.save_guest().ok_or_else(|| GuestError::Unsupported("be migrated".to_owned()))?;
        Ok(Saved { guest: saved::pack(&self.machine, &own), host: self.model.save_host() })
    }

    fn destination(&mut self) -> Result<Box<dyn Guest>, BootError> {
        let machine = Machine {
            arch: Arc::clone(&self.machine.arch),
            file: Arc::clone(&self.machine.file),
            registers: self.fresh.1.clone(),
            memory: Memory::new(self.machine.memory.len()),
        };
        let mut fresh = Self {
            machine,
            model: self.fresh.0.clone(),
            fresh: self.fresh.clone(),
            doing: Doing::Running,
            mark: Mark::default(),
            pc: self.pc,
            facts: self.facts.clone(),
        };
        saved::base_line(&mut fresh.machine, &self.machine);
        Ok(Box::new(fresh))
    }

    fn restore(&mut self, saved: &Saved, host: bool) -> Answered {
        let Some(own) = saved::unpack(&mut self.machine, &saved.guest) else { return Ok(Err(Refusal("EINVAL"))) };
        self.doing = Doing::Running;
        Ok(self.model.restore(&own, host.then_some(&*saved.host)))
    }
}

fn nothing_out() -> GuestError {
    GuestError::Unsupported("answer a call while none is out".to_owned())
}

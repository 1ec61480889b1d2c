//! A guest that shows something else than what happened.

use std::collections::BTreeMap;

use super::{Fault, Switch};
use crate::contract::{
    Answered, BootError, Budget, CallRange, Configuring, Exchange, Facts, Filtering, Forwarding, Guest, GuestError,
    Migrating, Refusal, Rewinding, Saved, SeeChange, Stop, Watching,
};
use crate::registers::{RegisterId, Registers};

/// What is to stand where these bytes were, and those are now.
type Rewrite = dyn Fn(&[u8], &[u8]) -> Vec<u8>;

/// A guest behind a [`Switch`].
pub(super) struct FaultyGuest {
    inner: Box<dyn Guest>,
    switch: Switch,
    /// Registers that show another value until the suite sets registers again.
    shown: BTreeMap<RegisterId, u64>,
    garbles: bool,
}

impl FaultyGuest {
    pub(super) fn new(inner: Box<dyn Guest>, switch: Switch) -> Self {
        Self { inner, switch, shown: BTreeMap::new(), garbles: false }
    }

    fn snapshot(&mut self) -> Result<Registers, GuestError> {
        let mut registers = Registers::default();
        self.inner.registers(&mut registers)?;
        Ok(registers)
    }

    /// Shows the guest's registers to the hypervisor as `change` makes them, runs, and puts back those that it left.
    fn misread(&mut self, budget: Budget, change: &dyn Fn(&mut Registers)) -> Result<Stop, GuestError> {
        let before = self.snapshot()?;
        let mut seen = before.clone();
        change(&mut seen);
        self.inner.set_registers(&seen)?;
        let stop = self.inner.run(budget)?;
        let after = self.snapshot()?;
        for (id, value) in before.iter() {
            if seen.get(id) != Some(value) && after.get(id) == seen.get(id) {
                self.shown.insert(id, value);
            }
        }
        Ok(stop)
    }

    /// Runs, and hands every range that changed to `change`: address, then, now; what it gives is written.
    fn rewrite(&mut self, budget: Budget, change: &Rewrite) -> Result<Stop, GuestError> {
        let stop = self.inner.run(budget)?;
        let mut changes = Vec::new();
        if let Some(watching) = self.inner.watching() {
            watching.changes(&mut |at, then, now| changes.push((at, change(then, now))))?;
        }
        for (at, bytes) in changes {
            self.inner.write(at, &bytes)?;
        }
        Ok(stop)
    }

    fn nothing(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        let before = self.snapshot()?;
        let start = self.inner.facts().code;
        self.rewrite(budget, &|then, _| then.to_vec())?;
        let after = self.snapshot()?;
        for (id, value) in before.iter() {
            // The program counter alone moves on, and time passes.
            let counter = value == start && after.get(id).is_some_and(|now| now != value);
            self.shown.insert(id, if counter { budget.until } else { value });
        }
        Ok(Stop::Reached)
    }

    fn spoiled(&mut self, fault: &Fault, budget: Budget) -> Result<Stop, GuestError> {
        match fault {
            Fault::Nothing => return self.nothing(budget),
            Fault::Loses => return self.rewrite(budget, &|then, _| then.to_vec()),
            Fault::Scrambles => return self.rewrite(budget, &|_, now| now.iter().map(|byte| !byte).collect()),
            Fault::Sees(which, mask) => {
                return self.misread(budget, &|seen| {
                    which.iter().for_each(|id| seen.set(*id, seen.get(*id).unwrap_or(0) | mask));
                });
            }
            Fault::Ignores(which, mask) => {
                return self.misread(budget, &|seen| {
                    which.iter().for_each(|id| seen.set(*id, seen.get(*id).unwrap_or(0) & !mask));
                });
            }
            Fault::Mistakes(which, value) => return self.misread(budget, &|seen| seen.set(*which, *value)),
            Fault::Swaps(a, b) => {
                return self.misread(budget, &|seen| {
                    let (one, two) = (seen.get(*a).unwrap_or(0), seen.get(*b).unwrap_or(0));
                    seen.set(*a, two);
                    seen.set(*b, one);
                });
            }
            _ => {}
        }
        let stop = self.inner.run(budget)?;
        match fault {
            Fault::Shows(slot, value) => {
                let whole = self.snapshot()?.get(slot.register).unwrap_or(0);
                self.shown.insert(slot.register, slot.insert(whole, *value));
                return Ok(if matches!(stop, Stop::Interrupt { .. }) { Stop::Reached } else { stop });
            }
            Fault::Turns(which, _) => {
                let after = self.snapshot()?;
                for (id, value) in which.iter().filter_map(|id| Some((*id, after.get(*id)?))) {
                    self.shown.insert(id, value ^ 0x0101_0101_0101_0101);
                }
            }
            Fault::Scribbles => {
                let at = self.inner.facts().scratch + 0xFFF8;
                let mut byte = [0];
                self.inner.read(at, &mut byte)?;
                self.inner.write(at, &[!byte[0]])?;
            }
            Fault::Interrupt(vector) => return Ok(Stop::Interrupt { vector: *vector }),
            Fault::Returns => return Ok(Stop::Reached),
            Fault::Sleeps => return Ok(Stop::Asleep),
            Fault::Ends => return Ok(Stop::Ended { how: "a planted fault".to_owned() }),
            Fault::Garbles => self.garbles = true,
            _ => {}
        }
        Ok(stop)
    }

    /// What the host answers, or the contrary.
    fn answered(&mut self, answered: Answered) -> Answered {
        match (self.switch.next(), answered) {
            (Some(Fault::Contradicts), Ok(Ok(()))) => Ok(Err(Refusal("EPERM"))),
            (Some(Fault::Contradicts), Ok(Err(_))) => Ok(Ok(())),
            (_, answered) => answered,
        }
    }
}

impl Guest for FaultyGuest {
    fn facts(&self) -> &Facts {
        self.inner.facts()
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        self.inner.read(at, into)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        self.inner.write(at, bytes)
    }

    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        self.inner.registers(into)?;
        self.shown.iter().for_each(|(id, value)| into.set(*id, *value));
        Ok(())
    }

    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.shown.clear();
        self.inner.set_registers(registers)
    }

    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        match self.switch.next() {
            Some(fault) => self.spoiled(&fault, budget),
            None => self.inner.run(budget),
        }
    }

    fn device_tree(&mut self) -> Result<Vec<u8>, GuestError> {
        let mut tree = self.inner.device_tree()?;
        match self.switch.next() {
            Some(Fault::NoTree) => return Ok(Vec::new()),
            // A header of ten words is left as it is; letters and digits change into others.
            Some(Fault::OtherTree) => {
                tree.iter_mut().skip(40).filter(|byte| byte.is_ascii_alphanumeric()).for_each(|byte| *byte ^= 1)
            }
            _ => {}
        }
        Ok(tree)
    }

    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        self.shown.clear();
        self.garbles = false;
        self.inner.rewinding()
    }

    fn watching(&mut self) -> Option<&mut dyn Watching> {
        self.inner.watching().is_some().then_some(self as &mut dyn Watching)
    }

    fn forwarding(&mut self) -> Option<&mut dyn Forwarding> {
        self.inner.forwarding().is_some().then_some(self as &mut dyn Forwarding)
    }

    fn filtering(&mut self) -> Option<&mut dyn Filtering> {
        self.inner.filtering().is_some().then_some(self as &mut dyn Filtering)
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        self.inner.configuring().is_some().then_some(self as &mut dyn Configuring)
    }

    fn migrating(&mut self) -> Option<&mut dyn Migrating> {
        self.inner.migrating().is_some().then_some(self as &mut dyn Migrating)
    }
}

fn gone(what: &str) -> GuestError {
    GuestError::Unsupported(what.to_owned())
}

impl Watching for FaultyGuest {
    fn watched(&self) -> Vec<(u64, u64)> {
        vec![(0, self.inner.facts().ram)]
    }

    fn mark(&mut self) -> Result<(), GuestError> {
        self.inner.watching().ok_or_else(|| gone("watch memory"))?.mark()
    }

    fn changes(&mut self, see: &mut SeeChange<'_>) -> Result<(), GuestError> {
        self.inner.watching().ok_or_else(|| gone("watch memory"))?.changes(see)
    }
}

impl Forwarding for FaultyGuest {
    fn call(&mut self) -> Result<Exchange, GuestError> {
        let mut call = self.inner.forwarding().ok_or_else(|| gone("forward calls"))?.call()?;
        if std::mem::take(&mut self.garbles) {
            call.exit.push('?');
            call.fields.values_mut().for_each(|value| *value ^= 1);
            for (id, value) in call.registers.clone().iter() {
                call.registers.set(id, value ^ 1);
            }
        }
        Ok(call)
    }

    fn answer(&mut self, answer: &Exchange) -> Result<(), GuestError> {
        self.shown.clear();
        self.inner.forwarding().ok_or_else(|| gone("forward calls"))?.answer(answer)
    }
}

impl Filtering for FaultyGuest {
    fn set(&mut self, range: CallRange) -> Answered {
        let answered = self.inner.filtering().ok_or_else(|| gone("filter calls"))?.set(range);
        self.answered(answered)
    }

    fn get(&mut self) -> Result<Vec<CallRange>, GuestError> {
        let mut ranges = self.inner.filtering().ok_or_else(|| gone("filter calls"))?.get()?;
        if self.switch.next() == Some(Fault::Forgets) {
            ranges.pop();
        }
        Ok(ranges)
    }
}

impl Configuring for FaultyGuest {
    fn set(&mut self, name: &str, value: u64) -> Answered {
        let answered = self.inner.configuring().ok_or_else(|| gone("be configured"))?.set(name, value);
        self.answered(answered)
    }

    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError> {
        let mut all = self.inner.configuring().ok_or_else(|| gone("be configured"))?.get()?;
        if self.switch.next() == Some(Fault::Forgets) {
            all.values_mut().for_each(|value| *value ^= 1);
        }
        Ok(all)
    }
}

impl Migrating for FaultyGuest {
    fn save(&mut self) -> Result<Saved, GuestError> {
        self.inner.migrating().ok_or_else(|| gone("be migrated"))?.save()
    }

    fn destination(&mut self) -> Result<Box<dyn Guest>, BootError> {
        let migrating = self.inner.migrating().ok_or_else(|| BootError::Unsupported("no migration".to_owned()))?;
        Ok(Box::new(Self::new(migrating.destination()?, self.switch.clone())))
    }

    fn restore(&mut self, saved: &Saved, host: bool) -> Answered {
        let fault = self.switch.next();
        let migrating = self.inner.migrating().ok_or_else(|| gone("be migrated"))?;
        match fault {
            Some(Fault::Forgets) => migrating.restore(saved, false),
            Some(Fault::Contradicts) => Ok(Err(Refusal("EPERM"))),
            _ => migrating.restore(saved, host),
        }
    }
}

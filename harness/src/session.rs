//! A guest under test together with everything needed to make calls to it and judge them.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::abi::{Abi, Narrow};
use hypercheck_spec::arch::{Arch, Class};
use hypercheck_spec::library::Library;
use indexmap::IndexMap;

use crate::assembly;
use crate::contract::{
    BootError, Budget, CODE, Exchange, Facts, Guest, GuestError, Hypervisor, Machine, SCRATCH, Stop,
};
use crate::judge::{self, Change, GuestMemory, Judge, Seen};
use crate::plan::{CallPlan, ConduitPlan, Plan, PlanError, ResultPlan};
use crate::program::{Program, View, compile, resolve_common};
use crate::registers::{RegisterFile, RegisterId, Registers, Slot};

/// Instructions that a step may take before it counts as hanging.
pub const INSTRUCTIONS: u64 = 2_000_000;

/// All ABIs that exist on one machine, made ready when they are first asked for. Shared by all workers that test it.
pub struct Plans {
    /// The architecture.
    pub arch: Arch,
    /// Its registers.
    pub file: Arc<RegisterFile>,
    /// Where things are.
    pub facts: Facts,
    /// Values that registers have before a call, instead of a pattern.
    pub initial: Vec<(Slot, u64)>,
    /// The instruction behind a block of code, for backends that can only stop at a trap.
    pub end: Vec<u8>,
    features: BTreeSet<String>,
    abis: IndexMap<String, (Arc<Abi>, OnceLock<Arc<Plan>>)>,
}

impl Plans {
    /// What is needed to make any ABI of the library ready for a guest of `machine`.
    ///
    /// # Errors
    /// [`PlanError`] if there is no such architecture.
    pub fn new(
        library: &Library,
        machine: &Machine,
        facts: &Facts,
        hypervisor: &dyn Hypervisor,
    ) -> Result<Self, PlanError> {
        let arch = library.arches.get(&machine.arch).ok_or_else(|| PlanError {
            abi: machine.arch.clone(),
            what: format!("no such architecture in spec/arch; there are {:?}", library.arches.keys()),
        })?;
        let file = RegisterFile::new(&arch.value);
        let all = hypervisor.identity().features.union(&machine.features);
        let features = all.filter(|name| !machine.features.contains(&format!("not {name}"))).cloned().collect();
        let here = library.abis.keys().filter_map(|name| Some((name, library.shared(name)?)));
        let here = here.filter(|(_, abi)| abi.arch.contains(&machine.arch));
        let abis = here.map(|(name, abi)| (name.clone(), (abi, OnceLock::new()))).collect();
        let initial = arch.value.initial.iter().filter_map(|(name, value)| Some((file.slot(name)?, value.0))).collect();
        let end = assembly::assemble(&arch.value, &arch.value.end, 0, &|_| None)
            .map_err(|what| PlanError { abi: machine.arch.clone(), what })?;
        Ok(Self { arch: arch.value.clone(), file, facts: facts.clone(), initial, end, features, abis })
    }

    /// The ABIs that exist on the architecture.
    pub fn abis(&self) -> impl Iterator<Item = &Arc<Abi>> {
        self.abis.values().map(|(abi, _)| abi)
    }

    /// The plan of an ABI; `None` if it does not exist on the architecture.
    ///
    /// # Errors
    /// [`PlanError`] if it does not fit together.
    pub fn get(&self, abi: &str) -> Result<Option<Arc<Plan>>, PlanError> {
        let Some((abi, cell)) = self.abis.get(abi) else { return Ok(None) };
        if let Some(plan) = cell.get() {
            return Ok(Some(Arc::clone(plan)));
        }
        let features = |feature: &str| self.features.contains(feature);
        let plan = Arc::new(Plan::new(abi, &self.arch, &self.file, &self.facts, &features)?);
        Ok(Some(Arc::clone(cell.get_or_init(|| plan))))
    }
}

/// A call to make: how, and in which state.
#[derive(Debug, Clone, Copy)]
pub struct Shot<'a> {
    /// The ABI.
    pub plan: &'a Plan,
    /// The call; [`Plan::unknown`] for a number that has no name.
    pub call: &'a CallPlan,
    /// The way in.
    pub conduit: &'a ConduitPlan,
    /// All registers as they shall be before the call.
    pub registers: &'a Registers,
}

/// A guest under test.
pub struct Session {
    guest: Box<dyn Guest>,
    /// What is known of its machine.
    pub plans: Arc<Plans>,
    loaded: Vec<u8>,
    marked: bool,
    little: Option<Slot>,
    pc: Option<RegisterId>,
    ambient: Registers,
    fresh: Registers,
    judge: Judge,
    before: Registers,
    /// What was seen of the last thing done.
    pub seen: Seen,
    /// Whether hypervisor state may differ from what it was after boot.
    pub tainted: bool,
    written: bool,
    /// How long a step may take where instructions cannot be counted.
    pub patience: Duration,
}

impl Session {
    /// Boots a guest and runs an empty block on it.
    ///
    /// # Errors
    /// See [`BootError`]; a guest that cannot run the empty block did not boot.
    pub fn boot(
        hypervisor: &dyn Hypervisor,
        machine: &Machine,
        plans: impl FnOnce(&Facts) -> Result<Arc<Plans>, PlanError>,
    ) -> Result<Self, BootError> {
        let guest = hypervisor.boot(machine)?;
        let plans = plans(guest.facts())
            .map_err(|error| BootError::Missing { what: error.to_string(), remedy: "mend the spec".to_owned() })?;
        let mut session = Self {
            guest,
            plans,
            loaded: Vec::new(),
            marked: false,
            little: None,
            pc: None,
            ambient: Registers::default(),
            fresh: Registers::default(),
            judge: Judge::default(),
            before: Registers::default(),
            seen: Seen::default(),
            tainted: false,
            written: false,
            patience: Duration::from_millis(400),
        };
        session.little = session.plans.file.slot("msr.le");
        session.pc = session.plans.file.id("pc");
        let start = session.poison(0);
        let failed = |why: String| BootError::Failed { why, log: String::new() };
        session.execute(&[], &start, false).map_err(|error| match error {
            GuestError::Lost { why, log } => BootError::Failed { why, log },
            other => failed(other.to_string()),
        })?;
        if session.seen.stop != Stop::Reached {
            return Err(failed(format!("an empty block ended with {:?}", session.seen.stop)));
        }
        session.fresh.clone_from(&session.ambient);
        Ok(session)
    }

    /// The guest itself.
    pub fn guest(&mut self) -> &mut dyn Guest {
        self.marked = false;
        &mut *self.guest
    }

    /// Registers with a pattern of their own each, in the architecture's usual state.
    #[must_use]
    pub fn poison(&self, seed: u64) -> Registers {
        judge::poison(&self.plans.file, &self.plans.initial, seed)
    }

    /// Puts the guest back to what it was after boot.
    ///
    /// # Errors
    /// [`GuestError::Unsupported`] where the backend cannot: boot a fresh guest then.
    pub fn rewind(&mut self) -> Result<(), GuestError> {
        let rewinding = self.guest.rewinding().ok_or_else(|| GuestError::Unsupported("rewind".to_owned()))?;
        rewinding.rewind()?;
        self.loaded.clear();
        self.ambient.clone_from(&self.fresh);
        self.marked = false;
        self.tainted = false;
        self.written = false;
        Ok(())
    }

    /// Whether the memory that belongs to the suite may hold something.
    #[must_use]
    pub const fn dirty(&self) -> bool {
        self.written
    }

    /// Notes that the memory that belongs to the suite has been cleared.
    pub const fn wiped(&mut self) {
        self.written = false;
    }

    /// Whether memory belongs to the suite, which clears it between rows; for all other only rewinding helps.
    fn is_scratch(&self, at: u64, length: usize) -> bool {
        at.checked_sub(self.plans.facts.scratch).is_some_and(|offset| offset + length as u64 <= SCRATCH)
    }

    /// Writes guest memory.
    ///
    /// # Errors
    /// See [`GuestError`].
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        self.marked = false;
        self.written = true;
        self.tainted |= !self.is_scratch(at, bytes.len());
        self.guest.write(at, bytes)
    }

    /// The registers as they were when the last block was entered, those not set by the suite included.
    #[must_use]
    pub const fn before(&self) -> &Registers {
        &self.before
    }

    /// Runs `block` in the state `registers` and looks at what changed. The result is in [`Session::seen`].
    ///
    /// # Errors
    /// See [`GuestError`].
    pub fn execute(&mut self, block: &[u8], registers: &Registers, watch: bool) -> Result<(), GuestError> {
        let code = self.plans.facts.code;
        self.load(block, registers)?;
        self.before.clone_from(registers);
        if let Some(pc) = self.pc {
            self.before.set(pc, code);
        }
        self.guest.set_registers(&self.before)?;
        let missing = self.ambient.present() & !self.before.present();
        if missing != 0 {
            for (id, value) in self.ambient.iter().filter(|(id, _)| missing >> id.0 & 1 == 1) {
                self.before.set(id, value);
            }
        }
        if watch
            && !self.marked
            && let Some(watching) = self.guest.watching()
        {
            watching.mark()?;
            self.marked = true;
        }
        let budget = Budget { until: code + block.len() as u64, instructions: INSTRUCTIONS, patience: self.patience };
        self.seen.stop = self.guest.run(budget)?;
        self.observe(watch)
    }

    /// How many bytes the block that was last run has.
    #[must_use]
    pub fn block(&self) -> usize {
        self.loaded.len().saturating_sub(self.plans.end.len())
    }

    /// Goes on after a call that went out to user space, with these registers changed.
    ///
    /// # Errors
    /// See [`GuestError`].
    pub fn answer(&mut self, answer: &Exchange, length: usize) -> Result<(), GuestError> {
        let forwarding =
            self.guest.forwarding().ok_or_else(|| GuestError::Unsupported("answer forwarded calls".to_owned()))?;
        forwarding.answer(answer)?;
        let until = self.plans.facts.code + length as u64;
        self.seen.stop = self.guest.run(Budget { until, instructions: INSTRUCTIONS, patience: self.patience })?;
        self.observe(true)
    }

    fn observe(&mut self, watch: bool) -> Result<(), GuestError> {
        self.seen.after.clear();
        self.guest.registers(&mut self.seen.after)?;
        self.ambient.clone_from(&self.seen.after);
        self.seen.changes.clear();
        if watch && let Some(watching) = self.guest.watching() {
            let changes = &mut self.seen.changes;
            watching.changes(&mut |at, before, after| {
                changes.push(Change { at, before: before.to_vec(), after: after.to_vec() });
            })?;
            if !self.seen.changes.is_empty() {
                self.written = true;
                self.marked = false;
                let beyond = self.seen.changes.iter().any(|change| !self.is_scratch(change.at, change.after.len()));
                self.tainted |= beyond;
                let code = self.plans.facts.code;
                let end = code + self.loaded.len() as u64;
                if self
                    .seen
                    .changes
                    .iter()
                    .any(|change| change.at < end && change.at + change.after.len() as u64 > code)
                {
                    self.loaded.clear();
                }
            }
        } else {
            self.written = true;
        }
        Ok(())
    }

    /// Puts the instructions and the trap after them where the guest will run them.
    fn load(&mut self, block: &[u8], registers: &Registers) -> Result<(), GuestError> {
        let code = self.plans.facts.code;
        let little =
            self.little.is_some_and(|slot| registers.get(slot.register).is_some_and(|msr| slot.extract(msr) == 1));
        let end = &self.plans.end;
        let same = if little {
            let turned = |have: &[u8], want: &[u8]| have.iter().eq(want.iter().rev());
            let want = block.chunks_exact(4).chain(end.chunks_exact(4));
            self.loaded.len() == block.len() + end.len()
                && self.loaded.chunks_exact(4).zip(want).all(|(a, b)| turned(a, b))
        } else {
            self.loaded.strip_prefix(block) == Some(end)
        };
        if same {
            return Ok(());
        }
        if (block.len() + end.len()) as u64 > CODE {
            return Err(GuestError::Unsupported(format!("run a block of {} bytes", block.len())));
        }
        self.loaded.clear();
        self.loaded.extend_from_slice(block);
        self.loaded.extend_from_slice(end);
        if little {
            self.loaded.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        }
        self.marked = false;
        self.guest.write(code, &self.loaded)
    }

    /// Goes on with another guest: the one that this one was moved to.
    pub fn replace(&mut self, guest: Box<dyn Guest>) {
        self.guest = guest;
        self.loaded.clear();
        self.marked = false;
        self.tainted = true;
        self.written = true;
    }

    /// What a call would do to the guest if it were made: the first reason not to make it blindly.
    pub fn hazard(&mut self, shot: &Shot<'_>) -> Option<String> {
        let mut memory = GuestMemory(&mut *self.guest);
        let mut view = View { before: shot.registers, after: shot.registers, memory: &mut memory };
        shot.call.hazards.iter().find_map(|(_, condition, because)| {
            let applies = condition.as_ref().is_none_or(|c| c.evaluate(&mut view) != Some(0));
            applies.then(|| because.clone())
        })
    }

    /// Makes a call and judges it by all four oracles. Returns the code that came back, if one did; mismatches go
    /// to `found`.
    ///
    /// # Errors
    /// See [`GuestError`].
    pub fn call(&mut self, shot: &Shot<'_>, found: &mut Vec<Mismatch>) -> Result<Option<u8>, GuestError> {
        let masked = self.masked_arguments(shot);
        let judged = masked.as_ref().unwrap_or(shot.registers);
        // The instructions are memory too, which an argument may point at.
        self.load(&shot.conduit.code, shot.registers)?;
        let mut judge = std::mem::take(&mut self.judge);
        judge.prepare(shot.plan, shot.call, shot.conduit, judged, &mut GuestMemory(&mut *self.guest));
        let result = self.execute(&shot.conduit.code, shot.registers, true);
        let checked = result.and_then(|()| {
            let mut memory = GuestMemory(&mut *self.guest);
            let (before, seen) = (&self.before, &self.seen);
            let code = judge.check(shot.plan, shot.call, shot.conduit, before, seen, &mut memory, found);
            if let Some(code) = code {
                self.check_written(shot, &judge, code, found)?;
            }
            Ok(code)
        });
        self.judge = judge;
        let code = checked?;
        // An error leaves nothing behind; a call that is done in part or goes on does.
        let done = code.is_none_or(|code| !shot.plan.is_error(code));
        let unseen = !shot.call.writes.is_empty() && self.guest.watching().is_none();
        if self.seen.stop != Stop::Reached || shot.call.lasting && done || !found.is_empty() || unseen {
            self.tainted = true;
        }
        Ok(code)
    }

    /// In 32-bit mode the hypervisor of an ABI that says so looks at the low halves only.
    fn masked_arguments(&self, shot: &Shot<'_>) -> Option<Registers> {
        if shot.plan.abi.narrow != Narrow::Masked || !shot.plan.is_narrow(shot.registers) {
            return None;
        }
        let mut masked = shot.registers.clone();
        for (_, slot) in &shot.call.arguments {
            if let Some(value) = masked.get(slot.register) {
                masked.set(slot.register, value & 0xFFFF_FFFF);
            }
        }
        Some(masked)
    }

    /// Compares memory that the call had to write with what stands there: a missing write changes nothing, so the
    /// list of changes does not show it.
    fn check_written(
        &mut self,
        shot: &Shot<'_>,
        judge: &Judge,
        code: u8,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), GuestError> {
        for (at, expected) in judge.written(code) {
            let mut actual = vec![0; expected.len()];
            match self.guest.read(at, &mut actual) {
                Ok(()) if actual == expected => {}
                Ok(()) => {
                    let n = actual.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(0);
                    let already = |m: &Mismatch| m.oracle == Oracle::MemoryFootprint;
                    if !found.iter().any(already) {
                        let clause = shot.plan.abi.cites.memory.as_ref();
                        found.push(judge::cite(
                            &shot.plan.abi,
                            clause.map(|clause| shot.plan.abi.qualify(clause)),
                            Mismatch::new(
                                Oracle::MemoryFootprint,
                                format!("memory at {:#x}", at + n as u64),
                                judge::hex(&expected[n..]),
                                judge::hex(&actual[n..]),
                            ),
                        ));
                    }
                }
                Err(GuestError::OutOfRange { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at the hypervisor state that a call had to leave, through the calls that the spec names for it.
    ///
    /// # Errors
    /// See [`GuestError`].
    pub fn look_after(&mut self, shot: &Shot<'_>, code: u8, found: &mut Vec<Mismatch>) -> Result<(), GuestError> {
        let Some(call) = shot.plan.abi.calls.get(&shot.call.name) else { return Ok(()) };
        let original = shot.registers.clone();
        let before = self.before.clone();
        let result = self.seen.after.clone();
        for look in &call.observe {
            let applies = if look.when.is_empty() {
                shot.plan.is_success(code)
            } else {
                look.when.iter().any(|name| name == shot.plan.code_name(code))
            };
            let Some(other) = shot.plan.call(&look.call).filter(|other| applies && other.claimed) else { continue };
            let resolve = |name: &str| {
                let argument = shot.call.arguments.iter().find(|(known, _)| known == name);
                argument
                    .map(|(_, slot)| Program::Before(*slot))
                    .or_else(|| resolve_common(&shot.plan.abi, &shot.plan.file, &self.plans.facts, name))
            };
            let mut registers = original.clone();
            if let Some(number) = shot.plan.number {
                number.place(other.number, &mut |slot, value| {
                    let whole = registers.get(slot.register).unwrap_or(0);
                    registers.set(slot.register, slot.insert(whole, value));
                });
            }
            let mut expected = Vec::new();
            {
                let mut memory = GuestMemory(&mut *self.guest);
                let mut view = View { before: &original, after: &result, memory: &mut memory };
                for (name, expr) in &look.arguments {
                    let value = compile(expr, &resolve).ok().and_then(|program| program.evaluate(&mut view));
                    let slot = other.arguments.iter().find(|(known, _)| known == name);
                    if let (Some(value), Some((_, slot))) = (value, slot) {
                        let whole = registers.get(slot.register).unwrap_or(0);
                        registers.set(slot.register, slot.insert(whole, value));
                    }
                }
                for (name, expr) in &look.outputs {
                    let value = compile(expr, &resolve).ok().and_then(|program| program.evaluate(&mut view));
                    let output = other.outputs.iter().find(|output| output.name == *name);
                    if let (Some(value), Some(output)) = (value, output) {
                        expected.push((output.name.clone(), output.slot, value));
                    }
                }
            }
            let look_shot = Shot { plan: shot.plan, call: other, conduit: shot.conduit, registers: &registers };
            let seen = self.call(&look_shot, found)?;
            let clause = look.clause.as_ref().or(shot.plan.abi.cites.state.as_ref());
            let clause = clause.map(|clause| shot.plan.abi.qualify(clause));
            let state = |subject: String, expected: String, actual: String| {
                Mismatch::new(Oracle::State, subject, expected, actual)
            };
            let returned = seen.map_or("no return", |code| shot.plan.code_name(code));
            if returned != look.returns {
                let subject = format!("{} after {}", look.call, shot.call.name);
                found.push(judge::cite(
                    &shot.plan.abi,
                    clause,
                    state(subject, look.returns.clone(), returned.to_owned()),
                ));
                continue;
            }
            for (name, slot, value) in expected {
                let actual = self.seen.after.get(slot.register).map(|register| slot.extract(register));
                if let Some(actual) = actual
                    && actual != value
                {
                    let subject = format!("{name} of {} after {}", look.call, shot.call.name);
                    let (value, actual) = (format!("{value:#x}"), format!("{actual:#x}"));
                    found.push(judge::cite(&shot.plan.abi, clause.clone(), state(subject, value, actual)));
                }
            }
        }
        self.before = before;
        Ok(())
    }

    /// The behaviour last seen, in a few words that two runs or two backends can be compared by: how it ended, the
    /// return code, which registers changed (with their values if `values`), and whether memory did. Clocks are left
    /// out.
    #[must_use]
    pub fn behaviour(&self, plan: &Plan, result: Option<ResultPlan>, values: bool) -> String {
        use std::fmt::Write as _;
        let mut text = match (&self.seen.stop, result) {
            (Stop::Reached, Some(result)) => {
                let value = result.read(&self.seen.after, plan.is_narrow(&self.before)).unwrap_or(0);
                plan.code(value).map_or_else(|| format!("{value:#x}"), |code| plan.code_name(code).to_owned())
            }
            (Stop::Reached, _) => "done".to_owned(),
            (stop, _) => judge::show_stop(plan, stop),
        };
        for (id, value) in self.seen.after.iter() {
            let class = plan.file.class(id);
            let result = result.is_some_and(|result| result.slot.register == id);
            let plain = matches!(class, Class::General | Class::User | Class::Supervisor);
            let changed = self.before.get(id).is_some_and(|was| (was ^ value) & plan.file.mask(id) != 0);
            if plain && changed && !result && self.seen.stop == Stop::Reached {
                let _ = write!(text, " {}", plan.file.name(id));
                if values {
                    let _ = write!(text, "={value:#x}");
                }
            }
        }
        let bytes: usize = self.seen.changes.iter().map(|change| change.after.len()).sum();
        if bytes > 0 {
            let _ = write!(text, " memory");
        }
        text
    }
}

//! The four oracles: return set, register frame, memory footprint, state.
//!
//! [`Judge::prepare`] looks at the guest just before a call and works out all that may be seen after it;
//! [`Judge::check`] compares. Both run in well under a microsecond when nothing is wrong, since fuzzers call them
//! millions of times; words are made only for a mismatch.

use std::fmt::Write as _;

use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::abi::{Abi, HazardKind};
use hypercheck_spec::arch::Class;
use hypercheck_spec::word::Word;

use crate::contract::{Guest, Stop};
use crate::plan::{BecomesPlan, CallPlan, CodeSet, ConduitPlan, Plan, RefusalPlan, holds};
use crate::program::{Memory, Program, View};
use crate::registers::{MAX, RegisterFile, RegisterId, Registers, Slot};

/// Bytes of guest memory that differ from what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// First address.
    pub at: u64,
    /// What stood there.
    pub before: Vec<u8>,
    /// What stands there.
    pub after: Vec<u8>,
}

/// What was seen of a call.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Why the guest stopped.
    pub stop: Stop,
    /// Registers afterwards.
    pub after: Registers,
    /// Memory that changed.
    pub changes: Vec<Change>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { stop: Stop::Reached, after: Registers::default(), changes: Vec::new() }
    }
}

/// A guest's memory for expressions.
pub struct GuestMemory<'a>(pub &'a mut dyn Guest);

impl Memory for GuestMemory<'_> {
    fn number(&mut self, address: u64, length: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        self.0.read(address, &mut bytes[8 - length..]).ok()?;
        Some(u64::from_be_bytes(bytes))
    }
    fn ram(&self) -> u64 {
        self.0.facts().ram
    }
}

#[derive(Debug, Default)]
struct Allowed {
    at: u64,
    length: u64,
    when: CodeSet,
    contents: Option<Vec<u8>>,
}

/// Judges calls of one ABI on one machine. Keeps its buffers from call to call.
#[derive(Debug, Default)]
pub struct Judge {
    codes: CodeSet,
    forced: Option<(u8, Option<String>)>,
    writes: Vec<Allowed>,
    /// What taking an interrupt writes: first address and length.
    interrupt_writes: Vec<(u64, u64)>,
    effects: Vec<(bool, Option<u64>)>,
    outputs: Vec<Option<u64>>,
    may_sleep: bool,
    may_end: bool,
    refused: Option<usize>,
    narrow: bool,
}

impl Judge {
    /// Works out what may be seen after `call` is made through `conduit` in the state `before`.
    pub fn prepare(
        &mut self,
        plan: &Plan,
        call: &CallPlan,
        conduit: &ConduitPlan,
        before: &Registers,
        memory: &mut dyn Memory,
    ) {
        self.refused = conduit.refused.iter().position(|refusal| {
            // PR alone tells problem state: the other fields of the mode follow from it.
            holds(&refusal.when[..refusal.when.len().min(1)], before)
        });
        self.narrow = plan.is_narrow(before);
        self.forced = None;
        self.writes.clear();
        self.effects.clear();
        self.outputs.clear();
        self.may_sleep = false;
        self.may_end = false;
        let mut view = View { before, after: before, memory };
        self.interrupt_writes.clear();
        for (at, length) in &plan.interrupt_writes {
            self.interrupt_writes.extend(at.evaluate(&mut view).map(|at| (at, *length)));
        }
        if let Some(refusal) = self.refused {
            self.codes = conduit.refused[refusal].codes;
            return;
        }
        self.codes(plan, call, &mut view);
        for write in &call.writes {
            let applies = write.condition.as_ref().is_none_or(|c| c.evaluate(&mut view) != Some(0));
            let (Some(at), Some(length)) = (write.at.evaluate(&mut view), write.length.evaluate(&mut view)) else {
                continue;
            };
            if !applies {
                continue;
            }
            let short = usize::try_from(length.min(1 << 16)).unwrap_or(0);
            let contents = match &write.becomes {
                BecomesPlan::Any => None,
                BecomesPlan::Number(x) => x.evaluate(&mut view).and_then(|x| {
                    let bytes = x.to_be_bytes();
                    bytes.get(bytes.len().checked_sub(short)?..).map(<[u8]>::to_vec)
                }),
                BecomesPlan::Little(x) => {
                    x.evaluate(&mut view).and_then(|x| x.to_le_bytes().get(..short).map(<[u8]>::to_vec))
                }
                #[expect(clippy::cast_possible_truncation, reason = "a byte is asked for")]
                BecomesPlan::Fill(x) => x.evaluate(&mut view).map(|x| vec![x as u8; short]),
                BecomesPlan::CopyOf(from) => from.evaluate(&mut view).and_then(|from| {
                    (0..short as u64).map(|n| view.memory.number(from + n, 1).map(|byte| byte as u8)).collect()
                }),
            };
            self.writes.push(Allowed { at, length, when: write.when, contents });
        }
        for effect in &call.effects {
            let applies = effect.condition.as_ref().is_none_or(|c| c.evaluate(&mut view) != Some(0));
            self.effects.push((applies, effect.becomes.as_ref().and_then(|x| x.evaluate(&mut view))));
        }
        for output in &call.outputs {
            self.outputs.push(output.is.as_ref().and_then(|x| x.evaluate(&mut view)));
        }
        for (kind, condition, _) in &call.hazards {
            let applies = condition.as_ref().is_none_or(|c| c.evaluate(&mut view) != Some(0));
            match kind {
                HazardKind::Sleeps => self.may_sleep |= applies,
                HazardKind::EndsRun => self.may_end |= applies,
                _ => {}
            }
        }
    }

    /// The codes that may come back: the forced ones if there are any, else all that are not excluded.
    fn codes(&mut self, plan: &Plan, call: &CallPlan, view: &mut View<'_>) {
        let (mut forced, mut free, mut unsure) = (0, 0, 0);
        for entry in &call.returns {
            let bit = 1 << entry.code;
            if let Some(condition) = &entry.forced {
                // A condition over something that cannot be observed decides nothing: the code may come.
                match condition.evaluate(view) {
                    Some(0) => {
                        let may = |only: &Program, view: &mut View<'_>| only.evaluate(view) != Some(0);
                        if entry.only_if.as_ref().is_some_and(|only| may(only, view)) {
                            free |= bit;
                        }
                    }
                    Some(_) => {
                        if forced == 0 || !call.ordered {
                            forced |= bit;
                            self.forced = Some((entry.code, entry.clause.clone()));
                        }
                    }
                    None => unsure |= bit,
                }
            } else if entry.only_if.as_ref().is_none_or(|c| c.evaluate(view) != Some(0)) {
                free |= bit;
            }
        }
        self.codes = unsure | if forced != 0 { forced } else { free };
        if call.returns.is_empty() {
            self.codes = CodeSet::MAX;
        }
        if !call.claimed {
            self.codes |= plan.unknown.returns.iter().fold(0, |set, entry| set | 1 << entry.code);
        }
    }

    /// Compares what was seen with what may be seen. `memory` is as the call left it. Returns the code that came
    /// back, if one did.
    #[expect(clippy::too_many_arguments, reason = "all of it is one comparison")]
    pub fn check(
        &self,
        plan: &Plan,
        call: &CallPlan,
        conduit: &ConduitPlan,
        before: &Registers,
        seen: &Seen,
        memory: &mut dyn Memory,
        found: &mut Vec<Mismatch>,
    ) -> Option<u8> {
        let refusal = self.refused.map(|n| &conduit.refused[n]);
        let after = &seen.after;
        match &seen.stop {
            Stop::Reached => {}
            Stop::Interrupt { vector } if refusal.is_some_and(|r| r.vectors.contains(vector)) => {
                self.check_frame(plan, call, before, seen, None, refusal, found);
                return None;
            }
            Stop::Interrupt { vector } if refusal.is_none() && plan.interrupt_code(*vector, self.codes).is_some() => {
                let code = plan.interrupt_code(*vector, self.codes)?;
                if self.codes >> code & 1 == 0 {
                    found.push(self.return_mismatch(plan, call, None, plan.code_name(code).to_owned()));
                }
                self.check_frame(plan, call, before, seen, Some(code), None, found);
                return Some(code);
            }
            Stop::Asleep if self.may_sleep => return None,
            Stop::Ended { .. } if self.may_end => return None,
            // A guest that is reset and goes on in its own handler.
            Stop::Interrupt { vector } if self.may_end && plan.vectors.get("system-reset") == Some(vector) => {
                return None;
            }
            Stop::Forwarded => return None,
            other => {
                found.push(stop_mismatch(plan, call, refusal, other));
                return None;
            }
        }
        if let Some(refusal) = refusal
            && refusal.codes == 0
        {
            found.push(stop_mismatch(plan, call, Some(refusal), &seen.stop));
            return None;
        }
        let value = call.result.and_then(|result| result.read(after, self.narrow));
        let done = plan.done.filter(|_| call.result.is_none());
        let code = value.and_then(|value| plan.code(value)).or(done);
        if let Some(code) = done.filter(|code| self.codes >> code & 1 == 0) {
            found.push(self.return_mismatch(plan, call, refusal, plan.code_name(code).to_owned()));
        }
        if let Some(value) = value.filter(|_| !plan.abi.codes.is_empty()) {
            let allowed = code.is_some_and(|code| self.codes >> code & 1 == 1);
            if !allowed {
                found.push(self.return_mismatch(plan, call, refusal, show_code(plan, value)));
            }
        }
        self.check_frame(plan, call, before, seen, code, refusal, found);
        if refusal.is_none() {
            self.check_outputs(plan, call, before, seen, code, memory, found);
        }
        code
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is one comparison")]
    fn check_outputs(
        &self,
        plan: &Plan,
        call: &CallPlan,
        before: &Registers,
        seen: &Seen,
        code: Option<u8>,
        memory: &mut dyn Memory,
        found: &mut Vec<Mismatch>,
    ) {
        for (output, expected) in call.outputs.iter().zip(&self.outputs) {
            let comes = code.map_or(plan.abi.codes.is_empty(), |code| output.when >> code & 1 == 1);
            let Some(value) = seen.after.get(output.slot.register).map(|value| output.slot.extract(value)) else {
                continue;
            };
            if !comes {
                continue;
            }
            if let Some(expected) = expected.map(|value| value & plan.file.mask(output.slot.register))
                && expected != value
            {
                found.push(cite(
                    &plan.abi,
                    plan.abi.cites.state.as_ref().map(|clause| plan.abi.qualify(clause)),
                    Mismatch::new(
                        Oracle::State,
                        format!("output {} in {}", output.name, plan.file.name(output.slot.register)),
                        Word(expected).to_string(),
                        Word(value).to_string(),
                    ),
                ));
            }
            if let Some(condition) = &output.holds
                && condition.evaluate(&mut View { before, after: &seen.after, memory: &mut *memory }) == Some(0)
            {
                let text = plan.abi.calls.get(&call.name).and_then(|c| c.outputs.get(&output.name)?.holds.clone());
                found.push(cite(
                    &plan.abi,
                    plan.abi.cites.state.as_ref().map(|clause| plan.abi.qualify(clause)),
                    Mismatch::new(
                        Oracle::State,
                        format!("output {} in {}", output.name, plan.file.name(output.slot.register)),
                        text.map_or_else(String::new, |text| text.to_string()),
                        Word(value).to_string(),
                    ),
                ));
            }
        }
    }

    /// Registers, supervisor state and memory.
    #[expect(clippy::too_many_arguments, reason = "all of it is one comparison")]
    fn check_frame(
        &self,
        plan: &Plan,
        call: &CallPlan,
        before: &Registers,
        seen: &Seen,
        code: Option<u8>,
        refusal: Option<&RefusalPlan>,
        found: &mut Vec<Mismatch>,
    ) {
        let both = before.present() & seen.after.present();
        let mut rest = both;
        let interrupted = matches!(seen.stop, Stop::Interrupt { .. });
        while rest != 0 {
            let n = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            #[expect(clippy::cast_possible_truncation, reason = "below 128")]
            let id = RegisterId(n as u8);
            let (was, is) = (before.get(id).unwrap_or(0), seen.after.get(id).unwrap_or(0));
            let changed = (was ^ is) & plan.file.mask(id);
            if changed == 0 {
                continue;
            }
            let class = plan.file.class(id);
            let kept = if let Some(refusal) = refusal
                && matches!(class, Class::General | Class::User)
            {
                // A refused call touches nothing but the return code, if it has one.
                let result = call.result.filter(|result| result.slot.register == id && !interrupted);
                if result.is_some() || refusal.writes.contains(&id) { 0 } else { u64::MAX }
            } else if interrupted && matches!(class, Class::General | Class::User) {
                // An instruction that ends in an interrupt has done nothing else.
                u64::MAX
            } else {
                call.preserved[n]
            };
            if changed & kept != 0 {
                found.push(cite(
                    &plan.abi,
                    refusal.map(|r| r.clause.clone()).or_else(|| call.frame_clause.clone()),
                    register_mismatch(Oracle::RegisterFrame, &plan.file, id, was, is, kept),
                ));
            }
            // An interrupt changes the state of the machine, and no other register of the supervisor.
            let own = interrupted && plan.states >> n & 1 == 1;
            if class == Class::Supervisor && !own {
                let mut stays = plan.supervisor[n];
                for (effect, (applies, _)) in call.effects.iter().zip(&self.effects) {
                    let comes = *applies && code.is_none_or(|code| effect.when >> code & 1 == 1);
                    if effect.slot.register == id && comes {
                        stays &= !effect.slot.bits.mask();
                    }
                }
                if changed & stays != 0 {
                    found.push(cite(
                        &plan.abi,
                        plan.abi.cites.state.as_ref().map(|clause| plan.abi.qualify(clause)),
                        register_mismatch(Oracle::State, &plan.file, id, was, is, stays),
                    ));
                }
            }
        }
        for (effect, (applies, expected)) in call.effects.iter().zip(&self.effects) {
            let comes = *applies && refusal.is_none() && code.is_some_and(|code| effect.when >> code & 1 == 1);
            let value = seen.after.get(effect.slot.register).map(|value| effect.slot.extract(value));
            if let (true, Some(expected), Some(value)) = (comes, expected, value) {
                let expected = expected & (effect.slot.bits.mask() >> effect.slot.bits.low);
                if expected != value {
                    found.push(cite(
                        &plan.abi,
                        plan.abi.cites.state.as_ref().map(|clause| plan.abi.qualify(clause)),
                        Mismatch::new(
                            Oracle::State,
                            effect.name.clone(),
                            Word(expected).to_string(),
                            Word(value).to_string(),
                        ),
                    ));
                }
            }
        }
        self.check_memory(plan, code, seen, refusal.is_some(), found);
    }

    fn check_memory(&self, plan: &Plan, code: Option<u8>, seen: &Seen, refused: bool, found: &mut Vec<Mismatch>) {
        let clause = || plan.abi.cites.memory.as_ref().map(|clause| plan.abi.qualify(clause));
        let applies = |allowed: &Allowed| !refused && code.is_none_or(|code| allowed.when >> code & 1 == 1);
        let interrupted = matches!(seen.stop, Stop::Interrupt { .. });
        let taken = |at: u64| {
            let inside = |(from, length): &(u64, u64)| at.wrapping_sub(*from) < *length;
            interrupted && self.interrupt_writes.iter().any(inside)
        };
        for change in &seen.changes {
            let outside = (0..change.after.len() as u64)
                .map(|n| change.at + n)
                .filter(|at| !taken(*at))
                .find(|at| !self.writes.iter().any(|w| applies(w) && at.wrapping_sub(w.at) < w.length));
            if let Some(at) = outside {
                let offset = usize::try_from(at - change.at).unwrap_or(0);
                found.push(cite(
                    &plan.abi,
                    clause(),
                    Mismatch::new(
                        Oracle::MemoryFootprint,
                        format!("memory {at:#x}..{:#x}", change.at + change.after.len() as u64),
                        format!("unchanged {}", hex(&change.before[offset..])),
                        hex(&change.after[offset..]),
                    ),
                ));
            }
        }
        // What had to be written and differs: only changes are seen, so a byte that is as before is compared with
        // the base line that the change list leaves out, by the caller's read.
        for allowed in self.writes.iter().filter(|w| code.is_some() && applies(w)) {
            let Some(contents) = &allowed.contents else { continue };
            for change in &seen.changes {
                for (n, byte) in change.after.iter().enumerate() {
                    let at = change.at + n as u64;
                    let inside = usize::try_from(at.wrapping_sub(allowed.at)).ok().and_then(|n| contents.get(n));
                    if inside.is_some_and(|expected| expected != byte) {
                        found.push(cite(
                            &plan.abi,
                            clause(),
                            Mismatch::new(
                                Oracle::MemoryFootprint,
                                format!("memory at {at:#x}"),
                                format!("{:02x}", inside.copied().unwrap_or(0)),
                                format!("{byte:02x}"),
                            ),
                        ));
                        return;
                    }
                }
            }
        }
    }

    /// Memory that must hold certain bytes after a call that returned `code`: address and bytes.
    pub fn written(&self, code: u8) -> impl Iterator<Item = (u64, &[u8])> {
        let comes = self.writes.iter().filter(move |write| write.when >> code & 1 == 1);
        comes.filter_map(|write| Some((write.at, write.contents.as_deref()?)))
    }

    fn return_mismatch(&self, plan: &Plan, call: &CallPlan, refusal: Option<&RefusalPlan>, actual: String) -> Mismatch {
        let names: Vec<&str> = (0..plan.abi.codes.len().min(128))
            .filter(|n| self.codes >> n & 1 == 1)
            .map(|n| {
                #[expect(clippy::cast_possible_truncation, reason = "below 128")]
                plan.code_name(n as u8)
            })
            .collect();
        let clause = refusal
            .map(|refusal| refusal.clause.clone())
            .or_else(|| self.forced.as_ref().and_then(|(_, clause)| clause.clone()))
            .or_else(|| {
                call.returns
                    .iter()
                    .find_map(|entry| (self.codes >> entry.code & 1 == 1).then(|| entry.clause.clone())?)
            })
            .or_else(|| plan.abi.cites.returns.as_ref().map(|clause| plan.abi.qualify(clause)));
        cite(
            &plan.abi,
            clause,
            Mismatch::new(
                Oracle::ReturnSet,
                "return".to_owned(),
                if names.len() > 12 { "a return code of the ABI".to_owned() } else { names.join(" or ") },
                actual,
            ),
        )
    }
}

/// A code with its name, if it has one.
#[must_use]
pub fn show_code(plan: &Plan, value: u64) -> String {
    plan.code(value)
        .map_or_else(|| Word(value).to_string(), |code| format!("{} ({})", plan.code_name(code), Word(value)))
}

fn stop_mismatch(plan: &Plan, call: &CallPlan, refusal: Option<&RefusalPlan>, stop: &Stop) -> Mismatch {
    let clause = refusal
        .map(|refusal| refusal.clause.clone())
        .or_else(|| plan.abi.cites.returns.as_ref().map(|clause| plan.abi.qualify(clause)));
    let expected = match refusal {
        Some(refusal) if !refusal.vectors.is_empty() => {
            let vectors: Vec<String> = refusal.vectors.iter().map(|v| interrupt_name(plan, *v)).collect();
            format!("the interrupt {}", vectors.join(" or "))
        }
        _ => format!("execution goes on after {}", call.name),
    };
    let mismatch = Mismatch::new(Oracle::Stop, "end of the call".to_owned(), expected, show_stop(plan, stop));
    cite(&plan.abi, clause, mismatch)
}

/// An interrupt's name and vector.
#[must_use]
pub fn interrupt_name(plan: &Plan, vector: u64) -> String {
    let name = plan.vectors.iter().filter(|(_, v)| **v == vector).map(|(name, _)| name.as_str()).min();
    name.map_or_else(|| format!("{vector:#x}"), |name| format!("{name} ({vector:#x})"))
}

/// In words, why a guest stopped.
#[must_use]
pub fn show_stop(plan: &Plan, stop: &Stop) -> String {
    match stop {
        Stop::Reached => "execution goes on".to_owned(),
        Stop::Interrupt { vector } => format!("the interrupt {}", interrupt_name(plan, *vector)),
        Stop::Asleep => "the processor sleeps with nothing to wake it".to_owned(),
        Stop::Forwarded => "the call went out to user space".to_owned(),
        Stop::Ended { how } => format!("the guest ended: {how}"),
        Stop::Exhausted => "no end within the budget".to_owned(),
    }
}

fn register_mismatch(oracle: Oracle, file: &RegisterFile, id: RegisterId, was: u64, is: u64, kept: u64) -> Mismatch {
    let mask = file.mask(id);
    let digits = if mask >> 32 == 0 { 8 } else { 16 };
    let mut expected = format!("unchanged {was:#0w$x}", w = digits + 2);
    if kept & mask != mask {
        let _ = write!(expected, " in the bits {:#x}", kept & mask);
    }
    Mismatch::new(oracle, file.name(id).to_owned(), expected, format!("{is:#0w$x}", w = digits + 2))
}

/// Adds the clause with its text and source.
#[must_use]
pub fn cite(abi: &Abi, clause: Option<String>, mut mismatch: Mismatch) -> Mismatch {
    if let Some(name) = clause {
        let (owner, short) = name.split_once('.').unwrap_or((&abi.abi, &name));
        if let Some(text) = abi.clauses.get(short).filter(|_| owner == abi.abi) {
            mismatch.says = Some(text.says.clone());
            mismatch.source = Some(abi.cite(&text.source, text.at.as_deref()));
        }
        mismatch.clause = Some(name);
    }
    mismatch
}

/// Bytes in hexadecimal, long runs cut.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 32 {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

/// A pattern of its own in every register, so that a change is seen whatever a call writes. Registers for which the
/// architecture's file gives an initial value have that; other supervisor registers are left alone.
#[must_use]
pub fn poison(file: &RegisterFile, initial: &[(Slot, u64)], seed: u64) -> Registers {
    let mut registers = Registers::default();
    for id in file.ids() {
        let n = u64::from(id.0);
        let value = match file.class(id) {
            Class::General => (0xA5A5_0000_5A5A_0000 ^ seed) | n << 32 | n,
            Class::User => (0x1234_5600_0BAD_CA00 ^ seed) | n << 32 | n,
            _ => continue,
        };
        registers.set(id, value & file.mask(id));
    }
    for (slot, value) in initial {
        let whole = registers.get(slot.register).unwrap_or(0);
        registers.set(slot.register, slot.insert(whole, *value));
    }
    debug_assert!(file.len() <= MAX);
    registers
}

//! Runs one row of a case: its steps, one after the other, in one guest.

mod expect;
mod host;

use hypercheck_report::model::{Evidence, Mismatch, Oracle};
use hypercheck_spec::abi::Domain;
use hypercheck_spec::case::{Bytes, End, Scenario, Step};
use hypercheck_spec::expr::Expr;
use hypercheck_spec::library::Library;
use hypercheck_spec::word::Word;
use indexmap::IndexMap;

use crate::assembly;
use crate::contract::{CallRange, Exchange, GuestError, Refusal, Stop};
use crate::judge::{self, GuestMemory};
use crate::plan::{CallPlan, ConduitPlan, NumberPlan, Plan};
use crate::program::{Program, View, compile, resolve_common};
use crate::registers::Registers;
use crate::session::{Session, Shot};
use crate::tree;

/// Why a row has no result of its own.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The row does not fit this machine: a skip.
    #[error("{0}")]
    Skip(String),
    /// The row itself is wrong.
    #[error("{0}")]
    Case(String),
    /// The guest.
    #[error(transparent)]
    Guest(#[from] GuestError),
}

/// What a row showed.
#[derive(Debug, Default)]
pub struct RowResult {
    /// What differs from what must be.
    pub mismatches: Vec<Mismatch>,
    /// The state around the step that differed.
    pub evidence: Option<Evidence>,
    /// What was seen, in a few words a step.
    pub behaviour: Vec<String>,
    /// Whether the guest made no progress.
    pub hung: bool,
}

/// How a row is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether a call with a hazard is left out; derived and fuzzed rows do not know what they do.
    pub careful: bool,
    /// Whether to keep the state before and after even if nothing is wrong.
    pub keep_evidence: bool,
}

/// Runs the steps of `scenario`.
///
/// # Errors
/// See [`StepError`]; what the guest did wrong is no error but in the result.
pub fn run(
    session: &mut Session,
    library: &Library,
    scenario: &Scenario,
    options: Options,
) -> Result<RowResult, StepError> {
    let mut runner = Runner {
        session,
        library,
        scenario,
        values: IndexMap::new(),
        current: Registers::default(),
        sent: None,
        answered: None,
        ranges: None,
    };
    runner.current = runner.session.poison(0);
    runner.session.seen = judge::Seen::default();
    for (name, expr) in &scenario.bindings {
        let value = runner.value(None, None, expr)?;
        runner.values.insert(name.clone(), value);
    }
    let mut result = RowResult::default();
    for (number, step) in scenario.steps.iter().enumerate() {
        runner.step(step, options, &mut result)?;
        let bad = !result.mismatches.is_empty();
        if bad || options.keep_evidence {
            result.evidence = Some(runner.evidence(step, number));
        }
        result.hung |= runner.session.seen.stop == Stop::Exhausted;
        if bad {
            break;
        }
    }
    Ok(result)
}

struct Runner<'a> {
    session: &'a mut Session,
    library: &'a Library,
    scenario: &'a Scenario,
    values: IndexMap<String, u64>,
    current: Registers,
    /// What went out to user space with the last call.
    sent: Option<Exchange>,
    /// How the host answered the last request about the guest.
    answered: Option<Result<(), Refusal>>,
    /// How calls are treated by number, as last read.
    ranges: Option<Vec<CallRange>>,
}

impl Runner<'_> {
    fn plan(&self, abi: &str) -> Result<std::sync::Arc<Plan>, StepError> {
        let plans = &self.session.plans;
        plans.get(abi).map_err(|error| StepError::Case(error.to_string()))?.ok_or_else(|| {
            if self.library.abis.contains_key(abi) {
                StepError::Skip(format!("{abi} does not exist on {}", plans.arch.arch))
            } else {
                StepError::Case(format!("no ABI {abi} in spec/abi"))
            }
        })
    }

    /// The value of an expression over the state before (`current`) and after (`seen`).
    fn value(&mut self, plan: Option<&Plan>, call: Option<&CallPlan>, expr: &Expr) -> Result<u64, StepError> {
        let plans = std::sync::Arc::clone(&self.session.plans);
        let resolve = |name: &str| {
            if let Some(value) = self.values.get(name) {
                return Some(Program::Constant(*value));
            }
            if let Some(call) = call {
                if let Some((_, slot)) = call.arguments.iter().find(|(known, _)| known == name) {
                    return Some(Program::Before(*slot));
                }
                if let Some(output) = call.outputs.iter().find(|output| output.name == name) {
                    return Some(Program::After(output.slot));
                }
            }
            if let Some(plan) = plan {
                return resolve_common(&plan.abi, &plans.file, &plans.facts, name);
            }
            if let Some(fact) = name.strip_prefix("machine.") {
                return plans.facts.get(fact).map(Program::Constant);
            }
            // Names of the case may stand for constants and codes of its ABI.
            let abi = self.library.abis.get(&self.scenario.abi).map(|abi| &abi.value);
            let number = abi.and_then(|abi| {
                let constant = abi.constants.get(name).map(|word| word.0);
                constant.or_else(|| Some(abi.codes.get(name)?.value.value?.0))
            });
            number.map(Program::Constant).or_else(|| plans.file.slot(name).map(Program::Before))
        };
        let program = compile(expr, &resolve).map_err(|name| match name.strip_prefix("machine.") {
            Some(_) => StepError::Skip(format!("this machine has no {name}")),
            None => StepError::Case(format!("`{name}` in `{expr}` means nothing here; `hypercheck lint` helps")),
        })?;
        let after = self.session.seen.after.clone();
        let before = self.current.clone();
        let mut memory = GuestMemory(self.session.guest());
        program
            .evaluate(&mut View { before: &before, after: &after, memory: &mut memory })
            .ok_or_else(|| StepError::Skip(format!("`{expr}` cannot be observed on this backend")))
    }

    fn bytes(&mut self, plan: &Plan, bytes: &Bytes) -> Result<Vec<u8>, StepError> {
        let number = |runner: &mut Self, expr: &Expr, size: usize| {
            runner.value(Some(plan), None, expr).map(|value| value.to_be_bytes()[8 - size..].to_vec())
        };
        let little = |runner: &mut Self, expr: &Expr, size: usize| {
            runner.value(Some(plan), None, expr).map(|value| value.to_le_bytes()[..size].to_vec())
        };
        match bytes {
            Bytes::Be8(x) => number(self, x, 1),
            Bytes::Be16(x) => number(self, x, 2),
            Bytes::Be32(x) => number(self, x, 4),
            Bytes::Be64(x) => number(self, x, 8),
            Bytes::Le16(x) => little(self, x, 2),
            Bytes::Le32(x) => little(self, x, 4),
            Bytes::Le64(x) => little(self, x, 8),
            Bytes::Hex(text) => {
                let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
                let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let even = digits.len().is_multiple_of(2);
                let all: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
                all.filter(|_| even).ok_or_else(|| StepError::Case(format!("`{text}` is no list of hexadecimal bytes")))
            }
            Bytes::Fill([byte, length]) => {
                let byte = self.value(Some(plan), None, byte)?;
                let length = self.value(Some(plan), None, length)?;
                if length > 1 << 20 {
                    return Err(StepError::Case(format!("{length:#x} bytes are too many to fill")));
                }
                #[expect(clippy::cast_possible_truncation, reason = "a byte is asked for")]
                Ok(vec![byte as u8; usize::try_from(length).unwrap_or(0)])
            }
        }
    }

    fn step(&mut self, step: &Step, options: Options, result: &mut RowResult) -> Result<(), StepError> {
        let abi = step.call.as_ref().and_then(|call| call.split_once('.')).map_or(&*self.scenario.abi, |(abi, _)| abi);
        let plan = self.plan(abi)?;
        self.answered = None;
        self.ranges = None;
        for (at, bytes) in &step.memory {
            let at = self.value(Some(&plan), None, at)?;
            let bytes = self.bytes(&plan, bytes)?;
            self.session.write(at, &bytes)?;
        }
        let mut call = None;
        if let Some(name) = &step.call {
            call = Some(self.call_step(step, &plan, name, options, result)?);
        } else if step.conduit.is_some() {
            self.bare_step(step, &plan)?;
        } else if let Some(code) = &step.code {
            self.code_step(step, &plan, code)?;
        } else if let Some(look) = &step.device_tree {
            let blob = self.session.guest().device_tree()?;
            let values = look
                .expressions()
                .into_iter()
                .map(|x| self.value(Some(&plan), None, x))
                .collect::<Result<Vec<_>, _>>()?;
            result.mismatches.extend(tree::look(&blob, look, &values));
            result.behaviour.push("device tree".to_owned());
            return Ok(());
        } else if let Some(said) = self.host_step(step, &plan)? {
            result.behaviour.push(said);
        }
        self.forwarded(step, &plan, call.as_deref())?;
        if step.call.is_some() || step.conduit.is_some() || step.code.is_some() {
            let place = call.as_deref().map_or(plan.result, |call| call.result);
            let place = place.filter(|_| step.code.is_none());
            result.behaviour.push(self.session.behaviour(&plan, place, self.scenario.record));
        }
        self.expectations(step, &plan, call.as_deref(), &mut result.mismatches)?;
        for (name, expr) in &step.save {
            let value = self.value(Some(&plan), call.as_deref(), expr)?;
            self.values.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Registers before a call: a pattern, the modes, what the conduit needs, the number, arguments, what is given.
    fn call_registers(
        &mut self,
        step: &Step,
        plan: &Plan,
        call: Option<(&CallPlan, u64)>,
        conduit: &ConduitPlan,
    ) -> Result<(), StepError> {
        self.current = self.session.poison(0);
        self.modes(plan, step)?;
        let set = |current: &mut Registers, slot: crate::registers::Slot, value: u64| {
            let whole = current.get(slot.register).unwrap_or(0);
            let mask = plan.file.mask(slot.register);
            current.set(slot.register, slot.insert(whole, value) & mask);
        };
        for (slot, value) in &conduit.registers {
            set(&mut self.current, *slot, *value);
        }
        if let Some((call, number)) = call {
            let variant = match &step.variant {
                None => None,
                Some(name) => Some(
                    plan.abi
                        .variants
                        .get(name)
                        .ok_or_else(|| StepError::Case(format!("{} has no variant {name}", plan.abi.abi)))?,
                ),
            };
            let number_slot = match variant {
                Some(variant) => plan.file.slot(&variant.number_in).map(|slot| NumberPlan { slot, low: None, mask: 0 }),
                None => plan.number.filter(|_| call.conduit.is_none()),
            };
            plan.clear_sliced(call, &mut self.current);
            if let Some(place) = number_slot {
                place.place(number, &mut |slot, value| set(&mut self.current, slot, value));
            }
            // Values that later arguments are stated in terms of are set first: two passes settle all orders.
            for _ in 0..2 {
                for (n, (name, slot)) in call.arguments.iter().enumerate() {
                    let example = plan.abi.calls.get(&call.name).and_then(|c| example(&c.arguments.get(name)?.value));
                    let given = step.arguments.get(name).cloned();
                    if let Some(expr) = given.or(example) {
                        let value = self.value(Some(plan), Some(call), &expr)?;
                        let variant_slot = variant.and_then(|v| plan.file.slot(v.arguments.get(n)?));
                        set(&mut self.current, variant_slot.unwrap_or(*slot), value);
                    }
                }
            }
            if let Some(name) = step.arguments.keys().find(|name| !call.arguments.iter().any(|(n, _)| n == *name)) {
                return Err(StepError::Case(format!("{} has no argument {name}", call.name)));
            }
        }
        self.given_registers(step, plan, call.map(|(call, _)| call))
    }

    fn modes(&mut self, plan: &Plan, step: &Step) -> Result<(), StepError> {
        for mode in &step.mode {
            let fields = plan.modes.get(mode).ok_or_else(|| {
                let elsewhere = self.library.arches.values().any(|arch| arch.value.modes.contains_key(mode));
                let text = format!("no mode {mode} on {}", plan.file.arch);
                if elsewhere { StepError::Skip(text) } else { StepError::Case(text + "; see the files in spec/arch") }
            })?;
            for (slot, value) in fields {
                let whole = self.current.get(slot.register).unwrap_or(0);
                self.current.set(slot.register, slot.insert(whole, *value));
            }
        }
        Ok(())
    }

    fn given_registers(&mut self, step: &Step, plan: &Plan, call: Option<&CallPlan>) -> Result<(), StepError> {
        for (name, expr) in &step.registers {
            let slot = plan
                .file
                .slot(name)
                .ok_or_else(|| StepError::Skip(format!("{} has no register {name}", plan.file.arch)))?;
            let value = self.value(Some(plan), call, expr)?;
            let whole = self.current.get(slot.register).unwrap_or(0);
            self.current.set(slot.register, slot.insert(whole, value) & plan.file.mask(slot.register));
        }
        Ok(())
    }

    fn conduit<'p>(plan: &'p Plan, step: &Step, own: Option<&str>) -> Result<&'p ConduitPlan, StepError> {
        plan.conduit(step.conduit.as_deref().or(own)).ok_or_else(|| match &step.conduit {
            Some(name) if !plan.abi.conduits.contains_key(name) => {
                StepError::Case(format!("{} has no conduit {name}", plan.abi.abi))
            }
            _ => StepError::Skip(format!("this machine has no conduit of {}", plan.abi.abi)),
        })
    }

    fn call_step(
        &mut self,
        step: &Step,
        plan: &Plan,
        name: &str,
        options: Options,
        result: &mut RowResult,
    ) -> Result<std::sync::Arc<CallPlan>, StepError> {
        let name = name.split_once('.').map_or(name, |(_, name)| name);
        let (call, number) = match (plan.call(name), Word::parse(name)) {
            (Some(call), _) => (std::sync::Arc::clone(call), call.number),
            (None, Some(number)) => (plan.by_number(number.0).unwrap_or(&plan.unknown).clone(), number.0),
            (None, None) => {
                return Err(match plan.abi.calls.contains_key(name) {
                    true => StepError::Skip(format!("{name} does not exist on {}", plan.file.arch)),
                    false => StepError::Case(format!("{} has no call {name}", plan.abi.abi)),
                });
            }
        };
        let conduit = Self::conduit(plan, step, call.conduit.as_deref())?;
        self.call_registers(step, plan, Some((&call, number)), conduit)?;
        let registers = self.current.clone();
        let shot = Shot { plan, call: &call, conduit, registers: &registers };
        if options.careful
            && let Some(because) = self.session.hazard(&shot)
        {
            return Err(StepError::Skip(format!("not sent blindly: {because}")));
        }
        let explicit = !step.expect.interrupt.is_empty() || step.expect.end.is_some_and(|end| end != End::Returned);
        let forwarded = step.expect.end == Some(End::Forwarded) || step.expect.forwarded.is_some();
        let mut found = Vec::new();
        let code = self.session.call(&shot, &mut found)?;
        let unanswered = step.answer.is_empty() && !forwarded && step.expect.end != Some(End::Returned);
        if self.session.seen.stop == Stop::Forwarded && unanswered {
            // Nothing came back that could be judged, and that is no pass.
            return Err(StepError::Skip("the call goes out to user space, and the row does not answer it".to_owned()));
        }
        if explicit || step.variant.is_some() {
            // What the row itself expects replaces what the ABI says of an ordinary call.
            found.retain(|mismatch| !matches!(mismatch.oracle, Oracle::Stop | Oracle::ReturnSet));
        }
        self.current = self.session.before().clone();
        result.mismatches.append(&mut found);
        if let Some(code) = code
            && result.mismatches.is_empty()
        {
            let seen = self.session.seen.clone();
            self.session.look_after(&shot, code, &mut result.mismatches)?;
            result.hung |= self.session.seen.stop == Stop::Exhausted;
            self.session.seen = seen;
        }
        Ok(call)
    }

    fn bare_step(&mut self, step: &Step, plan: &Plan) -> Result<(), StepError> {
        let conduit = Self::conduit(plan, step, None)?;
        self.call_registers(step, plan, None, conduit)?;
        let registers = self.current.clone();
        self.session.tainted = true;
        self.session.execute(&conduit.code, &registers, true)?;
        self.current = self.session.before().clone();
        Ok(())
    }

    fn code_step(&mut self, step: &Step, plan: &Plan, code: &str) -> Result<(), StepError> {
        let mut registers = self.current.clone();
        for (id, value) in self.session.seen.after.iter() {
            if registers.get(id).is_some() {
                registers.set(id, value);
            }
        }
        self.current = registers;
        let modes = !step.mode.is_empty();
        if modes || self.session.seen.stop != Stop::Reached {
            // After an interrupt the state is the handler's: a block of code starts from the usual one.
            for (slot, value) in &self.session.plans.initial.clone() {
                let whole = self.current.get(slot.register).unwrap_or(0);
                if plan.modes.values().flatten().any(|(mode, _)| mode.register == slot.register) {
                    self.current.set(slot.register, slot.insert(whole, *value));
                }
            }
            self.modes(plan, step)?;
        }
        self.given_registers(step, plan, None)?;
        let plans = std::sync::Arc::clone(&self.session.plans);
        let symbols = |name: &str| {
            if let Some(field) = name.strip_prefix("shared.") {
                let mut pages = plans.abis().filter_map(|abi| abi.page.as_ref());
                return pages.find_map(|page| page.fields.get(field)).map(|field| field.offset.0);
            }
            if let Some(fact) = name.strip_prefix("machine.") {
                return plans.facts.get(fact);
            }
            self.values.get(name).copied().or_else(|| plan.abi.constants.get(name).map(|word| word.0))
        };
        let block = assembly::assemble(&plans.arch, code, plans.facts.code, &symbols)
            .map_err(|error| StepError::Case(format!("in the assembly of {}: {error}", self.scenario.id)))?;
        let registers = self.current.clone();
        self.session.tainted = true;
        self.session.execute(&block, &registers, true)?;
        self.current = self.session.before().clone();
        Ok(())
    }

    /// If the call went out to user space and the row answers it, goes on with the answer.
    fn forwarded(&mut self, step: &Step, plan: &Plan, call: Option<&CallPlan>) -> Result<(), StepError> {
        self.sent = None;
        if self.session.seen.stop != Stop::Forwarded {
            return Ok(());
        }
        if let Some(forwarding) = self.session.guest().forwarding() {
            self.sent = Some(forwarding.call()?);
        }
        if step.answer.is_empty() {
            return Ok(());
        }
        let mut answer = Exchange::default();
        for (name, expr) in &step.answer {
            let value = self.value(Some(plan), call, expr)?;
            if let Some(field) = name.strip_prefix("exit.") {
                answer.fields.insert(field.to_owned(), value);
                continue;
            }
            let slot = plan.file.slot(name).ok_or_else(|| StepError::Case(format!("no register {name}")))?;
            let whole = self.session.seen.after.get(slot.register).unwrap_or(0);
            answer.registers.set(slot.register, slot.insert(whole, value));
        }
        let own = call.and_then(|call| call.conduit.as_deref());
        let length = match &step.code {
            Some(_) => self.session.block(),
            None => Self::conduit(plan, step, own)?.code.len(),
        };
        self.session.answer(&answer, length)?;
        Ok(())
    }

    fn evidence(&self, step: &Step, number: usize) -> Evidence {
        let file = &self.session.plans.file;
        let digits = usize::from(file.width / 4) + 2;
        let show = |registers: &Registers| {
            registers.iter().map(|(id, value)| (file.name(id).to_owned(), format!("{value:#0digits$x}"))).collect()
        };
        let what = step.call.as_ref().map(|call| call.value.clone()).or_else(|| step.conduit.clone());
        let what = what.unwrap_or_else(|| if step.code.is_some() { "code".to_owned() } else { "look".to_owned() });
        Evidence {
            before: show(&self.current),
            after: show(&self.session.seen.after),
            code: step.code.clone(),
            step: Some(format!("{} ({what})", number + 1)),
            log: None,
        }
    }
}

/// A valid value of an argument, where the spec lets one be known.
#[must_use]
pub fn example(argument: &hypercheck_spec::abi::Argument) -> Option<Expr> {
    argument.example.clone().or_else(|| match &argument.domain {
        Domain::Any => None,
        Domain::OneOf(values) => values.first().cloned(),
        Domain::Range([from, _]) => Some(from.clone()),
        Domain::Flags(_) => Some(Expr::number(0)),
        Domain::Address(_) => Some(Expr::Name("machine.scratch".to_owned())),
    })
}

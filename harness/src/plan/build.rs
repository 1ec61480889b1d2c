//! Resolves the names of an ABI: registers, codes, conditions.

use std::collections::HashMap;

use hypercheck_spec::abi::{Abi, Call, CodeClass, Conduit, Contents, Frame, ReturnRegister};
use hypercheck_spec::arch::{Arch, names};
use hypercheck_spec::expr::Expr;

use super::{
    BecomesPlan, CallPlan, CodeSet, ConduitPlan, EffectPlan, OutputPlan, RefusalPlan, ResultPlan, ReturnPlan, WritePlan,
};
use crate::assembly;
use crate::contract::Facts;
use crate::program::{Program, compile, resolve_common};
use crate::registers::{MAX, RegisterFile, Slot};

/// What names are resolved by.
pub(super) struct Builder<'a> {
    pub(super) abi: &'a Abi,
    pub(super) arch: &'a Arch,
    pub(super) file: &'a RegisterFile,
    pub(super) facts: &'a Facts,
    pub(super) features: &'a dyn Fn(&str) -> bool,
}

impl Builder<'_> {
    fn slot(&self, name: &str) -> Result<Slot, String> {
        self.file.slot(name).ok_or_else(|| format!("no register {name} on {}", self.file.arch))
    }

    fn codes<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Result<CodeSet, String> {
        names.into_iter().try_fold(0, |set, name| {
            let index = self.abi.codes.get_index_of(name).ok_or_else(|| format!("no return code {name}"))?;
            if index < 128 { Ok(set | 1 << index) } else { Err("more than 128 return codes".to_owned()) }
        })
    }

    pub(super) fn success(&self) -> CodeSet {
        let codes = self.abi.codes.values().enumerate().take(128);
        codes.filter(|(_, code)| code.class == CodeClass::Success).fold(0, |set, (n, _)| set | 1 << n)
    }

    fn when(&self, names: &[String]) -> Result<CodeSet, String> {
        if names.is_empty() {
            // An ABI without return codes (its result is a plain value) always succeeds.
            Ok(if self.abi.codes.is_empty() { CodeSet::MAX } else { self.success() })
        } else {
            self.codes(names)
        }
    }

    /// The meaning of a name in an expression about `call`.
    fn resolve(&self, call: Option<&Call>, name: &str) -> Option<Program> {
        if let Some(call) = call {
            if let Some(argument) = call.arguments.get(name) {
                return self.file.slot(&argument.register).map(Program::Before);
            }
            if let Some(output) = call.outputs.get(name) {
                return self.file.slot(&output.register).map(Program::After);
            }
        }
        resolve_common(self.abi, self.file, self.facts, name)
    }

    fn compile(&self, call: Option<&Call>, expr: &Expr) -> Result<Program, String> {
        compile(expr, &|name| self.resolve(call, name))
            .map_err(|name| format!("`{name}` in `{expr}` means nothing here"))
    }

    fn maybe(&self, call: &Call, expr: Option<&Expr>) -> Result<Option<Program>, String> {
        expr.map(|expr| self.compile(Some(call), expr)).transpose()
    }

    pub(super) fn conduit(
        &self,
        name: &str,
        conduit: &Conduit,
        modes: &HashMap<String, Vec<(Slot, u64)>>,
        vectors: &HashMap<String, u64>,
    ) -> Result<ConduitPlan, String> {
        let code = assembly::assemble(self.arch, &conduit.code, 0, &|_| None)
            .map_err(|error| format!("conduit {name}: {error}"))?;
        let registers = conduit
            .registers
            .iter()
            .map(|(register, value)| Ok((self.slot(register)?, value.0)))
            .collect::<Result<_, String>>()?;
        let refused = conduit
            .refused
            .iter()
            .map(|(mode, refusal)| {
                Ok(RefusalPlan {
                    mode: mode.clone(),
                    when: modes.get(mode).cloned().ok_or_else(|| format!("no mode {mode}"))?,
                    codes: self.codes(&refusal.code)?,
                    vectors: refusal
                        .interrupts
                        .iter()
                        // An interrupt that this architecture lacks cannot come; the linter knows them all.
                        .filter_map(|name| vectors.get(name).copied())
                        .collect(),
                    writes: refusal.writes.iter().filter_map(|name| self.file.id(name)).collect(),
                    clause: self.abi.qualify(&refusal.clause),
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(ConduitPlan { name: name.to_owned(), code, registers, refused, on: conduit.on.clone() })
    }

    /// The masks of what must stay, from the ABI's lists or the call's own where it has some.
    fn preserved(&self, call: Option<&Call>) -> Result<Box<[u64; MAX]>, String> {
        let mut masks = Box::new([0; MAX]);
        let own = call.and_then(|call| call.registers.as_ref());
        let frame: &Frame = own.unwrap_or(&self.abi.registers);
        for name in frame.preserved.iter().flat_map(|entry| names(entry)) {
            let slot = self.slot(&name)?;
            masks[usize::from(slot.register.0)] |= slot.bits.mask();
        }
        let outputs = call.into_iter().flat_map(|call| call.outputs.values().map(|output| &output.register));
        let result = call.and_then(|call| call.result.as_ref()).or(self.abi.result.as_ref());
        for name in outputs.chain(result.map(|result| &result.register)) {
            let slot = self.slot(name)?;
            masks[usize::from(slot.register.0)] &= !slot.bits.mask();
        }
        Ok(masks)
    }

    pub(super) fn result(&self, result: &ReturnRegister) -> Result<ResultPlan, String> {
        let width = result.width.unwrap_or(self.file.width).min(self.file.width);
        Ok(ResultPlan { slot: self.slot(&result.register)?, width, narrow: result.narrow })
    }

    pub(super) fn unknown(&self) -> Result<CallPlan, String> {
        let mut returns = Vec::new();
        if let Some(number) = &self.abi.number
            && let Some(code) = &number.unknown
        {
            let index = self.abi.codes.get_index_of(code).ok_or_else(|| format!("no return code {code}"))?;
            returns.push(ReturnPlan {
                code: u8::try_from(index).map_err(|_| "too many return codes".to_owned())?,
                forced: None,
                only_if: None,
                clause: number.clause.as_ref().map(|clause| self.abi.qualify(clause)),
            });
        }
        Ok(CallPlan {
            name: "an unknown number".to_owned(),
            number: 0,
            conduit: None,
            result: self.abi.result.as_ref().map(|result| self.result(result)).transpose()?,
            claimed: true,
            arguments: Vec::new(),
            returns,
            ordered: false,
            outputs: Vec::new(),
            writes: Vec::new(),
            effects: Vec::new(),
            hazards: Vec::new(),
            preserved: self.preserved(None)?,
            lasting: false,
            frame_clause: self.abi.cites.frame.as_ref().map(|clause| self.abi.qualify(clause)),
        })
    }

    pub(super) fn call(&self, name: &str, call: &Call) -> Result<CallPlan, String> {
        let qualify = |clause: &String| self.abi.qualify(clause);
        let returns = call
            .returns
            .iter()
            .map(|(code, condition)| {
                let index = self.abi.codes.get_index_of(code).ok_or_else(|| format!("no return code {code}"))?;
                Ok(ReturnPlan {
                    code: u8::try_from(index).map_err(|_| "too many return codes".to_owned())?,
                    forced: self.maybe(call, condition.forced.as_ref())?,
                    only_if: self.maybe(call, condition.only_if.as_ref())?,
                    clause: condition.clause.as_ref().map(qualify),
                })
            })
            .collect::<Result<_, String>>()?;
        let outputs = call
            .outputs
            .iter()
            .map(|(name, output)| {
                Ok(OutputPlan {
                    name: name.clone(),
                    slot: self.slot(&output.register)?,
                    when: self.when(&output.when)?,
                    is: self.maybe(call, output.is.as_ref())?,
                    holds: self.maybe(call, output.holds.as_ref())?,
                })
            })
            .collect::<Result<_, String>>()?;
        let writes = call
            .writes
            .iter()
            .map(|write| {
                Ok(WritePlan {
                    at: self.compile(Some(call), &write.at)?,
                    length: self.compile(Some(call), &write.length)?,
                    when: self.when(&write.when)?,
                    condition: self.maybe(call, write.condition.as_ref())?,
                    becomes: match &write.becomes {
                        None | Some(Contents::Any) => BecomesPlan::Any,
                        Some(Contents::Number(x)) => BecomesPlan::Number(self.compile(Some(call), x)?),
                        Some(Contents::Little(x)) => BecomesPlan::Little(self.compile(Some(call), x)?),
                        Some(Contents::Fill(x)) => BecomesPlan::Fill(self.compile(Some(call), x)?),
                        Some(Contents::CopyOf(x)) => BecomesPlan::CopyOf(self.compile(Some(call), x)?),
                    },
                })
            })
            .collect::<Result<_, String>>()?;
        let effects = call
            .effects
            .iter()
            .map(|(name, effect)| {
                Ok(EffectPlan {
                    slot: self.slot(name)?,
                    name: name.clone(),
                    becomes: self.maybe(call, effect.becomes.as_ref())?,
                    when: self.when(&effect.when)?,
                    condition: self.maybe(call, effect.condition.as_ref())?,
                })
            })
            .collect::<Result<_, String>>()?;
        let hazards = call
            .hazards
            .iter()
            .map(|hazard| Ok((hazard.kind, self.maybe(call, hazard.condition.as_ref())?, hazard.because.clone())))
            .collect::<Result<_, String>>()?;
        let arguments = call
            .arguments
            .iter()
            .map(|(name, argument)| Ok((name.clone(), self.slot(&argument.register)?)))
            .collect::<Result<_, String>>()?;
        let own_clause = call.registers.as_ref().and_then(|frame| frame.clause.as_ref());
        Ok(CallPlan {
            name: name.to_owned(),
            number: self.abi.number_of(call),
            conduit: call.conduit.clone(),
            result: call.result.as_ref().or(self.abi.result.as_ref()).map(|result| self.result(result)).transpose()?,
            claimed: (self.features)(name) || call.set.as_ref().is_some_and(|set| (self.features)(set)),
            arguments,
            returns,
            ordered: call.ordered,
            outputs,
            writes,
            effects,
            hazards,
            preserved: self.preserved(Some(call))?,
            lasting: call.lasting,
            frame_clause: own_clause.or(self.abi.cites.frame.as_ref()).map(qualify),
        })
    }
}

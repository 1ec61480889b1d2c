//! An ABI made ready for one machine: names resolved to registers, conditions to programs, frames to masks.
//!
//! Building a [`Plan`] costs milliseconds and is done once per machine; judging a call with it costs well under a
//! microsecond, because nothing is looked up by name any more.

use std::collections::HashMap;
use std::sync::Arc;

use hypercheck_spec::abi::{Abi, Call, CodeClass, Conduit, Contents, Frame, HazardKind};
use hypercheck_spec::arch::{Arch, Class, names};
use hypercheck_spec::expr::Expr;

use crate::contract::Facts;
use crate::program::{Program, compile, resolve_common, sign_extend};
use crate::registers::{MAX, RegisterFile, RegisterId, Slot};

/// A set of return codes of one ABI, by position in its list.
pub type CodeSet = u128;

/// Why an ABI could not be made ready. The linter finds these before anyone gets here.
#[derive(Debug, thiserror::Error)]
#[error("{abi}: {what}; `hypercheck lint` shows the place")]
pub struct PlanError {
    /// The ABI.
    pub abi: String,
    /// What is wrong with it.
    pub what: String,
}

/// A way into the hypervisor, ready to be executed.
#[derive(Debug, Clone)]
pub struct ConduitPlan {
    /// Its name in the ABI.
    pub name: String,
    /// The instruction words.
    pub words: Vec<u32>,
    /// Registers that it needs besides number and arguments.
    pub registers: Vec<(Slot, u64)>,
    /// Modes in which it is no hypercall: fields that make up the mode, and what is seen then.
    pub refused: Vec<RefusalPlan>,
    /// Features of the machine that it needs.
    pub on: Vec<String>,
}

/// What is seen where a conduit is refused.
#[derive(Debug, Clone)]
pub struct RefusalPlan {
    /// The mode's name.
    pub mode: String,
    /// Fields that make up the mode.
    pub when: Vec<(Slot, u64)>,
    /// Codes that may come back.
    pub codes: CodeSet,
    /// Vectors of interrupts that may be taken instead.
    pub vectors: Vec<u64>,
    /// Registers that taking the interrupt writes.
    pub writes: Vec<RegisterId>,
    /// The clause that says so.
    pub clause: String,
}

/// Memory that a call may change.
#[derive(Debug, Clone)]
pub struct WritePlan {
    /// First address.
    pub at: Program,
    /// Length in bytes.
    pub length: Program,
    /// With which codes.
    pub when: CodeSet,
    /// Under which condition.
    pub condition: Option<Program>,
    /// What stands there afterwards.
    pub becomes: BecomesPlan,
}

/// What stands in memory after a call.
#[derive(Debug, Clone)]
pub enum BecomesPlan {
    /// Anything.
    Any,
    /// A big-endian number as long as the footprint.
    Number(Program),
    /// One byte all over.
    Fill(Program),
    /// What stood at this address before.
    CopyOf(Program),
}

/// Supervisor state that a call may change.
#[derive(Debug, Clone)]
pub struct EffectPlan {
    /// The register or field.
    pub slot: Slot,
    /// Its name.
    pub name: String,
    /// The value afterwards; anything if absent.
    pub becomes: Option<Program>,
    /// With which codes.
    pub when: CodeSet,
    /// Under which condition.
    pub condition: Option<Program>,
}

/// A result besides the return code.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub slot: Slot,
    /// With which codes.
    pub when: CodeSet,
    /// Its value.
    pub is: Option<Program>,
    /// A condition that it meets.
    pub holds: Option<Program>,
}

/// When a code may or must be returned.
#[derive(Debug, Clone)]
pub struct ReturnPlan {
    /// Position of the code in the ABI's list.
    pub code: u8,
    /// Where this holds the code is forced.
    pub forced: Option<Program>,
    /// Where this does not hold the code is excluded.
    pub only_if: Option<Program>,
    /// The clause that says so.
    pub clause: Option<String>,
}

/// A call, ready to be made and judged.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// Its name.
    pub name: String,
    /// Its number, the vendor's part included.
    pub number: u64,
    /// Whether the machine claims to offer it.
    pub claimed: bool,
    /// Arguments: name and register.
    pub arguments: Vec<(String, Slot)>,
    /// Codes that may come back.
    pub returns: Vec<ReturnPlan>,
    /// Whether the first forced code decides.
    pub ordered: bool,
    /// Results.
    pub outputs: Vec<OutputPlan>,
    /// Memory.
    pub writes: Vec<WritePlan>,
    /// Supervisor state.
    pub effects: Vec<EffectPlan>,
    /// What happens if it is sent without thought.
    pub hazards: Vec<(HazardKind, Option<Program>, String)>,
    /// Bits that must not change, by register.
    pub preserved: Box<[u64; MAX]>,
    /// Whether it leaves hypervisor state behind.
    pub lasting: bool,
    /// The clause for a register that changed and must not.
    pub frame_clause: Option<String>,
}

/// An ABI, ready for one machine.
#[derive(Debug)]
pub struct Plan {
    /// The ABI.
    pub abi: Arc<Abi>,
    /// The registers.
    pub file: Arc<RegisterFile>,
    /// Conduits that the machine has, the usual one first.
    pub conduits: Vec<ConduitPlan>,
    /// Where the number goes, and the mask of the bits that count.
    pub number: Option<(Slot, u64)>,
    /// Where the return code is, and how many bits of it count.
    pub result: Option<(Slot, u8)>,
    /// The calls by name.
    pub calls: HashMap<String, Arc<CallPlan>>,
    numbers: HashMap<u64, Arc<CallPlan>>,
    /// A call that nobody offers: all that is known of it is its answer.
    pub unknown: Arc<CallPlan>,
    /// Bits of supervisor registers, which no call changes unless it says so; without those that the ABI gives away.
    pub supervisor: Box<[u64; MAX]>,
    /// The modes of the architecture.
    pub modes: HashMap<String, Vec<(Slot, u64)>>,
    /// Vectors of interrupts by name.
    pub vectors: HashMap<String, u64>,
    success: CodeSet,
    ranges: Vec<(i64, i64)>,
}

impl Plan {
    /// Makes `abi` ready for a machine of `arch` with `facts` on which `features` are to be had.
    ///
    /// # Errors
    /// A name that means nothing, an assembly line that cannot be read.
    pub fn new(
        abi: &Arc<Abi>,
        arch: &Arch,
        file: &Arc<RegisterFile>,
        facts: &Facts,
        features: &dyn Fn(&str) -> bool,
    ) -> Result<Self, PlanError> {
        let fail = |what: String| PlanError { abi: abi.abi.clone(), what };
        let builder = Builder { abi, file, facts, features };
        let slot = |name: &str| file.slot(name).ok_or_else(|| fail(format!("no register {name} on {}", arch.arch)));
        let fields = |sets: &indexmap::IndexMap<String, hypercheck_spec::word::Word>| {
            sets.iter().map(|(name, value)| Ok((slot(name)?, value.0))).collect::<Result<Vec<_>, PlanError>>()
        };
        let mut modes = HashMap::new();
        for (name, mode) in &arch.modes {
            modes.insert(name.clone(), fields(&mode.sets)?);
        }
        let vectors = arch.interrupts.iter().map(|(name, i)| (name.clone(), i.vector.0)).collect::<HashMap<_, _>>();
        let mut conduits = Vec::new();
        for (name, conduit) in &abi.conduits {
            let with = conduit.on.iter().all(|feature| features(feature));
            let without = conduit.decode.without.iter().all(|feature| !features(feature));
            let here = conduit.arch.is_empty() || conduit.arch.contains(&arch.arch);
            if with && without && here {
                conduits.push(builder.conduit(name, conduit, &modes, &vectors).map_err(fail)?);
            }
        }
        let width = |bits: u8| if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
        let number = match &abi.number {
            Some(number) => Some((slot(&number.register)?, width(number.width))),
            None => None,
        };
        let result = match &abi.result {
            Some(result) => Some((slot(&result.register)?, result.width.unwrap_or(file.width).min(file.width))),
            None => None,
        };
        let mut calls = HashMap::new();
        for (name, call) in &abi.calls {
            if call.arch.is_empty() || call.arch.contains(&arch.arch) {
                let plan = builder.call(name, &call.value).map_err(|what| fail(format!("{name}: {what}")))?;
                calls.insert(name.clone(), Arc::new(plan));
            }
        }
        let mask = number.map_or(u64::MAX, |(_, mask)| mask);
        let numbers = calls.values().map(|call: &Arc<CallPlan>| (call.number & mask, Arc::clone(call))).collect();
        let unknown = Arc::new(builder.unknown().map_err(fail)?);
        let mut supervisor = Box::new([0; MAX]);
        for id in file.ids().filter(|id| file.class(*id) == Class::Supervisor) {
            supervisor[usize::from(id.0)] = file.mask(id);
        }
        for name in abi.registers.volatile.iter().chain(&abi.registers.unstated).flat_map(|entry| names(entry)) {
            let slot = slot(&name)?;
            supervisor[usize::from(slot.register.0)] &= !slot.bits.mask();
        }
        let ranges = abi
            .codes
            .values()
            .map(|code| {
                let (a, b) = (code.value.value.0.cast_signed(), code.to.unwrap_or(code.value.value).0.cast_signed());
                (a.min(b), a.max(b))
            })
            .collect();
        Ok(Self {
            abi: Arc::clone(abi),
            file: Arc::clone(file),
            conduits,
            number,
            result,
            calls,
            numbers,
            unknown,
            supervisor,
            modes,
            vectors,
            success: builder.success(),
            ranges,
        })
    }

    /// The code, by position, that a register's value stands for.
    #[must_use]
    pub fn code(&self, value: u64) -> Option<u8> {
        let (_, width) = self.result?;
        let value = sign_extend(value, width).cast_signed();
        let found = self.ranges.iter().position(|(low, high)| (*low..=*high).contains(&value))?;
        u8::try_from(found).ok()
    }

    /// The name of a code.
    #[must_use]
    pub fn code_name(&self, code: u8) -> &str {
        self.abi.codes.get_index(usize::from(code)).map_or("?", |(name, _)| name)
    }

    /// Whether a code tells of success.
    #[must_use]
    pub const fn is_success(&self, code: u8) -> bool {
        self.success >> code & 1 == 1
    }

    /// Whether a code tells that nothing was done.
    #[must_use]
    pub fn is_error(&self, code: u8) -> bool {
        let entry = self.abi.codes.get_index(usize::from(code));
        entry.is_some_and(|(_, code)| code.class == CodeClass::Error)
    }

    /// The conduit of that name, or the usual one.
    #[must_use]
    pub fn conduit(&self, name: Option<&str>) -> Option<&ConduitPlan> {
        match name {
            Some(name) => self.conduits.iter().find(|conduit| conduit.name == name),
            None => self.conduits.first(),
        }
    }

    /// The call of that name.
    #[must_use]
    pub fn call(&self, name: &str) -> Option<&Arc<CallPlan>> {
        self.calls.get(name)
    }

    /// The call with that number, if the ABI names one.
    #[must_use]
    pub fn by_number(&self, number: u64) -> Option<&Arc<CallPlan>> {
        let mask = self.number.map_or(u64::MAX, |(_, mask)| mask);
        self.numbers.get(&(number & mask))
    }
}

struct Builder<'a> {
    abi: &'a Abi,
    file: &'a RegisterFile,
    facts: &'a Facts,
    features: &'a dyn Fn(&str) -> bool,
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

    fn success(&self) -> CodeSet {
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

    fn conduit(
        &self,
        name: &str,
        conduit: &Conduit,
        modes: &HashMap<String, Vec<(Slot, u64)>>,
        vectors: &HashMap<String, u64>,
    ) -> Result<ConduitPlan, String> {
        let words = hypercheck_ppc::asm::assemble(&conduit.code, 0, &|_| None)
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
        Ok(ConduitPlan { name: name.to_owned(), words, registers, refused, on: conduit.on.clone() })
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
        for name in outputs.chain(self.abi.result.iter().map(|result| &result.register)) {
            let slot = self.slot(name)?;
            masks[usize::from(slot.register.0)] &= !slot.bits.mask();
        }
        Ok(masks)
    }

    fn unknown(&self) -> Result<CallPlan, String> {
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

    fn call(&self, name: &str, call: &Call) -> Result<CallPlan, String> {
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

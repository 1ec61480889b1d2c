//! An ABI made ready for one machine: names resolved to registers, conditions to programs, frames to masks.
//!
//! Building a [`Plan`] costs milliseconds and is done once per machine; judging a call with it costs well under a
//! microsecond, because nothing is looked up by name any more.

mod build;

use std::collections::HashMap;
use std::sync::Arc;

use hypercheck_spec::abi::{Abi, CodeClass, HazardKind};
use hypercheck_spec::arch::{Arch, Class, names};

use crate::contract::Facts;
use crate::program::{Program, compile, sign_extend};
use crate::registers::{MAX, RegisterFile, RegisterId, Registers, Slot};

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
    /// The instructions, as they stand in memory; those of Power big-endian.
    pub code: Vec<u8>,
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
    /// A little-endian number as long as the footprint.
    Little(Program),
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
    /// The only conduit through which it is made, if there is one.
    pub conduit: Option<String>,
    /// Where its return code is.
    pub result: Option<ResultPlan>,
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

/// Where a return code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultPlan {
    /// The register.
    pub slot: Slot,
    /// How many bits of it count.
    pub width: u8,
    /// Whether a caller in 32-bit mode gets 32 bits, and zeros above them.
    pub narrow: bool,
}

impl ResultPlan {
    /// The code that came back, of which `narrow` tells whether the caller was in 32-bit mode. One that is to be cut to
    /// 32 bits and was not comes as it stands in the register.
    #[must_use]
    pub fn read(&self, registers: &Registers, narrow: bool) -> Option<u64> {
        let value = self.slot.extract(registers.get(self.slot.register)?);
        Some(match narrow && self.narrow {
            true if value >> 32 != 0 => value,
            true => sign_extend(value, 32),
            false => sign_extend(value, self.width),
        })
    }
}

/// Where a call's number goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPlan {
    /// The register of the number, or of its upper 32 bits.
    pub slot: Slot,
    /// The register of its low 32 bits, where there are two.
    pub low: Option<Slot>,
    /// The bits that count.
    pub mask: u64,
}

impl NumberPlan {
    /// Puts a number where it belongs. Halves are extended by their sign, as the C calling conventions do it.
    pub fn place(&self, number: u64, set: &mut dyn FnMut(Slot, u64)) {
        match self.low {
            None => set(self.slot, number),
            Some(low) => {
                set(self.slot, sign_extend(number >> 32, 32));
                set(low, sign_extend(number, 32));
            }
        }
    }
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
    /// Where the number goes.
    pub number: Option<NumberPlan>,
    /// Where the return code is, unless a call has it elsewhere.
    pub result: Option<ResultPlan>,
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
    /// Registers that modes are made of, bit n for register n: an interrupt changes them.
    pub states: u128,
    /// Fields that make up the mode `32-bit`; empty on an architecture without it.
    pub narrow: Vec<(Slot, u64)>,
    /// Codes that are interrupts, with their vectors.
    interrupts: Vec<(u8, u64)>,
    /// The code of success that returns nothing, by position.
    pub done: Option<u8>,
    /// Memory that taking an interrupt writes: first address and length.
    pub interrupt_writes: Vec<(Program, u64)>,
    success: CodeSet,
    ranges: Vec<Option<(i64, i64)>>,
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
        let builder = build::Builder { abi, arch, file, facts, features };
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
            Some(number) => Some(NumberPlan {
                slot: slot(&number.register)?,
                low: number.low_in.as_deref().map(slot).transpose()?,
                mask: width(number.width),
            }),
            None => None,
        };
        let result = abi.result.as_ref().map(|result| builder.result(result)).transpose().map_err(fail)?;
        let mut calls = HashMap::new();
        for (name, call) in &abi.calls {
            if call.arch.is_empty() || call.arch.contains(&arch.arch) {
                let plan = builder.call(name, &call.value).map_err(|what| fail(format!("{name}: {what}")))?;
                calls.insert(name.clone(), Arc::new(plan));
            }
        }
        let mask = number.map_or(u64::MAX, |number| number.mask);
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
        let mut interrupt_writes = Vec::new();
        for write in &arch.interrupt_writes {
            let at = compile(&write.at, &|name| file.slot(name).map(Program::Before));
            interrupt_writes.push((at.map_err(|name| fail(format!("no register {name}")))?, write.length.0));
        }
        let ranges = abi.codes.values().map(|code| code.bounds()).collect();
        let coded = (0u8..).zip(abi.codes.values());
        let done =
            coded.clone().find(|(_, code)| code.value.value.is_none() && code.interrupt.is_none()).map(|(n, _)| n);
        let interrupts = coded.filter_map(|(n, code)| Some((n, *vectors.get(code.interrupt.as_ref()?)?))).collect();
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
            states: modes.values().flatten().fold(0, |set, (slot, _): &(Slot, u64)| set | 1 << slot.register.0),
            narrow: modes.get("32-bit").cloned().unwrap_or_default(),
            vectors,
            interrupts,
            done,
            interrupt_writes,
            modes,
            success: builder.success(),
            ranges,
        })
    }

    /// The code, by position, that a value stands for; bits of the register that do not count are gone already.
    #[must_use]
    pub fn code(&self, value: u64) -> Option<u8> {
        let value = value.cast_signed();
        let fits = |range: &Option<(i64, i64)>| range.is_some_and(|(low, high)| (low..=high).contains(&value));
        u8::try_from(self.ranges.iter().position(fits)?).ok()
    }

    /// The code, by position, that stands for the interrupt with this vector; of several the first in `among`.
    #[must_use]
    pub fn interrupt_code(&self, vector: u64, among: CodeSet) -> Option<u8> {
        let found = || self.interrupts.iter().filter(|(_, known)| *known == vector).map(|(code, _)| *code);
        found().find(|code| among >> code & 1 == 1).or_else(|| found().next())
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

    /// Clears general registers of which a call uses some bits only: the rest is not part of the call, and zero unless
    /// a row says otherwise.
    pub fn clear_sliced(&self, call: &CallPlan, registers: &mut Registers) {
        let number = self.number.iter().flat_map(|number| [Some(number.slot), number.low]).flatten();
        for slot in call.arguments.iter().map(|(_, slot)| *slot).chain(number) {
            if slot.bits.mask() != self.file.mask(slot.register) && self.file.class(slot.register) == Class::General {
                registers.set(slot.register, 0);
            }
        }
    }

    /// Whether registers are those of a caller in 32-bit mode.
    #[must_use]
    pub fn is_narrow(&self, registers: &Registers) -> bool {
        !self.narrow.is_empty() && holds(&self.narrow, registers)
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
        let mask = self.number.map_or(u64::MAX, |number| number.mask);
        self.numbers.get(&(number & mask))
    }
}

/// Whether all fields have the given values; a register that is absent decides nothing.
#[must_use]
pub fn holds(when: &[(Slot, u64)], registers: &Registers) -> bool {
    when.iter().all(|(slot, value)| registers.get(slot.register).is_some_and(|r| slot.extract(r) == *value))
}

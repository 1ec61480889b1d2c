//! Values of an argument.

use arbitrary::{Result, Unstructured};
use hypercheck_spec::abi::{self, Domain};
use hypercheck_spec::expr::Expr;

use crate::contract::Facts;
use crate::plan::{CallPlan, Plan};
use crate::program::{Memory, Program, View, compile, resolve_common};
use crate::registers::{Registers, Slot};
use crate::scenario::example;

/// An argument with its domain, ready to be drawn from.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) slot: Slot,
    /// A valid value where the spec lets one be known.
    example: Option<Program>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Any,
    OneOf(Vec<Program>),
    Range(Program, Program),
    Flags(Vec<u64>),
    Address { align: Program, length: Program },
}

/// Numbers at which programs tend to go wrong.
const NOTABLE: [u64; 20] = [
    0,
    1,
    2,
    3,
    7,
    8,
    0xF,
    0x10,
    0xFF,
    0x1000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
    !0xFFF,
];

/// Memory for expressions while nothing is there to be read yet.
struct Unread(u64);

impl Memory for Unread {
    fn number(&mut self, _: u64, _: usize) -> Option<u64> {
        None
    }
    fn ram(&self) -> u64 {
        self.0
    }
}

fn evaluate(program: &Program, registers: &Registers, facts: &Facts) -> Option<u64> {
    program.evaluate(&mut View { before: registers, after: registers, memory: &mut Unread(facts.ram) })
}

impl Argument {
    /// The argument `name` of `call`. A domain over something that the machine lacks is taken as open.
    pub(super) fn new(plan: &Plan, call: &CallPlan, slot: Slot, argument: &abi::Argument, facts: &Facts) -> Self {
        let resolve = |name: &str| {
            let known = call.arguments.iter().find(|(known, _)| known == name);
            known.map(|(_, slot)| Program::Before(*slot)).or_else(|| resolve_common(&plan.abi, &plan.file, facts, name))
        };
        let ready = |expr: &Expr| compile(expr, &resolve).ok();
        let values = match &argument.domain {
            Domain::Any => None,
            Domain::OneOf(all) => all.iter().map(ready).collect::<Option<Vec<_>>>().map(Values::OneOf),
            Domain::Range([from, to]) => ready(from).zip(ready(to)).map(|(from, to)| Values::Range(from, to)),
            Domain::Flags(flags) => Some(Values::Flags(flags.values().map(|mask| mask.0).collect())),
            Domain::Address(address) => ready(&address.align)
                .zip(ready(&address.length))
                .map(|(align, length)| Values::Address { align, length }),
        };
        Self { slot, example: example(argument).as_ref().and_then(ready), values: values.unwrap_or(Values::Any) }
    }

    /// The valid value that the spec gives, over the registers as they are.
    pub(super) fn example(&self, registers: &Registers, facts: &Facts) -> Option<u64> {
        self.example.as_ref().and_then(|program| evaluate(program, registers, facts))
    }

    /// A value: often valid, sometimes at an edge of the domain or beyond it, rarely any.
    pub(super) fn draw(&self, u: &mut Unstructured<'_>, registers: &Registers, facts: &Facts) -> Result<u64> {
        let example = self.example(registers, facts);
        Ok(match (u.int_in_range(0..=15u8)?, example) {
            (0..=5, Some(value)) => value,
            (0..=9, _) => self.valid(u, registers, facts)?,
            (10..=12, _) => self.edge(u, registers, facts)?,
            (13, _) => self.valid(u, registers, facts)? ^ 1 << u.int_in_range(0..=63u32)?,
            (14, _) => *u.choose(&NOTABLE)?,
            _ => u.arbitrary()?,
        })
    }

    fn valid(&self, u: &mut Unstructured<'_>, registers: &Registers, facts: &Facts) -> Result<u64> {
        let value = |program| evaluate(program, registers, facts).unwrap_or(0);
        Ok(match &self.values {
            Values::Any if u.ratio(1, 2)? => *u.choose(&NOTABLE)?,
            Values::Any => u.arbitrary()?,
            Values::OneOf(all) => value(u.choose(all)?),
            Values::Range(from, to) => {
                let (from, to) = (value(from), value(to));
                u.int_in_range(from..=to.max(from))?
            }
            Values::Flags(all) => {
                let chosen: u64 = u.arbitrary()?;
                let picked = all.iter().enumerate().filter(|(n, _)| chosen >> (n % 64) & 1 == 1);
                picked.fold(0, |flags, (_, mask)| flags | mask)
            }
            Values::Address { align, .. } => {
                let offset: u16 = u.arbitrary()?;
                (facts.scratch + u64::from(offset)) & !(value(align).max(1) - 1)
            }
        })
    }

    fn edge(&self, u: &mut Unstructured<'_>, registers: &Registers, facts: &Facts) -> Result<u64> {
        let value = |program| evaluate(program, registers, facts).unwrap_or(0);
        let near = |u: &mut Unstructured<'_>, x: u64| Ok(x.wrapping_add_signed(u.int_in_range(-1..=1i64)?));
        match &self.values {
            Values::Any => Ok(*u.choose(&NOTABLE)?),
            Values::OneOf(all) => {
                let x = value(u.choose(all)?);
                near(u, x)
            }
            Values::Range(from, to) => {
                let x = value(if u.arbitrary()? { from } else { to });
                near(u, x)
            }
            Values::Flags(all) => {
                let every = all.iter().fold(0, |every, mask| every | mask);
                let bit = 1 << u.int_in_range(0..=63u32)?;
                Ok(*u.choose(&[0, every, bit, every | bit])?)
            }
            Values::Address { align, length } => {
                let (align, length) = (value(align), value(length));
                let last = facts.ram.wrapping_sub(length) & !(align.max(1) - 1);
                let x = *u.choose(&[last, facts.ram, facts.scratch, facts.scratch + align / 2, u64::MAX, !0xFFF])?;
                near(u, x)
            }
        }
    }
}

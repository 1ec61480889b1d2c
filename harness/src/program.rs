//! Expressions of the spec with their names resolved: what the judge evaluates.

use hypercheck_spec::abi::Abi;
use hypercheck_spec::expr::{Binary, Expr, Function, Unary, swapped};

use crate::contract::Facts;
use crate::registers::{RegisterFile, Registers, Slot};

/// A compiled expression.
#[derive(Debug, Clone)]
pub enum Program {
    /// A number.
    Constant(u64),
    /// Something that is not known of this machine.
    Unknown,
    /// A register or field as it was before the call.
    Before(Slot),
    /// A register or field as it is after the call.
    After(Slot),
    /// One operand.
    Unary(Unary, Box<Program>),
    /// Two operands.
    Binary(Binary, Box<Program>, Box<Program>),
    /// Membership in ranges.
    In(Box<Program>, Vec<(Program, Program)>),
    /// A function.
    Call(Function, Vec<Program>),
}

/// Guest memory as an expression sees it.
pub trait Memory {
    /// The big-endian number of `length` bytes, or `None` outside RAM.
    fn number(&mut self, address: u64, length: usize) -> Option<u64>;
    /// Bytes of RAM from address 0.
    fn ram(&self) -> u64;
}

/// What a compiled expression is evaluated over.
pub struct View<'a> {
    /// Registers before the call.
    pub before: &'a Registers,
    /// Registers after it; the same as before where there is no after yet.
    pub after: &'a Registers,
    /// Memory.
    pub memory: &'a mut dyn Memory,
}

impl Program {
    /// Computes the value; `None` where a register that it needs could not be observed.
    pub fn evaluate(&self, view: &mut View<'_>) -> Option<u64> {
        Some(match self {
            Self::Constant(value) => *value,
            Self::Unknown => return None,
            Self::Before(slot) => slot.extract(view.before.get(slot.register)?),
            Self::After(slot) => slot.extract(view.after.get(slot.register)?),
            Self::Unary(Unary::Not, x) => u64::from(x.evaluate(view)? == 0),
            Self::Unary(Unary::Minus, x) => x.evaluate(view)?.wrapping_neg(),
            Self::Unary(Unary::Complement, x) => !x.evaluate(view)?,
            Self::Binary(Binary::And, a, b) => u64::from(a.evaluate(view)? != 0 && b.evaluate(view)? != 0),
            Self::Binary(Binary::Or, a, b) => u64::from(a.evaluate(view)? != 0 || b.evaluate(view)? != 0),
            Self::Binary(op, a, b) => op.apply(a.evaluate(view)?, b.evaluate(view)?),
            Self::In(x, ranges) => {
                let x = x.evaluate(view)?;
                for (from, to) in ranges {
                    if from.evaluate(view)? <= x && x <= to.evaluate(view)? {
                        return Some(1);
                    }
                }
                0
            }
            Self::Call(function, arguments) => {
                let x = arguments[0].evaluate(view)?;
                match function {
                    Function::Ram => {
                        let length = arguments[1].evaluate(view)?;
                        u64::from(x.checked_add(length).is_some_and(|end| end <= view.memory.ram()))
                    }
                    Function::Big(length) => view.memory.number(x, usize::from(*length)).unwrap_or(0),
                    Function::Little(length) => {
                        let length = usize::from(*length);
                        swapped(view.memory.number(x, length).unwrap_or(0), length)
                    }
                    Function::Low32 => x & 0xFFFF_FFFF,
                    Function::Signed => x ^ 1 << 63,
                    Function::Extend32 => sign_extend(x, 32),
                    Function::If => arguments[if x != 0 { 1 } else { 2 }].evaluate(view)?,
                }
            }
        })
    }
}

/// The low `width` bits of `value`, sign-extended to 64.
#[must_use]
pub fn sign_extend(value: u64, width: u8) -> u64 {
    let spare = 64 - u32::from(width.clamp(1, 64));
    ((value << spare).cast_signed() >> spare).cast_unsigned()
}

/// Compiles `expr`; `resolve` gives names their meaning.
///
/// # Errors
/// The first name that has none.
pub fn compile(expr: &Expr, resolve: &dyn Fn(&str) -> Option<Program>) -> Result<Program, String> {
    let one = |x: &Expr| compile(x, resolve).map(Box::new);
    Ok(match expr {
        Expr::Number(word) => Program::Constant(word.0),
        Expr::Name(name) => resolve(name).ok_or_else(|| name.clone())?,
        Expr::Unary(op, x) => Program::Unary(*op, one(x)?),
        Expr::Binary(op, a, b) => Program::Binary(*op, one(a)?, one(b)?),
        Expr::In(x, ranges) => Program::In(
            one(x)?,
            ranges
                .iter()
                .map(|(from, to)| Ok((compile(from, resolve)?, compile(to, resolve)?)))
                .collect::<Result<_, String>>()?,
        ),
        Expr::Call(function, arguments) => {
            Program::Call(*function, arguments.iter().map(|x| compile(x, resolve)).collect::<Result<_, _>>()?)
        }
    })
}

/// The meaning of names that every expression about `abi` may use.
pub fn resolve_common(abi: &Abi, file: &RegisterFile, facts: &Facts, name: &str) -> Option<Program> {
    if let Some(fact) = name.strip_prefix("machine.") {
        return Some(facts.get(fact).map_or(Program::Unknown, Program::Constant));
    }
    if let Some(register) = name.strip_prefix("after.") {
        return file.slot(register).map(Program::After);
    }
    if let Some(constant) = abi.constants.get(name) {
        return Some(Program::Constant(constant.0));
    }
    if let Some(code) = abi.codes.get(name) {
        return code.value.value.map(|value| Program::Constant(value.0));
    }
    file.slot(name).map(Program::Before)
}

//! Operand expressions.

use crate::table::SPRS;

/// What an expression stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Number,
    Gpr,
    Fpr,
    Vr,
    Vsr,
    Cr,
    Spr,
}

impl ValueKind {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Gpr => "a general-purpose register (r0 to r31)",
            Self::Fpr => "a floating-point register (f0 to f31)",
            Self::Vr => "a vector register (v0 to v31)",
            Self::Vsr => "a vector-scalar register (vs0 to vs63)",
            Self::Cr => "a condition register field (cr0 to cr7)",
            Self::Spr => "a special-purpose register",
        }
    }
}

/// A number, or the number of a register. A special-purpose register is given by the index of its first row, because its
/// number may differ between reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: ValueKind,
    pub(crate) number: i128,
}

impl Value {
    pub(crate) fn number(number: i128) -> Self {
        Self { kind: ValueKind::Number, number }
    }
}

/// What is wrong, with its byte offset in the expression.
type Trouble = (usize, String);

struct Parser<'a> {
    text: &'a str,
    at: usize,
    lookup: &'a dyn Fn(&str) -> Option<Value>,
    depth: u32,
}

/// Evaluates an expression; `lookup` gives the value of names.
pub(crate) fn evaluate(text: &str, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<Value, Trouble> {
    let mut parser = Parser { text, at: 0, lookup, depth: 0 };
    let value = parser.binary(0)?;
    parser.skip();
    match parser.rest().chars().next() {
        None => Ok(value),
        Some(c) => Err((parser.at, format!("`{c}` does not belong here; separate operands with commas"))),
    }
}

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/"]];

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn binary(&mut self, level: usize) -> Result<Value, Trouble> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            self.skip();
            let Some(operator) = operators.iter().find(|operator| self.rest().starts_with(**operator)) else {
                return Ok(left);
            };
            let place = self.at;
            self.at += operator.len();
            let right = self.binary(level + 1)?;
            if left.kind == ValueKind::Spr || right.kind == ValueKind::Spr {
                let message = "a special-purpose register is no number to compute with; write its number";
                return Err((place, message.to_owned()));
            }
            let (a, b) = (left.number, right.number);
            let result = match *operator {
                "|" => Some(a | b),
                "^" => Some(a ^ b),
                "&" => Some(a & b),
                "<<" => u32::try_from(b).ok().filter(|b| *b < 64).and_then(|b| a.checked_mul(1 << b)),
                ">>" => u32::try_from(b).ok().filter(|b| *b < 64).map(|b| a >> b),
                "+" => a.checked_add(b),
                "-" => a.checked_sub(b),
                "*" => a.checked_mul(b),
                _ => a.checked_div(b),
            };
            let number = result.ok_or_else(|| (place, format!("{a} {operator} {b} cannot be computed")))?;
            left = Value::number(number);
        }
    }

    fn unary(&mut self) -> Result<Value, Trouble> {
        self.depth += 1;
        if self.depth > 200 {
            return Err((self.at, "the expression is nested too deeply".to_owned()));
        }
        self.skip();
        let place = self.at;
        let mut letters = self.rest().chars();
        let value = match letters.next() {
            Some('-') => {
                self.at += 1;
                Value::number(-self.unary()?.number)
            }
            Some('+') => {
                self.at += 1;
                self.unary()?
            }
            Some('~') => {
                self.at += 1;
                Value::number(!self.unary()?.number)
            }
            Some('(') => {
                self.at += 1;
                let value = self.binary(0)?;
                self.skip();
                if !self.rest().starts_with(')') {
                    return Err((self.at, "a closing parenthesis is missing".to_owned()));
                }
                self.at += 1;
                value
            }
            Some(c) if c.is_ascii_digit() => self.digits()?,
            Some(c) if c.is_ascii_alphabetic() || matches!(c, '_' | '.') => {
                let rest = self.rest();
                let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
                let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
                self.at += end;
                let name = &rest[..end];
                (self.lookup)(name)
                    .or_else(|| named(name))
                    .ok_or_else(|| (place, format!("`{name}` is not defined; add a label or a symbol of that name")))?
            }
            Some(c) => return Err((place, format!("`{c}` does not begin an operand"))),
            None => return Err((place, "an operand is missing".to_owned())),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn digits(&mut self) -> Result<Value, Trouble> {
        let (place, rest) = (self.at, self.rest());
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        let text = rest[..end].replace('_', "").to_ascii_lowercase();
        let (digits, radix) = match text.get(..2) {
            Some("0x") => (&text[2..], 16),
            Some("0b") => (&text[2..], 2),
            _ => (&text[..], 10),
        };
        u64::from_str_radix(digits, radix)
            .map(|number| Value::number(number.into()))
            .map_err(|_| (place, format!("`{}` is no number of up to 64 bits", &rest[..end])))
    }
}

/// Registers and condition bits by name.
fn named(name: &str) -> Option<Value> {
    let numbered = |prefix: &str, limit: i128, kind| {
        let digits = name.strip_prefix(prefix)?;
        let canonical = digits == "0" || !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| canonical && *number < limit)?;
        Some(Value { kind, number })
    };
    let bit = ["lt", "gt", "eq", "so"].iter().position(|bit| *bit == name).or((name == "un").then_some(3));
    numbered("r", 32, ValueKind::Gpr)
        .or_else(|| numbered("cr", 8, ValueKind::Cr))
        .or_else(|| numbered("f", 32, ValueKind::Fpr))
        .or_else(|| numbered("v", 32, ValueKind::Vr))
        .or_else(|| numbered("vs", 64, ValueKind::Vsr))
        .or_else(|| bit.map(|bit| Value::number(bit as i128)))
        .or_else(|| {
            let index = SPRS.iter().position(|row| row.name == name)?;
            Some(Value { kind: ValueKind::Spr, number: index as i128 })
        })
}

//! The expressions in which the YAML files state conditions and values.
//!
//! `size not in {1, 2, 4, 8}`, `address & 7 != 0`, `be16(address + 4) < 640`. All values are 64 bits wide and
//! unsigned; comparison and logic give 1 or 0. Names stand for arguments, registers, bit fields (`msr.pr`),
//! constants of the ABI and facts of the machine (`machine.ram`); whoever evaluates decides what they mean.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::word::Word;

/// An operation on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `not x`
    Not,
    /// `-x`
    Minus,
    /// `~x`
    Complement,
}

/// An operation on two values, loosest binding first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operations")]
pub enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    BitOr,
    BitXor,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Remainder,
}

impl Binary {
    const ALL: [(Self, &'static str, u8); 17] = [
        (Self::Or, "or", 1),
        (Self::And, "and", 2),
        (Self::Equal, "==", 4),
        (Self::Unequal, "!=", 4),
        (Self::LessEqual, "<=", 4),
        (Self::GreaterEqual, ">=", 4),
        (Self::ShiftLeft, "<<", 8),
        (Self::ShiftRight, ">>", 8),
        (Self::Less, "<", 4),
        (Self::Greater, ">", 4),
        (Self::BitOr, "|", 5),
        (Self::BitXor, "^", 6),
        (Self::BitAnd, "&", 7),
        (Self::Add, "+", 9),
        (Self::Subtract, "-", 9),
        (Self::Multiply, "*", 10),
        (Self::Remainder, "%", 10),
    ];

    fn spelling(self) -> (&'static str, u8) {
        let (_, text, level) = Self::ALL[Self::ALL.iter().position(|(op, ..)| *op == self).unwrap_or(0)];
        (text, level)
    }

    /// Computes `a op b`. A shift by 64 or more gives 0, a remainder by 0 gives 0.
    #[must_use]
    pub fn apply(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Or => u64::from(a != 0 || b != 0),
            Self::And => u64::from(a != 0 && b != 0),
            Self::Equal => u64::from(a == b),
            Self::Unequal => u64::from(a != b),
            Self::Less => u64::from(a < b),
            Self::LessEqual => u64::from(a <= b),
            Self::Greater => u64::from(a > b),
            Self::GreaterEqual => u64::from(a >= b),
            Self::BitOr => a | b,
            Self::BitXor => a ^ b,
            Self::BitAnd => a & b,
            Self::ShiftLeft => u32::try_from(b).ok().and_then(|n| a.checked_shl(n)).unwrap_or(0),
            Self::ShiftRight => u32::try_from(b).ok().and_then(|n| a.checked_shr(n)).unwrap_or(0),
            Self::Add => a.wrapping_add(b),
            Self::Subtract => a.wrapping_sub(b),
            Self::Multiply => a.wrapping_mul(b),
            Self::Remainder => a.checked_rem(b).unwrap_or(0),
        }
    }
}

/// The number of `length` bytes whose bytes stand in the other order.
#[must_use]
pub const fn swapped(value: u64, length: usize) -> u64 {
    value.swap_bytes() >> (64 - 8 * length)
}

/// A function over values and guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `ram(address, length)`: 1 if all bytes are guest RAM.
    Ram,
    /// `be8(address)` to `be64(address)`: the big-endian number in guest memory, of that many bytes; 0 outside RAM.
    Big(u8),
    /// `le16(address)` to `le64(address)`: the same little-endian.
    Little(u8),
    /// `u32(x)`: the low 32 bits.
    Low32,
    /// `signed(x)`: x with its top bit inverted, so that unsigned comparison orders like a signed one.
    Signed,
    /// `sign32(x)`: the low 32 bits sign-extended.
    Extend32,
    /// `if(condition, a, b)`.
    If,
}

impl Function {
    const ALL: [(&'static str, Self, usize); 12] = [
        ("ram", Self::Ram, 2),
        ("be8", Self::Big(1), 1),
        ("be16", Self::Big(2), 1),
        ("be32", Self::Big(4), 1),
        ("be64", Self::Big(8), 1),
        ("le16", Self::Little(2), 1),
        ("le32", Self::Little(4), 1),
        ("le64", Self::Little(8), 1),
        ("u32", Self::Low32, 1),
        ("signed", Self::Signed, 1),
        ("sign32", Self::Extend32, 1),
        ("if", Self::If, 3),
    ];
}

/// An expression. Built by [`Expr::parse`]; written back by `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A number.
    Number(Word),
    /// A name that the evaluator knows.
    Name(String),
    /// One operand.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `x in {a, b..c}`; ranges include both ends.
    In(Box<Expr>, Vec<(Expr, Expr)>),
    /// A function of its arguments.
    Call(Function, Vec<Expr>),
}

/// What an evaluator must offer.
pub trait Scope {
    /// The value of a name, or `None` if it has none here.
    fn name(&self, name: &str) -> Option<u64>;
    /// The big-endian number of `length` bytes at a guest real address, or `None` outside RAM.
    fn memory(&self, address: u64, length: u64) -> Option<u64>;
    /// Whether all of the range is guest RAM.
    fn is_ram(&self, address: u64, length: u64) -> bool;
}

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong and at which character (from 1).
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0 };
        let expr = parser.expression(1)?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.trouble("cannot go on here; is an operator missing?"));
        }
        Ok(expr)
    }

    /// A number as an expression.
    #[must_use]
    pub const fn number(value: u64) -> Self {
        Self::Number(Word(value))
    }

    /// All names that occur.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |expr| {
            if let Self::Name(name) = expr {
                names.insert(name.as_str());
            }
        });
        names
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match self {
            Self::Number(_) | Self::Name(_) => {}
            Self::Unary(_, x) => x.visit(see),
            Self::Binary(_, a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Self::In(x, ranges) => {
                x.visit(see);
                for (from, to) in ranges {
                    from.visit(see);
                    to.visit(see);
                }
            }
            Self::Call(_, arguments) => arguments.iter().for_each(|x| x.visit(see)),
        }
    }

    /// Computes the value in `scope`.
    ///
    /// # Errors
    /// The first name that the scope does not know.
    pub fn evaluate(&self, scope: &impl Scope) -> Result<u64, String> {
        Ok(match self {
            Self::Number(word) => word.0,
            Self::Name(name) => scope.name(name).ok_or_else(|| name.clone())?,
            Self::Unary(Unary::Not, x) => u64::from(x.evaluate(scope)? == 0),
            Self::Unary(Unary::Minus, x) => x.evaluate(scope)?.wrapping_neg(),
            Self::Unary(Unary::Complement, x) => !x.evaluate(scope)?,
            Self::Binary(Binary::And, a, b) => u64::from(a.evaluate(scope)? != 0 && b.evaluate(scope)? != 0),
            Self::Binary(Binary::Or, a, b) => u64::from(a.evaluate(scope)? != 0 || b.evaluate(scope)? != 0),
            Self::Binary(op, a, b) => op.apply(a.evaluate(scope)?, b.evaluate(scope)?),
            Self::In(x, ranges) => {
                let x = x.evaluate(scope)?;
                for (from, to) in ranges {
                    if (from.evaluate(scope)?..=to.evaluate(scope)?).contains(&x) {
                        return Ok(1);
                    }
                }
                0
            }
            Self::Call(function, arguments) => {
                let x = arguments[0].evaluate(scope)?;
                match function {
                    Function::Ram => u64::from(scope.is_ram(x, arguments[1].evaluate(scope)?)),
                    Function::Big(length) => scope.memory(x, u64::from(*length)).unwrap_or(0),
                    Function::Little(length) => {
                        swapped(scope.memory(x, u64::from(*length)).unwrap_or(0), usize::from(*length))
                    }
                    Function::Low32 => x & 0xFFFF_FFFF,
                    Function::Signed => x ^ 1 << 63,
                    #[expect(clippy::cast_possible_truncation, reason = "that is the function")]
                    Function::Extend32 => i64::from(x as i32).cast_unsigned(),
                    Function::If => arguments[if x != 0 { 1 } else { 2 }].evaluate(scope)?,
                }
            }
        })
    }

    fn level(&self) -> u8 {
        match self {
            Self::Binary(op, ..) => op.spelling().1,
            Self::Unary(Unary::Not, _) => 3,
            Self::In(..) => 4,
            _ => 11,
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |f: &mut fmt::Formatter<'_>, x: &Self, level: u8| {
            if x.level() < level { write!(f, "({x})") } else { write!(f, "{x}") }
        };
        match self {
            Self::Number(word) => write!(f, "{word}"),
            Self::Name(name) => f.write_str(name),
            Self::Unary(op, x) => {
                f.write_str(match op {
                    Unary::Not => "not ",
                    Unary::Minus => "-",
                    Unary::Complement => "~",
                })?;
                inner(f, x, if *op == Unary::Not { 3 } else { 11 })
            }
            Self::Binary(op, a, b) => {
                let (text, level) = op.spelling();
                inner(f, a, level)?;
                write!(f, " {text} ")?;
                inner(f, b, level + 1)
            }
            Self::In(x, ranges) => {
                inner(f, x, 5)?;
                f.write_str(" in {")?;
                for (n, (from, to)) in ranges.iter().enumerate() {
                    let comma = if n == 0 { "" } else { ", " };
                    f.write_str(comma)?;
                    inner(f, from, 5)?;
                    if from != to {
                        f.write_str("..")?;
                        inner(f, to, 5)?;
                    }
                }
                f.write_str("}")
            }
            Self::Call(function, arguments) => {
                let name = Function::ALL.iter().find(|(_, known, _)| known == function).map_or("", |(name, ..)| name);
                write!(f, "{name}(")?;
                for (n, x) in arguments.iter().enumerate() {
                    write!(f, "{}{x}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn trouble(&self, what: &str) -> String {
        let near = self.rest().split_whitespace().next().unwrap_or("the end");
        let column = self.text[..self.at].chars().count() + 1;
        format!("in expression `{}`, character {column} (`{near}`): {what}", self.text)
    }

    /// Takes `token` if it comes next; a word only as a whole.
    fn take(&mut self, token: &str) -> bool {
        self.space();
        let Some(after) = self.rest().strip_prefix(token) else { return false };
        let word = token.ends_with(|c: char| c.is_ascii_alphabetic());
        if word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            return false;
        }
        self.at += token.len();
        true
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.trouble(&format!("expected `{token}`"))) }
    }

    fn expression(&mut self, least: u8) -> Result<Expr, String> {
        let mut left = if least <= 3 && self.take("not") {
            Expr::Unary(Unary::Not, Box::new(self.expression(3)?))
        } else {
            self.operand()?
        };
        'operators: loop {
            if least <= 4 {
                let start = self.at;
                let negated = self.take("not");
                if self.take("in") {
                    let set = Expr::In(Box::new(left), self.set()?);
                    left = if negated { Expr::Unary(Unary::Not, Box::new(set)) } else { set };
                    continue;
                }
                self.at = start;
            }
            for (op, text, level) in Binary::ALL {
                if level >= least && self.take(text) {
                    let right = self.expression(level + 1)?;
                    left = Expr::Binary(op, Box::new(left), Box::new(right));
                    continue 'operators;
                }
            }
            return Ok(left);
        }
    }

    fn set(&mut self) -> Result<Vec<(Expr, Expr)>, String> {
        self.expect("{")?;
        let mut ranges = Vec::new();
        loop {
            let from = self.expression(5)?;
            let to = if self.take("..") { self.expression(5)? } else { from.clone() };
            ranges.push((from, to));
            if !self.take(",") {
                self.expect("}")?;
                return Ok(ranges);
            }
        }
    }

    fn operand(&mut self) -> Result<Expr, String> {
        if self.take("(") {
            let expr = self.expression(1)?;
            self.expect(")")?;
            return Ok(expr);
        }
        if self.take("-") {
            return Ok(match self.operand()? {
                Expr::Number(word) => Expr::number(word.0.wrapping_neg()),
                other => Expr::Unary(Unary::Minus, Box::new(other)),
            });
        }
        if self.take("~") {
            return Ok(Expr::Unary(Unary::Complement, Box::new(self.operand()?)));
        }
        self.space();
        let end = self
            .rest()
            .char_indices()
            .find(|(n, c)| {
                let range = *c == '.' && self.rest()[*n..].starts_with("..");
                range || !(c.is_ascii_alphanumeric() || "_.-$".contains(*c)) || (*c == '-' && !self.dash_in_name(*n))
            })
            .map_or(self.rest().len(), |(n, _)| n);
        let word = self.rest()[..end].to_owned();
        if word.is_empty() {
            return Err(self.trouble("expected a number, a name or `(`"));
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number = Word::parse(&word).ok_or_else(|| self.trouble("this is no 64-bit number"))?;
            self.at += end;
            return Ok(Expr::Number(number));
        }
        if let Some((name, function, count)) = Function::ALL.iter().find(|(name, ..)| *name == word) {
            self.at += end;
            self.expect("(")?;
            let mut arguments = vec![self.expression(1)?];
            while self.take(",") {
                arguments.push(self.expression(1)?);
            }
            self.expect(")")?;
            if arguments.len() != *count {
                return Err(self.trouble(&format!("`{name}` takes {count} arguments")));
            }
            return Ok(Expr::Call(*function, arguments));
        }
        self.at += end;
        let bits = self.rest().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((bits, _)) = bits {
            let slice = format!("{word}[{bits}]");
            if crate::arch::slice(&slice).is_none() {
                return Err(self.trouble("write the bits of a register as `[high..low]`, least significant bit 0"));
            }
            self.at += bits.len() + 2;
            return Ok(Expr::Name(slice));
        }
        Ok(Expr::Name(word))
    }

    /// Whether the dash at `n` belongs to a name such as `buffer-size` rather than being a minus with spaces.
    fn dash_in_name(&self, n: usize) -> bool {
        let rest = self.rest();
        let before = rest[..n].chars().next_back();
        let after = rest[n + 1..].chars().next();
        rest.starts_with(|c: char| c.is_ascii_alphabetic())
            && before.is_some_and(|c| c.is_ascii_alphanumeric())
            && after.is_some_and(|c| c.is_ascii_alphabetic())
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expressions;
        impl Visitor<'_> for Expressions {
            type Value = Expr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or an expression such as `size not in {1, 2, 4, 8}`")
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Expr, E> {
                Ok(Expr::number(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Expr, E> {
                Ok(Expr::number(value.cast_unsigned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Expr, E> {
                Ok(Expr::number(u64::from(value)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Expr, E> {
                Expr::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Expressions)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Expr {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number, or an expression over arguments, registers, constants and machine facts",
            "type": ["integer", "string", "boolean"]
        })
    }
}

#[cfg(test)]
mod tests;

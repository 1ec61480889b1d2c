//! Compare, select and trap. Power ISA Book I 3.3.10, 3.3.11

use std::cmp::Ordering;

use crate::bits::{bf, extend, ra, rb, rc, rt, si, ui};
use crate::cpu::{Cpu, XER_SO};
use crate::execute::{Outcome, Step};
use crate::interrupt::{Interrupt, Program};
use crate::table::Op;

impl Cpu {
    pub(crate) fn compare(&mut self, op: Op, word: u32) -> Outcome {
        let (a, b) = (self.gpr[ra(word)], self.gpr[rb(word)]);
        let double = word & 1 << 21 != 0;
        match op {
            Op::Cmp | Op::Cmpi => {
                let b = if op == Op::Cmp { b } else { si(word) };
                let (a, b) = if double { (a, b) } else { (extend(a), extend(b)) };
                return self.set_order(word, double, a.cast_signed().cmp(&b.cast_signed()));
            }
            Op::Cmpl | Op::Cmpli => {
                let b = if op == Op::Cmpl { b } else { ui(word) };
                let (a, b) = if double { (a, b) } else { (a & 0xFFFF_FFFF, b & 0xFFFF_FFFF) };
                return self.set_order(word, double, a.cmp(&b));
            }
            Op::Cmprb => {
                let within = |low: u64, high: u64| (low & 0xFF..=high & 0xFF).contains(&(a & 0xFF));
                let found = within(b, b >> 8) || double && within(b >> 16, b >> 24);
                self.set_cr(bf(word), u32::from(found) << 2);
            }
            Op::Cmpeqb => {
                let found = b.to_be_bytes().contains(&(a as u8));
                self.set_cr(bf(word), u32::from(found) << 2);
            }
            Op::Isel => {
                let value = if self.cr_bit(rc(word)) { self.base(ra(word)) } else { b };
                self.set(rt(word), value);
            }
            Op::Tw => return self.trap(word, extend(a), extend(b), true),
            Op::Twi => return self.trap(word, extend(a), si(word), true),
            Op::Td => return self.trap(word, a, b, false),
            Op::Tdi => return self.trap(word, a, si(word), false),
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }

    fn set_order(&mut self, word: u32, double: bool, order: Ordering) -> Outcome {
        if double && !self.model.is_server() {
            return self.invalid_form(word);
        }
        let order = match order {
            Ordering::Less => 8,
            Ordering::Greater => 4,
            Ordering::Equal => 2,
        };
        self.set_cr(bf(word), order | u32::from(self.xer & XER_SO != 0));
        Ok(Step::Next)
    }

    fn trap(&self, word: u32, a: u64, b: u64, low: bool) -> Outcome {
        let to = rt(word);
        let (unsigned_a, unsigned_b) = if low { (a & 0xFFFF_FFFF, b & 0xFFFF_FFFF) } else { (a, b) };
        let met = to & 16 != 0 && a.cast_signed() < b.cast_signed()
            || to & 8 != 0 && a.cast_signed() > b.cast_signed()
            || to & 4 != 0 && a == b
            || to & 2 != 0 && unsigned_a < unsigned_b
            || to & 1 != 0 && unsigned_a > unsigned_b;
        if met { Err(Interrupt::Program(Program::Trap)) } else { Ok(Step::Next) }
    }
}

//! Loads and stores. Power ISA Book I 3.3.2 to 3.3.7

use crate::bits::{extend, ra, rb, rt, si};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::{DSISR_STORE, Interrupt};
use crate::memory::Memory;
use crate::table::{Op, Spr};
use crate::translate::Access;

/// DSISR bit: external control is not allowed.
const EXTERNAL_CONTROL: u32 = 0x0010_0000;

/// How an instruction forms its address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// RA|0 plus a displacement.
    D,
    /// RA plus a displacement, which goes back to RA.
    Du,
    /// RA|0 plus RB.
    X,
    /// RA plus RB, which goes back to RA.
    Xu,
    /// RB; RA is a decoration, which memory ignores. e500mc Core Reference Manual 3.3.2.7
    B,
}

/// What is loaded into the register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Zero,
    Sign,
    Reversed,
}

/// Form, bytes and kind of a simple load.
fn load_shape(op: Op) -> Option<(Form, usize, Load)> {
    use Form::*;
    use Load::*;
    Some(match op {
        Op::Lbz => (D, 1, Zero),
        Op::Lbzu => (Du, 1, Zero),
        Op::Lbzx | Op::Lbzcix | Op::Lbepx => (X, 1, Zero),
        Op::Lbdx => (B, 1, Zero),
        Op::Lhdx => (B, 2, Zero),
        Op::Lwdx => (B, 4, Zero),
        Op::Lbzux => (Xu, 1, Zero),
        Op::Lhz => (D, 2, Zero),
        Op::Lhzu => (Du, 2, Zero),
        Op::Lhzx | Op::Lhzcix | Op::Lhepx => (X, 2, Zero),
        Op::Lhzux => (Xu, 2, Zero),
        Op::Lha => (D, 2, Sign),
        Op::Lhau => (Du, 2, Sign),
        Op::Lhax => (X, 2, Sign),
        Op::Lhaux => (Xu, 2, Sign),
        Op::Lwz => (D, 4, Zero),
        Op::Lwzu => (Du, 4, Zero),
        Op::Lwzx | Op::Lwzcix | Op::Lwepx => (X, 4, Zero),
        Op::Lwzux => (Xu, 4, Zero),
        Op::Lwa => (D, 4, Sign),
        Op::Lwax => (X, 4, Sign),
        Op::Lwaux => (Xu, 4, Sign),
        Op::Ld => (D, 8, Zero),
        Op::Ldu => (Du, 8, Zero),
        Op::Ldx | Op::Ldcix => (X, 8, Zero),
        Op::Ldux => (Xu, 8, Zero),
        Op::Lhbrx => (X, 2, Reversed),
        Op::Lwbrx => (X, 4, Reversed),
        Op::Ldbrx => (X, 8, Reversed),
        _ => return None,
    })
}

/// Form and bytes of a simple store, and whether the bytes are reversed.
fn store_shape(op: Op) -> Option<(Form, usize, bool)> {
    use Form::*;
    Some(match op {
        Op::Stb => (D, 1, false),
        Op::Stbu => (Du, 1, false),
        Op::Stbx | Op::Stbcix | Op::Stbepx => (X, 1, false),
        Op::Stbdx => (B, 1, false),
        Op::Sthdx => (B, 2, false),
        Op::Stwdx => (B, 4, false),
        Op::Stbux => (Xu, 1, false),
        Op::Sth => (D, 2, false),
        Op::Sthu => (Du, 2, false),
        Op::Sthx | Op::Sthcix | Op::Sthepx => (X, 2, false),
        Op::Sthux => (Xu, 2, false),
        Op::Stw => (D, 4, false),
        Op::Stwu => (Du, 4, false),
        Op::Stwx | Op::Stwcix | Op::Stwepx => (X, 4, false),
        Op::Stwux => (Xu, 4, false),
        Op::Std => (D, 8, false),
        Op::Stdu => (Du, 8, false),
        Op::Stdx | Op::Stdcix => (X, 8, false),
        Op::Stdux => (Xu, 8, false),
        Op::Sthbrx => (X, 2, true),
        Op::Stwbrx => (X, 4, true),
        Op::Stdbrx => (X, 8, true),
        _ => return None,
    })
}

/// The low `length` bytes in the opposite order.
fn reversed(value: u64, length: usize) -> u64 {
    value.swap_bytes() >> (64 - 8 * length)
}

impl Cpu {
    pub(crate) fn load_store(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        if let Some((form, length, kind)) = load_shape(op) {
            return self.load_one(memory, word, form, length, kind);
        }
        if let Some((form, length, reverse)) = store_shape(op) {
            let address = self.address(word, form);
            if matches!(form, Form::Du | Form::Xu) && ra(word) == 0 {
                return self.invalid_form(word);
            }
            let value = self.gpr[rt(word)];
            let value = if reverse { reversed(value, length) } else { value };
            self.store(memory, address, length, value)?;
            if matches!(form, Form::Du | Form::Xu) {
                self.set(ra(word), self.effective(address));
            }
            return Ok(Step::Next);
        }
        match op {
            Op::Lmw | Op::Stmw => self.multiple(memory, word, op == Op::Stmw),
            Op::Lswi | Op::Lswx | Op::Stswi | Op::Stswx => self.string(memory, op, word),
            Op::Lq | Op::Stq => self.quadword(memory, word, op == Op::Stq),
            Op::Eciwx | Op::Ecowx => self.external_control(memory, word, op == Op::Ecowx),
            _ => self.unknown_operation(word),
        }
    }

    /// The address of a load or store, not yet cut to the mode. The low bits of DS and DQ forms are opcode.
    fn address(&self, word: u32, form: Form) -> u64 {
        let displacement = match word >> 26 {
            56 => si(word & !15),
            57 | 58 | 61 | 62 => si(word & !3),
            _ => si(word),
        };
        match form {
            Form::D => self.base(ra(word)).wrapping_add(displacement),
            Form::Du => self.gpr[ra(word)].wrapping_add(displacement),
            Form::X => self.indexed(word),
            Form::Xu => self.gpr[ra(word)].wrapping_add(self.gpr[rb(word)]),
            Form::B => self.gpr[rb(word)],
        }
    }

    /// RA|0 plus RB.
    pub(crate) fn indexed(&self, word: u32) -> u64 {
        self.base(ra(word)).wrapping_add(self.gpr[rb(word)])
    }

    fn load_one(&mut self, memory: &mut Memory, word: u32, form: Form, length: usize, kind: Load) -> Outcome {
        let update = matches!(form, Form::Du | Form::Xu);
        if update && (ra(word) == 0 || ra(word) == rt(word)) {
            return self.invalid_form(word);
        }
        let address = self.address(word, form);
        let value = self.load(memory, address, length)?;
        let value = match kind {
            Load::Zero => value,
            Load::Sign if length == 2 => i64::from(value as i16).cast_unsigned(),
            Load::Sign => extend(value),
            Load::Reversed => reversed(value, length),
        };
        self.set(rt(word), value);
        if update {
            self.set(ra(word), self.effective(address));
        }
        Ok(Step::Next)
    }

    /// lmw and stmw. In little-endian mode they raise alignment, as do operands that are no multiple of 4 on the 32-bit
    /// models; servers take any address. RA within the registers loaded is an invalid form.
    fn multiple(&mut self, memory: &mut Memory, word: u32, store: bool) -> Outcome {
        let address = self.effective(self.address(word, Form::D));
        let (first, base) = (rt(word), ra(word));
        if !store && base >= first {
            return self.invalid_form(word);
        }
        if !self.is_big_endian() || address & 3 != 0 && !self.model.is_server() {
            let access = if store { Access::Store } else { Access::Load };
            return Err(self.alignment(word, address, access));
        }
        for (i, register) in (first..32).enumerate() {
            let at = address.wrapping_add(4 * i as u64);
            if store {
                self.store(memory, at, 4, self.gpr[register])?;
            } else {
                let value = self.load(memory, at, 4)?;
                self.set(register, value);
            }
        }
        Ok(Step::Next)
    }

    /// Move assist, Power ISA Book I 3.3.7: bytes go to the low words of successive registers, left to right, 31 wraps
    /// to 0. Registers the architecture forbids to load (RA, RB) make an invalid form.
    fn string(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let immediate = matches!(op, Op::Lswi | Op::Stswi);
        let store = matches!(op, Op::Stswi | Op::Stswx);
        let length = match (immediate, rb(word)) {
            (true, 0) => 32,
            (true, count) => count,
            (false, _) => (self.xer & 0x7F) as usize,
        };
        let address = if immediate { self.base(ra(word)) } else { self.indexed(word) };
        let registers = length.div_ceil(4);
        let touched = |register: usize| (register + 32 - rt(word)) % 32 < registers;
        let named = rt(word) == ra(word) || rt(word) == rb(word);
        if !store && (touched(ra(word)) || !immediate && (touched(rb(word)) || named)) {
            return self.invalid_form(word);
        }
        if !self.is_big_endian() {
            let access = if store { Access::Store } else { Access::Load };
            return Err(self.alignment(word, address, access));
        }
        for i in 0..registers {
            let register = (rt(word) + i) % 32;
            let part = (length - 4 * i).min(4);
            let at = address.wrapping_add(4 * i as u64);
            if store {
                let bytes = (self.gpr[register] as u32).to_be_bytes();
                self.store_bytes(memory, at, &bytes[..part])?;
            } else {
                let mut bytes = [0; 4];
                self.load_bytes(memory, at, &mut bytes[..part])?;
                self.set(register, u32::from_be_bytes(bytes).into());
            }
        }
        Ok(Step::Next)
    }

    /// lq and stq: an even register holds the upper half in either byte order. Power ISA Book I 3.3.4
    fn quadword(&mut self, memory: &mut Memory, word: u32, store: bool) -> Outcome {
        let (register, access) = (rt(word), if store { Access::Store } else { Access::Load });
        if register % 2 != 0 || !store && register == ra(word) {
            return self.invalid_form(word);
        }
        let address = self.effective(self.address(word, Form::D));
        // Before 2.07 there was no little-endian form. Power ISA 2.06 Book III-S 4.4.5
        if !address.is_multiple_of(16) || !self.model.is_v207() && !self.is_big_endian() {
            return Err(self.alignment(word, address, access));
        }
        if store {
            self.store_quadword(memory, address, register)?;
        } else {
            self.load_quadword(memory, address, register)?;
        }
        Ok(Step::Next)
    }

    /// eciwx and ecowx: EAR\[E\] lets them through to the device, which is memory here. Programming Environments Manual 4.3.2
    fn external_control(&mut self, memory: &mut Memory, word: u32, store: bool) -> Outcome {
        let (address, access) = (self.indexed(word), if store { Access::Store } else { Access::Load });
        if self.spr(Spr::Ear) >> 31 == 0 {
            let status = EXTERNAL_CONTROL | if store { DSISR_STORE } else { 0 };
            return Err(Interrupt::DataStorage { address: self.effective(address), status });
        }
        if !address.is_multiple_of(4) {
            return Err(self.alignment(word, address, access));
        }
        if store {
            self.store(memory, address, 4, self.gpr[rt(word)])?;
        } else {
            let value = self.load(memory, address, 4)?;
            self.set(rt(word), value);
        }
        Ok(Step::Next)
    }

    pub(crate) fn load_quadword(
        &mut self,
        memory: &mut Memory,
        address: u64,
        register: usize,
    ) -> Result<(), Interrupt> {
        let (first, second) = if self.is_big_endian() { (0, 1) } else { (1, 0) };
        let values = [self.load(memory, address, 8)?, self.load(memory, address + 8, 8)?];
        self.set(register + first, values[0]);
        self.set(register + second, values[1]);
        Ok(())
    }

    pub(crate) fn store_quadword(
        &mut self,
        memory: &mut Memory,
        address: u64,
        register: usize,
    ) -> Result<(), Interrupt> {
        let (first, second) = if self.is_big_endian() { (0, 1) } else { (1, 0) };
        self.store(memory, address, 8, self.gpr[register + first])?;
        self.store(memory, address + 8, 8, self.gpr[register + second])
    }
}

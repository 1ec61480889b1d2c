//! Instructions of an architecture that has no instruction table: its traps, to bytes and back.

use super::{Arch, Order, Trap};
use crate::word::Word;

/// An instruction that was found in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its mnemonic.
    pub name: &'a str,
    /// Its length in bytes.
    pub length: u8,
    /// Its fields, in the order of the architecture's file.
    pub fields: Vec<u64>,
}

impl Decoded<'_> {
    /// A field by its position; 0 where there is none.
    #[must_use]
    pub fn field(&self, n: usize) -> u64 {
        self.fields.get(n).copied().unwrap_or(0)
    }
}

impl Arch {
    /// Assembles traps: `hvc #0; smc 1`, one a line or after a semicolon, operands in the order of the trap's fields.
    /// Registers stand for their numbers, operands left out for 0, `0x500(r2)` for two operands, and
    /// `.byte 0x0f, 0x0b` for any bytes. `symbols` gives names a value.
    ///
    /// # Errors
    /// The instruction that is none, with those that are known.
    pub fn assemble(&self, text: &str, symbols: &dyn Fn(&str) -> Option<u64>) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for line in code.flat_map(|line| line.split(';')).map(str::trim).filter(|line| !line.is_empty()) {
            let (mnemonic, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let operands = rest.split([',', '(']).map(|operand| operand.trim().trim_end_matches(')'));
            let values = operands
                .filter(|operand| !operand.is_empty())
                .map(|operand| value(operand, symbols).ok_or_else(|| format!("`{operand}` in `{line}` is no operand")))
                .collect::<Result<Vec<u64>, String>>()?;
            if mnemonic == ".byte" {
                for byte in values {
                    bytes.push(u8::try_from(byte).map_err(|_| format!("{byte:#x} in `{line}` is no byte"))?);
                }
                continue;
            }
            let trap = self.traps.get(mnemonic).ok_or_else(|| {
                let known = self.traps.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                format!("no instruction `{mnemonic}` on {}; there are {known}, and .byte", self.arch)
            })?;
            bytes.extend(self.encode(trap, &values).map_err(|why| format!("`{line}`: {why}"))?);
        }
        Ok(bytes)
    }

    fn encode(&self, trap: &Trap, values: &[u64]) -> Result<Vec<u8>, String> {
        if values.len() > trap.fields.len() {
            return Err(format!("{} operands, and there are {} fields", values.len(), trap.fields.len()));
        }
        let mut word = trap.word.0;
        for ((name, bits), value) in trap.fields.iter().zip(values) {
            if value << bits.low & bits.mask() != value << bits.low || value.leading_zeros() < u32::from(bits.low) {
                return Err(format!("{value:#x} does not fit the bits {bits} of {name}"));
            }
            word |= value << bits.low;
        }
        let length = usize::from(trap.length.min(8));
        Ok(match self.order {
            Order::Big => word.to_be_bytes()[8 - length..].to_vec(),
            Order::Little => word.to_le_bytes()[..length].to_vec(),
        })
    }

    /// The trap that these bytes begin with. Reserved bits must be zero.
    #[must_use]
    pub fn decode(&self, bytes: &[u8]) -> Option<Decoded<'_>> {
        self.traps.iter().find_map(|(name, trap)| {
            let length = usize::from(trap.length.min(8));
            let mut word = [0; 8];
            match self.order {
                Order::Big => word[8 - length..].copy_from_slice(bytes.get(..length)?),
                Order::Little => word[..length].copy_from_slice(bytes.get(..length)?),
            }
            let word = if self.order == Order::Big { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) };
            let fields = trap.fields.values().fold(0, |mask, bits| mask | bits.mask());
            (word & !fields == trap.word.0).then(|| Decoded {
                name,
                length: trap.length,
                fields: trap.fields.values().map(|bits| (word & bits.mask()) >> bits.low).collect(),
            })
        })
    }
}

/// The value of an operand: a number, a name, or a register's number.
fn value(operand: &str, symbols: &dyn Fn(&str) -> Option<u64>) -> Option<u64> {
    let bare = operand.trim_start_matches(['#', '%', '$']);
    let register = || {
        let digits = bare.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let plain = digits.len() < bare.len() && bare.len() - digits.len() <= 2;
        digits.parse::<u64>().ok().filter(|n| plain && *n < 32)
    };
    Word::parse(bare).map(|word| word.0).or_else(|| symbols(bare)).or_else(register)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arch(order: &str) -> Arch {
        let text = format!(
            "arch: toy\ntitle: a toy\nwidth: 64\norder: {order}\nend: hvc 0\nsources: {{}}\nregisters: {{}}\nmodes: {{}}\n\
             interrupts: {{}}\ntraps:\n  hvc: {{ word: 0xD4000002, fields: {{ imm: 20..5 }}, says: calls, source: none }}\n  \
             vmcall: {{ word: 0xC1010F, length: 3, says: calls, source: none }}\n  \
             diag: {{ word: 0x83000000, fields: {{ r1: 23..20, r3: 19..16, d2: 11..0, b2: 15..12 }}, says: calls, source: none }}\n"
        );
        crate::yaml::parse("spec/arch/toy.yaml", &text).unwrap()
    }

    fn bytes(order: &str, text: &str) -> Result<Vec<u8>, String> {
        arch(order).assemble(text, &|name| (name == "code").then_some(0x21))
    }

    #[test]
    fn operands_go_into_fields_in_the_architecture_s_byte_order() {
        assert_eq!(bytes("little", "hvc #0xea1"), Ok(vec![0x22, 0xD4, 0x01, 0xD4]));
        assert_eq!(bytes("little", "vmcall; .byte 0x90, 0xcc"), Ok(vec![0x0F, 0x01, 0xC1, 0x90, 0xCC]));
        assert_eq!(bytes("big", "diag %r1,%r3,0x500(%r2)"), Ok(vec![0x83, 0x13, 0x25, 0x00]));
        assert_eq!(bytes("big", "diag r0, r0, code"), Ok(vec![0x83, 0x00, 0x00, 0x21]));
    }

    #[test]
    fn what_cannot_be_assembled_is_told() {
        for (text, part) in
            [("hvc 0x10000", "does not fit"), ("hvc 1, 2", "2 operands"), ("svc 0", "there are hvc, vmcall, diag")]
        {
            let error = bytes("little", text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn bytes_are_told_apart_by_what_is_no_field() {
        let arch = arch("little");
        let found = arch.decode(&[0x22, 0xD4, 0x01, 0xD4]).unwrap();
        assert_eq!((found.name, found.field(0), found.length), ("hvc", 0xEA1, 4));
        assert_eq!(arch.decode(&[0x0F, 0x01, 0xC1]).map(|found| found.name), Some("vmcall"));
        assert_eq!(arch.decode(&[0x0F, 0x01, 0xD9, 0, 0]), None);
        assert_eq!(arch.decode(&[0x0F, 0x01]), None);
    }
}

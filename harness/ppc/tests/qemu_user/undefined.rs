//! What the architecture leaves undefined, and instructions that make it defined again.
//!
//! The generator puts those after the instruction, so that the next ones, and the comparison, see only what the
//! architecture says. Forms that are invalid as a whole are not generated here.

use super::core::Core;
use super::target::Target;
use hypercheck_ppc::assemble;
use hypercheck_ppc::row::Row;

/// An undefined result.
pub struct Undefined {
    /// Instructions.
    pub of: &'static [&'static str],
    /// Conditions that all hold.
    pub when: &'static [When],
    /// What is undefined.
    pub what: &'static [Part],
    /// Where the architecture says so.
    pub source: &'static str,
}

/// A condition on the word, the registers before it, or the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Rc is 1.
    Records,
    /// The processor is in 64-bit mode.
    Mode64,
    /// The divisor is zero or the quotient does not fit.
    NoQuotient,
    /// XER\[57:63\] is 0.
    CountZero,
    /// The register is XER.
    OfXer,
    /// The register is TB, TBU or one of their other names.
    OfTimeBase,
}

/// A part of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// RT.
    Target,
    /// RT bits 0:31.
    TargetUpper,
    /// The fields of RT that FXM does not name.
    TargetOtherFields,
    /// Bits of RT that are reserved in XER.
    TargetReservedXer,
    /// CR0 bits LT, GT and EQ.
    Order,
}

use Part::*;
use When::*;

const DIVISIONS: &[&str] = &["divw", "divwu", "divwe", "divweu", "divd", "divdu", "divde", "divdeu"];
const WORD_DIVISIONS: &[&str] = &["divw", "divwu", "divwe", "divweu"];

/// Every undefined result of an instruction that is not invalid. Sections of the Power ISA 3.1.
pub const UNDEFINED: &[Undefined] = &[
    Undefined { of: &["mulhw", "mulhwu"], when: &[], what: &[TargetUpper], source: "Book I 3.3.9" },
    Undefined { of: WORD_DIVISIONS, when: &[], what: &[TargetUpper], source: "Book I 3.3.9" },
    Undefined { of: &["modsw", "moduw"], when: &[], what: &[TargetUpper], source: "Book I 3.3.9" },
    Undefined { of: &["mulhw", "mulhwu"], when: &[Records, Mode64], what: &[Order], source: "Book I 3.3.9" },
    Undefined { of: WORD_DIVISIONS, when: &[Records, Mode64], what: &[Order], source: "Book I 3.3.9" },
    Undefined { of: DIVISIONS, when: &[NoQuotient], what: &[Target], source: "Book I 3.3.9" },
    Undefined { of: DIVISIONS, when: &[NoQuotient, Records], what: &[Order], source: "Book I 3.3.9" },
    Undefined {
        of: &["modsw", "moduw", "modsd", "modud"],
        when: &[NoQuotient],
        what: &[Target],
        source: "Book I 3.3.9",
    },
    Undefined { of: &["darn"], when: &[], what: &[Target], source: "Book I 3.3.9: a random number" },
    Undefined { of: &["mfocrf"], when: &[], what: &[TargetOtherFields], source: "Book I 3.3.17" },
    Undefined { of: &["lswx"], when: &[CountZero], what: &[Target], source: "Book I 3.3.7" },
    Undefined { of: &["mfspr"], when: &[OfXer], what: &[TargetReservedXer], source: "Book I 1.3.3, 3.2.2" },
    Undefined { of: &["mfspr", "mftb"], when: &[OfTimeBase], what: &[Target], source: "Book II 6.2: it counts" },
];

/// Bits of XER that the architecture defines. Power ISA Book I 3.2.2; OV32 and CA32 are of 3.0.
pub fn defined_xer(target: &Target) -> u64 {
    0xE000_007F | if target.model.is_v30() { 0x000C_0000 } else { 0 }
}

fn holds(when: When, row: &Row, word: u32, core: &Core) -> bool {
    let register = |shift: u32| core.cpu.gpr[(word >> shift & 31) as usize];
    let number = word >> 16 & 31 | word >> 6 & 0x3E0;
    match when {
        Records => word & row.variants & 1 != 0,
        Mode64 => core.cpu.is_64_bit(),
        NoQuotient => !has_quotient(row.name, register(16), register(11)),
        CountZero => core.cpu.xer & 0x7F == 0,
        OfXer => number == 1,
        OfTimeBase => matches!(number, 268 | 269 | 526 | 527),
    }
}

/// Whether the quotient of a division, whose remainder an instruction may be, can be represented.
pub fn has_quotient(name: &str, dividend: u64, divisor: u64) -> bool {
    let signed = matches!(name, "divw" | "divwe" | "divd" | "divde" | "modsw" | "modsd");
    let bits = if name.contains('d') && matches!(name, "divd" | "divdu" | "divde" | "divdeu" | "modsd" | "modud") {
        64
    } else {
        32
    };
    let extended = matches!(name, "divwe" | "divweu" | "divde" | "divdeu");
    let part = |value: u64| match (signed, bits) {
        (true, 64) => i128::from(value.cast_signed()),
        (true, _) => i128::from(value as i32),
        (false, 64) => i128::from(value),
        (false, _) => i128::from(value as u32),
    };
    let (a, b) = (part(dividend), part(divisor));
    if b == 0 {
        return false;
    }
    // |a| << 64 leaves an i128 when a is unsigned and large; then the quotient is representable only if a < b.
    if extended && !signed {
        return a < b;
    }
    let quotient = if extended { (a << bits).checked_div(b) } else { a.checked_div(b) };
    let Some(quotient) = quotient else { return false };
    if signed { quotient >= -(1i128 << (bits - 1)) && quotient < 1i128 << (bits - 1) } else { quotient < 1i128 << bits }
}

/// Instructions that give every undefined part of what `word` does in the present state a defined value.
pub fn settle(row: &Row, word: u32, core: &Core) -> Vec<u32> {
    let rows = UNDEFINED.iter().filter(|undefined| undefined.of.contains(&row.name));
    let parts: Vec<Part> = rows
        .filter(|undefined| undefined.when.iter().all(|when| holds(*when, row, word, core)))
        .flat_map(|undefined| undefined.what.iter().copied())
        .collect();
    if parts.is_empty() {
        return Vec::new();
    }
    let (rt, wide) = (word >> 21 & 31, core.target.is_wide());
    let upper = format!("rldicl r{rt}, r{rt}, 0, 32");
    let mut lines = Vec::new();
    let has = |part| parts.contains(&part);
    if has(Target) {
        lines.push(format!("addi r{rt}, 0, 0"));
    } else if has(TargetUpper) && wide {
        lines.push(upper.clone());
    }
    if has(TargetOtherFields) {
        let field = 7 - (word >> 12 & 0xFF).trailing_zeros().min(7);
        lines.push(format!("rlwinm r{rt}, r{rt}, 0, {}, {}", 4 * field, 4 * field + 3));
    }
    if has(TargetReservedXer) {
        lines.push(format!("rlwinm r{rt}, r{rt}, 0, 25, 2"));
        if wide {
            lines.push(upper);
        }
    }
    if has(Order) {
        lines.push("mcrf cr0, cr7".to_owned());
    }
    assemble(&lines.join("\n"), 0, &|_| None).expect("instructions of every model")
}

//! The decoder against the `powerpc` crate, which knows the 32-bit and 64-bit PowerPC of the 970's time: mnemonic and
//! operands, in both directions.

#[path = "common/decoding.rs"]
mod decoding;
#[path = "common/noise.rs"]
mod noise;

use std::collections::BTreeMap;

use decoding::{is_integer, mnemonic};
use hypercheck_ppc::Model;
use hypercheck_ppc::row::{FieldInfo, Kind, Row, decode};
use hypercheck_ppc::table::{FIELDS, ROWS};
use noise::Noise;
use powerpc::{Argument, Extension, Extensions, Ins};

/// Words a form, with operands at random.
const SAMPLES: usize = 512;
/// Random words for the other direction.
const WORDS: usize = 8_000_000;
/// Forms of the table, with every variant of a mnemonic, that release 0.4 knows.
const KNOWN_FORMS: usize = 279;

/// Mnemonic and operands: the letter of a register file, or `n` for a number.
type Text = (String, Vec<(char, i64)>);

/// Where the crate reads a word in another way.
struct Difference {
    /// Base mnemonics of the table, or of the crate where the table has none.
    names: &'static [&'static str],
    /// Whether it explains what the table, if it has the word, and the crate, if it has, make of it.
    holds: fn(Option<&Text>, Option<&Text>) -> bool,
    /// What the crate does, and the text that decides.
    why: &'static str,
}

/// The operands are the same but for the last of the table, which is 0 and left out.
fn without_a_zero(own: &Text, theirs: &Text) -> bool {
    own.0 == theirs.0 && own.1.split_last().is_some_and(|(last, rest)| last.1 == 0 && rest == theirs.1)
}

/// The crate has no such operand: it leaves out a 0 and knows no instruction with another value.
fn lacks_the_last(own: Option<&Text>, theirs: Option<&Text>) -> bool {
    match (own, theirs) {
        (Some(own), None) => own.1.last().is_some_and(|last| last.1 != 0),
        (Some(own), Some(theirs)) => without_a_zero(own, theirs),
        _ => false,
    }
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        names: &["bc", "bcl", "bca", "bcla"],
        holds: |own, theirs| {
            let (Some(own), Some(theirs)) = (own, theirs) else { return false };
            own.1 == theirs.1 && own.0 == theirs.0.trim_end_matches(['+', '-']) && own.1[0].1 & 1 != 0
        },
        why: "shows the lowest bit of BO as the y bit of a prediction, as before 2.00; it is part of BO: Book I 2.4",
    },
    Difference {
        names: &["bclr", "bclrl", "bcctr", "bcctrl"],
        holds: |own, theirs| {
            let shorten = |theirs: &Text| (theirs.0.trim_end_matches('+').to_owned(), theirs.1.clone());
            lacks_the_last(own, theirs.map(shorten).as_ref())
        },
        why: "does the same to BO, and has no BH: Book I 2.4",
    },
    Difference {
        names: &["sc", "mtmsr", "lwarx", "lwarx.", "ldarx", "dcbf", "dcbt", "dcbtst", "tlbie", "slbia", "sync"],
        holds: lacks_the_last,
        why: "has no LEV, L, EH, TH, RS, IH and SC: Book I 3.3.1, Book III 4.2.3, Book II 4.6.2, 4.3.2, 4.6.3, Book III 6.9.3",
    },
    Difference {
        names: &["sync"],
        holds: |own, theirs| theirs.is_none() && own.is_some_and(|own| own.1[0].1 > 3),
        why: "has two bits of L: three from 3.1 on, Book II 4.6.3",
    },
    Difference {
        names: &["mbar"],
        holds: |own, theirs| match (own, theirs) {
            (Some(own), None) => own.1[0].1 != 0,
            (Some(own), Some(theirs)) => own.1[0].1 == 0 && theirs.0 == "eieio" && theirs.1.is_empty(),
            _ => false,
        },
        why: "has eieio, whose embedded name is mbar and which has an operand then: 2.07 Book II 4.4.3",
    },
    Difference {
        names: &["addis"],
        holds: |own, theirs| {
            let (Some(own), Some(theirs)) = (own, theirs) else { return false };
            own.0 == theirs.0 && own.1[..2] == theirs.1[..2] && own.1[2].1 + 0x1_0000 == theirs.1[2].1
        },
        why: "shows the immediate as a number without sign; SI is signed: Book I 3.3.9",
    },
    Difference {
        names: &["lswi", "stswi"],
        holds: |own, theirs| {
            let (Some(own), Some(theirs)) = (own, theirs) else { return false };
            own.0 == theirs.0 && own.1[..2] == theirs.1[..2] && (own.1[2].1, theirs.1[2].1) == (32, 0)
        },
        why: "shows NB as it is encoded; 0 is 32 bytes: Book I 3.3.6",
    },
    Difference {
        names: &["dcbz", "icbi"],
        holds: |own, theirs| {
            let (Some(own), Some(theirs)) = (own, theirs) else { return false };
            own.1 == theirs.1 && matches!(theirs.0.as_str(), "dcbzl" | "icbi.")
        },
        why: "has names for words with a reserved bit: Book II 4.3",
    },
    Difference {
        names: &["mtsrd", "mtsrdin"],
        holds: |own, theirs| own.is_none() && theirs.is_some(),
        why: "has what no level has: the bridge is mtsr, mtsrin, mfsr and mfsrin, 2.07 Book III-S 5.9.3.2",
    },
];

/// What the table makes of a word of this row.
fn own(row: &Row, word: u32) -> Text {
    let operand = |field: &FieldInfo| {
        let raw = i64::from(field.extract(word));
        let signed = (raw << (64 - field.width()) >> (64 - field.width())) * i64::from(field.scale);
        match field.kind {
            Kind::Gpr | Kind::Gpr0 => ('r', raw),
            Kind::Fpr | Kind::Vr | Kind::Vsr => ('f', raw),
            Kind::Cr => ('c', raw),
            Kind::Crbit | Kind::Unsigned | Kind::Spr => ('n', raw),
            Kind::Count if raw == 0 => ('n', 1 << field.width()),
            Kind::Count => ('n', raw),
            Kind::Signed | Kind::Wrapped | Kind::Relative => ('n', signed),
            Kind::Negative => ('n', (raw - (1 << field.width())) * i64::from(field.scale)),
        }
    };
    (mnemonic(row, word), row.operands.iter().map(|place| operand(&FIELDS[place.field as usize])).collect())
}

/// What the crate makes of it.
fn theirs(word: u32) -> Option<Text> {
    let parsed = Ins::new(word, Extensions::from_extension(Extension::Ppc64)).basic();
    let operand = |argument: &Argument| match *argument {
        Argument::GPR(register) => ('r', register.0.into()),
        Argument::FPR(register) => ('f', register.0.into()),
        Argument::VR(_) | Argument::GQR(_) | Argument::None => panic!("{argument:?} is of no integer instruction"),
        Argument::SR(register) => ('n', register.0.into()),
        Argument::SPR(register) => ('n', register.0.into()),
        Argument::CRField(field) => ('c', field.0.into()),
        Argument::CRBit(bit) => ('n', bit.0.into()),
        Argument::Uimm(number) => ('n', number.0.into()),
        Argument::Simm(number) => ('n', number.0.into()),
        Argument::Offset(number) => ('n', number.0.into()),
        Argument::BranchDest(number) => ('n', number.0.into()),
        Argument::OpaqueU(number) => ('n', number.0.into()),
    };
    (parsed.mnemonic != "<illegal>").then(|| (parsed.mnemonic.to_owned(), parsed.args_iter().map(operand).collect()))
}

/// What differs outside the known differences.
#[derive(Default)]
struct Comparison {
    /// Words that are excused, by difference.
    used: [usize; DIFFERENCES.len()],
    /// How often two mnemonics differ, and the first such word.
    wrong: BTreeMap<(Option<String>, Option<String>), (usize, String)>,
}

impl Comparison {
    fn compare(&mut self, word: u32, own: Option<&Text>, theirs: Option<&Text>) {
        if own == theirs {
            return;
        }
        let Some(name) = own.or(theirs).map(|text| text.0.as_str()) else { return };
        let known = |row: &Difference| row.names.contains(&name) && (row.holds)(own, theirs);
        if let Some(index) = DIFFERENCES.iter().position(known) {
            self.used[index] += 1;
            return;
        }
        let key = (own.map(|text| text.0.clone()), theirs.map(|text| text.0.clone()));
        let entry = self.wrong.entry(key).or_default();
        entry.0 += 1;
        if entry.0 == 1 {
            entry.1 = format!("{word:#010x}: core {own:?}, crate {theirs:?}");
        }
    }

    /// Nothing differs that is not known, and every known difference is there.
    #[track_caller]
    fn finish(&self) {
        let lines: Vec<_> = self.wrong.values().map(|(count, text)| format!("{count} x {text}")).collect();
        assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
        for (row, used) in DIFFERENCES.iter().zip(self.used) {
            assert_ne!(used, 0, "a difference that is gone: the crate {}", row.why);
            println!("{used} words: the crate {}", row.why);
        }
    }
}

/// What the crate makes of the table's words: rows with operands at random.
fn compare_forms(comparison: &mut Comparison) {
    let mut noise = Noise(0x0123_4567_89AB_CDEF);
    let (mut known, mut unknown) = (0, 0);
    for row in ROWS.iter().filter(|row| !row.name.is_empty() && is_integer(row.value)) {
        let free = !row.mask & !row.reserved & !row.variants;
        let mut variants = row.variants;
        loop {
            let words = (0..SAMPLES).map(|_| row.value | variants | noise.next() as u32 & free);
            let words: Vec<_> = words.map(|word| (word, theirs(word))).collect();
            // Newer than the crate, or of an embedded processor.
            if words.iter().all(|(_, theirs)| theirs.is_none()) {
                unknown += 1;
            } else {
                known += 1;
                words
                    .iter()
                    .for_each(|(word, theirs)| comparison.compare(*word, Some(&own(row, *word)), theirs.as_ref()));
            }
            if variants == 0 {
                break;
            }
            variants = (variants - 1) & row.variants;
        }
    }
    println!("{known} forms of {SAMPLES} words each; {unknown} forms that the crate does not know");
    assert_eq!(known, KNOWN_FORMS);
}

/// What the table makes of the crate's words: any words that the crate knows.
fn compare_words(comparison: &mut Comparison) {
    let mut noise = Noise(0xFEDC_BA98_7654_3210);
    let mut known = BTreeMap::<String, usize>::new();
    for _ in 0..WORDS {
        let any = noise.next();
        // Half of them extended opcodes, of which any word rarely hits one.
        let primary = [19, 30, 31, 31][(any >> 32 & 3) as usize];
        let word = if any >> 63 == 0 { any as u32 } else { any as u32 & 0x03FF_FFFF | primary << 26 };
        let Some(theirs) = theirs(word).filter(|_| is_integer(word)) else { continue };
        *known.entry(theirs.0.clone()).or_default() += 1;
        let rows = Model::ALL.iter().filter_map(|&model| decode(word, model).filter(|row| !row.name.is_empty()));
        let texts: Vec<_> = rows.map(|row| own(row, word)).collect();
        // The models differ in operands: one that agrees is enough.
        if !texts.contains(&theirs) {
            comparison.compare(word, texts.first(), Some(&theirs));
        }
    }
    println!("{} words, {} mnemonics", known.values().sum::<usize>(), known.len());
}

#[test]
fn table_and_crate_read_forms_and_words_alike() {
    let mut comparison = Comparison::default();
    compare_forms(&mut comparison);
    compare_words(&mut comparison);
    comparison.finish();
}

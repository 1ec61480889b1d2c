//! Numbers as the documents write them: decimal, hexadecimal, binary, negative, with underscores.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 64-bit number. A negative one is kept as its two's complement, as a register would hold it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u64);

impl Word {
    /// Reads `0x4B56_4D21`, `0b101`, `0o17`, `42`, `-4096`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|c| *c != '_').collect();
        let (negative, digits) = digits.strip_prefix('-').map_or((false, &*digits), |rest| (true, rest));
        let lower = digits.to_ascii_lowercase();
        let magnitude = if let Some(hex) = lower.strip_prefix("0x") {
            u64::from_str_radix(hex, 16)
        } else if let Some(binary) = lower.strip_prefix("0b") {
            u64::from_str_radix(binary, 2)
        } else if let Some(octal) = lower.strip_prefix("0o") {
            u64::from_str_radix(octal, 8)
        } else {
            lower.parse()
        }
        .ok()?;
        Some(Self(if negative { magnitude.wrapping_neg() } else { magnitude }))
    }
}

/// Numbers below 100 in decimal, small negative ones too, everything else in hexadecimal.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_possible_wrap, reason = "the sign is what is asked for")]
        let signed = self.0 as i64;
        if (-65536..100).contains(&signed) { write!(f, "{signed}") } else { write!(f, "{:#x}", self.0) }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 42, -4096 or 0x4B56_4D21")
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Word, E> {
                Ok(Word(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Word, E> {
                Ok(Word(value.cast_unsigned()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
                Word::parse(text).ok_or_else(|| E::custom(format!("`{text}` is no 64-bit number")))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Word {
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a 64-bit number: decimal, 0x hexadecimal, 0b binary; negative means two's complement",
            "type": ["integer", "string"],
            "pattern": "^-?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9_]+)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("0x4B56_4D21", 0x4B56_4D21)]
    #[case("-4096", 0xFFFF_FFFF_FFFF_F000)]
    #[case("0b101", 5)]
    #[case("0xFFFF_FFFF_FFFF_FFFF", u64::MAX)]
    fn the_documents_notations_are_read(#[case] text: &str, #[case] value: u64) {
        assert_eq!(Word::parse(text), Some(Word(value)));
        assert_eq!(crate::yaml::parse::<Word>("n", text).unwrap(), Word(value));
    }

    #[rstest]
    #[case("0x1_0000_0000_0000_0000")]
    #[case("r3")]
    #[case("")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(Word::parse(text), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(value: u64) {
            prop_assert_eq!(Word::parse(&Word(value).to_string()), Some(Word(value)));
        }
    }
}

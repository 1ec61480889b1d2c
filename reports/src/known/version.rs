//! Ranges of dotted numeric versions: `>=4.2, <10.2`.

use std::cmp::Ordering;

/// A range of versions: every one of its conditions holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    conditions: Vec<(Relation, Vec<u64>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Differs,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    /// Longer signs first, so that `>=` is not read as `>`.
    const SIGNS: [(&'static str, Self); 6] = [
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("!=", Self::Differs),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equal),
    ];

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Differs => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A range of versions that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{condition}` is no condition on a version; write `>=4.2`, `<10.2` or `=6.12`, several joined by commas")]
pub struct VersionsError {
    condition: String,
}

impl Versions {
    /// Reads conditions such as `>=4.2, <10.2`.
    ///
    /// # Errors
    /// [`VersionsError`] names the condition that cannot be read.
    pub fn parse(text: &str) -> Result<Self, VersionsError> {
        let conditions = text.split(',').map(|condition| {
            let condition = condition.trim();
            let read = |(sign, relation): &(&str, Relation)| {
                let number = condition.strip_prefix(sign)?.trim();
                let parts: Result<Vec<u64>, _> = number.split('.').map(str::parse).collect();
                Some((*relation, parts.ok()?))
            };
            Relation::SIGNS.iter().find_map(read).ok_or_else(|| VersionsError { condition: condition.to_owned() })
        });
        Ok(Self { conditions: conditions.collect::<Result<_, _>>()? })
    }

    /// Whether `version` lies in the range. Only its first dotted number counts, so `10.1.2 (Debian)` is 10.1.2 and
    /// `v6.12-rc1` is 6.12; a version without a number lies in no range.
    #[must_use]
    pub fn contain(&self, version: &str) -> bool {
        number(version).is_some_and(|version| {
            let holds = |(relation, bound): &(Relation, Vec<u64>)| relation.holds(compare(&version, bound));
            self.conditions.iter().all(holds)
        })
    }
}

fn number(version: &str) -> Option<Vec<u64>> {
    let start = version.find(|c: char| c.is_ascii_digit())?;
    let digits = &version[start..];
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let parts = digits[..end].trim_end_matches('.').split('.');
    parts.map(|part| part.parse().ok()).collect()
}

/// Missing parts count as zero: 10.2 is 10.2.0.
fn compare(a: &[u64], b: &[u64]) -> Ordering {
    let part = |parts: &[u64], at: usize| parts.get(at).copied().unwrap_or(0);
    (0..a.len().max(b.len()))
        .map(|at| part(a, at).cmp(&part(b, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::Versions;
    use rstest::rstest;

    #[rstest]
    #[case(">=4.2, <10.2", "10.1.2", true)]
    #[case(">=4.2, <10.2", "10.2", false)]
    #[case(">=4.2, <10.2", "10.2.0", false)]
    #[case(">=4.2, <10.2", "4.10", true)]
    #[case(">=4.2,<10.2", "10.1.2 (Debian 1:10.1.2+ds-3)", true)]
    #[case("=6.12", "v6.12.0-rc1", true)]
    #[case("!=6.12", "6.12", false)]
    #[case("> 6", "6.0.1", true)]
    #[case("<= 6", "6.0", true)]
    #[case(">=1", "embedded", false)]
    #[case(">=1", "", false)]
    fn a_range_contains_what_it_should(#[case] range: &str, #[case] version: &str, #[case] inside: bool) {
        assert_eq!(Versions::parse(range).unwrap().contain(version), inside);
    }

    #[rstest]
    #[case("10.2")]
    #[case(">=")]
    #[case("")]
    #[case(">=4.2,")]
    #[case(">=4..2")]
    #[case("~1.0")]
    fn a_range_that_says_nothing_is_refused(#[case] range: &str) {
        let error = Versions::parse(range).unwrap_err().to_string();
        assert!(error.contains("write `>=4.2`"), "{error}");
    }
}

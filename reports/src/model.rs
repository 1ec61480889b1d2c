//! What one run found, as plain data: a [`Header`], any number of [`Outcome`]s and a [`Footer`].
//!
//! The stream of [`crate::stream`] is this model, one JSON object a line. Every other format is a view of it and
//! loses no verdict. Strings that a backend had a hand in (register values, logs, reasons) are kept as they came;
//! each view escapes them.

mod run;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use run::{Backend, Counts, Coverage, Footer, Header, Record, Report, Selection, Share, Statement};

/// The version of the stream format that this crate writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// How one case row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every oracle agreed with what was seen.
    Pass,
    /// An oracle disagreed.
    Fail,
    /// The row could not be tried here; the reason says why.
    Skip,
    /// An oracle disagreed, and the list of known deviations says so.
    KnownFail,
    /// The list of known deviations promised a failure that did not come.
    UnexpectedPass,
    /// The backend died.
    Crash,
    /// The backend did not come back within its budget.
    Hang,
}

impl Verdict {
    /// Every verdict, in the order in which views list them.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Fail, Self::KnownFail, Self::UnexpectedPass, Self::Skip, Self::Crash, Self::Hang];

    /// Whether a run in which every row ended like this is a success.
    #[must_use]
    pub fn is_expected(self) -> bool {
        matches!(self, Self::Pass | Self::Skip | Self::KnownFail)
    }

    /// The name used in every format, for example `known-fail`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::KnownFail => "known-fail",
            Self::UnexpectedPass => "unexpected-pass",
            Self::Crash => "crash",
            Self::Hang => "hang",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which judge found a mismatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// The return code is not one that the call may give under its conditions.
    ReturnSet,
    /// A register changed that the ABI preserves.
    RegisterFrame,
    /// Memory changed that the call does not declare.
    MemoryFootprint,
    /// The stated effect is missing, or something else happened.
    State,
    /// An explicit `expect:` of a case was not met.
    Expectation,
    /// The guest stopped otherwise than it should.
    Stop,
}

impl Oracle {
    /// The name used in every format, for example `register-frame`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReturnSet => "return-set",
            Self::RegisterFrame => "register-frame",
            Self::MemoryFootprint => "memory-footprint",
            Self::State => "state",
            Self::Expectation => "expectation",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a case row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Derived from the spec.
    Derived,
    /// Written by hand in a case file.
    Written,
    /// Found by a fuzzer.
    Fuzz,
}

/// One disagreement between the documents and the backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// The judge that disagreed.
    pub oracle: Oracle,
    /// The clause broken, for example `papr.unknown-call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The words of that clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The document behind the clause, for example `LoPAR 2.9, R1-11`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What differs: `return`, `r3`, `memory 0x300008..0x300010`.
    pub subject: String,
    /// What the documents ask for.
    pub expected: String,
    /// What the backend did.
    pub actual: String,
}

impl Mismatch {
    /// A disagreement that cites nothing yet.
    #[must_use]
    pub fn new(
        oracle: Oracle,
        subject: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self {
            oracle,
            clause: None,
            says: None,
            source: None,
            subject: subject.into(),
            expected: expected.into(),
            actual: actual.into(),
        }
    }
}

/// What a person needs to understand a verdict without running the case again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Registers before the call, name to value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, String>,
    /// Registers after it. A register absent here could not be observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: BTreeMap<String, String>,
    /// The guest code that ran, disassembled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The step of a case with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The last words of a backend that died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// The result of one case row on one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Unique in a report and stable between runs, for example `papr/H_CONFER/unknown-processor/row-2`.
    pub id: String,
    /// The ABI, for example `papr`.
    pub abi: String,
    /// The call, when the row is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The clauses that the row exercises, for example `papr.unknown-call`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<String>,
    /// The name of the backend.
    pub backend: String,
    /// Where the row comes from.
    pub origin: Origin,
    /// File and line of a written row, for example `cases/papr/confer.yaml:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it was skipped, why its failure is known, or how the backend died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every disagreement, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
    /// Registers, code and log; left out of rows that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The command that runs this row again.
    pub reproduce: String,
    /// The observed behaviour in a few words a step, equal on two backends that behave alike.
    pub digest: String,
}

/// Short hash of observed behaviour, for [`Outcome::digest`]: the first sixteen hexadecimal digits of SHA-256 over the
/// parts, each preceded by its length so that `["ab", "c"]` and `["a", "bc"]` differ.
pub fn short_digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut text = hex(&hash.finalize());
    text.truncate(16);
    text
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

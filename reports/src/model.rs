//! What one run found, as plain data: a [`Header`], any number of [`Outcome`]s and a [`Footer`].
//!
//! The stream of [`crate::stream`] is this model, one JSON object a line. Every other format is a view of it and
//! loses no verdict. Strings that a backend had a hand in (register values, logs, reasons) are kept as they came;
//! each view escapes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text::shell_word;

/// The version of the stream format that this crate writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// How one case row ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Fail,
        Self::KnownFail,
        Self::UnexpectedPass,
        Self::Skip,
        Self::Crash,
        Self::Hang,
    ];

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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
    /// Short hash of the observed behaviour, see [`short_digest`]: equal on two backends that behave alike.
    pub digest: String,
}

/// The backend that a run was made on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Its name, for example `qemu-pseries`.
    pub name: String,
    /// Its version, for example `10.1.2`; empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The architectures it offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// The ABIs it claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abis: Vec<String>,
    /// The features it claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// Which rows a run was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Filters over row IDs; empty means every row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// ABIs asked for; empty means every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abis: Vec<String>,
    /// The shard, for example `2/4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The seed of a fuzzing run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A clause of the spec in force, so that views can quote it and name those that no row exercised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// `must`, `should` or `may`.
    pub level: String,
    /// What the clause says.
    pub says: String,
    /// The document and place it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The first line of a stream: what ran, on what, from which spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the stream format, [`FORMAT`] when this crate writes it.
    pub format: u32,
    /// Version of the tool that ran the cases.
    pub tool: String,
    /// Digest of the spec and the cases.
    pub spec_digest: String,
    /// The backend under test.
    pub backend: Backend,
    /// Facts of the machine under test that can explain a result: profile, memory, kernel of the hypervisor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machine: BTreeMap<String, String>,
    /// The rows asked for.
    #[serde(default)]
    pub selection: Selection,
    /// The clauses in force by name (`papr.unknown-call`); may be left empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clauses: BTreeMap<String, Statement>,
    /// When the run began, as the caller writes it; left out of reproducible reports and of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// How many rows were planned; `None` where nobody can know, as in fuzzing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
}

/// How many rows ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is named for its verdict")]
pub struct Counts {
    pub pass: u64,
    pub fail: u64,
    pub skip: u64,
    pub known_fail: u64,
    pub unexpected_pass: u64,
    pub crash: u64,
    pub hang: u64,
}

impl Counts {
    /// Counts one more row.
    pub fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Skip => &mut self.skip,
            Verdict::KnownFail => &mut self.known_fail,
            Verdict::UnexpectedPass => &mut self.unexpected_pass,
            Verdict::Crash => &mut self.crash,
            Verdict::Hang => &mut self.hang,
        } += 1;
    }

    /// How many rows ended in `verdict`.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Pass => self.pass,
            Verdict::Fail => self.fail,
            Verdict::Skip => self.skip,
            Verdict::KnownFail => self.known_fail,
            Verdict::UnexpectedPass => self.unexpected_pass,
            Verdict::Crash => self.crash,
            Verdict::Hang => self.hang,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        Verdict::ALL.iter().map(|v| self.of(*v)).sum()
    }

    /// How many rows ended in a way that fails the run.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        Verdict::ALL
            .iter()
            .filter(|v| !v.is_expected())
            .map(|v| self.of(*v))
            .sum()
    }
}

impl<'a> FromIterator<&'a Outcome> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a Outcome>>(outcomes: I) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.add(outcome.verdict);
        }
        counts
    }
}

/// How much of something the run exercised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// How many there are.
    pub total: u64,
    /// How many of them at least one row that was not skipped exercised.
    pub exercised: u64,
}

/// How much of the spec the run exercised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Clauses.
    pub clauses: Share,
    /// Calls.
    pub calls: Share,
}

impl Coverage {
    /// Counts the clauses and calls that `outcomes` exercised, out of so many that the spec has. A row that was
    /// skipped exercises nothing.
    pub fn measure<'a>(
        clauses: u64,
        calls: u64,
        outcomes: impl IntoIterator<Item = &'a Outcome>,
    ) -> Self {
        let mut seen_clauses = BTreeSet::new();
        let mut seen_calls = BTreeSet::new();
        for outcome in outcomes {
            if outcome.verdict != Verdict::Skip {
                seen_clauses.extend(outcome.clauses.iter().map(String::as_str));
                seen_calls.extend(outcome.call.as_deref().map(|call| (&*outcome.abi, call)));
            }
        }
        Self {
            clauses: Share {
                total: clauses,
                exercised: seen_clauses.len() as u64,
            },
            calls: Share {
                total: calls,
                exercised: seen_calls.len() as u64,
            },
        }
    }
}

impl Outcome {
    /// The command that writes what was seen into the case file. Only a written row has expectations of its own to
    /// rewrite; what the spec itself forbids cannot be blessed.
    #[must_use]
    pub fn bless(&self) -> Option<String> {
        let own = |m: &Mismatch| m.oracle == Oracle::Expectation;
        (self.verdict == Verdict::Fail
            && self.origin == Origin::Written
            && self.mismatches.iter().any(own))
        .then(|| format!("hypercheck bless {}", shell_word(&self.id)))
    }
}

/// The last line of a stream. Without it the run did not end, whatever the outcomes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// How many outcomes of each verdict the stream holds.
    pub counts: Counts,
    /// Digest over the header and the outcomes in order of ID.
    pub digest: String,
    /// Whether every planned row ran.
    pub finished: bool,
    /// Why the run ended early, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// How much of the spec was exercised.
    #[serde(default)]
    pub coverage: Coverage,
    /// Wall time in milliseconds; left out of reproducible reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<u64>,
}

/// One line of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Header(Header),
    /// Every line between.
    Outcome(Outcome),
    /// The last line.
    Footer(Footer),
}

/// A whole stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What ran.
    pub header: Header,
    /// What it found, in order of ID.
    pub outcomes: Vec<Outcome>,
    /// How it ended.
    pub footer: Footer,
}

impl Report {
    /// Whether the run ended, ran every planned row, and each ended as it should.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.footer.finished
            && self.footer.interrupted.is_none()
            && self.outcomes.iter().all(|o| o.verdict.is_expected())
    }

    /// The backend as a person writes it: `qemu-pseries 10.1.2`.
    #[must_use]
    pub fn title(&self) -> String {
        self.header.backend.title()
    }
}

impl Backend {
    /// Name and version as a person writes them: `qemu-pseries 10.1.2`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.version.is_empty() {
            self.name.clone()
        } else {
            format!("{} {}", self.name, self.version)
        }
    }
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

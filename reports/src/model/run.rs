//! What is said of a run as a whole: on what it ran, what it was asked for, and how it ended.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Outcome, Verdict};

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
    /// Version of the stream format, [`FORMAT`](super::FORMAT) when this crate writes it.
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
        Verdict::ALL.iter().filter(|v| !v.is_expected()).map(|v| self.of(*v)).sum()
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
    pub fn measure<'a>(clauses: u64, calls: u64, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut seen_clauses = BTreeSet::new();
        let mut seen_calls = BTreeSet::new();
        for outcome in outcomes {
            if outcome.verdict != Verdict::Skip {
                seen_clauses.extend(outcome.clauses.iter().map(String::as_str));
                seen_calls.extend(outcome.call.as_deref().map(|call| (&*outcome.abi, call)));
            }
        }
        Self {
            clauses: Share { total: clauses, exercised: seen_clauses.len() as u64 },
            calls: Share { total: calls, exercised: seen_calls.len() as u64 },
        }
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
    /// Entries of the list of known deviations that no longer tell the truth, as [`crate::known::Stale`] puts them.
    /// Any of them fails the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
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
    /// Whether the run ended, ran every planned row, and each ended as it should, with no stale entry in the list of
    /// known deviations.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.footer.finished
            && self.footer.interrupted.is_none()
            && self.footer.stale.is_empty()
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
        if self.version.is_empty() { self.name.clone() } else { format!("{} {}", self.name, self.version) }
    }
}

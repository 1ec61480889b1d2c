//! The digest of a report: equal for equal findings, whatever the order in which workers delivered them.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::model::{Counts, Coverage, Footer, Header, Outcome, Report, Verdict, hex};
use crate::text::plural;

/// Everything that a footer needs to know beyond the outcomes themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Why the run ended early, when it did.
    pub interrupted: Option<String>,
    /// Entries of the list of known deviations that no longer tell the truth, see [`crate::KnownList::stale`].
    pub stale: Vec<String>,
    /// How much of the spec was exercised, see [`Coverage::measure`].
    pub coverage: Coverage,
    /// Wall time in milliseconds; `None` keeps the report reproducible.
    pub elapsed_ms: Option<u64>,
}

/// Counts and digests outcomes as they arrive.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    header: [u8; 32],
    planned: Option<u64>,
    lines: BTreeMap<String, [u8; 32]>,
    counts: Counts,
}

impl Tally {
    pub(crate) fn new(header: &Header) -> Self {
        let stable = Header { started: None, ..header.clone() };
        Self {
            header: Sha256::digest(json(&stable)).into(),
            planned: header.planned,
            lines: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Adds one outcome; `false` when its ID was there before, and then nothing is added.
    #[must_use]
    pub(crate) fn add(&mut self, id: &str, verdict: Verdict, line: &str) -> bool {
        if self.lines.contains_key(id) {
            return false;
        }
        let digest = Sha256::digest(line.as_bytes()).into();
        self.lines.insert(id.to_owned(), digest);
        self.counts.add(verdict);
        true
    }

    pub(crate) fn footer(&self, ending: Ending) -> Footer {
        let mut hash = Sha256::new();
        hash.update(self.header);
        for line in self.lines.values() {
            hash.update(line);
        }
        let found = self.counts.total();
        let missing = self
            .planned
            .filter(|planned| *planned != found)
            .map(|planned| format!("{} planned, {found} ran", plural(planned, "row")));
        let interrupted = ending.interrupted.or(missing);
        Footer {
            counts: self.counts,
            digest: hex(&hash.finalize()),
            finished: interrupted.is_none(),
            interrupted,
            stale: ending.stale,
            coverage: ending.coverage,
            elapsed_ms: ending.elapsed_ms,
        }
    }
}

/// The one line that stands for `value` in a stream.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("the model holds only strings, numbers and string maps")
}

impl From<&Footer> for Ending {
    fn from(footer: &Footer) -> Self {
        Self {
            interrupted: footer.interrupted.clone(),
            stale: footer.stale.clone(),
            coverage: footer.coverage,
            elapsed_ms: footer.elapsed_ms,
        }
    }
}

impl Report {
    /// Puts a report together from its parts: sorts the outcomes by ID, counts and digests them.
    ///
    /// # Errors
    /// The ID of an outcome that is there twice.
    pub fn assemble(header: Header, mut outcomes: Vec<Outcome>, ending: Ending) -> Result<Self, String> {
        outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        let mut tally = Tally::new(&header);
        for outcome in &outcomes {
            if !tally.add(&outcome.id, outcome.verdict, &json(outcome)) {
                return Err(outcome.id.clone());
            }
        }
        Ok(Self { footer: tally.footer(ending), header, outcomes })
    }
}

//! The list of deviations that a backend is known to have, `reports/known/<backend>.yaml`.
//!
//! ```yaml
//! - id: papr/H_CONFER/yield*
//!   clause: papr.confer-returns
//!   versions: ">=4.2, <10.2"
//!   because: r3 keeps the call number
//!   source: QEMU hw/ppc/spapr_hcall.c, h_confer
//! ```
//!
//! The list cannot rot: a row that an entry covers and that passes is an unexpected pass, and an entry that covers no
//! row of a whole run is stale. Both fail the run.

pub mod glob;
mod version;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Outcome, Verdict};
pub use version::{Versions, VersionsError};

/// One known deviation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The rows that deviate: an outcome ID in which `*` stands for any text and `?` for any one character.
    pub id: String,
    /// The clause broken; without it any clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The versions of the backend that deviate, for example `>=4.2, <10.2`; without it every version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<String>,
    /// What the backend does instead, in a few words.
    pub because: String,
    /// Where a reader can check that: a file and function, a bug report, a commit.
    pub source: String,
}

/// Why a list of known deviations cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file could not be read.
    #[error("cannot read {}: {source}; create it or drop it from the command line", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no list of entries.
    #[error(
        "{}:{line}:{column}: {why}\n  = help: write a list of entries with id, because and source, and clause or versions where they matter",
        path.display()
    )]
    Yaml {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: u64,
        /// What is wrong, with the source line.
        why: String,
    },
    /// An entry is well formed but says nothing or too little.
    #[error("{}:{line}:{column}: entry `{id}`: {why}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: u64,
        /// The `id` of the entry.
        id: String,
        /// What is wrong and what to write instead.
        why: String,
    },
}

/// The reader names neither the file nor the place twice, so neither do we.
fn yaml_error(error: &serde_yaml::Error, path: &Path) -> KnownError {
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let rendered = error.render();
    let placed = format!("error: line {line} column {column}: ");
    let why = rendered.strip_prefix(&placed).unwrap_or(&rendered).trim_end();
    KnownError::Yaml {
        path: path.to_owned(),
        line,
        column,
        why: why.replacen("<input>", &path.display().to_string(), 1),
    }
}

/// An entry that no longer tells the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Its line in the file, counted from 1.
    pub line: u64,
    /// What happened to the rows that it covers.
    pub why: Staleness,
}

/// What happened to the rows that a stale entry covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// There are none.
    MatchesNothing,
    /// They pass.
    Passes,
}

impl std::fmt::Display for Stale<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.why {
            Staleness::MatchesNothing => "covers no case row; correct its id or clause, or remove it",
            Staleness::Passes => "covers only rows that pass; remove it, or end its versions",
        };
        write!(f, "line {}: entry `{}` {why}", self.line, self.entry.id)
    }
}

#[derive(Debug)]
struct Watched {
    entry: Entry,
    versions: Option<Versions>,
    line: u64,
    failed: AtomicU64,
    passed: AtomicU64,
    skipped: AtomicU64,
}

impl Watched {
    fn applies(&self, version: &str) -> bool {
        self.versions.as_ref().is_none_or(|v| v.contain(version))
    }

    fn covers(&self, id: &str, clause: Option<&str>) -> bool {
        (self.entry.clause.is_none() || self.entry.clause.as_deref() == clause) && glob::matches(&self.entry.id, id)
    }
}

/// A list of known deviations that watches which of its entries still tell the truth. Shared by reference between
/// workers.
#[derive(Debug, Default)]
pub struct KnownList {
    entries: Vec<Watched>,
}

impl KnownList {
    /// Reads the list at `path`.
    ///
    /// # Errors
    /// [`KnownError`], with line and column where there is one.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KnownError> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|source| KnownError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a list from `text`; `path` is the name used in errors.
    ///
    /// # Errors
    /// [`KnownError`], with line and column where there is one.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, KnownError> {
        let path = path.as_ref();
        let entries: Option<Vec<serde_yaml::Spanned<Entry>>> =
            serde_yaml::from_str(text).map_err(|error| yaml_error(&error, path))?;
        let mut list = Self::default();
        for spanned in entries.unwrap_or_default() {
            let at = spanned.defined;
            let entry = spanned.value;
            let versions = list.check(&entry).map_err(|why| KnownError::Entry {
                path: path.to_owned(),
                line: at.line(),
                column: at.column(),
                id: entry.id.clone(),
                why,
            })?;
            list.entries.push(Watched {
                entry,
                versions,
                line: at.line(),
                failed: AtomicU64::new(0),
                passed: AtomicU64::new(0),
                skipped: AtomicU64::new(0),
            });
        }
        Ok(list)
    }

    fn check(&self, entry: &Entry) -> Result<Option<Versions>, String> {
        for (name, value, hint) in [
            ("id", &entry.id, "name the case rows it covers"),
            ("because", &entry.because, "say what the backend does instead"),
            ("source", &entry.source, "say where a reader can check that"),
        ] {
            if value.trim().is_empty() {
                return Err(format!("`{name}` is empty; {hint}"));
            }
        }
        let same = |w: &&Watched| {
            w.entry.id == entry.id && w.entry.clause == entry.clause && w.entry.versions == entry.versions
        };
        if let Some(twin) = self.entries.iter().find(same) {
            return Err(format!("line {} says the same; remove one of them", twin.line));
        }
        let versions = entry.versions.as_deref().map(Versions::parse);
        versions.transpose().map_err(|error| error.to_string())
    }

    /// The entries, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|watched| &watched.entry)
    }

    /// The first entry that covers a failure of row `id` against `clause` on a backend of `version`. An entry that
    /// names a clause does not cover a failure that cites none.
    pub fn find(&self, id: &str, clause: Option<&str>, version: &str) -> Option<&Entry> {
        self.position(id, clause, version).map(|at| &self.entries[at].entry)
    }

    fn position(&self, id: &str, clause: Option<&str>, version: &str) -> Option<usize> {
        let covers = |w: &Watched| w.applies(version) && w.covers(id, clause);
        self.entries.iter().position(covers)
    }

    /// Corrects the verdict of `outcome` by this list and remembers what became of the entries.
    ///
    /// A failure turns into a known one if every mismatch is covered; a crash or hang if an entry covers one of the
    /// clauses of the row, or names no clause. A pass turns into an unexpected one if an entry covers the row and its
    /// clause is one that the row exercises.
    pub fn judge(&self, outcome: &mut Outcome, version: &str) {
        match outcome.verdict {
            Verdict::Fail if !outcome.mismatches.is_empty() => {
                let clauses: Vec<_> = outcome.mismatches.iter().map(|m| m.clause.as_deref()).collect();
                let found: Option<Vec<_>> =
                    clauses.into_iter().map(|clause| self.position(&outcome.id, clause, version)).collect();
                if let Some(found) = found {
                    self.excuse(outcome, &found);
                }
            }
            Verdict::Fail | Verdict::Crash | Verdict::Hang => {
                if let Some(at) = self.exercised(outcome, version).first() {
                    self.excuse(outcome, &[*at]);
                }
            }
            Verdict::Pass => {
                let found = self.exercised(outcome, version);
                if let Some(first) = found.first() {
                    outcome.verdict = Verdict::UnexpectedPass;
                    let because = &self.entries[*first].entry.because;
                    outcome.reason = Some(format!("passes, though listed as known: {because}"));
                }
                for at in found {
                    self.entries[at].passed.fetch_add(1, Relaxed);
                }
            }
            Verdict::Skip => {
                for at in self.exercised(outcome, version) {
                    self.entries[at].skipped.fetch_add(1, Relaxed);
                }
            }
            Verdict::KnownFail | Verdict::UnexpectedPass => {}
        }
    }

    /// The entries that cover the row by one of the clauses that it exercises, or whatever its clauses.
    fn exercised(&self, outcome: &Outcome, version: &str) -> Vec<usize> {
        let covers = |w: &Watched| {
            let clauses = outcome.clauses.iter().map(|c| Some(c.as_str()));
            let mut clauses = clauses.chain([None]);
            w.applies(version) && clauses.any(|clause| w.covers(&outcome.id, clause))
        };
        let entries = self.entries.iter().enumerate();
        entries.filter(|(_, w)| covers(w)).map(|(at, _)| at).collect()
    }

    fn excuse(&self, outcome: &mut Outcome, entries: &[usize]) {
        let mut reasons: Vec<String> = Vec::new();
        for at in entries {
            let watched = &self.entries[*at];
            watched.failed.fetch_add(1, Relaxed);
            let reason = format!("{} ({})", watched.entry.because, watched.entry.source);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let ended = match outcome.verdict {
            Verdict::Fail => None,
            verdict => Some(match &outcome.reason {
                Some(reason) => format!("{verdict}: {reason}"),
                None => verdict.to_string(),
            }),
        };
        outcome.reason = Some(ended.into_iter().chain(reasons).collect::<Vec<_>>().join("; "));
        outcome.verdict = Verdict::KnownFail;
    }

    /// The entries that fail the run. `everything` says that the run had no filter and no shard: only then is an
    /// entry that covers no row stale. Entries for other versions of the backend are left in peace.
    pub fn stale(&self, version: &str, everything: bool) -> Vec<Stale<'_>> {
        let why = |w: &Watched| {
            let [failed, passed, skipped] = [&w.failed, &w.passed, &w.skipped].map(|n| n.load(Relaxed));
            match (failed, passed, skipped) {
                (0, 1.., _) => Some(Staleness::Passes),
                (0, 0, 0) if everything => Some(Staleness::MatchesNothing),
                _ => None,
            }
        };
        let applying = self.entries.iter().filter(|w| w.applies(version));
        applying.filter_map(|w| why(w).map(|why| Stale { entry: &w.entry, line: w.line, why })).collect()
    }
}

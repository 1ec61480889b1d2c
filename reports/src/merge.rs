//! Joins the reports of shards into the report that a single run would have given.

use std::collections::BTreeSet;

use crate::digest::Ending;
use crate::model::{Coverage, Header, Report, Selection};

/// Why reports cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is no report.
    #[error("nothing to merge; name at least one report")]
    Nothing,
    /// Two reports come from different circumstances.
    #[error("the reports differ in {what}: {first} and {other}; merge only shards of one run")]
    Differ {
        /// In what they differ.
        what: &'static str,
        /// The first report's.
        first: String,
        /// Another's.
        other: String,
    },
    /// A row is in two reports.
    #[error("{0} is in two reports; merge each shard once")]
    Duplicate(String),
    /// A shard is not there.
    #[error("shard {0} is missing; add its report, or run it again with --shard {0}")]
    Missing(String),
    /// A shard is written in a way that no run writes.
    #[error("`{0}` is no shard; write it as 2/4")]
    Shard(String),
}

/// Joins `reports` of one backend, spec and tool. The result has the digest that one run over everything would have.
///
/// # Errors
/// [`MergeError`] when they do not belong together, a row is there twice, or a shard is missing.
pub fn merge(reports: Vec<Report>) -> Result<Report, MergeError> {
    let first = &reports.first().ok_or(MergeError::Nothing)?.header;
    for other in &reports[1..] {
        alike(first, &other.header)?;
    }
    complete(&reports)?;

    let header = Header {
        selection: selection(&reports),
        started: None,
        planned: reports.iter().map(|r| r.header.planned).sum(),
        ..first.clone()
    };
    let interrupted: Vec<String> = reports
        .iter()
        .filter(|r| !r.footer.finished)
        .map(|r| r.footer.interrupted.clone().unwrap_or_else(|| "a shard did not finish".into()))
        .collect();
    let total = |of: fn(&Coverage) -> u64| reports.iter().map(|r| of(&r.footer.coverage)).max().unwrap_or(0);
    let clauses = total(|c| c.clauses.total);
    let calls = total(|c| c.calls.total);
    let elapsed_ms = reports.iter().filter_map(|r| r.footer.elapsed_ms).max();
    let stale: BTreeSet<String> = reports.iter().flat_map(|r| r.footer.stale.clone()).collect();
    let outcomes: Vec<_> = reports.into_iter().flat_map(|r| r.outcomes).collect();
    let ending = Ending {
        interrupted: (!interrupted.is_empty()).then(|| interrupted.join("; ")),
        stale: stale.into_iter().collect(),
        coverage: Coverage::measure(clauses, calls, &outcomes),
        elapsed_ms,
    };
    Report::assemble(header, outcomes, ending).map_err(MergeError::Duplicate)
}

fn alike(first: &Header, other: &Header) -> Result<(), MergeError> {
    let facts = |header: &Header| {
        [
            ("spec digest", header.spec_digest.clone()),
            ("backend", header.backend.title()),
            ("tool version", header.tool.clone()),
            ("machine", format!("{:?}", header.machine)),
        ]
    };
    for ((what, first), (_, other)) in facts(first).into_iter().zip(facts(other)) {
        if first != other {
            return Err(MergeError::Differ { what, first, other });
        }
    }
    Ok(())
}

/// Where the reports are shards, all of them must be there: a missing one would read as a pass.
fn complete(reports: &[Report]) -> Result<(), MergeError> {
    let mut seen = BTreeSet::new();
    let mut count = None;
    for shard in reports.iter().filter_map(|r| r.header.selection.shard.as_deref()) {
        let bad = || MergeError::Shard(shard.to_owned());
        let (k, n) = shard.split_once('/').ok_or_else(bad)?;
        let (k, n): (u32, u32) = (k.parse().map_err(|_| bad())?, n.parse().map_err(|_| bad())?);
        if k == 0 || k > n {
            return Err(bad());
        }
        if *count.get_or_insert(n) != n {
            let first = format!("{} shards", count.unwrap_or(n));
            let other = format!("{n} shards");
            let what = "number of shards";
            return Err(MergeError::Differ { what, first, other });
        }
        if !seen.insert(k) {
            return Err(MergeError::Duplicate(format!("shard {shard}")));
        }
    }
    let count = count.unwrap_or(0);
    match (1..=count).find(|k| !seen.contains(k)) {
        Some(k) => Err(MergeError::Missing(format!("{k}/{count}"))),
        None => Ok(()),
    }
}

/// What the reports together were asked for; an empty filter anywhere means everything.
fn selection(reports: &[Report]) -> Selection {
    let join = |of: fn(&Selection) -> &Vec<String>| -> Vec<String> {
        let lists = || reports.iter().map(|r| of(&r.header.selection));
        if lists().any(Vec::is_empty) {
            return Vec::new();
        }
        let names: BTreeSet<_> = lists().flatten().cloned().collect();
        names.into_iter().collect()
    };
    let seed = reports[0].header.selection.seed;
    let same = reports.iter().all(|r| r.header.selection.seed == seed);
    let alike = reports.iter().all(|r| r.header.selection.filters == reports[0].header.selection.filters);
    Selection {
        filters: if alike { reports[0].header.selection.filters.clone() } else { join(|s| &s.filters) },
        abis: join(|s| &s.abis),
        shard: None,
        seed: seed.filter(|_| same),
    }
}

//! The matrix of clauses and reports, counted as outcomes come in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budget::blamed;
use super::finding::{Finding, Link, safe, symbol};
use crate::model::{Counts, Outcome, Report, Statement, Verdict};

/// One ABI and its clauses.
#[derive(Serialize)]
pub(super) struct Abi {
    name: String,
    cells: Vec<Cell>,
    clauses: Vec<Clause>,
}

/// One clause and what was found against it.
#[derive(Serialize)]
pub(super) struct Clause {
    name: String,
    level: String,
    says: String,
    source: Option<String>,
    state: &'static str,
    cells: Vec<Cell>,
    pub(super) findings: Vec<Finding>,
    pub(super) named: Vec<Link>,
    pub(super) counted: u64,
}

/// How one clause, or a whole ABI, did in one report.
#[derive(Serialize)]
pub(super) struct Cell {
    verdict: &'static str,
    symbol: &'static str,
    count: u64,
    total: u64,
    says: String,
}

/// Worst first.
const SEVERITY: [Verdict; 7] = [
    Verdict::Crash,
    Verdict::Hang,
    Verdict::Fail,
    Verdict::UnexpectedPass,
    Verdict::KnownFail,
    Verdict::Pass,
    Verdict::Skip,
];

/// Clauses and their counts, as they are found.
pub(super) struct Matrix {
    width: usize,
    groups: BTreeMap<String, Group>,
    statements: BTreeMap<String, Statement>,
}

/// One ABI; counts are by report.
struct Group {
    counts: Vec<Counts>,
    rows: BTreeMap<String, Row>,
}

struct Row {
    counts: Vec<Counts>,
    clause: Clause,
}

impl Matrix {
    pub(super) fn new(reports: &[Report]) -> Self {
        let headers = reports.iter().map(|r| &r.header);
        let statements: BTreeMap<_, _> = headers.flat_map(|h| h.clauses.clone()).collect();
        let names: Vec<String> = statements.keys().cloned().collect();
        let mut matrix = Self { width: reports.len(), groups: BTreeMap::new(), statements };
        for name in names {
            matrix.row("", &name);
        }
        matrix
    }

    /// The clause `name` of a row of `abi`.
    pub(super) fn clause(&mut self, abi: &str, name: &str) -> &mut Clause {
        &mut self.row(abi, name).clause
    }

    /// Counts `outcome` for the report in `column`.
    pub(super) fn count(&mut self, outcome: &Outcome, column: usize) {
        group(&mut self.groups, &outcome.abi, self.width).counts[column].add(outcome.verdict);
        for name in blamed(outcome) {
            let row = self.row(&outcome.abi, name);
            row.counts[column].add(outcome.verdict);
            // Without a list of clauses in the header, a mismatch may still quote its own.
            let quoted = outcome.mismatches.iter().find(|m| m.clause.as_deref() == Some(name));
            if let Some(m) = quoted.filter(|_| row.clause.says.is_empty()) {
                row.clause.says = m.says.as_deref().map(safe).unwrap_or_default();
                row.clause.source = m.source.as_deref().map(safe);
            }
        }
        if blamed(outcome).next().is_none() {
            self.row(&outcome.abi, "").counts[column].add(outcome.verdict);
        }
    }

    fn row(&mut self, abi: &str, name: &str) -> &mut Row {
        // A clause belongs to the ABI it is named for, whichever ABI's row broke it.
        let abi = name.split_once('.').map_or(abi, |(owner, _)| owner);
        let rows = &mut group(&mut self.groups, abi, self.width).rows;
        rows.entry(name.to_owned()).or_insert_with(|| Row {
            counts: vec![Counts::default(); self.width],
            clause: Clause::new(name, self.statements.get(name).cloned().unwrap_or_default()),
        })
    }

    pub(super) fn finish(self) -> Vec<Abi> {
        let groups = self.groups.into_iter().map(|(name, group)| Abi {
            name: safe(&name),
            cells: group.counts.iter().map(cell).collect(),
            clauses: group.rows.into_values().filter_map(close).collect(),
        });
        groups.collect()
    }
}

fn group<'a>(groups: &'a mut BTreeMap<String, Group>, abi: &str, width: usize) -> &'a mut Group {
    groups
        .entry(abi.to_owned())
        .or_insert_with(|| Group { counts: vec![Counts::default(); width], rows: BTreeMap::new() })
}

impl Clause {
    fn new(name: &str, statement: Statement) -> Self {
        Self {
            name: match name {
                "" => "rows that cite no clause".to_owned(),
                name => safe(name),
            },
            level: safe(&statement.level),
            says: safe(&statement.says),
            source: statement.source.as_deref().map(safe),
            state: "",
            cells: Vec::new(),
            findings: Vec::new(),
            named: Vec::new(),
            counted: 0,
        }
    }
}

/// Fills in what follows from the counts. A row that nothing was counted for stays if the spec names it.
fn close(row: Row) -> Option<Clause> {
    let Row { counts, mut clause } = row;
    let worst = SEVERITY.into_iter().find(|v| counts.iter().any(|c| c.of(*v) > 0));
    clause.state = worst.map_or("none", Verdict::name);
    clause.cells = counts.iter().map(cell).collect();
    (worst.is_some() || !clause.level.is_empty()).then_some(clause)
}

fn cell(counts: &Counts) -> Cell {
    let worst = SEVERITY.into_iter().find(|v| counts.of(*v) > 0);
    let parts = Verdict::ALL.iter().filter(|v| counts.of(**v) > 0);
    let says: Vec<_> = parts.map(|v| format!("{} {v}", counts.of(*v))).collect();
    Cell {
        verdict: worst.map_or("none", Verdict::name),
        symbol: worst.map_or("·", symbol),
        count: worst.map_or(0, |v| counts.of(v)),
        total: counts.total(),
        says: if says.is_empty() { "not exercised".into() } else { says.join(", ") },
    }
}

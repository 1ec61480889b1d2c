//! Decides which findings a page shows in full, which it only names, and which it only counts.

use std::collections::BTreeMap;

use crate::model::{Outcome, Report, Verdict};

/// Findings of one clause and report that are shown in full.
const ALIKE: usize = 10;
/// Findings of one clause and report that are named beyond those.
pub(super) const NAMED: usize = 40;
/// Further clauses that point to a finding which breaks several.
pub(super) const POINTERS: usize = 8;
/// Bytes for findings in full.
const FULL_BYTES: usize = 1_100_000;
/// Bytes for names.
const NAME_BYTES: usize = 250_000;

/// How much of a finding is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Full,
    Named,
    Counted,
}

/// The choice for every finding, by report and position in it. Unexpected findings choose first.
pub(super) fn choose(reports: &[Report]) -> BTreeMap<(usize, usize), Shown> {
    let mut findings: Vec<(bool, usize, usize, &Outcome)> = Vec::new();
    for (column, report) in reports.iter().enumerate() {
        for (at, outcome) in report.outcomes.iter().enumerate() {
            if !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip) {
                findings.push((outcome.verdict.is_expected(), column, at, outcome));
            }
        }
    }
    findings.sort_by_key(|(expected, column, at, _)| (*expected, *at, *column));

    let mut alike: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let (mut full, mut names) = (FULL_BYTES, NAME_BYTES);
    let mut chosen = BTreeMap::new();
    for (_, column, at, outcome) in findings {
        let before = alike.entry((column, home(outcome))).or_default();
        *before += 1;
        let (weight, name) = (weight(outcome), escaped(&outcome.id) + 120);
        let shown = if *before <= ALIKE && weight <= full {
            full -= weight;
            Shown::Full
        } else if *before <= ALIKE + NAMED && name <= names {
            names -= name;
            Shown::Named
        } else {
            Shown::Counted
        };
        chosen.insert((column, at), shown);
    }
    chosen
}

/// The clause under which a finding is shown: the first that it breaks, else the first that it exercises.
pub(super) fn home(outcome: &Outcome) -> &str {
    blamed(outcome).next().unwrap_or("")
}

/// The clauses that the verdict of an outcome speaks of. A failure that cites clauses says nothing of the others
/// that the row exercises; every other verdict speaks of all of them.
pub(super) fn blamed(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let cited = || outcome.mismatches.iter().filter_map(|m| m.clause.as_deref());
    let cites = cited().next().is_some();
    let listed = outcome.clauses.iter().map(String::as_str);
    let mut seen = Vec::new();
    cited().chain(listed.filter(move |_| !cites)).filter(move |clause| {
        let new = !seen.contains(clause);
        seen.push(*clause);
        new
    })
}

/// Bytes that a finding takes on the page, a little more than true.
fn weight(outcome: &Outcome) -> usize {
    let optional = |text: &Option<String>| text.as_deref().map_or(0, capped);
    let mismatches = outcome.mismatches.iter().take(super::finding::MISMATCHES).map(|m| {
        400 + optional(&m.clause)
            + optional(&m.says)
            + optional(&m.source)
            + [&m.subject, &m.expected, &m.actual].map(|t| capped(t)).iter().sum::<usize>()
    });
    let evidence = outcome.evidence.iter().map(|e| {
        let registers = e.before.iter().chain(&e.after).take(2 * super::finding::REGISTERS);
        registers.map(|(name, value)| 60 + capped(name) + capped(value)).sum::<usize>()
            + optional(&e.code)
            + optional(&e.log)
            + optional(&e.step)
    });
    let pointers = blamed(outcome).skip(1).take(POINTERS).count();
    1500 + 3 * capped(&outcome.id)
        + pointers * (capped(&outcome.id) + 200)
        + optional(&outcome.reason)
        + optional(&outcome.file)
        + capped(&outcome.reproduce)
        + mismatches.sum::<usize>()
        + evidence.sum::<usize>()
}

fn capped(text: &str) -> usize {
    escaped(text).min(super::finding::TEXT * 6 + 100)
}

fn escaped(text: &str) -> usize {
    let special = |c: &char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '/') || c.is_control();
    text.len() + 8 * text.chars().filter(special).count()
}

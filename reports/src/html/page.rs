//! What the template shows, with every string already made safe to look at; the template escapes it for HTML.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budget::{self, Shown, blamed, home};
use super::finding::{Link, finding, link, safe, symbol};
use super::matrix::{Abi, Matrix};
use crate::model::{Counts, Report, Share, Verdict};
use crate::text::plural;

/// Findings in the list at the top.
const FIRST: usize = 25;
/// Reasons in the list of a report.
const REASONS: usize = 40;

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    warning: Option<&'static str>,
    columns: Vec<Column>,
    first: Vec<Link>,
    more: u64,
    abis: Vec<Abi>,
    legend: Vec<(&'static str, &'static str)>,
}

/// One report.
#[derive(Serialize)]
struct Column {
    title: String,
    state: &'static str,
    says: String,
    bars: Vec<Bar>,
    facts: Vec<(&'static str, String)>,
    stale: Vec<String>,
    known: Vec<(u64, String)>,
    skipped: Vec<(u64, String)>,
}

/// The share of one verdict, in percent of the rows.
#[derive(Serialize)]
struct Bar {
    verdict: &'static str,
    symbol: &'static str,
    count: u64,
    from: f64,
    width: f64,
}

impl Page {
    pub(super) fn new(reports: &[Report]) -> Self {
        let titles: Vec<String> = reports.iter().map(|r| safe(&r.title())).collect();
        let digests: Vec<_> = reports.iter().map(|r| &r.header.spec_digest).collect();
        let mut matrix = Matrix::new(reports);
        let mut first = Vec::new();
        let (mut unexpected, mut listed) = (0, 0);
        let chosen = budget::choose(reports);
        for (column, report) in reports.iter().enumerate() {
            for (at, outcome) in report.outcomes.iter().enumerate() {
                let shown = chosen.get(&(column, at)).copied();
                let link = || link(outcome, &titles[column], column, at, shown);
                if !outcome.verdict.is_expected() {
                    unexpected += 1;
                    listed += u64::from(list(&mut first, link()));
                }
                matrix.count(outcome, column);
                let clause = matrix.clause(&outcome.abi, home(outcome));
                match shown {
                    Some(Shown::Full) => {
                        clause.findings.push(finding(outcome, link()));
                        // Other clauses that it breaks point to it.
                        for name in blamed(outcome).skip(1).take(budget::POINTERS) {
                            let other = matrix.clause(&outcome.abi, name);
                            if other.named.len() < budget::NAMED {
                                other.named.push(link());
                            }
                        }
                    }
                    Some(Shown::Named) => clause.named.push(link()),
                    Some(Shown::Counted) => clause.counted += 1,
                    None => {}
                }
            }
        }
        Self {
            title: titles.join(", "),
            warning: digests
                .windows(2)
                .any(|d| d[0] != d[1])
                .then_some("These reports come from different specs or cases, so that some differences may be ours."),
            columns: reports.iter().map(column).collect(),
            first,
            more: unexpected - listed,
            abis: matrix.finish(),
            legend: Verdict::ALL.map(|v| (v.name(), symbol(v))).to_vec(),
        }
    }
}

/// Adds a finding to the list at the top; backends that fail alike share a line. `false` when the list is full.
fn list(first: &mut Vec<Link>, link: Link) -> bool {
    let room = first.len() < FIRST;
    let alike = |l: &&mut Link| l.id == link.id && l.verdict == link.verdict && l.says == link.says;
    match first.iter_mut().find(alike) {
        Some(same) => same.backends.extend(link.backends),
        None if room => first.push(link),
        None => return false,
    }
    true
}

fn column(report: &Report) -> Column {
    let counts: Counts = report.outcomes.iter().collect();
    let total = counts.total().max(1) as f64;
    let (state, says) = if !report.footer.finished {
        let why = report.footer.interrupted.as_deref().unwrap_or("no reason given");
        ("bad", format!("Not finished: {}", safe(why)))
    } else if counts.unexpected() > 0 {
        let rows = plural(counts.total(), "row");
        ("bad", format!("{} of {rows} did not end as expected", counts.unexpected()))
    } else if !report.footer.stale.is_empty() {
        ("bad", "Stale entries in the list of known deviations".to_owned())
    } else {
        ("good", format!("{}, all as expected", plural(counts.total(), "row")))
    };
    let mut from = 0.0;
    let bars = Verdict::ALL.into_iter().filter(|v| counts.of(*v) > 0).map(|verdict| {
        let width = counts.of(verdict) as f64 * 100.0 / total;
        from += width;
        Bar { verdict: verdict.name(), symbol: symbol(verdict), count: counts.of(verdict), from: from - width, width }
    });
    Column {
        title: safe(&report.title()),
        state,
        says,
        bars: bars.collect(),
        facts: facts(report),
        stale: report.footer.stale.iter().take(REASONS).map(|entry| safe(entry)).collect(),
        known: reasons(report, Verdict::KnownFail),
        skipped: reasons(report, Verdict::Skip),
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let header = &report.header;
    let share = |s: Share| (s.total > 0).then(|| format!("{} of {}", s.exercised, s.total));
    // Machine facts have names of their own, so they share one line.
    let machine: Vec<_> = header.machine.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let list = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    let facts = [
        ("clauses exercised", share(report.footer.coverage.clauses)),
        ("calls exercised", share(report.footer.coverage.calls)),
        ("time", report.footer.elapsed_ms.map(|ms| format!("{}.{:02} s", ms / 1000, ms % 1000 / 10))),
        ("started", header.started.clone()),
        ("hypercheck", Some(header.tool.clone())),
        ("spec", Some(header.spec_digest.chars().take(16).collect())),
        ("filters", list(&header.selection.filters)),
        ("shard", header.selection.shard.clone()),
        ("seed", header.selection.seed.map(|seed| seed.to_string())),
        ("machine", list(&machine)),
        ("architectures", list(&header.backend.architectures)),
        ("features", list(&header.backend.features)),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, safe(&value?)))).collect()
}

fn reasons(report: &Report, verdict: Verdict) -> Vec<(u64, String)> {
    let mut groups: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in report.outcomes.iter().filter(|o| o.verdict == verdict) {
        *groups.entry(outcome.reason.as_deref().unwrap_or("no reason given")).or_default() += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(reason, count)| (count, safe(reason))).collect();
    groups.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    if groups.len() > REASONS {
        let rest: u64 = groups.drain(REASONS..).map(|(count, _)| count).sum();
        groups.push((rest, "other reasons, see the report stream".into()));
    }
    groups
}

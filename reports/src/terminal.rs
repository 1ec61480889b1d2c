//! The summary that a person reads after a run: failures first, totals last, next to the prompt.

mod block;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Counts, Outcome, Report, Verdict};
use crate::text::{line, plural};
pub use block::outcome;
pub(crate) use block::relevant;

/// How text for a terminal looks. Whether the output is a terminal, and what `NO_COLOR` says, is for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to write colour.
    pub colour: bool,
    /// How many failures to show in full; of the others only the names are shown.
    pub blocks: usize,
}

impl Style {
    /// No colour, fifty failures in full.
    pub const PLAIN: Self = Self { colour: false, blocks: 50 };

    /// Colour, fifty failures in full.
    pub const COLOUR: Self = Self { colour: true, blocks: 50 };

    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn verdict(self, verdict: Verdict, text: &str) -> String {
        match verdict {
            Verdict::Pass => self.good(text),
            Verdict::Skip => self.dim(text),
            Verdict::KnownFail => self.paint("33", text),
            _ => self.bad(text),
        }
    }
}

/// The whole summary of `report`, ending in a line end.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    failures(&mut text, report, style);
    title(&mut text, report, style);
    table(&mut text, report, style);
    reasons(&mut text, report, style, Verdict::KnownFail, "known deviations");
    reasons(&mut text, report, style, Verdict::Skip, "skipped");
    stale(&mut text, report, style);
    coverage(&mut text, report);
    verdict(&mut text, report, style);
    text
}

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn failures(text: &mut String, report: &Report, style: Style) {
    let unexpected = |o: &&Outcome| !o.verdict.is_expected();
    let failed: Vec<_> = report.outcomes.iter().filter(unexpected).collect();
    for failure in failed.iter().take(style.blocks) {
        put(text, &outcome(failure, style));
    }
    if failed.len() > style.blocks {
        let more = &failed[style.blocks..];
        put(text, &style.bold(&format!("and {} more:", more.len())));
        for failure in more {
            let name = style.verdict(failure.verdict, failure.verdict.name());
            put(text, &format!("  {name} {}", line(&failure.id)));
        }
        text.push('\n');
    }
}

fn title(text: &mut String, report: &Report, style: Style) {
    let header = &report.header;
    let spec = header.spec_digest.get(..12).unwrap_or(&header.spec_digest);
    let title = style.bold(&line(&report.title()));
    put(text, &format!("{title}, hypercheck {}, spec {}", line(&header.tool), line(spec)));
}

const COLUMNS: [&str; 9] = ["abi", "rows", "pass", "fail", "known-fail", "unexpected-pass", "skip", "crash", "hang"];

fn table(text: &mut String, report: &Report, style: Style) {
    let mut abis: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    for outcome in &report.outcomes {
        abis.entry(&outcome.abi).or_default().add(outcome.verdict);
        total.add(outcome.verdict);
    }
    let mut rows: Vec<_> = abis.iter().map(|(abi, counts)| (line(abi), *counts)).collect();
    if rows.len() != 1 {
        rows.push(("total".into(), total));
    }
    let width = rows.iter().map(|(abi, _)| abi.chars().count()).max();
    let width = width.unwrap_or(0).max(COLUMNS[0].len());
    // A column that nobody needs is left out, but for the ones everybody asks about.
    let shown: Vec<Verdict> = Verdict::ALL
        .into_iter()
        .filter(|v| total.of(*v) > 0 || !matches!(v, Verdict::UnexpectedPass | Verdict::KnownFail))
        .collect();

    let mut head = format!("{:width$}  {:>7}", "abi", "rows");
    for verdict in &shown {
        write!(head, "  {:>w$}", verdict.name(), w = column(*verdict)).unwrap_or_default();
    }
    put(text, "");
    put(text, &style.dim(&head));
    for (abi, counts) in rows {
        let mut row = format!("{abi:width$}  {:>7}", counts.total());
        for verdict in &shown {
            let count = counts.of(*verdict);
            let w = column(*verdict);
            let cell = match count {
                0 => style.dim(&format!("{:>w$}", "-")),
                _ => style.verdict(*verdict, &format!("{count:>w$}")),
            };
            row.push_str("  ");
            row.push_str(&cell);
        }
        put(text, &row);
    }
}

fn column(verdict: Verdict) -> usize {
    verdict.name().len().max(5)
}

fn reasons(text: &mut String, report: &Report, style: Style, verdict: Verdict, title: &str) {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for outcome in report.outcomes.iter().filter(|o| o.verdict == verdict) {
        let reason = outcome.reason.as_deref().unwrap_or("no reason given");
        // What stands before a colon is a kind of reason: `not sent blindly: the guest is reset`.
        let kind = reason.split_once(": ").filter(|_| verdict == Verdict::Skip).map_or(reason, |(kind, _)| kind);
        *kinds.entry(kind).or_default().entry(reason).or_default() += 1;
    }
    if kinds.is_empty() {
        return;
    }
    let mut groups: Vec<(String, usize)> = Vec::new();
    for (kind, reasons) in kinds {
        if reasons.len() > TOGETHER {
            let each = format!("{kind}: {} reasons", reasons.len());
            groups.push((each, reasons.values().sum()));
        } else {
            groups.extend(reasons.into_iter().map(|(reason, count)| (reason.to_owned(), count)));
        }
    }
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    put(text, &format!("\n{}", style.dim(title)));
    let shown = if verdict == Verdict::Skip { SKIPS } else { groups.len() };
    for (reason, count) in groups.iter().take(shown) {
        put(text, &format!("{count:>7}  {}", line(reason)));
    }
    if let Some(rest) = groups.get(shown..).filter(|rest| !rest.is_empty()) {
        let rows: usize = rest.iter().map(|(_, count)| count).sum();
        put(text, &format!("{rows:>7}  for {} other reasons, all of them in the report", rest.len()));
    }
}

/// More reasons of one kind than this are told together.
const TOGETHER: usize = 3;
/// How many reasons to skip are told one by one.
const SKIPS: usize = 15;

fn stale(text: &mut String, report: &Report, style: Style) {
    if !report.footer.stale.is_empty() {
        put(text, &format!("\n{}", style.bad("stale entries in the list of known deviations")));
    }
    for entry in &report.footer.stale {
        put(text, &format!("  {}", line(entry)));
    }
}

fn coverage(text: &mut String, report: &Report) {
    let coverage = report.footer.coverage;
    let shares = [("clauses", coverage.clauses), ("calls", coverage.calls)];
    let known: Vec<_> = shares
        .iter()
        .filter(|(_, share)| share.total > 0)
        .map(|(what, share)| format!("{} of {} {what}", share.exercised, share.total))
        .collect();
    if !known.is_empty() {
        put(text, &format!("\nexercised {}", known.join(", ")));
    }
}

fn verdict(text: &mut String, report: &Report, style: Style) {
    let counts: Counts = report.outcomes.iter().collect();
    let rows = plural(counts.total(), "row");
    let time =
        report.footer.elapsed_ms.map_or(String::new(), |ms| format!(" in {}.{:02} s", ms / 1000, ms % 1000 / 10));
    let ended = if !report.footer.finished {
        let why = report.footer.interrupted.as_deref().unwrap_or("no reason given");
        style.bad(&format!("NOT FINISHED: {}", line(why)))
    } else if counts.unexpected() > 0 {
        style.bad(&format!("FAILED: {} of {rows} did not end as expected", counts.unexpected()))
    } else if !report.footer.stale.is_empty() {
        let entries = report.footer.stale.len();
        style.bad(&format!("FAILED: {rows} as expected, but stale known deviations: {entries}"))
    } else {
        style.good(&format!("OK: {rows}, all as expected"))
    };
    put(text, &format!("\n{ended}{time}"));
}

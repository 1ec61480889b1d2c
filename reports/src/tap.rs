//! TAP version 14, the Test Anything Protocol (<https://testanything.org/tap-version-14-specification.html>).

use std::fmt::Write as _;

use crate::digest::json;
use crate::junit::summary;
use crate::model::{Outcome, Report, Verdict};
use crate::text::{line, plural};

/// `report` as TAP 14: a known fail is a `TODO`, a skip a `SKIP`, whatever else is unexpected is `not ok`. A run that
/// did not finish bails out.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::from("TAP version 14\n");
    let found = (report.outcomes.len() + report.footer.stale.len()) as u64;
    let planned = match report.header.planned {
        Some(planned) if !report.footer.finished => planned.max(found),
        _ => found,
    };
    writeln!(text, "1..{planned}").unwrap_or_default();
    let facts = [
        ("backend", report.title()),
        ("hypercheck", report.header.tool.clone()),
        ("spec", report.header.spec_digest.clone()),
    ];
    for (name, value) in facts {
        writeln!(text, "# {name}: {}", line(&value)).unwrap_or_default();
    }
    for (at, outcome) in report.outcomes.iter().enumerate() {
        point(&mut text, at + 1, outcome);
    }
    for (at, entry) in report.footer.stale.iter().enumerate() {
        let number = report.outcomes.len() + at + 1;
        let entry = description(&format!("known deviations, {entry}"));
        writeln!(text, "not ok {number} - {entry}").unwrap_or_default();
    }
    let counts = report.footer.counts;
    writeln!(text, "# {}, {} unexpected", plural(counts.total(), "row"), counts.unexpected()).unwrap_or_default();
    if !report.footer.finished {
        let why = report.footer.interrupted.as_deref().unwrap_or("the run did not finish");
        writeln!(text, "Bail out! {}", description(why)).unwrap_or_default();
    }
    text
}

fn point(text: &mut String, number: usize, outcome: &Outcome) {
    let (ok, directive) = match outcome.verdict {
        Verdict::Pass => ("ok", None),
        Verdict::Skip => ("ok", Some("SKIP")),
        Verdict::KnownFail => ("not ok", Some("TODO")),
        _ => ("not ok", None),
    };
    write!(text, "{ok} {number} - {}", description(&outcome.id)).unwrap_or_default();
    if let Some(directive) = directive {
        write!(text, " # {directive} {}", description(&summary(outcome))).unwrap_or_default();
    }
    text.push('\n');
    if !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip) {
        diagnose(text, outcome);
    }
}

/// A YAML block. Every value is a JSON string, which YAML reads as it is.
fn diagnose(text: &mut String, outcome: &Outcome) {
    text.push_str("  ---\n");
    let mut put = |indent: &str, name: &str, value: &str| {
        writeln!(text, "  {indent}{name}: {}", json(&line(value))).unwrap_or_default();
    };
    put("", "verdict", outcome.verdict.name());
    if let Some(reason) = &outcome.reason {
        put("", "reason", reason);
    }
    if !outcome.clauses.is_empty() {
        put("", "clauses", &outcome.clauses.join(" "));
    }
    put("", "reproduce", &outcome.reproduce);
    for (at, mismatch) in outcome.mismatches.iter().enumerate() {
        let first = if at == 0 { "mismatches:\n  - " } else { "- " };
        put(first, "oracle", mismatch.oracle.name());
        let rest = [
            ("clause", mismatch.clause.as_ref()),
            ("says", mismatch.says.as_ref()),
            ("source", mismatch.source.as_ref()),
            ("subject", Some(&mismatch.subject)),
            ("expected", Some(&mismatch.expected)),
            ("actual", Some(&mismatch.actual)),
        ];
        for (name, value) in rest {
            if let Some(value) = value {
                put("  ", name, value);
            }
        }
    }
    text.push_str("  ...\n");
}

/// A description, in which `#` would begin a directive.
fn description(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('#', "\\#")
}

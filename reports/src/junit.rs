//! JUnit XML, for CI systems: one suite an ABI, one test case a row, no verdict lost.
//!
//! A fail or unexpected pass is a failure, a crash or hang an error, a known fail or skip is skipped with a message
//! that tells them apart. A run that did not finish has an error of its own, so that no CI takes it for a pass; so has
//! each stale entry of the list of known deviations.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Property, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::model::{Outcome, Report, Verdict};
use crate::terminal::{self, Style};
use crate::text::line;

/// JUnit XML could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write JUnit XML: {0}; please report this with the report stream")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// `report` as JUnit XML. Control characters, which XML forbids, show as escapes such as `\x1b`.
///
/// # Errors
/// [`JunitError`] when the XML writer refuses, which no report should bring about.
pub fn render(report: &Report) -> Result<String, JunitError> {
    let mut junit = Junit::new("hypercheck");
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for outcome in &report.outcomes {
        let suite = suites.entry(&outcome.abi).or_insert_with(|| suite(report, &outcome.abi));
        suite.add_test_case(case(outcome));
    }
    junit.add_test_suites(suites.into_values());
    let mut run = suite(report, "hypercheck");
    if !report.footer.finished {
        let why = report.footer.interrupted.as_deref().unwrap_or("no reason given");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("not-finished").set_message(line(why));
        run.add_test_case(TestCase::new("the run finished", status));
    }
    for entry in &report.footer.stale {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("stale").set_message(line(entry));
        run.add_test_case(TestCase::new(line(&format!("known deviations, {entry}")), status));
    }
    if run.tests > 0 {
        junit.add_test_suite(run);
    }
    Ok(junit.to_string()?)
}

fn suite(report: &Report, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(line(name));
    let header = &report.header;
    let facts =
        [("backend", report.title()), ("spec-digest", header.spec_digest.clone()), ("hypercheck", header.tool.clone())];
    for (name, value) in facts {
        suite.add_property(Property::new(name, line(&value)));
    }
    for (name, value) in &header.machine {
        suite.add_property(Property::new(line(name), line(value)));
    }
    suite
}

fn case(outcome: &Outcome) -> TestCase {
    let mut case = TestCase::new(line(&outcome.id), status(outcome));
    case.set_classname(line(&format!("{}.{}", outcome.backend, outcome.abi)));
    case.add_property(Property::new("verdict", outcome.verdict.name()));
    if !outcome.clauses.is_empty() {
        case.add_property(Property::new("clauses", line(&outcome.clauses.join(" "))));
    }
    case
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let kind = match outcome.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Skip | Verdict::KnownFail => {
            let mut status = TestCaseStatus::skipped();
            status.set_type(outcome.verdict.name()).set_message(message(outcome));
            return status;
        }
        Verdict::Fail | Verdict::UnexpectedPass => NonSuccessKind::Failure,
        Verdict::Crash | Verdict::Hang => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(outcome.mismatches.first().map_or(outcome.verdict.name(), |m| m.oracle.name()))
        .set_message(message(outcome))
        .set_description(terminal::outcome(outcome, Style::PLAIN));
    status
}

/// The verdict and its reason in one line.
fn message(outcome: &Outcome) -> String {
    line(&format!("{}: {}", outcome.verdict, summary(outcome))).into_owned()
}

/// The reason of an outcome, or its first mismatch, in one line. Not yet escaped.
pub(crate) fn summary(outcome: &Outcome) -> String {
    match (&outcome.reason, outcome.mismatches.first()) {
        (Some(reason), _) => reason.clone(),
        (None, Some(m)) => {
            let clause = m.clause.as_deref().map_or(String::new(), |c| format!("{c}, "));
            format!("{clause}{}: expected {}, got {}", m.subject, m.expected, m.actual)
        }
        (None, None) => "no reason given".to_owned(),
    }
}

//! Compares two reports: two backends, or two versions of one.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Outcome, Report, Verdict};
use crate::terminal::Style;
use crate::text::{line, natural, plural};

/// A row that differs between two reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The row.
    pub id: String,
    /// How it ended in the first report.
    pub left: Verdict,
    /// How it ended in the second.
    pub right: Verdict,
    /// What differs, one line each: `r3: 0x0 / 0x4b`.
    pub details: Vec<String>,
}

impl Change {
    /// Whether the second report is worse: the row ended as expected in the first only.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        self.left.is_expected() && !self.right.is_expected()
    }
}

/// All differences between two reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The first backend.
    pub left: String,
    /// The second backend.
    pub right: String,
    /// Whether the reports come from different specs, so that differences may be ours.
    pub other_spec: bool,
    /// Rows with another verdict.
    pub verdicts: Vec<Change>,
    /// Rows with the same verdict but other behaviour.
    pub behaviours: Vec<Change>,
    /// Rows that only one of the two could try.
    pub skipped: Vec<Change>,
    /// Rows of the first report only.
    pub only_left: Vec<String>,
    /// Rows of the second report only.
    pub only_right: Vec<String>,
    /// How many rows are alike.
    pub alike: u64,
}

impl Comparison {
    /// Whether every row is in both reports and alike.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
            && self.behaviours.is_empty()
            && self.skipped.is_empty()
            && self.only_left.is_empty()
            && self.only_right.is_empty()
    }
}

/// Compares `left` with `right` row by row.
#[must_use]
pub fn compare(left: &Report, right: &Report) -> Comparison {
    let (old, new) = (by_id(left), by_id(right));
    let mut result = Comparison {
        left: left.title(),
        right: right.title(),
        other_spec: left.header.spec_digest != right.header.spec_digest,
        ..Comparison::default()
    };
    for (id, a) in &old {
        let Some(b) = new.get(id) else {
            result.only_left.push((*id).to_owned());
            continue;
        };
        let skips = [a, b].iter().filter(|o| o.verdict == Verdict::Skip).count();
        let list = match skips {
            1 => &mut result.skipped,
            2 => {
                result.alike += 1;
                continue;
            }
            _ if a.verdict != b.verdict => &mut result.verdicts,
            _ if a.digest != b.digest => &mut result.behaviours,
            _ => {
                result.alike += 1;
                continue;
            }
        };
        list.push(Change { id: (*id).to_owned(), left: a.verdict, right: b.verdict, details: details(a, b) });
    }
    let only = new.keys().filter(|id| !old.contains_key(*id));
    result.only_right = only.map(|id| (*id).to_owned()).collect();
    result
}

fn by_id(report: &Report) -> BTreeMap<&str, &Outcome> {
    report.outcomes.iter().map(|o| (o.id.as_str(), o)).collect()
}

/// What two outcomes of one row disagree in: reasons, mismatches by subject, registers after the call.
fn details(a: &Outcome, b: &Outcome) -> Vec<String> {
    let seen = |o: &Outcome| -> BTreeMap<String, String> {
        let registers = o.evidence.iter().flat_map(|e| e.after.clone());
        let mismatches = o.mismatches.iter().map(|m| (m.subject.clone(), m.actual.clone()));
        registers.chain(mismatches).collect()
    };
    let (left, right) = (seen(a), seen(b));
    let mut lines = Vec::new();
    match (&a.reason, &b.reason) {
        (Some(a), Some(b)) if a != b => lines.push(format!("{a} / {b}")),
        (Some(only), None) | (None, Some(only)) => lines.push(only.clone()),
        _ => {}
    }
    let mut subjects: Vec<_> = left.keys().chain(right.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    subjects.sort_by(|a, b| natural(a, b));
    for subject in subjects {
        let (l, r) = (left.get(subject), right.get(subject));
        // A side that got to the end without this mismatch met the expectation that the other side names.
        let met = |by: &Outcome, other: &Outcome| {
            let died = matches!(by.verdict, Verdict::Crash | Verdict::Hang);
            let asked = other.mismatches.iter().find(|m| m.subject == *subject);
            asked.filter(|_| !died).map(|m| m.expected.clone())
        };
        let l = l.cloned().or_else(|| met(a, b));
        let r = r.cloned().or_else(|| met(b, a));
        if let (Some(l), Some(r)) = (l, r)
            && l != r
        {
            lines.push(format!("{subject}: {l} / {r}"));
        }
    }
    if lines.is_empty() && a.digest != b.digest {
        lines.push(format!("behaviour {} / {}", a.digest, b.digest));
    }
    lines
}

/// `comparison` as text, ending in a line end.
#[must_use]
pub fn render(comparison: &Comparison, style: Style) -> String {
    let mut lines = vec![format!("{} / {}", style.bold(&line(&comparison.left)), style.bold(&line(&comparison.right)))];
    if comparison.other_spec {
        lines.push(style.bad("the reports come from different specs or cases; some differences may be ours"));
    }
    let lists = [
        ("other verdict", &comparison.verdicts),
        ("same verdict, other behaviour", &comparison.behaviours),
        ("tried on one side only", &comparison.skipped),
    ];
    for (title, changes) in lists {
        if !changes.is_empty() {
            lines.push(format!("\n{title}: {}", plural(changes.len() as u64, "row")));
        }
        for group in groups(changes) {
            lines.extend(group.iter().take(NAMED).map(|change| show(change, style)));
            if group.len() > NAMED {
                lines.push(format!("  and {} more alike", group.len() - NAMED));
            }
            lines.extend(group[0].details.iter().map(|d| format!("    {}", line(d))));
        }
    }
    for (side, ids) in [(&comparison.left, &comparison.only_left), (&comparison.right, &comparison.only_right)] {
        if !ids.is_empty() {
            lines.push(format!("\nonly in {}: {}", line(side), plural(ids.len() as u64, "row")));
            lines.extend(ids.iter().map(|id| format!("  {}", line(id))));
        }
    }
    let regressions = comparison.verdicts.iter().filter(|c| c.is_regression()).count();
    let mut last = format!("\n{} alike", plural(comparison.alike, "row"));
    if regressions > 0 {
        last.push_str(", ");
        last.push_str(&style.bad(&plural(regressions as u64, "regression")));
    }
    lines.push(last);
    lines.push(String::new());
    lines.join("\n")
}

/// How many rows of a group that differ alike are named.
const NAMED: usize = 3;

/// Rows that differ in the same way, together, in the order in which the first of each comes.
fn groups(changes: &[Change]) -> Vec<Vec<&Change>> {
    let mut order: BTreeMap<_, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    for change in changes {
        let at = *order.entry((change.left, change.right, &change.details)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(change);
    }
    groups
}

fn show(change: &Change, style: Style) -> String {
    let id = line(&change.id);
    if change.left == change.right {
        return format!("  {id}: {}", style.verdict(change.left, change.left.name()));
    }
    format!(
        "  {id}: {} -> {}",
        style.verdict(change.left, change.left.name()),
        style.verdict(change.right, change.right.name())
    )
}

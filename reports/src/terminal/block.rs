//! One outcome in full: what was asked, by which document, what came instead, and what to type next.

use super::Style;
use crate::model::{Evidence, Mismatch, Outcome, Verdict};
use crate::text::{block, line, natural, shorten};

/// Changed registers shown when no mismatch names one.
const REGISTERS: usize = 12;

/// Bytes of a backend's last words that are shown.
const LOG: usize = 4000;

/// One outcome in full, ending in a line end. Used for failures in the summary, and for looking at a single row.
#[must_use]
pub fn outcome(outcome: &Outcome, style: Style) -> String {
    let mut lines = Vec::new();
    let verdict = outcome.verdict.name().to_uppercase();
    lines.push(format!("{} {}", style.verdict(outcome.verdict, &verdict), style.bold(&line(&outcome.id))));
    if let Some(reason) = &outcome.reason {
        lines.push(format!("  {}", line(reason)));
    }
    let mut cited = None;
    for mismatch in &outcome.mismatches {
        cite(&mut lines, mismatch, &mut cited, style);
        disagree(&mut lines, mismatch, style);
    }
    if outcome.verdict != Verdict::Pass
        && let Some(evidence) = &outcome.evidence
    {
        show(&mut lines, outcome, evidence, style);
    }
    // A row without mismatches cites nothing above, so its clauses go with the commands.
    let clauses = (outcome.mismatches.is_empty() && !outcome.clauses.is_empty()).then(|| outcome.clauses.join(", "));
    let commands =
        [("clauses", clauses), ("file", outcome.file.clone()), ("reproduce", Some(outcome.reproduce.clone()))];
    for (name, value) in commands {
        if let Some(value) = value {
            lines.push(format!("  {}  {}", style.dim(&format!("{name:9}")), line(&value)));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The clause and its source, unless the mismatch before cited the same.
fn cite<'a>(lines: &mut Vec<String>, mismatch: &'a Mismatch, cited: &mut Option<&'a str>, style: Style) {
    let Some(clause) = mismatch.clause.as_deref() else {
        return;
    };
    if cited.replace(clause) == Some(clause) {
        return;
    }
    let says = mismatch.says.as_deref().map(|says| format!(": {}", line(says)));
    lines.push(format!("  {}{}", style.bold(&line(clause)), says.unwrap_or_default()));
    if let Some(source) = &mismatch.source {
        lines.push(format!("    {}", style.dim(&line(source))));
    }
}

fn disagree(lines: &mut Vec<String>, mismatch: &Mismatch, style: Style) {
    let oracle = style.dim(&format!("({})", mismatch.oracle));
    lines.push(format!("  {} {oracle}", line(&mismatch.subject)));
    lines.push(format!("    expected  {}", style.good(&line(&mismatch.expected))));
    lines.push(format!("    actual    {}", style.bad(&line(&mismatch.actual))));
}

fn show(lines: &mut Vec<String>, outcome: &Outcome, evidence: &Evidence, style: Style) {
    if let Some(step) = &evidence.step {
        lines.push(format!("  {}  {}", style.dim("at step  "), line(step)));
    }
    let names = relevant(outcome, evidence);
    if !names.is_empty() {
        let value = |of: &std::collections::BTreeMap<String, String>, name: &str| {
            of.get(name).map_or_else(|| "unobserved".to_owned(), |v| line(v).into_owned())
        };
        let rows: Vec<[String; 3]> = names
            .iter()
            .map(|n| [line(n).into_owned(), value(&evidence.before, n), value(&evidence.after, n)])
            .collect();
        let width = |at: usize, head: &str| {
            let widths = rows.iter().map(|row| row[at].chars().count());
            widths.max().unwrap_or(0).max(head.len())
        };
        let (w0, w1) = (width(0, "register"), width(1, "before"));
        let head = format!("  {:w0$}  {:w1$}  after", "register", "before");
        lines.push(style.dim(&head));
        for [name, before, after] in rows {
            lines.push(format!("  {name:w0$}  {before:w1$}  {after}"));
        }
    }
    for (title, text) in [("code", &evidence.code), ("log", &evidence.log)] {
        if let Some(text) = text {
            lines.push(format!("  {}", style.dim(title)));
            let text = block(&shorten(text.trim_end(), LOG)).into_owned();
            lines.extend(text.lines().map(|l| format!("    {l}")));
        }
    }
}

/// The registers that a mismatch names; if none does, the first ones that changed.
pub(crate) fn relevant<'a>(outcome: &Outcome, evidence: &'a Evidence) -> Vec<&'a str> {
    let mut names: Vec<&str> = evidence.before.keys().chain(evidence.after.keys()).map(String::as_str).collect();
    names.sort_unstable_by(|a, b| natural(a, b));
    names.dedup();
    let is_word = |c: char| !c.is_alphanumeric() && c != '_' && c != '.';
    let named = |name: &&str| outcome.mismatches.iter().any(|m| m.subject.split(is_word).any(|word| word == *name));
    let chosen: Vec<&str> = names.iter().copied().filter(|name| named(name)).collect();
    if !chosen.is_empty() {
        return chosen;
    }
    names.retain(|name| evidence.before.get(*name) != evidence.after.get(*name));
    names.truncate(REGISTERS);
    names
}

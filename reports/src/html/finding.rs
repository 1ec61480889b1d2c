//! One finding in full, with every string made safe to look at.

use serde::Serialize;

use super::budget::Shown;
use crate::junit::summary;
use crate::model::{Outcome, Verdict};
use crate::terminal::relevant;
use crate::text::{block, line, natural, shorten};

/// Bytes of any one string that are shown.
pub(super) const TEXT: usize = 3000;
/// Mismatches of one finding that are shown.
pub(super) const MISMATCHES: usize = 16;
/// Registers of one finding that are shown.
pub(super) const REGISTERS: usize = 120;
/// A finding by name.
#[derive(Serialize)]
pub(super) struct Link {
    anchor: Option<String>,
    pub(super) verdict: &'static str,
    symbol: &'static str,
    pub(super) id: String,
    pub(super) backends: Vec<String>,
    pub(super) says: String,
}

/// A finding with its evidence.
#[derive(Serialize)]
pub(super) struct Finding {
    link: Link,
    reason: Option<String>,
    facts: Vec<(&'static str, String)>,
    commands: Vec<(&'static str, String)>,
    mismatches: Vec<[Option<String>; 7]>,
    more_mismatches: usize,
    registers: Vec<(String, String, String, bool)>,
    unchanged: Vec<(String, String)>,
    code: Option<String>,
    log: Option<String>,
}

pub(super) fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::KnownFail => "≈",
        Verdict::UnexpectedPass => "!",
        Verdict::Skip => "–",
        Verdict::Crash => "†",
        Verdict::Hang => "∞",
    }
}

pub(super) fn safe(text: &str) -> String {
    line(&shorten(text, TEXT)).into_owned()
}

fn safe_block(text: &str) -> String {
    block(&shorten(text.trim_end(), TEXT)).into_owned()
}

pub(super) fn link(outcome: &Outcome, backend: &str, column: usize, at: usize, shown: Option<Shown>) -> Link {
    Link {
        anchor: (shown == Some(Shown::Full)).then(|| format!("f{column}-{at}")),
        verdict: outcome.verdict.name(),
        symbol: symbol(outcome.verdict),
        id: safe(&outcome.id),
        backends: vec![backend.to_owned()],
        says: safe(&shorten(&summary(outcome), 300)),
    }
}

pub(super) fn finding(outcome: &Outcome, link: Link) -> Finding {
    let evidence = outcome.evidence.clone().unwrap_or_default();
    let named = relevant(outcome, &evidence);
    let mut names: Vec<&String> = evidence.before.keys().chain(evidence.after.keys()).collect();
    names.sort_by(|a, b| natural(a, b));
    names.dedup();
    names.truncate(REGISTERS);
    let (mut registers, mut unchanged) = (Vec::new(), Vec::new());
    for name in names {
        let (before, after) = (evidence.before.get(name), evidence.after.get(name));
        let value = |v: Option<&String>| v.map_or_else(|| "unobserved".to_owned(), |v| safe(v));
        if before == after && !named.contains(&name.as_str()) {
            unchanged.push((safe(name), value(after)));
        } else {
            registers.push((safe(name), value(before), value(after), before != after));
        }
    }
    let facts = [
        ("step", evidence.step.as_deref().map(safe)),
        ("file", outcome.file.as_deref().map(safe)),
        ("call", outcome.call.as_deref().map(safe)),
    ];
    let commands = [("reproduce", Some(safe(&outcome.reproduce)))];
    let present = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    let mismatches = outcome.mismatches.iter().take(MISMATCHES).map(|m| {
        let optional = |text: &Option<String>| text.as_deref().map(safe);
        [
            Some(m.oracle.name().to_owned()),
            optional(&m.clause),
            optional(&m.says),
            optional(&m.source),
            Some(safe(&m.subject)),
            Some(safe(&m.expected)),
            Some(safe(&m.actual)),
        ]
    });
    Finding {
        link,
        reason: outcome.reason.as_deref().map(safe),
        facts: facts.into_iter().filter_map(present).collect(),
        commands: commands.into_iter().filter_map(present).collect(),
        mismatches: mismatches.collect(),
        more_mismatches: outcome.mismatches.len().saturating_sub(MISMATCHES),
        registers,
        unchanged,
        code: evidence.code.as_deref().map(safe_block),
        log: evidence.log.as_deref().map(safe_block),
    }
}

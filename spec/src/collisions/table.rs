//! The map as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Claim, Collision, FallThrough, Region, Space, State, collisions, fall_throughs, spaces};
use crate::library::Library;
use crate::word::Word;

/// The collisions, and what misses each conduit by one condition, as two tables.
#[must_use]
pub fn render(library: &Library) -> String {
    let (pairs, misses) = (collisions(library), fall_throughs(library));
    let mut text = format!("{} pairs of conduits claim the same states\n\n", pairs.len());
    if !pairs.is_empty() {
        let rows = pairs.iter().map(pair).collect::<Vec<_>>();
        table(&mut text, ["instruction", "goes first", "loses", "states that both claim", "for example"], &rows);
    }
    if !misses.is_empty() {
        text.push_str("\nMissed by one condition\n\n");
        let rows = misses.iter().map(miss).collect::<Vec<_>>();
        table(&mut text, ["instruction", "conduit", "missed because", "taken by", "for example"], &rows);
    }
    for space in spaces(library) {
        numbers(&mut text, &space);
    }
    text
}

/// How many conflicts of a range are written out.
const MOST_CONFLICTS: usize = 3;

/// A number space as a table: ranges inside another are indented below it.
fn numbers(text: &mut String, space: &Space) {
    let join = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let clashes = space.claims.iter().filter(|claim| !claim.crosses.is_empty() || !claim.twice.is_empty()).count();
    let _ = writeln!(
        text,
        "\nNumbers in {} behind {} on {}: {} ranges, {} of them in conflict\n",
        space.register,
        join(&space.traps),
        join(&space.arches),
        space.claims.len(),
        if clashes == 0 { "none".to_owned() } else { clashes.to_string() }
    );
    let row = |claim: &Claim| {
        let indent = "  ".repeat(claim.depth);
        let mut conflicts: Vec<String> = claim.crosses.iter().chain(&claim.twice).cloned().collect();
        let more = conflicts.len().saturating_sub(MOST_CONFLICTS);
        conflicts.truncate(MOST_CONFLICTS);
        conflicts.extend((more > 0).then(|| format!("{more} more")));
        [
            format!("{indent}{:#010x}..{:#010x}", claim.span.first, claim.span.last),
            claim.owner.clone(),
            claim.abi.clone(),
            claim.calls.to_string(),
            conflicts.join("; "),
        ]
    };
    let rows: Vec<[String; 5]> = space.claims.iter().map(row).collect();
    table(text, ["numbers", "whose", "described by", "calls", "in conflict with"], &rows);
}

fn pair(collision: &Collision) -> [String; 5] {
    let first = if collision.tied { format!("{} (tied)", collision.first) } else { collision.first.clone() };
    let instruction = format!("{} on {}", collision.trap, collision.arches.join(", "));
    [instruction, first, collision.second.clone(), region(&collision.region), state(&collision.example)]
}

fn miss(miss: &FallThrough) -> [String; 5] {
    let taken = match &miss.taken_by {
        None => "nobody".to_owned(),
        Some(same) if *same == miss.missed => "itself, by refusing".to_owned(),
        Some(taker) => taker.clone(),
    };
    let instruction = format!("{} on {}", miss.state.trap, miss.state.arch);
    [instruction, miss.missed.clone(), miss.because.clone(), taken, state(&miss.state)]
}

fn region(region: &Region) -> String {
    let mut parts = Vec::new();
    match &*region.lev {
        [] => parts.push("any LEV".to_owned()),
        some => parts.push(format!("LEV {}", some.iter().map(u64::to_string).collect::<Vec<_>>().join(" or "))),
    }
    parts.extend(region.when.iter().map(|(slot, value)| format!("{slot}={}", Word(*value))));
    parts.extend((!region.with.is_empty()).then(|| format!("with {}", region.with.join(", "))));
    parts.extend((!region.without.is_empty()).then(|| format!("without {}", region.without.join(", "))));
    parts.join("; ")
}

fn state(state: &State) -> String {
    let mut text = format!("{} {}", state.trap, state.lev);
    for (register, value) in &state.registers {
        let _ = write!(text, " {register}={}", Word(*value));
    }
    let features: Vec<&str> = state.features.iter().map(String::as_str).collect();
    format!("{text} [{}]", features.join(" "))
}

fn table<const N: usize>(text: &mut String, head: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    };
    line(head.to_vec());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(rules.iter().map(String::as_str).collect());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

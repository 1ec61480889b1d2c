//! Where things stand in a file's text.

use crate::library::Read;
use crate::yaml::{At, Diagnostic};

/// Line and column, both counted from 1.
pub(super) type Place = (usize, usize);

/// Where the value of `at` begins.
pub(super) fn of<T>(at: &At<T>) -> Place {
    (at.line.max(1), at.column.max(1))
}

/// The place reached from `from` by going to the next `words[0]`, from there to the next `words[1]` and so on.
/// A word that is not there is passed over. Comments do not count.
pub(super) fn find<T>(read: &Read<T>, from: Place, words: &[&str]) -> Place {
    words.iter().fold(from, |from, word| next(&read.text, from, word).unwrap_or(from))
}

/// The next place of `word` at or after `from`.
pub(super) fn next(text: &str, from: Place, word: &str) -> Option<Place> {
    text.lines().enumerate().skip(from.0 - 1).find_map(|(n, line)| {
        let start = if n + 1 == from.0 { from.1 } else { 1 };
        let bare = without_comment(line);
        let column = positions(bare, word).into_iter().find(|column| *column >= start)?;
        Some((n + 1, column))
    })
}

/// A diagnostic at the place that [`find`] finds.
pub(super) fn at<T>(read: &Read<T>, from: Place, words: &[&str], message: impl Into<String>) -> Diagnostic {
    let (line, column) = find(read, from, words);
    Diagnostic::new(&read.file, &read.text, line, column, message)
}

/// A diagnostic at the key `name`, whose value is `value`.
pub(super) fn key<T, V>(read: &Read<T>, value: &At<V>, name: &str, message: impl Into<String>) -> Diagnostic {
    let lines: Vec<&str> = read.text.lines().collect();
    let last = value.line.clamp(1, lines.len().max(1));
    let found = (last.saturating_sub(6)..last).rev().find_map(|n| {
        let bare = without_comment(lines[n]);
        let column = positions(bare, name).into_iter().rfind(|column| {
            let before_value = n + 1 < last || *column < value.column;
            let after = bare.chars().skip(column - 1 + name.chars().count()).find(|c| !"\"' ".contains(*c));
            before_value && after == Some(':')
        })?;
        Some((n + 1, column))
    });
    match found {
        Some((line, column)) => Diagnostic::new(&read.file, &read.text, line, column, message),
        None => read.trouble(value.line, name, message),
    }
}

/// `file:line` of the key `name`, for a hint.
pub(super) fn show<T, V>(read: &Read<T>, value: &At<V>, name: &str) -> String {
    let place = key(read, value, name, "");
    format!("{}:{}", place.file, place.line)
}

fn without_comment(line: &str) -> &str {
    let end = line.char_indices().find(|(n, c)| *c == '#' && (*n == 0 || line[..*n].ends_with([' ', '\t'])));
    end.map_or(line, |(n, _)| &line[..n])
}

/// Columns at which `word` stands alone in `line`.
fn positions(line: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let inside = |c: Option<char>, edge: Option<char>| c.is_some_and(part) && edge.is_some_and(part);
    line.match_indices(word)
        .filter(|(n, _)| {
            let before = line[..*n].chars().next_back();
            let after = line[n + word.len()..].chars().next();
            !inside(before, word.chars().next()) && !inside(after, word.chars().next_back())
        })
        .map(|(n, _)| line[..n].chars().count() + 1)
        .collect()
}

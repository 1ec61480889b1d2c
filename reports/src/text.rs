//! Making untrusted text safe to show, and the few layout helpers that views share.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// Characters that could steer a terminal, reorder or hide text, or make XML ill-formed.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_unsafe(c) || keep(c) {
            safe.push(c);
            continue;
        }
        match (c, u32::from(c)) {
            ('\n', _) => safe.push_str("\\n"),
            ('\r', _) => safe.push_str("\\r"),
            ('\t', _) => safe.push_str("\\t"),
            (_, code @ 0..=0xff) => write!(safe, "\\x{code:02x}").unwrap_or_default(),
            (_, code) => write!(safe, "\\u{{{code:x}}}").unwrap_or_default(),
        }
    }
    Cow::Owned(safe)
}

/// `text` on one line: control characters, line ends, bidirectional overrides and invisible characters become
/// visible escapes such as `\x1b` or `\u{202e}`.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Like [`line()`], but line ends stay, for disassembly and logs.
#[must_use]
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n')
}

/// At most `limit` bytes of `text`: its beginning and its end, with a note of what is left out between.
#[must_use]
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let head = text.floor_char_boundary(limit / 2);
    let tail = text.ceil_char_boundary(text.len() - limit / 2);
    Cow::Owned(format!("{}\n[{} bytes left out, see the report stream]\n{}", &text[..head], tail - head, &text[tail..]))
}

/// Orders `r2` before `r10`.
#[must_use]
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    fn split(name: &str) -> (&str, u64, &str) {
        let start = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        let digits = &name[start..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        (&name[..start], digits[..end].parse().unwrap_or(0), &digits[end..])
    }
    split(a).cmp(&split(b)).then_with(|| a.cmp(b))
}

/// `count` with the word that fits it: `1 row`, `2 rows`.
#[must_use]
pub(crate) fn plural(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// `text` as one word of a shell command.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("r3 = 0x4b", "r3 = 0x4b")]
    #[case::colour("\x1b[31mred", "\\x1b[31mred")]
    #[case::c1("\u{9b}31m", "\\x9b31m")]
    #[case::line_end("a\nb\r", "a\\nb\\r")]
    #[case::bidi("a\u{202e}b", "a\\u{202e}b")]
    #[case::noncharacter("\u{ffff}", "\\u{ffff}")]
    fn hostile_characters_become_visible(#[case] text: &str, #[case] safe: &str) {
        assert_eq!(line(text), safe);
    }

    #[test]
    fn registers_sort_by_number() {
        let mut names = vec!["r10", "lr", "r2", "cr", "r1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["cr", "lr", "r1", "r2", "r10"]);
    }

    #[rstest]
    #[case("papr/H_CEDE/row-1", "papr/H_CEDE/row-1")]
    #[case("a b", "'a b'")]
    #[case("it's", r"'it'\''s'")]
    #[case("$(reboot)", "'$(reboot)'")]
    fn a_command_line_cannot_be_broken_out_of(#[case] text: &str, #[case] word: &str) {
        assert_eq!(shell_word(text), word);
    }

    #[test]
    fn shortened_text_keeps_both_ends_and_whole_characters() {
        let text = format!("begin{}end", "é".repeat(1000));
        let short = shorten(&text, 101);
        assert!(short.starts_with("begin") && short.ends_with("end"));
        assert!(short.len() < 200);
    }
}

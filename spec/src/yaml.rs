//! The one reader of YAML.
//!
//! Every YAML file of the project passes through [`parse`], so that trouble always names the file, the line,
//! the column, shows the source line and, where one is known, a remedy. No other module names the parser crate.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in a source file where something is wrong, with the remedy if one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the user named it.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    source: Arc<str>,
}

/// A file that could not be read as what it should be.
pub type Error = Box<Diagnostic>;

impl Diagnostic {
    /// A diagnostic at `line` and `column` (both from 1) of `source`, the text of `file`.
    pub fn new(file: &str, source: &Arc<str>, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: line.max(1),
            column: column.max(1),
            message: message.into(),
            hint: None,
            source: Arc::clone(source),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The byte range of the word that the diagnostic points at.
    fn span(&self) -> std::ops::Range<usize> {
        let start: usize = self.source.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let line = self.source[start..].lines().next().unwrap_or("");
        let from: usize = line.chars().take(self.column - 1).map(char::len_utf8).sum();
        let word = line[from..]
            .find(|c: char| c.is_whitespace() || ",:]}".contains(c))
            .map_or(line.len(), |n| from + n.max(1).min(line.len() - from));
        start + from..(start + word).max(start + from)
    }

    /// The diagnostic in rustc's layout, without colour.
    pub fn render(&self) -> String {
        let snippet =
            Snippet::source(&*self.source).path(&self.file).annotation(AnnotationKind::Primary.span(self.span()));
        let mut group = Level::ERROR.primary_title(&self.message).element(snippet);
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint));
        }
        Renderer::plain().render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Diagnostic {}

/// Reads `text`, the contents of the file that the user knows as `name`.
///
/// # Errors
/// A [`Diagnostic`] at the first place where the text is not YAML or not a `T`: unknown and duplicate keys,
/// missing fields and unreadable numbers included.
pub fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(|error| {
        let bare = error.without_snippet();
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (usize::try_from(at.line()).unwrap_or(1), usize::try_from(at.column()).unwrap_or(1)));
        let mut message = bare.to_string();
        if let Some(tail) = message.rfind(" at line ") {
            message.truncate(tail);
        }
        let hint = hint_for(&message);
        let source: Arc<str> = Arc::from(text);
        let mut diagnostic = Diagnostic::new(name, &source, line, column, message);
        diagnostic.hint = hint;
        Box::new(diagnostic)
    })
}

/// What usually helps against one of the parser's own messages.
fn hint_for(message: &str) -> Option<String> {
    if message.starts_with("duplicate mapping key") {
        return Some("give the second entry another name, or merge the two".to_owned());
    }
    if message.starts_with("missing field") {
        return Some("add the field; `hypercheck schema` prints what the file may hold".to_owned());
    }
    let (unknown, list) = message.split_once(", expected one of ")?;
    let wrong = unknown.split('`').nth(1)?;
    nearest(wrong, list.split(", ").map(|name| name.trim_matches('`'))).map(|name| format!("did you mean `{name}`?"))
}

/// The candidate that is most like `wrong`, if one is like it at all.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = wrong.chars().count().div_ceil(3).max(1);
    candidates.map(|name| (distance(wrong, name), name)).filter(|(d, _)| *d <= limit).min().map(|(_, name)| name)
}

/// Edits that make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// A value together with the place in its file where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Line, counted from 1; 0 for a value that came from no file.
    pub line: usize,
    /// Column, counted from 1; 0 for a value that came from no file.
    pub column: usize,
}

impl<T> At<T> {
    /// A value that came from no file.
    pub const fn nowhere(value: T) -> Self {
        Self { value, line: 0, column: 0 }
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_yaml::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            line: usize::try_from(spanned.referenced.line()).unwrap_or(0),
            column: usize::try_from(spanned.referenced.column()).unwrap_or(0),
            value: spanned.value,
        })
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// Writes `value` as YAML.
///
/// # Errors
/// A message where the value has no YAML form.
pub fn write<T: Serialize>(value: &T) -> Result<String, String> {
    serde_yaml::to_string(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Sample {
        title: String,
        number: At<u64>,
    }

    #[rstest]
    #[case("title: a\nnumbr: 1\n", 2, 1, "did you mean `number`?")]
    #[case("title: a\nnumber: 1\ntitle: b\n", 3, 1, "another name")]
    #[case("title: a\n", 1, 1, "add the field")]
    #[case("title: a\nnumber: zz\n", 2, 9, "")]
    fn trouble_names_its_place_and_remedy(
        #[case] text: &str,
        #[case] line: usize,
        #[case] column: usize,
        #[case] hint: &str,
    ) {
        let error = parse::<Sample>("sample.yaml", text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{error}");
        assert!(error.render().contains(&format!("sample.yaml:{line}:{column}")), "{error}");
        assert!(error.render().contains(hint), "{error}");
    }

    #[test]
    fn values_know_where_they_stand() {
        let sample: Sample = parse("sample.yaml", "title: a\nnumber: 0x10\n").unwrap();
        assert_eq!((sample.number.line, sample.number.column, *sample.number), (2, 9, 16));
    }

    #[test]
    fn nearest_name_is_found_only_when_it_is_near() {
        assert_eq!(nearest("H_CONFR", ["H_CEDE", "H_CONFER"].into_iter()), Some("H_CONFER"));
        assert_eq!(nearest("zzz", ["H_CEDE", "H_CONFER"].into_iter()), None);
    }
}

//! What is wrong with the data although it can be read: names that nothing bears, numbers given twice, codes that
//! can never come, clauses without a case.
//!
//! Everything found is a [`Finding`] with its place, the source line and, where one is known, a remedy. Errors are
//! contradictions that a run would trip over or silently pass by; warnings are gaps.

mod abi;
mod arch;
mod calls;
mod case;
mod clauses;
mod conduits;
mod effects;
mod names;
mod numbers;
mod page;
mod place;
mod rows;
mod sources;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::library::{Library, Read};
use crate::slots::Slots;
use crate::yaml::{Diagnostic, nearest};

/// What expressions may call `machine.<name>` on every architecture, with what it is. Others are in the files of
/// `spec/arch/`, under `facts`.
pub const MACHINE_FACTS: &[(&str, &str)] = &[
    ("ram", "bytes of RAM, from address 0"),
    ("code", "address of the page that holds the suite's instructions"),
    ("scratch", "address of the 64 KiB that belong to the suite"),
    ("cpus", "number of virtual processors"),
    ("cpu", "number of the virtual processor that runs the case"),
];

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The data contradicts itself or names what is not there; nothing should run on it.
    Error,
    /// Something is missing or superfluous.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where, what, and what to do about it.
    pub diagnostic: Diagnostic,
}

/// Everything that is wrong with `library`, sorted by file and line.
#[must_use]
pub fn lint(library: &Library) -> Vec<Finding> {
    let world = World::of(library);
    let mut report = Report::default();
    for read in library.arches.values() {
        arch::check(read, &mut report);
    }
    for read in library.abis.values() {
        abi::check(&world, read, &mut report);
    }
    numbers::across(library, &mut report);
    for case in &library.cases {
        case::check(&world, case, &mut report);
    }
    clauses::check(&world, &mut report);
    report.sorted()
}

/// The findings as text in rustc's layout, ending in how many there are.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let shown = finding.diagnostic.render();
        let shown = match finding.severity {
            Severity::Error => shown,
            Severity::Warning => shown.replacen("error", "warning", 1),
        };
        let _ = writeln!(text, "{shown}\n");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let _ = writeln!(text, "{}, {}", plural(errors, "error"), plural(findings.len() - errors, "warning"));
    text
}

/// The findings so far.
#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    fn error(&mut self, diagnostic: Diagnostic) {
        self.0.push(Finding { severity: Severity::Error, diagnostic });
    }

    /// As [`Report::error`], but only at the first place in each file: for what one line elsewhere would cure.
    fn error_once(&mut self, diagnostic: Diagnostic) {
        let same = |f: &Finding| (&f.diagnostic.file, &f.diagnostic.message) == (&diagnostic.file, &diagnostic.message);
        if !self.0.iter().any(same) {
            self.error(diagnostic);
        }
    }

    fn warning(&mut self, diagnostic: Diagnostic) {
        self.0.push(Finding { severity: Severity::Warning, diagnostic });
    }

    fn sorted(mut self) -> Vec<Finding> {
        let key = |f: &Finding| {
            let d = &f.diagnostic;
            (d.file.clone(), d.line, d.column, f.severity, d.message.clone())
        };
        self.0.sort_by_key(key);
        self.0.dedup_by_key(|f| key(f));
        self.0
    }
}

/// What all checks look things up in.
struct World<'a> {
    library: &'a Library,
    slots: IndexMap<&'a str, Slots>,
    features: BTreeSet<&'a str>,
}

impl<'a> World<'a> {
    fn of(library: &'a Library) -> Self {
        let slots = library.arches.iter().map(|(name, arch)| (name.as_str(), Slots::of(&arch.value))).collect();
        let mut features = BTreeSet::new();
        for (name, arch) in &library.arches {
            features.insert(name.as_str());
            features.extend(arch.value.features.keys().map(String::as_str));
        }
        for (name, abi) in &library.abis {
            features.insert(name.as_str());
            for (name, call) in &abi.value.calls {
                features.insert(name.as_str());
                features.extend(call.set.as_deref());
            }
        }
        Self { library, slots, features }
    }

    /// The architectures of `wanted` that are known.
    fn arches(&self, wanted: &[String]) -> Vec<(&str, &Slots)> {
        wanted.iter().filter_map(|name| self.slots.get_key_value(name.as_str())).map(|(k, v)| (*k, v)).collect()
    }

    /// Whether `feature`, perhaps after `not `, is known; otherwise what to say.
    fn feature_hint(&self, feature: &str) -> Option<String> {
        let bare = feature.strip_prefix("not ").unwrap_or(feature);
        (!self.features.contains(bare)).then(|| {
            nearest(bare, self.features.iter().copied()).map_or_else(
                || {
                    "declare it under `features` of the architecture; ABIs, calls and sets of calls are features too"
                        .to_owned()
                },
                |name| format!("did you mean `{name}`?"),
            )
        })
    }
}

/// Says what `wrong` may have been meant for, or lists what there is.
fn suggest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    if let Some(name) = nearest(wrong, known.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    known.sort_unstable();
    known.dedup();
    match known.len() {
        0 => "none are declared".to_owned(),
        1..=12 => format!("there are `{}`", known.join("`, `")),
        many => format!("there are {many}, none of them like it"),
    }
}

/// Checks that the file is named for what it holds.
fn named_for<T>(read: &Read<T>, kind: &str, name: &str, report: &mut Report) {
    let stem = std::path::Path::new(&read.file).file_stem().unwrap_or_default().to_string_lossy();
    if stem != name {
        let message = format!("`{name}` is in a file named `{stem}`");
        report.error(
            place::at(read, (1, 1), &[&format!("{kind}:"), name], message)
                .hint(format!("rename the file to `{name}.yaml`, or write `{kind}: {stem}`")),
        );
    }
}

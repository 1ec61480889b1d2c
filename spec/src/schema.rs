//! JSON Schemas of the YAML files, for editors: generated from the types that read the files, checked in, and
//! checked for staleness.

use std::path::Path;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::Value;

use crate::abi::Abi;
use crate::arch::Arch;
use crate::case::Case;
use crate::isa::Isa;

/// The command that brings the files up to date.
pub const COMMAND: &str = "cargo run -p hypercheck -- schema --write";

/// A file that does not hold the schema that the types have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Its name.
    pub file: String,
    /// Whether it is missing altogether.
    pub missing: bool,
}

/// Every kind of document that this crate reads, and its schema. A new kind of YAML file gets its line here.
#[must_use]
pub fn documents() -> Vec<(&'static str, Schema)> {
    let mut all = vec![
        ("abi", schema_for!(Abi)),
        ("arch", schema_for!(Arch)),
        ("case", schema_for!(Case)),
        ("isa", schema_for!(Isa)),
    ];
    for (_, schema) in &mut all {
        RecursiveTransform(describe_choices).transform(schema);
    }
    all
}

/// An alternative that is a single key (`one-of: ..`) has its text outside the key, where editors do not show it.
fn describe_choices(schema: &mut Schema) {
    let Some(text) = schema.get("description").cloned() else { return };
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    if let (1, Some(Value::Object(only))) = (properties.len(), properties.values_mut().next()) {
        only.entry("description").or_insert(text);
    }
}

/// The files and what they must hold.
///
/// # Panics
/// Never: a schema is JSON by construction.
fn files(documents: &[(&str, Schema)]) -> impl Iterator<Item = (String, String)> {
    documents.iter().map(|(name, schema)| {
        let text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
        (format!("{name}.schema.json"), text + "\n")
    })
}

/// Writes the schemas of `documents` into `folder`, which is made if it is not there.
///
/// # Errors
/// If the folder cannot be made or a file cannot be written.
pub fn write(folder: &Path, documents: &[(&str, Schema)]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    files(documents).try_for_each(|(file, text)| std::fs::write(folder.join(file), text))
}

/// The files in `folder` that are missing or not what [`write`] would write.
///
/// # Errors
/// If a file is there and cannot be read.
pub fn check(folder: &Path, documents: &[(&str, Schema)]) -> std::io::Result<Vec<Stale>> {
    let mut stale = Vec::new();
    for (file, text) in files(documents) {
        match std::fs::read_to_string(folder.join(&file)) {
            // A checkout may have turned line ends into those of its system.
            Ok(found) if found.replace("\r\n", "\n") == text => {}
            Ok(_) => stale.push(Stale { file, missing: false }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => stale.push(Stale { file, missing: true }),
            Err(error) => return Err(error),
        }
    }
    Ok(stale)
}

//! The schemas in the checkout are those of the types, and tell an editor what each key means.

use std::path::Path;

use hypercheck_spec::schema::{COMMAND, check, documents, write};
use serde_json::Value;

#[test]
fn the_checked_in_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let stale = check(&folder, &documents()).expect("the folder can be read");
    assert!(stale.is_empty(), "{stale:?}\nbring them up to date with: {COMMAND}");
}

#[test]
fn what_is_written_is_current_and_what_is_changed_is_stale() {
    let folder = std::env::temp_dir().join(format!("hypercheck-schema-{}", std::process::id()));
    write(&folder, &documents()).expect("a temporary folder can be written");
    assert_eq!(check(&folder, &documents()).expect("readable"), []);
    std::fs::write(folder.join("abi.schema.json"), "{}").expect("writable");
    std::fs::remove_file(folder.join("case.schema.json")).expect("there");
    let stale: Vec<(String, bool)> =
        check(&folder, &documents()).expect("readable").into_iter().map(|stale| (stale.file, stale.missing)).collect();
    assert_eq!(stale, [("abi.schema.json".to_owned(), false), ("case.schema.json".to_owned(), true)]);
    std::fs::remove_dir_all(folder).expect("removable");
}

#[test]
fn every_key_says_what_it_is_for() {
    fn visit(value: &Value, path: &str, bare: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            let silent = properties.iter().filter(|(_, about)| about.get("description").is_none());
            bare.extend(silent.map(|(key, _)| format!("{path}: {key}")));
        }
        match value {
            Value::Object(entries) => {
                entries.iter().for_each(|(key, value)| visit(value, &format!("{path}/{key}"), bare))
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, path, bare)),
            _ => {}
        }
    }
    let mut bare = Vec::new();
    for (name, schema) in documents() {
        visit(schema.as_value(), name, &mut bare);
    }
    assert!(bare.is_empty(), "keys without a doc comment: {bare:#?}");
}

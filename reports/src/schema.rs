//! JSON Schemas of everything that another program may read or a person may write.

use schemars::{Schema, schema_for};

use crate::known::Entry;
use crate::model::Record;

/// The schemas by name: `report` is one line of a stream, `known` a list of known deviations.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![("report", schema_for!(Record)), ("known", schema_for!(Vec<Entry>))]
}

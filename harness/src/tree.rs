//! Looks at a device tree as a case asks for it.

use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::case::TreeLook;

use crate::device_tree::DeviceTree;

/// Compares what `look` asks for with the flattened tree `blob`; `cells` are the values of its cells.
#[must_use]
pub fn look(blob: &[u8], look: &TreeLook, cells: &[u64]) -> Option<Mismatch> {
    let subject = match &look.property {
        Some(property) => format!("device tree {}, property {property}", look.node),
        None => format!("device tree {}", look.node),
    };
    let differs =
        |expected: String, actual: String| Some(Mismatch::new(Oracle::Expectation, subject.clone(), expected, actual));
    let tree = match DeviceTree::parse(blob) {
        Ok(tree) => tree,
        Err(error) => return differs("a device tree".to_owned(), error.to_string()),
    };
    let Some(property) = &look.property else {
        return match (tree.has(&look.node), look.absent) {
            (true, true) => differs("no such node".to_owned(), "it is there".to_owned()),
            (false, false) => differs("the node".to_owned(), "no such node".to_owned()),
            _ => None,
        };
    };
    let value = tree.property(&look.node, property);
    match (value, look.absent) {
        (Some(value), true) => return differs("no such property".to_owned(), crate::judge::hex(value)),
        (None, true) => return None,
        (None, false) => return differs("the property".to_owned(), "no such property".to_owned()),
        (Some(_), false) => {}
    }
    if let Some(wanted) = &look.string
        && !tree.strings(&look.node, property).any(|string| string == wanted)
    {
        let all: Vec<&str> = tree.strings(&look.node, property).collect();
        return differs(format!("{wanted:?} among its strings"), format!("{all:?}"));
    }
    let actual: Vec<u64> = tree.cells(&look.node, property).map(u64::from).collect();
    if !cells.is_empty() && actual != cells {
        let show = |cells: &[u64]| cells.iter().map(|cell| format!("{cell:#010x}")).collect::<Vec<_>>().join(" ");
        return differs(show(cells), show(&actual));
    }
    None
}

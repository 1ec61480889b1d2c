//! Looks at a device tree as a case asks for it.

use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::case::TreeLook;

use crate::device_tree::DeviceTree;

/// Compares what `look` asks for with the flattened tree `blob`; `values` are those of its expressions, in their order.
#[must_use]
pub fn look(blob: &[u8], look: &TreeLook, values: &[u64]) -> Option<Mismatch> {
    match DeviceTree::parse(blob) {
        Ok(tree) => inspect(&tree, look, &mut values.iter().copied()).err().map(|missed| *missed),
        Err(error) => Some(*differs("device tree", "a device tree".to_owned(), error.to_string())),
    }
}

fn differs(subject: &str, expected: String, actual: String) -> Box<Mismatch> {
    Box::new(Mismatch::new(Oracle::Expectation, subject.to_owned(), expected, actual))
}

/// The look itself and then its alternatives, of which one must hold. All values are taken, whatever holds.
fn inspect(tree: &DeviceTree, look: &TreeLook, values: &mut impl Iterator<Item = u64>) -> Result<(), Box<Mismatch>> {
    let cells: Vec<u64> = values.take(look.cells.len()).collect();
    let lengths: Vec<u64> = values.take(look.length.len()).collect();
    let alternatives: Vec<_> = look.any_of.iter().map(|other| alternative(tree, other, values)).collect();
    own(tree, look, &cells, &lengths)?;
    let mut missed = alternatives.into_iter().filter_map(Result::err);
    let Some(first) = missed.next() else { return Ok(()) };
    let all: Vec<Box<Mismatch>> = [first].into_iter().chain(missed).collect();
    if all.len() < look.any_of.len() {
        return Ok(());
    }
    let texts = |of: fn(&Mismatch) -> &String| all.iter().map(|one| of(one).as_str()).collect::<Vec<_>>().join(" or ");
    Err(differs(&texts(|one| &one.subject), texts(|one| &one.expected), texts(|one| &one.actual)))
}

/// As [`inspect`], with a type that does not grow at every level.
fn alternative(tree: &DeviceTree, look: &TreeLook, values: &mut dyn Iterator<Item = u64>) -> Result<(), Box<Mismatch>> {
    let all: Vec<u64> = values.take(look.expressions().len()).collect();
    inspect(tree, look, &mut all.into_iter())
}

/// What a look asks of the nodes that fit, its alternatives aside.
fn own(tree: &DeviceTree, look: &TreeLook, cells: &[u64], lengths: &[u64]) -> Result<(), Box<Mismatch>> {
    if *look == (TreeLook { any_of: look.any_of.clone(), ..TreeLook::default() }) {
        return Ok(());
    }
    let subject = subject(look);
    let fits = |path: &&str| {
        look.compatible.as_ref().is_none_or(|name| tree.strings(path, "compatible").any(|string| string == name))
    };
    let nodes: Vec<&str> = tree.paths(&look.node).filter(fits).collect();
    let Some(property) = &look.property else {
        return match (nodes.is_empty(), look.absent) {
            (false, true) => Err(differs(&subject, "no such node".to_owned(), "it is there".to_owned())),
            (true, false) => Err(differs(&subject, "the node".to_owned(), "no such node".to_owned())),
            _ => Ok(()),
        };
    };
    let having: Vec<(&str, &[u8])> =
        nodes.into_iter().filter_map(|path| Some((path, tree.property(path, property)?))).collect();
    if look.absent {
        let Some((_, value)) = having.first() else { return Ok(()) };
        return Err(differs(&subject, "no such property".to_owned(), crate::judge::hex(value)));
    }
    // One that shows it all is enough; otherwise the first one tells what is wrong.
    let mut wrong = having.into_iter().map(|(path, value)| shows(tree, path, property, value, look, cells, lengths));
    match wrong.next() {
        None => Err(differs(&subject, "the property".to_owned(), "no such property".to_owned())),
        Some(Ok(())) => Ok(()),
        Some(Err((expected, actual))) => {
            if wrong.any(|other| other.is_ok()) {
                Ok(())
            } else {
                Err(differs(&subject, expected, actual))
            }
        }
    }
}

/// What is looked at, in words.
fn subject(look: &TreeLook) -> String {
    let node = if look.node.is_empty() { "any node" } else { &look.node };
    let kind = look.compatible.as_ref().map(|name| format!(" compatible with {name}")).unwrap_or_default();
    let property = look.property.as_ref().map(|name| format!(", property {name}")).unwrap_or_default();
    format!("device tree {node}{kind}{property}")
}

/// Whether a property holds what is asked for; otherwise what was expected and what is there.
fn shows(
    tree: &DeviceTree,
    path: &str,
    property: &str,
    value: &[u8],
    look: &TreeLook,
    cells: &[u64],
    lengths: &[u64],
) -> Result<(), (String, String)> {
    if let Some(wanted) = &look.string
        && !tree.strings(path, property).any(|string| string == wanted)
    {
        let all: Vec<&str> = tree.strings(path, property).collect();
        return Err((format!("{wanted:?} among its strings"), format!("{all:?}")));
    }
    let actual: Vec<u64> = tree.cells(path, property).map(u64::from).collect();
    if !cells.is_empty() && (actual != cells || value.len() != 4 * cells.len()) {
        let show = |cells: &[u64]| cells.iter().map(|cell| format!("{cell:#010x}")).collect::<Vec<_>>().join(" ");
        return Err((show(cells), show(&actual)));
    }
    if !lengths.is_empty() && !lengths.contains(&(value.len() as u64)) {
        let wanted: Vec<String> = lengths.iter().map(u64::to_string).collect();
        return Err((format!("{} bytes", wanted.join(" or ")), format!("{} bytes", value.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hypercheck_spec::expr::Expr;
    use hypercheck_spec::yaml;
    use rstest::rstest;
    use vm_fdt::FdtWriter;

    use super::*;

    fn tree() -> Vec<u8> {
        let mut tree = FdtWriter::new().unwrap();
        let root = tree.begin_node("").unwrap();
        tree.property_string("compatible", "a,board").unwrap();
        for (name, kind, word) in [("one", "a,kind", 1), ("two@8", "a,kind", 2)] {
            let node = tree.begin_node(name).unwrap();
            tree.property_string_list("compatible", vec!["more".to_owned(), kind.to_owned()]).unwrap();
            tree.property_array_u32("words", &[word, 7]).unwrap();
            tree.property("cut", &[0, 0, 0, 1, 0]).unwrap();
            tree.end_node(node).unwrap();
        }
        tree.end_node(root).unwrap();
        tree.finish().unwrap()
    }

    fn holds(text: &str) -> bool {
        let asked: TreeLook = yaml::parse("look", text).unwrap_or_else(|error| panic!("{error}"));
        let number = |expr: &&Expr| match expr {
            Expr::Number(word) => word.0,
            other => panic!("{other} is no number"),
        };
        let values: Vec<u64> = asked.expressions().iter().map(number).collect();
        look(&tree(), &asked, &values).is_none()
    }

    #[rstest]
    #[case::a_node("{ node: /one }", true)]
    #[case::no_such_node("{ node: /three }", false)]
    #[case::absent_node("{ node: /three, absent: true }", true)]
    #[case::node_that_should_be_absent("{ node: /one, absent: true }", false)]
    #[case::the_root("{ node: /, property: compatible, string: \"a,board\" }", true)]
    #[case::any_node("{ property: words, cells: [2, 7] }", true)]
    #[case::no_node_at_all("{ property: words, cells: [3, 7] }", false)]
    #[case::by_kind("{ compatible: \"a,kind\", property: words, cells: [1, 7] }", true)]
    #[case::kind_that_is_not_there("{ compatible: \"b,kind\" }", false)]
    #[case::kind_elsewhere("{ node: /, compatible: \"a,kind\" }", false)]
    #[case::absent_property("{ compatible: \"a,kind\", property: thing, absent: true }", true)]
    #[case::property_that_should_be_absent("{ property: words, absent: true }", false)]
    #[case::string("{ node: /two, property: compatible, string: more }", true)]
    #[case::other_string("{ node: /two, property: compatible, string: less }", false)]
    #[case::too_few_cells("{ node: /one, property: words, cells: [1] }", false)]
    #[case::cells_and_a_rest("{ node: /one, property: cut, cells: [1] }", false)]
    #[case::length("{ node: /one, property: words, length: [4, 8] }", true)]
    #[case::other_length("{ node: /one, property: words, length: [4, 12] }", false)]
    #[case::one_of("{ any-of: [{ node: /three }, { node: /one }] }", true)]
    #[case::none_of("{ any-of: [{ node: /three }, { node: /four }] }", false)]
    #[case::one_of_and_more("{ node: /three, any-of: [{ node: /one }] }", false)]
    #[case::values_in_order(
        "{ property: words, cells: [2, 7], any-of: [{ property: words, cells: [9] }, { property: words, length: [8] }] }",
        true
    )]
    #[case::nested(
        "{ any-of: [{ any-of: [{ node: /four }, { property: words, length: [8] }] }, { node: /five }] }",
        true
    )]
    fn a_look_holds_or_not(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(holds(text), expected, "{text}");
    }

    #[test]
    fn what_is_missed_is_told() {
        let asked = TreeLook { node: "/three".to_owned(), property: Some("p".to_owned()), ..TreeLook::default() };
        let other = TreeLook { compatible: Some("b,kind".to_owned()), ..TreeLook::default() };
        let both = TreeLook { any_of: vec![asked, other], ..TreeLook::default() };
        let missed = look(&tree(), &both, &[]).unwrap();
        assert_eq!(missed.subject, "device tree /three, property p or device tree any node compatible with b,kind");
        assert_eq!(missed.expected, "the property or the node");
        assert_eq!(missed.actual, "no such property or no such node");
    }

    #[test]
    fn what_is_no_tree_shows_nothing() {
        assert!(look(b"no tree", &TreeLook { node: "/".to_owned(), ..TreeLook::default() }, &[]).is_some());
    }
}

//! Reading flattened device trees (Devicetree Specification, chapter 5).
//!
//! Done here because the readers that could be taken refuse the trees of real machines (PAPR has property names of
//! more than 31 characters) or panic on damaged ones, and a guest's tree comes from the hypervisor under test.

use std::ops::Range;

/// A flattened device tree.
///
/// ```
/// # use hypercheck::device_tree::DeviceTree;
/// assert!(DeviceTree::parse(b"no tree").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTree {
    blob: Vec<u8>,
    /// Parents stand before their children.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// From the root on, which is empty: `/cpus/PowerPC,POWER9@0`.
    path: String,
    /// Names, and where the values are in the blob.
    properties: Vec<(String, Range<usize>)>,
}

/// Why a blob is no device tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no flattened device tree: {0}")]
pub struct Malformed(&'static str);

const MAGIC: u32 = 0xd00d_feed;
/// The format that all trees have had since 2005; later ones have to be compatible with it.
const VERSION: u32 = 16;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

impl DeviceTree {
    /// Bytes that [`DeviceTree::length`] needs.
    pub const HEADER: usize = 8;

    /// Reads a blob. It may be longer than the tree.
    ///
    /// # Errors
    /// [`Malformed`] if it is no tree, or a damaged one.
    pub fn parse(blob: &[u8]) -> Result<Self, Malformed> {
        let length = Self::length(blob).ok_or(Malformed("the magic number is missing"))?;
        let blob = blob.get(..length).ok_or(Malformed("it is shorter than it says"))?;
        let field = |at: usize| word(blob, at).ok_or(Malformed("the header is cut off"));
        if field(24)? > VERSION {
            return Err(Malformed("its version is not known"));
        }
        let strings = blob.get(field(12)? as usize..).ok_or(Malformed("there are no names"))?;
        let nodes = nodes(blob, strings, field(8)? as usize).ok_or(Malformed("the structure is damaged"))?;
        Ok(Self { blob: blob.to_vec(), nodes })
    }

    /// How many bytes the tree that starts with `header` says it has, if it is one at all.
    #[must_use]
    pub fn length(header: &[u8]) -> Option<usize> {
        (word(header, 0)? == MAGIC).then_some(word(header, 4)? as usize)
    }

    /// The blob.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Whether there is a node at `path`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.nodes.iter().any(|node| node.path == path.trim_end_matches('/'))
    }

    /// Paths of the nodes that `asked` leads to; of all nodes if it is empty.
    pub fn paths<'a>(&'a self, asked: &'a str) -> impl Iterator<Item = &'a str> {
        let all = asked.is_empty();
        self.nodes.iter().map(|node| &*node.path).filter(move |path| all || leads_to(asked, path))
    }

    /// The value of a property. A step of the path without a unit address takes the first node of that name.
    #[must_use]
    pub fn property(&self, path: &str, name: &str) -> Option<&[u8]> {
        let node = self.nodes.iter().find(|node| leads_to(path, &node.path))?;
        let (_, place) = node.properties.iter().find(|(known, _)| known == name)?;
        self.blob.get(place.clone())
    }

    /// A property that is a list of strings; empty if there is none.
    pub fn strings(&self, path: &str, name: &str) -> impl Iterator<Item = &str> {
        let value = self.property(path, name).unwrap_or_default();
        value.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok()).filter(|text| !text.is_empty())
    }

    /// A property that is a list of 32-bit cells; empty if there is none.
    pub fn cells(&self, path: &str, name: &str) -> impl Iterator<Item = u32> {
        let value = self.property(path, name).unwrap_or_default();
        value.as_chunks().0.iter().map(|cell| u32::from_be_bytes(*cell))
    }

    /// Paths of the nodes right below a node.
    #[must_use]
    pub fn children(&self, path: &str) -> Vec<&str> {
        let Some(parent) = self.nodes.iter().find(|node| leads_to(path, &node.path)) else { return Vec::new() };
        let below = |path: &str| path.strip_prefix(&*parent.path)?.strip_prefix('/').map(|name| !name.contains('/'));
        self.nodes.iter().map(|node| &*node.path).filter(|path| below(path) == Some(true)).collect()
    }
}

/// Whether `asked`, whose steps may lack unit addresses, is `path`.
fn leads_to(asked: &str, path: &str) -> bool {
    let steps = |path| str::split(path, '/').filter(|step| !step.is_empty());
    let same = |(asked, step): (&str, &str)| asked == step || step.split('@').next() == Some(asked);
    steps(asked).count() == steps(path).count() && steps(asked).zip(steps(path)).all(same)
}

/// Reads the structure block that begins at `at`. `None` if it is damaged.
fn nodes(blob: &[u8], strings: &[u8], mut at: usize) -> Option<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    // Indices of the nodes that are open, innermost last.
    let mut open: Vec<usize> = Vec::new();
    loop {
        let token = word(blob, at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(blob, at)?;
                at = (at + name.len() + 1).next_multiple_of(4);
                let path = match open.last() {
                    Some(parent) => format!("{}/{name}", nodes[*parent].path),
                    None if nodes.is_empty() => String::new(),
                    None => return None,
                };
                open.push(nodes.len());
                nodes.push(Node { path, properties: Vec::new() });
            }
            PROPERTY => {
                let (length, name) = (word(blob, at)? as usize, word(blob, at + 4)? as usize);
                let value = at + 8..at + 8 + length;
                blob.get(value.clone())?;
                at = value.end.next_multiple_of(4);
                nodes[*open.last()?].properties.push((text(strings, name)?.to_owned(), value));
            }
            END_NODE => {
                open.pop()?;
            }
            NOP => {}
            END => return (open.is_empty() && !nodes.is_empty()).then_some(nodes),
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|cell| u32::from_be_bytes(*cell))
}

fn text(bytes: &[u8], at: usize) -> Option<&str> {
    std::ffi::CStr::from_bytes_until_nul(bytes.get(at..)?).ok()?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vm_fdt::FdtWriter;

    fn small() -> Vec<u8> {
        let mut tree = FdtWriter::new().unwrap();
        let root = tree.begin_node("").unwrap();
        let cpus = tree.begin_node("cpus").unwrap();
        for number in 0..2 {
            let cpu = tree.begin_node(&format!("PowerPC,POWER9@{number}")).unwrap();
            tree.property_array_u32("reg", &[number, 0x8000_0000]).unwrap();
            tree.property_string_list("compatible", vec!["one".to_owned(), "two".to_owned()]).unwrap();
            tree.property_null("64-bit").unwrap();
            tree.end_node(cpu).unwrap();
        }
        tree.end_node(cpus).unwrap();
        tree.end_node(root).unwrap();
        tree.finish().unwrap()
    }

    #[test]
    fn properties_are_found_with_and_without_unit_addresses() {
        let tree = DeviceTree::parse(&small()).unwrap();
        assert_eq!(tree.cells("/cpus/PowerPC,POWER9@1", "reg").collect::<Vec<_>>(), [1, 0x8000_0000]);
        assert_eq!(tree.cells("/cpus/PowerPC,POWER9", "reg").next(), Some(0));
        assert_eq!(tree.strings("/cpus/PowerPC,POWER9", "compatible").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(tree.property("/cpus/PowerPC,POWER9", "64-bit"), Some(&[][..]));
        assert_eq!(tree.property("/cpus", "reg"), None);
        assert_eq!(tree.property("/memory", "reg"), None);
        assert_eq!(tree.children("/"), ["/cpus"]);
        assert_eq!(tree.children("/cpus"), ["/cpus/PowerPC,POWER9@0", "/cpus/PowerPC,POWER9@1"]);
    }

    #[test]
    fn what_follows_the_tree_is_left_out() {
        let mut blob = small();
        blob.extend([0xff; 99]);
        assert_eq!(DeviceTree::parse(&blob).unwrap().blob(), small());
    }

    #[test]
    fn cut_trees_are_refused() {
        let blob = small();
        for length in 0..blob.len() {
            assert!(DeviceTree::parse(&blob[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn damaged_trees_do_no_harm(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut blob = small();
            for (at, value) in damage {
                *at.get_mut(&mut blob) = value;
            }
            if let Ok(tree) = DeviceTree::parse(&blob) {
                for node in tree.children("/") {
                    let _ = tree.cells(node, "reg").count();
                }
            }
        }
    }
}

//! Reading flattened device trees.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

/// A flattened device tree that was found to be well-formed.
///
/// ```
/// # use hypercheck::device_tree::DeviceTree;
/// assert!(DeviceTree::parse(b"no tree").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTree {
    blob: Vec<u8>,
}

/// Why a blob is no device tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no flattened device tree: {0}")]
pub struct Malformed(String);

impl DeviceTree {
    /// Bytes that [`DeviceTree::length`] needs.
    pub const HEADER: usize = 8;

    /// Checks a blob. It may be longer than the tree.
    ///
    /// # Errors
    /// [`Malformed`] if it is no tree, or one that is damaged.
    pub fn parse(blob: &[u8]) -> Result<Self, Malformed> {
        let length = Self::length(blob).ok_or_else(|| Malformed("the magic number is missing".to_owned()))?;
        let blob = blob.get(..length).ok_or_else(|| Malformed(format!("it claims to have {length} bytes")))?;
        Fdt::new(blob).map_err(|error| Malformed(error.to_string()))?;
        Ok(Self { blob: blob.to_vec() })
    }

    /// How many bytes the tree that starts with `header` claims to have, if it is one at all.
    #[must_use]
    pub fn length(header: &[u8]) -> Option<usize> {
        let word = |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        (word(0)? == 0xd00d_feed).then_some(())?;
        usize::try_from(word(4)?).ok()
    }

    /// The blob.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The value of a property. A step of the path without a unit address takes the first node of that name.
    #[must_use]
    pub fn property(&self, path: &str, name: &str) -> Option<&[u8]> {
        let node = self.tree().find_node(path)?;
        node.properties().find(|property| property.name() == name)?.value_as().ok()
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
    pub fn children(&self, path: &str) -> Vec<String> {
        let Some(node) = self.tree().find_node(path) else { return Vec::new() };
        let stem = path.trim_end_matches('/');
        node.children().map(|child: FdtNode<'_>| format!("{stem}/{}", child.name())).collect()
    }

    fn tree(&self) -> Fdt<'_> {
        Fdt::new_unchecked(&self.blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with one node, `/cpus/cpu@0`, written out by hand.
    fn small() -> Vec<u8> {
        let strings = b"reg\0compatible\0";
        let mut body = Vec::new();
        let word = |to: &mut Vec<u8>, word: u32| to.extend(word.to_be_bytes());
        let text = |to: &mut Vec<u8>, text: &str| {
            to.extend(text.as_bytes());
            to.push(0);
            to.resize(to.len().next_multiple_of(4), 0);
        };
        for name in ["", "cpus", "cpu@0"] {
            word(&mut body, 1);
            text(&mut body, name);
        }
        for cell in [3, 8, 0, 1, 0x8000_0000, 3, 8, 4] {
            word(&mut body, cell);
        }
        body.extend(b"one\0two\0");
        for cell in [2, 2, 2, 9] {
            word(&mut body, cell);
        }
        let mut blob = Vec::new();
        let (first, end) = (40 + 16, 40 + 16 + body.len());
        let lengths = [strings.len(), body.len()];
        for cell in [0xd00d_feed, end + strings.len(), first, end, 40, 17, 16, 0, lengths[0], lengths[1]] {
            word(&mut blob, u32::try_from(cell).unwrap());
        }
        blob.extend([0; 16]);
        blob.extend(body);
        blob.extend(strings);
        blob
    }

    #[test]
    fn properties_are_found_with_and_without_unit_addresses() {
        let tree = DeviceTree::parse(&small()).unwrap();
        assert_eq!(tree.cells("/cpus/cpu@0", "reg").collect::<Vec<_>>(), [1, 0x8000_0000]);
        assert_eq!(tree.strings("/cpus/cpu", "compatible").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(tree.property("/cpus", "reg"), None);
        assert_eq!(tree.property("/memory", "reg"), None);
        assert_eq!(tree.children("/"), ["/cpus"]);
        assert_eq!(tree.children("/cpus"), ["/cpus/cpu@0"]);
    }

    #[test]
    fn what_follows_the_tree_is_left_out() {
        let mut blob = small();
        blob.extend([0xff; 99]);
        assert_eq!(DeviceTree::parse(&blob).unwrap().blob(), small());
    }

    #[test]
    fn damaged_trees_are_refused() {
        assert!(DeviceTree::parse(&[]).is_err());
        let blob = small();
        assert!(DeviceTree::parse(&blob[..blob.len() - 1]).is_err());
        for at in 0..blob.len() {
            let mut blob = blob.clone();
            blob[at] ^= 0xff;
            if let Ok(tree) = DeviceTree::parse(&blob) {
                let _ = tree.property("/cpus/cpu@0", "reg");
                let _ = tree.children("/cpus");
            }
        }
    }
}

//! A page that guest and hypervisor share, and the instructions that a guest replaces by accesses to it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::word::Word;
use crate::yaml::At;

/// A page shared between guest and hypervisor.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Page {
    /// Its size in bytes.
    pub size: Word,
    /// The call that maps it, with its arguments.
    pub map: At<MapCall>,
    /// Features of the machine of which one is needed.
    pub platforms: Vec<String>,
    /// Its fields by name, in order of address.
    pub fields: IndexMap<String, At<Field>>,
    /// Where this is stated.
    pub source: String,
}

/// A call that maps a shared page.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MapCall {
    /// The call, `abi.NAME`.
    pub call: String,
    /// Its arguments.
    pub arguments: IndexMap<String, Expr>,
    /// Where the page is afterwards: an effective address.
    pub at: Word,
}

/// A field of a shared page.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Field {
    /// Offset from the start of the page in bytes.
    pub offset: Word,
    /// Size in bytes of one element.
    pub size: u8,
    /// How many elements follow one another.
    #[serde(default = "super::one")]
    pub count: u16,
    /// The register that it shows, if it shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// The feature bit without which it must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// What a patched instruction becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatchKind {
    /// A load from the page.
    Load,
    /// A store to the page.
    Store,
    /// Nothing.
    Nop,
    /// A branch to code that does the work.
    Branch,
}

/// An instruction that a guest replaces.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    /// The original in assembly, register `{rt}` where it has one.
    pub code: String,
    /// Its encoding with register fields zero.
    pub word: Word,
    /// What it becomes.
    pub kind: PatchKind,
    /// The field of the page that is read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Byte offset into the field, for one that holds two registers.
    #[serde(default)]
    pub skip: u8,
    /// Size of the access in bytes on a 64-bit guest, where it is not the field's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u8>,
    /// Features of the machine to which it is limited; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Architectures to which it is limited; empty for all of the ABI's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// The feature bit without which it must not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// A remark, such as a limit of the replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

//! A conformance case: what is given, what is done step by step, and what must be seen.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::expr::Expr;
use crate::yaml::At;

/// One file below `cases/`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What the case shows, as a sentence.
    pub title: String,
    /// The ABI that it is about.
    pub abi: String,
    /// The clauses that it checks, each `name` of the ABI or `abi.name` of another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<At<String>>,
    /// Features that the machine must have; `not name` for one that it must lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Architectures to run on; all of the ABI's if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// Background: why this is worth a case, who differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether what is seen goes into a reviewed snapshot, because the documents leave it open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// Names for values, usable in all expressions; rows may change them.
    #[serde(default, rename = "let", skip_serializing_if = "IndexMap::is_empty")]
    pub bindings: IndexMap<String, Expr>,
    /// Given to every step, before what the step itself gives.
    #[serde(default, skip_serializing_if = "Given::is_empty")]
    pub given: Given,
    /// A single call to make: short for one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<At<String>>,
    /// The conduit of that call, or a bare conduit without a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduit: Option<String>,
    /// What that call must show.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
    /// What is done, in order, in one guest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<At<Step>>,
    /// Variations: each is run in a guest of its own.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rows: IndexMap<String, At<Row>>,
}

/// A variation of a case.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Row {
    /// More clauses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<At<String>>,
    /// More requirements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Architectures to run this row on; the case's if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether what is seen goes into a reviewed snapshot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// Other values for names.
    #[serde(default, rename = "let", skip_serializing_if = "IndexMap::is_empty")]
    pub bindings: IndexMap<String, Expr>,
    /// Another call than the case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<At<String>>,
    /// Another conduit than the case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduit: Option<String>,
    /// Added to what the case gives, stronger than it.
    #[serde(default, skip_serializing_if = "Given::is_empty")]
    pub given: Given,
    /// Added to what the case expects, stronger than it.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
}

/// The state before a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Given {
    /// Modes of the architecture, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mode: Vec<String>,
    /// Arguments of the call by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub arguments: IndexMap<String, Expr>,
    /// Registers and fields. Those not named hold a pattern of their own.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub registers: IndexMap<String, Expr>,
    /// Guest memory, by address.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub memory: IndexMap<Expr, Bytes>,
}

impl Given {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This, with `other` on top.
    #[must_use]
    pub fn under(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.mode.extend(other.mode.iter().cloned());
        both.arguments.extend(other.arguments.clone());
        both.registers.extend(other.registers.clone());
        both.memory.extend(other.memory.clone());
        both
    }
}

/// A few bytes of memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bytes {
    /// One byte.
    Be8(Expr),
    /// A big-endian number of 2 bytes.
    Be16(Expr),
    /// A big-endian number of 4 bytes.
    Be32(Expr),
    /// A big-endian number of 8 bytes.
    Be64(Expr),
    /// A little-endian number of 2 bytes.
    Le16(Expr),
    /// A little-endian number of 4 bytes.
    Le32(Expr),
    /// A little-endian number of 8 bytes.
    Le64(Expr),
    /// Hexadecimal digits, two a byte, blanks ignored.
    Hex(String),
    /// `[byte, length]`: the byte repeated.
    Fill([Expr; 2]),
}

/// Something done to the guest.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Makes this call: `H_CEDE`, or `abi.NAME` for another ABI's. All four oracles judge it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<At<String>>,
    /// Through this conduit; without `call`, the bare conduit with registers as given, so that any number can be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduit: Option<String>,
    /// Follows this variant of the calling convention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Runs these instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Looks at the device tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_tree: Option<TreeLook>,
    /// Asks the hypervisor to treat a range of call numbers in some way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterRange>,
    /// Reads back how all ranges of call numbers are treated, in order, neighbours of one action joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<FilterRange>>,
    /// Sets properties of the machine from outside, by name: `psci-version: 0x10001`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub configure: IndexMap<String, Expr>,
    /// Moves the guest to a fresh machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate: Option<Migration>,
    /// Modes of the architecture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mode: Vec<String>,
    /// Arguments of the call by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub arguments: IndexMap<String, Expr>,
    /// Registers and fields to set. A `code` step keeps all others; a call sets them to a pattern of their own.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub registers: IndexMap<String, Expr>,
    /// Guest memory to write before.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub memory: IndexMap<Expr, Bytes>,
    /// If the call goes out to user space: the registers to go on with.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub answer: IndexMap<String, Expr>,
    /// What must be seen.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
    /// Names for values seen, for later steps: `old: after.r4`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub save: IndexMap<String, Expr>,
}

impl Step {
    /// Whether the host does something to the machine, for which the guest must not have run before.
    #[must_use]
    pub fn is_of_host(&self) -> bool {
        self.filter.is_some() || self.filters.is_some() || self.migrate.is_some() || !self.configure.is_empty()
    }
}

/// A range of call numbers and what becomes of calls in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilterRange {
    /// The first number.
    pub base: Expr,
    /// How many numbers.
    pub count: Expr,
    /// What becomes of them.
    pub action: FilterAction,
}

/// What a hypervisor does with a call whose number a filter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FilterAction {
    /// Handles it itself.
    Handle,
    /// Answers as if nobody knew it.
    Deny,
    /// Hands it to user space.
    Forward,
    /// Asks for something that there is not, to see it refused.
    Undefined,
}

/// How a guest gets to a fresh machine, and what of the host's settings goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Migration {
    /// All that the hypervisor saves is restored there.
    Restored,
    /// Filters and settings are made there again, one after the other, before the guest's state is restored.
    Replayed,
    /// The guest's registers and memory alone are restored.
    StateOnly,
}

/// A look at the device tree: some node that fits must show what is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TreeLook {
    /// Path of the node; any node of the tree if left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// A string that the node's `compatible` list holds; nodes without it do not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatible: Option<String>,
    /// Name of the property; without it, only the node is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// A string that the property's list must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// The cells that it must hold, in order and no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Expr>,
    /// The lengths in bytes of which it must have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub length: Vec<Expr>,
    /// That node or property must not be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// Looks of which one must hold besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<TreeLook>,
}

impl TreeLook {
    /// Its expressions in order: cells, lengths, those of the alternatives.
    #[must_use]
    pub fn expressions(&self) -> Vec<&Expr> {
        let own = self.cells.iter().chain(&self.length);
        own.chain(self.any_of.iter().flat_map(Self::expressions)).collect()
    }
}

/// One value or a list of values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de> + From<Expr>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + From<Expr>> serde::de::Visitor<'de> for OneOrMany<T> {
            type Value = Choice<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("one value or a list of values")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Choice(vec![Expr::number(value).into()]))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Choice(vec![Expr::number(value.cast_unsigned()).into()]))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Choice(vec![Expr::parse(text).map_err(E::custom)?.into()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Choice(all))
            }
        }
        deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
    }
}

impl<T: Serialize> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Choice<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Choice_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let item = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [item, { "type": "array", "items": item }] })
    }
}

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Execution goes on after the instructions.
    Returned,
    /// The processor sleeps with nothing to wake it.
    Asleep,
    /// The call goes out to user space (and comes back if the step has an `answer`).
    Forwarded,
    /// The guest is reset or stopped.
    Ended,
}

/// What must be seen after a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// The return code: a name of the ABI or a number, or a list of which one must come.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    pub code: Option<Choice<Expr>>,
    /// Results of the call by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, Expr>,
    /// Registers and fields. A bare register name on the right is its value before the step, `after.r5` after it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub registers: IndexMap<String, Expr>,
    /// Registers, ranges and fields that hold what they held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<String>,
    /// Guest memory, by address.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub memory: IndexMap<Expr, Bytes>,
    /// Conditions over registers before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Expr>,
    /// The interrupt that the guest takes: a name of the architecture, or a list of which one must come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interrupt: Vec<String>,
    /// How it ends, if not by returning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// What user space sees of a call that goes out to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Sent>,
    /// Properties that the host reads back.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub configured: IndexMap<String, Expr>,
    /// The error with which the host refuses what the step asks of it, such as `EEXIST`; a list of which one must come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
}

/// What user space sees of a call that goes out to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sent {
    /// Why the guest stopped, in the host's terms: `KVM_EXIT_HYPERCALL`.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
    /// Fields of the exit record: `nr`, `flags`, `args0`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Expr>,
    /// Registers and fields as user space reads them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub registers: IndexMap<String, Expr>,
}

impl Expect {
    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This, with `other` on top.
    #[must_use]
    pub fn under(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.code = other.code.clone().or(both.code);
        both.outputs.extend(other.outputs.clone());
        both.registers.extend(other.registers.clone());
        both.unchanged.extend(other.unchanged.iter().cloned());
        both.memory.extend(other.memory.clone());
        both.holds.extend(other.holds.iter().cloned());
        if !other.interrupt.is_empty() {
            both.interrupt.clone_from(&other.interrupt);
        }
        both.end = other.end.or(both.end);
        both.configured.extend(other.configured.clone());
        both.forwarded = other.forwarded.clone().or(both.forwarded);
        if !other.error.is_empty() {
            both.error.clone_from(&other.error);
        }
        both
    }
}

/// A row of a case, complete: what remains to be done is to run its steps.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `abi/file/row`, or `abi/file` for a case without rows.
    pub id: String,
    /// The case's title.
    pub title: String,
    /// The ABI.
    pub abi: String,
    /// Clauses, each `abi.name`.
    pub clauses: Vec<String>,
    /// Required features; `not name` for one that must be lacking.
    pub requires: Vec<String>,
    /// Architectures; empty for all of the ABI's.
    pub arch: Vec<String>,
    /// Whether what is seen goes into a snapshot.
    pub record: bool,
    /// Names for values.
    pub bindings: IndexMap<String, Expr>,
    /// What is done.
    pub steps: Vec<Step>,
    /// File and line, for people.
    pub place: Option<String>,
}

impl Case {
    /// The rows of the case, written out. `stem` is the file's path below `cases/` without its ending.
    #[must_use]
    pub fn scenarios(&self, stem: &str, file: &str) -> Vec<Scenario> {
        let qualify = |clause: &At<String>| {
            if clause.contains('.') { clause.value.clone() } else { format!("{}.{}", self.abi, clause.value) }
        };
        let build = |name: Option<&str>, row: &Row, line: usize| {
            let mut steps: Vec<Step> = self.steps.iter().map(|step| step.value.clone()).collect();
            if steps.is_empty() {
                steps.push(Step {
                    call: row.call.clone().or_else(|| self.call.clone()),
                    conduit: row.conduit.clone().or_else(|| self.conduit.clone()),
                    expect: self.expect.under(&row.expect),
                    ..Step::default()
                });
            }
            let given = self.given.under(&row.given);
            for step in &mut steps {
                let own = Given {
                    mode: step.mode.clone(),
                    arguments: step.arguments.clone(),
                    registers: step.registers.clone(),
                    memory: step.memory.clone(),
                };
                let mut both = given.under(&own);
                if step.call.is_none() {
                    both.arguments.clear();
                }
                (step.mode, step.arguments, step.registers, step.memory) =
                    (both.mode, both.arguments, both.registers, both.memory);
            }
            let mut bindings = self.bindings.clone();
            bindings.extend(row.bindings.clone());
            Scenario {
                id: name.map_or_else(|| stem.to_owned(), |row| format!("{stem}/{row}")),
                title: self.title.clone(),
                abi: self.abi.clone(),
                clauses: self.clauses.iter().chain(&row.clauses).map(qualify).collect(),
                requires: self.requires.iter().chain(&row.requires).cloned().collect(),
                arch: if row.arch.is_empty() { self.arch.clone() } else { row.arch.clone() },
                record: self.record || row.record,
                bindings,
                steps,
                place: (line > 0).then(|| format!("{file}:{line}")),
            }
        };
        if self.rows.is_empty() {
            return vec![build(None, &Row::default(), 1)];
        }
        self.rows.iter().map(|(name, row)| build(Some(name), row, row.line)).collect()
    }
}

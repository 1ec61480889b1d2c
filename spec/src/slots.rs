//! The registers and bit fields of an architecture by name.

use indexmap::IndexMap;

use crate::arch::{Arch, Bits, Class, names, slice};

/// A register, or a field of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The register.
    pub register: String,
    /// The bits meant: all of a register's for the register itself.
    pub bits: Bits,
    /// What the register is for.
    pub class: Class,
}

/// All registers and fields of one architecture, in the order of its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    all: IndexMap<String, Slot>,
    /// Width of a general register in bits.
    pub width: u8,
    /// Facts of the machine that only this architecture has.
    pub facts: Vec<String>,
}

impl Slots {
    /// Those of `arch`.
    pub fn of(arch: &Arch) -> Self {
        let mut all = IndexMap::new();
        for (name, register) in arch.expand() {
            let high = register.width.unwrap_or(arch.width).clamp(1, 64) - 1;
            let slot = |bits| Slot { register: name.clone(), bits, class: register.class };
            for (field, bits) in &register.fields {
                all.insert(format!("{name}.{field}"), slot(*bits));
            }
            all.insert(name.clone(), slot(Bits { high, low: 0 }));
        }
        Self { all, width: arch.width, facts: arch.facts.keys().cloned().collect() }
    }

    /// The slot of this name: a register, a field of one, or some bits of one (`x1[31..0]`).
    pub fn get(&self, name: &str) -> Option<Slot> {
        match slice(name) {
            Some((register, bits)) => {
                let whole = self.all.get(register)?;
                (bits.high <= whole.bits.high).then(|| Slot { bits, ..whole.clone() })
            }
            None => self.all.get(name).cloned(),
        }
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// Those names of an entry such as `r14..r31` or `cr.cr2` that the architecture lacks.
    pub fn missing(&self, entry: &str) -> Vec<String> {
        names(entry).into_iter().filter(|name| self.get(name).is_none()).collect()
    }
}

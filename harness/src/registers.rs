//! Register names of an architecture as small numbers, and sets of register values.

use std::collections::HashMap;
use std::sync::Arc;

use hypercheck_spec::arch::{Arch, Bits, Class, slice};

/// How many registers an architecture may have.
pub const MAX: usize = 96;

/// A register: its position in the architecture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterId(pub u8);

/// A register or a bit field of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The register.
    pub register: RegisterId,
    /// The bits meant; all of the register's for the register itself.
    pub bits: Bits,
}

impl Slot {
    /// Takes the slot's value out of its register's.
    #[must_use]
    pub fn extract(self, value: u64) -> u64 {
        (value & self.bits.mask()) >> self.bits.low
    }

    /// Puts `field` into `value`, the register's value.
    #[must_use]
    pub fn insert(self, value: u64, field: u64) -> u64 {
        value & !self.bits.mask() | (field << self.bits.low) & self.bits.mask()
    }
}

/// The registers of an architecture by name and number.
#[derive(Debug)]
pub struct RegisterFile {
    /// The architecture's short name.
    pub arch: String,
    /// Width of a general register in bits.
    pub width: u8,
    names: Vec<String>,
    masks: Vec<u64>,
    classes: Vec<Class>,
    slots: HashMap<String, Slot>,
}

impl RegisterFile {
    /// The register file that `arch` describes.
    ///
    /// # Panics
    /// If it has more than [`MAX`] registers, which the linter refuses.
    #[must_use]
    pub fn new(arch: &Arch) -> Arc<Self> {
        let registers = arch.expand();
        assert!(registers.len() <= MAX, "{}: more than {MAX} registers", arch.arch);
        let mut file = Self {
            arch: arch.arch.clone(),
            width: arch.width,
            names: Vec::new(),
            masks: Vec::new(),
            classes: Vec::new(),
            slots: HashMap::new(),
        };
        for (n, (name, register)) in (0u8..).zip(registers) {
            let whole = Bits { high: register.width.unwrap_or(arch.width) - 1, low: 0 };
            let id = RegisterId(n);
            file.slots.insert(name.clone(), Slot { register: id, bits: whole });
            for (field, bits) in &register.fields {
                file.slots.insert(format!("{name}.{field}"), Slot { register: id, bits: *bits });
            }
            file.names.push(name);
            file.masks.push(whole.mask());
            file.classes.push(register.class);
        }
        Arc::new(file)
    }

    /// How many registers there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is no architecture without registers")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The register, field or slice called `name`: `r3`, `msr.pr`, `x1[31..0]`.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied().or_else(|| {
            let (register, bits) = slice(name)?;
            let whole = self.slots.get(register)?;
            (bits.high <= whole.bits.high).then_some(Slot { bits, ..*whole })
        })
    }

    /// The register called `name`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<RegisterId> {
        self.names.iter().position(|n| n == name).and_then(|n| u8::try_from(n).ok()).map(RegisterId)
    }

    /// A register's name.
    #[must_use]
    pub fn name(&self, id: RegisterId) -> &str {
        &self.names[usize::from(id.0)]
    }

    /// All bits that a register has.
    #[must_use]
    pub fn mask(&self, id: RegisterId) -> u64 {
        self.masks[usize::from(id.0)]
    }

    /// A register's class.
    #[must_use]
    pub fn class(&self, id: RegisterId) -> Class {
        self.classes[usize::from(id.0)]
    }

    /// All registers, in the order of the architecture's file.
    pub fn ids(&self) -> impl Iterator<Item = RegisterId> + use<> {
        (0..u8::try_from(self.names.len()).unwrap_or(u8::MAX)).map(RegisterId)
    }
}

/// Values of some registers. A register that is absent could not be observed (or is not to be set): it is not zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Registers {
    values: [u64; MAX],
    present: u128,
}

impl Default for Registers {
    fn default() -> Self {
        Self { values: [0; MAX], present: 0 }
    }
}

impl Registers {
    /// The value of a register, if present.
    #[must_use]
    #[inline]
    pub fn get(&self, id: RegisterId) -> Option<u64> {
        (self.present >> id.0 & 1 == 1).then(|| self.values[usize::from(id.0)])
    }

    /// Sets a register, which makes it present.
    #[inline]
    pub fn set(&mut self, id: RegisterId, value: u64) {
        self.values[usize::from(id.0)] = value;
        self.present |= 1 << id.0;
    }

    /// Makes all registers absent.
    pub fn clear(&mut self) {
        self.present = 0;
    }

    /// Makes one register absent.
    pub fn remove(&mut self, id: RegisterId) {
        self.present &= !(1 << id.0);
    }

    /// Which registers are present, bit n for register n.
    #[must_use]
    #[inline]
    pub const fn present(&self) -> u128 {
        self.present
    }

    /// The registers that are present, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (RegisterId, u64)> + '_ {
        let mut rest = self.present;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let n = rest.trailing_zeros();
            rest &= rest - 1;
            #[expect(clippy::cast_possible_truncation, reason = "below 128")]
            Some((RegisterId(n as u8), self.values[n as usize]))
        })
    }
}

impl std::fmt::Debug for Registers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(id, value)| (id.0, format!("{value:#x}")))).finish()
    }
}

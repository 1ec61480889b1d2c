//! Which QEMU processors are compared with which models of the core, and what is known of the machine around them.

use hypercheck_ppc::row::SprRow;
use hypercheck_ppc::table::SPRS;
use hypercheck_ppc::{Cpu, Model, ReservedBits, msr};

/// A processor of QEMU's user mode and its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The program.
    pub program: &'static str,
    /// Its `-cpu`.
    pub cpu: &'static str,
    /// The core's model.
    pub model: Model,
    /// Whether storage is little-endian.
    pub little: bool,
}

impl Target {
    /// The big-endian target of a model.
    pub fn big(model: Model) -> Self {
        let (program, cpu) = match model {
            Model::Ppc970 => ("qemu-ppc64", "970"),
            Model::Power7 => ("qemu-ppc64", "power7"),
            Model::Power8 => ("qemu-ppc64", "power8"),
            Model::Power9 => ("qemu-ppc64", "power9"),
            Model::Power10 => ("qemu-ppc64", "power10"),
            Model::G3 => ("qemu-ppc", "750"),
            Model::G4 => ("qemu-ppc", "7400"),
            Model::E500v2 => ("qemu-ppc", "e500v2"),
            Model::E500mc => ("qemu-ppc", "e500mc"),
        };
        Self { program, cpu, model, little: false }
    }

    /// The little-endian target of a model, where QEMU has one and Linux runs so: POWER8 and later.
    pub fn little(model: Model) -> Option<Self> {
        let big = Self::big(model);
        let later = matches!(big.cpu, "power8" | "power9" | "power10");
        later.then_some(Self { program: "qemu-ppc64le", little: true, ..big })
    }

    /// Every target.
    pub fn all() -> Vec<Self> {
        Model::ALL.into_iter().flat_map(|model| [Some(Self::big(model)), Self::little(model)]).flatten().collect()
    }

    /// How it is named on the command line and in messages.
    pub fn name(&self) -> String {
        format!("{}/{}", self.program, self.cpu)
    }

    /// Whether general-purpose registers have 64 bits.
    pub fn is_wide(&self) -> bool {
        self.model.register_mask() == u64::MAX
    }

    /// Bytes of a register in the records of the program.
    pub fn register_size(&self) -> u64 {
        if self.is_wide() { 8 } else { 4 }
    }

    /// The core in the state in which Linux runs a program. QEMU takes most reserved bits for illegal.
    pub fn processor(&self) -> Cpu {
        let mut cpu = Cpu::new(self.model);
        cpu.msr |= msr::PR | msr::ME;
        if self.model.register_mask() == u64::MAX {
            cpu.msr |= msr::EE | msr::IR | msr::DR;
        }
        if self.little {
            cpu.msr |= msr::LE;
        }
        cpu.fscr = u64::MAX;
        cpu.reserved_bits = ReservedBits::Illegal;
        cpu.stop_on_interrupt = true;
        cpu
    }

    /// Registers beside GPR, CR, XER, LR and CTR that are set before a case and compared after it.
    pub fn held_registers(&self) -> Vec<&'static SprRow> {
        let here = |row: &&SprRow| row.models & self.model.bit() != 0 && HELD.contains(&row.name);
        SPRS.iter().filter(here).filter(|row| row.name != "vrsave" || self.cpu != "750").collect()
    }
}

/// Registers that hold what a program writes, in the core as in QEMU.
const HELD: [&str; 3] = ["tar", "vrsave", "spefscr"];

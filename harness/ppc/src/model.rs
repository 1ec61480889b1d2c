//! Processor models: what the architecture leaves open, in one place.

/// A processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Model {
    /// 64-bit server with vectors, PowerPC architecture 2.01, the PowerPC 970.
    Ppc970,
    /// 64-bit server, Power ISA 2.06.
    Power7,
    /// 64-bit server, Power ISA 2.07.
    Power8,
    /// 64-bit server, Power ISA 3.0.
    Power9,
    /// 64-bit server, Power ISA 3.1.
    Power10,
    /// 32-bit Book3S, 750 class.
    G3,
    /// 32-bit Book3S with vectors, 7400 class.
    G4,
    /// 32-bit BookE with SPE, without hypervisor state.
    E500v2,
    /// 32-bit BookE with the embedded hypervisor category.
    E500mc,
}

impl Model {
    /// Every model.
    pub const ALL: [Self; 9] = crate::table::MODELS;

    /// Its bit in the masks of the table.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// 64-bit server processor, with segment look-aside buffer, hypervisor state and SF.
    pub const fn is_server(self) -> bool {
        matches!(self, Self::Ppc970 | Self::Power7 | Self::Power8 | Self::Power9 | Self::Power10)
    }

    /// 32-bit processor of the original architecture.
    pub const fn is_classic(self) -> bool {
        matches!(self, Self::G3 | Self::G4)
    }

    /// BookE processor.
    pub const fn is_embedded(self) -> bool {
        matches!(self, Self::E500v2 | Self::E500mc)
    }

    /// Power ISA 3.0 or later: OV32, CA32, scv, no instruction bits in DSISR after an alignment interrupt.
    pub const fn is_v30(self) -> bool {
        matches!(self, Self::Power9 | Self::Power10)
    }

    /// Bits a general-purpose register holds.
    pub const fn register_mask(self) -> u64 {
        if self.is_server() { u64::MAX } else { 0xFFFF_FFFF }
    }

    /// Processor version register. Linux `arch/powerpc/kernel/cpu_specs*.h`
    pub const fn pvr(self) -> u32 {
        match self {
            Self::Ppc970 => 0x003C_0301,
            Self::Power7 => 0x003F_0203,
            Self::Power8 => 0x004D_0200,
            Self::Power9 => 0x004E_1202,
            Self::Power10 => 0x0080_0200,
            Self::G3 => 0x0008_0301,
            Self::G4 => 0x000C_0209,
            Self::E500v2 => 0x8021_0030,
            Self::E500mc => 0x8023_0020,
        }
    }

    /// Bytes that dcbz clears.
    pub const fn cache_block(self) -> u64 {
        match self {
            Self::Ppc970 | Self::Power7 | Self::Power8 | Self::Power9 | Self::Power10 => 128,
            Self::G3 | Self::G4 | Self::E500v2 => 32,
            Self::E500mc => 64,
        }
    }

    /// MSR bits that exist. Power ISA Book III 3.2.1; 750 and e500 manuals
    pub const fn msr_bits(self) -> u64 {
        use crate::msr::*;
        let common = EE | PR | ME;
        let float = FP | FE0 | FE1;
        let book3s = common | float | SE | BE | IR | DR | PMM | RI | LE;
        match self {
            Self::Ppc970 => SF | HV | VEC | POW | book3s & !LE,
            Self::Power7 => SF | HV | VEC | VSX | book3s,
            Self::Power8 | Self::Power9 => SF | HV | S | TM | VEC | VSX | book3s,
            Self::Power10 => SF | HV | S | VEC | VSX | book3s,
            Self::G3 => POW | ILE | IP | book3s,
            Self::G4 => POW | ILE | IP | VEC | book3s,
            Self::E500v2 => UCLE | SPE | WE | CE | UBLE | DE | IR | DR | PMM | common,
            Self::E500mc => GS | UCLE | CE | DE | IR | DR | PMM | RI | float | common,
        }
    }

    /// Power ISA 2.07 or later: alternate interrupt location, FSCR, quadword loads in problem state and either byte order.
    pub const fn is_v207(self) -> bool {
        matches!(self, Self::Power8 | Self::Power9 | Self::Power10)
    }

    /// Illegal instructions in hypervisor state raise hypervisor emulation assistance, which is of 2.05.
    pub const fn has_emulation_assistance(self) -> bool {
        self.is_server() && !matches!(self, Self::Ppc970)
    }

    /// Reserved fields of an instruction have no effect: Power ISA Book I 1.3.3 demands it of servers. In the Programming
    /// Environments Manual 4.1.3 and in the e500 manuals such a word is an invalid form, which is illegal here.
    pub const fn ignores_reserved_bits(self) -> bool {
        self.is_server()
    }

    /// MSR\[LE\] selects little-endian storage.
    pub const fn has_little_endian(self) -> bool {
        !self.is_embedded() && !matches!(self, Self::Ppc970)
    }
}

#[cfg(test)]
mod tests {
    use super::Model;

    #[test]
    fn the_table_numbers_the_models_as_the_enum_does() {
        for (index, model) in Model::ALL.into_iter().enumerate() {
            assert_eq!(model as usize, index);
        }
    }
}

//! The KVM paravirtual page ("magic page"): supervisor registers as storage.
//!
//! Layout: `struct kvm_vcpu_arch_shared`, Linux `arch/powerpc/include/uapi/asm/kvm_para.h`. Which accesses it takes:
//! Linux `Documentation/virt/kvm/ppc-pv.rst` and `arch/powerpc/kvm/powerpc.c` (`kvmppc_ld`, `kvmppc_st`).

use crate::cpu::Cpu;
use crate::memory::{PAGE, number, raw};
use crate::msr;
use crate::translate::REAL;

/// Bytes of the page that show registers.
pub const SHARED_SIZE: usize = 240;

/// The page: where it is and what its own storage holds.
///
/// Registers stay in [`Cpu`]; the page is laid over them, so both views agree at every instruction. scratch1-3, critical
/// and everything from [`SHARED_SIZE`] on are plain storage, kept here. int_pending reads 1 while a decrementer or
/// external exception waits and takes no writes. A store to msr changes EE and RI only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Effective page address at which it appears with translation on, in problem state never. No mapping is needed.
    pub effective: u64,
    /// Real page address, which also names it when translation is off or maps another address to it.
    pub physical: u64,
    /// Byte order of its fields, whatever the guest's own.
    pub big_endian: bool,
    /// Plain storage; where a register is shown the contents have no meaning.
    pub storage: Box<[u8; PAGE]>,
}

impl Overlay {
    /// A page of zeroes. The low twelve bits of both addresses are dropped.
    pub fn new(effective: u64, physical: u64, big_endian: bool) -> Self {
        let page = !(PAGE as u64 - 1);
        Self { effective: effective & page, physical: physical & page, big_endian, storage: Box::new([0; PAGE]) }
    }
}

/// Where a register lies in the page: offset, length, and which. sr[16] at 0x68 is added by [`fields`].
const FIELDS: [(usize, usize, Shared); 22] = [
    (0x20, 8, Shared::Sprg(0)),
    (0x28, 8, Shared::Sprg(1)),
    (0x30, 8, Shared::Sprg(2)),
    (0x38, 8, Shared::Sprg(3)),
    (0x40, 8, Shared::Srr0),
    (0x48, 8, Shared::Srr1),
    (0x50, 8, Shared::Dar),
    (0x58, 8, Shared::Msr),
    (0x60, 4, Shared::Dsisr),
    (0x64, 4, Shared::Pending),
    (0xA8, 4, Shared::Mas(0)),
    (0xAC, 4, Shared::Mas(1)),
    // mas7_3 is one field of eight bytes: MAS7 is its upper half whatever the byte order.
    (0xB0, 8, Shared::Mas73),
    (0xB8, 8, Shared::Mas(2)),
    (0xC0, 4, Shared::Mas(4)),
    (0xC4, 4, Shared::Mas(6)),
    (0xC8, 4, Shared::Esr),
    (0xCC, 4, Shared::Pir),
    (0xD0, 8, Shared::Sprg(4)),
    (0xD8, 8, Shared::Sprg(5)),
    (0xE0, 8, Shared::Sprg(6)),
    (0xE8, 8, Shared::Sprg(7)),
];

#[derive(Debug, Clone, Copy)]
enum Shared {
    Sprg(usize),
    Srr0,
    Srr1,
    Dar,
    Msr,
    Dsisr,
    Pending,
    Segment(usize),
    Mas(usize),
    Mas73,
    Esr,
    Pir,
}

/// Every register of the page that bytes `from..to` touch.
fn fields(from: usize, to: usize) -> impl Iterator<Item = (usize, usize, Shared)> {
    let segments = (0..16).map(|i| (0x68 + 4 * i, 4, Shared::Segment(i)));
    FIELDS.into_iter().chain(segments).filter(move |&(at, length, _)| at < to && at + length > from)
}

/// The page of an address.
fn page(address: u64) -> u64 {
    address & !(PAGE as u64 - 1)
}

impl Cpu {
    /// The offset in the page, if an access with translation on goes to it by its effective address. It is found before
    /// the guest's own mappings. Linux `arch/powerpc/kvm/book3s_64_mmu.c`, `kvmppc_mmu_book3s_64_xlate`. BookE has it in
    /// either address space: `arch/powerpc/kvm/e500_mmu_host.c`, `kvmppc_map_magic`
    #[inline]
    pub(crate) fn overlaid_effective(&self, address: u64) -> Option<usize> {
        let overlay = self.overlay.as_ref()?;
        let on = self.msr & msr::PR == 0 && (self.msr & msr::DR != 0 || self.model.is_embedded());
        (on && self.effective(overlay.effective) == page(address)).then_some(address as usize % PAGE)
    }

    /// The offset in the page, if an access at `address`, translated to `real`, goes to it by its real address: KVM
    /// compares the one that the guest's translation gave.
    #[inline]
    pub(crate) fn overlaid_real(&self, address: u64, real: u64) -> Option<usize> {
        let overlay = self.overlay.as_ref()?;
        let shown = self.msr & msr::PR == 0 && self.effective(overlay.physical) & REAL == page(real);
        shown.then_some(address as usize % PAGE)
    }

    /// Loads `into.len()` bytes at `offset` of the page; they must lie within it.
    #[cold]
    pub(crate) fn load_overlay(&self, offset: usize, into: &mut [u8]) {
        let Some(overlay) = &self.overlay else { return };
        let end = offset + into.len();
        into.copy_from_slice(&overlay.storage[offset..end]);
        for (at, length, field) in fields(offset, end) {
            let bytes = raw(self.shared(field), length, overlay.big_endian);
            for (i, byte) in bytes[..length].iter().enumerate() {
                if let Some(place) = (at + i).checked_sub(offset).and_then(|i| into.get_mut(i)) {
                    *place = *byte;
                }
            }
        }
    }

    /// Stores bytes at `offset` of the page; they must lie within it.
    #[cold]
    pub(crate) fn store_overlay(&mut self, offset: usize, from: &[u8]) {
        let Some(big_endian) = self.overlay.as_ref().map(|overlay| overlay.big_endian) else {
            return;
        };
        let end = offset + from.len();
        for (at, length, field) in fields(offset, end) {
            let mut bytes = raw(self.shared(field), length, big_endian);
            for (i, byte) in bytes[..length].iter_mut().enumerate() {
                if let Some(new) = (at + i).checked_sub(offset).and_then(|i| from.get(i)) {
                    *byte = *new;
                }
            }
            self.set_shared(field, number(&bytes[..length], big_endian));
        }
        if let Some(overlay) = &mut self.overlay {
            overlay.storage[offset..end].copy_from_slice(from);
        }
    }

    /// Sets `length` bytes of the page to zero, as dcbz does.
    pub(crate) fn clear_overlay(&mut self, offset: usize, length: usize) {
        let zeroes = [0; 128];
        self.store_overlay(offset, &zeroes[..length.min(zeroes.len())]);
    }

    /// The guest is in a critical section of the page: `critical` equals r1, at the width of the mode, outside problem
    /// state. Linux `arch/powerpc/kvm/book3s.c`, `kvmppc_critical_section`
    pub(crate) fn in_critical_section(&self) -> bool {
        let Some(overlay) = &self.overlay else {
            return false;
        };
        let critical = number(&overlay.storage[0x18..0x20], overlay.big_endian);
        self.msr & msr::PR == 0 && self.effective(critical) == self.effective(self.gpr[1])
    }

    fn shared(&self, field: Shared) -> u64 {
        match field {
            Shared::Sprg(i) => self.sprg[i],
            Shared::Srr0 => self.srr0,
            Shared::Srr1 => self.srr1,
            Shared::Dar => self.dar,
            Shared::Msr => self.msr,
            Shared::Dsisr => self.dsisr.into(),
            Shared::Pending => u64::from(self.decrementer_exception() || self.external_pending),
            Shared::Segment(i) => self.sr[i].into(),
            Shared::Mas(i) => self.mas[i],
            Shared::Mas73 => self.mas[7] << 32 | (self.mas[3] & 0xFFFF_FFFF),
            Shared::Esr => self.esr.into(),
            Shared::Pir => self.pir.into(),
        }
    }

    fn set_shared(&mut self, field: Shared, value: u64) {
        let wide = value & self.model.register_mask();
        match field {
            Shared::Sprg(i) => self.sprg[i] = wide,
            Shared::Srr0 => self.srr0 = wide,
            Shared::Srr1 => self.srr1 = wide,
            Shared::Dar => self.dar = wide,
            Shared::Msr => {
                let taken = (msr::EE | msr::RI) & self.model.msr_bits();
                self.msr = (self.msr & !taken) | (value & taken);
            }
            Shared::Dsisr => self.dsisr = value as u32,
            Shared::Pending => {}
            Shared::Segment(i) => self.sr[i] = value as u32,
            Shared::Mas(i) => self.mas[i] = wide,
            Shared::Mas73 => {
                self.mas[7] = value >> 32;
                self.mas[3] = value & 0xFFFF_FFFF;
            }
            Shared::Esr => self.esr = value as u32,
            Shared::Pir => self.pir = value as u32,
        }
    }
}

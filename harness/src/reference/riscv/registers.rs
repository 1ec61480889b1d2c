//! Places of registers, looked up once.

use crate::registers::{RegisterFile, Slot};

/// Where things are.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// `a0` to `a7`.
    pub(super) a: [Slot; 8],
    pub(super) pc: Slot,
    /// The privilege mode: 0 user, 1 supervisor.
    pub(super) mode: Slot,
    pub(super) status_sie: Slot,
    pub(super) status_spie: Slot,
    pub(super) status_spp: Slot,
    pub(super) satp: Slot,
    pub(super) stvec: Slot,
    pub(super) sepc: Slot,
    pub(super) scause: Slot,
    pub(super) stval: Slot,
    /// Interrupts enabled and pending.
    pub(super) sie: Slot,
    pub(super) sip: Slot,
    pub(super) ssip: Slot,
    pub(super) stip: Slot,
    pub(super) time: Slot,
}

impl Slots {
    /// Looks them up; `None` if the architecture's file lacks one.
    pub(super) fn new(file: &RegisterFile) -> Option<Self> {
        let slot = |name: &str| file.slot(name);
        let a = |n: usize| slot(&format!("a{n}"));
        Some(Self {
            a: [a(0)?, a(1)?, a(2)?, a(3)?, a(4)?, a(5)?, a(6)?, a(7)?],
            pc: slot("pc")?,
            mode: slot("priv.mode")?,
            status_sie: slot("sstatus.sie")?,
            status_spie: slot("sstatus.spie")?,
            status_spp: slot("sstatus.spp")?,
            satp: slot("satp")?,
            stvec: slot("stvec")?,
            sepc: slot("sepc")?,
            scause: slot("scause")?,
            stval: slot("stval")?,
            sie: slot("sie")?,
            sip: slot("sip")?,
            ssip: slot("sip.ssip")?,
            stip: slot("sip.stip")?,
            time: slot("time")?,
        })
    }
}

//! Places of registers, looked up once.

use crate::registers::{RegisterFile, Slot};

/// Where things are.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// `x1` to `x31`.
    pub(super) x: [Slot; 31],
    /// `a0` to `a7`.
    pub(super) a: [Slot; 8],
    pub(super) pc: Slot,
    /// The privilege mode: 0 user, 1 supervisor.
    pub(super) mode: Slot,
    pub(super) status_sie: Slot,
    pub(super) status_spie: Slot,
    pub(super) status_spp: Slot,
    /// Of `hstatus`.
    pub(super) status_spv: Slot,
    pub(super) status_spvp: Slot,
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

/// `x1` to `x31` by their names in the calling convention.
const NAMES: [&str; 31] = [
    "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s3",
    "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

impl Slots {
    /// Looks them up; `None` if the architecture's file lacks one.
    pub(super) fn new(file: &RegisterFile) -> Option<Self> {
        let slot = |name: &str| file.slot(name);
        let x: Vec<Slot> = NAMES.iter().map(|name| slot(name)).collect::<Option<_>>()?;
        let x: [Slot; 31] = x.try_into().ok()?;
        Some(Self {
            // a0 is x10.
            a: std::array::from_fn(|n| x[n + 9]),
            x,
            pc: slot("pc")?,
            mode: slot("priv.mode")?,
            status_sie: slot("sstatus.sie")?,
            status_spie: slot("sstatus.spie")?,
            status_spp: slot("sstatus.spp")?,
            status_spv: slot("hstatus.spv")?,
            status_spvp: slot("hstatus.spvp")?,
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

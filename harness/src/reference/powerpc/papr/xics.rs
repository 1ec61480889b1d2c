//! Calls of the interrupt presentation controller: hcall-interrupt.
//!
//! LoPAR, "Interrupt Support hcall()s". The only source is the inter-processor interrupt, number 2 as in QEMU and KVM.
//! It is presented while the most favored request of the processor (MFRR) is more favored than its priority (CPPR);
//! lower numbers are more favored.

use super::super::partition::Partition;
use super::{Reply, code};

/// Source number of the inter-processor interrupt.
pub(crate) const IPI: u64 = 2;

/// A processor's interrupt management area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presentation {
    cppr: u8,
    mfrr: u8,
    /// Time base when the request was made.
    since: u64,
}

impl Default for Presentation {
    /// Masks everything, and nothing is requested.
    fn default() -> Self {
        Self { cppr: 0, mfrr: 0xFF, since: 0 }
    }
}

impl Presentation {
    /// Whether the processor's external interrupt is signalled.
    pub(crate) const fn pending(self) -> bool {
        self.mfrr < self.cppr
    }

    fn xirr(self) -> u64 {
        u64::from(self.cppr) << 24 | if self.pending() { IPI } else { 0 }
    }

    fn accept(&mut self) -> u64 {
        let xirr = self.xirr();
        if self.pending() {
            self.cppr = self.mfrr;
        }
        xirr
    }
}

const fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn server(p: &mut Partition, number: u64) -> Option<&mut Presentation> {
    let processor = p.state.processors.get_mut(usize::try_from(number).ok()?)?;
    Some(&mut processor.presentation)
}

/// H_EOI: the low word must name a source of the partition and a priority not more favored than the present one.
pub(super) fn eoi(p: &mut Partition) -> Reply {
    let [xirr] = p.arguments();
    let area = &mut p.state.processors[0].presentation;
    let cppr = low_byte(xirr >> 24);
    if xirr & 0xFF_FFFF != IPI || cppr < area.cppr {
        return code::PARAMETER.into();
    }
    area.cppr = cppr;
    code::SUCCESS.into()
}

/// H_CPPR.
pub(super) fn cppr(p: &mut Partition) -> Reply {
    let [cppr] = p.arguments();
    p.state.processors[0].presentation.cppr = low_byte(cppr);
    code::SUCCESS.into()
}

/// H_IPI.
pub(super) fn ipi(p: &mut Partition) -> Reply {
    let [number, mfrr] = p.arguments();
    let now = p.cpu.tb;
    let Some(area) = server(p, number) else { return code::PARAMETER.into() };
    area.mfrr = low_byte(mfrr);
    area.since = now;
    code::SUCCESS.into()
}

/// H_IPOLL.
pub(super) fn ipoll(p: &mut Partition) -> Reply {
    let [number] = p.arguments();
    let Some(&mut area) = server(p, number) else { return code::PARAMETER.into() };
    p.cpu.gpr[4] = area.xirr();
    p.cpu.gpr[5] = area.mfrr.into();
    code::SUCCESS.into()
}

/// H_XIRR.
pub(super) fn xirr(p: &mut Partition) -> Reply {
    p.cpu.gpr[4] = p.state.processors[0].presentation.accept();
    code::SUCCESS.into()
}

/// H_XIRR_X: as H_XIRR, with the time of the request; without a request, the time of the call.
pub(super) fn xirr_x(p: &mut Partition) -> Reply {
    let area = &mut p.state.processors[0].presentation;
    let since = if area.pending() { area.since } else { p.cpu.tb };
    p.cpu.gpr[4] = area.accept();
    p.cpu.gpr[5] = since;
    code::SUCCESS.into()
}

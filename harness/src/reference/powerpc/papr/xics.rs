//! Calls of the interrupt presentation controller: hcall-interrupt.
//!
//! LoPAR, "Interrupt Support hcall()s". The inter-processor interrupt is source number 2 as in QEMU and KVM; the virtual
//! adapters have one each, and RTAS says where theirs go. An interrupt is presented while it is more favored than the
//! priority of its processor (CPPR); lower numbers are more favored.

use std::collections::BTreeMap;

use super::super::partition::{CPUS, Partition};
use super::io::{self, ADAPTERS};
use super::{Answer, code, crq};

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

/// An interrupt source of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// The processor that it interrupts.
    pub(super) server: usize,
    /// Its priority; 0xFF is off.
    pub(super) priority: u8,
    /// The priority that it has when it is turned on again.
    pub(super) saved: u8,
    /// Signalled and not yet taken.
    pending: bool,
    /// Taken and not yet ended: no other signal counts.
    outstanding: bool,
    since: u64,
}

impl Default for Source {
    /// Firmware leaves interrupts off.
    fn default() -> Self {
        Self { server: 0, priority: 0xFF, saved: 0xFF, pending: false, outstanding: false, since: 0 }
    }
}

/// The sources that are not as after boot, by number.
pub(crate) type Sources = BTreeMap<u64, Source>;

/// Whether a number is that of an adapter's source.
pub(super) fn is_source(number: u64) -> bool {
    (0..ADAPTERS.len()).any(|place| io::source(place) == number) || crq::sources().any(|source| source == number)
}

/// Signals a source. What comes while one is outstanding or waiting is lost.
pub(super) fn pulse(p: &mut Partition, number: u64) {
    let now = p.cpu.tb;
    let source = p.state.sources.entry(number).or_default();
    if !source.outstanding && !source.pending {
        source.pending = true;
        source.since = now;
    }
}

/// The most favored interrupt that a processor is to take: priority, source and since when.
fn best(p: &Partition, processor: usize) -> Option<(u8, u64, u64)> {
    let area = p.state.processors[processor].presentation;
    let waiting = p.state.sources.iter().filter(|(_, source)| source.pending && source.server == processor);
    let all = waiting.map(|(&number, source)| (source.priority, number, source.since));
    all.chain([(area.mfrr, IPI, area.since)]).filter(|&(priority, ..)| priority < area.cppr).min()
}

/// Whether a processor's external interrupt is signalled.
pub(crate) fn pending(p: &Partition, processor: usize) -> bool {
    !p.profile.exploitation && best(p, processor).is_some()
}

fn xirr(p: &Partition, processor: usize) -> u64 {
    let source = best(p, processor).map_or(0, |(_, source, _)| source);
    u64::from(p.state.processors[processor].presentation.cppr) << 24 | source
}

fn accept(p: &mut Partition) -> u64 {
    let xirr = xirr(p, 0);
    if let Some((priority, number, _)) = best(p, 0) {
        p.state.processors[0].presentation.cppr = priority;
        if let Some(source) = p.state.sources.get_mut(&number) {
            source.pending = false;
            source.outstanding = true;
        }
    }
    xirr
}

const fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn server(number: u64) -> Result<usize, i64> {
    usize::try_from(number).ok().filter(|&number| number < CPUS).ok_or(code::PARAMETER)
}

/// Refuses a call of legacy mode in exploitation mode.
fn legacy(p: &Partition) -> Answer {
    if p.profile.exploitation { Err(code::FUNCTION) } else { Ok(()) }
}

/// H_EOI: the low word must name a source of the partition and a priority not more favored than the present one.
pub(super) fn eoi(p: &mut Partition) -> Answer {
    let [xirr] = p.arguments();
    legacy(p)?;
    let (number, cppr) = (xirr & 0xFF_FFFF, low_byte(xirr >> 24));
    if number != IPI && !is_source(number) || cppr < p.state.processors[0].presentation.cppr {
        return Err(code::PARAMETER);
    }
    p.state.processors[0].presentation.cppr = cppr;
    if let Some(source) = p.state.sources.get_mut(&number) {
        source.outstanding = false;
    }
    Ok(())
}

/// H_CPPR.
pub(super) fn cppr(p: &mut Partition) -> Answer {
    let [cppr] = p.arguments();
    legacy(p)?;
    p.state.processors[0].presentation.cppr = low_byte(cppr);
    Ok(())
}

/// H_IPI.
pub(super) fn ipi(p: &mut Partition) -> Answer {
    let [number, mfrr] = p.arguments();
    legacy(p)?;
    let now = p.cpu.tb;
    let area = &mut p.state.processors[server(number)?].presentation;
    area.mfrr = low_byte(mfrr);
    area.since = now;
    Ok(())
}

/// H_IPOLL.
pub(super) fn ipoll(p: &mut Partition) -> Answer {
    let [number] = p.arguments();
    legacy(p)?;
    let processor = server(number)?;
    p.cpu.gpr[4] = xirr(p, processor);
    p.cpu.gpr[5] = p.state.processors[processor].presentation.mfrr.into();
    Ok(())
}

/// H_XIRR.
pub(super) fn xirr_now(p: &mut Partition) -> Answer {
    legacy(p)?;
    p.cpu.gpr[4] = accept(p);
    Ok(())
}

/// H_XIRR_X: as H_XIRR, with the time of the request; without a request, the time of the call.
pub(super) fn xirr_x(p: &mut Partition) -> Answer {
    legacy(p)?;
    let since = best(p, 0).map_or(p.cpu.tb, |(_, _, since)| since);
    p.cpu.gpr[4] = accept(p);
    p.cpu.gpr[5] = since;
    Ok(())
}

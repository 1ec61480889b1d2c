//! From bytes to calls.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use hypercheck_spec::abi::{Abi, Narrow};
use hypercheck_spec::arch::Class;

use super::menu::{Entry, Menu, Offer, Site};
use crate::contract::SCRATCH;
use crate::judge::poison;
use crate::plan::{CallPlan, ConduitPlan, Plan};
use crate::registers::{Registers, Slot};

/// Calls made one after another in one guest.
#[derive(Debug, Clone)]
pub struct Input {
    /// The machine, by its place in [`Menu::sites`].
    pub site: usize,
    /// The calls.
    pub attempts: Vec<Attempt>,
}

/// A call to make.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The ABI.
    pub plan: Arc<Plan>,
    /// The call; [`Plan::unknown`] for a number without a name.
    pub call: Arc<CallPlan>,
    /// The conduit, by its place in [`Plan::conduits`].
    pub conduit: usize,
    /// The number as the hypervisor is to understand it.
    pub number: u64,
    /// Modes, one after the other.
    pub modes: Vec<String>,
    /// Memory to write before: offset from the suite's data, and bytes.
    pub memory: Vec<(u64, Vec<u8>)>,
    /// All registers before the call.
    pub registers: Registers,
}

impl Attempt {
    /// The way in.
    #[must_use]
    pub fn conduit(&self) -> &ConduitPlan {
        &self.plan.conduits[self.conduit]
    }
}

/// Sets a register or field.
pub(super) fn set(plan: &Plan, registers: &mut Registers, slot: Slot, value: u64) {
    let whole = registers.get(slot.register).unwrap_or(0);
    registers.set(slot.register, slot.insert(whole, value) & plan.file.mask(slot.register));
}

/// Applies modes to `registers`.
pub(super) fn enter(plan: &Plan, registers: &mut Registers, modes: &[String]) {
    for (slot, value) in modes.iter().filter_map(|mode| plan.modes.get(mode)).flatten() {
        let whole = registers.get(slot.register).unwrap_or(0);
        registers.set(slot.register, slot.insert(whole, *value));
    }
}

impl Input {
    /// Draws an input: a machine, one to four calls, a state for each.
    ///
    /// # Errors
    /// [`arbitrary::Error`] where the bytes cannot be used; too few bytes are no error.
    pub fn generate(u: &mut Unstructured<'_>, menu: &Menu) -> Result<Self> {
        let site = if u.ratio(1, 8)? {
            u.choose_index(menu.sites.len())?
        } else {
            // Machines by how many calls they have, so that each call has its turn.
            let mut n = u.int_in_range(0..=menu.sites.iter().map(Site::calls).sum::<usize>().saturating_sub(1))?;
            let mut past = |site: &Site| {
                let here = n < site.calls();
                n = n.saturating_sub(site.calls());
                here
            };
            menu.sites.iter().position(&mut past).ok_or(arbitrary::Error::EmptyChoose)?
        };
        let place = menu.sites.get(site).ok_or(arbitrary::Error::EmptyChoose)?;
        // Short sequences find most and are cheapest.
        let count = [1, 1, 1, 1, 2, 2, 3, 4][usize::from(u.int_in_range(0..=7u8)?)];
        let mut attempts = Vec::with_capacity(count);
        for _ in 0..count {
            let (mut offer, mut entry) = place.pick(u)?;
            if entry.always_hazardous() {
                (offer, entry) = place.pick(u)?;
            }
            attempts.push(attempt(u, place, offer, entry)?);
        }
        Ok(Self { site, attempts })
    }
}

fn attempt(u: &mut Unstructured<'_>, site: &Site, offer: &Offer, entry: &Entry) -> Result<Attempt> {
    let plan = &offer.plan;
    let own = plan.conduits.iter().position(|conduit| Some(&conduit.name) == entry.call.conduit.as_ref());
    let conduit = own.map_or_else(|| u.choose_index(plan.conduits.len()), Ok)?;
    let modes = modes(u, &offer.modes[conduit])?;
    let mut registers = others(u, site)?;
    enter(plan, &mut registers, &modes);
    for (slot, value) in &plan.conduits[conduit].registers {
        set(plan, &mut registers, *slot, *value);
    }
    let narrow = plan.is_narrow(&registers);
    let mut number = if own.is_some() { entry.call.number } else { number(u, offer, entry)? };
    if narrow {
        number &= 0xFFFF_FFFF;
    }
    if plan.by_number(number).is_none() {
        // Bits that only hint at something are part of no number but one that is given away with them.
        number &= !plan.abi.number.as_ref().map_or(0, |number| number.hints.0);
    }
    if plan.by_number(number).is_none() && known_elsewhere(site, plan, number) {
        number = entry.call.number;
    }
    let mask = plan.number.map_or(0, |number| number.mask);
    let call = if (number ^ entry.call.number) & mask == 0 {
        &entry.call
    } else {
        plan.by_number(number).unwrap_or(&plan.unknown)
    };
    plan.clear_sliced(call, &mut registers);
    if let Some(place) = plan.number.filter(|_| own.is_none()) {
        // Bits of the register that are not part of the number may hold anything.
        let beyond: u64 = if mask != u64::MAX && u.ratio(1, 8)? { u.arbitrary()? } else { 0 };
        place.place(number & mask | beyond & !mask, &mut |slot, value| set(plan, &mut registers, slot, value));
    }
    if let Some(entry) = offer.entries.iter().find(|entry| Arc::ptr_eq(&entry.call, call)) {
        arguments(u, site, plan, entry, &mut registers)?;
    }
    if narrow && plan.abi.narrow == Narrow::Unstated {
        for (_, slot) in &call.arguments {
            let value = registers.get(slot.register).unwrap_or(0);
            registers.set(slot.register, value & 0xFFFF_FFFF);
        }
    }
    let memory = if u.ratio(1, 4)? { memory(u)? } else { Vec::new() };
    Ok(Attempt { plan: Arc::clone(plan), call: Arc::clone(call), conduit, number, modes, memory, registers })
}

/// Whether another ABI has a call of that number in the same register: a conduit that degrades to that ABI's, such as an
/// ultracall without an ultravisor, makes that call.
fn known_elsewhere(site: &Site, plan: &Plan, number: u64) -> bool {
    let mut others = site.plans.abis().filter(|other| other.abi != plan.abi.abi);
    others.any(|other| {
        let register = |abi: &Abi| abi.number.as_ref().map(|number| number.register.clone());
        register(other) == register(&plan.abi) && other.calls.values().any(|call| other.number_of(call) == number)
    })
}

/// Mostly the usual mode, sometimes another, rarely two at once.
fn modes(u: &mut Unstructured<'_>, all: &[String]) -> Result<Vec<String>> {
    let count = match u.int_in_range(0..=15u8)? {
        _ if all.is_empty() => 0,
        0..=8 => 0,
        9..=14 => 1,
        _ => 2,
    };
    (0..count).map(|_| u.choose(all).cloned()).collect()
}

/// A state for the registers that the call does not use.
fn others(u: &mut Unstructured<'_>, site: &Site) -> Result<Registers> {
    let file = &site.plans.file;
    let fill = match u.int_in_range(0..=15u8)? {
        0..=8 => return Ok(site.usual.clone()),
        9..=11 => return Ok(poison(file, &site.plans.initial, u.arbitrary()?)),
        12 => Some(0),
        13 => Some(u64::MAX),
        14 => Some(1 << 63 | 1 << 31),
        _ => None,
    };
    let mut registers = site.usual.clone();
    for id in file.ids().filter(|id| file.class(*id) == Class::General) {
        let value = fill.map_or_else(|| u.arbitrary(), Ok)?;
        registers.set(id, value & file.mask(id));
    }
    Ok(registers)
}

/// Mostly the number of `entry`, sometimes one that nobody assigned.
fn number(u: &mut Unstructured<'_>, offer: &Offer, entry: &Entry) -> Result<u64> {
    let known = entry.call.number;
    let Some(number) = &offer.plan.abi.number else { return Ok(known) };
    let mask = offer.plan.number.map_or(u64::MAX, |number| number.mask);
    Ok(mask
        & match u.int_in_range(0..=31u8)? {
            0..=26 => known,
            27 => known.wrapping_add_signed(u.int_in_range(-4..=4)?),
            28 => known ^ 1 << u.int_in_range(0..=63u32)?,
            29 => match number.fields.get("vendor") {
                Some(bits) => known & !bits.mask() | u.arbitrary::<u64>()? << bits.low & bits.mask(),
                None => known | 1 << 63,
            },
            30 if !number.ranges.is_empty() => {
                let range = u.choose(&number.ranges)?;
                let end = if u.arbitrary()? { range.from.0 } else { range.to.0 };
                end.wrapping_add_signed(u.int_in_range(-1..=1)?)
            }
            _ => u.arbitrary()?,
        })
}

/// All arguments: examples first, since domains may be stated in terms of other arguments.
fn arguments(
    u: &mut Unstructured<'_>,
    site: &Site,
    plan: &Plan,
    entry: &Entry,
    registers: &mut Registers,
) -> Result<()> {
    let facts = &site.plans.facts;
    for argument in &entry.arguments {
        if let Some(value) = argument.example(registers, facts) {
            set(plan, registers, argument.slot, value);
        }
    }
    for argument in &entry.arguments {
        let value = argument.draw(u, registers, facts)?;
        set(plan, registers, argument.slot, value);
    }
    Ok(())
}

/// A few bytes at a place where calls look for structures.
fn memory(u: &mut Unstructured<'_>) -> Result<Vec<(u64, Vec<u8>)>> {
    const PLACES: [u64; 8] = [0, 4, 8, 16, 64, 0x100, 0x1000, SCRATCH - 32];
    let first = u.choose_index(PLACES.len())?;
    let count = u.int_in_range(1..=2usize)?;
    (0..count)
        .map(|n| {
            let length = u.int_in_range(1..=32usize)?;
            let bytes = if u.arbitrary()? {
                vec![*u.choose(&[0, 1, 0x80, 0xFF])?; length]
            } else {
                (0..length).map(|_| u.arbitrary()).collect::<Result<_>>()?
            };
            Ok((PLACES[(first + n) % PLACES.len()], bytes))
        })
        .collect()
}

//! Faults that follow from a spec.

use std::collections::BTreeSet;

use hypercheck_spec::arch::{Class, names};

use crate::plan::Plan;
use crate::registers::{RegisterId, Slot};

/// What goes wrong in one request to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A register shows another value after a run that returned.
    Shows(Slot, u64),
    /// Bits of some registers turn over.
    Turns(Vec<RegisterId>, &'static str),
    /// Nothing happens: registers and memory are as before, and execution goes on.
    Nothing,
    /// The guest takes this interrupt.
    Interrupt(u64),
    /// Execution goes on, whatever happened.
    Returns,
    /// The processor sleeps for good.
    Sleeps,
    /// The guest ends.
    Ends,
    /// What is written is written wrong.
    Scrambles,
    /// What is written is lost.
    Loses,
    /// A byte of the suite's memory changes.
    Scribbles,
    /// The hypervisor sees these bits of registers set, whatever the guest had there.
    Sees(Vec<RegisterId>, u64),
    /// The hypervisor sees these bits of registers clear.
    Ignores(Vec<RegisterId>, u64),
    /// The hypervisor sees a register with another value.
    Mistakes(RegisterId, u64),
    /// The hypervisor takes one register for another.
    Swaps(RegisterId, RegisterId),
    /// The host refuses what it should accept, and accepts what it should refuse.
    Contradicts,
    /// The host forgets what it was asked to keep.
    Forgets,
    /// User space sees something else than what went out.
    Garbles,
    /// The device tree is empty.
    NoTree,
    /// The device tree's names and values are others.
    OtherTree,
}

impl Fault {
    /// The fault in words, `name` giving registers theirs.
    #[must_use]
    pub fn describe(&self, name: &dyn Fn(RegisterId) -> String) -> String {
        let list = |all: &[RegisterId]| match all {
            [] => "no register".to_owned(),
            [one] => name(*one),
            [first, .., last] => format!("{} to {}", name(*first), name(*last)),
        };
        match self {
            Self::Shows(slot, value) => format!("{} shows {value:#x}", name(slot.register)),
            Self::Turns(_, what) => format!("bits of {what} registers turn over"),
            Self::Nothing => "nothing happens".to_owned(),
            Self::Interrupt(vector) => format!("interrupt {vector:#x} comes"),
            Self::Returns => "execution goes on after all".to_owned(),
            Self::Sleeps => "the processor sleeps".to_owned(),
            Self::Ends => "the guest ends".to_owned(),
            Self::Scrambles => "what is written is written wrong".to_owned(),
            Self::Loses => "what is written is lost".to_owned(),
            Self::Scribbles => "a byte of the suite's memory changes".to_owned(),
            Self::Sees(all, mask) => format!("bits {mask:#x} of {} are taken for set", list(all)),
            Self::Ignores(all, mask) => format!("bits {mask:#x} of {} are ignored", list(all)),
            Self::Mistakes(one, value) => format!("{} is taken for {value:#x}", name(*one)),
            Self::Swaps(a, b) => format!("{} is taken for {}", name(*a), name(*b)),
            Self::Contradicts => "the host answers the contrary".to_owned(),
            Self::Forgets => "the host forgets".to_owned(),
            Self::Garbles => "user space sees something else".to_owned(),
            Self::NoTree => "the device tree is empty".to_owned(),
            Self::OtherTree => "the device tree says something else".to_owned(),
        }
    }
}

/// The faults that are worth planting for calls of an ABI, the commonest first.
#[must_use]
pub fn faults(plan: &Plan) -> Vec<Fault> {
    let file = &plan.file;
    let results: BTreeSet<_> =
        plan.calls.values().map(|call| call.result).chain([plan.result]).flatten().map(|r| r.slot.register).collect();
    let of = |class: Class| -> Vec<RegisterId> {
        file.ids().filter(|id| file.class(*id) == class && !results.contains(id)).collect()
    };
    let mut all = Vec::new();
    let slots: Vec<Slot> = results.iter().filter_map(|id| file.slot(file.name(*id))).collect();
    for slot in slots {
        for value in values(plan) {
            all.push(Fault::Shows(slot, value));
        }
    }
    for (class, what) in [
        (Class::General, "general"),
        (Class::User, "user"),
        (Class::Supervisor, "supervisor"),
        (Class::Interrupt, "interrupt"),
    ] {
        all.push(Fault::Turns(of(class), what));
    }
    all.extend([Fault::Loses, Fault::Scrambles, Fault::Scribbles, Fault::Returns, Fault::Sleeps, Fault::Ends]);
    let mut vectors: Vec<u64> = plan.vectors.values().copied().collect();
    vectors.sort_unstable();
    vectors.dedup();
    let apart = [vectors.first(), vectors.get(vectors.len() / 2), vectors.last()];
    all.extend(apart.into_iter().flatten().map(|vector| Fault::Interrupt(*vector)));
    all.extend([Fault::Contradicts, Fault::Forgets, Fault::Garbles, Fault::NoTree, Fault::OtherTree]);
    all.extend(misreadings(plan));
    all.push(Fault::Nothing);
    all
}

/// Ways to misread what the guest has in its registers.
fn misreadings(plan: &Plan) -> Vec<Fault> {
    let file = &plan.file;
    let upper = 0xFFFF_FFFF_0000_0000;
    let listed = plan.abi.arguments.iter().flat_map(|entry| names(entry)).filter_map(|name| file.slot(&name));
    let mut arguments: Vec<RegisterId> = listed.map(|slot| slot.register).collect();
    arguments.dedup();
    let number = plan.number.iter().flat_map(|number| [Some(number.slot), number.low]).flatten();
    let number: Vec<RegisterId> = number.map(|slot| slot.register).collect();
    let magic = plan.conduits.iter().flat_map(|conduit| conduit.registers.iter().map(|(slot, _)| slot.register));
    let magic: BTreeSet<RegisterId> = magic.collect();
    let supervisor: Vec<RegisterId> = file.ids().filter(|id| file.class(*id) == Class::Supervisor).collect();
    let mut all = Vec::new();
    for group in [&number, &arguments] {
        all.push(Fault::Ignores(group.clone(), upper));
        all.push(Fault::Sees(group.clone(), 0xDEAD_BEEF_0000_0000));
        all.push(Fault::Sees(group.clone(), 0x8000_0000));
        all.push(Fault::Ignores(group.clone(), 0xFF));
    }
    for one in number.iter().chain(&magic) {
        all.extend([0, 1, u64::MAX].map(|value| Fault::Mistakes(*one, value)));
    }
    for conduit in &plan.conduits {
        // A hypervisor that takes whatever comes for a call of its own.
        all.extend(conduit.registers.iter().map(|(slot, value)| Fault::Mistakes(slot.register, *value)));
    }
    for one in &arguments {
        all.extend([0, 1, u64::MAX, 1 << 63].map(|value| Fault::Mistakes(*one, value)));
    }
    all.extend(arguments.windows(2).map(|pair| Fault::Swaps(pair[0], pair[1])));
    all.extend(modes(plan));
    all.push(Fault::Ignores(supervisor.clone(), u64::MAX));
    all
}

/// Callers that are taken for callers in another mode.
fn modes(plan: &Plan) -> Vec<Fault> {
    let mut names: Vec<&String> = plan.modes.keys().collect();
    names.sort();
    let fault = |(slot, value): &(Slot, u64)| match *value {
        0 => Fault::Ignores(vec![slot.register], slot.bits.mask()),
        value => Fault::Sees(vec![slot.register], value << slot.bits.low),
    };
    names.into_iter().flat_map(|name| plan.modes[name].iter().map(fault)).collect()
}

/// Values for a return code: one of each class, one that means nothing.
fn values(plan: &Plan) -> Vec<u64> {
    let mut values = Vec::new();
    for class in [hypercheck_spec::abi::CodeClass::Success, hypercheck_spec::abi::CodeClass::Error] {
        let of = plan.abi.codes.values().filter(|code| code.class == class).filter_map(|code| code.value.value);
        values.extend(of.take(3).map(|value| value.0));
    }
    values.extend(plan.abi.codes.values().filter_map(|code| code.value.value).next_back().map(|value| value.0));
    values.extend([0, 0x5A5A_5A5A, u64::MAX, 0xFFFF_FFFF]);
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(*value));
    values
}

//! What KVM's host sets of a guest: filters of calls and firmware pseudo-registers.
//!
//! Linux Documentation/virt/kvm/devices/vm.rst (group KVM_ARM_VM_SMCCC_CTRL) and arm/fw-pseudo-registers.rst. KVM's
//! filter can only be set; that it can be asked is what was proposed when it was discussed.

use std::collections::BTreeMap;

use hypercheck_spec::ranges::{RangeMap, Span};

use super::vendor;
use crate::contract::{Answered, CallRange, Configuring, FilterAction, Filtering, GuestError, Refusal};

/// The last call number.
const END: u64 = 0xFFFF_FFFF;
/// The Arm architecture's numbers, which stay with the hypervisor.
const RESERVED: [Span; 2] =
    [Span { first: 0x8000_0000, last: 0x8000_FFFF }, Span { first: 0xC000_0000, last: 0xC000_FFFF }];
/// Versions of PSCI that may be set.
const PSCI: [u64; 5] = [0x2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003];
/// The bitmaps, with the bits that there are and those that are set from the start.
const BITMAPS: [(&str, u64, u64); 4] =
    [("std-bmap", 1, 1), ("std-hyp-bmap", 1, 1), ("vendor-hyp-bmap", 3, 3), ("vendor-hyp-bmap-2", 3, 0)];
/// The workarounds, with what this host has of them: none is needed.
const WORKAROUNDS: [(&str, u64); 3] = [("workaround-1", 2), ("workaround-2", 3), ("workaround-3", 2)];

/// The host's settings.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// Whether the guest has run.
    ran: bool,
    /// What becomes of calls; `None` for numbers that the host has said nothing about.
    filter: RangeMap<Option<FilterAction>>,
    psci: u64,
    bitmaps: [u64; 4],
}

impl Host {
    /// The settings at boot.
    pub(super) fn new() -> Self {
        let bitmaps = BITMAPS.map(|(_, _, usual)| usual);
        Self { ran: false, filter: RangeMap::new(END, None), psci: 0x1_0003, bitmaps }
    }

    /// The guest runs: most settings are fixed from now on.
    pub(super) fn run(&mut self) {
        self.ran = true;
    }

    /// What becomes of calls of this function.
    pub(super) fn action(&self, id: u32) -> FilterAction {
        self.filter.get(u64::from(id)).unwrap_or(FilterAction::Handle)
    }

    /// The version of PSCI.
    #[expect(clippy::cast_possible_truncation, reason = "versions are 32 bits wide")]
    pub(super) fn psci(&self) -> u32 {
        self.psci as u32
    }

    /// Functions of the vendor's services, from 0 and from 64 on.
    pub(super) fn vendor(&self) -> [u64; 2] {
        [self.bitmaps[2], self.bitmaps[3]]
    }

    /// Whether the bitmaps let the guest have the function (`kvm_smccc_test_fw_bmap`).
    pub(super) fn lets(&self, id: u32) -> bool {
        let bit = |map: usize, bit: u32| self.bitmaps[map] >> bit & 1 == 1;
        match id {
            0x8400_0050..=0x8400_0053 | 0xC400_0053 => bit(0, 0),
            0xC500_0020 | 0xC500_0021 => bit(1, 0),
            vendor::UID | vendor::FEATURES => bit(2, 0),
            vendor::PTP => bit(2, 1),
            vendor::IMPL_VER => bit(3, 0),
            vendor::IMPL_CPUS => bit(3, 1),
            _ => true,
        }
    }

    /// The settings as numbers: version, bitmaps, then each range of the filter.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let ranges = self.filter.iter().filter_map(|(span, action)| Some((span, (*action)?)));
        let ranges = ranges.flat_map(|(span, action)| [span.first, span.last, code(action)]);
        [self.psci].into_iter().chain(self.bitmaps).chain(ranges).collect()
    }

    /// Takes over settings. Whether they are such.
    pub(super) fn adopt(&mut self, numbers: &[u64]) -> bool {
        let Some(([psci, bitmaps @ ..], ranges)) = numbers.split_first_chunk::<5>() else { return false };
        (self.psci, self.bitmaps) = (*psci, *bitmaps);
        self.filter = RangeMap::new(END, None);
        for range in ranges.chunks(3) {
            let [first, last, action] = range else { return false };
            let (Some(span), Some(action)) = (Span::new(*first, *last), action_of(*action)) else { return false };
            self.filter.set(span, Some(action));
        }
        true
    }
}

const fn code(action: FilterAction) -> u64 {
    match action {
        FilterAction::Handle => 0,
        FilterAction::Deny => 1,
        FilterAction::Forward => 2,
        FilterAction::Undefined => 3,
    }
}

const fn action_of(code: u64) -> Option<FilterAction> {
    match code {
        0 => Some(FilterAction::Handle),
        1 => Some(FilterAction::Deny),
        2 => Some(FilterAction::Forward),
        _ => None,
    }
}

const fn refused(errno: &'static str) -> Answered {
    Ok(Err(Refusal(errno)))
}

impl Filtering for Host {
    /// In this order: a range that is none or an action that is none is EINVAL, a guest that has run EBUSY, and a range
    /// that meets one that was set or a reserved one EEXIST.
    fn set(&mut self, range: CallRange) -> Answered {
        let span = Span::counted(range.base, range.count, END);
        let Some(span) = span.filter(|_| range.action != FilterAction::Undefined) else { return refused("EINVAL") };
        if self.ran {
            return refused("EBUSY");
        }
        let taken = self.filter.touching(span).any(|(_, action)| action.is_some());
        if taken || RESERVED.iter().any(|reserved| reserved.overlaps(span)) {
            return refused("EEXIST");
        }
        self.filter.set(span, Some(range.action));
        Ok(Ok(()))
    }

    fn get(&mut self) -> Result<Vec<CallRange>, GuestError> {
        let mut joined: Vec<CallRange> = Vec::new();
        for (span, action) in self.filter.iter() {
            let (action, count) = (action.unwrap_or(FilterAction::Handle), span.last - span.first + 1);
            match joined.last_mut().filter(|last| last.action == action) {
                Some(last) => last.count += count,
                None => joined.push(CallRange { base: span.first, count, action }),
            }
        }
        Ok(joined)
    }
}

impl Configuring for Host {
    /// Unknown names are ENOENT, values that are not supported EINVAL, and changes once the guest has run EBUSY.
    fn set(&mut self, name: &str, value: u64) -> Answered {
        if name == "psci-version" {
            if !PSCI.contains(&value) {
                return refused("EINVAL");
            }
            if self.ran && value != self.psci {
                return refused("EBUSY");
            }
            self.psci = value;
            return Ok(Ok(()));
        }
        if let Some((_, level)) = WORKAROUNDS.iter().find(|(known, _)| *known == name) {
            // A host cannot take a guest that counts on more than it has; what the guest is told follows from the host.
            return if value > *level { refused("EINVAL") } else { Ok(Ok(())) };
        }
        let Some(n) = BITMAPS.iter().position(|(known, ..)| *known == name) else { return refused("ENOENT") };
        if value & !BITMAPS[n].1 != 0 {
            return refused("EINVAL");
        }
        if self.ran && value != self.bitmaps[n] {
            return refused("EBUSY");
        }
        self.bitmaps[n] = value;
        Ok(Ok(()))
    }

    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError> {
        let maps = BITMAPS.iter().zip(self.bitmaps).map(|((name, ..), value)| (*name, value));
        let all = maps.chain(WORKAROUNDS).chain([("psci-version", self.psci)]);
        Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

//! KVM's own services, of the owner "vendor's hypervisor" (Linux Documentation/virt/kvm/arm/hypercalls.rst and
//! ptp_kvm.rst).

use std::collections::BTreeSet;

use super::call::{Call, NOT_SUPPORTED, Reply};
use super::profile::Profile;

/// Names of the calls that every guest with these services has.
pub(super) const NAMES: &[&str] = &["KVM_CALL_UID", "KVM_FEATURES", "KVM_PTP"];

/// KVM's call UID.
pub(super) const UID: u32 = 0x8600_FF01;
/// KVM_FEATURES.
pub(super) const FEATURES: u32 = 0x8600_0000;
/// KVM_PTP.
pub(super) const PTP: u32 = 0x8600_0001;
const MEMINFO: u32 = 0xC600_0002;
const SHARE: u32 = 0xC600_0003;
const UNSHARE: u32 = 0xC600_0004;
const GUARD: u32 = 0xC600_0007;
/// KVM_DISCOVER_IMPL_VER.
pub(super) const IMPL_VER: u32 = 0xC600_0040;
/// KVM_DISCOVER_IMPL_CPUS.
pub(super) const IMPL_CPUS: u32 = 0xC600_0041;

const INVALID_PARAMETER: i64 = -3;
/// Bytes that are shared at once.
const GRANULE: u64 = 0x1000;
/// Wall clock of the first call, in nanoseconds, and what passes between two calls.
const START: u64 = 1_700_000_000_123_456_789;
const TICK: u64 = 1_000;
/// MIDR, REVIDR and AIDR of the implementations that the guest may run on.
const IMPLEMENTATIONS: [[u64; 3]; 2] = [[0x410F_D0C1, 0, 0], [0x410F_D4F0, 1, 2]];

/// What these services keep.
#[derive(Debug, Clone, Default)]
pub(super) struct Vendor {
    /// How often the clock was read.
    pub(super) ticks: u64,
    /// Pages that the guest shares with the host.
    pub(super) shared: BTreeSet<u64>,
}

impl Vendor {
    /// The answer, if the function is one of these. `bitmaps` has what of them the host lets the guest have: functions
    /// from 0 on, and from 64 on.
    pub(super) fn answer(&mut self, profile: &Profile, bitmaps: [u64; 2], call: &Call<'_>) -> Option<Reply> {
        if !profile.vendor {
            return None;
        }
        let clean = |from: usize| (from..=3).all(|n| call.x(n) == 0);
        Some(match call.id {
            UID => Reply::Values(vec![0xB66F_B428, 0xE911_C52E, 0x564B_CAA9, 0x743A_004D]),
            FEATURES => {
                let pages = if profile.protected { 0b1001_1100 } else { 0 };
                Reply::Values(vec![bitmaps[0] | pages, 0, bitmaps[1], 0])
            }
            PTP => self.clock(call),
            MEMINFO if profile.protected => {
                Reply::Code(if clean(1) { GRANULE.cast_signed() } else { INVALID_PARAMETER })
            }
            SHARE | UNSHARE | GUARD if profile.protected => {
                let page = call.x(1);
                let good = clean(2) && page & (GRANULE - 1) == 0;
                let done = match call.id {
                    SHARE => good && call.machine.contains(page, GRANULE) && self.shared.insert(page),
                    UNSHARE => good && self.shared.remove(&page),
                    _ => good && !call.machine.contains(page, GRANULE),
                };
                Reply::Code(if done { 0 } else { INVALID_PARAMETER })
            }
            IMPL_VER if profile.implementations => Reply::Values(vec![0, 0x1_0000, IMPLEMENTATIONS.len() as u64, 0]),
            IMPL_CPUS if profile.implementations => {
                let found = usize::try_from(call.x(1)).ok().and_then(|n| IMPLEMENTATIONS.get(n));
                match found {
                    Some([midr, revidr, aidr]) => Reply::Values(vec![0, *midr, *revidr, *aidr]),
                    None => Reply::Code(INVALID_PARAMETER),
                }
            }
            _ => return None,
        })
    }

    /// KVM_PTP: wall clock and counter at one moment, each as its upper and lower 32 bits.
    fn clock(&mut self, call: &Call<'_>) -> Reply {
        let counter = match call.w(1) {
            0 => self.ticks * 50,
            1 => self.ticks * 50 + 0x7_0000_0000,
            _ => return Reply::Code(NOT_SUPPORTED),
        };
        let now = START + self.ticks * TICK;
        self.ticks += 1;
        Reply::Values(vec![now >> 32, now & 0xFFFF_FFFF, counter >> 32, counter & 0xFFFF_FFFF])
    }
}

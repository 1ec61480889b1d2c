//! The Arm architecture's own calls (DEN0028, chapter 7): owner 0, and the queries of the owners that answer here.

use super::call::{Call, NOT_SUPPORTED, Reply};
use super::profile::Profile;
use super::time;

/// Names of the calls.
pub(super) const NAMES: &[&str] = &[
    "SMCCC_VERSION",
    "SMCCC_ARCH_FEATURES",
    "SMCCC_ARCH_SOC_ID",
    "SMCCC_ARCH_SOC_ID_64",
    "SMCCC_ARCH_FEATURE_AVAILABILITY",
    "SMCCC_ARCH_WORKAROUND_1",
    "SMCCC_ARCH_WORKAROUND_2",
    "SMCCC_ARCH_WORKAROUND_3",
    "STD_SECURE_CALL_UID",
    "STD_SECURE_REVISION",
];

/// SMCCC_VERSION.
pub(super) const VERSION: u32 = 0x8000_0000;
const ARCH_FEATURES: u32 = 0x8000_0001;
const SOC_ID: u32 = 0x8000_0002;
const SOC_ID_64: u32 = 0xC000_0002;
const FEATURE_AVAILABILITY: u32 = 0xC000_0003;
/// SMCCC_ARCH_WORKAROUND_1 to 3.
pub(super) const WORKAROUNDS: [u32; 3] = [0x8000_8000, 0x8000_7FFF, 0x8000_3FFF];
const ARCH_COUNT: u32 = 0x8000_FF00;
const STD_SECURE_UID: u32 = 0x8400_FF01;
const STD_SECURE_REVISION: u32 = 0x8400_FF03;
const STD_HYP_UID: u32 = 0x8500_FF01;

const INVALID_PARAMETER: i64 = -3;
/// JEP-106 bank 4, code 0x3B (Arm), SoC 0x4859.
const SOC: i64 = 0x043B_4859;
const SOC_REVISION: i64 = 0x21;
const SOC_NAME: &[u8] = b"hypercheck reference SoC";
/// SCR_EL3 as the argument of FEATURE_AVAILABILITY, and what it lets lower levels use.
const SCR_EL3: u64 = 0x1E_1100;
const AVAILABLE: u64 = 0x30;
/// The UUID of the standard secure services, lowest byte first.
const UUID: [u64; 4] = [0x6820_1E02, 0x4CB7_24A1, 0x9D3E_55B0, 0x0F7B_62C8];
/// Xen's UUID, a71812dc-c698-4369-9acf-79d18ddee667 (xen/include/public/arch-arm/smccc.h).
const XEN_UUID: [u64; 4] = [0xDC12_18A7, 0x6943_98C6, 0xD179_CF9A, 0x67E6_DE8D];

/// The answer, if the function is one of these.
pub(super) fn answer(profile: &Profile, call: &Call<'_>) -> Option<Reply> {
    let version = profile.smccc;
    let queries = match call.id {
        STD_SECURE_UID if !profile.kvm => Some(Reply::Values(UUID.to_vec())),
        STD_SECURE_REVISION if !profile.kvm => Some(Reply::Values(vec![1, 0])),
        STD_HYP_UID if profile.xen => Some(Reply::Values(XEN_UUID.to_vec())),
        ARCH_COUNT if version < 0x1_0002 && !profile.kvm => Some(Reply::Code(if version < 0x1_0001 { 0 } else { 6 })),
        _ => None,
    };
    if queries.is_some() || version < 0x1_0001 {
        return queries;
    }
    let code = match call.id {
        VERSION => i64::from(version),
        ARCH_FEATURES => features(profile, call.w(1)),
        _ if profile.kvm => return None,
        SOC_ID | SOC_ID_64 if version >= 0x1_0002 => match call.w(1) {
            0 => SOC,
            1 => SOC_REVISION,
            2 if call.id == SOC_ID_64 && version >= 0x1_0006 => return Some(Reply::Values(name())),
            _ => INVALID_PARAMETER,
        },
        FEATURE_AVAILABILITY if version >= 0x1_0005 => match call.x(1) {
            SCR_EL3 => return Some(Reply::Values(vec![0, AVAILABLE])),
            _ => INVALID_PARAMETER,
        },
        // They return nothing that means anything.
        id if WORKAROUNDS.contains(&id) => 0,
        _ => return None,
    };
    Some(Reply::Code(code))
}

/// What SMCCC_ARCH_FEATURES says of a function. Both mandatory ones are there (DEN0028, 7.3), but KVM denies
/// them.
fn features(profile: &Profile, id: u32) -> i64 {
    match id {
        VERSION | ARCH_FEATURES if !profile.kvm => 0,
        SOC_ID | SOC_ID_64 if profile.smccc >= 0x1_0002 => 0,
        FEATURE_AVAILABILITY if profile.smccc >= 0x1_0005 => 0,
        time::FEATURES if profile.time => 0,
        // Not affected, always mitigated, not affected.
        id if id == WORKAROUNDS[1] => -2,
        id if WORKAROUNDS.contains(&id) => 1,
        _ => NOT_SUPPORTED,
    }
}

/// The name of the chip in x1 to x17, first character lowest.
fn name() -> Vec<u64> {
    let mut text = [0; 17 * 8];
    text[..SOC_NAME.len()].copy_from_slice(SOC_NAME);
    let words = text.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    [0].into_iter().chain(words).collect()
}

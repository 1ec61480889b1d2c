//! TRNG Firmware Interface 1.0 (DEN0098). The entropy is none: it follows from how often it was asked for.

use super::call::{Call, NOT_SUPPORTED, Reply};
use super::profile::Profile;

/// Names of the calls.
pub(super) const NAMES: &[&str] = &["TRNG_VERSION", "TRNG_FEATURES", "TRNG_GET_UUID", "TRNG_RND32", "TRNG_RND64"];

const VERSION: u32 = 0x8400_0050;
const FEATURES: u32 = 0x8400_0051;
const GET_UUID: u32 = 0x8400_0052;
const RND32: u32 = 0x8400_0053;
const RND64: u32 = 0xC400_0053;

const INVALID_PARAMETERS: i64 = -2;
const NO_ENTROPY: i64 = -3;

/// The words of the UUID, lowest byte first: of KVM's source, and of this one.
const KVM_UUID: [u64; 4] = [0x00E0_210D, 0xEB11_8443, 0x4452_7080, 0x4C5A_4E55];
const OWN_UUID: [u64; 4] = [0x5045_5948, 0x4845_4352, 0x4F4E_4B43, 0x4553_4945];

/// What the source keeps.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// How many words were drawn.
    pub(super) drawn: u64,
}

impl Source {
    /// The answer, if the function is one of these.
    pub(super) fn answer(&mut self, profile: &Profile, call: &Call<'_>) -> Option<Reply> {
        if !profile.trng {
            return None;
        }
        Some(match call.id {
            VERSION => Reply::Code(0x1_0000),
            FEATURES => {
                // KVM looks at all of x1 (arch/arm64/kvm/trng.c).
                let asked = if profile.kvm { call.x(1) } else { u64::from(call.w(1)) };
                let there = [VERSION, FEATURES, GET_UUID, RND32, RND64].iter().any(|id| u64::from(*id) == asked);
                Reply::Code(if there { 0 } else { NOT_SUPPORTED })
            }
            GET_UUID => Reply::Values(if profile.kvm { KVM_UUID } else { OWN_UUID }.to_vec()),
            RND32 => self.draw(profile, call, 32),
            RND64 => self.draw(profile, call, 64),
            _ => return None,
        })
    }

    /// Entropy in x3 (lowest), x2, x1; bits that were not asked for are zero.
    fn draw(&mut self, profile: &Profile, call: &Call<'_>, width: u32) -> Reply {
        let asked = if profile.kvm { u64::from(call.w(1)) } else { call.argument(1) };
        let failed = |code: i64| Reply::Values(vec![code.cast_unsigned(), 0, 0, 0]);
        if asked == 0 && profile.kvm {
            return failed(0);
        }
        if asked == 0 || asked > 3 * u64::from(width) {
            return failed(INVALID_PARAMETERS);
        }
        if profile.exhausted {
            return failed(NO_ENTROPY);
        }
        let mut left = u32::try_from(asked).unwrap_or(0);
        let mut values = vec![0; 4];
        for value in values[1..].iter_mut().rev() {
            let bits = left.min(width);
            left -= bits;
            *value = if bits == 0 { 0 } else { self.word() >> (64 - bits) };
        }
        Reply::Values(values)
    }

    /// The next 64 bits (splitmix64).
    fn word(&mut self) -> u64 {
        self.drawn += 1;
        let mut z = self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

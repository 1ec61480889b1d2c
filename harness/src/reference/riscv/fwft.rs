//! Firmware features. SBI 3.0, chapter Firmware Features Extension.

use super::call::{Answer, Call, DENIED, DENIED_LOCKED, Done, INVALID_PARAM, NOT_SUPPORTED, Refused};
use super::sbi::Sbi;

const MISALIGNED_EXC_DELEG: u32 = 0;
pub(super) const LANDING_PAD: u32 = 1;
const SHADOW_STACK: u32 = 2;
const PTE_AD_HW_UPDATING: u32 = 4;
const POINTER_MASKING_PMLEN: u32 = 5;

const LOCK: u64 = 1;

#[derive(Debug, Clone, Copy, Default)]
struct Feature {
    value: u64,
    locked: bool,
}

/// The features of the hart. The harts lack what landing pads and shadow stacks need.
#[derive(Debug, Clone, Default)]
pub(super) struct Fwft([Feature; POINTER_MASKING_PMLEN as usize + 1]);

impl Fwft {
    /// A feature. One that is reserved or the platform's is denied, unlike anywhere else.
    fn find(&mut self, number: u32) -> Result<&mut Feature, Refused> {
        match number {
            LANDING_PAD | SHADOW_STACK => Err(NOT_SUPPORTED),
            _ => self.0.get_mut(number as usize).ok_or(DENIED),
        }
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    match call.function {
        0 => set(&mut sbi.fwft, call).into(),
        1 => sbi.fwft.find(call.word(0)).map(|feature| feature.value).into(),
        _ => Err(NOT_SUPPORTED).into(),
    }
}

fn set(fwft: &mut Fwft, call: &Call<'_>) -> Answer {
    let (number, value, flags) = (call.word(0), call.long(1), call.long(2));
    let feature = fwft.find(number)?;
    let legal = match number {
        MISALIGNED_EXC_DELEG..=PTE_AD_HW_UPDATING => value <= 1,
        _ => matches!(value, 0 | 7 | 16),
    };
    if !legal || flags & !LOCK != 0 {
        return Err(INVALID_PARAM);
    }
    if feature.locked && feature.value != value {
        return Err(DENIED_LOCKED);
    }
    feature.value = value;
    feature.locked |= flags & LOCK != 0;
    Ok(0)
}

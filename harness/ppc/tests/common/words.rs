//! Instruction words for laws.

use hypercheck_ppc::table::ROWS;
use proptest::prelude::*;

/// A word that is an instruction of some model, mostly: a row with its free bits drawn at random.
pub fn word() -> impl Strategy<Value = u32> {
    (0..ROWS.len(), any::<u32>(), any::<u8>()).prop_map(|(row, bits, dice)| {
        let row = &ROWS[row];
        let free = if dice < 8 { !row.mask } else { !row.mask & !row.reserved };
        row.value | bits & free
    })
}

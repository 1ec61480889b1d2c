//! x
use crate::abi::Abi;
use crate::library::Library;
pub(crate) fn one_instruction(_library: &Library, _a: &Abi, _b: &Abi) -> bool {
    false
}

//! hypercheck-spec.
pub mod isa;

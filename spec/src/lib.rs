//! hypercheck-spec.

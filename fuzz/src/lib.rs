//! hypercheck-fuzz.

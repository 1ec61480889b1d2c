//! hypercheck.

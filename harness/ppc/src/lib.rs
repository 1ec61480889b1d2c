//! hypercheck-ppc.

//! hypercheck-report.

//! hypercheck-report: what a run found, and every way to look at it.
#![forbid(unsafe_code)]

pub mod model;

pub use model::{
    Backend, Counts, Coverage, Evidence, FORMAT, Footer, Header, Mismatch, Oracle, Origin, Outcome,
    Record, Report, Selection, Share, Statement, Verdict, short_digest,
};

//! hypercheck-report: what a run found, and every way to look at it.
//!
//! [`model`] is the data, [`stream`] its primary format and the only one that is read back. [`terminal`], [`html`],
//! [`junit`] and [`tap`] are views. [`mod@diff`] compares two reports, [`mod@merge`] joins shards, and [`known`] is the
//! list of deviations that a backend is known to have.
#![forbid(unsafe_code)]

pub mod diff;
mod digest;
pub mod html;
pub mod junit;
pub mod known;
pub mod merge;
pub mod model;
pub mod schema;
pub mod stream;
pub mod tap;
pub mod terminal;
pub mod text;

pub use digest::Ending;
pub use known::KnownList;
pub use merge::merge;
pub use model::{
    Backend, Counts, Coverage, Evidence, FORMAT, Footer, Header, Mismatch, Oracle, Origin, Outcome, Record, Report,
    Selection, Share, Statement, Verdict, short_digest,
};

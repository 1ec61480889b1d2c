//! `report.jsonl`, the primary format: one JSON object a line, header first, footer last.
//!
//! A reader believes a stream only when its footer is there, its counts and digest fit and its last line is whole,
//! so that a run that was killed, ran out of disk or was cut short in a copy is never mistaken for a pass.

mod error;
mod reader;
mod writer;

pub use error::StreamError;
pub use reader::{read, read_from, read_partial};
pub use writer::{Writer, write};

//! What can be wrong with a stream.

use std::io;
use std::path::PathBuf;

use crate::model::FORMAT;

/// Why a stream could not be written or must not be believed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The disk is full, a pipe closed, or similar.
    #[error(
        "cannot write {}: {source}; what is there stays readable, make room or name another file with --report",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}; give the path of a report that a run wrote", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Two outcomes carry the same ID.
    #[error(
        "{}:{line}: {id} is reported twice; give each case row its own name, and merge no shard twice",
        path.display()
    )]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The ID.
        id: String,
    },
    /// A line is no record of this format.
    #[error("{}:{line}: not a line of a report: {why}; run the cases again", path.display())]
    Garbage {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the JSON reader said.
        why: String,
    },
    /// A record stands where it must not.
    #[error("{}:{line}: {why}; keep one run in one file, and join files with `hypercheck report merge`", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with its place.
        why: &'static str,
    },
    /// The stream is of a newer format.
    #[error(
        "{}:1: format {format} is newer than {FORMAT}, the newest this hypercheck reads; update hypercheck",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// The footer is missing or cut.
    #[error(
        "{}:{line}: the report ends here without a footer, so the run did not end; run the cases again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The last line there is, counted from 1; 0 for an empty file.
        line: u64,
    },
    /// The footer counts other outcomes than there are.
    #[error(
        "{}:{line}: the footer does not fit: {why}; lines are missing or were added, run the cases again",
        path.display()
    )]
    Count {
        /// The file.
        path: PathBuf,
        /// The line of the footer, counted from 1.
        line: u64,
        /// What differs.
        why: String,
    },
    /// The digest of the footer is not that of the lines.
    #[error(
        "{}:{line}: the digest is {stated}, the lines give {found}; the file was changed, run the cases again",
        path.display()
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// The line of the footer, counted from 1.
        line: u64,
        /// The digest in the footer.
        stated: String,
        /// The digest of the lines.
        found: String,
    },
}

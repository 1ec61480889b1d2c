//! Writing a stream line by line.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::StreamError;
use crate::digest::{Ending, Tally, json};
use crate::model::{Footer, Header, Outcome, Report};

/// Lines that may wait in memory before they are written.
const WAITING: usize = 64 * 1024;

/// Writes a stream as outcomes arrive.
///
/// A line is whole or absent as far as the sink allows. After an error the lines not yet written are kept and go out
/// with the next call that succeeds, so that a caller may carry on when somebody made room, or give up.
#[derive(Debug)]
pub struct Writer<W: Write> {
    sink: W,
    path: PathBuf,
    waiting: Vec<u8>,
    lines: u64,
    tally: Tally,
}

impl Writer<File> {
    /// Creates the file at `path`, replacing what was there, and writes `header` to it.
    ///
    /// # Errors
    /// [`StreamError::Write`] when the file cannot be created or written.
    pub fn create(path: impl Into<PathBuf>, header: &Header) -> Result<Self, StreamError> {
        let path = path.into();
        match File::create(&path) {
            Ok(file) => Self::new(file, path, header),
            Err(source) => Err(StreamError::Write { path, source }),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes `header` to `sink`; `path` is the name used in errors.
    ///
    /// # Errors
    /// [`StreamError::Write`] when the sink takes nothing.
    pub fn new(sink: W, path: impl Into<PathBuf>, header: &Header) -> Result<Self, StreamError> {
        let mut writer =
            Self { sink, path: path.into(), waiting: Vec::with_capacity(WAITING), lines: 0, tally: Tally::new(header) };
        writer.push("header", &json(header));
        writer.flush()?;
        Ok(writer)
    }

    /// Adds one outcome. Rows that ended as they should may wait in memory for a while; any other is written at once.
    ///
    /// # Errors
    /// [`StreamError::Write`] when the sink takes no more, [`StreamError::Duplicate`] when the ID was there before.
    pub fn outcome(&mut self, outcome: &Outcome) -> Result<(), StreamError> {
        let line = json(outcome);
        if !self.tally.add(&outcome.id, outcome.verdict, &line) {
            return Err(StreamError::Duplicate {
                path: self.path.clone(),
                line: self.lines + 1,
                id: outcome.id.clone(),
            });
        }
        self.push("outcome", &line);
        if !outcome.verdict.is_expected() || self.waiting.len() >= WAITING {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what waits in memory.
    ///
    /// # Errors
    /// [`StreamError::Write`] when the sink takes no more.
    pub fn flush(&mut self) -> Result<(), StreamError> {
        self.drain().map_err(|source| StreamError::Write { path: self.path.clone(), source })
    }

    /// Writes the footer and returns it. A run that delivered another number of rows than planned is not finished.
    ///
    /// # Errors
    /// [`StreamError::Write`] when the sink takes no more; the stream then reads as truncated.
    pub fn finish(mut self, ending: Ending) -> Result<Footer, StreamError> {
        let footer = self.tally.footer(ending);
        self.push("footer", &json(&footer));
        self.flush()?;
        Ok(footer)
    }

    fn push(&mut self, kind: &str, line: &str) {
        self.lines += 1;
        for part in ["{\"", kind, "\":", line, "}\n"] {
            self.waiting.extend_from_slice(part.as_bytes());
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.sink.write(&self.waiting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sink.flush()
    }
}

/// Writes a whole report to `path`, for example one that [`crate::merge()`] made.
///
/// # Errors
/// As [`Writer`].
pub fn write(path: impl Into<PathBuf>, report: &Report) -> Result<Footer, StreamError> {
    let mut writer = Writer::create(path, &report.header)?;
    for outcome in &report.outcomes {
        writer.outcome(outcome)?;
    }
    writer.finish(Ending::from(&report.footer))
}

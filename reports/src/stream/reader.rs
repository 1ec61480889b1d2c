//! Reading a stream back, and not believing a broken one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::StreamError;
use crate::digest::{Ending, Tally, json};
use crate::model::{Counts, FORMAT, Footer, Header, Record, Report};

/// Reads a whole stream and believes it only if it is whole.
///
/// # Errors
/// [`StreamError`] says what is wrong and in which line. A run that was interrupted but said so in its footer is no
/// error here; ask [`Report::passed`].
pub fn read(path: impl AsRef<Path>) -> Result<Report, StreamError> {
    match read_partial(path) {
        (report, None) => Ok(report),
        (_, Some(error)) => Err(error),
    }
}

/// Reads what there is of a stream, for looking at a run that was cut short. When there is an error, the footer is
/// made up from the outcomes before it, is not finished, and names the error; such a report never passes.
pub fn read_partial(path: impl AsRef<Path>) -> (Report, Option<StreamError>) {
    let path = path.as_ref();
    match File::open(path) {
        Ok(file) => read_from(BufReader::new(file), path),
        Err(source) => {
            let path = path.to_owned();
            broken(Report::default(), StreamError::Read { path, source })
        }
    }
}

/// Reads a stream from anything; `path` is the name used in errors. Otherwise as [`read_partial`].
pub fn read_from(source: impl BufRead, path: &Path) -> (Report, Option<StreamError>) {
    let mut reading = Reading { path, line: 0, report: Report::default(), tally: Tally::new(&Header::default()) };
    let error = reading.run(source).err();
    let mut report = reading.report;
    report.outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    match error {
        Some(error) => broken(report, error),
        None => (report, None),
    }
}

/// Gives a report that cannot be believed a footer that says so.
fn broken(mut report: Report, error: StreamError) -> (Report, Option<StreamError>) {
    report.footer = Footer {
        counts: report.outcomes.iter().collect::<Counts>(),
        finished: false,
        interrupted: Some(error.to_string()),
        ..Footer::default()
    };
    (report, Some(error))
}

struct Reading<'a> {
    path: &'a Path,
    line: u64,
    report: Report,
    tally: Tally,
}

impl Reading<'_> {
    fn run(&mut self, mut source: impl BufRead) -> Result<(), StreamError> {
        let mut line = Vec::new();
        let mut ended = false;
        loop {
            line.clear();
            let count = source
                .read_until(b'\n', &mut line)
                .map_err(|source| StreamError::Read { path: self.path.to_owned(), source })?;
            if count == 0 {
                return if ended { Ok(()) } else { Err(self.truncated()) };
            }
            self.line += 1;
            if line.pop() != Some(b'\n') {
                return Err(self.truncated());
            }
            if ended {
                return Err(self.misplaced("something follows the footer"));
            }
            if self.line == 1 {
                self.check_format(&line)?;
            }
            let record = serde_json::from_slice(&line).map_err(|why| self.garbage(&why))?;
            ended = self.take(record)?;
        }
    }

    /// Takes one record; `true` when it was the footer.
    fn take(&mut self, record: Record) -> Result<bool, StreamError> {
        match record {
            Record::Header(header) if self.line == 1 => {
                self.tally = Tally::new(&header);
                self.report.header = header;
                Ok(false)
            }
            Record::Header(_) => Err(self.misplaced("a second header")),
            _ if self.line == 1 => Err(self.misplaced("the first line is no header")),
            Record::Outcome(outcome) => {
                if !self.tally.add(&outcome.id, outcome.verdict, &json(&outcome)) {
                    return Err(StreamError::Duplicate { path: self.path.to_owned(), line: self.line, id: outcome.id });
                }
                self.report.outcomes.push(outcome);
                Ok(false)
            }
            Record::Footer(footer) => {
                self.check_footer(&footer)?;
                self.report.footer = footer;
                Ok(true)
            }
        }
    }

    /// A newer format may hold anything, so its version is looked at before its shape.
    fn check_format(&self, line: &[u8]) -> Result<(), StreamError> {
        let value: serde_json::Value = serde_json::from_slice(line).map_err(|why| self.garbage(&why))?;
        match value["header"]["format"].as_u64() {
            Some(format) if format > u64::from(FORMAT) => {
                Err(StreamError::Newer { path: self.path.to_owned(), format })
            }
            _ => Ok(()),
        }
    }

    fn check_footer(&self, stated: &Footer) -> Result<(), StreamError> {
        let found = self.tally.footer(Ending { interrupted: stated.interrupted.clone(), ..Ending::default() });
        let why = if stated.counts != found.counts {
            let (stated, found) = (stated.counts.total(), found.counts.total());
            if stated == found {
                "the verdicts counted are not those of the lines".to_owned()
            } else {
                format!("it counts {stated} outcomes, there are {found}")
            }
        } else if stated.finished != found.finished {
            let why = found.interrupted.unwrap_or_default();
            format!("it claims a finished run: {why}")
        } else if stated.digest != found.digest {
            return Err(StreamError::Digest {
                path: self.path.to_owned(),
                line: self.line,
                stated: stated.digest.clone(),
                found: found.digest,
            });
        } else {
            return Ok(());
        };
        Err(StreamError::Count { path: self.path.to_owned(), line: self.line, why })
    }

    fn truncated(&self) -> StreamError {
        StreamError::Truncated { path: self.path.to_owned(), line: self.line }
    }

    fn misplaced(&self, why: &'static str) -> StreamError {
        StreamError::Misplaced { path: self.path.to_owned(), line: self.line, why }
    }

    fn garbage(&self, why: &serde_json::Error) -> StreamError {
        StreamError::Garbage { path: self.path.to_owned(), line: self.line, why: why.to_string() }
    }
}

//! A client of QEMU's monitor protocol: one command at a time, JSON lines over a Unix socket
//! (QEMU, docs/interop/qmp-spec.txt).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for an answer; a busy machine takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the monitor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket is closed or silent.
    #[error("the monitor does not answer: {0}")]
    Io(#[from] std::io::Error),
    /// It answers, with something else.
    #[error("the monitor refused `{command}`: {answer}")]
    Refused {
        /// The command.
        command: String,
        /// What came back.
        answer: String,
    },
}

/// A connection to the monitor.
#[derive(Debug)]
pub struct Qmp {
    lines: BufReader<UnixStream>,
    /// Version of QEMU: major, minor, micro.
    pub version: String,
}

impl Qmp {
    /// Connects. QEMU makes the socket before it starts the guest.
    ///
    /// # Errors
    /// [`QmpError`]; no socket, or not QEMU's.
    pub fn connect(path: &Path) -> Result<Self, QmpError> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self { lines: BufReader::new(stream), version: String::new() };
        let greeting = qmp.line()?;
        let version = &greeting["QMP"]["version"]["qemu"];
        qmp.version = format!("{}.{}.{}", version["major"], version["minor"], version["micro"]);
        qmp.execute("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Executes a command that takes no arguments, and gives what it returns.
    ///
    /// # Errors
    /// [`QmpError`].
    pub fn execute(&mut self, command: &str) -> Result<Value, QmpError> {
        let mut text = json!({ "execute": command }).to_string();
        text.push('\n');
        self.lines.get_mut().write_all(text.as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.line()?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            // Events come in between.
            if answer.get("event").is_none() || Instant::now() > deadline {
                return Err(QmpError::Refused { command: command.to_owned(), answer: answer.to_string() });
            }
        }
    }

    fn line(&mut self) -> Result<Value, QmpError> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err(QmpError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_str(&line).map_err(|error| QmpError::Io(error.into()))
    }
}

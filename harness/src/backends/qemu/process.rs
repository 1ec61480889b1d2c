//! Starting QEMU, and making sure that it does not outlive its use.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};

/// How much of QEMU's last words goes into a report.
const LOG: u64 = 4096;

/// A QEMU process. It is killed when this is dropped, and dies with this process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: File,
}

/// The program: `HYPERCHECK_QEMU_PSERIES`, `HYPERCHECK_QEMU`, or what `PATH` has.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    for variable in ["HYPERCHECK_QEMU_PSERIES", "HYPERCHECK_QEMU"] {
        if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
            return Some(path.into()).filter(|path: &PathBuf| path.is_file());
        }
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Process {
    /// Starts a program with nothing to read, its messages kept for [`Process::log`].
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        let log = tempfile::tempfile()?;
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.try_clone()?);
        // An interrupt from the terminal is for the harness, which ends its children.
        command.process_group(0);
        dies_with_parent(&mut command);
        Ok(Self { child: spawn(command)?, name, log })
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it now.
    pub fn kill(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its last words.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        // The file is only for people: what cannot be read is missing.
        let read = || -> std::io::Result<()> {
            let mut log = self.log.try_clone()?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(LOG)))?;
            log.take(LOG).read_to_end(&mut text)?;
            Ok(())
        };
        let _ = { read }();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// How it ended, in words.
    #[must_use]
    pub fn describe(&self, status: ExitStatus) -> String {
        match (status.signal(), status.code()) {
            (Some(signal), _) => format!("{} was killed by {}", self.name, signal_name(signal)),
            (_, code) => format!("{} exited with status {}", self.name, code.unwrap_or(-1)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal_name(signal: i32) -> String {
    use rustix::process::Signal;
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    let name = names.iter().find(|(known, _)| known.as_raw() == signal);
    name.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

/// Lets the kernel end the child when this process ends in a way that runs no destructors, and keeps crashes, which
/// are wanted here, from writing core files as large as the guest's memory.
fn dies_with_parent(command: &mut Command) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let prepare = || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
}

/// Starts a child from a thread that lives as long as this process: the parent whose end Linux makes the child die of
/// is the thread that forked it, and guests move between threads.
fn spawn(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (send, orders) = mpsc::channel::<Order>();
        let work = move || {
            for (mut command, answer) in orders {
                // Whoever asked may have given up.
                let _ = answer.send(command.spawn());
            }
        };
        // Without the thread every order fails, with an error of its own.
        let _ = std::thread::Builder::new().name("qemu-starter".to_owned()).spawn(work);
        send
    });
    let gone = || std::io::Error::other("the thread that starts QEMU is gone");
    let (send, answer) = mpsc::channel();
    starter.send((command, send)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

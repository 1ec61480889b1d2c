//! A running QEMU with the agent in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::memory::SharedRam;
use super::process::Process;
use super::qmp::{Qmp, QmpError};
use super::{Cpu, facts, mailbox};
use crate::contract::BootError;

/// Bytes of guest RAM. A `pseries` machine with much less does not start.
pub const RAM: u64 = 256 << 20;
/// The program as distributions call it.
pub const PROGRAM: &str = "qemu-system-ppc64";
/// The agent, assembled by `harness/agents/build.sh`.
const AGENT: &[u8] = include_bytes!("../../../agents/ppc64.bin");
/// The longest that a boot or a reset may take. On a quiet machine it is a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to start machines.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// The processor model.
    pub cpu: Cpu,
}

/// A running QEMU with the agent in it.
#[derive(Debug)]
pub struct Machine {
    /// The process.
    pub process: Process,
    /// Its monitor.
    pub qmp: Qmp,
    /// The guest's memory.
    pub ram: SharedRam,
    /// The thread that runs the guest's processor, in the operating system's numbering.
    pub thread: u64,
    file: File,
    /// What [`mailbox::boots`] says unless the guest was reset.
    pub boots: u64,
    /// How many answers in a row came late; see [`super::wait`].
    pub misses: u32,
}

impl Launcher {
    /// Starts a machine and waits for the agent.
    ///
    /// # Errors
    /// See [`BootError`].
    pub fn launch(&self) -> Result<Machine, BootError> {
        let broken = |what: &str, error: &dyn std::fmt::Display| BootError::Failed {
            why: format!("{what}: {error}"),
            log: String::new(),
        };
        // All that is in this folder is open on both sides once the guest runs. Then the folder goes, so that nothing
        // is left behind however this process ends.
        let folder = tempfile::Builder::new().prefix("hypercheck-").tempdir_in(temporary());
        let folder = folder.map_err(|error| broken("no folder for guest memory", &error))?;
        let path = folder.path();
        let file = File::options().read(true).write(true).create_new(true).open(path.join("ram"));
        let file = file.and_then(|file| file.set_len(RAM).map(|()| file));
        let file = file.map_err(|error| broken("no file for guest memory", &error))?;
        let ram = SharedRam::map(&file).map_err(|error| broken("no mapping of guest memory", &error))?;
        std::fs::write(path.join("agent"), AGENT).map_err(|error| broken("no file for the agent", &error))?;
        let mut process = Process::start(self.command(path)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(),
            _ => broken(&self.program.display().to_string(), &error),
        })?;
        if let Err(why) = await_boot(&ram, &mut process, 1) {
            return Err(BootError::Failed { why, log: process.log() });
        }
        let mut qmp = Qmp::connect(&path.join("qmp")).map_err(|error| broken("no monitor", &error))?;
        let cpus = qmp.execute("query-cpus-fast").map_err(|error| broken("no processors", &error))?;
        let thread = cpus[0]["thread-id"].as_u64().unwrap_or(0);
        Ok(Machine { process, qmp, ram, thread, file, boots: 1, misses: 0 })
    }

    fn command(&self, folder: &Path) -> Command {
        // In option values a comma is written twice.
        let file = |name: &str| folder.join(name).display().to_string().replace(',', ",,");
        let mut command = Command::new(&self.program);
        let options = [
            // TCG has none of the mitigations that POWER9 asks for by default.
            (
                "-M",
                "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,memory-backend=ram".into(),
            ),
            ("-accel", "tcg".into()),
            ("-cpu", self.cpu.name().into()),
            ("-smp", "1".into()),
            ("-m", format!("{RAM}B")),
            ("-object", format!("memory-backend-file,id=ram,size={RAM}B,mem-path={},share=on", file("ram"))),
            // Loaded at 0 and entered at 0x100.
            ("-bios", folder.join("agent").display().to_string()),
            ("-qmp", format!("unix:{},server=on,wait=off", file("qmp"))),
            ("-chardev", "null,id=terminal".into()),
            ("-device", format!("spapr-vty,chardev=terminal,reg={:#x}", facts::VTY)),
            // A LAN adapter without a wire, and one with a command queue.
            ("-device", format!("spapr-vlan,mac=02:00:00:00:00:01,reg={:#x}", facts::LAN)),
            ("-device", format!("spapr-vscsi,reg={:#x}", facts::COMMAND_QUEUE)),
            // Keep a guest that powers off or panics: it can be asked how it ended, and reset.
            ("-action", "shutdown=pause,panic=pause".into()),
            ("-display", "none".into()),
            ("-monitor", "none".into()),
            ("-serial", "none".into()),
        ];
        for (option, value) in options {
            command.arg(option).arg(value);
        }
        command.args(["-nodefaults", "-no-user-config"]);
        command
    }
}

impl Machine {
    /// Resets the guest and waits for the agent. `wipe` also clears all its memory first.
    ///
    /// # Errors
    /// What went wrong; the machine is of no use then.
    pub fn reset(&mut self, wipe: bool) -> Result<(), String> {
        let text = |error: QmpError| error.to_string();
        let running = self.status().map_err(text)? == "running";
        self.boots = mailbox::boots(&self.ram);
        if wipe {
            self.wipe()?;
            self.boots = 0;
        }
        self.boots += 1;
        self.qmp.execute("system_reset").map_err(text)?;
        let start = Instant::now();
        // A guest that has shut down goes on only after the reset, which the monitor does not wait for.
        while !running && let Err(error) = self.qmp.execute("cont") {
            if start.elapsed() > PATIENCE {
                return Err(error.to_string());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        await_boot(&self.ram, &mut self.process, self.boots)
    }

    /// QEMU's word for what the machine does: `running`, `shutdown`, `guest-panicked`.
    ///
    /// # Errors
    /// The monitor does not answer.
    pub fn status(&mut self) -> Result<String, QmpError> {
        let status = self.qmp.execute("query-status")?;
        Ok(status["status"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Makes all memory zero. The reset puts the agent and the device tree back.
    #[cfg(target_os = "linux")]
    fn wipe(&self) -> Result<(), String> {
        use rustix::fs::{FallocateFlags, fallocate};
        fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, RAM)
            .map_err(|error| format!("guest memory cannot be cleared: {error}"))
    }

    #[cfg(not(target_os = "linux"))]
    fn wipe(&self) -> Result<(), String> {
        Err("guest memory cannot be cleared on this system".to_owned())
    }
}

/// What to say when there is no QEMU.
#[must_use]
pub fn missing() -> BootError {
    BootError::Missing {
        what: PROGRAM.to_owned(),
        remedy: "apt-get install qemu-system-ppc, or set HYPERCHECK_QEMU=<path of the program>".to_owned(),
    }
}

/// Waits until the agent has booted so many times.
fn await_boot(ram: &SharedRam, process: &mut Process, boots: u64) -> Result<(), String> {
    let start = Instant::now();
    while mailbox::boots(ram) != boots {
        if let Some(status) = process.ended() {
            return Err(process.describe(status));
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("the agent is silent for {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// A folder for files that should stay in memory.
fn temporary() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let usable = tempfile::tempfile_in(shared).is_ok();
    if usable { shared.to_owned() } else { std::env::temp_dir() }
}

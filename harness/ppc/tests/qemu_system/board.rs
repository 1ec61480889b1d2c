//! A machine of QEMU with the agent in it: started, left to run through all records, read, and ended.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hypercheck_ppc::{Hypervisor, Model};

use super::record::{Case, RECORDS, SIZE, Seen};

/// How long one record may take before the guest counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine and what the core is to be in its place.
pub struct Board {
    pub name: &'static str,
    pub program: &'static str,
    /// Arguments but for memory and the agent.
    pub arguments: Vec<String>,
    /// How the agent's file is given: `{}` is its path.
    pub agent: Vec<String>,
    /// Bytes of memory.
    pub ram: u64,
    pub model: Model,
    pub hypervisor: Hypervisor,
    /// Low memory.
    pub image: Vec<u8>,
    /// Makes the agent's file of low memory.
    pub file: fn(&[u8]) -> Vec<u8>,
    /// Places where handlers begin, by their number.
    pub places: Vec<u64>,
    /// Registers that handlers save.
    pub named: Vec<(&'static str, usize)>,
    /// MSR of the agent when it enters a case.
    pub agent_msr: u64,
    /// Where the agent has its counters: count, at, done.
    pub counters: [u64; 3],
}

/// A folder that is removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let shared = Path::new("/dev/shm");
        let root = if shared.is_dir() { shared.to_owned() } else { PathBuf::from(env!("CARGO_TARGET_TMPDIR")) };
        let path = root.join(format!("hypercheck-ppc-{}-{}", std::process::id(), name.replace('/', "-")));
        std::fs::create_dir_all(&path).expect("a folder for guest memory");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Board {
    /// Runs all cases in one boot and reads what their handlers saw.
    pub fn run(&self, cases: &[Case]) -> Vec<Seen> {
        let folder = Folder::new(self.name);
        let (ram, agent) = (folder.0.join("ram"), folder.0.join("agent"));
        let mut image = self.image.clone();
        let count = self.counters[0] as usize;
        image[count..count + 8].copy_from_slice(&(cases.len() as u64).to_be_bytes());
        let memory = File::options().read(true).write(true).create_new(true).open(&ram).expect("a memory file");
        memory.set_len(self.ram).expect("room for guest memory");
        memory.write_all_at(&image, 0).expect("room for the agent");
        for (at, case) in (RECORDS..).step_by(SIZE as usize).zip(cases) {
            memory.write_all_at(&case.bytes(self.model, at), at).expect("room for records");
        }
        let mut file = File::create(&agent).expect("an agent file");
        file.write_all(&(self.file)(&image)).expect("room for the agent");
        drop(file);
        let mut command = Command::new(self.program);
        command.args(&self.arguments).args(["-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]);
        command.args(["-monitor", "none", "-serial", "none", "-m", &format!("{}B", self.ram), "-object"]);
        command.arg(format!("memory-backend-file,id=ram,size={}B,mem-path={},share=on", self.ram, ram.display()));
        command.args(self.agent.iter().map(|text| text.replace("{}", &agent.display().to_string())));
        let log = File::create(folder.0.join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = Running(command.spawn().expect("QEMU starts"));
        let get = |at: u64| {
            let mut bytes = [0; 8];
            memory.read_exact_at(&mut bytes, at).expect("guest memory is readable");
            u64::from_be_bytes(bytes)
        };
        let (mut last, mut since) = (u64::MAX, Instant::now());
        while get(self.counters[2]) != 1 {
            let at = get(self.counters[1]);
            if at != last {
                (last, since) = (at, Instant::now());
            }
            let ended = child.0.try_wait().expect("a child");
            if ended.is_some() || since.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(folder.0.join("log")).unwrap_or_default();
                let low: Vec<_> = (0x20..0xA0).step_by(8).map(|at| format!("{at:#x}: {:#x}", get(at))).collect();
                let case = cases.get(at as usize).map(|case| format!("{case:#x?}")).unwrap_or_default();
                panic!("{}: lost in record {at} of {} ({ended:?})\n{log}\n{low:#?}\n{case}", self.name, cases.len());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut seen = Vec::with_capacity(cases.len());
        for at in (RECORDS..).step_by(SIZE as usize).take(cases.len()) {
            let mut record = vec![0; SIZE as usize];
            memory.read_exact_at(&mut record, at).expect("guest memory is readable");
            assert_eq!(record[0x3FF], 1, "the agent answers every record");
            let mut answer = Seen::read(&record, &self.named);
            for (name, value) in &mut answer.named {
                if *name == "vector" {
                    *value = self.places[*value as usize];
                }
            }
            seen.push(answer);
        }
        seen
    }
}

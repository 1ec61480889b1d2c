//! The core in the place of the guest's processor, with the same record.

use hypercheck_ppc::{Budget, Cpu, Exit, Hypervisor, Interrupt, Memory, msr};

use super::agent32;
use super::board::Board;
use super::record::{CODE, Case, Entry, RECORDS, Seen};

/// Where the return that enters a case is: in low memory, which is mapped one to one.
const ENTRY: u64 = 0x100;

/// A core with its memory.
pub struct Core {
    memory: Memory,
}

impl Core {
    pub fn new() -> Self {
        let mut memory = Memory::new(RECORDS as usize + 0x1_0000);
        memory.baseline();
        Self { memory }
    }

    /// Runs a case whose record would be at `at`, to the interrupt that ends it.
    pub fn run(&mut self, board: &Board, case: &Case, at: u64) -> Seen {
        let model = board.model;
        self.memory.rewind();
        let mut cpu = Cpu::new(model);
        cpu.hypervisor = board.hypervisor;
        cpu.stop_on_interrupt = true;
        cpu.reserved_bits = hypercheck_ppc::ReservedBits::Illegal;
        cpu.gpr = case.gpr;
        (cpu.lpcr, cpu.hid0, cpu.fscr) = (case.lpcr, case.hid0, case.fscr);
        if board.hypervisor == Hypervisor::Guest && model.is_server() {
            cpu.set_spr(hypercheck_ppc::table::Spr::Hfscr, case.hfscr);
            cpu.set_spr(hypercheck_ppc::table::Spr::Hdec, 0x7FFF_0000);
        }
        // The agent's segments.
        for (slot, base) in [(0, 0), (1, 0xC000_0000_0000_0000)] {
            cpu.slb[slot].esid = base | hypercheck_ppc::SlbEntry::VALID;
            cpu.slb[slot].vsid = (slot as u64 + 1) << 12 | 0x100;
        }
        (cpu.cr, cpu.lr, cpu.ctr, cpu.xer) = (case.cr as u32, case.lr, case.ctr, case.xer);
        cpu.dec = 0x7FFF_0000;
        cpu.msr = board.agent_msr;
        for number in 0..cpu.ivor.len() {
            cpu.ivor[number] = agent32::offset(number) as u32;
        }
        (cpu.dar, cpu.dsisr, cpu.esr) = (0, 0, 0);
        let home = (RECORDS + 0x8000) + (at & 0x7C00);
        // Records beyond the core's memory are run where they fit; addresses are moved back at the end.
        let moved = at.wrapping_sub(home);
        let bytes = case.bytes(model, home);
        self.memory.write(home, &bytes).expect("room for the record");
        let word = match (case.entry, model.is_server(), model.is_embedded()) {
            (Entry::Return, true, _) => 0x4C00_0024,
            (Entry::Other, true, _) => 0x4C00_0224,
            (Entry::Other, false, true) => 0x4C00_0066,
            _ => 0x4C00_0064,
        };
        self.memory.write_u32(ENTRY, word, true).expect("room for the entry");
        match case.entry {
            Entry::Return => (cpu.srr0, cpu.srr1) = (home + CODE, case.msr),
            Entry::Other if model.is_server() => (cpu.hsrr0, cpu.hsrr1) = (home + CODE, case.msr),
            Entry::Other => (cpu.csrr0, cpu.csrr1) = (home + CODE, case.msr),
        }
        cpu.pc = ENTRY;
        loop {
            match cpu.run(&mut self.memory, Budget::instructions(100)) {
                Exit::Interrupt(_) => break,
                Exit::SystemCall { lev: 1 } if board.model.is_server() => {
                    // No hypercall has this number; and none may be made in problem state.
                    cpu.gpr[3] = if cpu.msr & msr::PR == 0 { -2_i64 } else { -3 }.cast_unsigned();
                }
                Exit::SystemCall { lev } => {
                    cpu.interrupt(Interrupt::SystemCall { lev });
                    break;
                }
                Exit::SystemCallVectored { lev } => {
                    cpu.interrupt(Interrupt::SystemCallVectored { lev });
                    break;
                }
                _ => break,
            }
        }
        let shift = |value: u64| if value & !0x3FF == home { value.wrapping_add(moved) } else { value };
        let named = board.named.iter().map(|&(name, _)| (name, shift(Self::named(&cpu, name)))).collect();
        Seen { gpr: cpu.gpr.map(shift), named }
    }

    fn named(cpu: &Cpu, name: &str) -> u64 {
        match name {
            "vector" => cpu.pc,
            "srr0" => cpu.srr0,
            "srr1" => cpu.srr1,
            "msr" => cpu.msr,
            "cr" => cpu.cr.into(),
            "lr" => cpu.lr,
            "ctr" => cpu.ctr,
            "xer" => cpu.xer,
            "dar" | "dear" => cpu.dar,
            "dsisr" => cpu.dsisr.into(),
            "esr" => cpu.esr.into(),
            "fscr" => cpu.fscr,
            "hsrr0" => cpu.hsrr0,
            "hsrr1" => cpu.hsrr1,
            "heir" => cpu.heir.into(),
            "hfscr" => cpu.spr(hypercheck_ppc::table::Spr::Hfscr),
            "csrr0" => cpu.csrr0,
            "csrr1" => cpu.csrr1,
            _ => unreachable!("no register {name}"),
        }
    }
}

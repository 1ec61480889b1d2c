//! Runs instruction streams in several ways that must not differ.

use arbitrary::Unstructured;
use hypercheck_ppc::{Budget, Caching, Cpu, Exit, Interrupt, Memory};

use super::Stream;
/// Memories for streams, kept from one to the next; they grow with what a stream asks for.
#[derive(Debug)]
pub struct Track {
    first: Memory,
    second: Memory,
}

impl Default for Track {
    fn default() -> Self {
        Self { first: Memory::new(0), second: Memory::new(0) }
    }
}

/// Compares all fields of two processors; what is not compared here does not compile.
macro_rules! first_difference {
    ($a:expr, $b:expr, { $($field:ident)* }) => {{
        let Cpu { $($field: _),* } = $a;
        None$(.or_else(|| ($a.$field != $b.$field).then_some(stringify!($field))))*
    }};
}

fn difference(a: &Cpu, b: &Cpu) -> Option<&'static str> {
    first_difference!(a, b, {
        model gpr cr xer lr ctr tar pc msr srr0 srr1 hsrr0 hsrr1 csrr0 csrr1 mcsrr0 mcsrr1 dsrr0 dsrr1 dar dsisr sprg dec
        decar tb sr slb pvr pir ctrl dabr dabrx ciabr dawr0 dawrx0 lpcr fscr dscr ppr vrsave heir hid0 hid1 esr ivpr ivor
        mas tlb tsr tcr dbsr performance plain copied prefixed reservation decrementer_pending external_pending doorbells hypervisor translation reserved_bits
        stop_on_interrupt overlay instructions
    })
}

impl Track {
    /// Makes a stream from bytes and runs it; bytes that make none do nothing.
    ///
    /// # Errors
    /// As for [`Track::try_stream`].
    pub fn try_bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        Stream::generate(&mut Unstructured::new(bytes)).map_or(Ok(()), |stream| self.try_stream(&stream))
    }

    /// As [`try_bytes`](Self::try_bytes), for [`Track::try_caches`].
    ///
    /// # Errors
    /// As for [`Track::try_caches`].
    pub fn try_bytes_with_caches(&mut self, bytes: &[u8]) -> Result<(), String> {
        Stream::generate(&mut Unstructured::new(bytes)).map_or(Ok(()), |stream| self.try_caches(&stream))
    }

    /// Runs a stream in one go, once more, and in pieces: registers and memory must be the same after each, time must
    /// pass, and registers must hold no more bits than the model has.
    ///
    /// # Errors
    /// What differs, with the stream.
    pub fn try_stream(&mut self, stream: &Stream) -> Result<(), String> {
        let (whole, piece) = (stream.budget, stream.piece);
        self.compare(
            stream,
            (whole, Caching::Loops),
            &[(whole, Caching::Loops, "run a second time"), (piece, Caching::Loops, "run in pieces")],
        )
    }

    /// Runs a stream with and without what the run loop remembers, which must not be seen: registers, memory and the
    /// end must be the same.
    ///
    /// # Errors
    /// What differs, with the stream.
    pub fn try_caches(&mut self, stream: &Stream) -> Result<(), String> {
        let (whole, piece) = (stream.budget, stream.piece * 40);
        self.compare(
            stream,
            (whole, Caching::Never),
            &[
                (whole, Caching::Always, "run with caches"),
                (whole, Caching::Loops, "run with caches for loops"),
                (piece, Caching::Always, "run with caches in pieces"),
            ],
        )
    }

    fn compare(
        &mut self,
        stream: &Stream,
        (piece, caching): (u64, Caching),
        others: &[(u64, Caching, &str)],
    ) -> Result<(), String> {
        let fail = |what: String| Err(format!("{what}\n{}", stream.show()));
        let (cpu, exit) = match run(stream, &mut self.first, piece, caching) {
            Ok(end) => end,
            Err(what) => return fail(what),
        };
        if let Some(what) = impossible(&stream.cpu, &cpu) {
            return fail(what);
        }
        for &(piece, caching, how) in others {
            let (again, end) = match run(stream, &mut self.second, piece, caching) {
                Ok(end) => end,
                Err(what) => return fail(format!("{how}: {what}")),
            };
            if end != exit {
                return fail(format!("{how}, it ends with {end:?} and not with {exit:?}"));
            }
            if let Some(field) = difference(&cpu, &again) {
                return fail(format!("{how}, it leaves another {field}"));
            }
            let mut blocks = self.first.dirty_blocks().zip(self.second.dirty_blocks());
            let as_many = self.first.dirty_blocks().count() == self.second.dirty_blocks().count();
            if !as_many || !blocks.all(|(a, b)| a.at == b.at && a.now == b.now) {
                return fail(format!("{how}, it leaves other memory"));
            }
        }
        Ok(())
    }
}

/// Runs at most the budget of a stream, `piece` at a time, giving system calls back to the guest.
fn run(stream: &Stream, memory: &mut Memory, piece: u64, caching: Caching) -> Result<(Cpu, Option<Exit>), String> {
    if memory.len() == stream.memory() {
        memory.rewind();
    } else {
        *memory = Memory::new(stream.memory());
    }
    stream.load(memory);
    let mut cpu = stream.cpu.clone();
    let mut idle = 0;
    while cpu.instructions < stream.budget {
        let before = cpu.instructions;
        let left = piece.min(stream.budget - before);
        let exit = cpu.run_with(memory, Budget::instructions(left), caching);
        if cpu.instructions - before > left {
            return Err(format!("{} instructions were run of {left}", cpu.instructions - before));
        }
        match exit {
            Exit::Budget | Exit::Interrupt(_) => {}
            Exit::SystemCall { lev } => cpu.interrupt(Interrupt::SystemCall { lev }),
            Exit::SystemCallVectored { lev } => cpu.interrupt(Interrupt::SystemCallVectored { lev }),
            other => return Ok((cpu, Some(other))),
        }
        idle = if cpu.instructions == before { idle + 1 } else { 0 };
        if idle > 4 {
            return Err(format!("no progress at {:#x}: {exit:?} again and again", cpu.pc));
        }
    }
    if memory.len() != stream.memory() {
        return Err(format!("memory has {} bytes", memory.len()));
    }
    Ok((cpu, None))
}

/// A register with bits that the model does not have.
fn impossible(start: &Cpu, cpu: &Cpu) -> Option<String> {
    let mask = cpu.model.register_mask();
    let named = [("lr", cpu.lr), ("ctr", cpu.ctr), ("pc", cpu.pc), ("srr0", cpu.srr0), ("dar", cpu.dar)];
    let general = cpu.gpr.iter().enumerate().map(|(n, value)| (format!("r{n}"), *value));
    let mut all = general.chain(named.map(|(name, value)| (name.to_owned(), value)));
    if let Some((name, value)) = all.find(|(_, value)| value & !mask != 0) {
        return Some(format!("{name} holds {value:#x} on a 32-bit processor"));
    }
    let spare = cpu.msr & !cpu.model.msr_bits() & !start.msr;
    (spare != 0).then(|| format!("msr holds the bits {spare:#x}, which the model does not have"))
}

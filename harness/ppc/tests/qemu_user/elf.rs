//! The executable: an ELF header, a program header a segment, and their bytes.

/// A segment.
pub struct Segment {
    /// Address, a multiple of 4096.
    pub at: u64,
    /// Contents; the rest of `size` is zero.
    pub bytes: Vec<u8>,
    /// Bytes in memory.
    pub size: u64,
    /// PF_X 1, PF_W 2, PF_R 4.
    pub flags: u32,
}

/// Writes numbers in one byte order and width.
struct Writer {
    bytes: Vec<u8>,
    wide: bool,
    little: bool,
}

impl Writer {
    fn number(&mut self, value: u64, length: usize) {
        let bytes = value.to_le_bytes();
        match self.little {
            true => self.bytes.extend(&bytes[..length]),
            false => self.bytes.extend(bytes[..length].iter().rev()),
        }
    }

    /// A number of the width of an address.
    fn address(&mut self, value: u64) {
        self.number(value, if self.wide { 8 } else { 4 });
    }
}

/// An executable for a 64-bit (`wide`) or 32-bit PowerPC. System V gABI chapter 4; 64-bit ELF V2 ABI 4.1: e_flags 2, so
/// that the entry and signal handlers are addresses of code and not of descriptors.
pub fn executable(wide: bool, little: bool, entry: u64, segments: &[Segment]) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut out = Writer { bytes: Vec::new(), wide, little };
    out.bytes.extend([0x7F, b'E', b'L', b'F', 1 + u8::from(wide), 1 + u8::from(!little), 1]);
    out.bytes.resize(16, 0);
    let (header, entry_size) = if wide { (64, 56) } else { (52, 32) };
    out.number(2, 2); // ET_EXEC
    out.number(if wide { 21 } else { 20 }, 2); // EM_PPC64, EM_PPC
    out.number(1, 4);
    out.address(entry);
    out.address(header);
    out.address(0);
    out.number(if wide { 2 } else { 0 }, 4);
    for value in [header, entry_size, segments.len() as u64, 0, 0, 0] {
        out.number(value, 2);
    }
    let mut offset = PAGE;
    for segment in segments {
        let (file, memory) = (segment.bytes.len() as u64, segment.size);
        out.number(1, 4); // PT_LOAD
        if wide {
            out.number(segment.flags.into(), 4);
        }
        for value in [offset as u64, segment.at, segment.at, file, memory] {
            out.address(value);
        }
        if !wide {
            out.number(segment.flags.into(), 4);
        }
        out.address(PAGE as u64);
        offset += segment.bytes.len().next_multiple_of(PAGE);
    }
    for segment in segments {
        out.bytes.resize(out.bytes.len().next_multiple_of(PAGE), 0);
        out.bytes.extend(&segment.bytes);
    }
    out.bytes
}

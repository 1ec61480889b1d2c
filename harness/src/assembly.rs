//! Assembly of cases and conduits, by the instruction table that an architecture has.

use hypercheck_spec::arch::Arch;

/// Assembles `text` for address `at`. The bytes are as they stand in memory; those of Power are big-endian, and whoever
/// stores them for a little-endian guest turns each word round.
///
/// # Errors
/// What cannot be assembled, and why.
pub fn assemble(arch: &Arch, text: &str, at: u64, symbols: &dyn Fn(&str) -> Option<u64>) -> Result<Vec<u8>, String> {
    match arch.isa.as_deref() {
        Some("powerpc") => {
            let words = hypercheck_ppc::asm::assemble(text, at, symbols).map_err(|error| error.to_string())?;
            Ok(words.iter().flat_map(|word| word.to_be_bytes()).collect())
        }
        Some(other) => Err(format!("no instruction table `{other}`; there is powerpc")),
        None => arch.assemble(text, symbols),
    }
}

//! Writes `harness/ppc/src/table.rs` from `spec/isa/powerpc.yaml`.

use hypercheck_spec::isa::{Isa, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let text = std::fs::read_to_string(format!("{root}/spec/isa/powerpc.yaml"))?;
    let (isa, resolved) = Isa::read("spec/isa/powerpc.yaml", &text)?;
    let path = format!("{root}/harness/ppc/src/table.rs");
    std::fs::write(&path, generate(&isa, &resolved))?;
    println!(
        "{path}: {} rows, {} registers, {} extended mnemonics",
        resolved.rows.len(),
        resolved.registers.len(),
        resolved.aliases.len()
    );
    Ok(())
}

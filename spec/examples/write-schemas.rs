//! Writes the JSON Schemas of the YAML files: `cargo run -p hypercheck-spec --example write-schemas`
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    hypercheck_spec::schema::write(&folder)?;
    println!("{}", folder.display());
    Ok(())
}

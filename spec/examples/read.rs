//! Reads ABI and architecture files and shows the first thing wrong in each: `cargo run -p hypercheck-spec --example read -- FILE..`
use hypercheck_spec::{abi::Abi, arch::Arch, yaml};

fn main() {
    let mut bad = false;
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let result = if path.contains("/arch/") {
            yaml::parse::<Arch>(&path, &text).map(|arch| format!("{} registers", arch.expand().len()))
        } else {
            yaml::parse::<Abi>(&path, &text)
                .map(|abi| format!("{} calls, {} clauses", abi.calls.len(), abi.clauses.len()))
        };
        match result {
            Ok(summary) => println!("{path}: {summary}"),
            Err(error) => {
                bad = true;
                println!("{error}\n");
            }
        }
    }
    std::process::exit(i32::from(bad));
}

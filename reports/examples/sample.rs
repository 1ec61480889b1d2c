//! Writes a page with made-up findings, for a look at the template: `cargo run -p hypercheck-report --example sample`.

use std::path::PathBuf;

use hypercheck_report::{Outcome, Verdict, html, terminal};

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let newer = common::report();
    let fixed = newer.outcomes.iter().cloned().map(|o| match o.verdict {
        Verdict::Crash | Verdict::Hang => Outcome {
            verdict: Verdict::Pass,
            reason: None,
            evidence: None,
            ..o
        },
        _ => o,
    });
    let newest = common::assemble(common::header("qemu-pseries", "10.2.0"), fixed.collect());
    print!("{}", terminal::render(&newer, terminal::Style::COLOUR));

    let out = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/out"));
    std::fs::create_dir_all(&out)?;
    let page = out.join("sample.html");
    std::fs::write(&page, html::render(&[common::reference(), newer, newest])?)?;
    println!("wrote {}", page.display());
    Ok(())
}

//! Writes a page with made-up findings, and hostile ones beside it, for a look at the template:
//! `cargo run -p hypercheck-report --example sample`.

use std::path::PathBuf;

use hypercheck_report::{Outcome, Verdict, html, junit, terminal};

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let newer = common::report();
    let fixed = newer.outcomes.iter().cloned().map(|o| match o.verdict {
        Verdict::Crash | Verdict::Hang => Outcome { verdict: Verdict::Pass, reason: None, evidence: None, ..o },
        _ => o,
    });
    let newest = common::assemble(common::header("qemu-pseries", "10.2.0"), fixed.collect());
    print!("{}", terminal::render(&newer, terminal::Style::COLOUR));

    let out = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/out"));
    std::fs::create_dir_all(&out)?;
    let page = out.join("sample.html");
    std::fs::write(&page, html::render(&[common::reference(), newer, newest])?)?;
    let hostile = out.join("hostile");
    std::fs::write(hostile.with_extension("xml"), junit::render(&common::hostile())?)?;
    std::fs::write(hostile.with_extension("html"), html::render(&[common::hostile()])?)?;
    println!("wrote {}", page.display());
    Ok(())
}

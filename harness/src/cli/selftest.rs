//! `hypercheck selftest`: proves that the suite notices, by faults planted in a backend.

use std::fmt::Write as _;

use clap::Args;
use hypercheck::faults::violations::{Proof, Prover};
use hypercheck_spec::library::Home;

use super::{Failure, Outcome, backend, broken, library, print, usage};

/// What to prove.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Clauses whose names hold one of these words; all of level must or should if none is given
    words: Vec<String>,
    /// The backend to plant faults in
    #[arg(long, default_value = "reference", value_name = "NAME")]
    backend: String,
}

pub(crate) fn selftest(home: &Home, arguments: &Arguments) -> Outcome {
    let library = library(home)?;
    let hypervisor = backend(&arguments.backend, &library)?;
    let mut prover = Prover::new(&library, &*hypervisor);
    let wanted = |clause: &String| {
        arguments.words.is_empty() || arguments.words.iter().any(|word| clause.contains(word.as_str()))
    };
    let clauses: Vec<String> = prover.clauses().filter(wanted).collect();
    if clauses.is_empty() {
        return Err(usage("no clause of level must or should has such a name; `hypercheck list clauses` shows them"));
    }
    let mut unproved = 0;
    for clause in &clauses {
        let mut text = format!("{clause}\n");
        let _ = match prover.prove(clause).map_err(broken)? {
            Proof::Noticed { row, fault, said } => {
                writeln!(text, "  planted  {fault}\n  noticed  {row}\n           {said}")
            }
            Proof::NoRow => {
                unproved += 1;
                writeln!(text, "  UNPROVED: no row that stands for it runs on {}", arguments.backend)
            }
            Proof::Unnoticed { rows, faults } => {
                unproved += 1;
                writeln!(text, "  UNPROVED: {faults} faults in {rows} rows, and none failed for it")
            }
        };
        print(&text);
    }
    print(&format!("\n{} of {} clauses are noticed when they are violated\n", clauses.len() - unproved, clauses.len()));
    if unproved == 0 { Ok(()) } else { Err(Failure::Cases) }
}

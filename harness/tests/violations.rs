//! Every clause of level must or should is violated on purpose, and a row that stands for it fails and says so.
//!
//! One trial a clause. A clause that no case can check says why in the spec (`unverifiable:`), and is none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hypercheck::backends;
use hypercheck::faults::violations::{Proof, Prover};
use hypercheck_spec::library::{Home, Library};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let home = Home::find(None).expect("the test runs in a checkout");
    let library = Library::read(&home).unwrap_or_else(|error| panic!("{error}"));
    let hypervisor = (backends::ALL[0].open)(&library).expect("the reference needs nothing");
    let wanted = |clause: &String| arguments.filter.as_ref().is_none_or(|filter| clause.contains(filter.as_str()));
    let clauses: Vec<String> = Prover::new(&library, &*hypervisor).clauses().filter(wanted).collect();
    let proofs = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    if !arguments.list {
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
                scope.spawn(|| {
                    let mut prover = Prover::new(&library, &*hypervisor);
                    while let Some(clause) = clauses.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let proof = prover.prove(clause);
                        proofs.lock().expect("no thread panics here").push((clause.clone(), proof));
                    }
                });
            }
        });
    }
    let mut proofs = proofs.into_inner().expect("all threads ended");
    proofs.sort_by(|a, b| a.0.cmp(&b.0));
    if arguments.list {
        proofs.extend(clauses.into_iter().map(|clause| (clause, Ok(Proof::NoRow))));
    }
    let trials = proofs.into_iter().map(|(clause, proof)| {
        Trial::test(clause.clone(), move || match proof {
            Ok(Proof::Noticed { .. }) => Ok(()),
            Ok(Proof::NoRow) => Err(Failed::from(format!(
                "no row of the reference stands for {clause}; name it in a case or a call, or say under `unverifiable` why \
                 no case can check it"
            ))),
            Ok(Proof::Unnoticed { rows, faults }) => Err(Failed::from(format!(
                "{faults} faults in {rows} rows, and none that stands for {clause} failed for it; add a case whose \
                 expectations break when the clause is violated"
            ))),
            Err(error) => Err(Failed::from(error)),
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

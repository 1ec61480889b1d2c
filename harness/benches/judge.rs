//! What a judged call costs on the reference, and on QEMU where it is installed, and what its parts cost:
//! `cargo bench -p hypercheck --bench judge`.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hypercheck::backends;
use hypercheck::contract::{BootError, Hypervisor, Machine};
use hypercheck::judge::Judge;
use hypercheck::program::Memory;
use hypercheck::reference::Reference;
use hypercheck::runner;
use hypercheck::session::{Plans, Session, Shot};
use hypercheck_spec::library::{Home, Library};

struct NoMemory;

impl Memory for NoMemory {
    fn number(&mut self, _: u64, _: usize) -> Option<u64> {
        None
    }
    fn ram(&self) -> u64 {
        0x200_0000
    }
}

fn session(library: &Library, hypervisor: &dyn Hypervisor) -> Result<Session, BootError> {
    let papr = BTreeSet::from(["papr".to_owned()]);
    let features = papr.intersection(&hypervisor.identity().options).cloned().collect();
    let machine = Machine { arch: "ppc64".to_owned(), features };
    Session::boot(hypervisor, &machine, |facts| Plans::new(library, &machine, facts, hypervisor).map(Arc::new))
}

/// One call with all four oracles: registers poisoned, memory watched, every register compared.
fn judged_calls(criterion: &mut Criterion) {
    let library = Library::read(&Home::find(None).expect("the bench runs in a checkout")).expect("the data is valid");
    let reference = Reference::new(library.arches.values().map(|arch| &arch.value));
    let mut session = session(&library, &reference).expect("the reference boots");
    let plan = session.plans.get("papr").expect("PAPR fits together").expect("PAPR exists on ppc64");
    let conduit = plan.conduit(None).expect("PAPR has a conduit").clone();
    let mut group = criterion.benchmark_group("judged call");
    group.throughput(Throughput::Elements(1));
    for name in ["H_SET_SPRG0", "H_GET_TERM_CHAR", "H_LOGICAL_CI_LOAD", "H_PUT_TCE"] {
        let call = plan.call(name).expect("a call of PAPR");
        let mut registers = session.poison(0);
        let mut set = |register: &str, value| {
            let id = plan.file.id(register).expect("a register");
            registers.set(id, value);
        };
        set("r3", call.number);
        set("r4", if name == "H_PUT_TCE" { 0x8000_0000 } else { 8 });
        set("r5", 0x30_0000);
        let mut found = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let shot = Shot { plan: &plan, call, conduit: &conduit, registers: &registers };
                black_box(session.call(&shot, &mut found).expect("the reference answers"));
            });
        });
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    group.finish();
    let call = plan.call("H_SET_SPRG0").expect("a call of PAPR");
    let mut registers = session.poison(0);
    registers.set(plan.file.id("r3").expect("a register"), call.number);
    let mut found = Vec::new();
    let shot = Shot { plan: &plan, call, conduit: &conduit, registers: &registers };
    session.call(&shot, &mut found).expect("the reference answers");
    let seen = session.seen.clone();
    let mut judge = Judge::default();
    criterion.bench_function("prepare and check alone", |bencher| {
        bencher.iter(|| {
            judge.prepare(&plan, call, &conduit, &registers, &mut NoMemory);
            found.clear();
            black_box(judge.check(&plan, call, &conduit, &registers, &seen, &mut NoMemory, &mut found));
        });
    });
    assert!(found.is_empty(), "{found:?}");
}

/// The same on a stock QEMU: one doorbell, one run, one comparison of all watched memory a call.
fn judged_calls_on_qemu(criterion: &mut Criterion) {
    let library = Library::read(&Home::find(None).expect("the bench runs in a checkout")).expect("the data is valid");
    let entry = backends::ALL.iter().find(|entry| entry.name == "qemu-pseries").expect("a backend");
    let hypervisor = (entry.open)(&library).expect("opening needs nothing");
    let mut session = match session(&library, &*hypervisor) {
        Ok(session) => session,
        Err(error) => return eprintln!("skipped: qemu-pseries: {error}"),
    };
    let plan = session.plans.get("papr").expect("PAPR fits together").expect("PAPR exists on ppc64");
    let conduit = plan.conduit(None).expect("PAPR has a conduit").clone();
    let call = plan.call("H_SET_SPRG0").expect("a call of PAPR");
    let mut registers = session.poison(0);
    registers.set(plan.file.id("r3").expect("a register"), call.number);
    let mut found = Vec::new();
    let mut group = criterion.benchmark_group("judged call on qemu-pseries");
    group.throughput(Throughput::Elements(1));
    group.bench_function("H_SET_SPRG0", |bencher| {
        bencher.iter(|| {
            let shot = Shot { plan: &plan, call, conduit: &conduit, registers: &registers };
            black_box(session.call(&shot, &mut found).expect("QEMU answers"));
        });
    });
    group.finish();
    assert!(found.is_empty(), "{found:?}");
}

/// Reading all data files and deriving all rows: what is paid before the first row runs.
fn start(criterion: &mut Criterion) {
    let home = Home::find(None).expect("the bench runs in a checkout");
    let mut group = criterion.benchmark_group("start");
    group.sample_size(20);
    group.bench_function("read the library", |bencher| {
        bencher.iter(|| black_box(Library::read(&home).expect("the data is valid")));
    });
    let library = Library::read(&home).expect("the data is valid");
    let reference = Reference::new(library.arches.values().map(|arch| &arch.value));
    group.bench_function("derive all rows", |bencher| {
        bencher.iter(|| black_box(runner::jobs(&library, &reference)));
    });
    group.bench_function("boot a guest", |bencher| {
        let machine = Machine { arch: "ppc64".to_owned(), features: BTreeSet::from(["papr".to_owned()]) };
        bencher.iter(|| black_box(reference.boot(&machine).expect("the reference boots")));
    });
    group.finish();
}

criterion_group!(benches, judged_calls, judged_calls_on_qemu, start);
criterion_main!(benches);

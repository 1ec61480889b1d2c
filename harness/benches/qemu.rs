//! How fast the backend `qemu-pseries` is. Skipped, in plain words, where there is no QEMU.

#[cfg(unix)]
#[path = "../tests/qemu/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

#[cfg(unix)]
fn doorbell(criterion: &mut criterion::Criterion) {
    use hypercheck::contract::{Budget, Stop};
    use std::hint::black_box;
    use support::{KERNEL, PATIENCE, PR, guest, sc};

    let Some(mut guest) = guest() else { return };
    let mut group = criterion.benchmark_group("qemu-pseries");
    group.throughput(criterion::Throughput::Elements(1));
    for (name, msr) in [("call", KERNEL), ("call from problem state", KERNEL | PR)] {
        guest.set("msr", msr);
        assert_eq!(guest.call(&[0x200]), Stop::Reached);
        guest.guest.watching().unwrap().mark().unwrap();
        let budget = Budget { until: guest.code() + 4, instructions: 1000, patience: PATIENCE };
        let mut call = |watch: bool| {
            guest.guest.set_registers(&guest.given).unwrap();
            if watch {
                guest.guest.watching().unwrap().mark().unwrap();
            }
            assert_eq!(guest.guest.run(budget).unwrap(), Stop::Reached);
            guest.guest.registers(&mut guest.got).unwrap();
            if watch {
                let mut see = |at, _: &[u8], _: &[u8]| panic!("{at:#x} changed");
                guest.guest.watching().unwrap().changes(&mut see).unwrap();
            }
            black_box(&guest.got);
        };
        group.bench_function(name, |bench| bench.iter(|| call(false)));
        group.bench_function(format!("{name}, watched"), |bench| bench.iter(|| call(true)));
    }
    guest.set("msr", KERNEL);
    let mut lev = 0;
    group.bench_function("other instructions each time", |bench| {
        bench.iter(|| {
            lev ^= 1;
            guest.run(&[sc(1), support::li(5, lev)])
        });
    });
    group.throughput(criterion::Throughput::Elements(1)).sample_size(20);
    group.bench_function("rewind", |bench| bench.iter(|| guest.guest.rewinding().unwrap().rewind().unwrap()));
    group.finish();
}

#[cfg(unix)]
fn boot(criterion: &mut criterion::Criterion) {
    let backend = support::backend();
    if support::boot(&backend).is_none() {
        return;
    }
    let mut group = criterion.benchmark_group("qemu-pseries");
    group.sample_size(20);
    group.bench_function("boot to first call", |bench| {
        bench.iter(|| support::boot(&backend).map(|mut guest| guest.call(&[0x200])));
    });
    group.finish();
}

#[cfg(unix)]
criterion::criterion_group!(benches, doorbell, boot);
#[cfg(unix)]
criterion::criterion_main!(benches);

#[cfg(not(unix))]
fn main() {
    println!("skipped: the backend needs a Unix system");
}

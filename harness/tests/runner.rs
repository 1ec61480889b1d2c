//! The runner goes on after a death, stops when nothing can be trusted any more, and no row sees another.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Fault, Planted, SPEC, Strike, machine, reference, scenario, twice};
use hypercheck::contract::{BootError, Hypervisor, Stop};
use hypercheck::runner::{self, Job, RunError, Settings};
use hypercheck_report::model::{Origin, Outcome, Verdict};
use hypercheck_spec::library::{Home, Library, NamedCase, Read};
use rstest::rstest;

use Verdict::{Crash, Fail, Hang, Pass, Skip};

fn settings(jobs: usize) -> Settings {
    Settings { jobs, patience: Duration::from_secs(5), command: "hypercheck run".to_owned(), keep_evidence: false }
}

/// A row of PAPR from its steps in YAML.
fn row(id: &str, steps: &str) -> Job {
    let mut scenario = scenario("case", &format!("title: {id}\nabi: papr\nsteps: [{steps}]\n"));
    scenario.id = id.to_owned();
    Job {
        id: scenario.id.clone(),
        scenario: std::sync::Arc::new(scenario),
        origin: Origin::Written,
        machine: machine("ppc64", &["papr"]),
        skip: None,
    }
}

/// Rows that each set SPRG0 to their number.
fn rows(count: u64) -> Vec<Job> {
    (1..=count).map(|n| row(&n.to_string(), &format!("{{ call: H_SET_SPRG0, arguments: {{ value: {n} }} }}"))).collect()
}

fn run(
    library: &Library,
    hypervisor: &dyn Hypervisor,
    jobs: &[Job],
    workers: usize,
) -> (Vec<Outcome>, Option<RunError>) {
    let outcomes = Mutex::new(Vec::new());
    let sink = |outcome| {
        outcomes.lock().expect("no panic here").push(outcome);
        Ok(())
    };
    let result = runner::run(library, hypervisor, jobs, &settings(workers), &AtomicBool::new(false), &sink);
    (outcomes.into_inner().expect("all workers ended"), result.err())
}

fn verdicts(outcomes: &[Outcome]) -> Vec<Verdict> {
    outcomes.iter().map(|outcome| outcome.verdict).collect()
}

fn planted(fault: Fault) -> Planted {
    Planted::new(&SPEC, vec![(Strike::With("r4", 3), fault)])
}

#[rstest]
#[case(Fault::Lost, Crash, "it fell over", Some("last words"), 2)]
#[case(Fault::Panic, Crash, "the backend panicked: the backend has a bug", None, 2)]
#[case(Fault::Stop(Stop::Exhausted), Hang, "no end within the budget", None, 2)]
#[case(Fault::Stop(Stop::Ended { how: "off".to_owned() }), Fail, "", None, 1)]
fn after_a_row_that_went_wrong_the_next_one_has_a_good_guest(
    #[case] fault: Fault,
    #[case] verdict: Verdict,
    #[case] reason: &str,
    #[case] log: Option<&str>,
    #[case] boots: usize,
) {
    let hypervisor = planted(fault);
    let (outcomes, error) = run(&SPEC, &hypervisor, &rows(5), 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Pass, Pass, verdict, Pass, Pass]);
    let third = &outcomes[2];
    assert_eq!(third.reason.as_deref().unwrap_or(""), reason);
    assert_eq!(third.evidence.as_ref().and_then(|evidence| evidence.log.as_deref()), log);
    assert_eq!(third.reproduce, "hypercheck run 3");
    assert_eq!((third.abi.as_str(), third.call.as_deref()), ("papr", Some("H_SET_SPRG0")));
    assert_eq!(hypervisor.booted.lock().expect("no panic here").len(), boots);
}

#[test]
fn a_call_that_goes_out_and_is_not_answered_is_no_pass() {
    let (outcomes, error) = run(&SPEC, &planted(Fault::Stop(Stop::Forwarded)), &rows(4), 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Pass, Pass, Skip, Pass]);
    let reason = outcomes[2].reason.as_deref();
    assert_eq!(reason, Some("the call goes out to user space, and the row does not answer it"));
}

#[test]
fn a_call_that_goes_out_although_the_row_wants_it_back_fails() {
    let mut call = row("back", "{ call: kvm-x86.KVM_HC_MAP_GPA_RANGE, expect: { end: returned } }");
    call.machine = machine("x86-64", &["kvm-x86", "kvm-x86.exit-hypercall"]);
    let (outcomes, error) = run(&SPEC, &*reference(&SPEC), &[call], 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Fail]);
}

#[test]
fn a_broken_link_ends_the_run_and_keeps_what_was_found() {
    let (outcomes, error) = run(&SPEC, &planted(Fault::Link), &rows(5), 1);
    assert_eq!(verdicts(&outcomes), [Pass, Pass]);
    let error = error.expect("the run is broken");
    assert!(matches!(&error, RunError::Link { id, .. } if id == "3"), "{error:?}");
    assert_eq!(error.to_string(), "3: the link to the backend broke: the wire was cut; results so far are kept");
}

#[rstest]
#[case("{ call: H_NONSENSE }", "papr has no call H_NONSENSE")]
#[case("{ call: H_SET_SPRG0, arguments: { nonsense: 1 } }", "H_SET_SPRG0 has no argument nonsense")]
#[case("{ code: nonsense r1 }", "in the assembly of 2: ")]
#[case("{ call: H_RANDOM, memory: { machine.ram: { be8: 1 } } }", "no guest memory at 0x2000000 (1 bytes)")]
fn a_row_that_is_wrong_is_nobodys_verdict(#[case] step: &str, #[case] what: &str) {
    let mut jobs = rows(3);
    jobs[1] = row("2", step);
    let (outcomes, error) = run(&SPEC, &planted(Fault::None), &jobs, 1);
    assert_eq!(verdicts(&outcomes), [Pass]);
    let Some(RunError::Case { id, what: said }) = error else { panic!("{error:?}") };
    assert_eq!(id, "2");
    assert!(said.starts_with(what), "{said}");
}

fn failed() -> BootError {
    BootError::Failed { why: "no firmware".to_owned(), log: "POST 42".to_owned() }
}

#[test]
fn a_guest_that_does_not_boot_is_a_crash_and_the_third_in_a_row_ends_the_run() {
    for (failures, expected, broken) in
        [(1, vec![Crash, Pass, Pass], false), (2, vec![Crash, Crash, Pass], false), (3, vec![Crash, Crash], true)]
    {
        let hypervisor = planted(Fault::None);
        hypervisor.boots.lock().expect("no panic here").extend((0..failures).map(|_| Box::new(failed) as _));
        let (outcomes, error) = run(&SPEC, &hypervisor, &rows(3), 1);
        assert_eq!(verdicts(&outcomes), expected);
        assert_eq!(outcomes[0].reason.as_deref(), Some("the guest did not boot: no firmware"));
        assert_eq!(outcomes[0].evidence.as_ref().and_then(|e| e.log.as_deref()), Some("POST 42"));
        assert_eq!(matches!(error, Some(RunError::Backend(BootError::Failed { .. }))), broken, "{error:?}");
    }
}

#[test]
fn what_is_missing_ends_the_run_at_once() {
    let hypervisor = planted(Fault::None);
    let missing = || BootError::Missing { what: "qemu".to_owned(), remedy: "install it".to_owned() };
    hypervisor.boots.lock().expect("no panic here").push(Box::new(missing));
    let (outcomes, error) = run(&SPEC, &hypervisor, &rows(3), 1);
    assert!(outcomes.is_empty());
    assert_eq!(error.expect("the run is broken").to_string(), "qemu is missing; install it");
}

#[test]
fn a_machine_that_there_is_not_is_a_skip() {
    let hypervisor = planted(Fault::None);
    hypervisor.boots.lock().expect("no panic here").push(Box::new(|| BootError::Unsupported("no radix".to_owned())));
    let (outcomes, error) = run(&SPEC, &hypervisor, &rows(3), 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Skip, Pass, Pass]);
    assert_eq!(outcomes[0].reason.as_deref(), Some("no radix"));
}

#[test]
fn a_backend_that_panics_while_it_boots_is_a_crash() {
    let hypervisor = planted(Fault::None);
    hypervisor.boots.lock().expect("no panic here").push(Box::new(|| panic!("boot bug")));
    let (outcomes, error) = run(&SPEC, &hypervisor, &rows(2), 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Crash, Pass]);
    let reason = outcomes[0].reason.as_deref().unwrap_or("");
    assert!(reason.contains("boot bug"), "{reason}");
}

#[test]
fn what_is_known_to_be_skipped_boots_nothing() {
    let hypervisor = planted(Fault::None);
    let mut jobs = rows(2);
    for job in &mut jobs {
        job.skip = Some("not today".to_owned());
    }
    let (outcomes, error) = run(&SPEC, &hypervisor, &jobs, 1);
    assert!(error.is_none());
    assert_eq!(verdicts(&outcomes), [Skip, Skip]);
    assert_eq!(outcomes[1].reason.as_deref(), Some("not today"));
    assert!(hypervisor.booted.lock().expect("no panic here").is_empty());
}

#[test]
fn a_stop_is_no_error_and_keeps_what_was_found() {
    let stop = AtomicBool::new(false);
    let outcomes = Mutex::new(Vec::new());
    let sink = |outcome: Outcome| {
        let mut outcomes = outcomes.lock().expect("no panic here");
        outcomes.push(outcome);
        stop.store(outcomes.len() == 2, Ordering::Relaxed);
        Ok(())
    };
    runner::run(&SPEC, &planted(Fault::None), &rows(20), &settings(1), &stop, &sink).expect("a stop is no error");
    assert_eq!(verdicts(&outcomes.into_inner().expect("no panic here")), [Pass, Pass]);
}

#[rstest]
fn results_that_cannot_be_delivered_end_the_run(#[values(1, 2)] workers: usize) {
    let sink = |_| Err("the disk is full".to_owned());
    let result =
        runner::run(&SPEC, &planted(Fault::None), &rows(40), &settings(workers), &AtomicBool::new(false), &sink);
    assert_eq!(result.expect_err("the run is broken").to_string(), "the disk is full");
}

/// A call writes where `at` says; the row after it must find zeros there.
#[rstest]
fn memory_is_as_after_boot_in_every_row(
    #[values("machine.scratch", "machine.scratch + 0x20000", "machine.ram - 16")] at: &str,
    #[values(true, false)] watches: bool,
    #[values(true, false)] rewinds: bool,
) {
    let jobs = [
        row("1", &format!("{{ call: H_LOGICAL_CI_STORE, arguments: {{ address: {at} }} }}")),
        row("2", &format!("{{ call: H_RANDOM, expect: {{ memory: {{ {at}: {{ be64: 0 }} }} }} }}")),
    ];
    let mut hypervisor = planted(Fault::None);
    (hypervisor.watches, hypervisor.rewinds) = (watches, rewinds);
    let (outcomes, error) = run(&SPEC, &hypervisor, &jobs, 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Pass, Pass], "{outcomes:#?}");
}

#[rstest]
fn hypervisor_state_is_as_after_boot_in_every_row(#[values(true, false)] rewinds: bool) {
    let jobs = [
        row("1", "{ call: H_PUT_TCE }"),
        row("2", "{ call: H_GET_TCE, expect: { outputs: { tce: 0 } } }"),
        row("3", "{ call: H_SET_SPRG0, arguments: { value: 7 } }"),
        row("4", "{ call: H_RANDOM, expect: { registers: { sprg0: 0x59590000C0DE0000 } } }"),
        row("5", "{ code: 'mtspr 274, r5' }"),
        row("6", "{ call: H_RANDOM, expect: { registers: { sprg2: 0x59590002C0DE0002 } } }"),
    ];
    let mut hypervisor = planted(Fault::None);
    hypervisor.rewinds = rewinds;
    let (outcomes, error) = run(&SPEC, &hypervisor, &jobs, 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Pass; 6], "{outcomes:#?}");
}

/// A call that is to be made again has done a part of its work.
#[rstest]
fn what_a_call_did_in_part_is_undone_for_the_next_row(#[values(true, false)] rewinds: bool) {
    let mut jobs = [
        row("1", "{ call: H_SCM_BIND_MEM, arguments: { count: 3 }, expect: { return: H_BUSY } }"),
        row("2", "{ call: H_SCM_QUERY_BLOCK_MEM_BINDING, expect: { return: H_NOT_FOUND } }"),
    ];
    for job in &mut jobs {
        job.machine = machine("ppc64", &["papr", "papr.slow"]);
    }
    let mut hypervisor = planted(Fault::None);
    hypervisor.rewinds = rewinds;
    let (outcomes, error) = run(&SPEC, &hypervisor, &jobs, 1);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(verdicts(&outcomes), [Pass, Pass], "{outcomes:#?}");
}

/// All that a row showed.
type Shown = (Verdict, Option<String>, String, Vec<String>, BTreeMap<String, String>, BTreeMap<String, String>);

fn shown(library: &Library, hypervisor: &dyn Hypervisor, jobs: &[Job], workers: usize) -> BTreeMap<String, Shown> {
    let all = Mutex::new(BTreeMap::new());
    let sink = |outcome: Outcome| {
        let evidence = outcome.evidence.unwrap_or_default();
        // Clocks run on from row to row.
        let (mut before, mut after) = (evidence.before, evidence.after);
        for clock in ["tb", "dec"] {
            before.remove(clock);
            after.remove(clock);
        }
        // These calls show a clock, or draw a number.
        if matches!(outcome.call.as_deref(), Some("H_PIC" | "H_PURR" | "H_RANDOM" | "H_XIRR_X")) {
            after.remove("r4");
            after.remove("r5");
        }
        let mismatches = outcome.mismatches.iter().map(|m| format!("{m:?}")).collect();
        let shown = (outcome.verdict, outcome.reason, outcome.digest, mismatches, before, after);
        assert!(all.lock().expect("no panic here").insert(outcome.id.clone(), shown).is_none(), "{} twice", outcome.id);
        Ok(())
    };
    let settings = Settings { keep_evidence: true, ..settings(workers) };
    runner::run(library, hypervisor, jobs, &settings, &AtomicBool::new(false), &sink)
        .unwrap_or_else(|error| panic!("{error}"));
    all.into_inner().expect("all workers ended")
}

/// In which things two runs of a row differ.
fn difference(id: &str, one: &Shown, other: &Shown) -> String {
    let registers = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
        let differ = a.iter().filter(|(name, value)| b.get(*name) != Some(value));
        differ.map(|(name, value)| format!(" {name} {value} {:?}", b.get(name))).collect::<String>()
    };
    let (before, after) = (registers(&one.4, &other.4), registers(&one.5, &other.5));
    format!("{id}: {:?} {:?} {:?} {:?}; before:{before}; after:{after}", one.0, other.0, one.2, other.2)
}

/// A shuffle that is the same every time.
fn shuffled(jobs: &[Job]) -> Vec<Job> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut keyed: Vec<(u64, Job)> = jobs
        .iter()
        .map(|job| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 20, job.clone())
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, job)| job).collect()
}

fn whole_library() -> Library {
    Library::read(&Home::find(None).expect("the test runs in a checkout")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn neither_order_nor_company_changes_what_a_row_shows() {
    let library = whole_library();
    let hypervisor = reference(&library);
    let jobs = runner::jobs(&library, &*hypervisor);
    let straight = shown(&library, &*hypervisor, &jobs, 1);
    assert_eq!(straight.len(), jobs.len());
    let backwards: Vec<Job> = jobs.iter().rev().cloned().collect();
    for (how, jobs, workers) in [("backwards", backwards, 1), ("shuffled, two workers", shuffled(&jobs), 2)] {
        let other = shown(&library, &*hypervisor, &jobs, workers);
        let differ = straight.iter().filter(|(id, one)| other.get(*id) != Some(one));
        let differ: Vec<String> = differ.map(|(id, one)| difference(id, one, &other[id])).collect();
        assert!(differ.is_empty(), "{how}: {} rows differ\n{}", differ.len(), differ.join("\n"));
    }
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let library = whole_library();
    let jobs = runner::jobs(&library, &*reference(&library));
    assert!(jobs.len() > 1000, "{}", jobs.len());
    assert_eq!(twice(jobs.iter().map(|job| &job.id)), Vec::<&String>::new());
}

/// The machines for a case of `abi` that makes `call` and requires something: row, machine, reason of a skip.
fn machines(abi: &str, requires: &str, call: &str, sturdy: bool) -> Vec<(String, String, Option<String>)> {
    let mut library =
        Library::read_spec(&Home::find(None).expect("the test runs in a checkout")).expect("the spec is valid");
    let text = format!("title: t\nabi: {abi}\nrequires: [{requires}]\ncall: '{call}'\n");
    let value = hypercheck_spec::yaml::parse("case.yaml", &text).unwrap_or_else(|error| panic!("{error}"));
    let read = Read { value, file: "cases/x.yaml".to_owned(), text: text.as_str().into() };
    library.cases.push(NamedCase { stem: "x".to_owned(), read });
    let mut hypervisor = Planted::new(&library, Vec::new());
    hypervisor.sturdy = sturdy;
    let jobs = runner::jobs(&library, &hypervisor);
    let written = jobs.into_iter().filter(|job| job.origin == Origin::Written);
    written
        .map(|job| {
            let features: Vec<String> = job.machine.features.into_iter().collect();
            (job.id, format!("{}: {}", job.machine.arch, features.join(" ")), job.skip)
        })
        .collect()
}

#[rstest]
#[case("papr", "", &[("x", "ppc64: papr", None)])]
#[case("papr", "papr.forwarded", &[("x", "ppc64: papr papr.forwarded", None)])]
#[case("papr", "H_CONFER, hcall-sprg0", &[("x", "ppc64: papr", None)])]
#[case("papr", "not papr", &[("x", "ppc64: ", None)])]
#[case("papr", "not kvm-epapr, model.power8", &[("x", "ppc64: model.power8 papr", None)])]
#[case("papr", "not H_CONFER", &[("x", "ppc64: papr", Some("reference always has H_CONFER"))])]
#[case("sbi", "not sbi.pmu", &[("x", "riscv64: not sbi.pmu sbi", None)])]
#[case("sbi", "sbi.pmu", &[("x", "riscv64: sbi", None)])]
#[case("sbi", "not sbi.base", &[("x", "riscv64: sbi", Some("reference always has sbi.base"))])]
#[case("papr", "time-travel", &[("x", "ppc64: papr", Some("reference does not offer time-travel"))])]
#[case("osi", "", &[("x", "ppc32: osi", None), ("x@ppc64", "ppc64: osi", None)])]
#[case("kvm-magic-page", "book3s-pr", &[
    ("x", "ppc64: book3s-pr kvm-epapr kvm-magic-page", None),
    ("x@ppc32", "ppc32: book3s-pr kvm-epapr kvm-magic-page", None),
])]
#[case("linux-syscall", "ppc64", &[("x", "ppc64: ", None), ("x@ppc32", "ppc32: ", None)])]
fn the_machine_follows_from_what_a_row_requires(
    #[case] abi: &str,
    #[case] requires: &str,
    #[case] expected: &[(&str, &str, Option<&str>)],
) {
    let actual = machines(abi, requires, "1", true);
    let actual: Vec<_> = actual.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_deref())).collect();
    assert_eq!(actual, expected);
}

/// A machine is asked to have what a call needs, unless the row wants a machine that lacks it.
#[rstest]
#[case("H_GUEST_CREATE", "", "ppc64: nested-papr papr")]
#[case("H_ENTER_NESTED", "", "ppc64: nested-hv papr")]
#[case("H_GUEST_CREATE", "not nested-papr", "ppc64: papr")]
#[case("H_SET_SPRG0", "", "ppc64: papr")]
fn the_machine_has_what_its_calls_need(#[case] call: &str, #[case] requires: &str, #[case] expected: &str) {
    assert_eq!(machines("papr", requires, call, true), [("x".to_owned(), expected.to_owned(), None)]);
}

#[rstest]
#[case("sturdy", true, None)]
#[case("sturdy", false, Some("reference does not offer sturdy"))]
#[case("", false, None)]
fn what_may_bring_a_hypervisor_down_is_for_sturdy_ones(
    #[case] requires: &str,
    #[case] sturdy: bool,
    #[case] skip: Option<&str>,
) {
    let actual = machines("papr", requires, "H_SET_SPRG0", sturdy);
    assert_eq!(actual.iter().map(|(_, _, skip)| skip.as_deref()).collect::<Vec<_>>(), [skip]);
}

#[test]
fn no_machine_has_what_its_row_must_lack() {
    let library = whole_library();
    let hypervisor = reference(&library);
    for job in runner::jobs(&library, &*hypervisor).iter().filter(|job| job.skip.is_none()) {
        let lacks: BTreeSet<&str> =
            job.scenario.requires.iter().filter_map(|name| name.strip_prefix("not ")).map(str::trim).collect();
        let asked = |name: &&String| !job.machine.features.contains(&format!("not {name}"));
        let has = job.machine.features.iter().chain(hypervisor.identity().features.iter().filter(asked));
        assert!(has.into_iter().all(|name| !lacks.contains(name.as_str())), "{}", job.id);
        for name in job.scenario.requires.iter().filter(|name| hypervisor.identity().options.contains(*name)) {
            assert!(job.machine.features.contains(name), "{} lacks {name}", job.id);
        }
    }
}

//! The rows that follow from the spec are all there, each once, and those of the patched instructions can fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use common::{SPEC, reference, twice};
use hypercheck::runner::{self, Settings};
use hypercheck::{derive, patches};
use hypercheck_report::model::{Outcome, Verdict};
use hypercheck_spec::abi::{Abi, Call, Domain, Narrow, PatchKind};
use hypercheck_spec::case::Scenario;
use hypercheck_spec::expr::Expr;
use hypercheck_spec::library::Library;
use hypercheck_spec::word::Word;
use rstest::rstest;

fn abis() -> impl Iterator<Item = &'static Abi> {
    SPEC.abis.values().map(|abi| &abi.value)
}

/// The derived rows of an ABI by their group (the call, or `unknown`) and row.
fn derived(abi: &'static Abi) -> BTreeMap<(String, String), Scenario> {
    let start = format!("{}/", abi.abi);
    let rows = derive::derive(&SPEC, abi);
    let count = rows.len();
    let named = rows.into_iter().map(|row| {
        let (group, name) =
            row.id.strip_prefix(&start).and_then(|id| id.split_once("/derived/")).expect("a derived id");
        ((group.to_owned(), name.to_owned()), row)
    });
    let named: BTreeMap<_, _> = named.collect();
    assert_eq!(named.len(), count, "{}: every row has a name of its own", abi.abi);
    named
}

#[test]
fn every_call_has_its_rows_by_every_conduit() {
    for abi in abis() {
        let rows = derived(abi);
        let modes = &SPEC.arches[&abi.arch[0]].value.modes;
        for (n, (conduit_name, conduit)) in abi.conduits.iter().enumerate() {
            // A call with a conduit of its own is made through no other, and its rows go by its own name.
            let here = |call: &Call| call.conduit.as_ref().is_none_or(|own| own == conduit_name);
            for (name, call) in abi.calls.iter().filter(|(_, call)| here(call)) {
                let named = n > 0 && call.conduit.is_none();
                let suffix = if named { format!("-{conduit_name}") } else { String::new() };
                let mut wanted: Vec<String> =
                    ["plain", "others-zero", "others-ones", "others-sign"].map(str::to_owned).to_vec();
                wanted.extend(conduit.refused.keys().cloned());
                let both = ["little-endian", "interrupts-on"].into_iter().filter(|mode| modes.contains_key(*mode));
                wanted.extend(both.map(str::to_owned));
                if abi.narrow == Narrow::Masked && modes.contains_key("32-bit") {
                    wanted.push("32-bit".to_owned());
                    wanted.extend((!call.arguments.is_empty()).then(|| "32-bit-upper-garbage".to_owned()));
                }
                for (argument, what) in &call.arguments {
                    let labels: &[&str] = match &what.domain {
                        Domain::Any => &["zero", "one", "all-ones", "top-bit", "largest", "32-bit-ones", "bit-32"],
                        Domain::OneOf(_) => &["valid-1"],
                        Domain::Range(_) => &["first", "last", "below", "above"],
                        Domain::Flags(_) => &["no-flag", "lowest-undefined", "highest-undefined"],
                        Domain::Address(_) => &["last", "misaligned", "end-of-ram", "beyond-ram", "bit-60"],
                    };
                    wanted.extend(labels.iter().map(|label| format!("{argument}-{label}")));
                }
                for row in wanted {
                    let key = (name.clone(), format!("{row}{suffix}"));
                    let Some(row) = rows.get(&key) else { panic!("{}: no row {key:?}", abi.abi) };
                    assert_eq!(row.steps.len(), 1);
                    assert_eq!(row.steps[0].call.as_ref().map(|call| call.value.as_str()), Some(name.as_str()));
                    assert_eq!(row.steps[0].conduit.as_ref(), Some(conduit_name));
                }
            }
        }
    }
}

#[test]
fn no_argument_has_the_same_value_twice_and_no_label_twice() {
    for abi in abis() {
        let mut edges = Vec::new();
        for ((group, row), scenario) in &derived(abi) {
            let step = &scenario.steps[0];
            if step.mode.is_empty() && step.registers.is_empty() && step.arguments.len() == 1 {
                let (name, value) = step.arguments.first().expect("there is one");
                edges.push(format!("{group} {:?} {name}={value}", step.conduit));
                assert!(row.starts_with(&format!("{name}-")), "{row} is about {name}");
            }
        }
        assert_eq!(twice(edges), Vec::<String>::new(), "{}", abi.abi);
    }
}

#[test]
fn other_registers_are_all_but_those_that_the_call_uses() {
    let rows = derived(&SPEC.abis["papr"].value);
    let row = &rows[&("H_SET_XDABR".to_owned(), "others-ones".to_owned())];
    let set: BTreeSet<&str> = row.steps[0].registers.keys().map(String::as_str).collect();
    let wanted: Vec<String> = (0..32).filter(|n| ![3, 4, 5].contains(n)).map(|n| format!("r{n}")).collect();
    assert_eq!(set, wanted.iter().map(String::as_str).collect());
    let ones = Expr::number(u64::MAX);
    assert!(row.steps[0].registers.values().all(|value| value.to_string() == ones.to_string()));
}

#[test]
fn every_row_cites_clauses_that_there_are() {
    for abi in abis() {
        for row in derive::derive(&SPEC, abi).iter().chain(&patches::derive(&SPEC, abi)) {
            assert!(!row.clauses.is_empty(), "{} cites nothing", row.id);
            for clause in &row.clauses {
                assert!(SPEC.clause(clause).is_some(), "{} cites {clause}", row.id);
            }
        }
    }
}

/// The unknown numbers of an ABI with their rows, for its first conduit.
fn unknown(abi: &'static Abi) -> Vec<(String, u64)> {
    let first = abi.conduits.keys().next().expect("a conduit");
    let rows = derived(abi).into_iter().filter(|((group, _), _)| group == "unknown");
    rows.filter(|(_, scenario)| scenario.steps[0].conduit.as_ref() == Some(first))
        .map(|((_, row), scenario)| {
            let call = scenario.steps[0].call.as_ref().expect("a call");
            (row, Word::parse(&call.value).expect("a number").0)
        })
        .collect()
}

fn mask(abi: &Abi) -> u64 {
    let width = abi.number.as_ref().map_or(64, |number| number.width);
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// The numbers of an ABI's calls.
fn numbers(abi: &Abi) -> impl Iterator<Item = u64> {
    abi.calls.values().map(|call| abi.number_of(call) & mask(abi))
}

/// Whether both have the number in one register and can be on one machine.
fn shares_numbers(abi: &Abi, other: &Abi) -> bool {
    let place = |abi: &Abi| abi.number.as_ref().map(|number| (number.register.clone(), number.low_in.clone()));
    let code = |abi: &Abi| abi.conduits.values().map(|conduit| conduit.code.clone()).collect::<BTreeSet<_>>();
    place(abi) == place(other)
        && abi.arch.iter().any(|arch| other.arch.contains(arch))
        && !code(abi).is_disjoint(&code(other))
}

/// Whether a number is a call of an ABI with the same instruction, whichever of both looks at one register of two.
fn is_a_call_beside(abi: &Abi, number: u64) -> bool {
    let place = |abi: &Abi| abi.number.as_ref().map(|number| number.register.clone());
    let halves = |abi: &Abi| abi.number.as_ref().is_some_and(|number| number.low_in.is_some());
    let code = |abi: &Abi| abi.conduits.values().map(|conduit| conduit.code.clone()).collect::<BTreeSet<_>>();
    let beside = abis().filter(|other| {
        place(abi) == place(other)
            && halves(abi) != halves(other)
            && abi.arch.iter().any(|arch| other.arch.contains(arch))
            && !code(abi).is_disjoint(&code(other))
    });
    let known =
        |other| numbers(other).any(|call| if halves(abi) { call == number >> 32 } else { call >> 32 == number });
    beside.into_iter().any(known)
}

/// Bits that make no other call.
fn hints(abi: &Abi) -> u64 {
    abi.number.as_ref().map_or(0, |number| number.hints.0)
}

#[test]
fn an_unknown_number_is_nobodys() {
    for abi in abis().filter(|abi| abi.number.is_some()) {
        let mask = mask(abi);
        let assigned: BTreeSet<u64> = abi.calls.values().map(|call| abi.number_of(call) & mask).collect();
        let all = unknown(abi);
        assert!(all.len() >= 4 || abi.calls.is_empty(), "{}: {}", abi.abi, all.len());
        for (row, number) in &all {
            assert!(!assigned.contains(&(number & mask & !hints(abi))), "{} {row} is assigned", abi.abi);
            assert!(!is_a_call_beside(abi, *number), "{} {row} is a call of another ABI", abi.abi);
            assert_eq!(number & !mask, 0, "{} {row} has bits that do not count", abi.abi);
        }
        assert_eq!(twice(all.iter().map(|(_, number)| number & mask)), Vec::<u64>::new(), "{}", abi.abi);
    }
}

/// Numbers at the edges of what is assigned, where they are not assigned themselves.
#[test]
fn the_neighbours_of_every_number_are_tried() {
    for abi in abis() {
        let Some(number) = &abi.number else { continue };
        let mask = mask(abi);
        let assigned: BTreeSet<u64> = abi.calls.values().map(|call| abi.number_of(call) & mask).collect();
        let tried: BTreeSet<u64> = unknown(abi).into_iter().map(|(_, number)| number).collect();
        let near = assigned.iter().flat_map(|call| [call.wrapping_add(1), call.wrapping_sub(1)]);
        let ends = number.ranges.iter().flat_map(|range| {
            let step = u64::from(range.step);
            [range.from.0, range.to.0, range.from.0.wrapping_sub(step), range.to.0.wrapping_add(step)]
        });
        let siblings: BTreeSet<u64> = abis().filter(|other| shares_numbers(abi, other)).flat_map(numbers).collect();
        for number in near.chain(ends).chain([0, u64::MAX]).map(|number| number & mask) {
            let known = siblings.contains(&(number & !hints(abi))) || is_a_call_beside(abi, number);
            assert!(tried.contains(&number) || known, "{}: {number:#x} is not tried", abi.abi);
        }
    }
}

#[test]
fn every_vendor_is_missing_once_and_wrong_in_every_way() {
    let mut vendors = 0;
    for abi in abis() {
        let Some(number) = &abi.number else { continue };
        let Some(bits) = number.fields.get("vendor") else { continue };
        let mask = mask(abi);
        let assigned: BTreeSet<u64> = abi.calls.values().map(|call| abi.number_of(call) & mask).collect();
        let tried: BTreeSet<u64> = unknown(abi).into_iter().map(|(_, number)| number).collect();
        for (name, call) in abi.calls.iter().filter(|(_, call)| call.vendor.is_some()) {
            vendors += 1;
            let others = number.vendors.iter().filter(|(vendor, _)| Some(*vendor) != call.vendor.as_ref());
            for (vendor, value) in others {
                let wrong = value.0 << bits.low | call.number.0;
                assert!(tried.contains(&wrong) || assigned.contains(&wrong), "{name} by {vendor}: {wrong:#x}");
            }
            // Without a vendor the field is 0.
            assert!(tried.contains(&call.number.0) || assigned.contains(&call.number.0), "{name} by nobody");
            let flipped = abi.number_of(call) | 1 << bits.high;
            assert!(tried.contains(&(flipped & mask)), "{name} with the vendor's top bit");
        }
    }
    assert!(vendors > 20, "{vendors}");
}

#[test]
fn every_patch_has_its_row_on_every_machine_that_has_the_register() {
    let mut patched = 0;
    for abi in abis() {
        let rows = patches::derive(&SPEC, abi);
        let Some(page) = &abi.page else {
            assert!(rows.is_empty());
            continue;
        };
        let have: BTreeSet<(&str, &str, &str)> = rows
            .iter()
            .map(|row| {
                let name = row.id.split('/').nth(1).expect("a name");
                (name, row.arch[0].as_str(), row.requires[0].as_str())
            })
            .collect();
        assert_eq!(have.len(), rows.len(), "every row once");
        for (name, patch) in &abi.patches {
            for arch in if patch.arch.is_empty() { &abi.arch } else { &patch.arch } {
                for platform in page.platforms.iter().filter(|one| patch.on.is_empty() || patch.on.contains(one)) {
                    if (platform.as_str(), arch.as_str()) == ("e500v2", "ppc64") {
                        assert!(!have.contains(&(name, arch, platform)), "there is no 64-bit e500v2");
                        continue;
                    }
                    patched += 1;
                    assert!(have.contains(&(name, arch, platform)), "{name} has no row on {platform}, {arch}");
                }
            }
        }
    }
    assert!(patched > 80, "{patched}");
}

#[test]
fn a_patch_row_maps_the_page_and_then_does_it_both_ways() {
    let abi = &SPEC.abis["kvm-magic-page"].value;
    for row in patches::derive(&SPEC, abi) {
        let name = row.id.split('/').nth(1).expect("a name");
        let patch = &abi.patches[name];
        assert_eq!(
            row.steps[0].call.as_ref().map(|call| call.value.as_str()),
            Some("kvm-epapr.KVM_HC_PPC_MAP_MAGIC_PAGE")
        );
        let code = row.steps[1].code.as_deref().expect("a block of code");
        let mnemonic = patch.code.split_whitespace().next().expect("a mnemonic");
        assert!(code.contains(mnemonic), "{}: {code}", row.id);
        let compares = row.steps[1].expect.registers.len();
        if patch.kind == PatchKind::Nop {
            assert!(!row.steps[1].expect.unchanged.is_empty(), "{}", row.id);
        } else {
            assert!(compares >= 1 && code.contains("-4096"), "{}: {code}", row.id);
        }
    }
}

/// The spec with one text in the magic page's file replaced.
fn wrong(from: &str, to: &str) -> Library {
    let page = &SPEC.abis["kvm-magic-page"];
    assert!(page.text.matches(from).count() == 1, "`{from}` stands there once");
    let wrong = page.text.replace(from, to);
    let mut files: Vec<(&str, &str)> = Vec::new();
    files.extend(SPEC.arches.values().map(|read| (read.file.as_str(), &*read.text)));
    for read in SPEC.abis.values() {
        files.push((&read.file, if read.file == page.file { &wrong } else { &read.text }));
    }
    Library::from_texts(&files).unwrap_or_else(|error| panic!("{error}"))
}

/// The names of the patches whose derived rows do not pass on the reference, each with its verdicts.
fn failing(library: &Library) -> BTreeSet<String> {
    let hypervisor = reference(library);
    let names = &library.abis["kvm-magic-page"].value.patches;
    let mut jobs = runner::jobs(library, &*hypervisor);
    jobs.retain(|job| job.scenario.abi == "kvm-magic-page");
    assert!(jobs.len() > names.len());
    let failed = Mutex::new(BTreeSet::new());
    let sink = |outcome: Outcome| {
        let elsewhere = outcome.reason.as_deref() == Some("e500v2 is not of ppc64");
        if outcome.verdict != Verdict::Pass && !elsewhere {
            let text = format!("{:?}: {:?} {:?}", outcome.verdict, outcome.reason, outcome.mismatches);
            assert_eq!(outcome.verdict, Verdict::Fail, "{} {text}", outcome.id);
            let name = outcome.id.split('/').nth(1).expect("a name").to_owned();
            failed.lock().expect("no panic here").insert(name);
        }
        Ok(())
    };
    let settings = Settings { jobs: 1, patience: Duration::from_secs(5), command: String::new(), keep_evidence: false };
    runner::run(library, &*hypervisor, &jobs, &settings, &AtomicBool::new(false), &sink)
        .unwrap_or_else(|error| panic!("{error}"));
    failed.into_inner().expect("no panic here")
}

#[rstest]
#[case("sprg0: { offset: 0x20,", "sprg0: { offset: 0x20,", "")]
// A field in another place: what was stored there the instruction does not read.
#[case("sprg2: { offset: 0x30,", "sprg2: { offset: 0x38,", "mfsprg2 mtsprg2")]
#[case("sprg2: { offset: 0x30,", "sprg2: { offset: 0x34,", "mfsprg2 mtsprg2")]
#[case("srr0: { offset: 0x40,", "srr0: { offset: 0x00,", "mfsrr0 mtsrr0")]
#[case("dar: { offset: 0x50,", "dar: { offset: 0x58,", "mfdar mfdear mtdar mtdear")]
#[case("dsisr: { offset: 0x60,", "dsisr: { offset: 0x64,", "mfdsisr mtdsisr")]
#[case("sr: { offset: 0x68,", "sr: { offset: 0x6C,", "mtsrin")]
#[case("mas4: { offset: 0xC0,", "mas4: { offset: 0xC4,", "mfmas4 mtmas4")]
#[case("sprg7: { offset: 0xE8,", "sprg7: { offset: 0xE0,", "mfsprg7 mfsprg7r mtsprg7")]
#[case("esr: { offset: 0xC8,", "esr: { offset: 0xCC,", "mfesr mtesr")]
// An instruction that is another one.
#[case(r#"mfsprg1: { code: "mfspr {rt}, 273""#, r#"mfsprg1: { code: "mfspr {rt}, 274""#, "mfsprg1 mtsprg1")]
#[case(r#"mtsrr1: { code: "mtspr 27, {rt}""#, r#"mtsrr1: { code: "mtspr 26, {rt}""#, "mtsrr1")]
#[case(r#"tlbsync: { code: "tlbsync""#, r#"tlbsync: { code: "li r7, 1""#, "tlbsync")]
#[case(r#"mtmsr: { code: "mtmsr {rt}""#, r#"mtmsr: { code: "nop""#, "mtmsr")]
#[case(r#"mtmsrd-1: { code: "mtmsrd {rt}, 1""#, r#"mtmsrd-1: { code: "mtmsrd r6, 1""#, "mtmsrd-1")]
#[case(r#"wrtee: { code: "wrtee {rt}""#, r#"wrtee: { code: "wrteei 0 # {rt}""#, "wrtee")]
fn a_wrong_page_or_patch_fails_its_rows(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let expected: BTreeSet<String> = expected.split_whitespace().map(str::to_owned).collect();
    assert_eq!(failing(&wrong(from, to)), expected);
}

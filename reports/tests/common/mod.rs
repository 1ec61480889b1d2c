//! Reports such as a run gives, for the tests of every view and for the sample page.
#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;

use hypercheck_report::{
    Backend, Coverage, Ending, Evidence, FORMAT, Header, Mismatch, Oracle, Origin, Outcome, Report, Selection,
    Statement, Verdict, short_digest,
};

pub const CLAUSES: [(&str, &str, &str, &str); 10] = [
    ("kvm-epapr.preserved", "must", "r13 to r31 keep their values across a call", "ePAPR 1.1, 6.5"),
    ("kvm-epapr.unknown-call", "must", "a call that nobody implements returns 12", "Linux ppc-pv.rst, Return codes"),
    (
        "kvm-epapr.vendor-prefix",
        "must",
        "a KVM call carries 42 in the upper half of its number",
        "Linux ppc-pv.rst, KVM hypercalls",
    ),
    ("papr.cede-enables", "must", "H_CEDE sets MSR.EE before it waits", "LoPAR 2.9, 14.11.3.2"),
    (
        "papr.confer-returns",
        "must",
        "H_CONFER returns H_SUCCESS, or H_PARAMETER for a processor that is not there",
        "LoPAR 2.9, 14.11.3.4",
    ),
    ("papr.preserved", "must", "r2, r13 to r31, CR2 to CR4 and LR keep their values", "LoPAR 2.9, 14.5.2"),
    ("papr.unknown-call", "must", "an unknown function code returns H_FUNCTION", "LoPAR 2.9, R1-14.5.1-3"),
    (
        "papr.user-mode",
        "must",
        "a call from problem state does not reach the hypervisor's functions",
        "LoPAR 2.9, 14.5.1",
    ),
    (
        "ultravisor.degrades-to-hcall",
        "must",
        "with SMF disabled a ucall is judged as an hcall",
        "Linux ultravisor.rst, Ultracalls",
    ),
    ("ultravisor.ucall-number", "should", "the number of a ucall is taken from r3", "Linux ultravisor.rst, Ultracalls"),
];

pub fn header(backend: &str, version: &str) -> Header {
    let clauses = CLAUSES.iter().map(|(name, level, says, source)| {
        let statement = Statement { level: (*level).into(), says: (*says).into(), source: Some((*source).into()) };
        ((*name).to_owned(), statement)
    });
    Header {
        format: FORMAT,
        tool: "0.1.0".into(),
        spec_digest: "9f2b61c04d7e8a35b1c2".into(),
        backend: Backend {
            name: backend.into(),
            version: version.into(),
            architectures: vec!["powerpc".into()],
            abis: vec!["kvm-epapr".into(), "papr".into()],
            features: vec!["rewinding".into()],
        },
        machine: BTreeMap::from([("model".into(), "POWER9".into()), ("memory".into(), "256 MiB".into())]),
        selection: Selection::default(),
        clauses: clauses.collect(),
        started: None,
        planned: None,
    }
}

pub fn outcome(id: &str, clause: &str, verdict: Verdict) -> Outcome {
    let mut parts = id.split('/');
    Outcome {
        id: id.into(),
        abi: parts.next().unwrap_or("papr").into(),
        call: parts.next().map(Into::into),
        clauses: vec![clause.into()],
        backend: "qemu-pseries".into(),
        origin: Origin::Derived,
        file: None,
        verdict,
        reason: None,
        mismatches: vec![],
        evidence: None,
        reproduce: format!("hypercheck {id} --backend qemu-pseries"),
        digest: short_digest([id]),
    }
}

pub fn mismatch(oracle: Oracle, clause: &str, subject: &str, expected: &str, actual: &str) -> Mismatch {
    let known = CLAUSES.iter().find(|(name, ..)| *name == clause);
    Mismatch {
        oracle,
        clause: Some(clause.into()),
        says: known.map(|(_, _, says, _)| (*says).into()),
        source: known.map(|(.., source)| (*source).into()),
        subject: subject.into(),
        expected: expected.into(),
        actual: actual.into(),
    }
}

fn evidence(changed: &[(&str, &str)]) -> Evidence {
    let mut before: BTreeMap<String, String> =
        (0..32).map(|n| (format!("r{n}"), format!("0xa5a5_00{n:02}_5a5a_{:04x}", n * 0x101))).collect();
    before.insert("r3".into(), "0x0000_0000_0000_00e4".into());
    before.insert("cr".into(), "0x1234_5678".into());
    before.insert("lr".into(), "0x0000_0000_0030_1000".into());
    let mut after = before.clone();
    after.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Evidence {
        before,
        after,
        code: Some("0x301000  li   r4, 77\n0x301004  sc   1\n0x301008  blr".into()),
        step: None,
        log: None,
    }
}

/// One outcome of every verdict among some that pass.
pub fn report() -> Report {
    let mut outcomes = vec![
        Outcome {
            file: Some("cases/papr/confer.yaml:12".into()),
            origin: Origin::Written,
            mismatches: vec![mismatch(
                Oracle::Expectation,
                "papr.confer-returns",
                "return",
                "H_PARAMETER (-4)",
                "H_SUCCESS (0)",
            )],
            evidence: Some(evidence(&[("r3", "0x0000_0000_0000_0000"), ("cr", "0x1234_5670")])),
            ..outcome("papr/H_CONFER/no-such-processor/row-2", "papr.confer-returns", Verdict::Fail)
        },
        Outcome {
            mismatches: vec![
                mismatch(
                    Oracle::RegisterFrame,
                    "papr.preserved",
                    "r14",
                    "0xa5a5_0014_5a5a_0e0e, as before the call",
                    "0x0000_0000_0000_004b",
                ),
                mismatch(
                    Oracle::RegisterFrame,
                    "papr.preserved",
                    "r27",
                    "0xa5a5_0027_5a5a_1b1b, as before the call",
                    "0x0000_0000_0000_0000",
                ),
                mismatch(
                    Oracle::MemoryFootprint,
                    "papr.preserved",
                    "memory 0x300008..0x300010",
                    "unchanged",
                    "00 00 00 00 00 00 4b 56",
                ),
            ],
            evidence: Some(evidence(&[("r14", "0x0000_0000_0000_004b"), ("r27", "0x0000_0000_0000_0000")])),
            ..outcome("papr/H_CEDE/derived/preserved-registers", "papr.preserved", Verdict::Fail)
        },
        Outcome {
            reason: Some("QEMU exited with status 134".into()),
            evidence: Some(Evidence {
                log: Some(
                    "qemu-system-ppc64: hw/ppc/spapr_hcall.c:1532: assertion failed: (opcode & 0x3) == 0\nAborted"
                        .into(),
                ),
                ..evidence(&[])
            }),
            ..outcome("papr/unknown/derived/number-0xf131", "papr.unknown-call", Verdict::Crash)
        },
        Outcome {
            reason: Some("no answer within 10000000 instructions".into()),
            evidence: Some(evidence(&[])),
            ..outcome("papr/H_CEDE/wakes-on-decrementer", "papr.cede-enables", Verdict::Hang)
        },
        Outcome {
            reason: Some("passes, though listed as known: r3 keeps the call number".into()),
            ..outcome("papr/H_CONFER/yield-to-self", "papr.confer-returns", Verdict::UnexpectedPass)
        },
        Outcome {
            reason: Some("EV_UNIMPLEMENTED is answered with -3 (QEMU hw/ppc/spapr_hcall.c, spapr_hypercall)".into()),
            mismatches: vec![mismatch(
                Oracle::ReturnSet,
                "kvm-epapr.unknown-call",
                "return",
                "EV_UNIMPLEMENTED (12)",
                "-3",
            )],
            evidence: Some(evidence(&[("r3", "0xffff_ffff_ffff_fffd")])),
            ..outcome("kvm-epapr/unknown/derived/number-9", "kvm-epapr.unknown-call", Verdict::KnownFail)
        },
    ];
    for row in 1..=3 {
        outcomes.push(Outcome {
            reason: Some("needs ppc64.sc-lev-2, which the backend does not offer".into()),
            ..outcome(
                &format!("ultravisor/UV_RETURN/smf-disabled/row-{row}"),
                "ultravisor.degrades-to-hcall",
                Verdict::Skip,
            )
        });
    }
    for row in 1..=24 {
        let (abi, clause) = match row % 4 {
            0 => ("kvm-epapr/EV_IDLE", "kvm-epapr.preserved"),
            1 => ("papr/H_CONFER", "papr.confer-returns"),
            2 => ("papr/unknown", "papr.unknown-call"),
            _ => ("kvm-epapr/unknown", "kvm-epapr.vendor-prefix"),
        };
        outcomes.push(outcome(&format!("{abi}/derived/edge-{row:02}"), clause, Verdict::Pass));
    }
    assemble(header("qemu-pseries", "10.1.2"), outcomes)
}

pub fn assemble(header: Header, outcomes: Vec<Outcome>) -> Report {
    let ending = Ending {
        interrupted: None,
        stale: vec![],
        coverage: Coverage::measure(CLAUSES.len() as u64, 9, &outcomes),
        elapsed_ms: None,
    };
    let header = Header { planned: Some(outcomes.len() as u64), ..header };
    Report::assemble(header, outcomes, ending).expect("the IDs differ")
}

/// The same rows, all of which pass.
pub fn reference() -> Report {
    let clean = report().outcomes.into_iter().map(|o| Outcome {
        backend: "reference".into(),
        verdict: Verdict::Pass,
        reason: None,
        mismatches: vec![],
        evidence: None,
        reproduce: format!("hypercheck {}", o.id),
        ..o
    });
    assemble(header("reference", "0.1.0"), clean.collect())
}

/// Text that tries to break out of every format.
pub const HOSTILE: &str = "<script>alert(1)</script> \"><img src=x onerror=alert(1)> ]]> --> &amp; \x1b[2J\x07\u{9b}31m \u{202e}evil\u{0}\u{ffff}\u{fffe} # SKIP\r\nok 99 - forged\nBail out! \\";

/// A report in which every string is hostile.
pub fn hostile() -> Report {
    let text = |name: &str| format!("{name} {HOSTILE}");
    let outcomes = [
        Verdict::Fail,
        Verdict::Crash,
        Verdict::KnownFail,
        Verdict::Skip,
        Verdict::Pass,
        Verdict::UnexpectedPass,
        Verdict::Hang,
    ];
    let outcomes = outcomes.map(|verdict| Outcome {
        id: text(verdict.name()),
        abi: text("abi"),
        call: Some(text("call")),
        clauses: vec![text("clause.x")],
        backend: text("backend"),
        origin: Origin::Written,
        file: Some(text("file")),
        verdict,
        reason: Some(text("reason")),
        mismatches: vec![Mismatch {
            oracle: Oracle::Expectation,
            clause: Some(text("clause.x")),
            says: Some(text("says")),
            source: Some(text("source")),
            subject: text("subject"),
            expected: text("expected"),
            actual: text("actual"),
        }],
        evidence: Some(Evidence {
            before: BTreeMap::from([(text("r1"), text("before"))]),
            after: BTreeMap::from([(text("r1"), text("after"))]),
            code: Some(text("code")),
            step: Some(text("step")),
            log: Some(text("log")),
        }),
        reproduce: text("reproduce"),
        digest: text("digest"),
    });
    let mut header = header(&text("backend"), &text("version"));
    header.machine.insert(text("name"), text("value"));
    header.tool = text("tool");
    header.spec_digest = text("spec");
    let mut report = assemble(header, outcomes.into());
    report.footer.finished = false;
    report.footer.interrupted = Some(text("interrupted"));
    report
}

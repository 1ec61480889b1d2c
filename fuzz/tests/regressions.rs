//! Seeds and past findings, replayed without a fuzzer.

use std::path::Path;

use rstest::rstest;

#[rstest]
#[case("register_state", hypercheck_fuzz::register_state)]
#[case("instruction_stream", hypercheck_fuzz::instruction_stream)]
#[case("differential_stream", hypercheck_fuzz::differential_stream)]
fn seeds_and_past_findings_show_nothing(#[case] target: &str, #[case] run: fn(&[u8])) {
    let mut count = 0;
    for folder in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "README.md") {
                println!("{}", path.display());
                run(&std::fs::read(&path).unwrap());
                count += 1;
            }
        }
    }
    assert!(count > 0, "no seeds for {target}");
}

#[test]
fn a_thousand_inputs_of_noise_show_nothing() {
    for seed in 0..1000 {
        let bytes = hypercheck::generate::noise(seed, 512);
        hypercheck_fuzz::register_state(&bytes);
        hypercheck_fuzz::instruction_stream(&bytes);
        hypercheck_fuzz::differential_stream(&bytes);
    }
}

//! The agent that is checked in is the one that its source says.

use std::path::Path;
use std::process::Command;

use super::support::required;

#[test]
fn the_agent_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents");
    if Command::new("powerpc64-linux-gnu-as").arg("--version").output().is_err() {
        assert!(
            !required("binutils"),
            "powerpc64-linux-gnu-as is missing; apt-get install binutils-powerpc64-linux-gnu"
        );
        eprintln!("skipped: no powerpc64-linux-gnu-as; apt-get install binutils-powerpc64-linux-gnu");
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let built = Command::new(folder.join("build.sh")).arg(out.path()).status().unwrap();
    assert!(built.success(), "agents/build.sh fails");
    let (ours, fresh) = (std::fs::read(folder.join("ppc64.bin")), std::fs::read(out.path().join("ppc64.bin")));
    assert!(ours.unwrap() == fresh.unwrap(), "agents/ppc64.bin is stale; run harness/agents/build.sh");
}

//! The checkout in which a test runs, and copies of its spec that a test may break.

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness is in a checkout").to_path_buf()
}

/// A home of its own with the architectures and ABIs of the checkout and no cases.
pub fn copy() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    for part in ["arch", "abi"] {
        tree(&root().join("spec").join(part), &home.path().join("spec").join(part));
    }
    std::fs::create_dir_all(home.path().join("cases")).expect("a folder can be made");
    home
}

fn tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("an entry can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            tree(&path, &target);
        } else {
            std::fs::copy(path, target).expect("a file can be copied");
        }
    }
}

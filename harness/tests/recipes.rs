//! The recipes of the README, carried out to the letter.

mod checkout;

use std::path::Path;
use std::process::{Command, Output};

/// The text block that the README gives for `file`.
fn recipe(file: &str) -> String {
    let readme = std::fs::read_to_string(checkout::root().join("README.md")).expect("there is a README");
    let mark = format!("<!-- recipe: {file} -->");
    let (_, rest) = readme.split_once(&mark).unwrap_or_else(|| panic!("the README has no recipe for {file}"));
    let (_, block) = rest.split_once("```").expect("a block follows");
    let (_, text) = block.split_once('\n').expect("the block has lines");
    text.split_once("```").expect("the block ends").0.to_owned()
}

/// A copy of what is data in the checkout, with the recipe's file put into its place.
fn with(file: &str) -> tempfile::TempDir {
    let home = checkout::copy();
    let path = home.path().join(file);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
    std::fs::write(path, recipe(file)).expect("the recipe can be written");
    home
}

fn hypercheck(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_hypercheck"))
        .arg("--home")
        .arg(home)
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn a_case_is_one_file() {
    let home = with("cases/recipe.yaml");
    let (code, text) = hypercheck(home.path(), &["lint"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = hypercheck(home.path(), &["run", "recipe"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 row"), "{text}");
    // The same case fails when it claims something else.
    let path = home.path().join("cases/recipe.yaml");
    let wrong = recipe("cases/recipe.yaml").replace("r5: 0x1122", "r5: 0x1123");
    std::fs::write(path, wrong).expect("the case can be changed");
    let (code, text) = hypercheck(home.path(), &["run", "recipe"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("0x1123334455667788"), "{text}");
}

#[test]
fn an_abi_is_one_file_and_has_cases_at_once() {
    let home = with("spec/abi/recipe.yaml");
    let (code, text) = hypercheck(home.path(), &["lint"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = hypercheck(home.path(), &["explain", "VENDOR_PING"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("0xf0f0"), "{text}");
    let (code, text) = hypercheck(home.path(), &["list", "cases", "recipe/"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.lines().count() > 10, "{text}");
    assert!(text.contains("recipe/VENDOR_PING/derived/value-all-ones"), "{text}");
    let (_, text) = hypercheck(home.path(), &["collisions"]);
    assert!(text.contains("recipe"), "{text}");
}

#[test]
fn a_backend_is_one_file() {
    // `recipe_backend.rs` holds the README's code and tests that it does what the suite needs.
    let file =
        std::fs::read_to_string(checkout::root().join("harness/tests/recipe_backend.rs")).expect("the file is there");
    let readme = recipe("harness/tests/recipe_backend.rs");
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&file).contains(&squeezed(&readme)), "harness/tests/recipe_backend.rs and the README differ");
}

use super::{COMMAND, Isa, IsaError, generate};

const TEXT: &str = include_str!("../../isa/powerpc.yaml");

fn problems(text: &str) -> String {
    match Isa::read("test", text) {
        Err(error @ IsaError::Rows { .. }) => error.to_string(),
        other => panic!("expected problems in the rows, got {:?}", other.map(|_| "a table")),
    }
}

#[test]
fn the_table_is_sound() {
    if let Err(error) = Isa::read("powerpc.yaml", TEXT) {
        panic!("{error}");
    }
}

#[test]
fn the_checked_in_rust_table_is_current() {
    let (isa, resolved) = Isa::read("powerpc.yaml", TEXT).expect("a sound table");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../harness/ppc/src/table.rs");
    let text = std::fs::read_to_string(path).expect("the checked-in table").replace("\r\n", "\n");
    assert!(text == generate(&isa, &resolved), "harness/ppc/src/table.rs is out of date; run `{COMMAND}`");
}

#[test]
fn overlapping_rows_are_named() {
    let text = TEXT.replace("{ name: addc, form: XO, op: 31, xo: 10,", "{ name: addc, form: XO, op: 31, xo: 266,");
    assert!(problems(&text).contains("add: shares words with `addc`"), "{}", problems(&text));
}

#[test]
fn operands_on_opcode_bits_are_named() {
    let text = TEXT
        .replace(r#"args: "RT", for: supervisor, group: system"#, r#"args: "RT, ME", for: supervisor, group: system"#);
    assert!(problems(&text).contains("mfmsr: operand `ME` lies on bits that are taken"));
}

#[test]
fn unknown_names_are_named() {
    let text = TEXT.replace("since: v3.1, in: wide, group: cr", "since: v3.7, in: wild, group: cr");
    let text = problems(&text);
    assert!(text.contains("setbc: level `v3.7` is not in `levels`"));
    assert!(text.contains("setbc: `wild` is neither a set nor a model"));
}

#[test]
fn a_doubled_register_number_is_named() {
    let text = TEXT.replace("{ name: ctr, number: 9,", "{ name: ctr, number: 8,");
    assert!(problems(&text).contains("ctr: shares number 8 with `lr`"));
}

#[test]
fn an_alias_of_nothing_is_named() {
    let text = TEXT.replace(r#"is: "subf RT, RB, RA""#, r#"is: "subg RT, RB, RA""#);
    assert!(problems(&text).contains("sub: stands for `subg` with 3 operands, which no row has"));
}

#[test]
fn unknown_keys_are_refused() {
    let text = TEXT.replace("args: \"LI\"", "arguments: \"LI\"");
    assert!(matches!(Isa::read("test", &text), Err(IsaError::Yaml(_))));
}

#[test]
fn an_undefined_result_of_nothing_is_named() {
    let text = TEXT.replace(
        r#"{ of: [darn], what: [rt], is: ones, source: "isa Book"#,
        r#"{ of: [darm], what: [r9], is: ones, source: "Book"#,
    );
    let text = problems(&text);
    assert!(text.contains("undefined darm: no instruction `darm` on these models"));
    assert!(text.contains("undefined darm: `r9` is no part of the state"));
    assert!(text.contains("undefined darm: `Book I 3.3.9` must begin with a name of `sources`"));
}

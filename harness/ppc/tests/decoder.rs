//! The decoder against GNU objdump, model by model, on random words of the integer facility.

#[path = "common/decoding.rs"]
mod decoding;
mod differences;
#[path = "common/installed.rs"]
mod installed;
#[path = "common/noise.rs"]
mod noise;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use decoding::{is_integer, mnemonic};
use differences::DIFFERENCES;
use hypercheck_ppc::Model;
use hypercheck_ppc::row::decode;
use hypercheck_ppc::table::ROWS;
use noise::Noise;

const OBJDUMP: &str = "powerpc64-linux-gnu-objdump";

/// Words a model: a million in all.
const WORDS: usize = 111_112;

/// What objdump calls the model.
fn machine(model: Model) -> &'static str {
    match model {
        Model::Ppc970 => "power4,altivec",
        Model::Power7 => "power7",
        Model::Power8 => "power8",
        Model::Power9 => "power9",
        Model::Power10 => "power10",
        Model::G3 => "604",
        Model::G4 => "7400",
        Model::E500v2 => "e500",
        Model::E500mc => "e500mc",
    }
}

/// Random words: half of them any word of an integer opcode, half rows of the table with free bits at random, of which
/// again half have no reserved bit.
fn words(noise: &mut Noise) -> Vec<u32> {
    let mut words = Vec::with_capacity(WORDS);
    while words.len() < WORDS {
        let (dice, any) = (noise.next(), noise.next() as u32);
        let row = &ROWS[(noise.next() % ROWS.len() as u64) as usize];
        let word = match dice % 4 {
            0 | 1 => any,
            2 => row.value | any & !row.mask,
            _ => row.value | any & !row.mask & !row.reserved,
        };
        if is_integer(word) {
            words.push(word);
        }
    }
    words
}

/// The mnemonic of the word on the model, without reserved bits; none where it is no integer instruction.
fn own_name(word: u32, model: Model) -> Option<String> {
    decode(word, model).filter(|row| word & row.reserved == 0)?;
    name_without_reserved(word, model)
}

/// The same whatever its reserved bits are.
fn name_without_reserved(word: u32, model: Model) -> Option<String> {
    decode(word, model).filter(|row| !row.name.is_empty()).map(|row| mnemonic(row, word))
}

/// The mnemonic objdump gives each word.
fn names(words: &[u32], machine: &str) -> Vec<Option<String>> {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{machine}.bin"));
    let mut file = std::fs::File::create(&path).expect("a file for the words");
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    file.write_all(&bytes).expect("the words are written");
    let options = ["-b", "binary", "-m", "powerpc:common64", "-EB", "-z", "-D", "-M"];
    let output = Command::new(OBJDUMP).args(options).arg(format!("{machine},raw")).arg(&path).output();
    let output = output.expect("objdump runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("objdump writes text");
    let lines = text.lines().filter_map(|line| line.split('\t').nth(2));
    let name = |text: &str| text.split_whitespace().next().map(str::to_owned);
    lines.map(|text| name(text).filter(|name| !name.starts_with('.'))).collect()
}

#[test]
fn objdump_decodes_random_words_alike() {
    if !installed::is_installed(OBJDUMP, &["binutils"]) {
        return;
    }
    let mut noise = Noise(0x0123_4567_89AB_CDEF);
    let (mut compared, mut known, mut reserved, mut wrong) = (0, 0, 0, BTreeMap::new());
    let mut met = vec![false; DIFFERENCES.len()];
    for model in Model::ALL {
        let words = words(&mut noise);
        let names = names(&words, machine(model));
        assert_eq!(names.len(), words.len());
        for (&word, theirs) in words.iter().zip(names) {
            compared += 1;
            let own = own_name(word, model);
            if own == theirs {
                continue;
            }
            // Objdump looks at few reserved bits, which are not part of the opcode.
            if own.is_none() && theirs.is_some() && name_without_reserved(word, model) == theirs {
                reserved += 1;
                continue;
            }
            let difference = DIFFERENCES.iter().position(|row| row.holds(model, own.as_deref(), theirs.as_deref()));
            match difference {
                Some(index) => {
                    met[index] = true;
                    known += 1;
                }
                None => {
                    let entry = wrong.entry((own, theirs)).or_insert((0, Vec::new()));
                    entry.0 += 1;
                    let seen = entry.1.iter().any(|(other, _)| *other == model);
                    if !seen {
                        entry.1.push((model, word));
                    }
                }
            }
        }
    }
    let lines: Vec<_> = wrong
        .iter()
        .map(|((own, theirs), (count, words))| {
            let words: Vec<_> = words.iter().map(|(model, word)| format!("{model:?} {word:#010x}")).collect();
            format!("{count} x core {own:?}, objdump {theirs:?}: {}", words.join(", "))
        })
        .collect();
    assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
    let gone: Vec<_> = DIFFERENCES.iter().zip(met).filter(|(_, met)| !met).map(|(row, _)| row.why).collect();
    assert!(gone.is_empty(), "differences that are gone: {gone:#?}");
    println!(
        "{compared} words; {known} in {} known differences, {reserved} with reserved bits that objdump lets pass",
        DIFFERENCES.len()
    );
}

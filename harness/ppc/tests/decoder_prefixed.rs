//! Prefixed instructions against GNU binutils, on random pairs of words: objdump decodes what the table decodes, the
//! assembler reads what objdump writes, and GNU as reads what the disassembler writes.

#[path = "common/installed.rs"]
mod installed;
#[path = "common/noise.rs"]
mod noise;

use std::path::PathBuf;
use std::process::Command;

use hypercheck_ppc::row::{Prefixed, decode_prefixed};
use hypercheck_ppc::table::PREFIXED;
use hypercheck_ppc::{assemble, disassemble_next};
use noise::Noise;

const AS: &str = "powerpc64-linux-gnu-as";
const OBJDUMP: &str = "powerpc64-linux-gnu-objdump";
const OBJCOPY: &str = "powerpc64-linux-gnu-objcopy";

/// Pairs of words.
const PAIRS: usize = 100_000;
/// Each pair has as many bytes: two instructions that do nothing follow, so that a suffix that is itself a prefix takes
/// nothing from the next pair.
const STRIDE: usize = 16;
const NOP: u32 = 0x6000_0000;

/// R, the prefix's bit that makes an address relative.
const RELATIVE: u32 = 1 << 20;

/// Random pairs: a quarter any words behind a prefix's opcode, else rows of the table with free bits at random, most of
/// them without a reserved bit.
fn pairs(noise: &mut Noise) -> Vec<(u32, u32)> {
    let pair = |noise: &mut Noise| {
        let (dice, any) = (noise.next(), noise.next());
        let row = &PREFIXED[(noise.next() % PREFIXED.len() as u64) as usize];
        let word = match dice % 8 {
            0 | 1 => 1 << 58 | any & 0x03FF_FFFF_FFFF_FFFF,
            2 => row.value | any & !row.mask,
            // Valid forms: R and RA are not both set, and a pnop has nothing behind it.
            3 => row.value | any & !row.mask & !row.reserved & !(u64::from(RELATIVE) << 32),
            4 => row.value | any & !row.mask & !row.reserved & !0x1F_0000,
            5 => row.value | any & !row.mask & !row.reserved & !0xFFFF_FFFF,
            _ => row.value | any & !row.mask & !row.reserved,
        };
        ((word >> 32) as u32, word as u32)
    };
    (0..PAIRS).map(|_| pair(noise)).collect()
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What objdump writes at the beginning of every pair.
fn texts(pairs: &[(u32, u32)]) -> Vec<String> {
    let path = scratch("prefixed.bin");
    let words = pairs.iter().flat_map(|&(prefix, suffix)| [prefix, suffix, NOP, NOP]);
    let bytes: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
    std::fs::write(&path, bytes).expect("the words are written");
    let options = ["-b", "binary", "-m", "powerpc:common64", "-EB", "-z", "-D", "-M", "power10,raw"];
    let output = Command::new(OBJDUMP).args(options).arg(&path).output().expect("objdump runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut texts = vec![String::new(); pairs.len()];
    for line in String::from_utf8(output.stdout).expect("objdump writes text").lines() {
        let mut columns = line.splitn(3, '\t');
        let (Some(address), Some(_), Some(text)) = (columns.next(), columns.next(), columns.next()) else { continue };
        let address = usize::from_str_radix(address.trim().trim_end_matches(':'), 16).expect("an address");
        if address.is_multiple_of(STRIDE) {
            text.split('#').next().unwrap_or_default().trim().clone_into(&mut texts[address / STRIDE]);
        }
    }
    texts
}

/// The row of an instruction without reserved bits.
fn own(prefix: u32, suffix: u32) -> Option<&'static Prefixed> {
    let word = u64::from(prefix) << 32 | u64::from(suffix);
    decode_prefixed(prefix, suffix).filter(|row| word & row.reserved == 0)
}

/// What the core decodes and raises an interrupt for, and objdump does not show or shows in part. Power ISA 3.1 Book I
/// 1.8.2, 3.3.4 and 3.3.20
fn is_invalid_form(row: &Prefixed, prefix: u32, suffix: u32) -> bool {
    match row.name {
        "pnop" => suffix != 0,
        "plq" | "pstq" if suffix & 1 << 21 != 0 => true,
        "plq" if prefix & RELATIVE == 0 && suffix >> 21 & 31 == suffix >> 16 & 31 => true,
        _ => prefix & RELATIVE != 0 && suffix & 0x1F_0000 != 0,
    }
}

/// Binutils takes the 0 of `plq r0, d(0), 1` for the register, which must not be that of the result; a relative address has
/// no register.
fn is_refused_by_gnu(row: &Prefixed, suffix: u32) -> bool {
    row.name == "plq" && suffix & 0x03FF_0000 == 0
}

#[test]
fn objdump_decodes_prefixed_instructions_alike() {
    if !installed::is_installed(OBJDUMP, &["binutils"]) {
        return;
    }
    let pairs = pairs(&mut Noise(0x0123_4567_89AB_CDEF));
    let (mut shown, mut invalid, mut stub, mut neither) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for (&(prefix, suffix), text) in pairs.iter().zip(texts(&pairs)) {
        let mnemonic = text.split_whitespace().next().filter(|name| !name.starts_with('.'));
        let agree = match (own(prefix, suffix), mnemonic) {
            (None, None) => {
                neither += 1;
                true
            }
            (Some(row), _) if !row.name.is_empty() && is_invalid_form(row, prefix, suffix) => {
                invalid += 1;
                mnemonic.is_none_or(|name| name == row.name)
            }
            (Some(row), Some(name)) if row.name.is_empty() => {
                stub += 1;
                row.group.is_stub() && (name.starts_with("xx") || name.starts_with("pmx") || name.contains("xvp"))
            }
            // The remainder of an opcode has no reserved bits in the table.
            (Some(row), None) => row.name.is_empty() && row.group.is_stub() || is_refused_by_gnu(row, suffix),
            (Some(row), Some(name)) => {
                shown += 1;
                row.name == name && assemble(&text, 0, &|_| None).is_ok_and(|words| words == [prefix, suffix])
            }
            (None, Some(_)) => false,
        };
        if !agree {
            let own = disassemble_next(&[prefix, suffix], 0);
            wrong.push(format!("{prefix:#010x} {suffix:#010x}: core {own:?}, objdump `{text}`"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    println!(
        "{PAIRS} pairs: {shown} shown alike, {invalid} invalid forms, {stub} of other facilities, {neither} no instruction"
    );
    assert!(shown > PAIRS / 4 && invalid > 1000 && stub > 100 && neither > 1000);
}

#[test]
fn gnu_as_reads_prefixed_instructions_of_the_disassembler() {
    if !installed::is_installed(AS, &["binutils"]) {
        return;
    }
    let valid = |&(prefix, suffix): &(u32, u32)| {
        let row = own(prefix, suffix).filter(|row| !row.name.is_empty() && !is_refused_by_gnu(row, suffix));
        row.is_some_and(|row| !is_invalid_form(row, prefix, suffix))
    };
    let pairs: Vec<_> = pairs(&mut Noise(0xFEDC_BA98_7654_3210)).into_iter().filter(valid).collect();
    let lines: Vec<_> = pairs.iter().map(|&(prefix, suffix)| disassemble_next(&[prefix, suffix], 0).0).collect();
    let (source, object, image) = (scratch("prefixed.s"), scratch("prefixed.o"), scratch("prefixed.out"));
    std::fs::write(&source, lines.join("\n") + "\n").expect("a source file");
    let arguments = ["-a64", "-mbig", "-mpower10", "-mregnames", "-o"];
    let output = Command::new(AS).args(arguments).arg(&object).arg(&source).output().expect("as runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as refuses what the disassembler wrote:\n{messages}");
    let copy = ["-O", "binary", "-j", ".text"];
    let status = Command::new(OBJCOPY).args(copy).arg(&object).arg(&image).status();
    assert!(status.expect("objcopy runs").success());
    let bytes = std::fs::read(&image).expect("the words");
    let made: Vec<_> =
        bytes.chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().expect("4 bytes"))).collect();
    // Two words each, on doublewords: none crosses a boundary, before which as would put a nop.
    assert_eq!(made.len(), 2 * pairs.len());
    let wrong: Vec<_> = (0..pairs.len())
        .filter(|&i| (made[2 * i], made[2 * i + 1]) != pairs[i])
        .map(|i| {
            format!("{:#x?}: `{}`, which as reads as {:#x} {:#x}", pairs[i], lines[i], made[2 * i], made[2 * i + 1])
        })
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    println!("{} pairs", pairs.len());
    assert!(pairs.len() > PAIRS / 4);
}

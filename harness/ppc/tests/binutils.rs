//! The assembler and disassembler against GNU binutils, where they are installed.

#[path = "common/installed.rs"]
mod installed;

use std::path::PathBuf;
use std::process::Command;

use hypercheck_ppc::row::{Kind, Row};
use hypercheck_ppc::table::{FIELDS, ROWS};
use hypercheck_ppc::{assemble, disassemble, disassemble_base};
use installed::is_installed;

const AS: &str = "powerpc64-linux-gnu-as";
const OBJDUMP: &str = "powerpc64-linux-gnu-objdump";

fn are_installed() -> bool {
    is_installed(AS, &["binutils"]) && is_installed(OBJDUMP, &["binutils"])
}

/// A directory of this test, in the target directory.
fn scratch(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).expect("a directory for intermediate files");
    path
}

/// The words GNU as makes of `lines`, one each.
fn gnu_assemble(name: &str, lines: &[String]) -> Vec<u32> {
    let directory = scratch(name);
    let (source, object) = (directory.join("in.s"), directory.join("out.o"));
    std::fs::write(&source, lines.join("\n") + "\n").expect("a source file");
    let arguments = ["-a64", "-mbig", "-mpower10", "-many", "-mregnames", "-o"];
    let output = Command::new(AS).args(arguments).arg(&object).arg(&source).output().expect("as runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as refuses what the disassembler wrote:\n{messages}");
    gnu_disassemble(&object).into_iter().map(|(word, _)| word).collect()
}

/// Words and texts of the text section.
fn gnu_disassemble(object: &std::path::Path) -> Vec<(u32, String)> {
    let arguments = ["-d", "-z", "-M", "power10,any,raw"];
    let output = Command::new(OBJDUMP).args(arguments).arg(object).output().expect("objdump runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| {
            let mut columns = line.splitn(3, '\t');
            columns.next()?;
            let bytes: String = columns.next()?.split_whitespace().collect();
            let word = u32::from_str_radix(&bytes, 16).ok()?;
            Some((word, columns.next().unwrap_or_default().replace('\t', " ")))
        })
        .collect()
}

/// Words of a row: every variant, with operands in the middle and at the ends of their ranges.
fn samples(row: &Row) -> Vec<u32> {
    let mut words = Vec::new();
    let mut variants = row.variants;
    loop {
        for pattern in [0u32, 0x5A5A_5A5A, 0xFFFF_FFFF, 0x0F1E_2D3C] {
            let operands = row.operands.iter().enumerate().fold(0, |word, (i, operand)| {
                let field = &FIELDS[operand.field as usize];
                let value = match field.kind {
                    // Update forms need RA apart from 0 and RT, GNU as warns otherwise.
                    // Multiple and string loads must not reach RA and RB.
                    Kind::Gpr if i == 0 && matches!(row.name, "lmw" | "lswi" | "lswx") => 29 + (pattern & 2),
                    Kind::Gpr | Kind::Gpr0 => 1 + 5 * i as u32 + (pattern & 3),
                    // Kept near, so that absolute targets read the same in both tools.
                    Kind::Relative => pattern & 0x3FF,
                    _ => pattern.rotate_left(7 * i as u32),
                };
                word | field.place(value)
            });
            words.push(row.value | variants | operands);
        }
        if variants == 0 {
            break;
        }
        variants = (variants - 1) & row.variants;
    }
    words
}

/// Operands that GNU as restricts beyond what the encoding does.
fn accepted_by_gnu(row: &Row, word: u32) -> bool {
    match row.name {
        // Exactly one bit of the mask, an even register pair, a defined hint or target.
        "mtocrf" | "mfocrf" => (word >> 12 & 0xFF).count_ones() == 1,
        "lq" | "stq" | "lqarx" | "stqcx." | "lfdp" | "stfdp" | "lfdpx" | "stfdpx" => word >> 21 & 1 == 0,
        "mftb" => matches!(word >> 11 & 0x3FF, 0x188 | 0x1A8),
        "addex" | "darn" | "slbia" | "dcbf" | "sync" | "sc" | "scv" => word & 0x03FF_0FE0 < 0x0020_0000,
        // Valid combinations of BO only, and none that as turns into a hint.
        "bc" | "bclr" | "bcctr" | "bctar" => matches!(word >> 21 & 31, 4 | 12 | 20),
        // The one-operand tlbie of the 32-bit models; the last level that as knows takes five.
        // The forms of the e500; both tools read these words as those of the 4xx.
        "tlbre" | "tlbwe" | "tlbsx" | "tlbilx" => false,
        "tlbie" => row.operands.len() > 2,
        // The forms of the e500; as takes a register for the hint.
        "dcbtep" | "dcbtstep" => false,
        // The embedded one; as writes the server's.
        "wait" => word >> 1 & 0x3FF == 30 && word >> 21 & 3 == 0 && word >> 16 & 3 == 0,
        "ehpriv" => word >> 11 & 0x7FFF == 0,
        // A load of 32 bytes from register 29 on would wrap to RA.
        "lswi" => (1..=8).contains(&(word >> 11 & 31)),
        _ => true,
    }
}

#[test]
fn gnu_as_reads_what_the_disassembler_writes() {
    if !are_installed() {
        return;
    }
    for (name, show) in [("base", disassemble_base as fn(u32, u64) -> String), ("extended", disassemble)] {
        let mut words = Vec::new();
        let mut lines = Vec::new();
        for row in ROWS.iter().filter(|row| !row.name.is_empty()) {
            // The table names more special-purpose registers than as does.
            if name == "extended" && row.name.ends_with("spr") {
                continue;
            }
            for word in samples(row).into_iter().filter(|word| accepted_by_gnu(row, *word)) {
                // Lines stand one after the other from 0 on, so a branch names the same target in both.
                let at = 4 * words.len();
                let line = show(word, at as u64);
                // A bare number is no address of the section to as, so a branch names its target from where it is.
                let relative = row.name == "b" && word & 2 == 0;
                let line = if relative { line.replace(" 0x", &format!(" .-{at:#x}+0x")) } else { line };
                lines.push(line);
                words.push(word);
            }
        }
        let made = gnu_assemble(name, &lines);
        assert_eq!(made.len(), words.len());
        let wrong: Vec<_> = (0..words.len())
            .filter(|&i| made[i] != words[i])
            .map(|i| format!("{:#010x}: `{}`, which as reads as {:#010x}", words[i], lines[i], made[i]))
            .collect();
        assert!(wrong.is_empty(), "{} of {} words differ:\n{}", wrong.len(), words.len(), wrong.join("\n"));
        println!("{} words", words.len());
    }
}

#[test]
fn the_assembler_reads_what_objdump_writes() {
    if !are_installed() {
        return;
    }
    let mut lines = Vec::new();
    for row in ROWS.iter().filter(|row| !row.name.is_empty()) {
        for word in samples(row).into_iter().filter(|word| accepted_by_gnu(row, *word)) {
            lines.push(format!(".long {word:#x}"));
        }
    }
    let directory = scratch("objdump");
    let (source, object) = (directory.join("in.s"), directory.join("out.o"));
    std::fs::write(&source, lines.join("\n") + "\n").expect("a source file");
    let status = Command::new(AS).args(["-a64", "-mbig", "-o"]).arg(&object).arg(&source).status();
    assert!(status.expect("as runs").success());
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (index, (word, text)) in gnu_disassemble(&object).into_iter().enumerate() {
        let text = text.split('<').next().unwrap_or_default().trim().to_owned();
        // Branch targets are bare hexadecimal numbers there.
        let mut parts: Vec<_> = text.split(',').map(str::to_owned).collect();
        if let Some(last) = parts.last_mut().filter(|_| matches!(word >> 26, 16 | 18)) {
            let (before, target) = last.rsplit_once(' ').map_or(("", last.as_str()), |(a, b)| (a, b));
            *last = format!("{before} 0x{}", target.trim_start_matches("0x"));
        }
        let line = parts.join(",");
        // Spellings of objdump that no manual has: an operand too many, or an embedded instruction under the name it has on another model.
        let odd = ["mfcr", "sync", "wait", "dcread"].iter().any(|name| line.split_whitespace().next() == Some(*name));
        if odd || line.starts_with(".long") {
            continue;
        }
        match assemble(&line, 4 * index as u64, &|_| None) {
            Ok(made) if made == [word] => compared += 1,
            Ok(made) => wrong.push(format!("{word:#010x}: objdump writes `{line}`, read as {made:#010x?}")),
            Err(error) => wrong.push(format!("{word:#010x}: objdump writes `{line}`: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ, {compared} agree:\n{}", wrong.len(), wrong.join("\n"));
    println!("{compared} words of {}", lines.len());
}

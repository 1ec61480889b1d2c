//! `hypercheck asm` and `hypercheck disasm`, over the instruction table.

use std::fmt::Write as _;
use std::io::Read as _;

use hypercheck_ppc::{asm, disasm};
use hypercheck_spec::word::Word;

use super::{Failure, Outcome, print, usage};

#[derive(clap::Args)]
pub(crate) struct AsmArguments {
    /// Instructions, `;` between them; standard input if none
    code: Vec<String>,
    /// Address of the first instruction
    #[arg(long, default_value = "0", value_parser = word)]
    at: u64,
}

#[derive(clap::Args)]
pub(crate) struct DisasmArguments {
    /// Instruction words such as 0x44000022
    #[arg(required = true, value_parser = word)]
    words: Vec<u64>,
    /// Address of the first instruction
    #[arg(long, default_value = "0", value_parser = word)]
    at: u64,
}

fn word(text: &str) -> Result<u64, String> {
    let bare = Word::parse(text).or_else(|| Word::parse(&format!("0x{text}")));
    bare.map(|word| word.0).ok_or_else(|| "write a number such as 0x44000022".to_owned())
}

pub(crate) fn assemble(arguments: &AsmArguments) -> Outcome {
    let mut text = arguments.code.join(" ").replace(';', "\n");
    if text.is_empty() {
        std::io::stdin().read_to_string(&mut text).map_err(usage)?;
    }
    let words = asm::assemble(&text, arguments.at, &|_| None).map_err(usage)?;
    print(&listing(&words, arguments.at));
    Ok(())
}

pub(crate) fn disassemble(arguments: &DisasmArguments) -> Outcome {
    let words = arguments
        .words
        .iter()
        .map(|word| u32::try_from(*word).map_err(|_| usage(format!("{word:#x} is longer than an instruction"))))
        .collect::<Result<Vec<u32>, Failure>>()?;
    print(&listing(&words, arguments.at));
    Ok(())
}

fn listing(words: &[u32], start: u64) -> String {
    let (mut text, mut n) = (String::new(), 0);
    while n < words.len() {
        let at = start + 4 * n as u64;
        let (instruction, count) = disasm::disassemble_next(&words[n..], at);
        let _ = writeln!(text, "{at:8x}:  {:08x}  {instruction}", words[n]);
        if count == 2 {
            let _ = writeln!(text, "{:8x}:  {:08x}", at + 4, words[n + 1]);
        }
        n += count;
    }
    text
}

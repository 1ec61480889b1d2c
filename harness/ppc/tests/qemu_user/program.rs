//! The program that runs the cases: it loads the registers of a record, goes through the code of its slot, and writes
//! down what came out, whether the code came to its end or a signal ended it.

use super::layout::*;
use super::target::Target;
use hypercheck_ppc::assemble;

/// Registers of an output that are no GPR, in the order of the kernel's gp_regs. Linux `uapi/asm/ptrace.h`
pub const OUT_NIP: u64 = 32;
/// See [`OUT_NIP`].
pub const OUT_CTR: u64 = 35;
/// See [`OUT_NIP`].
pub const OUT_LR: u64 = 36;
/// See [`OUT_NIP`].
pub const OUT_XER: u64 = 37;
/// See [`OUT_NIP`].
pub const OUT_CR: u64 = 38;
/// Signal number, 0 at the end of a case; then si_code and si_addr.
pub const OUT_SIGNAL: u64 = 40;
/// The first of the held registers.
pub const OUT_HELD: u64 = 44;
/// Registers of a record after the GPRs: CR, XER, LR, CTR and the held ones.
pub const IN_CR: u64 = 32;
/// The first of the held registers.
pub const IN_HELD: u64 = 36;

/// Signals that a case can end with: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV.
const SIGNALS: [u64; 5] = [4, 5, 7, 8, 11];
/// Seconds after which SIGALRM ends a program that hangs. A thousand cases take less than one.
fn patience(cases: usize) -> usize {
    3 + cases / 400
}

/// Offset of the registers in the kernel's ucontext, and whether a pointer to them is there. Linux
/// `asm/ucontext.h`, `uapi/asm/sigcontext.h`
fn context(wide: bool) -> (u64, bool) {
    if wide { (232, false) } else { (48, true) }
}

/// The program's words for so many cases, and the address of its signal handler. It begins at [`PROGRAM`] with its entry.
pub fn words(target: &Target, cases: usize) -> (Vec<u32>, u64) {
    let text = text(target, cases);
    let symbols = |name: &str| -> Option<u64> {
        Some(match name {
            "near_end" => NEAR_END,
            _ => return None,
        })
    };
    let words = assemble(&text, PROGRAM, &symbols).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (words, PROGRAM + 4)
}

/// The last words before the case: CTR, which took the program to the slot, and the registers used for that.
pub fn prologue(target: &Target) -> Vec<u32> {
    let (load, size) = (if target.is_wide() { "ld" } else { "lwz" }, target.register_size());
    let text = format!(
        "{load} r30, {}(r31); mtctr r30; {load} r30, {}(r31); {load} r31, {}(r31)",
        35 * size,
        30 * size,
        31 * size
    );
    assemble(&text, 0, &|_| None).expect("a prologue")
}

/// A branch from one address to another.
pub fn branch(from: u64, to: u64) -> u32 {
    assemble(&format!("b {to}"), from, &|_| None).expect("a branch in reach")[0]
}

/// Address of the code that writes down registers.
pub const FINISH: u64 = PROGRAM + 8;

fn text(target: &Target, cases: usize) -> String {
    let wide = target.is_wide();
    let (load, store, size) = if wide { ("ld", "std", 8) } else { ("lwz", "stw", 4) };
    let mut lines = Vec::new();
    let mut line = |text: String| lines.push(text);
    let constant = |register: u32, value: u64| {
        format!("lis r{register}, {}; ori r{register}, r{register}, {}", (value >> 16) as i16, value & 0xFFFF)
    };
    line("b start; b handler".to_owned());

    // A case has ended: every register is its, so one goes where zero plus a displacement reaches.
    line(format!("finish: {store} r31, {SAVED}(0); {load} r31, {OUTPUT}(0)"));
    (0..31).for_each(|i| line(format!("{store} r{i}, {}(r31)", i * size)));
    line(format!("{load} r30, {SAVED}(0); {store} r30, {}(r31)", 31 * size));
    line(format!("mfcr r3; {store} r3, {}(r31)", OUT_CR * size));
    line(format!("mfxer r3; {store} r3, {}(r31)", OUT_XER * size));
    line(format!("mflr r3; {store} r3, {}(r31)", OUT_LR * size));
    line(format!("mfctr r3; {store} r3, {}(r31)", OUT_CTR * size));
    line(format!("li r3, 0; {store} r3, {}(r31)", OUT_SIGNAL * size));

    line("next:".to_owned());
    for (i, row) in (0..).zip(target.held_registers()) {
        line(format!("mfspr r3, {}; {store} r3, {}(r31)", row.number, (OUT_HELD + i) * size));
    }
    line(format!("{}; addi r3, r3, -{size}; addi r4, r31, {}", constant(3, SCRATCH), OUTPUT_SCRATCH - size));
    line(format!("li r5, {}; mtctr r5", SCRATCH_SIZE / size));
    line(format!("copy_out: {load}u r6, {size}(r3); {store}u r6, {size}(r4); bdnz copy_out"));
    for (at, step) in [(RECORD, RECORD_SIZE), (SLOT, SLOT_SIZE), (OUTPUT, OUTPUT_SIZE)] {
        line(format!("{load} r3, {at}(0); addi r3, r3, {step}; {store} r3, {at}(0)"));
    }

    line(format!("loop: {load} r31, {RECORD}(0); {load} r3, {RECORDS_END}(0); cmplw r31, r3; beq done"));
    line(format!("li r3, {}; {}; addi r4, r4, -{size}", TEMPLATE - size, constant(4, SCRATCH)));
    line(format!("li r5, {}; mtctr r5", SCRATCH_SIZE / size));
    line(format!("copy_in: {load}u r6, {size}(r3); {store}u r6, {size}(r4); bdnz copy_in"));
    line(format!("li r3, {DROP}; stwcx. r3, 0, r3"));
    for (i, row) in (0..).zip(target.held_registers()) {
        line(format!("{load} r3, {}(r31); mtspr {}, r3", (IN_HELD + i) * size, row.number));
    }
    line(format!("{load} r3, {}(r31); mtcrf 255, r3", IN_CR * size));
    line(format!("{load} r3, {}(r31); mtxer r3", (IN_CR + 1) * size));
    line(format!("{load} r3, {}(r31); mtlr r3", (IN_CR + 2) * size));
    line(format!("{load} r3, {SLOT}(0); mtctr r3"));
    (0..30).for_each(|i| line(format!("{load} r{i}, {}(r31)", i * size)));
    line("bctr".to_owned());

    // Number in r3, siginfo in r4, ucontext in r5. The handler never returns: the next case sets every register.
    let (offset, pointer) = context(wide);
    line(format!("handler: {load} r31, {OUTPUT}(0); {store} r3, {}(r31)", OUT_SIGNAL * size));
    line(format!("lwz r6, 8(r4); {store} r6, {}(r31)", (OUT_SIGNAL + 1) * size));
    line(format!("{load} r6, {}(r4); {store} r6, {}(r31)", 8 + size, (OUT_SIGNAL + 2) * size));
    line(if pointer { format!("lwz r5, {offset}(r5)") } else { format!("addi r5, r5, {offset}") });
    line(format!("addi r5, r5, -{size}; addi r6, r31, -{size}; li r7, 39; mtctr r7"));
    line(format!("registers: {load}u r8, {size}(r5); {store}u r8, {size}(r6); bdnz registers; b next"));

    line(format!("done: {}; {load} r29, {OUTPUT}(0); subf r29, r30, r29", constant(30, OUTPUTS)));
    line("write: li r3, 1; mr r4, r30; mr r5, r29; li r0, 4; sc; bso fail".to_owned());
    line("add r30, r30, r3; subf. r29, r3, r29; bgt write; li r3, 0; b exit".to_owned());
    line("fail: li r3, 1".to_owned());
    line("exit: li r0, 234; sc".to_owned());

    line(format!("start: li r3, {}; li r0, 27; sc", patience(cases))); // alarm
    line(format!("li r3, {SIGNAL_STACK}; li r4, 0; li r0, 185; sc; bso fail"));
    for signal in SIGNALS {
        line(format!("li r3, {signal}; li r4, {SIGNAL_ACTION}; li r5, 0; li r6, 8; li r0, 173; sc; bso fail"));
    }
    line("b loop".to_owned());
    lines.join("\n")
}

//! The codes of the five fault signals, by name and in words.

use std::fmt;

use crate::signal::Signal;

/// What the hardware or the kernel reports with a fault: the `si_code` of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultCode {
    signal: Signal,
    code: i32,
}

/// `SI_KERNEL`: the kernel knows no more. On x86 an address that no memory can have.
const SI_KERNEL: i32 = 0x80;
/// In place of a name for codes that are not in the table.
pub(super) const UNKNOWN: &str = "code";

/// Signal, code, name, words.
const CODES: [(Signal, i32, &str, &str); 33] = [
    (Signal::SEGV, 1, "SEGV_MAPERR", "nothing is mapped at the address"),
    (Signal::SEGV, 2, "SEGV_ACCERR", "the mapping does not allow this access"),
    (Signal::SEGV, 3, "SEGV_BNDERR", "a bounds check failed"),
    (Signal::SEGV, 4, "SEGV_PKUERR", "a protection key forbids the access"),
    (Signal::SEGV, 5, "SEGV_ACCADI", "the memory has no tag"),
    (Signal::SEGV, 6, "SEGV_ADIDERR", "the memory has another tag"),
    (Signal::SEGV, 7, "SEGV_ADIPERR", "the memory has another tag"),
    (Signal::SEGV, 8, "SEGV_MTEAERR", "the memory has another tag, seen late"),
    (Signal::SEGV, 9, "SEGV_MTESERR", "the memory has another tag"),
    (Signal::SEGV, 10, "SEGV_CPERR", "control flow was protected"),
    (Signal::BUS, 1, "BUS_ADRALN", "the address is not aligned"),
    (Signal::BUS, 2, "BUS_ADRERR", "nothing is behind the address, as in a truncated file"),
    (Signal::BUS, 3, "BUS_OBJERR", "the hardware failed behind the address"),
    (Signal::BUS, 4, "BUS_MCEERR_AR", "the memory is broken, and was read"),
    (Signal::BUS, 5, "BUS_MCEERR_AO", "the memory is broken, and was not read yet"),
    (Signal::FPE, 1, "FPE_INTDIV", "an integer was divided by zero"),
    (Signal::FPE, 2, "FPE_INTOVF", "an integer overflowed"),
    (Signal::FPE, 3, "FPE_FLTDIV", "a floating point number was divided by zero"),
    (Signal::FPE, 4, "FPE_FLTOVF", "a floating point number overflowed"),
    (Signal::FPE, 5, "FPE_FLTUND", "a floating point number underflowed"),
    (Signal::FPE, 6, "FPE_FLTRES", "a floating point result is not exact"),
    (Signal::FPE, 7, "FPE_FLTINV", "a floating point operation is not valid"),
    (Signal::FPE, 8, "FPE_FLTSUB", "a subscript is out of range"),
    (Signal::ILL, 1, "ILL_ILLOPC", "no such instruction"),
    (Signal::ILL, 2, "ILL_ILLOPN", "the instruction does not take this operand"),
    (Signal::ILL, 3, "ILL_ILLADR", "the instruction does not take this address"),
    (Signal::ILL, 5, "ILL_PRVOPC", "the instruction is the kernel's"),
    (Signal::ILL, 8, "ILL_BADSTK", "the stack is broken"),
    (Signal::TRAP, 1, "TRAP_BRKPT", "a breakpoint"),
    (Signal::TRAP, 2, "TRAP_TRACE", "a single step"),
    (Signal::TRAP, 3, "TRAP_BRANCH", "a branch was traced"),
    (Signal::TRAP, 4, "TRAP_HWBKPT", "a breakpoint or watchpoint of the hardware"),
    (Signal::TRAP, 6, "TRAP_PERF", "a counter of perf"),
];

impl FaultCode {
    pub(crate) const fn new(signal: Signal, code: i32) -> Self {
        Self { signal, code }
    }

    /// The `si_code`, as C has it.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.code
    }

    /// The name of the code, as C has it: `SEGV_MAPERR`. `code` if it has none here.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.row() {
            Some(row) => row.2,
            None if self.code == SI_KERNEL => "SI_KERNEL",
            None => UNKNOWN,
        }
    }

    /// What it means, in a few words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self.row() {
            Some(row) => row.3,
            None if self.code == SI_KERNEL => "the kernel tells no more",
            None => "this code has no description here",
        }
    }

    /// Whether an address comes with it.
    pub(crate) const fn has_address(self) -> bool {
        self.code != SI_KERNEL
    }

    /// Back from [`name`](Self::name); a code without a name is `code:NUMBER` in a report.
    pub(crate) fn from_name(signal: Signal, name: &str) -> Option<Self> {
        if name == "SI_KERNEL" {
            return Some(Self::new(signal, SI_KERNEL));
        }
        if let Some(number) = name.strip_prefix("code:") {
            return number.parse().ok().map(|code| Self::new(signal, code));
        }
        let row = CODES.iter().find(|row| row.0 == signal && row.2 == name)?;
        Some(Self::new(signal, row.1))
    }

    fn row(self) -> Option<&'static (Signal, i32, &'static str, &'static str)> {
        CODES.iter().find(|row| row.0 == self.signal && row.1 == self.code)
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.describe(), self.name())
    }
}

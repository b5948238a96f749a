//! Faults of the hardware: what happened, at which address, told by the process that dies of it.
//!
//! [`report_to`] sets up handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP that write one line
//! to a descriptor and then let the signal do what it would have done: the exit status stays true.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_signal::fault::{self, Fault};
//!
//! let log = std::fs::OpenOptions::new().append(true).open("/dev/null")?;
//! let reporter = fault::report_to(log)?;
//! // ... the program ...
//! drop(reporter);
//!
//! // Who reads the descriptor decodes the line:
//! let fault: Fault = "SIGSEGV SEGV_MAPERR address=0x10 instruction=0x4f00 pid=71 tid=72".parse()?;
//! assert_eq!(fault.address, Some(0x10));
//! assert_eq!(fault.code.unwrap().describe(), "nothing is mapped at the address");
//! # Ok(())
//! # }
//! ```

mod code;
mod line;
pub(crate) mod reporter;
mod stack;

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::signal::Signal;
use crate::sys::{Info, low};

pub use code::FaultCode;
pub use reporter::{Reporter, report_to};
pub use stack::AltStack;

/// A fault that ended, or is about to end, a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The signal.
    pub signal: Signal,
    /// What the hardware or the kernel reported. `None` if a process sent the signal.
    pub code: Option<FaultCode>,
    /// The address that was accessed (SIGSEGV, SIGBUS), or of the instruction.
    pub address: Option<usize>,
    /// The instruction at which the thread stood, where we know the processor.
    pub instruction: Option<usize>,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
}

impl Fault {
    /// From what a handler gets. Async-signal-safe.
    pub(crate) fn from_info(info: &Info, instruction: Option<usize>) -> Self {
        let signal = Signal::from_kernel(low(info[0]));
        let code = Some(low(info[1])).filter(|code| *code > 0);
        let code = code.map(|code| FaultCode::new(signal, code));
        let address = code.filter(|code| code.has_address());
        Self {
            signal,
            code,
            address: address.and_then(|_| usize::try_from(info[2]).ok()),
            instruction,
            pid: std::process::id(),
            tid: crate::thread_id(),
        }
    }
}

/// One line, as the reporter writes it and `parse` reads it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = line::Line::new();
        line.fault(self);
        f.write_str(line.as_str().trim_end())
    }
}

/// Reads a line of the reporter.
impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Unsupported { what: "read as a fault what no reporter wrote" };
        let mut words = text.split_ascii_whitespace();
        let signal: Signal = words.next().ok_or_else(bad)?.parse().map_err(|_| bad())?;
        let code = match words.next().ok_or_else(bad)? {
            "sent" => None,
            name => Some(FaultCode::from_name(signal, name).ok_or_else(bad)?),
        };
        let mut fault = Self { signal, code, address: None, instruction: None, pid: 0, tid: 0 };
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(bad)?;
            let hex = || {
                let digits = value.strip_prefix("0x").ok_or_else(bad)?;
                usize::from_str_radix(digits, 16).map_err(|_| bad())
            };
            let number = || value.parse().map_err(|_| bad());
            match key {
                "address" => fault.address = Some(hex()?),
                "instruction" => fault.instruction = Some(hex()?),
                "pid" => fault.pid = number()?,
                "tid" => fault.tid = number()?,
                // A later version may say more.
                _ => {}
            }
        }
        Ok(fault)
    }
}

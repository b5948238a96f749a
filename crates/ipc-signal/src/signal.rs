//! One signal: its number, its name and what it does by default.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A signal that a program may use: 1 to 31, and the real-time signals.
///
/// 32 and 33 (glibc uses them between its own threads) are none of them.
///
/// ```
/// use ipc_signal::Signal;
/// # fn main() -> Result<(), ipc_signal::Error> {
/// assert_eq!("SIGUSR1".parse::<Signal>()?, Signal::USR1);
/// assert_eq!("rtmin+3".parse::<Signal>()?, Signal::rt(3));
/// assert_eq!(Signal::rt(3).to_string(), "SIGRTMIN+3");
/// assert_eq!(Signal::from_raw(15)?, Signal::TERM);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// What a signal does to a process that did not ask for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends and may leave a core dump.
    Core,
    /// The process stops until SIGCONT.
    Stop,
    /// A stopped process goes on.
    Continue,
    /// Nothing.
    Ignore,
}

/// Number, name without SIG, default action.
const STANDARD: [(u8, &str, DefaultAction); 31] = {
    use DefaultAction::{Continue, Core, Ignore, Stop, Terminate};
    [
        (1, "HUP", Terminate),
        (2, "INT", Terminate),
        (3, "QUIT", Core),
        (4, "ILL", Core),
        (5, "TRAP", Core),
        (6, "ABRT", Core),
        (7, "BUS", Core),
        (8, "FPE", Core),
        (9, "KILL", Terminate),
        (10, "USR1", Terminate),
        (11, "SEGV", Core),
        (12, "USR2", Terminate),
        (13, "PIPE", Terminate),
        (14, "ALRM", Terminate),
        (15, "TERM", Terminate),
        (16, "STKFLT", Terminate),
        (17, "CHLD", Ignore),
        (18, "CONT", Continue),
        (19, "STOP", Stop),
        (20, "TSTP", Stop),
        (21, "TTIN", Stop),
        (22, "TTOU", Stop),
        (23, "URG", Ignore),
        (24, "XCPU", Core),
        (25, "XFSZ", Core),
        (26, "VTALRM", Terminate),
        (27, "PROF", Terminate),
        (28, "WINCH", Ignore),
        (29, "IO", Terminate),
        (30, "PWR", Terminate),
        (31, "SYS", Core),
    ]
};

macro_rules! constants {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Signal {$(
            #[doc = $text]
            pub const $name: Self = Self($number);
        )*}
    };
}

constants! {
    HUP = 1, "The terminal went away; daemons reload.";
    INT = 2, "Ctrl-C.";
    QUIT = 3, "Ctrl-\\.";
    ILL = 4, "An instruction that the processor does not know.";
    TRAP = 5, "A breakpoint.";
    ABRT = 6, "`abort`.";
    BUS = 7, "A memory access behind which there is nothing, such as a truncated file.";
    FPE = 8, "An arithmetic fault; despite its name mostly an integer division by zero.";
    KILL = 9, "Ends the process. Cannot be caught, blocked or ignored.";
    USR1 = 10, "For the program to define.";
    SEGV = 11, "A memory access that is not allowed.";
    USR2 = 12, "For the program to define.";
    PIPE = 13, "A write to a pipe or socket that nobody reads.";
    ALRM = 14, "A timer.";
    TERM = 15, "Please end.";
    STKFLT = 16, "Unused by Linux.";
    CHLD = 17, "A child ended, stopped or went on.";
    CONT = 18, "Go on after a stop.";
    STOP = 19, "Stops the process. Cannot be caught, blocked or ignored.";
    TSTP = 20, "Ctrl-Z.";
    TTIN = 21, "A background process reads from its terminal.";
    TTOU = 22, "A background process writes to its terminal.";
    URG = 23, "Urgent data on a socket.";
    XCPU = 24, "The CPU time limit.";
    XFSZ = 25, "The file size limit.";
    VTALRM = 26, "A timer of CPU time.";
    PROF = 27, "A profiling timer.";
    WINCH = 28, "The terminal changed its size.";
    IO = 29, "A descriptor is ready (also called SIGPOLL).";
    PWR = 30, "The power fails.";
    SYS = 31, "A system call that is not allowed.";
}

impl Signal {
    /// The real-time signal `SIGRTMIN + n`: these queue, keep their order and carry values.
    ///
    /// # Panics
    /// If there is none: glibc has 0 to 30. For a number from outside use
    /// [`rt_checked`](Self::rt_checked).
    #[must_use]
    #[doc(alias = "SIGRTMIN")]
    pub fn rt(n: u8) -> Self {
        Self::rt_checked(n).unwrap_or_else(|| panic!("there is no signal SIGRTMIN+{n}"))
    }

    /// The real-time signal `SIGRTMIN + n`, if there is one.
    ///
    /// ```
    /// # use ipc_signal::Signal;
    /// assert!(Signal::rt_checked(0).is_some());
    /// assert!(Signal::rt_checked(200).is_none());
    /// ```
    #[must_use]
    pub fn rt_checked(n: u8) -> Option<Self> {
        let number = first_rt().checked_add(n)?;
        (number <= last_rt()).then_some(Self(number))
    }

    /// The signal with this number, as C has it.
    ///
    /// # Errors
    /// `InvalidSignal`: no signal, or one that the C library keeps for itself.
    pub fn from_raw(number: i32) -> Result<Self> {
        match u8::try_from(number) {
            Ok(n) if matches!(n, 1..=31) || (first_rt()..=last_rt()).contains(&n) => Ok(Self(n)),
            _ => Err(Error::InvalidSignal { given: number.to_string() }),
        }
    }

    /// The number, as C has it.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0 as i32
    }

    /// Which real-time signal this is: `n` of `SIGRTMIN + n`.
    #[must_use]
    pub fn rt_index(self) -> Option<u8> {
        self.is_realtime().then(|| self.0 - first_rt())
    }

    /// Whether this is a real-time signal: these queue, standard signals merge while pending.
    #[must_use]
    pub const fn is_realtime(self) -> bool {
        self.0 > 31
    }

    /// Whether nothing can catch, block or ignore it: SIGKILL and SIGSTOP.
    #[must_use]
    pub const fn is_uncatchable(self) -> bool {
        matches!(self, Self::KILL | Self::STOP)
    }

    /// What it does to a process that asked for nothing else.
    ///
    /// ```
    /// # use ipc_signal::{DefaultAction, Signal};
    /// assert_eq!(Signal::CHLD.default_action(), DefaultAction::Ignore);
    /// assert_eq!(Signal::SEGV.default_action(), DefaultAction::Core);
    /// ```
    #[must_use]
    pub fn default_action(self) -> DefaultAction {
        self.standard().map_or(DefaultAction::Terminate, |(_, _, action)| *action)
    }

    /// All signals, lowest number first.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=31).chain(first_rt()..=last_rt()).map(Self)
    }

    /// The bit of this signal in a mask of the kernel.
    pub(crate) const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }

    /// From a number that the kernel gave us. Handlers use it: no allocation.
    pub(crate) const fn from_kernel(number: i32) -> Self {
        // The kernel's numbers are 1 to 64: the lowest byte has them.
        Self(number.to_le_bytes()[0])
    }

    /// The name of a standard signal, for writers that cannot allocate.
    pub(crate) fn standard_name(self) -> Option<&'static str> {
        self.standard().map(|(_, name, _)| *name)
    }

    fn standard(self) -> Option<&'static (u8, &'static str, DefaultAction)> {
        STANDARD.get(usize::from(self.0).wrapping_sub(1))
    }
}

fn first_rt() -> u8 {
    u8::try_from(libc::SIGRTMIN()).unwrap_or(34)
}

fn last_rt() -> u8 {
    u8::try_from(libc::SIGRTMAX()).unwrap_or(64)
}

/// `SIGTERM`, `SIGRTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.standard_name(), self.0.checked_sub(first_rt())) {
            (Some(name), _) => write!(f, "SIG{name}"),
            (None, Some(0)) => write!(f, "SIGRTMIN"),
            (None, Some(n)) => write!(f, "SIGRTMIN+{n}"),
            // Reserved by the C library: only in what the kernel reports.
            (None, None) => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `SIGTERM`, `term`, `15`, `SIGRTMIN+3`, `RTMAX-1`, and the synonyms of POLL, IOT and CLD.
impl FromStr for Signal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            // What came is quoted, but not without bound.
            let given: String = text.chars().take(40).collect();
            Error::InvalidSignal { given }
        };
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().and_then(|n| Self::from_raw(n).ok()).ok_or_else(invalid);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let offset = |rest: &str, sign: char| match rest.strip_prefix(sign) {
            None if rest.is_empty() => Some(0),
            Some(n) if n.bytes().all(|b| b.is_ascii_digit()) => n.parse::<u8>().ok(),
            _ => None,
        };
        if let Some(rest) = name.strip_prefix("RTMIN") {
            return offset(rest, '+').and_then(Self::rt_checked).ok_or_else(invalid);
        }
        if let Some(rest) = name.strip_prefix("RTMAX") {
            let number = offset(rest, '-').and_then(|n| last_rt().checked_sub(n));
            return number.filter(|n| *n >= first_rt()).map(Self).ok_or_else(invalid);
        }
        match name {
            "POLL" => Ok(Self::IO),
            "IOT" => Ok(Self::ABRT),
            "CLD" => Ok(Self::CHLD),
            _ => {
                STANDARD.iter().find(|row| row.1 == name).map(|row| Self(row.0)).ok_or_else(invalid)
            }
        }
    }
}

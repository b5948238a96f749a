//! What the kernel tells about one signal: who, why, and with what value.

use crate::fault::FaultCode;
use crate::signal::Signal;
use crate::sys::{Info, low, signed, unsigned};

/// One signal that was taken, and all that is known about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "siginfo_t")]
#[doc(alias = "signalfd_siginfo")]
pub struct SignalInfo {
    /// Which signal.
    pub signal: Signal,
    /// Why it was sent.
    pub cause: Cause,
    /// The process that sent it, or the child it tells about. `None` if no process did, or one that
    /// has no number here (outside our PID namespace): never 0.
    pub pid: Option<u32>,
    /// The user who sent it, or the child's.
    pub uid: Option<u32>,
    /// The value it was queued with, by a process, a timer or a message queue.
    pub value: Option<i32>,
    /// With SIGCHLD: the exit code, or the number of the signal that ended, stopped or resumed the
    /// child; [`Cause::Child`] says which.
    pub status: Option<i32>,
    /// With a fault: the address.
    pub address: Option<usize>,
    /// With a timer: further expirations that this signal stands for.
    pub overrun: u32,
}

/// Why a signal was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A process called `kill`, or [`Process::send`](crate::Process::send).
    Kill,
    /// A process queued it, with a value.
    Queue,
    /// A thread sent it to one thread.
    Thread,
    /// A timer of `timer_create(2)`.
    Timer,
    /// A message came to an empty POSIX queue.
    MessageQueue,
    /// Asynchronous input or output ended.
    AsyncIo,
    /// A descriptor became ready (`F_SETOWN`).
    Io,
    /// The kernel, with no more to say.
    Kernel,
    /// A child changed its state.
    Child(ChildEvent),
    /// The hardware, or the kernel on its behalf.
    Fault(FaultCode),
    /// Anything else: the `si_code`.
    Other {
        /// The `si_code`.
        code: i32,
    },
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildEvent {
    /// It ended by itself.
    Exited,
    /// A signal ended it.
    Killed,
    /// A signal ended it, and it left a core dump.
    Dumped,
    /// It is being traced and stopped.
    Trapped,
    /// A signal stopped it.
    Stopped,
    /// SIGCONT resumed it.
    Continued,
}

/// The bytes of a `signalfd_siginfo`.
pub(crate) const RECORD: usize = 128;

/// The fields that the two forms of the kernel share.
#[derive(Default)]
struct Raw {
    signal: i32,
    code: i32,
    pid: u32,
    uid: u32,
    value: i32,
    status: i32,
    address: u64,
    overrun: u32,
}

impl SignalInfo {
    /// From a `siginfo_t`. Async-signal-safe.
    pub(crate) fn from_info(info: &Info) -> Self {
        let high = |word: u64| (word >> 32) as u32;
        Self::from_raw(&Raw {
            signal: low(info[0]),
            code: low(info[1]),
            // A union follows; `from_raw` takes what belongs to the code.
            pid: unsigned(low(info[2])),
            uid: high(info[2]),
            value: low(info[3]),
            status: low(info[3]),
            address: info[2],
            overrun: high(info[2]),
        })
    }

    /// From a record of a signalfd.
    #[inline]
    pub(crate) fn from_record(record: &[u8; RECORD]) -> Self {
        let word = |at: usize| {
            let bytes = [record[at], record[at + 1], record[at + 2], record[at + 3]];
            u32::from_le_bytes(bytes)
        };
        Self::from_raw(&Raw {
            signal: signed(word(0)),
            code: signed(word(8)),
            pid: word(12),
            uid: word(16),
            overrun: word(32),
            status: signed(word(40)),
            value: signed(word(44)),
            address: u64::from(word(72)) | u64::from(word(76)) << 32,
        })
    }

    #[inline]
    fn from_raw(raw: &Raw) -> Self {
        let signal = Signal::from_kernel(raw.signal);
        let cause = Cause::of(signal, raw.code);
        let mut info = Self {
            signal,
            cause,
            pid: None,
            uid: None,
            value: None,
            status: None,
            address: None,
            overrun: 0,
        };
        match cause {
            Cause::Kill | Cause::Thread => info.sender(raw),
            Cause::Queue | Cause::MessageQueue | Cause::AsyncIo => {
                info.sender(raw);
                info.value = Some(raw.value);
            }
            Cause::Timer => {
                info.value = Some(raw.value);
                info.overrun = raw.overrun;
            }
            Cause::Child(_) => {
                info.sender(raw);
                info.status = Some(raw.status);
            }
            Cause::Fault(_) => info.address = usize::try_from(raw.address).ok(),
            Cause::Io | Cause::Kernel | Cause::Other { .. } => {}
        }
        info
    }

    fn sender(&mut self, raw: &Raw) {
        self.pid = (raw.pid != 0).then_some(raw.pid);
        // The kernel gives pid 0 and uid 0 for what it has no details of, such as a standard signal
        // sent while the queue was full.
        self.uid = (raw.pid != 0 || raw.uid != 0).then_some(raw.uid);
    }
}

impl Cause {
    #[inline]
    fn of(signal: Signal, code: i32) -> Self {
        match (code, signal) {
            (0, _) => Self::Kill,
            (-1, _) => Self::Queue,
            (-2, _) => Self::Timer,
            (-3, _) => Self::MessageQueue,
            (-4, _) => Self::AsyncIo,
            (-5, _) => Self::Io,
            (-6, _) => Self::Thread,
            (0x80, _) => Self::Kernel,
            (1.., Signal::CHLD) => match code {
                1 => Self::Child(ChildEvent::Exited),
                2 => Self::Child(ChildEvent::Killed),
                3 => Self::Child(ChildEvent::Dumped),
                4 => Self::Child(ChildEvent::Trapped),
                5 => Self::Child(ChildEvent::Stopped),
                6 => Self::Child(ChildEvent::Continued),
                _ => Self::Other { code },
            },
            (1.., Signal::SEGV | Signal::BUS | Signal::FPE | Signal::ILL | Signal::TRAP) => {
                Self::Fault(FaultCode::new(signal, code))
            }
            (1.., Signal::IO) => Self::Io,
            _ => Self::Other { code },
        }
    }
}

//! What is measured: cases, their subjects, and the two halves of a subject.

use std::fmt;
use std::io;

use super::floor;
use super::payload::Turns;

/// What a case does, and which figure decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub(super) name: &'static str,
    pub(super) better: Better,
}

/// Which figure of a scenario is compared, and which way it should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The time of one turn (median of a block) is compared: lower is better.
    LowerTime,
    /// The rate of messages over a block is compared: higher is better.
    HigherRate,
}

impl Scenario {
    /// A message there and an answer back.
    pub const ROUND_TRIP: Self = Self::new("round-trip", Better::LowerTime);
    /// Messages in one direction, as fast as they go.
    pub const ONE_WAY: Self = Self::new("one-way", Better::HigherRate);
    /// A sleeper is woken.
    pub const WAKE: Self = Self::new("wake", Better::LowerTime);
    /// An object is made or opened, and closed again.
    pub const OPEN_CLOSE: Self = Self::new("open-close", Better::LowerTime);
    /// Bytes from one file to another.
    pub const FILE_TO_FILE: Self = Self::new("file-to-file", Better::HigherRate);
    /// Many senders, one receiver.
    pub const FAN_IN: Self = Self::new("fan-in", Better::HigherRate);
    /// One sender, many receivers.
    pub const FAN_OUT: Self = Self::new("fan-out", Better::HigherRate);
    /// A lock that several processes want.
    pub const CONTENDED: Self = Self::new("contended", Better::HigherRate);
    /// A lock that nobody else wants.
    pub const UNCONTENDED: Self = Self::new("uncontended", Better::LowerTime);
    /// The time until the death of a peer is seen.
    pub const DEATH: Self = Self::new("death", Better::LowerTime);
    /// How much memory an object takes.
    pub const MEMORY: Self = Self::new("memory", Better::LowerTime);
    /// Bytes copied inside one process.
    pub const MEMCPY: Self = Self::new("memcpy", Better::LowerTime);
    /// One system call that does nothing.
    pub const SYSTEM_CALL: Self = Self::new("system-call", Better::LowerTime);

    /// A scenario of another name, which has its line in `docs/benchmarks.md`.
    #[must_use]
    pub const fn new(name: &'static str, better: Better) -> Self {
        Self { name, better }
    }
}

/// Where the halves run and how they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Two processors, and both halves spin.
    Busy,
    /// Two processors, and both halves sleep in the kernel while they wait.
    Block,
    /// One processor for both, so they must sleep.
    OneCore,
}

impl Placement {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Busy, Self::Block, Self::OneCore];

    /// The word in the records and in the names of cases: `busy`, `block`, `one-core`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Block => "block",
            Self::OneCore => "one-core",
        }
    }
}

/// What a subject is to its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Raw,
    Floor,
    Ours,
    Peer,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::Peer => "peer",
        }
    }
}

/// One half of a subject: does the turns it is asked for, again and again.
pub(super) type Half = Box<dyn FnMut(Turns) -> io::Result<()>>;

/// A half that may run on a thread other than the one that made it.
pub(super) type SendHalf = Box<dyn FnMut(Turns) -> io::Result<()> + Send>;

/// Who keeps the measured half company.
pub(super) enum Company {
    Nobody,
    /// A process of its own.
    Process(Half),
    /// A thread beside the measured half, in one process.
    Thread(SendHalf),
}

/// The halves of a subject, set up before the processes are forked.
///
/// Each half is moved into a process of its own, and the other half is dropped there, so the end of one
/// process is the end of its half. What must belong to the process that uses it (a named object, a lock's
/// owner) is opened by the half on its first turn, which is never timed.
pub struct Pair {
    pub(super) measured: Half,
    pub(super) company: Company,
}

impl Pair {
    /// Two halves. `measured` makes round trips or receives, and is timed; `peer` answers or sends.
    pub fn two(
        measured: impl FnMut(Turns) -> io::Result<()> + 'static,
        peer: impl FnMut(Turns) -> io::Result<()> + 'static,
    ) -> Self {
        Self { measured: Box::new(measured), company: Company::Process(Box::new(peer)) }
    }

    /// Two halves in one process, a thread each: for what cannot leave a process.
    ///
    /// Both are pinned and timed like processes. Such a subject has what processes have not (one address
    /// space, one allocator), so its name should say that it is one: ours end in a dagger, `†`.
    pub fn threads(
        measured: impl FnMut(Turns) -> io::Result<()> + 'static,
        peer: impl FnMut(Turns) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self { measured: Box::new(measured), company: Company::Thread(Box::new(peer)) }
    }

    /// One half, for what a process does by itself.
    pub fn alone(measured: impl FnMut(Turns) -> io::Result<()> + 'static) -> Self {
        Self { measured: Box::new(measured), company: Company::Nobody }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alone = matches!(self.company, Company::Nobody);
        f.debug_struct("Pair").field("alone", &alone).finish_non_exhaustive()
    }
}

/// One thing that is measured in a case.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) set_up: Box<dyn FnMut() -> io::Result<Pair>>,
}

/// Subjects that do the same work in the same place, and may be compared.
pub struct Case {
    pub(super) name: String,
    pub(super) scenario: Scenario,
    pub(super) placement: Placement,
    pub(super) wait: &'static str,
    pub(super) size: Option<usize>,
    pub(super) krate: Option<String>,
    pub(super) subjects: Vec<Subject>,
}

impl Case {
    /// A case between two processes.
    pub fn new(scenario: Scenario, name: impl Into<String>, placement: Placement) -> Self {
        let wait = if placement == Placement::Busy { "spin" } else { "block" };
        let (name, subjects) = (name.into(), Vec::new());
        Self { name, scenario, placement, wait, size: None, krate: None, subjects }
    }

    /// A case inside one process, which waits for nobody.
    pub fn alone(scenario: Scenario, name: impl Into<String>) -> Self {
        Self { wait: "none", ..Self::new(scenario, name, Placement::Busy) }
    }

    /// A round trip of `size` bytes each way.
    pub fn round_trip(name: impl Into<String>, size: usize, placement: Placement) -> Self {
        Self::new(Scenario::ROUND_TRIP, name, placement).size(size)
    }

    /// Messages of `size` bytes in one direction.
    pub fn one_way(name: impl Into<String>, size: usize, placement: Placement) -> Self {
        Self::new(Scenario::ONE_WAY, name, placement).size(size)
    }

    /// The bytes of one message.
    #[must_use]
    pub fn size(mut self, size: usize) -> Self {
        self.size = Some(size);
        self
    }

    /// The crate that the rows of this case belong to, if it is not the one that `main` was told.
    #[must_use]
    pub fn of(mut self, krate: impl Into<String>) -> Self {
        self.krate = Some(krate.into());
        self
    }

    /// Adds the subject that this crate answers for. A case has at most one.
    #[must_use]
    pub fn ours(
        self,
        name: impl Into<String>,
        set_up: impl FnMut() -> io::Result<Pair> + 'static,
    ) -> Self {
        self.subject(Role::Ours, name, set_up)
    }

    /// Adds the raw system calls. A case has at most one.
    #[must_use]
    pub fn raw(
        self,
        name: impl Into<String>,
        set_up: impl FnMut() -> io::Result<Pair> + 'static,
    ) -> Self {
        self.subject(Role::Raw, name, set_up)
    }

    /// Adds something else to compare with.
    #[must_use]
    pub fn peer(
        self,
        name: impl Into<String>,
        set_up: impl FnMut() -> io::Result<Pair> + 'static,
    ) -> Self {
        self.subject(Role::Peer, name, set_up)
    }

    /// Adds the least that the machine needs for the same work. A case has at most one.
    #[must_use]
    pub fn floor(
        self,
        name: impl Into<String>,
        set_up: impl FnMut() -> io::Result<Pair> + 'static,
    ) -> Self {
        self.subject(Role::Floor, name, set_up)
    }

    /// Adds the floor of a round trip of this size in this placement.
    #[must_use]
    pub fn floor_exchange(self) -> Self {
        let (size, placement) = (self.size.unwrap_or(0), self.placement);
        let name = if placement == Placement::Busy { "cache line" } else { "copy + futex" };
        self.floor(name, move || floor::exchange(size, placement))
    }

    /// Adds the floor of messages of this size in one direction in this placement.
    #[must_use]
    pub fn floor_one_way(self) -> Self {
        let (size, placement) = (self.size.unwrap_or(0), self.placement);
        let name = if placement == Placement::Busy { "C ring" } else { "C ring + futex" };
        self.floor(name, move || floor::one_way(size, placement))
    }

    fn subject(
        mut self,
        role: Role,
        name: impl Into<String>,
        set_up: impl FnMut() -> io::Result<Pair> + 'static,
    ) -> Self {
        let taken = role != Role::Peer && self.subjects.iter().any(|other| other.role == role);
        assert!(!taken, "the case {:?} has two subjects of one role", self.name);
        self.subjects.push(Subject { name: name.into(), role, set_up: Box::new(set_up) });
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("scenario", &self.scenario)
            .field("placement", &self.placement)
            .field("size", &self.size)
            .field("subjects", &self.subjects.len())
            .finish_non_exhaustive()
    }
}

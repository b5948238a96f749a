//! A case with its rivals: builds every subject of a case in the same way.

use std::io;

use ipc_devkit::bench::{Case, Pair, Placement};

use crate::ends::{self, Ends, Open, Rx, Tx, Wait};
use crate::version;

/// What is done with the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// There and back.
    Round,
    /// One way only.
    OneWay,
}

/// A case in the making.
#[derive(Debug)]
pub struct Contest {
    case: Case,
    trip: Trip,
    size: usize,
    wait: Wait,
}

impl Contest {
    /// A case of the crate `krate`, with its floor; `name` is completed by trip, size and placement.
    #[must_use]
    pub fn new(krate: &str, name: &str, trip: Trip, size: usize, placement: Placement) -> Self {
        let place = placement.name();
        let case = match (trip, label(size)) {
            (Trip::Round, label) => Case::round_trip(
                format!("versus {name} round-trip {label} {place}"),
                size,
                placement,
            )
            .floor_exchange(),
            (Trip::OneWay, label) => {
                Case::one_way(format!("versus {name} one-way {label} {place}"), size, placement)
                    .floor_one_way()
            }
        };
        Self { case: case.of(krate), trip, size, wait: Wait::of(placement) }
    }

    /// Adds ours.
    #[must_use]
    pub fn ours<T: Open<End: Tx>, R: Open<End: Rx>>(
        mut self,
        name: &str,
        make: impl FnMut() -> Ends<T, R> + 'static,
    ) -> Self {
        let set_up = processes(self.trip, self.size, self.wait, make);
        self.case = self.case.ours(name, set_up);
        self
    }

    /// Adds a rival whose halves are processes, under the name of its crate.
    #[must_use]
    pub fn rival<T: Open<End: Tx>, R: Open<End: Rx>>(
        self,
        krate: &str,
        make: impl FnMut() -> Ends<T, R> + 'static,
    ) -> Self {
        self.rival_named(version::of(krate), make)
    }

    /// Adds a rival whose halves are processes.
    #[must_use]
    pub fn rival_named<T: Open<End: Tx>, R: Open<End: Rx>>(
        mut self,
        name: String,
        make: impl FnMut() -> Ends<T, R> + 'static,
    ) -> Self {
        let set_up = processes(self.trip, self.size, self.wait, make);
        self.case = self.case.peer(name, set_up);
        self
    }

    /// Names a rival that is not there, and why: the run notes it.
    #[must_use]
    pub fn absent(mut self, name: &str, why: &'static str) -> Self {
        let unsupported = move || Err(io::Error::new(io::ErrorKind::Unsupported, why));
        self.case = self.case.peer(name, unsupported);
        self
    }

    /// Adds a rival whose halves are threads of one process; its name gets the dagger.
    #[must_use]
    pub fn threads<T: Tx + Send, R: Rx + Send>(
        mut self,
        name: String,
        mut make: impl FnMut() -> Ends<T, R> + 'static,
    ) -> Self {
        let Self { trip, size, wait, .. } = self;
        let name = format!("{name}{}", version::THREADS);
        self.case = self.case.peer(name, move || match trip {
            Trip::Round => ends::round_trip_threads(size, wait, &mut make),
            Trip::OneWay => ends::one_way_threads(size, wait, &mut make),
        });
        self
    }

    /// The finished case.
    #[must_use]
    pub fn done(self) -> Case {
        self.case
    }
}

/// Sets up a subject whose halves are processes.
fn processes<T: Open<End: Tx>, R: Open<End: Rx>>(
    trip: Trip,
    size: usize,
    wait: Wait,
    mut make: impl FnMut() -> Ends<T, R> + 'static,
) -> impl FnMut() -> io::Result<Pair> + 'static {
    move || match trip {
        Trip::Round => ends::round_trip(size, wait, &mut make),
        Trip::OneWay => ends::one_way(size, wait, &mut make),
    }
}

/// A size as the names of cases have it.
fn label(size: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    match size {
        0..KIB => format!("{size} B"),
        KIB..MIB => format!("{} KiB", size / KIB),
        _ => format!("{} MiB", size / MIB),
    }
}

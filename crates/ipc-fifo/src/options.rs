//! Choices that are made when a FIFO is created or opened, and what they lead to.

use std::path::Path;

use ipc_core::Deadline;
use ipc_core::owner::{Companion, Refused, Takeover};
use rustix::fs::Mode;

use crate::error::{Error, Result};
use crate::fifo::Fifo;
use crate::node::{Node, sweep};
use crate::place::Place;
use crate::user::{PATIENCE, User, refusal};

/// Choices for a FIFO.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_fifo::Error> {
/// # let dir = ipc_devkit::scratch::dir();
/// # let path = dir.path().join("log");
/// use ipc_fifo::FifoOptions;
/// let log = FifoOptions::new().mode(0o620).capacity(1 << 20).unlink_on_drop(true).create(&path)?;
/// # use std::os::unix::fs::PermissionsExt;
/// # assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
/// drop(log);
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FifoOptions {
    mode: u32,
    pub(crate) capacity: Option<usize>,
    allowed: Option<u32>,
    reclaim: bool,
    pub(crate) unlink: bool,
}

impl Default for FifoOptions {
    fn default() -> Self {
        Self { mode: 0o600, capacity: None, allowed: None, reclaim: false, unlink: false }
    }
}

impl FifoOptions {
    /// Mode 0600, the system's capacity (64 KiB), owned by us or root, left in place at the end.
    pub fn new() -> Self {
        Self::default()
    }

    /// The permission bits of a FIFO that is created: exactly these, whatever the umask, and never
    /// wider before. Somebody with the right to write may only write, and the other way round.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Room for at least this many bytes, asked for whenever an end is opened: the FIFO has bytes and
    /// a capacity only while some end is open. The system rounds up to a power of two of pages.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Opens a FIFO also if it belongs to this user. Without it, only those of our effective user
    /// and of root are opened: anybody may put a FIFO into `/tmp` and read what is written to it.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.allowed = Some(uid);
        self
    }

    /// Lets [`create`](Self::create) take the place of a FIFO that no live process of ours uses.
    ///
    /// Every user through this crate holds a lock on a companion file, `.NAME.ipc` beside the FIFO,
    /// until it is done or dead. Of two racing takers one wins, the other gets `AlreadyExists`; so
    /// does everybody while one user lives, and everybody if there is no companion. Programs that
    /// are not ours take no lock and cannot be seen.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.reclaim = reclaim;
        self
    }

    /// Removes the name when this [`Fifo`] is dropped, if it still stands for this FIFO. Ends that are
    /// open go on working. A process that is killed removes nothing: see
    /// [`reclaim_stale`](Self::reclaim_stale).
    pub fn unlink_on_drop(mut self, unlink: bool) -> Self {
        self.unlink = unlink;
        self
    }

    /// Creates the FIFO; it must not exist. Of several processes that try at once, one succeeds.
    ///
    /// # Errors
    /// `AlreadyExists`: something has that name. `InvalidName`, `InvalidMode`. `NotFound`: there is
    /// no such directory. `NotAFifo`, `WrongOwner`: what was to be reclaimed is not ours. `Contended`:
    /// somebody else is taking it over. `Removed`: it was removed at once. `Os`: the directory may
    /// not be written to (`EACCES`, `EROFS`), and so on.
    ///
    /// # Linux
    /// [`mkfifo(3)`](https://man7.org/linux/man-pages/man3/mkfifo.3.html) under a temporary name,
    /// `chmod` through its descriptor, then
    /// [`renameat2(2)`](https://man7.org/linux/man-pages/man2/rename.2.html) with `RENAME_NOREPLACE`
    #[doc(alias = "mkfifo")]
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Fifo> {
        const OP: &str = "create FIFO";
        let path = path.as_ref();
        let place = Place::new(OP, path)?;
        if self.mode & !0o777 != 0 {
            return Err(Error::InvalidMode { mode: self.mode });
        }
        let mode = Mode::from_raw_mode(self.mode);
        if self.reclaim {
            match Companion::take_over(&place.beside(&place.companion())) {
                Ok(takeover) => return self.replace(place, mode, takeover),
                Err(Refused::NoCompanion | Refused::InUse) => {}
                Err(refused) => return Err(refusal(&place, refused)),
            }
        }
        // Before the companion is made: a FIFO that is not ours must not get one.
        if place.stat().map_err(|errno| Error::os(OP, path, errno))?.is_some() {
            return Err(Error::AlreadyExists { path: path.to_owned() });
        }
        // A user before the name is there: nobody can take it for stale.
        let user = User::create(place, mode)?;
        let node = Node::publish(&user.place, mode, false)?;
        Ok(Fifo::new(node, user, self))
    }

    /// Takes the place of a stale FIFO, or of one whose creator died before it had its name.
    #[cold]
    fn replace(&self, place: Place, mode: Mode, takeover: Takeover) -> Result<Fifo> {
        let stands = match Node::find(&place, self.allowed) {
            Ok(_) => true,
            Err(Error::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        sweep(&place);
        takeover.set_mode(crate::user::companion_mode(mode));
        let node = Node::publish(&place, mode, stands)?;
        if stands {
            crate::log::warn(format_args!("FIFO {} was stale: reclaimed", place.path.display()));
        }
        Ok(Fifo::new(node, User::after(place, takeover)?, self))
    }

    /// Opens the FIFO, neither end of it yet.
    ///
    /// # Errors
    /// `NotFound`. `NotAFifo`: a file, device, directory or symbolic link has that name; it was not
    /// opened. `WrongOwner`: it belongs neither to us, nor to root, nor to
    /// [`allow_owner`](Self::allow_owner). `InvalidName`, `Contended`, `Os`.
    ///
    /// # Linux
    /// [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html) with `O_PATH` and `O_NOFOLLOW`
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Fifo> {
        let path = path.as_ref();
        let deadline = Deadline::after(PATIENCE);
        loop {
            let place = Place::new("open FIFO", path)?;
            let node = Node::find(&place, self.allowed)?;
            let user = User::join(place, self.allowed)?;
            // Before we were a user, it may have been removed and another one created.
            let names = user.place.names(node.id);
            if names.map_err(|errno| Error::os("open FIFO", path, errno))? {
                return Ok(Fifo::new(node, user, self));
            }
            if deadline.passed() {
                return Err(Error::Contended { path: path.to_owned() });
            }
        }
    }

    /// Opens the FIFO, or creates it if there is none. Never reclaims one.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create), except `AlreadyExists`.
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Fifo> {
        let path = path.as_ref();
        let create = self.clone().reclaim_stale(false);
        let deadline = Deadline::after(PATIENCE);
        loop {
            match self.open(path) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match create.create(path) {
                Err(Error::AlreadyExists { .. }) if !deadline.passed() => {}
                Err(Error::AlreadyExists { path }) => return Err(Error::Contended { path }),
                created => return created,
            }
        }
    }
}

//! A FIFO as an object with a name.

use std::path::Path;
use std::sync::Arc;

use ipc_core::owner::Companion;
use ipc_core::watch::Watch;
use rustix::fs::{AtFlags, FileType, unlinkat};

use crate::canceller::Canceller;
use crate::error::{Error, Result};
use crate::node::Node;
use crate::options::FifoOptions;
use crate::place::Place;
use crate::user::User;

/// A FIFO: a pipe with a name. Processes that share nothing but the name open its ends.
///
/// This handle holds the file, not an end of it: [`open_reader`](Self::open_reader),
/// [`open_writer`](Self::open_writer) and [`Reader::persistent`](crate::Reader::persistent) open
/// those. They stay usable when the handle is dropped and when the name is removed.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_fifo::Error> {
/// # let dir = ipc_devkit::scratch::dir();
/// # let path = dir.path().join("fifo");
/// use ipc_fifo::{Fifo, Reader};
/// let fifo = Fifo::create(&path)?;
/// let mut reader = Reader::persistent(&fifo)?;
/// // usually in another process:
/// Fifo::open(&path)?.open_writer()?.write_atomic(b"hello")?;
/// let mut buf = [0; 16];
/// assert_eq!(reader.read(&mut buf)?, 5);
/// Fifo::unlink(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Fifo {
    pub(crate) node: Node,
    pub(crate) user: Arc<User>,
    pub(crate) watch: Watch,
    pub(crate) capacity: Option<usize>,
    unlink: bool,
}

impl Fifo {
    /// Creates a FIFO with mode 0600; it must not exist. See [`FifoOptions`] for choices.
    ///
    /// # Errors
    /// As [`FifoOptions::create`].
    #[doc(alias = "mkfifo")]
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        FifoOptions::new().create(path)
    }

    /// Opens a FIFO that exists and belongs to our effective user or root.
    ///
    /// # Errors
    /// As [`FifoOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        FifoOptions::new().open(path)
    }

    /// Opens a FIFO, or creates it with mode 0600 if there is none.
    ///
    /// # Errors
    /// As [`FifoOptions::open_or_create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        FifoOptions::new().open_or_create(path)
    }

    /// Removes the name of a FIFO, and its companion file if nobody uses it. Ends that are open go on
    /// working; waits for another end to be opened get `Removed`.
    ///
    /// # Errors
    /// `NotFound`. `NotAFifo`: something else has that name, and keeps it. `InvalidName`, `Os`.
    ///
    /// # Linux
    /// [`unlink(2)`](https://man7.org/linux/man-pages/man2/unlink.2.html)
    pub fn unlink(path: impl AsRef<Path>) -> Result<()> {
        const OP: &str = "unlink FIFO";
        let path = path.as_ref();
        let place = Place::new(OP, path)?;
        let os = |errno| Error::os(OP, path, errno);
        let Some(stat) = place.stat().map_err(os)? else {
            return Err(Error::NotFound { path: path.to_owned() });
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            return Err(Error::NotAFifo { path: path.to_owned() });
        }
        unlinkat(&place.dir, &place.name, AtFlags::empty()).map_err(os)?;
        // Whoever still uses it removes the companion in the end.
        if let Ok(unused) = Companion::take_over(&place.beside(&place.companion())) {
            if matches!(place.stat(), Ok(None)) {
                let _ = unused.remove();
            }
        }
        Ok(())
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.user.place.path
    }

    /// A handle that ends the current or next wait for the other end to be opened (`open_reader`,
    /// `open_writer` and their forms) with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<Canceller> {
        let made = self.watch.canceller();
        made.map(Canceller)
            .map_err(|errno| Error::os("create canceller of FIFO", self.path(), errno))
    }

    pub(crate) fn new(node: Node, user: User, options: &FifoOptions) -> Self {
        crate::log::fallbacks();
        Self {
            node,
            user: Arc::new(user),
            watch: Watch::default(),
            capacity: options.capacity,
            unlink: options.unlink,
        }
    }

    /// Whether a peer that comes by the name comes to this FIFO.
    pub(crate) fn check_named(&self, op: &'static str) -> Result<()> {
        match self.user.place.names(self.node.id) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Removed { path: self.path().to_owned() }),
            Err(errno) => Err(Error::os(op, self.path(), errno)),
        }
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let place = &self.user.place;
        if self.unlink && self.user.here() && place.names(self.node.id) == Ok(true) {
            let _ = unlinkat(&place.dir, &place.name, AtFlags::empty());
        }
    }
}

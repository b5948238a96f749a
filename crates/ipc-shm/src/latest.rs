//! The newest value of a `T`: one writer, any number of readers, who see it whole.
//!
//! The writer never waits. It fills the oldest of four slots, then says which one is the newest. A reader
//! copies the newest and looks whether it was overwritten meanwhile; only if the writer has stored
//! three more values by then does it try again, a bounded number of times. A writer that is killed at
//! any instruction leaves the value before.
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! # let name = format!("ipc-shm-doc-latest-{}", std::process::id());
//! use ipc_shm::Latest;
//!
//! let mut writer = Latest::<[f64; 3]>::writer(&name)?; // makes it, if there is none
//! writer.store([1.0, 2.0, 3.0])?;
//!
//! // In another process:
//! let mut reader = Latest::<[f64; 3]>::reader(&name)?;
//! assert_eq!(reader.load()?, [1.0, 2.0, 3.0]);
//! assert_eq!(reader.version(), 1);
//! # Latest::<[f64; 3]>::unlink(&name)
//! # }
//! ```
//!
//! To hear of changes, [`wait`](LatestReader::wait) in any of its four forms:
//!
//! ```
//! # fn main() -> Result<(), ipc_shm::Error> {
//! let (mut writer, mut reader) = ipc_shm::Latest::<u64>::pair()?;
//! writer.store(1)?;
//! writer.store(2)?;
//! assert_eq!(reader.wait()?, 2); // the version that can be loaded
//! assert_eq!((reader.load()?, reader.missed()), (2, 0)); // the first look misses nothing
//! assert!(matches!(reader.try_wait(), Err(ipc_shm::Error::WouldBlock)));
//! drop(writer);
//! assert!(matches!(reader.wait(), Err(ipc_shm::Error::Closed { peer_died: false })));
//! assert_eq!(reader.load()?, 2); // the value stays
//! # Ok(())
//! # }
//! ```
//!
//! Only cooperating processes may write to it: see [`ShmSafe`].
//!
//! | | |
//! |---|---|
//! | `Send`, `Sync` | both; reading and writing take `&mut self` |
//! | a fork's child | everything is `NotOwner`; dropping does nothing |
//! | exec | nothing survives; open it again |
//! | in a signal handler | [`Canceller::cancel`](crate::Canceller::cancel) only |
//! | cost | a thread and a mapping a handle; no descriptor; four times the value and five lines |

mod options;
mod reader;
mod writer;

use std::marker::PhantomData;

use crate::error::Result;
use crate::named;
use ipc_core::safe::ShmSafe;

pub use options::LatestOptions;
pub use reader::LatestReader;
pub use writer::LatestWriter;

/// The newest value of a `T` in shared memory; see the [module](self).
///
/// This is only the name under which its two ends are made: [`LatestWriter`] and [`LatestReader`].
#[derive(Debug)]
pub struct Latest<T>(PhantomData<T>);

impl<T: ShmSafe> Latest<T> {
    /// The writer's end of the cell of this name, which is made if there is none. Does not block.
    ///
    /// The place of a writer that died or left is taken, and the versions go on.
    ///
    /// # Errors
    /// As [`LatestOptions::writer`].
    pub fn writer(name: &str) -> Result<LatestWriter<T>> {
        LatestOptions::new().writer(name)
    }

    /// A reader's end of the cell of this name. Does not block.
    ///
    /// # Errors
    /// As [`LatestOptions::reader`].
    pub fn reader(name: &str) -> Result<LatestReader<T>> {
        LatestOptions::new().reader(name)
    }

    /// Both ends of a cell without a name, in one process. Does not block.
    ///
    /// # Errors
    /// As [`LatestOptions::anonymous`].
    pub fn pair() -> Result<(LatestWriter<T>, LatestReader<T>)> {
        LatestOptions::new().pair()
    }

    /// Removes the name. Who has it open goes on. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, or what `unlink(2)` reports.
    pub fn unlink(name: &str) -> Result<()> {
        named::unlink(name)
    }
}

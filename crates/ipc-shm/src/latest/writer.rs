//! The end that stores.

use std::marker::PhantomData;

use ipc_core::life::OwnerId;
use ipc_core::safe::ShmSafe;

use crate::area::Area;
use crate::error::{Error, Result};
use crate::slots::{CHANGED, Slots, WRITER};

/// The one writer of a [`Latest`](crate::Latest). Dropping it closes the cell until the next writer comes.
#[derive(Debug)]
pub struct LatestWriter<T> {
    area: Area,
    slots: Slots,
    name: String,
    me: OwnerId,
    version: u64,
    of: PhantomData<fn(T)>,
}

impl<T: ShmSafe> LatestWriter<T> {
    /// Sits down, if no live process has the seat.
    pub(super) fn join(area: Area, slots: Slots, name: &str) -> Result<Self> {
        let name = name.to_owned();
        let Some(me) = area.me() else { return Err(Error::NotOwner { name }) };
        if !area.role(WRITER).take(area.members(), me) {
            return Err(Error::AlreadyExists { name });
        }
        let version = Slots::newest(&area);
        let of = PhantomData;
        Ok(Self { area, slots, name, me, version, of })
    }

    /// Stores a value; its version. Never waits: at most one system call, if readers sleep.
    ///
    /// # Errors
    /// `NotOwner`: this is a forked child.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_shm::Error> {
    /// let (mut writer, mut reader) = ipc_shm::Latest::<u32>::pair()?;
    /// assert_eq!(writer.store(7)?, 1);
    /// assert_eq!(writer.store(8)?, 2);
    /// assert_eq!(reader.load()?, 8);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn store(&mut self, value: T) -> Result<u64> {
        self.publish(&value)
    }

    /// As [`store`](Self::store), for a large value that stays where it is.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    #[inline]
    pub fn store_from(&mut self, value: &T) -> Result<u64>
    where
        T: Copy,
    {
        self.publish(value)
    }

    /// The version of the value that was stored last, 0 if there was none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Nobody else changes `value` meanwhile: it is `Copy`, so without atomics, or a local of the caller.
    #[inline]
    fn publish(&mut self, value: &T) -> Result<u64> {
        if self.area.me().is_none() {
            return Err(self.not_owner());
        }
        let (area, version) = (&self.area, self.version.wrapping_add(1));
        self.slots.publish(area, version, |at| area.store_value(at, value));
        self.version = version;
        area.bell(CHANGED).ring();
        Ok(version)
    }

    #[cold]
    fn not_owner(&self) -> Error {
        Error::NotOwner { name: self.name.clone() }
    }
}

impl<T> Drop for LatestWriter<T> {
    fn drop(&mut self) {
        if self.area.me().is_some() {
            self.area.role(WRITER).close(self.me);
            self.area.bell(CHANGED).ring();
        }
    }
}

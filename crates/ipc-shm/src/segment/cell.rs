//! A value in a segment.

use std::fmt;
use std::marker::PhantomData;

use ipc_core::safe::ShmSafe;

use super::place::{bytes_of, value_from};
use super::view::View;
use crate::error::Result;

/// A `T` in a segment, read and written as a copy.
///
/// No copy is atomic: who reads while another process writes may see some bytes of the old value and
/// some of the new one. `T:` [`ShmSafe`] makes that a wrong value, never undefined behaviour. Use an atomic,
/// a lock of `ipc-sem`, or a `Latest` where that matters.
///
/// ```
/// # fn main() -> Result<(), ipc_shm::Error> {
/// ipc_shm::shm_safe! {
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct Point { pub x: f64, pub y: f64 }
/// }
/// let segment = ipc_shm::Segment::anonymous(4096)?;
/// let point = segment.get::<Point>(64)?;
/// point.store(Point { x: 1.0, y: 2.0 })?;
/// assert_eq!(point.load()?, Point { x: 1.0, y: 2.0 });
/// # Ok(())
/// # }
/// ```
///
/// What may have an invalid pattern of bytes, or means something in one process only, is refused:
///
/// ```compile_fail,E0277
/// # let segment = ipc_shm::Segment::anonymous(4096).unwrap();
/// let flag = segment.get::<bool>(0);
/// ```
///
/// ```compile_fail,E0277
/// # let segment = ipc_shm::Segment::anonymous(4096).unwrap();
/// let letter = segment.get::<char>(0);
/// ```
///
/// ```compile_fail,E0277
/// # let segment = ipc_shm::Segment::anonymous(4096).unwrap();
/// let reference = segment.get::<&'static u64>(0);
/// ```
///
/// ```compile_fail,E0277
/// ipc_shm::shm_safe! {
///     pub struct Flagged { pub value: u64, pub flag: bool }
/// }
/// ```
///
/// Padding is refused where the type is declared:
///
/// ```compile_fail,E0080
/// ipc_shm::shm_safe! {
///     pub struct Padded { pub small: u8, pub large: u64 }
/// }
/// ```
pub struct Cell<'a, T> {
    view: View<'a>,
    offset: usize,
    holds: PhantomData<fn() -> T>,
}

impl<'a, T: ShmSafe> Cell<'a, T> {
    /// The caller checked that it is inside.
    #[inline]
    pub(super) fn new(view: View<'a>, offset: usize) -> Self {
        Self { view, offset, holds: PhantomData }
    }

    /// A copy of the value.
    ///
    /// # Errors
    /// As [`Segment::read_at`](crate::Segment::read_at).
    #[inline]
    pub fn load(&self) -> Result<T> {
        value_from(|bytes| self.view.read_at(self.offset, bytes))
    }

    /// Copies a value in.
    ///
    /// # Errors
    /// As [`Segment::write_at`](crate::Segment::write_at).
    #[inline]
    pub fn store(&self, value: T) -> Result<()> {
        self.view.write_at(self.offset, bytes_of(&value))
    }

    /// Where in the segment it lies.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<T> Clone for Cell<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cell<'_, T> {}

impl<T> fmt::Debug for Cell<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("segment", &self.view.name)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

//! Objects at an address inside a segment.
#![expect(unsafe_code, reason = "the caller vouches for what lies at the address")]

use std::ptr::NonNull;

use ipc_core::safe::ShmSafe;

use super::Shared;
use super::layout::{BarrierBody, CondvarBody, EventBody, MutexBody};
use super::layout::{OnceBody, OwnedBody, RwLockBody, SemaphoreBody};
use crate::error::Result;
use crate::{Barrier, Condvar, Event, Mutex, Once, OwnedSemaphore, RwLock, Semaphore};

impl Semaphore {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<SemaphoreBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<SemaphoreBody>();

    /// Uses a semaphore that lies in a segment of this process. Zeroes are one of value 0. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a semaphore of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<SemaphoreBody>::at(place) }?;
        Ok(Self { shared })
    }
}

impl OwnedSemaphore {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<OwnedBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<OwnedBody>();

    /// Uses an owned semaphore that lies in a segment of this process. Zeroes are one without permits: [`set_permits`](Self::set_permits) comes first. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are an owned semaphore of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<OwnedBody>::at(place) }?;
        Ok(Self { shared })
    }
}

impl<T: ShmSafe> Mutex<T> {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<MutexBody<T>>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<MutexBody<T>>();

    /// Uses a mutex that lies in a segment of this process. Zeroes are a free one. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a mutex of the same `T`, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<MutexBody<T>>::at(place) }?;
        Ok(Self { shared })
    }
}

impl<T: ShmSafe + Sync> RwLock<T> {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<RwLockBody<T>>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<RwLockBody<T>>();

    /// Uses a lock that lies in a segment of this process. Zeroes are a free one. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a lock of the same `T`, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<RwLockBody<T>>::at(place) }?;
        Ok(Self { shared })
    }
}

impl Condvar {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<CondvarBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<CondvarBody>();

    /// Uses a condition variable that lies in a segment of this process. Zeroes are one on which nobody waits. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a condition variable of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<CondvarBody>::at(place) }?;
        Ok(Self { shared })
    }
}

impl Barrier {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<BarrierBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<BarrierBody>();

    /// Uses a barrier that lies in a segment of this process. Zeroes are one without parties: [`set_parties`](Self::set_parties) comes first. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a barrier of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<BarrierBody>::at(place) }?;
        Self::join(shared)
    }
}

impl Event {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<EventBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<EventBody>();

    /// Uses an event that lies in a segment of this process. Zeroes are one that resets itself and is not set. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are an event of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<EventBody>::at(place) }?;
        Ok(Self { shared })
    }
}

impl Once {
    /// Bytes in shared memory.
    pub const SIZE: usize = size_of::<OnceBody>();
    /// What its address must be a multiple of.
    pub const ALIGN: usize = align_of::<OnceBody>();

    /// Uses a once that lies in a segment of this process. Zeroes are one that has not run. Does not block.
    ///
    /// # Errors
    /// `NotInSegment`: the address is outside every segment of this process, or this is a fork's child.
    /// `InvalidArgument`: it is not a multiple of [`ALIGN`](Self::ALIGN).
    ///
    /// # Safety
    /// - the bytes at `place` are a once of the same version of this crate, or zeroes when the first process uses
    ///   them;
    /// - nothing else is done with these [`SIZE`](Self::SIZE) bytes, by any process, as long as one uses
    ///   them so;
    /// - all processes that write to the segment cooperate.
    pub unsafe fn at(place: NonNull<u8>) -> Result<Self> {
        // SAFETY: the duties are the same.
        let shared = unsafe { Shared::<OnceBody>::at(place) }?;
        Ok(Self { shared })
    }
}

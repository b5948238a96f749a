//! Values instead of bytes: any type that serde knows, written by postcard.
//!
//! The bytes of a message are input from outside. They are read as a whole: bytes left over are as wrong as
//! missing ones, and either is `Decode`.

mod posix;
mod shared;
mod sysv;

pub use shared::TypedDelivery;

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// A queue whose messages are values of type `T`.
///
/// Both sides must agree on `T`: postcard writes no names and no types, so bytes of another type may decode
/// to a wrong value. Change the type, change the queue's name.
///
/// ```
/// # fn main() -> Result<(), ipc_mq::Error> {
/// use ipc_mq::{Typed, sysv::{Filter, Queue}};
///
/// let queue: Typed<Queue, (u32, String)> = Typed::new(Queue::private()?);
/// queue.send(1, &(7, "seven".to_owned()))?;
/// assert_eq!(queue.recv(Filter::Any)?.value.1, "seven");
/// # queue.get_ref().remove()
/// # }
/// ```
#[derive(Debug)]
pub struct Typed<Q, T> {
    queue: Q,
    /// Values go in and come out; none is kept.
    values: PhantomData<fn(T) -> T>,
}

/// A value that was received, and what came with it: a priority (POSIX) or a type (System V).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received<K, T> {
    /// The priority, or the type of the message.
    pub kind: K,
    /// The value.
    pub value: T,
}

impl<Q, T> Typed<Q, T> {
    /// Sends and receives values through `queue`.
    pub fn new(queue: Q) -> Self {
        Self { queue, values: PhantomData }
    }

    /// The queue.
    pub fn get_ref(&self) -> &Q {
        &self.queue
    }

    /// Gives the queue back.
    pub fn into_inner(self) -> Q {
        self.queue
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(|error| Error::Encode { reason: error.to_string() })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let wrong = |reason: String| Error::Decode { reason };
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| wrong(e.to_string()))?;
    match rest.len() {
        0 => Ok(value),
        left => Err(wrong(format!("{left} of {} bytes are left over", bytes.len()))),
    }
}

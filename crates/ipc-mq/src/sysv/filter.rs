//! Which message a receiver wants.

use libc::{IPC_NOWAIT, MSG_EXCEPT, c_int, c_long};

use crate::error::{Error, Result};

/// Which message to take. Types are numbers from 1 up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The one that was sent first.
    #[default]
    Any,
    /// The first of this type.
    Type(i64),
    /// The first of the lowest type, if that is at most this.
    AtMost(i64),
    /// The first of any other type.
    #[doc(alias = "MSG_EXCEPT")]
    Except(i64),
}

/// What a type must be.
pub(super) const TYPES: Error = Error::InvalidInput { what: "the type of a message is at least 1" };

impl Filter {
    /// As `msgrcv` wants it: a type and flags.
    #[inline]
    pub(super) fn as_arguments(self) -> Result<(c_long, c_int)> {
        match self {
            Self::Any => Ok((0, 0)),
            Self::Type(kind) if kind > 0 => Ok((kind, 0)),
            Self::AtMost(kind) if kind > 0 => Ok((-kind, 0)),
            Self::Except(kind) if kind > 0 => Ok((kind, MSG_EXCEPT)),
            _ => Err(TYPES),
        }
    }
}

/// Flags of a call that may wait, or must not.
#[inline]
pub(super) fn flags(nowait: bool) -> c_int {
    if nowait { IPC_NOWAIT } else { 0 }
}

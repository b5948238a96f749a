//! What a queue tells about itself.

use libc::mq_attr;

/// The sizes of a POSIX queue, and how full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Messages it can hold.
    pub capacity: usize,
    /// Bytes that one message can have.
    pub message_size: usize,
    /// Messages it holds now.
    pub len: usize,
}

impl From<mq_attr> for Attributes {
    fn from(attr: mq_attr) -> Self {
        let number = |value| usize::try_from(value).unwrap_or(0);
        Self {
            capacity: number(attr.mq_maxmsg),
            message_size: number(attr.mq_msgsize),
            len: number(attr.mq_curmsgs),
        }
    }
}

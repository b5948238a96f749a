//! Rings of values: messages of one type, in slots of one size. See [`of`](super::of).

mod options;
mod receiver;
mod sender;

pub use self::{
    options::{Options, TypedEnd},
    receiver::Receiver,
    sender::Sender,
};

//! The child half's view of the parent half.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use crate::channel::{Channel, Message};

/// The parent half, as a child half sees it.
#[derive(Debug)]
pub struct Parent {
    channel: Channel,
}

impl Parent {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel }
    }

    /// Sends a text to the parent half.
    ///
    /// # Panics
    /// If the parent half no longer listens.
    pub fn tell(&mut self, text: &str) {
        self.channel
            .send_text(text)
            .unwrap_or_else(|error| panic!("tell the parent half {text:?}: {error}"));
    }

    /// The next text from the parent half.
    ///
    /// # Panics
    /// If the parent half is done with this child, or gave a descriptor instead.
    #[must_use]
    pub fn hear(&mut self) -> String {
        expect_text(self.channel.receive(), "the parent half")
    }

    /// Sends a copy of a descriptor to the parent half.
    ///
    /// # Panics
    /// If the parent half no longer listens.
    pub fn give(&mut self, descriptor: impl AsFd) {
        self.channel
            .send_descriptor(descriptor.as_fd())
            .unwrap_or_else(|error| panic!("give a descriptor to the parent half: {error}"));
    }

    /// The next descriptor from the parent half.
    ///
    /// # Panics
    /// If the parent half is done with this child, or told a text instead.
    #[must_use]
    pub fn take(&mut self) -> OwnedFd {
        expect_descriptor(self.channel.receive(), "the parent half")
    }
}

/// The text that `from` sent, or a panic that says what came instead.
pub(super) fn expect_text(received: Result<Option<Message>, Errno>, from: &str) -> String {
    match received {
        Ok(Some(Message::Text(text))) => text,
        Ok(Some(Message::Descriptor(_))) => panic!("{from} gave a descriptor, not a text"),
        Ok(None) => panic!("{from} ended without a word"),
        Err(error) => panic!("hear {from}: {error}"),
    }
}

/// The descriptor that `from` sent, or a panic that says what came instead.
pub(super) fn expect_descriptor(received: Result<Option<Message>, Errno>, from: &str) -> OwnedFd {
    match received {
        Ok(Some(Message::Descriptor(descriptor))) => descriptor,
        Ok(Some(Message::Text(text))) => panic!("{from} told {text:?}, not a descriptor"),
        Ok(None) => panic!("{from} ended without giving a descriptor"),
        Err(error) => panic!("take a descriptor from {from}: {error}"),
    }
}

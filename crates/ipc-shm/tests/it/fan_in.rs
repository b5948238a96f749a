//! Many senders, one receiver.

mod death;
mod hostile;
mod model;
mod smoke;
mod waits;

/// A message of a sender: its number there, and bytes that follow from both.
fn message(sender: u64, number: u64) -> Vec<u8> {
    let len = 16 + usize::try_from((number * 37 + sender) % 90).expect("small");
    let mut bytes = [sender.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.resize(len, u8::try_from((sender * 7 + number) % 251).expect("small"));
    bytes
}

/// Sender and number of a message, whose bytes must all be right.
#[track_caller]
fn parse(bytes: &[u8]) -> (u64, u64) {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
    let (sender, number) = (word(0), word(8));
    assert!(bytes == message(sender, number), "torn");
    (sender, number)
}

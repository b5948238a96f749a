//! One sender, many receivers.

mod death;
mod evict;
mod hostile;
mod lossy;
mod model;
mod smoke;
mod waits;

/// A message whose bytes follow from its number.
fn message(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize_with(len.max(8), {
        let mut state = number;
        move || {
            state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
            state.to_le_bytes()[7]
        }
    });
    bytes
}

/// The number of a message, whose bytes must all be right.
#[track_caller]
fn number(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    assert!(bytes == message(number, bytes.len()), "torn: {number}");
    number
}

/// A length that follows from a number: mostly short ones.
fn length(number: u64) -> usize {
    let length = if number % 7 == 0 { number * 31 % 900 } else { number % 60 };
    usize::try_from(length).expect("small").max(8)
}

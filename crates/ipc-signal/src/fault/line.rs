//! A line of text made without the heap, for a handler that runs when nothing can be relied on.

use super::Fault;
use super::code::UNKNOWN;

/// Text in a fixed buffer. What does not fit is left out.
pub(super) struct Line {
    bytes: [u8; 192],
    len: usize,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; 192], len: 0 }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn as_str(&self) -> &str {
        // Only ASCII is ever put in.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The whole line, with its end.
    pub(super) fn fault(&mut self, fault: &Fault) {
        self.text("SIG");
        self.text(fault.signal.standard_name().unwrap_or("?"));
        self.text(" ");
        match fault.code {
            None => self.text("sent"),
            Some(code) => {
                self.text(code.name());
                if code.name() == UNKNOWN {
                    self.text(":");
                    self.number(u64::from(code.as_raw().unsigned_abs()), 10);
                }
            }
        }
        let places = [(" address=0x", fault.address), (" instruction=0x", fault.instruction)];
        for (name, value) in places {
            if let Some(value) = value {
                self.text(name);
                self.number(value as u64, 16);
            }
        }
        self.text(" pid=");
        self.number(fault.pid.into(), 10);
        self.text(" tid=");
        self.number(fault.tid.into(), 10);
        self.text("\n");
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(room) = self.bytes.get_mut(self.len) {
            *room = byte;
            self.len += 1;
        }
    }

    fn number(&mut self, mut value: u64, base: u64) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = DIGITS[usize::try_from(value % base).unwrap_or(0)];
            value /= base;
            if value == 0 || at == 0 {
                break;
            }
        }
        for digit in &digits[at..] {
            self.byte(*digit);
        }
    }
}

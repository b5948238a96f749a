//! The first bytes of a segment: what is in it, and whether we believe it.

use super::Fault;

/// Reads `ipc seg` and a line end, so that a text file is never taken for one.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ipcseg\r\n");
/// Stands in the place of [`MAGIC`] while a segment is laid into memory that was there before.
pub(super) const BUILDING: u64 = u64::from_le_bytes(*b"ipcbuild");
/// Version of this header and the life table; what lives in the body has its own.
pub const VERSION: u32 = 1;
/// Bytes of the header proper.
pub const HEADER: usize = 64;
/// Where the life table begins: after the header and the two futex words, a line each.
pub(crate) const TABLE: usize = 256;
/// Bytes of a slot of the life table.
pub(crate) const SLOT: usize = 16;
/// Most slots a table may have: with them, the control part still fits the smallest page.
pub const MAX_SLOTS: usize = 240;
/// Alignment of the body: a pair of cache lines.
const LINE_PAIR: usize = 128;

/// What a program expects to live in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Which type lives there.
    pub kind: u32,
    /// Hash of its layout: see [`layout_of`](crate::safe::layout_of).
    pub layout: u64,
    /// Bytes of the body; when opening, the least that will do.
    pub body: usize,
    /// Slots of the life table; when opening, not looked at.
    pub slots: usize,
}

impl Spec {
    /// A body of `body` bytes, shared by up to 60 processes.
    #[must_use]
    pub const fn new(kind: u32, layout: u64, body: usize) -> Self {
        Self { kind, layout, body, slots: 60 }
    }
}

/// The validated header: private copies, never read from shared memory again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Slots of the life table.
    pub slots: usize,
    /// Where the body begins.
    pub body_offset: usize,
    /// Bytes of the body.
    pub body_size: usize,
    kind: u32,
    layout: u64,
}

impl Header {
    /// The header of a new segment.
    ///
    /// # Errors
    /// `TooLarge`: it does not fit an address space. `Corrupt`: no slots, or more than [`MAX_SLOTS`].
    pub fn new(spec: &Spec) -> Result<Self, Fault> {
        let Spec { kind, layout, body, slots } = *spec;
        if !(1..=MAX_SLOTS).contains(&slots) {
            return Err(Fault::Corrupt { what: "number of slots" });
        }
        let body_offset = (TABLE + slots * SLOT).next_multiple_of(LINE_PAIR);
        let whole = body_offset.checked_add(body).and_then(|whole| isize::try_from(whole).ok());
        whole.ok_or(Fault::TooLarge)?;
        Ok(Self { slots, body_offset, body_size: body, kind, layout })
    }

    /// Bytes of the whole segment.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.body_offset + self.body_size
    }

    /// The header as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC.to_le_bytes());
        put(8, &VERSION.to_le_bytes());
        put(12, &u32::try_from(self.slots).unwrap_or(0).to_le_bytes());
        put(16, &self.kind.to_le_bytes());
        put(24, &self.layout.to_le_bytes());
        put(32, &(self.body_offset as u64).to_le_bytes());
        put(40, &(self.body_size as u64).to_le_bytes());
        put(48, &super::memory::boot().to_le_bytes());
        bytes
    }

    /// Believes `bytes`, the start of a file of `size` bytes, or says what is wrong with them.
    ///
    /// # Errors
    /// In this order: `Truncated` (no header), `Endian`, `NotOurs`, `Version`, `Kind`, `Layout`,
    /// `Corrupt`, `Truncated` (shorter than the header says).
    pub fn decode(bytes: &[u8; HEADER], size: u64, spec: &Spec) -> Result<Self, Fault> {
        if size < HEADER as u64 {
            return Err(Fault::Truncated { size, needed: HEADER as u64 });
        }
        match long(bytes, 0) {
            MAGIC => {}
            magic if magic.swap_bytes() == MAGIC => return Err(Fault::Endian),
            _ => return Err(Fault::NotOurs),
        }
        let (version, kind, layout) = (word(bytes, 8), word(bytes, 16), long(bytes, 24));
        if version != VERSION {
            return Err(Fault::Version { found: version });
        }
        if kind != spec.kind {
            return Err(Fault::Kind { found: kind });
        }
        if layout != spec.layout {
            return Err(Fault::Layout { found: layout });
        }
        let field =
            |at, what| usize::try_from(long(bytes, at)).map_err(|_| Fault::Corrupt { what });
        let slots = usize::try_from(word(bytes, 12)).unwrap_or(0);
        let expected = Spec { kind, layout, body: field(40, "size of the body")?, slots };
        let header = Self::new(&expected).map_err(|fault| match fault {
            Fault::TooLarge => Fault::Corrupt { what: "size of the body" },
            fault => fault,
        })?;
        if header.body_offset != field(32, "place of the body")? {
            return Err(Fault::Corrupt { what: "place of the body" });
        }
        if header.body_size < spec.body {
            return Err(Fault::Corrupt { what: "size of the body" });
        }
        if size < header.total() as u64 {
            return Err(Fault::Truncated { size, needed: header.total() as u64 });
        }
        Ok(header)
    }
}

fn word(bytes: &[u8; HEADER], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

fn long(bytes: &[u8; HEADER], at: usize) -> u64 {
    u64::from(word(bytes, at)) | (u64::from(word(bytes, at + 4)) << 32)
}

//! The body of a segment as words and bytes: the one place where cells, broadcasts and fan-ins touch
//! shared memory.
#![expect(unsafe_code, reason = "turns offsets into a segment into references and copies")]

mod copy;

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_core::life::{Membership, OwnerId};
use ipc_core::safe::ShmSafe;
use ipc_core::segment::Segment;
use ipc_core::wait::Bell;

use crate::memory::Memory;
use crate::ring::role::Role;

/// A segment's body. Base and length are private copies, and every offset is checked against them.
#[derive(Debug)]
pub(crate) struct Area {
    segment: Segment,
    base: NonNull<u8>,
    len: usize,
    /// The word of `segment.members().me_word()`: one load instead of four.
    me: NonNull<AtomicU32>,
}

// SAFETY: the pointers lead into what `segment` owns, which is `Send` and stays in place when moved.
unsafe impl Send for Area {}
// SAFETY: through a shared `Area` only atomics are reached, and bytes by copies that allow for others.
unsafe impl Sync for Area {}

impl Area {
    pub(crate) fn new(segment: Segment) -> Self {
        let (base, len) = (segment.body(), segment.body_size());
        let me = NonNull::from(segment.members().me_word());
        Self { segment, base, len, me }
    }

    /// Our id in the life table; none in a forked child.
    #[inline]
    pub(crate) fn me(&self) -> Option<OwnerId> {
        // SAFETY: `me_word` stays where it is as long as the membership, which `segment` owns.
        OwnerId::from_bits(unsafe { self.me.as_ref() }.load(Ordering::Relaxed))
    }

    pub(crate) fn members(&self) -> &Membership {
        self.segment.members()
    }

    /// Bytes of the body.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The 32-bit word at `at`.
    #[inline]
    pub(crate) fn word32(&self, at: usize) -> &AtomicU32 {
        let word = self.at(at, size_of::<AtomicU32>()).cast::<AtomicU32>();
        assert!(word.is_aligned(), "a word is aligned");
        // SAFETY: inside the body and aligned, by the lines above; mapped as long as `segment`; all bits
        // are a value. The protocols use these 4 bytes as this atomic only.
        unsafe { word.as_ref() }
    }

    /// The bell at `at`.
    #[inline]
    pub(crate) fn bell(&self, at: usize) -> &Bell {
        let word = NonNull::from(self.word32(at)).cast::<Bell>();
        // SAFETY: a `Bell` is a transparent `AtomicU32`, and the word lives as long as `self`.
        unsafe { word.as_ref() }
    }

    /// The seat at `at`: who has one end of the whole.
    #[inline]
    pub(crate) fn role(&self, at: usize) -> &Role {
        let word = NonNull::from(self.word32(at)).cast::<Role>();
        // SAFETY: a `Role` is a transparent `AtomicU32`, and the word lives as long as `self`.
        unsafe { word.as_ref() }
    }

    /// Copies a value to `at`. Others may read there meanwhile.
    #[inline]
    pub(crate) fn store_value<T: ShmSafe>(&self, at: usize, value: &T) {
        let to = self.at(at, size_of::<T>());
        let from = std::ptr::from_ref(value).cast::<u8>();
        // SAFETY: a `ShmSafe` value is so many bytes without padding; the target is inside the body.
        unsafe { copy::to_shared(from, to.as_ptr(), size_of::<T>()) };
    }

    /// Copies a value from `at`, over one that is there: a mixture, if others write there meanwhile.
    #[inline]
    pub(crate) fn load_value_into<T: ShmSafe>(&self, at: usize, value: &mut T) {
        let from = self.at(at, size_of::<T>());
        let to = std::ptr::from_mut(value).cast::<u8>();
        // SAFETY: the source is inside the body; the target is borrowed for us alone, and any bytes are
        // a valid `T: ShmSafe`, which has nothing to drop.
        unsafe { copy::from_shared(from.as_ptr(), to, size_of::<T>()) };
    }

    /// Copies a value from `at`: a mixture, if others write there meanwhile.
    #[inline]
    pub(crate) fn load_value<T: ShmSafe>(&self, at: usize) -> T {
        let from = self.at(at, size_of::<T>());
        // SAFETY: the line above: so many bytes are inside the body.
        if let Some(value) = unsafe { copy::through_registers(from.as_ptr()) } {
            return value;
        }
        let mut value = MaybeUninit::<T>::uninit();
        let to = value.as_mut_ptr().cast::<u8>();
        // SAFETY: the source is inside the body; the target is a local of that size.
        unsafe { copy::from_shared(from.as_ptr(), to, size_of::<T>()) };
        // SAFETY: every byte was written, and any bytes are a valid `T: ShmSafe`.
        unsafe { value.assume_init() }
    }

    /// The address of `len` bytes at `at`. The protocols compute offsets from private sizes, so the check
    /// fails for a mistake of ours only.
    #[inline]
    fn at(&self, at: usize, len: usize) -> NonNull<u8> {
        assert!(at <= self.len && len <= self.len - at, "an offset outside of the segment");
        // SAFETY: `at` is at most the length of the mapping from `base` on.
        unsafe { self.base.add(at) }
    }
}

impl Memory for Area {
    #[inline]
    fn word(&self, at: usize) -> &AtomicU64 {
        let word = self.at(at, size_of::<AtomicU64>()).cast::<AtomicU64>();
        assert!(word.is_aligned(), "a word is aligned");
        // SAFETY: inside the body and aligned, by the lines above; mapped as long as `segment`; all bits
        // are a value. Others write these bytes as this atomic, or while nobody relies on them.
        unsafe { word.as_ref() }
    }

    #[inline]
    fn copy_in(&self, at: usize, bytes: &[u8]) {
        let to = self.at(at, bytes.len());
        // SAFETY: `bytes` is readable, the target inside the body.
        unsafe { copy::to_shared(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
    }

    #[inline]
    fn copy_out(&self, at: usize, into: &mut [u8]) {
        let from = self.at(at, into.len());
        // SAFETY: the source is inside the body, `into` is borrowed for us alone.
        unsafe { copy::from_shared(from.as_ptr(), into.as_mut_ptr(), into.len()) };
    }
}

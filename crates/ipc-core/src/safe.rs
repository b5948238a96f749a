//! Which values may live in memory that other processes write: [`ShmSafe`].
#![expect(unsafe_code, reason = "states, type by type, which ones have no invalid bit pattern")]

use std::sync::atomic;

/// A value that may live in shared memory: half-written it is wrong, never undefined.
///
/// # Safety
/// Who implements it states that
/// - every bit pattern is a valid value (so no `bool`, `char`, enum, reference or pointer),
/// - it means the same in every process (no addresses, no descriptors as owned values),
/// - it has a fixed layout (`repr(C)` or `repr(transparent)`) without padding, and nothing to drop.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not live in shared memory",
    note = "wrap the struct in `shm_safe!`, with fields that are integers, floats, atomics or arrays of them"
)]
pub unsafe trait ShmSafe: Sized + Send + 'static {}

macro_rules! plain {
    ($($type:ty)*) => { $(
        // SAFETY: every bit pattern is a value, there is no padding, and nothing to drop.
        unsafe impl ShmSafe for $type {}
    )* };
}

plain! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }
plain! { atomic::AtomicU8 atomic::AtomicU16 atomic::AtomicU32 atomic::AtomicU64 atomic::AtomicUsize }
plain! { atomic::AtomicI8 atomic::AtomicI16 atomic::AtomicI32 atomic::AtomicI64 atomic::AtomicIsize }

// SAFETY: an array has the patterns of its elements and no padding between them.
unsafe impl<T: ShmSafe, const N: usize> ShmSafe for [T; N] {}

/// Declares a struct that may live in shared memory.
///
/// It becomes `#[repr(C)]`. Every field must be [`ShmSafe`] itself; padding is refused at compile
/// time, so write it out as a field.
///
/// # Examples
/// ```
/// ipc_core::shm_safe! {
///     /// How far the work has come.
///     #[derive(Clone, Copy, Debug, Default)]
///     pub struct Progress {
///         pub done: u64,
///         pub failed: u32,
///         pub padding: u32,
///     }
/// }
/// assert_eq!(size_of::<Progress>(), 16);
/// ```
#[macro_export]
macro_rules! shm_safe {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[repr(C)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),+ }
        const _: () = {
            const fn field_is_safe<T: $crate::safe::ShmSafe>() -> usize { ::core::mem::size_of::<T>() }
            assert!(
                ::core::mem::size_of::<$name>() == 0 $(+ field_is_safe::<$type>())+,
                "padding between the fields: write it out as a field"
            );
            assert!(!::core::mem::needs_drop::<$name>(), "nothing in shared memory is dropped");
        };
        // SAFETY: each field is `ShmSafe`, the struct is `repr(C)` without padding and without drop
        // glue: the constant above does not compile otherwise.
        unsafe impl $crate::safe::ShmSafe for $name {}
    };
}

/// A hash of what two programs must agree on before they share a `T`: its size and alignment, and
/// `seed`, which stands for everything else (the version of the type around it).
#[must_use]
pub const fn layout_of<T: ShmSafe>(seed: u64) -> u64 {
    let shape = ((size_of::<T>() as u64) << 16) | align_of::<T>() as u64;
    // The finaliser of splitmix64: every bit of the input reaches every bit of the hash.
    let mut hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ shape;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

//! A peer that keeps to no rule: it goes through the handshake by hand and writes whatever it likes.
#![expect(unsafe_code, reason = "writes to shared memory that a victim reads")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// How far a side has received; the state of its receiver and of its sender.
pub(crate) const TAIL: usize = 0;
pub(crate) const RECEIVER: usize = 128;
pub(crate) const SENDER: usize = 256;

/// Roles in a hello.
pub(crate) const OFFERS: u32 = 1;
pub(crate) const ACCEPTS: u32 = 2;

/// The capacity of the rings in these tests: the least.
pub(crate) const CAPACITY: u64 = 4096;

pub(crate) const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// Where a ring begins.
pub(crate) fn ring() -> usize {
    rustix::param::page_size()
}

/// The header of a message of `len` bytes, and the one that leads back to the start.
pub(crate) fn header(len: u64) -> u64 {
    1 << 63 | len
}
pub(crate) const PAD: u64 = 3 << 62;

/// A hello as the other side would send it.
pub(crate) fn hello(role: u32, capacity: u64) -> [u8; 32] {
    let mut hello = [0; 32];
    hello[..8].copy_from_slice(b"ipc-untr");
    hello[8..12].copy_from_slice(&1_u32.to_le_bytes());
    hello[12..16].copy_from_slice(&role.to_le_bytes());
    hello[16..24].copy_from_slice(&capacity.to_le_bytes());
    hello
}

pub(crate) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(fds)));
    }
    // A victim that refuses may have hung up already, and one that is flooded has no room.
    let _ = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    );
}

/// A hello and the descriptor that came with it; `None` if the other side hung up instead.
pub(crate) fn receive(socket: impl AsFd) -> Option<([u8; 32], OwnedFd)> {
    let mut bytes = [0; 32];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
    let mut buf = [IoSliceMut::new(&mut bytes)];
    let got = rustix::net::recvmsg(socket, &mut buf, &mut ancillary, flags).ok()?.bytes;
    let mut fds = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    (got == 32).then(|| (bytes, fds.next().expect("memory comes with a hello")))
}

/// A memory of `size` bytes, not yet sealed.
pub(crate) fn memfd(size: usize) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = memfd_create("ipc-t-rogue", flags).expect("memfd");
    if size > 0 {
        let none = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&fd, none, 0, size as u64).expect("reserve");
    }
    fd
}

pub(crate) fn sealed(size: usize) -> OwnedFd {
    let fd = memfd(size);
    fcntl_add_seals(&fd, SEALS).expect("seal");
    fd
}

/// The peer after its handshake.
#[derive(Debug)]
pub(crate) struct Rogue {
    pub(crate) socket: OwnedFd,
    memory: Memory,
    victim: Memory,
}

impl Rogue {
    /// The side that accepts.
    pub(crate) fn accept(socket: OwnedFd) -> Self {
        let (hello_of_victim, theirs) = receive(&socket).expect("an offer");
        assert_eq!(hello_of_victim, hello(OFFERS, CAPACITY));
        let ours = memfd(ring() + CAPACITY as usize);
        let memory = Memory::new(&ours, true);
        fcntl_add_seals(&ours, SEALS).expect("seal");
        send(&socket, &hello(ACCEPTS, CAPACITY), &[ours.as_fd()]);
        Self { socket, memory, victim: Memory::new(&theirs, false) }
    }

    /// A word of our own memory.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        self.memory.word(offset)
    }

    /// What a word of the victim's memory holds.
    pub(crate) fn seen(&self, offset: usize) -> u64 {
        self.victim.word(offset).load(Ordering::Acquire)
    }

    /// Writes a word of our ring.
    pub(crate) fn store(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::Release);
    }
}

/// A mapping of a whole channel memory.
#[derive(Debug)]
struct Memory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, and only atomics in it are reached.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(fd: &OwnedFd, write: bool) -> Self {
        let len = ring() + CAPACITY as usize;
        let access = if write { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let base = unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, fd, 0) };
        let base = NonNull::new(base.expect("map").cast()).expect("nothing is mapped at zero");
        Self { base, len }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.len);
        // SAFETY: inside the mapping, by the line above.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned, mapped until the drop, and only used as an atomic.
        unsafe { word.cast::<AtomicU64>().as_ref() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `new` mapped exactly this range, and no borrow of `self` is left.
        unsafe { munmap(self.base.as_ptr().cast(), self.len) }.expect("unmap");
    }
}

/// Tries to map a memory for writing.
pub(crate) fn map_for_writing(fd: &OwnedFd) -> Result<(), rustix::io::Errno> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced; nothing is done with it.
    unsafe { mmap(std::ptr::null_mut(), ring(), access, MapFlags::SHARED, fd, 0) }?;
    Ok(())
}

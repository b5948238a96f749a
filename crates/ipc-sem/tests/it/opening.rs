//! Objects in shared memory by name, by descriptor and in place: what is opened, and what is refused.
#![expect(unsafe_code, reason = "`at` takes an address")]

use std::os::unix::fs::PermissionsExt;
use std::ptr::NonNull;

use ipc_core::name::Name;
use ipc_core::segment::{Access, Segment, Spec};
use ipc_devkit::{alone, fault, two_process};
use ipc_sem::{Barrier, Condvar, Error, Event, Mutex, MutexOptions, Once, OwnedSemaphore};
use ipc_sem::{RwLock, Semaphore, SemaphoreOptions};

use crate::world::{Named, ask, verdict};

/// The shared layout: a change of any number here is a change of its version.
#[test]
fn layouts_are_as_they_are() {
    assert_eq!((Semaphore::SIZE, Semaphore::ALIGN), (8, 4));
    assert_eq!((OwnedSemaphore::SIZE, OwnedSemaphore::ALIGN), (264, 4));
    assert_eq!((Mutex::<[u8; 0]>::SIZE, Mutex::<[u8; 0]>::ALIGN), (8, 4));
    assert_eq!((Mutex::<u64>::SIZE, Mutex::<u64>::ALIGN), (16, 8));
    assert_eq!((RwLock::<[u8; 0]>::SIZE, RwLock::<u64>::SIZE, RwLock::<u64>::ALIGN), (496, 504, 8));
    assert_eq!((Condvar::SIZE, Condvar::ALIGN), (4, 4));
    assert_eq!((Barrier::SIZE, Barrier::ALIGN), (488, 8));
    assert_eq!((Event::SIZE, Event::ALIGN), (8, 4));
    assert_eq!((Once::SIZE, Once::ALIGN), (8, 4));
}

/// X10: the mode is as asked, whatever the umask, and 0600 if nothing is asked.
#[test]
fn the_mode_is_as_asked() {
    alone("opening::the_mode_is_as_asked", || {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        for (options, mode) in [
            (SemaphoreOptions::new(), 0o600),
            (SemaphoreOptions::new().mode(0o666), 0o666),
            (SemaphoreOptions::new().mode(0o7777), 0o666),
        ] {
            let name = Named::new("mode");
            let _semaphore = options.create(&name.0, 1).expect("create");
            let found = std::fs::metadata(format!("/dev/shm/{}", name.0)).expect("look");
            assert_eq!(found.permissions().mode() & 0o7777, mode);
        }
    });
}

/// X9, X13, X14: names are checked, other kinds and other data are refused, an unlinked object works on.
#[test]
fn what_is_no_such_object_is_refused() {
    alone("opening::what_is_no_such_object_is_refused", || {
        for name in ["", "/", "a/b", "..", "a\0b"] {
            let refused = Mutex::<u64>::open_or_create(name);
            assert!(matches!(refused, Err(Error::InvalidName { .. })), "{name:?}");
        }
        let name = Named::new("kind");
        let missing = Mutex::<u64>::open(&name.0).expect_err("there is none");
        assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
        let mutex = Mutex::<u64>::create(&name.0).expect("create");
        let again = Mutex::<u64>::create(&name.0);
        assert!(matches!(again, Err(Error::AlreadyExists { .. })));
        let other_kind = Semaphore::open(&name.0).expect_err("a mutex");
        assert!(matches!(other_kind, Error::Mismatch { .. }), "{other_kind}");
        let other_data = Mutex::<u32>::open(&name.0).expect_err("other data");
        assert!(matches!(other_data, Error::Mismatch { .. }), "{other_data}");
        let path = format!("/dev/shm/{}", name.0);
        let whole = std::fs::read(&path).expect("read");
        // Every byte of the part that says what it is, changed alone; 40 to 63 are not used yet.
        let copy = Named::new("copy");
        let mut refused = 0;
        for byte in 0..40 {
            let mut bytes = whole.clone();
            bytes[byte] ^= 0x80;
            std::fs::write(format!("/dev/shm/{}", copy.0), bytes).expect("write");
            refused += u32::from(Mutex::<u64>::open(&copy.0).is_err());
        }
        assert!(refused >= 32, "{refused} of 40");
        for length in [0, 8, 63, 64, 200, whole.len() / 2] {
            std::fs::write(format!("/dev/shm/{}", copy.0), &whole[..length]).expect("write");
            let cut = Mutex::<u64>::open(&copy.0).expect_err("cut off");
            assert!(
                matches!(cut, Error::Truncated { .. } | Error::Corrupt { .. }),
                "{length}: {cut}"
            );
        }
        Mutex::<u64>::unlink(&name.0).expect("unlink");
        *mutex.lock().expect("it works on") += 1;
        assert!(matches!(Mutex::<u64>::unlink(&name.0), Err(Error::NotFound { .. })));
    });
}

/// An object that nobody lives in is replaced if that is asked for; a live one never.
#[test]
fn only_stale_objects_are_reclaimed() {
    two_process(
        "opening::only_stale_objects_are_reclaimed",
        |mut child| {
            let name = Named::new("stale");
            assert_eq!(ask(&mut child, &name.0), "made");
            let options = MutexOptions::<u64>::new().reclaim_stale(true);
            assert!(matches!(options.create(&name.0), Err(Error::AlreadyExists { .. })));
            child.kill();
            let plain = Mutex::<u64>::create(&name.0);
            assert!(matches!(plain, Err(Error::AlreadyExists { .. })));
            let fresh = options.create(&name.0).expect("reclaim");
            assert_eq!(*fresh.lock().expect("new"), 0);
        },
        |mut parent| {
            let mutex = Mutex::<u64>::create(&parent.hear()).expect("create");
            *mutex.lock().expect("free") = 5;
            parent.tell("made");
            let _ = parent.hear();
        },
    );
}

/// A relative opens a nameless object by its descriptor.
#[test]
fn a_descriptor_is_as_good_as_a_name() {
    two_process(
        "opening::a_descriptor_is_as_good_as_a_name",
        |mut child| {
            let (mutex, fd) = Mutex::<u64>::anonymous().expect("create");
            child.give(&fd);
            assert_eq!(child.hear(), "added");
            assert_eq!(*mutex.lock().expect("free"), 1);
            let other = Semaphore::from_fd(fd).expect_err("a mutex");
            assert!(matches!(other, Error::Mismatch { .. }), "{other}");
        },
        |mut parent| {
            let mutex = Mutex::<u64>::from_fd(parent.take()).expect("open");
            *mutex.lock().expect("free") += 1;
            drop(mutex);
            parent.tell("added");
        },
    );
}

/// X4: nothing can be opened or made in a forked child.
#[test]
fn a_forked_child_opens_nothing() {
    alone("opening::a_forked_child_opens_nothing", || {
        let name = Named::new("fork");
        let _mutex = Mutex::<u64>::create(&name.0).expect("create");
        let right = fault::in_fork(|| {
            matches!(Mutex::<u64>::open(&name.0), Err(Error::NotOwner { .. }))
                && matches!(Mutex::<u64>::anonymous(), Err(Error::NotOwner { .. }))
        });
        assert!(right);
    });
}

/// A place in a segment of somebody else's making: zeroes are whole objects.
#[test]
fn zeroes_in_a_segment_are_objects() {
    alone("opening::zeroes_in_a_segment_are_objects", || {
        let name = Named::new("place");
        let checked = Name::new(&name.0, 200).expect("a plain name");
        let spec = Spec::new(7, 7, 4096);
        let access = Access::default();
        let segment = Segment::create(&checked, &spec, &access, |_| {}).expect("create");
        let place = |offset: usize| segment.get::<[u8; 512]>(offset).expect("inside").cast::<u8>();
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let mutex = in_place(|| unsafe { Mutex::<u64>::at(place(0)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let rwlock = in_place(|| unsafe { RwLock::<u64>::at(place(512)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let semaphore = in_place(|| unsafe { Semaphore::at(place(1024)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let owned = in_place(|| unsafe { OwnedSemaphore::at(place(1536)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let condvar = in_place(|| unsafe { Condvar::at(place(2048)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let barrier = in_place(|| unsafe { Barrier::at(place(2560)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let event = in_place(|| unsafe { Event::at(place(3072)) });
        // SAFETY: zeroes that only this test uses, 512 bytes from the next.
        let once = in_place(|| unsafe { Once::at(place(3584)) });
        *mutex.lock().expect("free") += 1;
        *rwlock.write().expect("free") += 1;
        assert_eq!(*rwlock.read().expect("free"), 1);
        assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
        semaphore.release().expect("release");
        semaphore.acquire().expect("one");
        assert!(matches!(owned.try_acquire(), Err(Error::WouldBlock)));
        owned.set_permits(2).expect("set");
        drop(owned.acquire().expect("free"));
        condvar.notify_all().expect("nobody");
        barrier.set_parties(1).expect("set");
        assert!(barrier.wait().expect("alone").is_leader());
        assert!(matches!(event.try_wait(), Err(Error::WouldBlock)));
        event.set().expect("set");
        event.wait().expect("set");
        assert!(once.call_once(|| ()).expect("first"));
        // SAFETY: nothing is done with what is refused.
        let crooked = unsafe { Mutex::<u64>::at(segment.get::<u8>(1).expect("inside").cast()) };
        assert!(matches!(crooked, Err(Error::InvalidArgument { .. })));
        let mut outside = 0u128;
        // SAFETY: as above.
        let refused = unsafe { Mutex::<u64>::at(NonNull::from(&mut outside).cast()) };
        assert!(matches!(refused, Err(Error::NotInSegment { .. })));
        // SAFETY: as above.
        let beyond = unsafe { RwLock::<u64>::at(segment.get::<u64>(4088).expect("inside").cast()) };
        assert!(matches!(beyond, Err(Error::NotInSegment { .. })));
        assert_eq!(verdict(&mutex.try_lock()), "clean");
    });
}

fn in_place<X>(at: impl FnOnce() -> ipc_sem::Result<X>) -> X {
    at().expect("inside a segment")
}

//! NamedSemaphore: names, modes, values, time, and what else may stand at its name.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, scratch, two_process};
use ipc_sem::{Error, NamedSemaphore, NamedSemaphoreOptions};

const SHORT: Duration = Duration::from_millis(30);

fn file(name: &str) -> String {
    format!("/dev/shm/sem.{name}")
}

/// A semaphore that loses its name with this.
struct Scratch(NamedSemaphore, String);

impl Scratch {
    fn new(value: u32) -> Self {
        let name = scratch::name("sem");
        Self(NamedSemaphore::create(&name, value).expect("create"), name)
    }

    /// The file behind it, once a process sleeps on it: the high half of glibc's word counts them.
    fn with_a_sleeper(&self) -> fs::File {
        let raw = fs::OpenOptions::new().read(true).write(true).open(file(&self.1)).expect("open");
        let mut word = [0; 8];
        while word[4] == 0 {
            raw.read_exact_at(&mut word, 0).expect("read");
        }
        raw
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = NamedSemaphore::unlink(&self.1);
    }
}

/// X3: waits with a limit last as long as they should, on the monotonic clock.
#[test]
fn waits_end_as_their_form_says() {
    alone("named::waits_end_as_their_form_says", || {
        let Scratch(semaphore, _) = &Scratch::new(0);
        assert!(matches!(semaphore.try_acquire(), Err(Error::WouldBlock)));
        let start = Instant::now();
        assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
        assert!(start.elapsed() >= SHORT);
        let deadline = Instant::now() + SHORT;
        assert!(matches!(semaphore.acquire_deadline(deadline), Err(Error::TimedOut)));
        assert!(Instant::now() >= deadline);
        let _canceller = semaphore.canceller();
        let start = Instant::now();
        assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
        assert!(start.elapsed() >= SHORT);
        semaphore.release().expect("release");
        semaphore.acquire_timeout(Duration::MAX).expect("too long means for ever");
    });
}

/// X9: names are checked before any system call sees them.
#[test]
fn names_are_one_component_of_251_bytes() {
    for name in ["", "/", "a/b", "/a/", ".", "..", "a\u{0}b", "a\nb"] {
        assert!(matches!(NamedSemaphore::open(name), Err(Error::InvalidName { .. })), "{name:?}");
        assert!(matches!(NamedSemaphore::unlink(name), Err(Error::InvalidName { .. })), "{name:?}");
    }
    let long = "x".repeat(251);
    assert!(matches!(NamedSemaphore::open(&long), Err(Error::NotFound { .. })));
    let longer = "x".repeat(252);
    assert!(matches!(NamedSemaphore::open(&longer), Err(Error::InvalidName { .. })));
}

/// X10: the mode is exactly as asked, whatever the umask, from the first instant of the name.
#[test]
fn the_mode_is_exact_from_the_first_instant() {
    alone("named::the_mode_is_exact_from_the_first_instant", || {
        let name = scratch::name("sem");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if let Ok(found) = fs::metadata(file(&name)) {
                        assert_eq!(found.mode() & 0o777, 0o640);
                        assert_eq!(found.len(), 32, "it is whole");
                    }
                }
            });
            for umask in [0, 0o777, 0o22] {
                rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
                for _ in 0..200 {
                    NamedSemaphoreOptions::new().mode(0o640).create(&name, 1).expect("create");
                    assert_eq!(fs::metadata(file(&name)).expect("look").mode() & 0o777, 0o640);
                    NamedSemaphore::unlink(&name).expect("unlink");
                }
            }
            done.store(true, Ordering::Relaxed);
            watcher.join().expect("never seen otherwise");
        });
    });
}

/// X13: each thing that is wrong with the file has an error of its own.
#[test]
fn what_is_no_semaphore_is_refused() {
    alone("named::what_is_no_semaphore_is_refused", || {
        let Scratch(_semaphore, name) = &Scratch::new(1);
        let raw = fs::OpenOptions::new().write(true).open(file(name)).expect("open the file");
        raw.write_all_at(&[0; 16], 0).expect("spoil it");
        assert!(matches!(NamedSemaphore::open(name), Err(Error::Corrupt { .. })));
        raw.set_len(31).expect("shorten it");
        let short = NamedSemaphore::open(name);
        assert!(matches!(short, Err(Error::Truncated { got: 31, want: 32, .. })), "{short:?}");

        let other = scratch::name("sem");
        std::os::unix::fs::symlink(file(name), file(&other)).expect("symlink");
        assert!(matches!(NamedSemaphore::open(&other), Err(Error::Corrupt { .. })));
        let blocked = NamedSemaphore::open_or_create(&other, 1);
        assert!(matches!(blocked, Err(Error::Corrupt { .. })), "{blocked:?}");
        fs::remove_file(file(&other)).expect("remove");
        fs::create_dir(file(&other)).expect("directory");
        assert!(matches!(NamedSemaphore::open(&other), Err(Error::Corrupt { .. })));
        fs::remove_dir(file(&other)).expect("remove");
    });
}

/// X13: an object of another user is refused unless that user was allowed.
#[test]
fn a_strangers_semaphore_is_refused() {
    alone("named::a_strangers_semaphore_is_refused", || {
        let Scratch(_semaphore, name) = &Scratch::new(1);
        if std::os::unix::fs::chown(file(name), Some(54321), None).is_err() {
            return ipc_devkit::skip("needs the right to give files away");
        }
        let refused = NamedSemaphore::open(name);
        assert!(matches!(refused, Err(Error::WrongOwner { uid: 54321, .. })), "{refused:?}");
        NamedSemaphoreOptions::new().allow_owner(54321).open(name).expect("allowed");
    });
}

/// X14: who has it open goes on when the name is gone; a new one is another object.
#[test]
fn an_unlinked_semaphore_lives_on() {
    alone("named::an_unlinked_semaphore_lives_on", || {
        let Scratch(old, name) = &Scratch::new(0);
        let second = NamedSemaphore::open(name).expect("open");
        NamedSemaphore::unlink(name).expect("unlink");
        assert!(matches!(NamedSemaphore::unlink(name), Err(Error::NotFound { .. })));
        assert!(matches!(NamedSemaphore::open(name), Err(Error::NotFound { .. })));
        let new = NamedSemaphore::create(name, 5).expect("create");
        second.release().expect("release");
        old.try_acquire().expect("the same old object");
        assert_eq!(new.value(), 5);
    });
}

/// M7: a unit has no owner; who dies with it takes it along.
#[test]
fn a_dead_holders_unit_is_lost() {
    two_process(
        "named::a_dead_holders_unit_is_lost",
        |mut child| {
            let Scratch(semaphore, name) = &Scratch::new(1);
            child.tell(name);
            assert_eq!(child.hear(), "taken");
            child.kill();
            assert_eq!(semaphore.value(), 0);
            assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
        },
        |mut parent| {
            let semaphore = NamedSemaphore::open(&parent.hear()).expect("open");
            semaphore.acquire().expect("acquire");
            parent.tell("taken");
            let _ = parent.hear();
        },
    );
}

/// M8: a unit whose wake-up was eaten by a sleeper that died is taken within a slice of 250 ms.
#[test]
fn a_lost_wake_up_costs_one_slice() {
    two_process(
        "named::a_lost_wake_up_costs_one_slice",
        |mut child| {
            for with_canceller in ["no", "yes"] {
                let semaphore = Scratch::new(0);
                child.tell(&semaphore.1);
                child.tell(with_canceller);
                // What a post whose wake-up went to the dead leaves behind: a unit, nobody woken.
                semaphore.with_a_sleeper().write_all_at(&1u32.to_ne_bytes(), 0).expect("write");
                let start = Instant::now();
                assert_eq!(child.hear(), "taken");
                assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            }
        },
        |mut parent| {
            for _ in 0..2 {
                let semaphore = NamedSemaphore::open(&parent.hear()).expect("open");
                let canceller = (parent.hear() == "yes").then(|| semaphore.canceller());
                semaphore.acquire().expect("acquire");
                parent.tell("taken");
                drop(canceller);
            }
        },
    );
}

/// M8: a sleeper that is killed leaves the semaphore usable.
#[test]
fn a_killed_sleeper_leaves_it_usable() {
    two_process(
        "named::a_killed_sleeper_leaves_it_usable",
        |mut child| {
            let scratch = Scratch::new(0);
            let Scratch(semaphore, name) = &scratch;
            child.tell(name);
            scratch.with_a_sleeper();
            child.kill();
            semaphore.release().expect("release");
            semaphore.try_acquire().expect("the unit is there");
            assert!(matches!(semaphore.acquire_timeout(SHORT), Err(Error::TimedOut)));
            assert_eq!(semaphore.value(), 0);
        },
        |mut parent| {
            let semaphore = NamedSemaphore::open(&parent.hear()).expect("open");
            let _canceller = semaphore.canceller();
            let _ = semaphore.acquire();
            unreachable!("nobody releases");
        },
    );
}

/// M9: the value never wraps.
#[test]
fn the_largest_value_stays() {
    alone("named::the_largest_value_stays", || {
        let Scratch(semaphore, _) = &Scratch::new(NamedSemaphore::MAX);
        assert!(matches!(semaphore.release(), Err(Error::Overflow { .. })));
        assert_eq!(semaphore.value(), NamedSemaphore::MAX);
        semaphore.acquire().expect("acquire");
        semaphore.release().expect("release");
        let too_large = NamedSemaphore::create("ipc-t-large", NamedSemaphore::MAX + 1);
        assert!(matches!(too_large, Err(Error::InvalidArgument { .. })));
    });
}

//! The bell's hand-shake under every interleaving that the memory model allows.
#![cfg(loom)]

use ipc_core::wait::Bell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};

/// A sleeper that decided to sleep has been rung for, or nothing was published.
#[test]
fn no_sleeper_is_missed() {
    loom::model(|| {
        let shared = Arc::new((Bell::new(), AtomicU32::new(0)));
        let ringer = {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || {
                shared.1.store(1, Ordering::Release);
                shared.0.ring();
            })
        };
        let (bell, ready) = (&shared.0, &shared.1);
        let nap = bell.announce();
        let sleeps = ready.load(Ordering::Acquire) == 0;
        ringer.join().expect("no panic");
        if sleeps {
            // The futex sleeps only while the word is as announced: it must not be any more.
            assert!(!bell.quiet_since(nap), "asleep, and nobody will ring");
        }
    });
}

/// The same with two sleepers on one bell.
#[test]
fn neither_of_two_sleepers_is_missed() {
    loom::model(|| {
        let shared = Arc::new((Bell::new(), AtomicU32::new(0)));
        let sleep = |shared: &(Bell, AtomicU32)| {
            let nap = shared.0.announce();
            (shared.1.load(Ordering::Acquire) == 0).then_some(nap)
        };
        let other = {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || sleep(&shared))
        };
        let ringer = {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || {
                shared.1.store(1, Ordering::Release);
                shared.0.ring();
            })
        };
        let naps = [sleep(&shared), other.join().expect("no panic")];
        ringer.join().expect("no panic");
        for nap in naps.into_iter().flatten() {
            assert!(!shared.0.quiet_since(nap), "asleep, and nobody will ring");
        }
    });
}

/// Two ringers at once: the one that finds the bell rung already may leave it at that.
#[test]
fn of_two_ringers_each_store_is_seen() {
    loom::model(|| {
        let shared = Arc::new((Bell::new(), AtomicU32::new(0), AtomicU32::new(0)));
        let ring = |word: fn(&(Bell, AtomicU32, AtomicU32)) -> &AtomicU32| {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || {
                word(&shared).store(1, Ordering::Release);
                shared.0.ring();
            })
        };
        let ringers = [ring(|shared| &shared.1), ring(|shared| &shared.2)];
        let nap = shared.0.announce();
        let all = shared.1.load(Ordering::Acquire) + shared.2.load(Ordering::Acquire) == 2;
        for ringer in ringers {
            ringer.join().expect("no panic");
        }
        if !all {
            assert!(!shared.0.quiet_since(nap), "asleep, and nobody will ring");
        }
    });
}

//! The writer dies, wherever; another takes its place.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Parent, processes, scratch, two_process};
use ipc_shm::{Error, Latest};

use crate::soon;

type Value = [u64; 9];
/// One process a point.
const POINTS: usize = 40;

/// Killed at instructions spread over a store, the writer leaves the value before or the new one, whole;
/// the next writer goes on with the next version.
#[test]
fn killed_inside_a_store() {
    processes(
        "latest::death::killed_inside_a_store",
        POINTS + 1,
        |children| {
            let name = scratch::name("cell");
            let mut children = children.into_iter();
            let mut visit = |point: usize| {
                let mut child = children.next().expect("enough");
                child.tell(&name);
                let tid = child.hear().parse().expect("a thread number");
                let mut reader = Latest::<Value>::reader(&name).expect("open");
                assert_eq!(reader.load().expect("load"), [1; 9]);
                let before = reader.version();
                let mut stepper = Stepper::seize(child, tid);
                stepper.child().tell("go");
                stepper.await_mark();
                let mut done = 0;
                while done < point && stepper.step() {
                    done += 1;
                }
                let second = Latest::<Value>::writer(&name);
                assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
                stepper.kill();
                let value = reader.load().expect("load");
                let now = reader.version();
                assert_eq!((value, now), ([1 + now - before; 9], now));
                assert!(now - before <= 1);
                let end = soon(|| reader.wait());
                assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
                let mut next = Latest::<Value>::writer(&name).expect("its place is free");
                assert_eq!(next.store([3; 9]).expect("store"), now + 1);
                assert_eq!(reader.wait().expect("newer"), now + 1);
                assert_eq!(reader.load().expect("load"), [3; 9]);
                drop(next);
                let end = soon(|| reader.wait());
                assert!(matches!(end, Err(Error::Closed { peer_died: false })), "{end:?}");
                (done, now - before)
            };
            let (length, _) = visit(usize::MAX);
            let mut stored = 0;
            for n in 0..POINTS {
                stored += visit(n * length / POINTS).1;
            }
            eprintln!("{length} instructions, {stored} of {POINTS} stored");
            assert!(stored > 0 && stored < POINTS as u64, "both were met");
            Latest::<Value>::unlink(&name).expect("unlink");
        },
        victim,
    );
}

fn victim(mut parent: Parent, _: usize) {
    let mut writer = Latest::<Value>::writer(&parent.hear()).expect("open");
    writer.store([1; 9]).expect("store");
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    writer.store([2; 9]).expect("store");
    mark();
    let _ = parent.hear();
}

/// A reader that sleeps is told that the writer died, and one that is stopped is not dead.
#[test]
fn a_sleeper_is_told() {
    two_process(
        "latest::death::a_sleeper_is_told",
        |mut child| {
            let name = scratch::name("cell");
            let mut reader =
                ipc_shm::LatestOptions::new().reader_or_create::<u64>(&name).expect("make");
            child.tell(&name);
            assert_eq!(child.hear(), "there");
            child.stop();
            assert!(matches!(reader.wait_timeout(crate::SHORT), Err(Error::TimedOut)));
            assert!(matches!(Latest::<u64>::writer(&name), Err(Error::AlreadyExists { .. })));
            child.cont();
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| reader.wait());
                child.tell("store");
                assert_eq!(sleeper.join().expect("no panic").expect("newer"), 1);
            });
            reader.load().expect("load");
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| reader.wait());
                child.kill();
                let end = soon(|| sleeper.join().expect("no panic"));
                assert!(matches!(end, Err(Error::Closed { peer_died: true })), "{end:?}");
            });
            Latest::<u64>::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut writer = Latest::<u64>::writer(&parent.hear()).expect("open");
            parent.tell("there");
            assert_eq!(parent.hear(), "store");
            writer.store(1).expect("store");
            let _ = parent.hear();
        },
    );
}

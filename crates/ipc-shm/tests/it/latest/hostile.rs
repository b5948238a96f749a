//! Others who never let a reader finish, or who scribble.

use std::os::unix::fs::FileExt as _;

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{alone, scratch, two_process};
use ipc_shm::{Error, Latest};

/// Where the body of a segment with 60 places begins.
const BODY: u64 = 1280;
/// The sequence word of the slot of version 1.
const SEQUENCE: u64 = BODY + 256 + 128;

fn file(name: &str) -> std::fs::File {
    let path = format!("/dev/shm/{name}");
    std::fs::File::options().read(true).write(true).open(path).expect("the cell's file")
}

/// S15: a slot that never settles ends a load with `Contended`, within 50 000 instructions; when it
/// settles the reader goes on.
#[test]
fn a_slot_that_never_settles() {
    two_process(
        "latest::hostile::a_slot_that_never_settles",
        |mut child| {
            let name = scratch::name("cell");
            let mut writer = Latest::<[u64; 8]>::writer(&name).expect("make");
            writer.store([1; 8]).expect("store");
            child.tell(&name);
            let tid = child.hear().parse().expect("a thread number");
            file(&name).write_all_at(&1_u64.to_le_bytes(), SEQUENCE).expect("scribble");
            let mut stepper = Stepper::seize(child, tid);
            stepper.child().tell("go");
            stepper.await_mark();
            let mut steps = 0;
            while stepper.step() {
                steps += 1;
                assert!(steps < 50_000, "it goes on and on");
            }
            eprintln!("{steps} instructions");
            // It settles again.
            file(&name).write_all_at(&2_u64.to_le_bytes(), SEQUENCE).expect("scribble");
            stepper.run_to_mark();
            stepper.kill();
            Latest::<[u64; 8]>::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut reader = Latest::<[u64; 8]>::reader(&parent.hear()).expect("open");
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            let contended = reader.load();
            mark();
            assert!(matches!(contended, Err(Error::Contended { .. })), "{contended:?}");
            assert_eq!(reader.load().expect("it settled"), [1; 8]);
            mark();
            let _ = parent.hear();
        },
    );
}

/// S7: any bits in the shared words give a value or an error, in bounded time; the writer has its version
/// in private memory and sets them right with its next store.
#[test]
fn scribbled_words() {
    alone("latest::hostile::scribbled_words", || {
        let name = scratch::name("cell");
        let mut writer = Latest::<u64>::writer(&name).expect("make");
        let mut reader = Latest::<u64>::reader(&name).expect("open");
        let file = file(&name);
        for bits in [u64::MAX, 1 << 63, 0x5555_5555_5555_5555, 3, 0] {
            writer.store(7).expect("store");
            for at in [BODY, BODY + 128, SEQUENCE - 128, SEQUENCE, SEQUENCE + 128] {
                file.write_all_at(&bits.to_le_bytes(), at).expect("scribble");
                let loaded = reader.load();
                let right =
                    matches!(loaded, Ok(_) | Err(Error::Contended { .. } | Error::WouldBlock));
                assert!(right, "{loaded:?}");
                let waited = reader.try_wait();
                assert!(matches!(waited, Ok(_) | Err(Error::WouldBlock)), "{waited:?}");
            }
            // The next four stores go through all slots.
            for value in 1..5 {
                writer.store(value).expect("store");
                assert_eq!(reader.load().expect("load"), value);
            }
        }
        Latest::<u64>::unlink(&name).expect("unlink");
    });
}

//! The newest value: never torn, never older than one seen before.

use ipc_shm::slots::Slots;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;

use super::Words;
use ipc_shm::memory::Memory as _;

/// A value of two words, both `version`.
const SIZE: usize = 16;

fn publish(memory: &Words, slots: Slots, version: u64) {
    slots.publish(memory, version, |at| {
        memory.word(at).store(version, Ordering::Relaxed);
        memory.word(at + 8).store(version, Ordering::Relaxed);
    });
}

/// One attempt of a reader: the version and its two words, if they are believed.
fn attempt(memory: &Words, slots: Slots) -> Option<(u64, [u64; 2])> {
    let version = Slots::newest(memory);
    if version == 0 {
        return Some((0, [0; 2]));
    }
    let at = slots.value(version);
    let value = [0, 8].map(|word| memory.word(at + word).load(Ordering::Relaxed));
    slots.still(memory, version).then_some((version, value))
}

/// The writer laps the slots once, so that it comes back to a slot that a reader may be in.
#[test]
fn what_is_believed_is_whole() {
    loom::model(|| {
        let slots = Slots::new(SIZE).expect("small");
        let memory = Arc::new(Words::new(slots.end()));
        publish(&memory, slots, 1);
        let writer = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                (2..=5).for_each(|version| publish(&memory, slots, version))
            })
        };
        let mut last = 1;
        for _ in 0..2 {
            if let Some((version, value)) = attempt(&memory, slots) {
                assert_eq!(value, [version; 2], "torn");
                assert!(version >= last, "older than before");
                last = version;
            }
        }
        writer.join().expect("no panic");
        assert_eq!(attempt(&memory, slots), Some((5, [5; 2])));
    });
}

/// A writer that stops after the odd sequence word, for ever, leaves the value before.
#[test]
fn a_dead_writer_leaves_the_value_before() {
    loom::model(|| {
        let slots = Slots::new(SIZE).expect("small");
        let memory = Arc::new(Words::new(slots.end()));
        for version in 1..=4 {
            publish(&memory, slots, version);
        }
        let reader = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                assert_eq!(attempt(&memory, slots), Some((4, [4; 2])));
            })
        };
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            slots.publish(&*memory, 5, |at| {
                memory.word(at).store(5, Ordering::Relaxed);
                std::panic::resume_unwind(Box::new("killed"));
            });
        }));
        assert!(died.is_err());
        reader.join().expect("no panic");
        assert_eq!(attempt(&memory, slots), Some((4, [4; 2])));
        publish(&memory, slots, 5);
        assert_eq!(attempt(&memory, slots), Some((5, [5; 2])));
    });
}

//! A reader never sees half of one value and half of another.

use ipc_devkit::{processes, scratch};
use ipc_shm::{Error, Latest};

use super::Many;

/// Values that the writer stores in turn: twice as many as there are slots.
const KINDS: u64 = 8;

/// S15: under a writer in another process that stores as fast as it can, every value is whole, versions
/// only grow, and what is missed adds up.
#[test]
fn values_are_whole_under_a_frantic_writer() {
    processes(
        "latest::torn::values_are_whole_under_a_frantic_writer",
        2,
        |mut children| {
            let name = scratch::name("cell");
            let mut reader = ipc_shm::LatestOptions::new().reader_or_create(&name).expect("make");
            for child in &mut children {
                child.tell(&name);
            }
            let (mut value, mut last, mut sum, mut contended) = (Many::of(0), 0, 0, 0);
            reader.wait().expect("the first");
            while sum < 1_000_000 {
                match reader.load_into(&mut value) {
                    Ok(version) => {
                        assert!(value == Many::of(version % KINDS), "torn");
                        assert!(version >= last, "{version} after {last}");
                        sum += if last == 0 { version } else { version - last };
                        if last != 0 && version != last {
                            assert_eq!(reader.missed(), version - last - 1);
                        }
                        last = version;
                    }
                    Err(Error::Contended { .. }) => contended += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            eprintln!("{last} versions, {contended} times contended");
            for child in &mut children {
                child.tell("enough");
            }
            Latest::<Many>::unlink(&name).expect("unlink");
        },
        |mut parent, index| {
            let name = parent.hear();
            let done = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    if index == 0 {
                        let values: Vec<_> = (0..KINDS).map(Many::of).collect();
                        let mut writer = Latest::<Many>::writer(&name).expect("open");
                        while !done.load(std::sync::atomic::Ordering::Relaxed) {
                            let next = usize::try_from((writer.version() + 1) % KINDS);
                            writer.store_from(&values[next.expect("small")]).expect("store");
                        }
                    } else {
                        let mut reader = Latest::<Many>::reader(&name).expect("open");
                        while !done.load(std::sync::atomic::Ordering::Relaxed) {
                            match reader.load() {
                                Ok(value) => value.check(),
                                Err(Error::Contended { .. } | Error::WouldBlock) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                });
                assert_eq!(parent.hear(), "enough");
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
        },
    );
}

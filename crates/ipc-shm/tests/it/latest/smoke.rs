//! Two processes, names, types, sizes.

use ipc_devkit::{alone, scratch, two_process};
use ipc_shm::{Error, Latest, LatestOptions};

use super::Many;

/// A value goes from one process to another, whole, and so does the next.
#[test]
fn a_value_crosses() {
    two_process(
        "latest::smoke::a_value_crosses",
        |mut child| {
            let name = scratch::name("cell");
            let mut writer = Latest::<Many>::writer(&name).expect("make");
            writer.store_from(&Many::of(1)).expect("store");
            child.tell(&name);
            assert_eq!(child.hear(), "loaded");
            writer.store_from(&Many::of(2)).expect("store");
            assert_eq!(child.hear(), "heard");
            Latest::<Many>::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut reader = Latest::<Many>::reader(&parent.hear()).expect("open");
            assert_eq!(reader.load().expect("load"), Many::of(1));
            parent.tell("loaded");
            assert_eq!(reader.wait().expect("wait"), 2);
            let mut value = Many::of(0);
            assert_eq!(reader.load_into(&mut value).expect("load"), 2);
            assert_eq!(value, Many::of(2));
            parent.tell("heard");
        },
    );
}

/// The reader may start first, and hears of the first value.
#[test]
fn the_reader_may_start_first() {
    two_process(
        "latest::smoke::the_reader_may_start_first",
        |mut child| {
            let name = scratch::name("cell");
            let options = LatestOptions::new();
            assert!(matches!(options.reader::<u64>(&name), Err(Error::NotFound { .. })));
            let mut reader = options.reader_or_create::<u64>(&name).expect("make");
            assert!(matches!(reader.load(), Err(Error::WouldBlock)));
            child.tell(&name);
            assert_eq!(reader.wait().expect("wait"), 1);
            assert_eq!(reader.load().expect("load"), 7);
            child.tell("enough");
            Latest::<u64>::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut writer = Latest::<u64>::writer(&parent.hear()).expect("open");
            writer.store(7).expect("store");
            assert_eq!(parent.hear(), "enough");
        },
    );
}

/// Every size is copied whole, small ones and such as are no multiple of anything.
#[test]
fn all_sizes() {
    fn round<const N: usize>() {
        let (mut writer, mut reader) = Latest::<[u8; N]>::pair().expect("make");
        for version in 1..10 {
            let value =
                std::array::from_fn(|index| u8::try_from((index * 7 + version) % 251).unwrap_or(0));
            writer.store(value).expect("store");
            assert_eq!(reader.load().expect("load"), value);
            let mut other = [0; N];
            reader.load_into(&mut other).expect("load");
            assert_eq!(other, value);
        }
    }
    alone("latest::smoke::all_sizes", || {
        round::<0>();
        round::<1>();
        round::<7>();
        round::<8>();
        round::<15>();
        round::<16>();
        round::<31>();
        round::<56>();
        round::<57>();
        round::<63>();
        round::<64>();
        round::<65>();
        round::<129>();
        round::<4096>();
        round::<5003>();
    });
}

/// Versions count every store; what was never seen is counted too.
#[test]
fn versions_and_what_was_missed() {
    alone("latest::smoke::versions_and_what_was_missed", || {
        let (mut writer, mut reader) = Latest::<u64>::pair().expect("make");
        for (stores, missed) in [(3, 0), (1, 0), (5, 4), (2, 1)] {
            for _ in 0..stores {
                writer.store(writer.version() + 1).expect("store");
            }
            assert_eq!(reader.try_wait().expect("newer"), writer.version());
            assert_eq!(reader.load().expect("load"), writer.version());
            assert_eq!((reader.version(), reader.missed()), (writer.version(), missed));
            assert_eq!(reader.load().expect("load"), writer.version());
            assert_eq!(reader.missed(), 0);
        }
    });
}

/// X10, X9, X13: mode, name and number of handles are as asked, or refused.
#[test]
fn options() {
    alone("latest::smoke::options", || {
        use std::os::unix::fs::PermissionsExt as _;
        let name = scratch::name("cell");
        let options = LatestOptions::new().mode(0o640).peers(2);
        let writer = options.create::<u64>(&name).expect("make");
        let mode = std::fs::metadata(format!("/dev/shm/{name}")).expect("stat").permissions();
        assert_eq!(mode.mode() & 0o7777, 0o640);
        assert!(matches!(options.create::<u64>(&name), Err(Error::AlreadyExists { .. })));
        let reader = options.reader::<u64>(&name).expect("open");
        let third = options.reader::<u64>(&name);
        assert!(matches!(third, Err(Error::TooManyPeers { slots: 2, .. })), "{third:?}");
        drop(reader);
        let stale = options.clone().reclaim_stale(true);
        assert!(matches!(stale.create::<u64>(&name), Err(Error::AlreadyExists { .. })), "in use");
        drop(writer);
        let mut writer = stale.create::<u64>(&name).expect("nobody uses it");
        assert_eq!(writer.store(1).expect("store"), 1);
        Latest::<u64>::unlink(&name).expect("unlink");
        assert!(matches!(Latest::<u64>::unlink(&name), Err(Error::NotFound { .. })));
        assert!(matches!(Latest::<u64>::writer("a/b"), Err(Error::InvalidName { .. })));
        let none = LatestOptions::new().peers(0).pair::<u64>();
        assert!(matches!(none, Err(Error::InvalidInput { .. })), "{none:?}");
    });
}

/// S14: a cell of another type is refused, and so is something else of that name.
#[test]
fn another_type_is_refused() {
    alone("latest::smoke::another_type_is_refused", || {
        let name = scratch::name("cell");
        let _writer = Latest::<u64>::writer(&name).expect("make");
        assert!(matches!(Latest::<u32>::reader(&name), Err(Error::Corrupt { .. })));
        assert!(matches!(Latest::<[u8; 8]>::reader(&name), Err(Error::Corrupt { .. })));
        Latest::<u64>::unlink(&name).expect("unlink");
    });
}

/// S13: two handles in one process see the memory at two addresses, and agree.
#[test]
fn mapped_twice() {
    alone("latest::smoke::mapped_twice", || {
        let name = scratch::name("cell");
        let mut writer = Latest::<[u64; 20]>::writer(&name).expect("make");
        let mut readers = [(); 2].map(|()| Latest::<[u64; 20]>::reader(&name).expect("open"));
        for number in 1..100 {
            writer.store([number; 20]).expect("store");
            for reader in &mut readers {
                assert_eq!(reader.wait().expect("newer"), number);
                assert_eq!(reader.load().expect("load"), [number; 20]);
            }
        }
        Latest::<[u64; 20]>::unlink(&name).expect("unlink");
    });
}

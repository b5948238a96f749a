//! Each limit is its own error, and names what to raise. In an IPC namespace of the test's own.

use std::fs;

use ipc_devkit::{alone, fault, scratch};
use ipc_mq::posix::{self, QueueOptions};
use ipc_mq::{Error, Result, sysv};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Gone;

/// The limit that a call ran into, and the error number it keeps.
fn limit<T>(result: Result<T>) -> (&'static str, Option<i32>) {
    match result {
        Err(Error::Limit { which, raise }) => {
            let text = std::io::Error::from(Error::Limit { which, raise }).raw_os_error();
            (which.split(' ').next().unwrap_or(which), text)
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

/// Runs `body` where limits can be set; skips where they cannot.
fn in_namespace(name: &str, body: impl FnOnce()) {
    alone(name, || {
        if fault::own_ipc_namespace() {
            body();
        } else {
            ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
        }
    });
}

/// Q5: the number of queues, of messages, of bytes, each in its own words.
#[test]
fn posix_limits_are_told_apart() {
    in_namespace("limits::posix_limits_are_told_apart", || {
        let set = |file: &str, value: u32| {
            fs::write(format!("/proc/sys/fs/mqueue/{file}"), value.to_string()).expect("set limit");
        };
        let name = scratch::name("q");
        let create = |options: &QueueOptions| options.create(&name);
        let (enosys, many) = ((libc::EINVAL, libc::ENOSPC), 1 << 20);
        set("queues_max", 0);
        let full = limit(create(&QueueOptions::new()));
        // CAP_SYS_RESOURCE goes beyond queues_max; then there is no such limit to meet.
        assert_eq!(full, ("/proc/sys/fs/mqueue/queues_max", Some(enosys.1)));
        set("queues_max", 10);
        let deep = limit(create(&QueueOptions::new().capacity(many)));
        assert_eq!(deep, ("/proc/sys/fs/mqueue/msg_max", Some(enosys.0)));
        let long = limit(create(&QueueOptions::new().message_size(1 << 26)));
        assert_eq!(long, ("/proc/sys/fs/mqueue/msgsize_max", Some(enosys.0)));
        for options in [QueueOptions::new().capacity(0), QueueOptions::new().message_size(0)] {
            assert!(matches!(create(&options), Err(Error::InvalidInput { .. })));
        }
        let beyond = create(&QueueOptions::new().message_size(usize::MAX));
        assert!(matches!(beyond, Err(Error::InvalidInput { .. })), "{beyond:?}");
        assert!(
            matches!(posix::Queue::open(&name), Err(Error::NotFound { .. })),
            "nothing is left"
        );
    });
}

/// Q5: one error number stands for two limits of the process; they are told apart.
#[test]
fn bytes_of_queues_and_descriptors_are_told_apart() {
    in_namespace("limits::bytes_of_queues_and_descriptors_are_told_apart", || {
        let name = scratch::name("q");
        let before = getrlimit(Resource::Nofile);
        let bytes = Rlimit { current: Some(0), ..getrlimit(Resource::Msgqueue) };
        let former = getrlimit(Resource::Msgqueue);
        setrlimit(Resource::Msgqueue, bytes).expect("lower");
        let refused = limit(posix::Queue::create(&name));
        setrlimit(Resource::Msgqueue, former).expect("restore");
        assert_eq!(refused, ("RLIMIT_MSGQUEUE", Some(libc::EMFILE)));

        let queue = posix::Queue::create(&name).expect("create");
        let _gone = Gone(name.clone());
        // As many as are open: the next one is one too many.
        let next = rustix::io::dup(&queue).expect("the next number");
        let number = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&next)).expect("a number");
        drop(next);
        for more in 0..3 {
            let lowered = fault::limit_nofile(number + more);
            let refused = limit(posix::Queue::open(&name));
            drop(lowered);
            assert_eq!(refused, ("RLIMIT_NOFILE", Some(libc::EMFILE)), "with {more} to be had");
        }
        assert_eq!(getrlimit(Resource::Nofile), before);
    });
}

/// Q8: the limits of System V queues, and a full queue.
#[test]
fn sysv_limits_are_told_apart() {
    in_namespace("limits::sysv_limits_are_told_apart", || {
        let set = |file: &str, value: u32| {
            fs::write(format!("/proc/sys/kernel/{file}"), value.to_string()).expect("set limit");
        };
        let queue = sysv::Queue::private().expect("create");
        set("msgmni", 1);
        let refused = limit(sysv::Queue::private());
        assert_eq!(refused, ("/proc/sys/kernel/msgmni", Some(libc::ENOSPC)));
        set("msgmax", 100);
        assert_eq!(sysv::limits().message_size, Some(100));
        let refused = queue.send(1, &[0; 101]);
        assert!(matches!(refused, Err(Error::MessageTooLong { real: 101, limit: 100 })));
        // Longer than what travels by the stack.
        set("msgmax", 1 << 20);
        set("msgmnb", 1 << 20);
        if queue.set_capacity(1 << 20).is_ok() {
            let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
            queue.send(2, &long).expect("send");
            assert_eq!(queue.peek(0).expect("peek").expect("there").bytes, long);
            let short = queue.recv_into(sysv::Filter::Any, &mut vec![0; 199_999]);
            assert!(matches!(short, Err(Error::BufferTooShort { len: 199_999, needed: None })));
            queue.send(2, &long).expect("send");
            assert_eq!(queue.recv(sysv::Filter::Any).expect("receive").bytes, long);
            let mut room = vec![0; 300_000];
            let got = queue.recv_into(sysv::Filter::Any, &mut room).expect("receive");
            assert_eq!(room[..got.len], long);
        }
        set("msgmnb", 1000);
        match queue.set_capacity(2_000_000) {
            Err(Error::Limit { which, .. }) => assert!(which.contains("msgmnb"), "{which}"),
            // With CAP_SYS_RESOURCE there is no such limit.
            Ok(()) => {}
            other => panic!("{other:?}"),
        }
    });
}

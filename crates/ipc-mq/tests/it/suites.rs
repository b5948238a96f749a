//! Properties of other test suites, shown for our calls.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::{alone, fault, processes, scratch, two_process};
use ipc_mq::posix::{Notify, PRIORITIES, Queue, QueueOptions};
use ipc_mq::sysv::{self, Filter};
use ipc_mq::{Error, posix};

use crate::{Gone, Private, SHORT, small};

/// The attributes asked for at creation are kept, and those of a later open are ignored.
#[test]
fn posix_mq_open_13() {
    let name = scratch::name("q");
    let _gone = Gone(name.clone());
    let created = QueueOptions::new().capacity(3).message_size(77).create(&name).expect("create");
    let options = QueueOptions::new().capacity(9).message_size(9);
    let opened = options.open_or_create(&name).expect("open");
    for queue in [created, opened] {
        let attributes = queue.attributes().expect("attributes");
        assert_eq!((attributes.capacity, attributes.message_size, attributes.len), (3, 77, 0));
        assert_eq!(queue.message_size(), 77);
    }
}

/// Opening what does not exist, without creating it, is `NotFound`.
#[test]
fn posix_mq_open_15() {
    assert!(matches!(Queue::open(&scratch::name("none")), Err(Error::NotFound { .. })));
}

/// Of processes that create the same name at once exactly one succeeds.
#[test]
fn posix_mq_open_16() {
    processes(
        "suites::posix_mq_open_16",
        4,
        |mut children| {
            let name = scratch::name("q");
            for _ in 0..50 {
                for child in &mut children {
                    child.tell("create");
                }
                let made: usize =
                    children.iter_mut().map(|child| usize::from(child.hear() == "made")).sum();
                assert_eq!(made, 1);
                Queue::unlink(&name).expect("unlink");
            }
            for child in &mut children {
                child.tell("end");
            }
        },
        |mut parent, _| {
            let name = scratch::name("q");
            while parent.hear() == "create" {
                match Queue::create(&name) {
                    Ok(queue) => {
                        drop(queue);
                        parent.tell("made");
                    }
                    Err(Error::AlreadyExists { .. }) => parent.tell("there"),
                    Err(error) => parent.tell(&error.to_string()),
                }
            }
        },
    );
}

/// Without a free descriptor opening is `Limit`, and goes on when there is one again.
#[test]
fn posix_mq_open_26() {
    alone("suites::posix_mq_open_26", || {
        let (_queue, gone) = small("q");
        let lowered = fault::limit_nofile(3);
        let refused = Queue::open(&gone.0);
        drop(lowered);
        assert!(matches!(refused, Err(Error::Limit { which, .. }) if which.contains("NOFILE")));
        Queue::open(&gone.0).expect("open");
    });
}

/// A name longer than NAME_MAX is refused.
#[test]
fn posix_mq_open_27() {
    let refused = Queue::create(&"n".repeat(256));
    assert!(matches!(refused, Err(Error::InvalidName { .. })));
    assert_eq!(std::io::Error::from(refused.expect_err("refused")).raw_os_error(), Some(22));
}

/// A full table of open files of the system is `Limit`, and another one than the process's.
#[test]
fn posix_mq_open_28() {
    alone("suites::posix_mq_open_28", || {
        let (queue, gone) = small("q");
        drop(queue);
        fault::deny_syscall(libc::SYS_mq_open, libc::ENFILE);
        let refused = Queue::open(&gone.0);
        assert!(matches!(&refused, Err(Error::Limit { which, .. }) if which.contains("file-max")));
        let error = std::io::Error::from(refused.expect_err("refused"));
        assert_eq!(error.raw_os_error(), Some(libc::ENFILE));
    });
}

/// The highest priority comes first; among equals, the first sent. 32767 is the highest there is.
#[test]
fn posix_mq_send_3() {
    let (queue, _gone) = small("q");
    for (priority, byte) in [(1, b'c'), (PRIORITIES - 1, b'a'), (1, b'd'), (2, b'b')] {
        queue.send(priority, &[byte]).expect("send");
    }
    let order: Vec<u8> = (0..4).map(|_| queue.recv().expect("receive").bytes[0]).collect();
    assert_eq!(order, b"abcd");
    for priority in [PRIORITIES, u32::MAX] {
        assert!(matches!(queue.send(priority, b"x"), Err(Error::InvalidInput { .. })));
    }
}

/// A sender to a full queue waits until there is room.
#[test]
fn posix_mq_send_5_2() {
    two_process(
        "suites::posix_mq_send_5_2",
        |mut child| {
            let (queue, gone) = small("q");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "full");
            for number in 0..6 {
                assert_eq!(queue.recv().expect("receive").bytes, [number]);
            }
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            for number in 0..4 {
                queue.send(0, &[number]).expect("room");
            }
            parent.tell("full");
            queue.send(0, &[4]).expect("send");
            queue.send(0, &[5]).expect("send");
        },
    );
}

/// A signal handler that runs while a sender waits does not end the wait (POSIX lets it end).
#[test]
fn posix_mq_send_12_1() {
    alone("suites::posix_mq_send_12_1", || {
        let (queue, _gone) = small("q");
        while queue.try_send(0, b"x").is_ok() {}
        let storm = fault::alarm_storm(std::time::Duration::from_millis(1));
        assert!(matches!(queue.send_timeout(0, b"x", SHORT), Err(Error::TimedOut)));
        assert!(storm.count() > 0);
    });
}

static NOTICES: AtomicU32 = AtomicU32::new(0);

fn counted() -> Notify {
    let signal = libc::SIGRTMIN() + 2;
    fault::signal_handler_calls(
        signal,
        Box::new(|| {
            NOTICES.fetch_add(1, Ordering::SeqCst);
        }),
    );
    Notify::Signal { signal, value: 1 }
}

fn notices() -> u32 {
    NOTICES.load(Ordering::SeqCst)
}

/// Waits for the first notice: any thread of this process may be the one that handles the signal.
fn expect_one_notice() {
    while notices() == 0 {
        std::hint::spin_loop();
    }
    assert_eq!(notices(), 1);
}

/// A message that comes to an empty queue gives notice.
#[test]
fn posix_mq_notify_1() {
    alone("suites::posix_mq_notify_1", || {
        let (queue, _gone) = small("q");
        let _notification = queue.notify(counted()).expect("register");
        assert_eq!(notices(), 0);
        queue.send(0, b"x").expect("send");
        expect_one_notice();
    });
}

/// Taking the registration back ends it.
#[test]
fn posix_mq_notify_2() {
    alone("suites::posix_mq_notify_2", || {
        let (queue, _gone) = small("q");
        drop(queue.notify(counted()).expect("register"));
        queue.send(0, b"x").expect("send");
        assert_eq!(notices(), 0);
    });
}

/// One registration gives one notice.
#[test]
fn posix_mq_notify_3() {
    alone("suites::posix_mq_notify_3", || {
        let (queue, _gone) = small("q");
        let _notification = queue.notify(counted()).expect("register");
        for _ in 0..3 {
            queue.send(0, b"x").expect("send");
            queue.recv().expect("receive");
        }
        expect_one_notice();
    });
}

/// Only the step from empty to not empty gives notice.
#[test]
fn posix_mq_notify_4() {
    alone("suites::posix_mq_notify_4", || {
        let (queue, _gone) = small("q");
        queue.send(0, b"there already").expect("send");
        let _notification = queue.notify(counted()).expect("register");
        queue.send(0, b"x").expect("send");
        assert_eq!(notices(), 0);
        queue.recv().expect("receive");
        queue.recv().expect("receive");
        queue.send(0, b"x").expect("send");
        expect_one_notice();
    });
}

/// Where a receiver waits in the kernel, it gets the message and nobody gets notice. Ours wait in poll, so
/// both get theirs: no message is lost to the one who has it.
#[test]
fn posix_mq_notify_5() {
    alone("suites::posix_mq_notify_5", || {
        let (queue, _gone) = small("q");
        let _notification = queue.notify(counted()).expect("register");
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| queue.recv());
            queue.send(0, b"x").expect("send");
            assert_eq!(receiver.join().expect("no panic").expect("receive").bytes, b"x");
        });
        assert!(notices() <= 1);
        assert_eq!(queue.len().expect("len"), 0);
    });
}

/// With a registration there, another is refused.
#[test]
fn posix_mq_notify_9() {
    alone("suites::posix_mq_notify_9", || {
        let (queue, gone) = small("q");
        let _notification = queue.notify(counted()).expect("register");
        let other = Queue::open(&gone.0).expect("open");
        let how = Notify::Signal { signal: 10, value: 0 };
        assert!(matches!(other.notify(how), Err(Error::NotifyBusy)));
        assert_eq!(rustix::io::Errno::BUSY.raw_os_error(), {
            std::io::Error::from(Error::NotifyBusy).raw_os_error().expect("a number")
        });
    });
}

/// Closing the queue takes the registration back: others can register.
#[test]
fn posix_mq_close_2_1() {
    two_process(
        "suites::posix_mq_close_2_1",
        |mut child| {
            let (queue, gone) = small("q");
            let here = Queue::open(&gone.0).expect("open");
            std::mem::forget(here.notify(counted()).expect("register"));
            child.tell(&gone.0);
            assert_eq!(child.hear(), "busy");
            drop(here);
            child.tell("closed");
            assert_eq!(child.hear(), "registered");
            drop(queue);
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            let how = Notify::Signal { signal: 10, value: 0 };
            assert!(matches!(queue.notify(how), Err(Error::NotifyBusy)));
            parent.tell("busy");
            assert_eq!(parent.hear(), "closed");
            let _notification = queue.notify(how).expect("register");
            parent.tell("registered");
        },
    );
}

/// A thread for the notice (SIGEV_THREAD), whose removal once crashed glibc, is not offered; registering and
/// taking back many times while messages come does no harm.
#[test]
fn ltp_mq_notify03() {
    alone("suites::ltp_mq_notify03", || {
        let (queue, _gone) = small("q");
        let how = counted();
        for _ in 0..1000 {
            let mut notification = queue.notify(how).expect("register");
            queue.send(0, b"x").expect("send");
            assert_eq!(notification.drain(drop).expect("drain"), 1);
        }
        let threads = std::fs::read_dir("/proc/self/task").expect("list threads").count();
        assert_eq!(threads, 2, "no thread was started");
    });
}

/// Many senders and receivers by type: no byte is lost, and each answer reaches who asked.
#[test]
fn ltp_msgstress01() {
    const COUNT: usize = 500;
    processes(
        "suites::ltp_msgstress01",
        8,
        |mut children| {
            let queue = Private::new();
            for child in &mut children {
                child.tell(&queue.0.id().to_string());
            }
            for child in &mut children {
                assert_eq!(child.hear(), "done");
            }
            assert_eq!(queue.0.stat().expect("stat").len, 0);
        },
        |mut parent, index| {
            let queue = sysv::Queue::from_id(parent.hear().parse().expect("id")).expect("open");
            let kind = 1 + i64::try_from(index / 2).expect("small");
            for turn in 0..COUNT {
                let message: Vec<u8> =
                    (0..turn % 100).map(|place| (turn + place).to_le_bytes()[0]).collect();
                if index % 2 == 0 {
                    queue.send(kind, &message).expect("send");
                } else {
                    let got = queue.recv(Filter::Type(kind)).expect("receive");
                    assert_eq!((got.kind, got.bytes), (kind, message));
                }
            }
            parent.tell("done");
        },
    );
}

/// The same name in two IPC namespaces is two queues, and removing one leaves the other.
#[test]
fn ltp_mqns() {
    alone("suites::ltp_mqns", || {
        let (queue, gone) = small("q");
        queue.send(0, b"outside").expect("send");
        std::thread::scope(|scope| {
            let inside = || {
                if !fault::own_ipc_namespace() {
                    return false;
                }
                assert!(matches!(Queue::open(&gone.0), Err(Error::NotFound { .. })));
                let inner = Queue::create(&gone.0).expect("create");
                inner.send(0, b"inside").expect("send");
                Queue::unlink(&gone.0).expect("unlink");
                true
            };
            if !scope.spawn(inside).join().expect("no panic") {
                ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
            }
        });
        let again = Queue::open(&gone.0).expect("open");
        assert_eq!(again.recv().expect("receive").bytes, b"outside");
    });
}

/// The same key in two IPC namespaces is two queues; an id of one means nothing in the other.
#[test]
fn ltp_mesgq_nstest() {
    alone("suites::ltp_mesgq_nstest", || {
        let dir = scratch::dir();
        let key = sysv::Key::ftok(dir.path(), 33).expect("key");
        let queue = Private(sysv::Queue::create(key).expect("create"));
        std::thread::scope(|scope| {
            let inside = || {
                if !fault::own_ipc_namespace() {
                    return false;
                }
                assert!(matches!(sysv::Queue::open(key), Err(Error::NotFound { .. })));
                assert!(matches!(queue.0.try_send(1, b"x"), Err(Error::Removed { .. })));
                sysv::Queue::create(key).expect("create").send(1, b"inside").expect("send");
                true
            };
            if !scope.spawn(inside).join().expect("no panic") {
                ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
            }
        });
        assert_eq!(queue.0.stat().expect("stat").len, 0);
    });
}

/// Notice reaches a process in another PID namespace: the signal comes, whoever sent.
#[test]
fn ltp_pidns30() {
    alone("suites::ltp_pidns30", || {
        let (queue, gone) = small("q");
        let mut notification = queue.notify(counted()).expect("register");
        if !send_from_new_pid_namespace(&gone.0) {
            return ipc_devkit::skip("needs unshare(1) and the right to make a PID namespace");
        }
        expect_one_notice();
        assert_eq!(notification.drain(drop).expect("drain"), 1);
    });
}

/// A process in another PID namespace cannot take a registration back that is not its own.
#[test]
fn ltp_pidns31() {
    alone("suites::ltp_pidns31", || {
        let (queue, gone) = small("q");
        let _notification = queue.notify(counted()).expect("register");
        // It opens the queue, sends a message that waits for nobody, and closes it.
        queue.send(0, b"first").expect("send");
        queue.recv().expect("receive");
        expect_one_notice();
        let mut again = queue.notify(Notify::Descriptor).expect("no registration");
        assert_eq!(again.drain(drop).expect("drain"), 0);
        if !send_from_new_pid_namespace(&gone.0) {
            return ipc_devkit::skip("needs unshare(1) and the right to make a PID namespace");
        }
        expect_one_notice(); // The registration was used up.
        assert_eq!(queue.len().expect("len"), 1);
    });
}

/// Runs this binary's sender in a new PID namespace.
fn send_from_new_pid_namespace(name: &str) -> bool {
    let me = std::env::current_exe().expect("this program");
    let status = Command::new("unshare")
        .args(["--pid", "--fork"])
        .arg(me)
        .args(["suites::helper_sends_one_message", "--exact", "--test-threads=1"])
        .env("IPC_MQ_SEND_TO", name)
        .stdout(std::process::Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The other program of the tests above; by itself it does nothing.
#[test]
fn helper_sends_one_message() {
    if let Ok(name) = std::env::var("IPC_MQ_SEND_TO") {
        Queue::open(&name).expect("open").send(0, b"from another namespace").expect("send");
    }
}

/// A queue's default sizes are those of its namespace, and lie within its limits.
#[test]
fn kself_mq_open_tests() {
    alone("suites::kself_mq_open_tests", || {
        if !fault::own_ipc_namespace() {
            return ipc_devkit::skip("needs CAP_SYS_ADMIN for an IPC namespace");
        }
        let set = |file: &str, value: u32| {
            let file = format!("/proc/sys/fs/mqueue/{file}");
            std::fs::write(file, value.to_string()).expect("set limit");
        };
        set("msg_default", 5);
        set("msgsize_default", 200);
        let name = scratch::name("q");
        let sizes = |options: &QueueOptions| {
            let queue = options.create(&name).expect("create");
            let attributes = queue.attributes().expect("attributes");
            Queue::unlink(&name).expect("unlink");
            (attributes.capacity, attributes.message_size)
        };
        assert_eq!(sizes(&QueueOptions::new()), (5, 200));
        assert_eq!(sizes(&QueueOptions::new().capacity(7)), (7, 200));
        assert_eq!(sizes(&QueueOptions::new().message_size(9)), (5, 9));
        // Defaults above the limits are cut to them.
        set("msg_max", 2);
        let capacity = sizes(&QueueOptions::new()).0;
        assert!(capacity <= 5, "{capacity}");
    });
}

/// Messages of many priorities from many senders come in order, with their content.
#[test]
fn sn_mq() {
    processes(
        "suites::sn_mq",
        3,
        |mut children| {
            let name = scratch::name("q");
            let _gone = Gone(name.clone());
            let queue = posix::Queue::create(&name).expect("create");
            for child in &mut children {
                child.tell(&name);
            }
            let mut next = [[0_u32; 4]; 3];
            for _ in 0..3 * 400 {
                let message = queue.recv().expect("receive");
                let sender = usize::from(message.bytes[0]);
                let number = u32::from_le_bytes(message.bytes[1..5].try_into().expect("four"));
                let slot = &mut next[sender][message.priority as usize];
                assert!(number >= *slot, "in order within a priority of one sender");
                *slot = number + 1;
            }
            assert_eq!(queue.len().expect("len"), 0);
        },
        |mut parent, index| {
            let queue = posix::Queue::open(&parent.hear()).expect("open");
            for number in 0..400_u32 {
                let mut bytes = vec![index.to_le_bytes()[0]];
                bytes.extend(number.to_le_bytes());
                queue.send(number % 4, &bytes).expect("send");
            }
        },
    );
}

/// Values never change under load, and the kernel's counts agree with ours.
#[test]
fn sn_msg() {
    two_process(
        "suites::sn_msg",
        |mut child| {
            let queue = Private::new();
            child.tell(&queue.0.id().to_string());
            for number in 0..5000_u64 {
                queue.0.send(1 + (number % 5) as i64, &number.to_le_bytes()).expect("send");
            }
            assert_eq!(child.hear(), "done");
            let stat = queue.0.stat().expect("stat");
            assert_eq!((stat.len, stat.bytes), (0, 0));
            assert_eq!(stat.last_sender, Some(std::process::id()));
            assert_eq!(stat.last_receiver, u32::try_from(child.raw_pid()).ok());
        },
        |mut parent| {
            let queue = sysv::Queue::from_id(parent.hear().parse().expect("id")).expect("open");
            for number in 0..5000_u64 {
                let got = queue.recv(Filter::Any).expect("receive");
                assert_eq!(got.bytes, number.to_le_bytes());
                assert_eq!(got.kind, 1 + (number % 5) as i64);
            }
            parent.tell("done");
        },
    );
}

//! Notice of new messages.

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_devkit::{alone, fault, two_process};
use ipc_mq::posix::{Notify, Queue};
use ipc_mq::{Error, posix};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::small;

static NOTICES: AtomicU32 = AtomicU32::new(0);

/// A real-time signal whose handler counts.
fn counted() -> Notify {
    let signal = libc::SIGRTMIN() + 1;
    let count = || {
        NOTICES.fetch_add(1, Ordering::SeqCst);
    };
    fault::signal_handler_calls(signal, Box::new(count));
    Notify::Signal { signal, value: 42 }
}

/// Q3: whenever the sender sends between notice, re-arming and draining, no message stays behind.
#[test]
fn ten_thousand_messages_and_none_is_missed() {
    const COUNT: u32 = 10_000;
    two_process(
        "notify::ten_thousand_messages_and_none_is_missed",
        |mut child| {
            let (queue, gone) = small("q");
            let how = counted();
            child.tell(&gone.0);
            let mut notification = queue.notify(how).expect("register");
            let (mut next, mut known) = (0, 0);
            while next < COUNT {
                notification
                    .drain(|message| {
                        assert_eq!(message.bytes, next.to_le_bytes());
                        next += 1;
                    })
                    .expect("drain");
                // The sender waits for us when it has filled the queue: a lost notice would hang here.
                while next < COUNT && NOTICES.load(Ordering::SeqCst) == known {
                    std::hint::spin_loop();
                }
                known = NOTICES.load(Ordering::SeqCst);
            }
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            for number in 0..COUNT {
                queue.send(0, &number.to_le_bytes()).expect("send");
                // Many different distances between the two sides' calls.
                for _ in 0..number % 97 {
                    std::hint::spin_loop();
                }
            }
        },
    );
}

/// Q3: the second to register is told so.
#[test]
fn a_second_registration_is_refused() {
    two_process(
        "notify::a_second_registration_is_refused",
        |mut child| {
            let (queue, gone) = small("q");
            let notification = queue.notify(counted()).expect("register");
            let again = queue.notify(Notify::Signal { signal: 10, value: 0 });
            assert!(matches!(again, Err(Error::NotifyBusy)));
            child.tell(&gone.0);
            assert_eq!(child.hear(), "busy");
            drop(notification);
            child.tell("free");
            assert_eq!(child.hear(), "registered");
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            let how = Notify::Signal { signal: 10, value: 0 };
            assert!(matches!(queue.notify(how), Err(Error::NotifyBusy)));
            parent.tell("busy");
            assert_eq!(parent.hear(), "free");
            let _notification = queue.notify(how).expect("register");
            parent.tell("registered");
        },
    );
}

/// Q4: a registration ends with the death of its holder.
#[test]
fn death_frees_the_registration() {
    two_process(
        "notify::death_frees_the_registration",
        |mut child| {
            let (queue, gone) = small("q");
            child.tell(&gone.0);
            assert_eq!(child.hear(), "registered");
            let how = Notify::Signal { signal: 10, value: 0 };
            assert!(matches!(queue.notify(how), Err(Error::NotifyBusy)));
            child.kill();
            queue.notify(how).expect("register");
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            let how = Notify::Signal { signal: 10, value: 0 };
            let _notification = queue.notify(how).expect("register");
            parent.tell("registered");
            let _ = parent.hear();
        },
    );
}

/// Q4: the descriptor tells readable and writable; nothing is registered.
#[test]
fn the_descriptor_can_be_polled() {
    let (queue, _gone) = small("q");
    let ready = |flags| {
        let mut entry = [PollFd::new(&queue, flags)];
        poll(&mut entry, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("poll") > 0
    };
    assert!(ready(PollFlags::OUT) && !ready(PollFlags::IN));
    let mut notification = queue.notify(Notify::Descriptor).expect("notify");
    while queue.try_send(0, b"x").is_ok() {}
    assert!(!ready(PollFlags::OUT) && ready(PollFlags::IN));
    assert_eq!(notification.drain(drop).expect("drain"), 4);
    assert!(!ready(PollFlags::IN));
    let _another = queue.notify(Notify::Descriptor).expect("any number");
}

#[test]
fn a_signal_that_is_none_is_refused() {
    let (queue, _gone) = small("q");
    for signal in [-1, 0, 65, i32::MAX] {
        let refused = queue.notify(Notify::Signal { signal, value: 0 });
        assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{signal}");
    }
}

/// Q4: closing another handle of the same process takes the registration back, as the docs say.
#[test]
fn closing_any_handle_ends_the_registration() {
    alone("notify::closing_any_handle_ends_the_registration", || {
        let (queue, gone) = small("q");
        let mut notification = queue.notify(counted()).expect("register");
        drop(posix::Queue::open(&gone.0).expect("open"));
        queue.send(0, b"x").expect("send");
        assert_eq!(NOTICES.load(Ordering::SeqCst), 0);
        assert_eq!(notification.drain(drop).expect("drain"), 1);
        queue.send(0, b"x").expect("send");
        // The drain registered again; without that this would hang.
        while NOTICES.load(Ordering::SeqCst) == 0 {
            std::hint::spin_loop();
        }
    });
}

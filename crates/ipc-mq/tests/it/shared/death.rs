//! What is left when a process dies, forks or stops.

use std::time::{Duration, Instant};

use ipc_devkit::{fault, processes, scratch, two_process};
use ipc_mq::Error;
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

const LONG: Duration = Duration::from_secs(5);

fn open(name: &str) -> Queue {
    QueueOptions::new().capacity(16).message_size(64).open_or_create(name).expect("open")
}

/// Q7: what a killed receiver held comes again, marked, in order; what it acknowledged does not.
#[test]
fn a_killed_receiver_gives_back_what_it_held() {
    two_process(
        "shared::death::a_killed_receiver_gives_back_what_it_held",
        |mut child| {
            let name = scratch::name("mqsh-held");
            let queue = open(&name);
            for word in [b"a", b"b", b"c", b"d"] {
                queue.send(0, word).expect("send");
            }
            child.tell(&name);
            assert_eq!(child.hear(), "holds");
            let held = queue.stat().expect("stat");
            let of_child = held.peers.iter().find(|peer| peer.pid != std::process::id());
            assert_eq!(of_child.map(|peer| peer.holds), Some(2), "{held:?}");
            child.kill();
            // Until its death is noticed, the next would be "d".
            until(&queue, |stat| stat.queued == 3);
            let got: Vec<_> = (0..3)
                .map(|_| queue.recv_timeout(LONG).expect("a message").take().expect("acknowledge"))
                .map(|message| (message.bytes, message.redelivered))
                .collect();
            let wanted = [(b"b", true), (b"c", true), (b"d", false)];
            assert_eq!(got, wanted.map(|(word, again)| (word.to_vec(), again)));
            let stat = queue.stat().expect("stat");
            assert_eq!((stat.queued, stat.held, stat.peers.len()), (0, 0, 1));
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            queue.recv().expect("a").ack().expect("acknowledge");
            let _held = (queue.recv().expect("b"), queue.recv().expect("c"));
            parent.tell("holds");
            let _ = parent.hear();
        },
    );
}

/// Q7: a receiver that sleeps gets what another held who is killed.
#[test]
fn a_sleeper_gets_what_the_dead_held() {
    processes(
        "shared::death::a_sleeper_gets_what_the_dead_held",
        2,
        |mut children| {
            let name = scratch::name("mqsh-handed");
            let queue = open(&name);
            queue.send(3, b"job").expect("send");
            let [holder, sleeper] = &mut children[..] else { panic!("two") };
            holder.tell(&name);
            assert_eq!(holder.hear(), "job false");
            sleeper.tell(&name);
            until(&queue, |stat| stat.peers.iter().map(|peer| peer.receiving).sum::<usize>() == 1);
            let killed = Instant::now();
            holder.kill();
            assert_eq!(sleeper.hear(), "job true");
            assert!(killed.elapsed() < LONG, "{:?}", killed.elapsed());
            sleeper.tell("end");
            assert!(sleeper.wait().success());
            until(&queue, |stat| (stat.queued, stat.held) == (1, 0));
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let queue = Queue::open(&parent.hear()).expect("open");
            let job = queue.recv_timeout(LONG).expect("a message");
            parent.tell(&format!("{} {}", String::from_utf8_lossy(&job.bytes), job.redelivered));
            let _ = parent.hear();
        },
    );
}

fn until(queue: &Queue, right: impl Fn(&ipc_mq::shared::Stat) -> bool) {
    let since = Instant::now();
    loop {
        let stat = queue.stat().expect("stat");
        if right(&stat) {
            return;
        }
        assert!(since.elapsed() < LONG, "{stat:?}");
        std::thread::yield_now();
    }
}

/// X14, Q7: the messages outlive all processes, also those that a process held when it died last.
#[test]
fn messages_outlive_all_processes() {
    two_process(
        "shared::death::messages_outlive_all_processes",
        |mut child| {
            let name = scratch::name("mqsh-outlive");
            child.tell(&name);
            assert_eq!(child.hear(), "sent");
            child.kill();
            let queue = Queue::open(&name).expect("open");
            let held = queue.recv().expect("what it held");
            assert_eq!((&held.bytes[..], held.redelivered), (&b"held"[..], true));
            held.ack().expect("acknowledge");
            drop(queue);
            let queue = Queue::open(&name).expect("open again");
            let waiting = queue.recv_now().expect("what it sent");
            assert_eq!(
                (&waiting.bytes[..], waiting.redelivered, waiting.kind),
                (&b"waiting"[..], false, 4)
            );
            assert_eq!(queue.len(), 0);
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let queue = open(&parent.hear());
            queue.send(0, b"held").expect("send");
            queue.send(Envelope::new().kind(4), b"waiting").expect("send");
            let _held = queue.recv().expect("it");
            parent.tell("sent");
            let _ = parent.hear();
        },
    );
}

/// X4: in a forked child nothing works, and dropping a delivery does nothing; the parent goes on.
#[test]
fn a_forked_child_owns_nothing() {
    ipc_devkit::alone("shared::death::a_forked_child_owns_nothing", || {
        let (queue, _fd) = QueueOptions::new().capacity(4).anonymous().expect("make");
        queue.send(0, b"mine").expect("send");
        queue.send(0, b"next").expect("send");
        let held = queue.recv().expect("mine");
        let mut held = Some(held);
        let refused = fault::in_fork(|| {
            let not_owner = |error: Error| matches!(error, Error::NotOwner { .. });
            let mut right = queue.send(0, b"child's").is_err_and(not_owner)
                && queue.try_recv().is_err_and(not_owner)
                && queue.recv_now().is_err_and(not_owner)
                && queue.stat().is_err_and(not_owner);
            right &= held.take().expect("it is there").ack().is_err_and(not_owner);
            right
        });
        assert!(refused);
        assert_eq!(queue.stat().expect("stat").held, 1);
        held.take().expect("still ours").ack().expect("acknowledge");
        assert_eq!(queue.recv_now().expect("the next").bytes, b"next");
    });
}

/// Q7: a stopped receiver is not dead: nobody gets what it holds.
#[test]
fn a_stopped_receiver_keeps_what_it_holds() {
    two_process(
        "shared::death::a_stopped_receiver_keeps_what_it_holds",
        |mut child| {
            let name = scratch::name("mqsh-stopped");
            let queue = open(&name);
            queue.send(0, b"held").expect("send");
            child.tell(&name);
            assert_eq!(child.hear(), "holds");
            child.stop();
            let none = queue.recv_timeout(Duration::from_millis(600));
            assert!(matches!(none, Err(Error::TimedOut)));
            child.cont();
            child.tell("go on");
            assert_eq!(child.hear(), "acknowledged");
            assert_eq!((queue.len(), queue.stat().expect("stat").held), (0, 0));
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let queue = Queue::open(&parent.hear()).expect("open");
            let held = queue.recv().expect("it");
            parent.tell("holds");
            let _ = parent.hear();
            held.ack().expect("acknowledge");
            parent.tell("acknowledged");
        },
    );
}

/// X13: a queue that somebody uses is not replaced; one that nobody uses is, also after a kill.
#[test]
fn only_a_stale_queue_is_reclaimed() {
    two_process(
        "shared::death::only_a_stale_queue_is_reclaimed",
        |mut child| {
            let name = scratch::name("mqsh-stale");
            child.tell(&name);
            assert_eq!(child.hear(), "sent");
            let reclaim = QueueOptions::new().reclaim_stale(true);
            assert!(matches!(reclaim.create(&name), Err(Error::AlreadyExists { .. })));
            child.kill();
            let fresh = reclaim.create(&name).expect("nobody is left");
            assert!(matches!(fresh.only(Filter::Any).try_recv(), Err(Error::WouldBlock)));
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let queue = open(&parent.hear());
            queue.send(0, b"lost").expect("send");
            parent.tell("sent");
            let _ = parent.hear();
        },
    );
}

/// Q1, Q7: a killed process of several threads that send leaves all room.
#[test]
fn killed_senders_of_one_process_leave_all_room() {
    const ROUNDS: usize = 10;
    processes(
        "shared::death::killed_senders_of_one_process_leave_all_room",
        ROUNDS,
        |children| {
            let name = scratch::name("mqsh-threads");
            let options = QueueOptions::new().capacity(200).message_size(64);
            let queue = options.create(&name).expect("create");
            for mut child in children {
                child.tell(&name);
                let mut taken = 0;
                while taken < 5_000 {
                    taken += usize::from(queue.recv_now_timeout(LONG).is_ok());
                }
                child.kill();
                until(&queue, |stat| stat.peers.len() == 1);
                while queue.try_recv_now().is_ok() {}
                for _ in 0..200 {
                    queue.send_timeout(0, b"", LONG).expect("room");
                }
                assert!(matches!(queue.try_send(0, b""), Err(Error::WouldBlock)));
                for _ in 0..200 {
                    assert_eq!(queue.try_recv_now().expect("a message").bytes, b"");
                }
                assert!(queue.is_empty());
            }
            Queue::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let queue = Queue::open(&parent.hear()).expect("open");
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    let queue = queue.clone();
                    scope.spawn(move || while queue.send(0, &[7; 64]).is_ok() {});
                }
            });
        },
    );
}

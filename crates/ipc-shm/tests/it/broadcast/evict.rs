//! A receiver that stands still.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{alone, processes, scratch, two_process};
use ipc_shm::Error;
use ipc_shm::broadcast::{Options, Receiver, Sender, pair};

use super::{message, number};
use crate::{LONG, SHORT, soon};

/// S11: a stopped receiver costs the sender its deadline; evicted, it costs nothing, and when it goes on it
/// gets `Evicted`. Its place is free once it left.
#[test]
fn stopped_then_evicted() {
    two_process(
        "broadcast::evict::stopped_then_evicted",
        |mut child| {
            let name = scratch::name("cast");
            let options = Options::new().capacity(100).receivers(1);
            let mut sender: Sender = options.create(&name).expect("make");
            child.tell(&name);
            assert_eq!(child.hear(), "joined");
            child.stop();
            while sender.try_send(&[1; 30]).is_ok() {}
            assert!(matches!(sender.send_timeout(&[1; 30], SHORT), Err(Error::TimedOut)));
            let slow = sender.receivers();
            assert!(slow.len() == 1 && slow[0].behind > 60, "{slow:?}");
            sender.evict(slow[0].id).expect("it is there");
            assert!(matches!(sender.evict(slow[0].id), Err(Error::NotFound { .. })));
            for _ in 0..100 {
                sender.try_send(&[2; 30]).expect("nobody holds us back");
            }
            assert!(sender.receivers().is_empty());
            let place = Receiver::open(&name);
            assert!(matches!(place, Err(Error::TooManyPeers { .. })), "it may wake up: {place:?}");
            child.cont();
            child.tell("go on");
            assert_eq!(child.hear(), "evicted");
            soon(|| Receiver::open(&name)).expect("the place is free");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            parent.tell("joined");
            assert_eq!(parent.hear(), "go on");
            for _ in 0..3 {
                let got = receiver.recv();
                assert!(matches!(got, Err(Error::Evicted { .. })), "{got:?}");
                assert!(matches!(receiver.try_recv(), Err(Error::Evicted { .. })));
            }
            drop(receiver);
            parent.tell("evicted");
        },
    );
}

const POINTS: usize = 24;

/// S11: evicted at any instruction of a receive, while the sender overwrites everything, it gets the message
/// whole or `Evicted`, and never holds anybody back again.
#[test]
fn evicted_at_every_point() {
    processes(
        "broadcast::evict::evicted_at_every_point",
        POINTS + 1,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(40));
            let name = scratch::name("cast");
            let mut children = children.into_iter();
            let mut visit = |point: usize| {
                let options = Options::new().capacity(400).reclaim_stale(true);
                let mut sender: Sender = options.create(&name).expect("make");
                let mut child = children.next().expect("enough");
                child.tell(&name);
                let tid = child.hear().parse().expect("a thread number");
                sender.send(&message(1, 300)).expect("send");
                let mut stepper = Stepper::seize(child, tid);
                stepper.child().tell("go");
                stepper.await_mark();
                let mut done = 0;
                while done < point && stepper.step() {
                    done += 1;
                }
                let id = sender.receivers()[0].id;
                sender.evict(id).expect("it is there");
                for number in 2..50 {
                    sender.try_send(&message(number, 300)).expect("nobody holds us back");
                }
                if point != usize::MAX {
                    stepper.run_to_mark();
                }
                stepper.run_to_mark();
                let verdict = stepper.child().hear();
                for number in 50..100 {
                    sender.try_send(&message(number, 300)).expect("nobody holds us back");
                }
                stepper.kill();
                (done, verdict)
            };
            let (length, verdict) = visit(usize::MAX);
            assert_eq!(verdict, "1");
            let mut evicted = 0;
            for n in 0..POINTS {
                let (_, verdict) = visit(n * length / POINTS);
                assert!(verdict == "1" || verdict == "evicted", "{verdict}");
                evicted += usize::from(verdict == "evicted");
            }
            eprintln!("{length} instructions, {evicted} of {POINTS} evicted inside");
            assert!(evicted > 0 && evicted < POINTS, "both were met");
            Sender::unlink(&name).expect("unlink");
        },
        |mut parent, _| {
            let mut receiver = Receiver::open(&parent.hear()).expect("open");
            let mut buffer = [0; 400];
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            let got = receiver.recv_into(&mut buffer);
            mark();
            parent.tell(&match got {
                Ok(got) => number(&buffer[..got.len]).to_string(),
                Err(Error::Evicted { .. }) => "evicted".to_owned(),
                Err(error) => error.to_string(),
            });
            mark();
            let _ = parent.hear();
        },
    );
}

/// A receiver that sleeps is woken by its eviction.
#[test]
fn a_sleeper_is_woken() {
    alone("broadcast::evict::a_sleeper_is_woken", || {
        let (mut sender, mut receiver) = pair().expect("make");
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(move || receiver.recv_timeout(LONG));
            let id = sender.receivers()[0].id;
            sender.evict(id).expect("it is there");
            let got = soon(|| sleeper.join().expect("no panic"));
            assert!(matches!(got, Err(Error::Evicted { .. })), "{got:?}");
        });
    });
}

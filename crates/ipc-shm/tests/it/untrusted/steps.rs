//! Killed inside a call: what arrives is whole, and then the end.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes};
use ipc_shm::Error;
use ipc_shm::ring::untrusted::{Options, Receiver, Sender};

use super::{message, sockets};

/// One process a point.
const POINTS: usize = 16;
/// Two of these leave too little room at the end of the ring: the third comes after a pad.
const LEN: usize = 1500;

fn options() -> Options {
    Options::new().capacity(4096)
}

fn victim(mut parent: Parent, _: usize) {
    let act = parent.hear();
    let (mut sender, mut receiver) = options().accept(parent.take()).expect("accept");
    if act == "send" {
        sender.send(&message(0, LEN)).expect("send");
        sender.send(&message(1, LEN)).expect("send");
    }
    let (next, mut buf) = (message(2, LEN), [0; LEN]);
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    let done =
        if act == "send" { sender.send(&next) } else { receiver.recv_into(&mut buf).map(drop) };
    mark();
    done.expect("it is done");
    let _ = parent.hear();
}

/// A victim at its mark, and our side of the channel. Of a sender two messages have been received, of a
/// receiver two were sent to it.
fn bring(mut child: Child, act: &str) -> (Stepper, Sender, Receiver) {
    let (here, there) = sockets();
    child.tell(act);
    child.give(&there);
    drop(there);
    let (mut sender, mut receiver) = options().offer(here).expect("offer");
    for number in 0..2 {
        if act == "send" {
            assert_eq!(receiver.recv().expect("recv"), message(number, LEN));
        } else {
            sender.send(&message(number, LEN)).expect("send");
        }
    }
    let tid = child.hear().parse().expect("a thread number");
    let mut stepper = Stepper::seize(child, tid);
    stepper.child().tell("go");
    stepper.await_mark();
    (stepper, sender, receiver)
}

fn kill_inside(test: &str, act: &str, judge: impl Fn(Sender, Receiver) -> bool) {
    processes(
        test,
        POINTS + 1,
        |mut children| {
            let (mut first, sender, receiver) = bring(children.pop().expect("enough"), act);
            let mut all = 0;
            while first.step() {
                all += 1;
            }
            first.kill();
            assert!(judge(sender, receiver), "all of it was done");
            let (mut done, mut not) = (0, 0);
            for point in 0..POINTS {
                let (mut stepper, sender, receiver) = bring(children.pop().expect("enough"), act);
                for _ in 0..point * all / POINTS {
                    stepper.step();
                }
                stepper.kill();
                if judge(sender, receiver) { done += 1 } else { not += 1 }
            }
            assert!(done > 0 && not > 0, "{all} instructions: {done} times done, {not} times not");
        },
        victim,
    );
}

/// Killed inside a send, with a pad before the message: the message is there, whole, or is not; then the end.
#[test]
fn killed_inside_a_send() {
    kill_inside("untrusted::steps::killed_inside_a_send", "send", |_sender, mut receiver| {
        let died = |got| assert!(matches!(got, Err(Error::Closed { peer_died: true })), "{got:?}");
        match receiver.recv() {
            Ok(got) => {
                assert_eq!(got, message(2, LEN));
                died(receiver.recv());
                true
            }
            got => {
                died(got);
                false
            }
        }
    });
}

/// Killed inside a receive: the room is given back or is not, and the sender learns of the death.
#[test]
fn killed_inside_a_receive() {
    kill_inside("untrusted::steps::killed_inside_a_receive", "receive", |mut sender, _receiver| {
        // It learns of it when it waits for room, which these messages make it do.
        let mut sent = 0;
        loop {
            match sender.send(&message(3, 700)) {
                Ok(()) => sent += 1,
                Err(Error::Closed { peer_died: true }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        // Beside the two messages there is room for one; with the first of them gone for three.
        assert!(sent == 1 || sent == 3, "{sent}");
        sent == 3
    });
}

//! Killed inside a call, right after a change of shared memory: nothing is lost, torn, or there twice, and a
//! successor goes on with all of the ring.

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes, watchdog};
use ipc_shm::ring::{Options, Receiver, Sender};

use super::{Gone, LONG, pattern, small};

/// One process a point.
const POINTS: usize = 12;
/// Making a ring takes many instructions.
const FEW: usize = 6;

/// What is in the ring before: so much that a long message wraps.
const BEFORE: usize = 2;
const LEN: usize = 150;

/// What a sender does.
const SENDS: [&str; 4] = ["send", "wrap", "reserve", "many"];

/// What the victim sends.
fn new(number: u64) -> Vec<u8> {
    let len = [40, 300, 90][usize::try_from(number).expect("small") - 10];
    pattern(number, len)
}

/// What the victim does, as the parent says.
fn victim(mut parent: Parent, _: usize) {
    let (act, name) = (parent.hear(), parent.hear());
    parent.tell(&this_thread().to_string());
    let sender = || Options::new().open::<Sender>(&name).expect("open");
    let receiver = || Options::new().open::<Receiver>(&name).expect("open");
    let mut stepped = |act: &mut dyn FnMut()| {
        let _ = parent.hear();
        mark();
        act();
        mark();
        let _ = parent.hear();
    };
    match &act[..] {
        "send" => {
            let (mut end, message) = (sender(), new(10));
            stepped(&mut || end.send(&message).expect("send"));
        }
        "wrap" => {
            let (mut end, message) = (sender(), new(11));
            stepped(&mut || end.send(&message).expect("send"));
        }
        "reserve" => {
            let (mut end, message) = (sender(), new(10));
            stepped(&mut || {
                let mut slot = end.reserve(message.len()).expect("room");
                slot.copy_from_slice(&message);
                slot.commit();
            });
        }
        "many" => {
            let (mut end, messages) = (sender(), [new(10), new(11), new(12)]);
            stepped(&mut || end.send_many(&messages).expect("send"));
        }
        "recv" => {
            let (mut end, mut buf) = (receiver(), [0; 1024]);
            stepped(&mut || assert_eq!(end.recv_into(&mut buf).expect("receive"), LEN));
        }
        "drain" => {
            let mut end = receiver();
            stepped(&mut || assert_eq!(end.drain(9, |_| {}).expect("drain"), BEFORE));
        }
        "close" => {
            let mut end = Some((sender(), receiver()));
            stepped(&mut || drop(end.take()));
        }
        _ => stepped(&mut || {
            let made = small().open_or_create::<Sender>(&name);
            let end = Options::new().open::<Receiver>(&name);
            std::mem::forget((made.expect("make"), end.expect("open")));
        }),
    }
}

fn bring(mut child: Child, act: &str, name: &str) -> Stepper {
    child.tell(act);
    child.tell(name);
    let tid = child.hear().parse().expect("a thread number");
    let mut stepper = Stepper::seize(child, tid);
    stepper.child().tell("go");
    stepper.await_mark();
    stepper
}

/// A ring with two messages that stand near its end, and its receiver.
fn fresh(name: &str) -> Receiver {
    let mut sender: Sender = small().create(name).expect("create");
    let mut receiver = Receiver::open(name).expect("open");
    sender.send(&[0; 500]).expect("send");
    receiver.recv().expect("it");
    for number in 0..BEFORE as u64 {
        sender.send(&pattern(number, LEN)).expect("send");
    }
    receiver
}

/// After how many instructions something changed that others can see; evenly, as many as there are
/// processes for.
fn points(victim: &mut Stepper, name: &str, most: usize) -> Vec<usize> {
    let picture = || std::fs::read(format!("/dev/shm/{name}")).unwrap_or_default();
    let (mut at, mut seen, mut changes) = (0, picture(), vec![0]);
    while victim.step() {
        at += 1;
        let now = picture();
        if now != seen {
            changes.push(at);
            seen = now;
        }
    }
    changes.push(at);
    let count = most.min(changes.len());
    eprintln!("{at} instructions, {} changes, killed after {count} of them", changes.len() - 2);
    if count < POINTS {
        // What happens before there is a name cannot be seen.
        changes.extend((1..4).map(|quarter| at * quarter / 4));
        changes.sort_unstable();
    }
    (0..count).map(|n| changes[n * (changes.len() - 1) / (count - 1).max(1)]).collect()
}

/// What must be in the ring: the last of `BEFORE` from the number `from` on, then the first `sent` of the
/// victim's.
fn expected(from: usize, sent: u64, first: u64) -> Vec<Vec<u8>> {
    let before = (from..BEFORE).map(|number| pattern(number as u64, LEN));
    before.chain((first..first + sent).map(new)).collect()
}

/// Kills victims inside `act`. `taken`: how many of the messages before may be gone; `sent`: which of its
/// own may be there; all are seen by one of them at least.
fn kill_inside(test: &str, act: &str, taken: &[usize], sent: &[u64]) {
    let most = if act == "create" { FEW } else { POINTS };
    processes(
        test,
        most + 1,
        |mut children| {
            watchdog::limit(LONG * 12);
            let made = act != "create";
            let first = if act == "wrap" { 11 } else { 10 };
            let mut seen = std::collections::BTreeSet::new();
            let run =
                |child: Child, seen: &mut std::collections::BTreeSet<_>, point: Option<usize>| {
                    let gone = Gone::new("step");
                    let receiver = made.then(|| fresh(&gone.0));
                    // The victim is the receiver, or sends to a live one.
                    let receiver = receiver.filter(|_| SENDS.contains(&act));
                    let mut stepper = bring(child, act, &gone.0);
                    let Some(point) = point else {
                        let found = points(&mut stepper, &gone.0, most);
                        stepper.kill();
                        return found;
                    };
                    for _ in 0..point {
                        stepper.step();
                    }
                    stepper.kill();
                    drop(receiver);
                    let at = format!("{act} killed after {point} instructions");
                    let got = succeed(&gone.0, &at);
                    let found =
                        taken.iter().flat_map(|from| sent.iter().map(move |sent| (*from, *sent)));
                    let mut found = found.filter(|(from, sent)| {
                        got == if made { expected(*from, *sent, first) } else { Vec::new() }
                    });
                    let found = found.next();
                    assert!(
                        found.is_some(),
                        "{at}: {:?}",
                        got.iter().map(Vec::len).collect::<Vec<_>>()
                    );
                    seen.insert(found);
                    Vec::new()
                };
            let points = run(children.pop().expect("enough"), &mut seen, None);
            for point in points {
                run(children.pop().expect("enough"), &mut seen, Some(point));
            }
            assert_eq!(seen.len(), taken.len() * sent.len(), "each was met: {seen:?}");
            for child in children {
                // Those that no point was left for.
                run(child, &mut seen, Some(0));
            }
        },
        victim,
    );
}

/// Takes both places, receives what is there, and finds that all of the ring is there again.
fn succeed(name: &str, at: &str) -> Vec<Vec<u8>> {
    let mut receiver: Receiver = small().open_or_create(name).expect(at);
    let mut sender = Sender::open(name).expect(at);
    let count = receiver.len();
    let mut got = Vec::new();
    while let Ok(message) = receiver.try_recv() {
        got.push(message);
    }
    assert_eq!((got.len(), sender.is_empty()), (count, true), "{at}");
    for round in 0..20 {
        for len in [usize::try_from(round).expect("small") * 29, 1024] {
            let message = pattern(round, len);
            if sender.try_send(&message).is_err() {
                assert!(receiver.try_recv().is_err(), "{at}: padding");
                sender.try_send(&message).expect(at);
            }
            assert_eq!(receiver.try_recv().expect(at), message, "{at}");
        }
    }
    got
}

/// S6: a killed sender leaves all of its message or nothing.
#[test]
fn killed_inside_send() {
    kill_inside("ring::step::killed_inside_send", "send", &[0], &[0, 1]);
}

/// S6: the same where padding is written first.
#[test]
fn killed_inside_a_send_that_wraps() {
    kill_inside("ring::step::killed_inside_a_send_that_wraps", "wrap", &[0], &[0, 1]);
}

/// S6: the same for a message that is written in place.
#[test]
fn killed_inside_reserve_and_commit() {
    kill_inside("ring::step::killed_inside_reserve_and_commit", "reserve", &[0], &[0, 1]);
}

/// S6: a batch is there as a whole or not at all.
#[test]
fn killed_inside_send_many() {
    kill_inside("ring::step::killed_inside_send_many", "many", &[0], &[0, 3]);
}

/// S6: a killed receiver took the message or did not.
#[test]
fn killed_inside_recv() {
    kill_inside("ring::step::killed_inside_recv", "recv", &[0, 1], &[0]);
}

/// S6: a killed receiver took all it drained or nothing.
#[test]
fn killed_inside_drain() {
    kill_inside("ring::step::killed_inside_drain", "drain", &[0, BEFORE], &[0]);
}

/// S6: the places of who is killed while it closes are free.
#[test]
fn killed_inside_close() {
    kill_inside("ring::step::killed_inside_close", "close", &[0], &[0]);
}

/// S6: a half-made ring is nobody's: the name leads to a whole one or to none.
#[test]
fn killed_inside_create_and_open() {
    kill_inside("ring::step::killed_inside_create_and_open", "create", &[0], &[0]);
}

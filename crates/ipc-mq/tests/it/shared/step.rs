//! Killed inside a call, right after a change of shared memory: nothing is lost, nothing comes twice, no
//! slot leaks.

use std::collections::BTreeMap;

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes, scratch};
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

/// One process a point.
const POINTS: usize = 14;
const CAPACITY: usize = 6;

/// What the victim does, as the parent says; the message is its own.
fn victim(mut parent: Parent, _: usize) {
    let (act, name) = (parent.hear(), parent.hear());
    let queue = Queue::open(&name).expect("open");
    let held = (act == "ack" || act == "drop").then(|| queue.recv().expect("hold"));
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    match (&act[..], held) {
        ("send", _) => queue.send(Envelope::new().priority(5).kind(9), b"new").expect("send"),
        ("recv", _) => std::mem::forget(queue.only(Filter::Except(3)).recv().expect("receive")),
        ("recv_now", _) => drop(queue.only(Filter::Type(2)).recv_now().expect("receive")),
        ("ack", Some(held)) => held.ack().expect("acknowledge"),
        (_, held) => drop(held),
    }
    mark();
    let _ = parent.hear();
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

fn fresh(name: &str) -> Queue {
    let queue =
        QueueOptions::new().capacity(CAPACITY).message_size(16).create(name).expect("create");
    for (kind, word) in [(1, "one"), (2, "two"), (3, "three"), (2, "four")] {
        queue.send(Envelope::new().kind(kind), word.as_bytes()).expect("send");
    }
    queue
}

/// Takes everything: how often each word comes, and which are marked.
fn drain(queue: &Queue) -> (BTreeMap<String, usize>, Vec<String>) {
    let (mut words, mut marked) = (BTreeMap::new(), Vec::new());
    while let Ok(message) = queue.try_recv_now() {
        let word = String::from_utf8(message.bytes).expect("whole");
        if message.redelivered {
            marked.push(word.clone());
        }
        *words.entry(word).or_insert(0) += 1;
    }
    (words, marked)
}

/// After how many instructions something changed that others can see; evenly, as many as there are
/// processes for.
fn points(victim: &mut Stepper, name: &str) -> Vec<usize> {
    let picture = || std::fs::read(format!("/dev/shm/{name}")).expect("the queue's file");
    let (mut at, mut seen, mut changes) = (0, picture(), vec![0]);
    while victim.step() {
        at += 1;
        let now = picture();
        if now != seen {
            changes.push(at);
            seen = now;
        }
    }
    let count = POINTS.min(changes.len());
    eprintln!("{at} instructions, {} changes, killed after {count} of them", changes.len() - 1);
    (0..count).map(|n| changes[n * (changes.len() - 1) / (count - 1).max(1)]).collect()
}

/// Kills victims inside `act`. `changes`: the word that may be there or not, by how far the victim came;
/// `marks`: the word that may be marked.
fn kill_inside(test: &str, act: &str, changes: Option<&str>, marks: Option<&str>) {
    processes(
        test,
        POINTS + 1,
        |mut children| {
            let name = scratch::name("mqsh-step");
            let queue = fresh(&name);
            let mut first = bring(children.pop().expect("enough"), act, &name);
            let points = points(&mut first, &name);
            first.kill();
            drop(queue);
            Queue::unlink(&name).expect("unlink");
            let (mut with, mut without, mut again) = (0, 0, 0);
            for point in points {
                let queue = fresh(&name);
                let mut stepper = bring(children.pop().expect("enough"), act, &name);
                for _ in 0..point {
                    stepper.step();
                }
                stepper.kill();
                // What it held comes back when its death is noticed.
                while queue.stat().expect("stat").held > 0 {
                    std::thread::yield_now();
                }
                let (mut words, marked) = drain(&queue);
                let at = format!("{act} killed after {point} instructions");
                match changes.map(|word| words.remove(word)) {
                    None | Some(None) => without += 1,
                    Some(Some(count)) => {
                        assert_eq!(count, 1, "{at}");
                        with += 1;
                    }
                }
                let others =
                    ["one", "two", "three", "four"].iter().filter(|word| Some(**word) != changes);
                let others: BTreeMap<_, _> = others.map(|word| ((*word).to_owned(), 1)).collect();
                assert_eq!(words, others, "{at}");
                assert!(marked.iter().all(|word| Some(&word[..]) == marks), "{at}: {marked:?}");
                again += marked.len();
                // No slot is lost, and the order is sound.
                for number in 0..CAPACITY {
                    let priority = u32::try_from(number % 3).expect("small");
                    queue.try_send(priority, format!("{number}").as_bytes()).expect("room");
                }
                assert!(queue.try_send(0, b"").is_err(), "{at}: full");
                let (words, marked) = drain(&queue);
                assert_eq!((words.len(), marked.len()), (CAPACITY, 0), "{at}");
                let stat = queue.stat().expect("stat");
                assert_eq!((stat.queued, stat.held, stat.peers.len()), (0, 0, 1), "{at}");
                Queue::unlink(&name).expect("unlink");
            }
            eprintln!("{act}: {with} with, {without} without, {again} again");
            assert!(changes.is_none() || with > 0 && without > 0, "both were met");
            assert!(marks.is_none() || again > 0, "it was met");
            for child in children {
                // Those that no point was left for.
                let queue = fresh(&name);
                bring(child, act, &name).kill();
                drop(queue);
                Queue::unlink(&name).expect("unlink");
            }
        },
        victim,
    );
}

/// Q7: a killed sender leaves all of its message or nothing.
#[test]
fn killed_inside_send() {
    kill_inside("shared::step::killed_inside_send", "send", Some("new"), None);
}

/// Q7: what a killed receiver had is still there, marked or not.
#[test]
fn killed_inside_recv() {
    kill_inside("shared::step::killed_inside_recv", "recv", None, Some("one"));
}

/// Q7: what is received for good is there or gone.
#[test]
fn killed_inside_recv_now() {
    kill_inside("shared::step::killed_inside_recv_now", "recv_now", Some("two"), None);
}

/// Q7: what is acknowledged comes again, marked, or never.
#[test]
fn killed_inside_ack() {
    kill_inside("shared::step::killed_inside_ack", "ack", Some("one"), Some("one"));
}

/// Q7: what is given back comes again, marked, once.
#[test]
fn killed_inside_drop() {
    kill_inside("shared::step::killed_inside_drop", "drop", None, Some("one"));
}

//! Killed inside a call, right after a change of shared memory: nothing is lost, nothing comes twice, no
//! slot leaks.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes, scratch, watchdog};
use ipc_mq::shared::{Envelope, Filter, Queue, QueueOptions};

/// One process a point.
const POINTS: usize = 20;
const CAPACITY: usize = 8;
/// Some 100 000 single steps, on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(5);

/// What the victim does, as the parent says; the message is its own.
fn victim(mut parent: Parent, _: usize) {
    let (act, name) = (parent.hear(), parent.hear());
    let queue = Queue::open(&name).expect("open");
    let held = (act == "ack" || act == "drop").then(|| queue.recv().expect("hold"));
    if act == "send_lent" {
        // The next goes into a slot that was lent with this one's.
        queue.send(0, b"before").expect("send");
    }
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    match (&act[..], held) {
        ("look", _) => assert_eq!(queue.len(), 4),
        ("send" | "send_lent", _) => {
            queue.send(Envelope::new().priority(5).kind(9), b"new").expect("send")
        }
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

/// A queue with four messages: two in the index and one in the lane of each handle. For one handle, three
/// and one.
fn fresh(name: &str, handles: usize) -> Vec<Queue> {
    let options = QueueOptions::new().capacity(CAPACITY).message_size(16).peers(4);
    let queue = options.create(name).expect("create");
    let other = (handles > 1).then(|| Queue::open(name).expect("open"));
    let send = |queue: &Queue, kind, word: &str| {
        queue.send(Envelope::new().kind(kind), word.as_bytes()).expect("send");
    };
    send(&queue, 1, "one");
    send(&queue, 2, "two");
    if let Some(other) = &other {
        assert_eq!(queue.len(), 2);
        send(other, 3, "three");
    } else {
        send(&queue, 3, "three");
        assert_eq!(queue.len(), 3);
    }
    send(&queue, 2, "four");
    [queue].into_iter().chain(other).collect()
}

/// Takes everything: the words in order, and which are marked.
fn drain(queue: &Queue) -> (Vec<String>, Vec<String>) {
    let (mut words, mut marked) = (Vec::new(), Vec::new());
    while let Ok(message) = queue.try_recv_now() {
        let word = String::from_utf8(message.bytes).expect("whole");
        if message.redelivered {
            marked.push(word.clone());
        }
        words.push(word);
    }
    (words, marked)
}

fn counted(words: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
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

/// The queue is empty: it takes as much as it should, and gives it back.
fn no_slot_is_lost(queue: &Queue, at: &str) {
    for number in 0..CAPACITY {
        let priority = u32::try_from(number % 3).expect("small");
        // What was lent to a victim comes back when its death is noticed.
        queue.send_timeout(priority, format!("{number}").as_bytes(), LONG).expect("room");
    }
    assert!(queue.try_send(0, b"").is_err(), "{at}: full");
    let (words, marked) = drain(queue);
    assert_eq!((words.len(), marked.len()), (CAPACITY, 0), "{at}");
}

/// Kills victims inside `act`. `changes`: the word that may be there or not, by how far the victim came;
/// `marks`: the word that may be marked.
fn kill_inside(test: &str, act: &str, changes: Option<&str>, marks: Option<&str>) {
    processes(
        test,
        POINTS + 1,
        |mut children| {
            watchdog::limit(LIMIT);
            let name = scratch::name("mqsh-step");
            let handles = if act == "look" { 2 } else { 1 };
            let queue = fresh(&name, handles);
            let mut first = bring(children.pop().expect("enough"), act, &name);
            let points = points(&mut first, &name);
            first.kill();
            drop(queue);
            Queue::unlink(&name).expect("unlink");
            let (mut with, mut without, mut again) = (0, 0, 0);
            for point in points {
                let mut handles = fresh(&name, handles);
                let queue = handles.remove(0);
                let mut stepper = bring(children.pop().expect("enough"), act, &name);
                for _ in 0..point {
                    stepper.step();
                }
                stepper.kill();
                // What it held comes back when its death is noticed.
                while queue.stat().expect("stat").held > 0 {
                    std::thread::yield_now();
                }
                let at = format!("{act} killed after {point} instructions");
                let (words, marked) = drain(&queue);
                if act == "look" {
                    assert_eq!(words, ["one", "two", "three", "four"], "{at}");
                }
                let mut words = counted(words);
                if act == "send_lent" {
                    assert_eq!(words.remove("before"), Some(1), "{at}");
                }
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
                no_slot_is_lost(&queue, &at);
                drop(handles);
                let stat = queue.stat().expect("stat");
                assert_eq!((stat.queued, stat.held, stat.peers.len()), (0, 0, 1), "{at}");
                Queue::unlink(&name).expect("unlink");
            }
            eprintln!("{act}: {with} with, {without} without, {again} again");
            assert!(changes.is_none() || with > 0 && without > 0, "both were met");
            assert!(marks.is_none() || again > 0, "it was met");
            for child in children {
                // Those that no point was left for.
                let queue = fresh(&name, handles);
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

/// Q7: the same where it needs no lock, in a slot that was lent to it before.
#[test]
fn killed_inside_a_send_without_the_lock() {
    let test = "shared::step::killed_inside_a_send_without_the_lock";
    kill_inside(test, "send_lent", Some("new"), None);
}

/// Q2, Q7: who is killed while it takes messages over from the lanes of two senders loses none and changes
/// no order.
#[test]
fn killed_inside_a_look() {
    kill_inside("shared::step::killed_inside_a_look", "look", None, None);
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

/// Q7: a sender that was stopped anywhere in a send without the lock stops nobody, and its message comes
/// when it goes on.
#[test]
fn stopped_inside_a_send_without_the_lock() {
    const STOPS: usize = 8;
    processes(
        "shared::step::stopped_inside_a_send_without_the_lock",
        STOPS,
        |children| {
            watchdog::limit(LIMIT);
            let name = scratch::name("mqsh-stop");
            let mut there = 0;
            for (number, child) in children.into_iter().enumerate() {
                let queue = fresh(&name, 1).remove(0);
                let mut stepper = bring(child, "send_lent", &name);
                let returned = (0..number * 400).any(|_| !stepper.step());
                // All but the slot that it is at is room.
                let (words, _) = drain(&queue);
                let early = usize::from(words.iter().any(|word| word == "new"));
                assert_eq!(words.len(), 5 + early, "stop {number}: {words:?}");
                for _ in 0..CAPACITY - 1 {
                    queue.try_send(9, b"other").expect("room");
                }
                let (words, _) = drain(&queue);
                assert_eq!(words.len(), CAPACITY - 1, "stop {number}: {words:?}");
                if !returned {
                    stepper.run_to_mark();
                }
                let (words, _) = drain(&queue);
                assert_eq!(words, ["new"; 1][early..], "stop {number}");
                there += early;
                stepper.kill();
                Queue::unlink(&name).expect("unlink");
            }
            assert!((1..STOPS).contains(&there), "{there} were done");
        },
        victim,
    );
}

/// Q7: who repairs what another left in the lock may be killed at it too.
#[test]
fn killed_inside_a_repair() {
    /// It takes its time: only one in so many points is tried.
    const EACH: usize = 3;
    /// Both are in the queue; then the first is killed in the middle of a send under the lock.
    fn scene(children: &mut Vec<Child>, name: &str, far: usize) -> (Vec<Queue>, Stepper) {
        let handles = fresh(name, 2);
        let mut sender = bring(children.pop().expect("enough"), "send", name);
        let mender = bring(children.pop().expect("enough"), "look", name);
        (0..far).for_each(|_| assert!(sender.step()));
        sender.kill();
        (handles, mender)
    }
    processes(
        "shared::step::killed_inside_a_repair",
        2 * POINTS.div_ceil(EACH) + 3,
        |mut children| {
            watchdog::limit(LIMIT);
            let name = scratch::name("mqsh-mend");
            let handles = fresh(&name, 2);
            let mut sender = bring(children.pop().expect("enough"), "send", &name);
            let changes = points(&mut sender, &name);
            let far = changes[changes.len() / 2];
            sender.kill();
            drop(handles);
            Queue::unlink(&name).expect("unlink");

            let (handles, mut mender) = scene(&mut children, &name, far);
            let points = points(&mut mender, &name);
            assert_eq!(points.len(), POINTS, "it had much to do");
            mender.kill();
            drop(handles);
            Queue::unlink(&name).expect("unlink");
            for point in points.into_iter().step_by(EACH) {
                let (handles, mut mender) = scene(&mut children, &name, far);
                (0..point).for_each(|_| _ = mender.step());
                mender.kill();
                let at = format!("killed after {point} instructions of a repair");
                let (words, marked) = drain(&handles[0]);
                assert_eq!(words, ["one", "two", "three", "four"], "{at}");
                assert!(marked.is_empty(), "{at}: {marked:?}");
                no_slot_is_lost(&handles[0], &at);
                let stat = handles[1].stat().expect("stat");
                assert_eq!((stat.queued, stat.held, stat.peers.len()), (0, 0, 2), "{at}");
                drop(handles);
                Queue::unlink(&name).expect("unlink");
            }
        },
        victim,
    );
}

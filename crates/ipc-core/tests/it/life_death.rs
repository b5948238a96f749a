//! Who waits for a lock gets it, whoever dies or stops, and at whatever moment.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::lock::Locked;
use ipc_core::segment::Segment;
use ipc_devkit::{Child, Parent, processes, scratch};

use crate::world::{World, named, threads, until_asleep};

/// Longer than any slice, shorter than the watchdog; the limits proper are judged by the benchmarks.
const SOON: Duration = Duration::from_secs(2);

/// A process that does what it is told with the segment it is told of.
fn resident(mut parent: Parent, _: usize) {
    let name = parent.hear();
    let world = World::join(&name);
    parent.tell("joined");
    loop {
        match parent.hear().as_str() {
            "lock" => parent.tell(&world.verdict()),
            "unlock" => {
                world.unlock();
                parent.tell("unlocked");
            }
            // The store of an unlock without its wake-up: what a killed unlocker leaves behind.
            "half unlock" => {
                world.word().store(0, Ordering::Release);
                parent.tell("half unlocked");
            }
            "slot" => {
                let me = world.0.members().me().expect("attached");
                parent.tell(&format!("{} {}", me.slot(), me.generation()));
            }
            "live" => parent.tell(&world.0.members().live().to_string()),
            _ => return,
        }
    }
}

fn ask(child: &mut Child, what: &str) -> String {
    child.tell(what);
    child.hear()
}

/// Lets `children` join one segment, in their order.
fn join_all(name: &str, children: &mut [Child]) {
    for child in children {
        assert_eq!(ask(child, name), "joined");
    }
}

fn part(children: Vec<Child>, name: &str) {
    for mut child in children {
        child.tell("leave");
        drop(child);
    }
    Segment::unlink(&named(name)).expect("unlink");
}

fn waits_for_lock(child: &mut Child) {
    child.tell("lock");
    until_asleep(child.pid());
}

/// X1, M8: (a) A unlocks, B takes the lock and is killed inside, C waits.
#[test]
fn the_death_of_a_later_owner_reaches_who_slept_on_a_former_one() {
    processes(
        "life_death::the_death_of_a_later_owner_reaches_who_slept_on_a_former_one",
        3,
        |mut children| {
            let name = scratch::name("a");
            join_all(&name, &mut children);
            let mut late = children.pop().expect("three");
            let mut heir = children.pop().expect("three");
            assert_eq!(ask(&mut children[0], "lock"), "clean");
            waits_for_lock(&mut heir);
            waits_for_lock(&mut late);
            // The wake-up goes to one of them; both orders are right.
            heir.stop();
            late.stop();
            assert_eq!(ask(&mut children[0], "unlock"), "unlocked");
            heir.cont();
            assert_eq!(heir.hear(), "clean");
            late.cont();
            until_asleep(late.pid());
            let died = Instant::now();
            heir.kill();
            assert_eq!(late.hear(), "owner died");
            assert!(died.elapsed() < SOON, "{:?}", died.elapsed());
            assert_eq!(ask(&mut late, "unlock"), "unlocked");
            children.push(late);
            part(children, &name);
        },
        resident,
    );
}

/// M8: (b) the unlocker is killed between its store and its wake-up.
#[test]
fn an_unlocker_killed_before_its_wake_strands_nobody() {
    processes(
        "life_death::an_unlocker_killed_before_its_wake_strands_nobody",
        2,
        |mut children| {
            let name = scratch::name("b");
            join_all(&name, &mut children);
            let mut waiter = children.pop().expect("two");
            assert_eq!(ask(&mut children[0], "lock"), "clean");
            waits_for_lock(&mut waiter);
            assert_eq!(ask(&mut children[0], "half unlock"), "half unlocked");
            let died = Instant::now();
            children[0].kill();
            assert_eq!(waiter.hear(), "clean");
            assert!(died.elapsed() < SOON, "{:?}", died.elapsed());
            part(vec![waiter], &name);
        },
        resident,
    );
}

/// M8: (c) the woken waiter is killed before it takes what it was woken for.
#[test]
fn a_woken_waiter_killed_before_it_takes_the_lock_strands_nobody() {
    processes(
        "life_death::a_woken_waiter_killed_before_it_takes_the_lock_strands_nobody",
        3,
        |mut children| {
            let name = scratch::name("c");
            join_all(&name, &mut children);
            let mut other = children.pop().expect("three");
            let mut woken = children.pop().expect("three");
            assert_eq!(ask(&mut children[0], "lock"), "clean");
            waits_for_lock(&mut woken);
            // Stopped, it takes the wake-up all the same: it is the first in the queue.
            woken.stop();
            waits_for_lock(&mut other);
            assert_eq!(ask(&mut children[0], "unlock"), "unlocked");
            let died = Instant::now();
            woken.kill();
            assert_eq!(other.hear(), "clean");
            assert!(died.elapsed() < SOON, "{:?}", died.elapsed());
            children.push(other);
            part(children, &name);
        },
        resident,
    );
}

/// (d) The first to learn of a death is killed before it tells anybody.
#[test]
fn a_reporter_that_dies_too_strands_nobody() {
    processes(
        "life_death::a_reporter_that_dies_too_strands_nobody",
        3,
        |mut children| {
            let name = scratch::name("d");
            join_all(&name, &mut children);
            let mut waiter = children.remove(2);
            let (mut owner, mut reporter) = (children.remove(0), children.remove(0));
            assert_eq!(ask(&mut owner, "lock"), "clean");
            waits_for_lock(&mut waiter);
            // Its keeper may get the kernel's only wake-up, and cannot run any more.
            reporter.stop();
            let died = Instant::now();
            owner.kill();
            reporter.kill();
            assert_eq!(waiter.hear(), "owner died");
            assert!(died.elapsed() < SOON, "{:?}", died.elapsed());
            part(vec![waiter], &name);
        },
        resident,
    );
}

/// (e) The slot of the dead owner has a new, live owner when the next locker looks.
#[test]
fn a_new_owner_in_the_slot_does_not_pass_for_the_dead_one() {
    processes(
        "life_death::a_new_owner_in_the_slot_does_not_pass_for_the_dead_one",
        3,
        |mut children| {
            let name = scratch::name("e");
            let (mut survivor, mut owner) = (children.remove(0), children.remove(0));
            assert_eq!(ask(&mut survivor, &name), "joined");
            assert_eq!(ask(&mut owner, &name), "joined");
            let before = ask(&mut owner, "slot");
            assert_eq!(ask(&mut owner, "lock"), "clean");
            owner.kill();
            assert_eq!(ask(&mut children[0], &name), "joined");
            let after = ask(&mut children[0], "slot");
            let slot = |id: &str| id.split(' ').next().expect("a slot").to_owned();
            assert_eq!(slot(&before), slot(&after));
            assert_ne!(before, after, "another generation");
            // The new one itself finds the lock that "its" slot left.
            assert_eq!(ask(&mut children[0], "lock"), "owner died");
            assert_eq!(ask(&mut children[0], "unlock"), "unlocked");
            assert_eq!(ask(&mut survivor, "lock"), "clean");
            children.push(survivor);
            part(children, &name);
        },
        resident,
    );
}

/// (i) A bystander is stopped, and a third process dies: the bystander's keeper may be the one that the
/// kernel woke.
#[test]
fn a_stopped_bystander_holds_up_no_notice() {
    processes(
        "life_death::a_stopped_bystander_holds_up_no_notice",
        4,
        |mut children| {
            let name = scratch::name("i");
            join_all(&name, &mut children);
            let mut waiter = children.remove(3);
            let mut owner = children.remove(1);
            assert_eq!(ask(&mut owner, "lock"), "clean");
            waits_for_lock(&mut waiter);
            for bystander in &children {
                bystander.stop();
            }
            let died = Instant::now();
            owner.kill();
            assert_eq!(waiter.hear(), "owner died");
            assert!(died.elapsed() < SOON, "{:?}", died.elapsed());
            for bystander in &mut children {
                bystander.cont();
                assert_eq!(ask(bystander, "live"), "3", "paused is not dead");
            }
            children.push(waiter);
            part(children, &name);
        },
        resident,
    );
}

/// The notice itself: with the slices alone, every death would take a good part of 250 ms.
#[test]
fn most_deaths_are_noticed_at_once() {
    processes(
        "life_death::most_deaths_are_noticed_at_once",
        8,
        |mut children| {
            let name = scratch::name("notice");
            join_all(&name, &mut children);
            let mut owner = children.remove(0);
            assert_eq!(ask(&mut owner, "lock"), "clean");
            let mut times = Vec::new();
            while let Some(mut next) = (!children.is_empty()).then(|| children.remove(0)) {
                waits_for_lock(&mut next);
                let died = Instant::now();
                owner.kill();
                assert_eq!(next.hear(), "owner died");
                times.push(died.elapsed());
                owner = next;
            }
            times.sort();
            eprintln!("from the kill to the next locker: {times:?}");
            assert!(times[times.len() / 2] < Duration::from_millis(100), "{times:?}");
            part(vec![owner], &name);
        },
        resident,
    );
}

/// Exactly one locker at a time hears of a death, and what it does about it is heard by the next.
#[test]
fn one_death_has_one_verdict() {
    processes(
        "life_death::one_death_has_one_verdict",
        4,
        |mut children| {
            let name = scratch::name("verdict");
            join_all(&name, &mut children);
            let mut owner = children.remove(0);
            assert_eq!(ask(&mut owner, "lock"), "clean");
            for child in &mut children {
                waits_for_lock(child);
            }
            owner.kill();
            let mut verdicts = Vec::new();
            let mut waiting: Vec<usize> = (0..children.len()).collect();
            while !waiting.is_empty() {
                let holder = waiting
                    .iter()
                    .position(|index| holds(&name, &mut children[*index]))
                    .expect("somebody has it");
                let index = waiting.remove(holder);
                verdicts.push(children[index].hear());
                assert_eq!(ask(&mut children[index], "unlock"), "unlocked");
            }
            assert_eq!(verdicts, ["owner died", "clean", "clean"]);
            part(children, &name);
        },
        resident,
    );

    /// Waits until the lock has a live owner, and tells whether it is `child`, by its process number.
    fn holds(name: &str, child: &mut Child) -> bool {
        let world = World::join(name);
        let members = world.0.members();
        loop {
            let Some(owner) = world.shared().lock.holder().filter(|who| members.is_alive(*who))
            else {
                std::thread::yield_now();
                continue;
            };
            let tid = world.tid_of(owner);
            return threads(child.raw_pid()).iter().any(|(thread, _)| *thread == tid);
        }
    }
}

/// Clean ends free the slot; unclean ones leave it to be found dead. Neither leaks it.
#[test]
fn slots_come_back_however_their_owner_ends() {
    processes(
        "life_death::slots_come_back_however_their_owner_ends",
        8,
        |mut children| {
            let name = scratch::name("slots");
            let world = World::join(&name);
            for (round, mut child) in children.drain(..).enumerate() {
                assert_eq!(ask(&mut child, &name), "joined");
                assert!(ask(&mut child, "slot").starts_with("1 "), "the first free slot");
                assert_eq!(world.0.members().live(), 2);
                if round % 2 == 0 {
                    child.kill()
                } else {
                    child.tell("leave")
                }
                drop(child);
                assert_eq!(world.0.members().live(), 1);
            }
            assert!(matches!(world.lock(), Ok(Locked::Clean)));
            world.unlock();
            drop(world);
            Segment::unlink(&named(&name)).expect("unlink");
        },
        resident,
    );
}

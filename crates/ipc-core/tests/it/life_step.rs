//! Killed inside attach, detach, lock or unlock: at every change of shared memory and, evenly spread,
//! at as many other instructions as the time allows.

use std::sync::atomic::Ordering;

use ipc_core::life::ByHand;
use ipc_core::lock::Locked;
use ipc_core::segment::Segment;
use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{Child, Parent, processes, scratch};

use crate::world::{World, named};

/// One process a point: as many as start and end in a few seconds.
const POINTS: usize = 48;

/// Attaches and detaches, locks and unlocks, with a mark between all of them.
fn victim(mut parent: Parent, _: usize) {
    let name = parent.hear();
    let world = World::join(&name);
    let prepared = ByHand::prepare(&world.0).expect("prepare");
    parent.tell(&this_thread().to_string());
    let _ = parent.hear();
    mark();
    let place = prepared();
    mark();
    let locked = world.lock();
    mark();
    world.unlock();
    mark();
    let place = place.expect("a slot");
    place.detach();
    mark();
    drop((locked.is_ok(), place));
    let _ = parent.hear();
}

/// Brings a victim to the mark number `from`.
fn bring(mut child: Child, name: &str, from: usize) -> Stepper {
    child.tell(name);
    let tid = child.hear().parse().expect("a thread number");
    let mut stepper = Stepper::seize(child, tid);
    stepper.child().tell("go");
    stepper.await_mark();
    for _ in 0..from {
        stepper.run_to_mark();
    }
    stepper
}

/// The instructions after which to kill: around every change that others can see, and between.
fn points(mut victim: Stepper, world: &World) -> Vec<usize> {
    let (mut at, mut seen, mut chosen) = (0, world.picture(), Vec::new());
    while victim.step() {
        at += 1;
        let now = world.picture();
        if now != seen {
            chosen.extend([at - 1, at]);
            seen = now;
        }
    }
    victim.kill();
    let spare = POINTS.saturating_sub(chosen.len() + 1).max(1);
    let between = (0..spare).map(|n| n * at / spare);
    chosen.extend(between.collect::<Vec<_>>());
    chosen.sort_unstable();
    chosen.dedup();
    chosen.truncate(POINTS);
    eprintln!("{at} instructions, killed after {} of them", chosen.len());
    chosen
}

/// Kills victims inside the operation after mark `from`; whoever is left must find everything in order.
fn kill_inside(name: &str, from: usize) {
    processes(
        name,
        POINTS + 1,
        |mut children| {
            let name = scratch::name("step");
            let world = World::join(&name);
            let first = children.pop().expect("enough");
            let points = points(bring(first, &name, from), &world);
            let mut deaths = 0;
            for point in points {
                let mut stepper = bring(children.pop().expect("enough"), &name, from);
                for _ in 0..point {
                    stepper.step();
                }
                stepper.kill();
                let members = world.0.members();
                assert_eq!(members.live(), 1, "a slot is left after {point} instructions");
                match world.lock() {
                    Ok(Locked::Clean) => {}
                    Ok(Locked::OwnerDied(_)) => deaths += 1,
                    Err(fault) => panic!("{fault:?} after {point} instructions"),
                }
                world.unlock();
                let fresh = World::join(&name);
                assert_eq!(members.live(), 2);
                assert_eq!(fresh.0.members().me().map(|me| me.slot()), Some(1), "the first free");
                assert!(matches!(fresh.lock(), Ok(Locked::Clean)));
                fresh.unlock();
                drop(fresh);
                assert_eq!(world.word().load(Ordering::Relaxed), 0);
            }
            let in_lock = [1, 2].contains(&from);
            assert_eq!(deaths > 0, in_lock, "who died with the lock leaves it, nobody else does");
            for child in children {
                // Those that no point was left for.
                bring(child, &name, 0).kill();
            }
            drop(world);
            Segment::unlink(&named(&name)).expect("unlink");
        },
        victim,
    );
}

/// X4: (g) killed inside attach.
#[test]
fn killed_inside_attach() {
    kill_inside("life_step::killed_inside_attach", 0);
}

/// S10: killed inside lock.
#[test]
fn killed_inside_lock() {
    kill_inside("life_step::killed_inside_lock", 1);
}

/// S10: killed inside unlock.
#[test]
fn killed_inside_unlock() {
    kill_inside("life_step::killed_inside_unlock", 2);
}

/// X4: (g) killed inside detach.
#[test]
fn killed_inside_detach() {
    kill_inside("life_step::killed_inside_detach", 3);
}

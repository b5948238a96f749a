//! Where a process lives and how it ends: namespaces, forks, exec, truncated neighbours, cost.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::life::sleep::{CancelWord, Stop, has_waitv};
use ipc_core::lock::{LockFault, Locked};
use ipc_core::segment::{Access, Fault, Segment};
use ipc_devkit::{alone, fault, processes, scratch, two_process};
use rustix::thread::UnshareFlags;

use crate::world::{KEEPER, SPEC, World, named, threads, unshare, until_asleep};

/// Set in a process that a child half starts in a PID namespace of its own: the segment's name.
const RESIDENT: &str = "IPC_CORE_RESIDENT";
const NAMESPACES: &str = "life_place::the_same_thread_number_in_two_namespaces_is_two_owners";

/// X15: (f) two PID namespaces, the same TID number in both, one of the two dies.
#[test]
fn the_same_thread_number_in_two_namespaces_is_two_owners() {
    if let Ok(name) = std::env::var(RESIDENT) {
        return resident(&name);
    }
    processes(
        NAMESPACES,
        2,
        |mut children| {
            if !rustix::process::geteuid().is_root() {
                for child in &mut children {
                    child.tell("");
                }
                return ipc_devkit::skip("needs root to make PID namespaces");
            }
            let name = scratch::name("ns");
            let world = World::join(&name);
            for child in &mut children {
                child.tell(&name);
                assert_eq!(child.hear(), "ready");
            }
            let members = world.0.members();
            let owners: Vec<_> = (1..3).filter_map(|slot| members.owner_in(slot)).collect();
            let tids: Vec<u32> = owners.iter().map(|owner| world.tid_of(*owner)).collect();
            assert_eq!(tids.len(), 2);
            assert_eq!(tids[0], tids[1], "the test wants one number twice");
            children[0].tell("lock");
            assert_eq!(children[0].hear(), "locked");
            children[1].tell("kill");
            assert_eq!(children[1].hear(), "killed");
            let first = world.lock_within(Duration::from_millis(600));
            assert_eq!(
                first,
                Err(LockFault::Stop(Stop::TimedOut)),
                "the wrong one was taken for dead"
            );
            assert_eq!(members.live(), 2);
            children[0].tell("kill");
            assert_eq!(children[0].hear(), "killed");
            assert!(matches!(world.lock(), Ok(Locked::OwnerDied(_))));
            world.unlock();
            drop(world);
            Segment::unlink(&named(&name)).expect("unlink");
        },
        |mut parent, _| {
            let name = parent.hear();
            if name.is_empty() {
                return;
            }
            unshare(UnshareFlags::NEWPID).expect("a PID namespace for the next process");
            let mut resident = Command::new(std::env::current_exe().expect("this binary"))
                .args([NAMESPACES, "--exact", "--nocapture", "--test-threads=1"])
                .env(RESIDENT, name)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("start the resident");
            let mut says = BufReader::new(resident.stdout.take().expect("piped")).lines();
            let mut next = |wanted: &str| {
                while !says.next().expect("it speaks").expect("text").ends_with(wanted) {}
                wanted.to_owned()
            };
            let ready = next("ready");
            parent.tell(&ready);
            while parent.hear() != "kill" {
                writeln!(resident.stdin.as_mut().expect("piped"), "lock").expect("tell");
                let locked = next("locked");
                parent.tell(&locked);
            }
            resident.kill().expect("kill");
            resident.wait().expect("reap");
            parent.tell("killed");
        },
    );
}

fn resident(name: &str) {
    let world = World::join(name);
    println!("\nready");
    for _ in std::io::stdin().lines() {
        assert_eq!(world.lock(), Ok(Locked::Clean));
        println!("\nlocked");
    }
}

/// S4: (h) a segment of the dead process was truncated before: the death is seen in its others.
#[test]
fn a_truncated_neighbour_hides_no_death() {
    two_process(
        "life_place::a_truncated_neighbour_hides_no_death",
        |mut child| {
            let names = [scratch::name("h"), scratch::name("h"), scratch::name("h")];
            let worlds: Vec<World> = names.iter().map(|name| World::join(name)).collect();
            for name in &names {
                child.tell(name);
                assert_eq!(child.hear(), "locked");
            }
            // Both its first and its last: whichever end a walk over all of them begins at.
            for cut in [0, 2] {
                let path = std::path::Path::new("/dev/shm").join(&names[cut]);
                let file = std::fs::File::options().write(true).open(path).expect("open");
                file.set_len(0).expect("truncate");
            }
            let died = Instant::now();
            child.kill();
            assert!(matches!(worlds[1].lock(), Ok(Locked::OwnerDied(_))));
            assert!(died.elapsed() < Duration::from_secs(2), "{:?}", died.elapsed());
            worlds[1].unlock();
            // Leaving a truncated one is no SIGBUS.
            drop(worlds);
            for name in &names {
                Segment::unlink(&named(name)).expect("unlink");
            }
        },
        |mut parent| {
            let mut worlds = Vec::new();
            loop {
                let world = World::join(&parent.hear());
                assert_eq!(world.lock(), Ok(Locked::Clean));
                worlds.push(world);
                parent.tell("locked");
            }
        },
    );
}

/// X6: exec is the death of the owner.
#[test]
fn exec_counts_as_death() {
    two_process(
        "life_place::exec_counts_as_death",
        |mut child| {
            let name = scratch::name("exec");
            let world = World::join(&name);
            child.tell(&name);
            assert_eq!(child.hear(), "locked");
            child.expect_death();
            child.tell("exec");
            assert!(matches!(world.lock(), Ok(Locked::OwnerDied(_))));
            world.unlock();
            drop((world, child));
            Segment::unlink(&named(&name)).expect("unlink");
        },
        |mut parent| {
            let world = World::join(&parent.hear());
            assert_eq!(world.lock(), Ok(Locked::Clean));
            parent.tell("locked");
            let _ = parent.hear();
            let failed = Command::new("/bin/true").exec();
            panic!("exec: {failed}");
        },
    );
}

/// X4: a forked child owns nothing: every operation is refused, and no drop touches the parent's.
#[test]
fn a_forked_child_owns_nothing() {
    alone("life_place::a_forked_child_owns_nothing", || {
        let name = scratch::name("fork");
        let mut world = Some(World::join(&name));
        assert_eq!(world.as_ref().expect("here").lock(), Ok(Locked::Clean));
        let good = fault::in_fork(|| {
            let Some(world) = world.take() else { return false };
            let refused = world.lock() == Err(LockFault::Stop(Stop::Forked));
            world.unlock();
            world.shared().lock.abandon(world.0.members());
            let place = world.0.body().as_ptr();
            let nowhere = Segment::containing(place.cast()).is_none();
            let stranger = Segment::open(&named("x"), &SPEC, &Access::default());
            let no_new_one = matches!(stranger, Err(Fault::Forked));
            drop(world);
            refused && nowhere && no_new_one
        });
        assert!(good);
        let world = world.expect("here");
        assert!(world.shared().lock.is_mine(world.0.members()));
        assert_eq!(world.0.members().live(), 1);
        world.unlock();
        assert_eq!(world.lock(), Ok(Locked::Clean));
        world.unlock();
        drop(world);
        Segment::unlink(&named(&name)).expect("unlink");
    });
}

/// X18: a wait ends when it is cancelled, from another thread and from a signal handler.
#[test]
fn a_wait_for_a_lock_can_be_cancelled() {
    alone("life_place::a_wait_for_a_lock_can_be_cancelled", || {
        let (segment, _fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        let world = World(segment);
        assert_eq!(world.lock(), Ok(Locked::Clean));
        let cancel = CancelWord::new();
        let wait = || world.shared().lock.lock(world.0.members(), Wait::FOREVER, Some(&cancel));
        let cancelled = Err(LockFault::Stop(Stop::Cancelled));
        cancel.cancel();
        assert_eq!(wait(), cancelled, "asked for before");
        let me = rustix::process::getpid();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            until_asleep(me);
            cancel.cancel();
            assert_eq!(waiting.join().expect("no panic"), cancelled, "from another thread");
        });
        let handler = cancel.clone();
        fault::signal_handler_calls(libc::SIGUSR1, Box::new(move || handler.cancel()));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            until_asleep(me);
            fault::raise(libc::SIGUSR1);
            assert_eq!(waiting.join().expect("no panic"), cancelled, "from a handler");
        });
        let try_it = world.shared().lock.lock(world.0.members(), Wait::No, None);
        assert_eq!(try_it, Err(LockFault::Stop(Stop::WouldBlock)));
    });
}

/// X2: signals interrupt no wait; the deadline holds.
#[test]
fn a_storm_of_signals_neither_ends_nor_lengthens_a_wait() {
    alone("life_place::a_storm_of_signals_neither_ends_nor_lengthens_a_wait", || {
        let (segment, _fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        let world = World(segment);
        assert_eq!(world.lock(), Ok(Locked::Clean));
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let since = Instant::now();
        let time = Duration::from_millis(300);
        assert_eq!(world.lock_within(time), Err(LockFault::Stop(Stop::TimedOut)));
        assert!(since.elapsed() >= time && storm.count() > 10);
    });
}

/// A kernel or a sandbox without `futex_waitv`: everything works in slices.
#[test]
fn without_waitv_a_death_is_seen_all_the_same() {
    processes(
        "life_place::without_waitv_a_death_is_seen_all_the_same",
        2,
        |mut children| {
            for (child, errno) in children.iter_mut().zip([libc::ENOSYS, libc::EPERM]) {
                let name = scratch::name("old");
                child.tell(&format!("{errno} {name}"));
                assert_eq!(child.hear(), "joined");
                let world = World::join(&name);
                assert_eq!(world.lock(), Ok(Locked::Clean));
                child.tell("lock");
                assert_eq!(child.hear(), "timed out");
                drop(world);
                // Our slot is free, and the lock still ours: nobody will ever unlock it.
                assert_eq!(child.hear(), "owner died");
                Segment::unlink(&named(&name)).expect("unlink");
            }
        },
        |mut parent, _| {
            let told = parent.hear();
            let (errno, name) = told.split_once(' ').expect("two words");
            fault::deny_syscall(libc::SYS_futex_waitv, errno.parse().expect("a number"));
            let world = World::join(name);
            assert!(!has_waitv());
            parent.tell("joined");
            let _ = parent.hear();
            let early = world.lock_within(Duration::from_millis(150));
            assert_eq!(early, Err(LockFault::Stop(Stop::TimedOut)));
            parent.tell("timed out");
            assert!(matches!(world.lock(), Ok(Locked::OwnerDied(_))));
            world.unlock();
            parent.tell("owner died");
        },
    );
}

/// X19: `setuid(2)` after an attach returns: the C library's own signals reach the keeper.
#[test]
fn changing_the_user_after_an_attach_returns() {
    alone("life_place::changing_the_user_after_an_attach_returns", || {
        let (segment, _fd) = Segment::anonymous(&SPEC, |_| {}).expect("anonymous");
        let threads_before = threads(i32::try_from(std::process::id()).expect("a pid")).len();
        crate::world::set_user_to_itself();
        assert_eq!(
            threads(i32::try_from(std::process::id()).expect("a pid")).len(),
            threads_before
        );
        assert_eq!(segment.members().live(), 1);
    });
}

/// What one attachment costs: a thread that never runs by itself, two mappings, no descriptor.
#[test]
fn an_idle_segment_costs_a_thread_that_sleeps() {
    alone("life_place::an_idle_segment_costs_a_thread_that_sleeps", || {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let count = |directory: &str| std::fs::read_dir(directory).expect("list").count();
        let (descriptors, tasks) = (count("/proc/self/fd"), threads(pid).len());
        let segment = World(Segment::anonymous(&SPEC, |_| {}).expect("anonymous").0);
        assert_eq!(count("/proc/self/fd"), descriptors);
        assert_eq!(threads(pid).len(), tasks + 1);
        let keeper = threads(pid).into_iter().find(|(_, name)| name == KEEPER).expect("a keeper").0;
        let ran = || {
            let status = std::fs::read_to_string(format!("/proc/self/task/{keeper}/schedstat"));
            status.expect("read").split(' ').nth(2).expect("times it ran").trim().to_owned()
        };
        assert_eq!(segment.lock(), Ok(Locked::Clean));
        until_asleep_itself(keeper);
        let before = ran();
        let timed_out = Err(LockFault::Stop(Stop::TimedOut));
        assert_eq!(segment.lock_within(Duration::from_millis(700)), timed_out);
        assert_eq!(ran(), before, "it ticks");
    });

    fn until_asleep_itself(thread: u32) {
        let asleep = |call: String| call.starts_with(&format!("{} ", libc::SYS_futex_waitv));
        let path = format!("/proc/self/task/{thread}/syscall");
        while !std::fs::read_to_string(&path).is_ok_and(asleep) {
            std::thread::yield_now();
        }
    }
}

//! K11: killed inside a bind, after every system call that changes the directory.

use crate::path_in;
use ipc_devkit::step::{Stepper, mark, this_thread};
use ipc_devkit::{processes, scratch};
use ipc_sock::Error;
use ipc_sock::unix::{Address, Listener, Options, Stream};

/// One for each change of the directory that a bind makes, one before, and one after the last.
const VICTIMS: usize = 8;

/// Instructions between two looks: fewer than between two system calls.
const LOOK: usize = 16;

/// What others can see of the directory: the path, its companion, and the private directory with the
/// socket to be. Modes; 0 is absent.
fn picture(paths: &[std::path::PathBuf; 4]) -> [u32; 4] {
    paths.each_ref().map(|path| rustix::fs::lstat(path).map_or(0, |stat| stat.st_mode))
}

/// K11: wherever the owner is killed inside `listen`, the path is absent or whole and stale; the next
/// one takes it at once and leaves the directory clean.
#[test]
fn killed_inside_a_bind_leaves_nothing_in_the_way() {
    processes(
        "reclaim_step::killed_inside_a_bind_leaves_nothing_in_the_way",
        VICTIMS,
        |children| {
            ipc_devkit::watchdog::limit(std::time::Duration::from_secs(60));
            let mut killed_inside = 0;
            for (changes, mut child) in children.into_iter().enumerate() {
                let dir = scratch::dir();
                let address = path_in(&dir);
                let paths = ["sock", "sock.lock", ".sock.ipc", ".sock.ipc/s"];
                let paths = paths.map(|name| dir.path().join(name));
                child.tell(&address.to_string());
                let tid = child.hear().parse().expect("a thread number");
                let mut stepper = Stepper::seize(child, tid);
                stepper.child().tell("go");
                stepper.await_mark();
                let mut seen = picture(&paths);
                let mut left = changes;
                'steps: while left > 0 {
                    for _ in 0..LOOK {
                        if !stepper.step() {
                            break 'steps;
                        }
                    }
                    let now = picture(&paths);
                    if now != seen {
                        left -= 1;
                        seen = now;
                    }
                }
                killed_inside += usize::from(left == 0);
                stepper.kill();
                let path = address.as_path().expect("path");
                let visible = path.symlink_metadata().ok();
                if let Some(meta) = &visible {
                    use std::os::unix::fs::PermissionsExt as _;
                    assert_eq!(meta.permissions().mode() & 0o777, 0o600, "after {changes} changes");
                    let outcome = Stream::connect(&address);
                    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
                    let outcome = Listener::bind(&address);
                    assert!(matches!(outcome, Err(Error::AlreadyExists { .. })), "{outcome:?}");
                }
                let options = Options::new().reclaim_stale(true);
                let listener: Listener = options
                    .listen(&address)
                    .unwrap_or_else(|error| panic!("after {changes} changes: {error}; {seen:?}"));
                let _client = Stream::connect(&address).expect("connect");
                listener.accept().expect("accept");
                drop(listener);
                let rest = std::fs::read_dir(dir.path()).expect("list").count();
                assert_eq!(rest, 0, "after {changes} changes");
            }
            // The victim before the first change counts too.
            assert!(killed_inside > 5, "{killed_inside}");
        },
        |mut parent, _| {
            let address = Address::path(parent.hear()).expect("address");
            parent.tell(&this_thread().to_string());
            let _ = parent.hear();
            mark();
            let listener = Listener::bind(&address);
            mark();
            let _ = parent.hear();
            drop(listener);
        },
    );
}

//! The same objects in C and Python.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::scratch::{self, ScratchDir};
use ipc_devkit::{alone, two_process};
use ipc_sem::{Error, LockError, NamedSemaphore, Ops, RobustMutex, SysvOptions, SysvSet};

use crate::{Removed, key};

/// The C program beside this file, compiled, in a directory that lasts as long.
struct Peer {
    program: PathBuf,
    _dir: ScratchDir,
}

impl Peer {
    /// `None` and a skip without a compiler.
    fn compile() -> Option<Self> {
        let dir = scratch::dir();
        let (source, program) = (dir.path().join("peer.c"), dir.path().join("peer"));
        std::fs::write(&source, include_str!("peer.c")).expect("write the source");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-pthread", "-o"]).args([&program, &source]);
        match compiler.status() {
            Ok(status) => assert!(status.success(), "cc: {status}"),
            Err(error) => {
                ipc_devkit::skip(&format!("needs cc: {error}"));
                return None;
            }
        }
        Some(Self { program, _dir: dir })
    }

    /// Runs one operation to its end and returns what it printed.
    #[track_caller]
    fn run(&self, op: &str, object: &str) -> String {
        let done = Command::new(&self.program).args([op, object]).stderr(Stdio::inherit()).output();
        let done = done.expect("run the C program");
        assert!(done.status.success(), "{op}: {}", done.status);
        String::from_utf8(done.stdout).expect("text").trim().to_owned()
    }
}

#[test]
fn c_and_ours_share_a_named_semaphore() {
    alone("interop::c_and_ours_share_a_named_semaphore", || {
        let Some(peer) = Peer::compile() else { return };
        let name = format!("/{}", scratch::name("sem"));
        let ours = NamedSemaphore::create(&name, 1).expect("create");
        assert_eq!(peer.run("sem_wait", &name), "0");
        assert!(matches!(ours.try_acquire(), Err(Error::WouldBlock)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ours.acquire());
            peer.run("sem_post", &name);
            waiting.join().expect("no panic").expect("C wakes us");
            let _canceller = ours.canceller();
            let waiting = scope.spawn(|| ours.acquire());
            peer.run("sem_post", &name);
            waiting.join().expect("no panic").expect("C wakes our own wait too");
            let theirs = scope.spawn(|| peer.run("sem_wait", &name));
            ours.release().expect("release");
            assert_eq!(theirs.join().expect("we wake C"), "0");
        });
        NamedSemaphore::unlink(&name).expect("unlink");
        assert_eq!(peer.run("sem_create", &name), "3");
        assert_eq!(NamedSemaphore::open(&name).expect("open").value(), 3);
        NamedSemaphore::unlink(&name).expect("unlink");
    });
}

/// X6: either side is told when the other dies, or execs, with the lock held.
#[test]
fn c_and_ours_share_a_robust_mutex() {
    two_process(
        "interop::c_and_ours_share_a_robust_mutex",
        |mut child| {
            let Some(peer) = Peer::compile() else { return child.kill() };
            let name = format!("/{}", scratch::name("mutex"));
            let mutex = RobustMutex::create(&name).expect("create");
            assert_eq!(peer.run("mutex_lock", &name), "locked");
            assert_eq!(peer.run("mutex_die", &name), "locked");
            match mutex.lock() {
                Err(LockError::OwnerDied(mut guard)) => guard.mark_consistent(),
                other => panic!("{other:?}"),
            }
            assert_eq!(peer.run("mutex_exec", &name), "locked");
            match mutex.lock() {
                Err(LockError::OwnerDied(mut guard)) => guard.mark_consistent(),
                other => panic!("{other:?}"),
            }
            std::thread::scope(|scope| {
                let guard = mutex.lock().expect("consistent");
                let theirs = scope.spawn(|| peer.run("mutex_lock", &name));
                drop(guard);
                assert_eq!(theirs.join().expect("C gets it"), "locked");
            });
            child.tell(&name);
            assert_eq!(child.hear(), "locked");
            child.kill();
            assert_eq!(peer.run("mutex_lock", &name), "died");
            drop(mutex.lock().expect("C repaired it"));
            RobustMutex::unlink(&name).expect("unlink");
        },
        |mut parent| {
            let mutex = RobustMutex::open(&parent.hear()).expect("open");
            let _guard = mutex.lock().expect("lock");
            parent.tell("locked");
            let _ = parent.hear();
        },
    );
}

#[test]
fn c_and_ours_share_a_sysv_set() {
    alone("interop::c_and_ours_share_a_sysv_set", || {
        let Some(peer) = Peer::compile() else { return };
        let ours = Removed(SysvSet::create(key(1), &[2, 0]).expect("create"));
        let raw = key(1).to_string();
        assert_eq!(peer.run("set_move", &raw), "1 1");
        ours.apply(&Ops::new().p(1, 1).v(0, 1)).expect("move back");
        assert_eq!(peer.run("set_look", &raw), "2 0");
        assert_eq!(peer.run("set_setval", &raw), "4 0");
        assert_eq!(ours.values().expect("values"), [4, 0]);
    });
}

/// M1: a set of a C program has no values for us until its first operation, unless we are told.
#[test]
fn a_set_that_c_left_without_values_is_not_initialised() {
    alone("interop::a_set_that_c_left_without_values_is_not_initialised", || {
        let Some(peer) = Peer::compile() else { return };
        let raw = key(2).to_string();
        peer.run("set_create", &raw);
        let start = Instant::now();
        assert!(matches!(SysvSet::open(key(2)), Err(Error::NotInitialised { .. })));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let refused = SysvSet::open_or_create(key(2), &[1, 1]);
        assert!(matches!(refused, Err(Error::NotInitialised { .. })), "{refused:?}");
        let told = SysvOptions::new().assume_initialised().open(key(2)).expect("told");
        let set = Removed(told);
        set.set_value(1, 1).expect("take over");
        peer.run("set_setval", &raw);
        set.apply(&Ops::new().p(0, 1).p(1, 1)).expect("4 and 1 were there");
        assert_eq!(SysvSet::open(key(2)).expect("now it is").values().expect("values"), [3, 0]);
    });
}

/// Runs a program of Python on these arguments; `None` without the modules it needs.
fn python(program: &str, arguments: &[&str]) -> Option<String> {
    // Another interpreter, for instance one of a virtual environment that has the modules.
    let interpreter = std::env::var("IPC_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let done = Command::new(interpreter).arg("-c").arg(program).args(arguments).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// Python is looked at where its modules are installed; C stands for it elsewhere.
#[test]
fn python_and_ours_share_kernel_objects() {
    alone("interop::python_and_ours_share_kernel_objects", || {
        if python("import posix_ipc, sysv_ipc", &[]).is_none() {
            eprintln!("not looked at: python3 has not the modules posix_ipc and sysv_ipc");
            return;
        }
        let name = format!("/{}", scratch::name("sem"));
        let ours = NamedSemaphore::create(&name, 2).expect("create");
        let take =
            "import posix_ipc as p, sys; s = p.Semaphore(sys.argv[1]); s.acquire(); print(s.value)";
        assert_eq!(python(take, &[&name]).as_deref(), Some("1"));
        assert_eq!(ours.value(), 1);
        NamedSemaphore::unlink(&name).expect("unlink");

        let set = Removed(SysvSet::create(key(3), &[2]).expect("create"));
        let take = "import sysv_ipc, sys; s = sysv_ipc.Semaphore(int(sys.argv[1])); s.acquire(); print(s.value)";
        assert_eq!(python(take, &[&key(3).raw().to_string()]).as_deref(), Some("1"));
        assert_eq!(set.value(0).expect("value"), 1);
    });
}

//! What the types are, and what of a channel crosses a fork or an exec.

use std::collections::BTreeSet;

use ipc_devkit::{alone, fault};
use ipc_shm::Error;
use ipc_shm::ring::untrusted::{Credentials, Options, Receiver, Sender};

use super::rogue::{CAPACITY, header, ring};
use super::{both, lies};

#[test]
fn handles_cross_threads() {
    fn all<T: Send + Sync + std::fmt::Debug>() {}
    all::<Sender>();
    all::<Receiver>();
    all::<Options>();
    all::<Credentials>();
}

/// X1: every descriptor of a channel is closed by an exec.
#[test]
fn no_descriptor_survives_an_exec() {
    alone("untrusted::types::no_descriptor_survives_an_exec", || {
        let before = open();
        let ((mut sender, mut near), (mut far, mut receiver)) = both(&Options::new());
        for end in [&mut sender, &mut far] {
            end.ready().expect("a descriptor");
        }
        for end in [&mut near, &mut receiver] {
            end.ready().expect("a descriptor");
        }
        let ours: Vec<String> = open().difference(&before).cloned().collect();
        assert_eq!(ours.len(), 2 * (3 + 2), "{ours:?}");
        let child = std::process::Command::new("ls").arg("/proc/self/fd").output().expect("ls");
        let listed = String::from_utf8(child.stdout).expect("text");
        for fd in ours {
            assert!(!listed.lines().any(|line| line == fd), "{fd} of {listed}");
        }
    });
}

fn open() -> BTreeSet<String> {
    let list = std::fs::read_dir("/proc/self/fd").expect("list descriptors");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("entry").file_name();
    list.map(|entry| name(entry).into_string().expect("a number")).collect()
}

/// S9: what the peer writes is mapped for reading only.
#[test]
fn the_peers_memory_is_for_reading() {
    alone("untrusted::types::the_peers_memory_is_for_reading", || {
        let ends = both(&Options::new());
        let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let ours: Vec<_> = maps.lines().filter(|line| line.contains("ipc-untrusted")).collect();
        let count = |access: &str| ours.iter().filter(|line| line.contains(access)).count();
        assert_eq!((count(" rw-s "), count(" r--s "), ours.len()), (2, 2, 4), "{ours:#?}");
        drop(ends);
    });
}

/// X7: a peer that is gone raises no signal, whatever the disposition: a send that rings is an error.
#[test]
fn no_signal_for_a_peer_that_is_gone() {
    alone("untrusted::types::no_signal_for_a_peer_that_is_gone", || {
        fault::set_sigpipe_default();
        let (mut sender, _receiver, rogue) = lies::victim();
        // It says that it sleeps, and is gone without having closed anything.
        rogue.store(super::rogue::RECEIVER, 1);
        drop(rogue.socket);
        let lost = sender.send(b"nobody");
        assert!(matches!(lost, Err(Error::Closed { peer_died: true })), "{lost:?}");
    });
}

/// X8: the flags of the socket, which others may share, stay as they are, and do not matter.
#[test]
fn the_sockets_flags_stay() {
    use std::os::unix::net::UnixStream;
    alone("untrusted::types::the_sockets_flags_stay", || {
        for nonblocking in [false, true] {
            let (here, there) = UnixStream::pair().expect("a pair");
            here.set_nonblocking(nonblocking).expect("set");
            let shared = here.try_clone().expect("dup");
            let before = rustix::fs::fcntl_getfl(&shared).expect("flags");
            let accepting = std::thread::spawn(move || {
                ipc_shm::ring::untrusted::accept(there.into()).expect("accept")
            });
            let (_sender, mut receiver) = Options::new().offer(here.into()).expect("offer");
            let _far = accepting.join().expect("the other side");
            let none = receiver.recv_timeout(std::time::Duration::from_millis(2));
            assert!(matches!(none, Err(Error::TimedOut)), "{none:?}");
            assert_eq!(rustix::fs::fcntl_getfl(&shared).expect("flags"), before);
        }
    });
}

/// X4: a forked child owns nothing, and dropping what it has a copy of closes nothing.
#[test]
fn a_forked_child_owns_nothing() {
    ipc_devkit::in_fork(|| {
        let ((mut sender, near), (far, mut receiver)) = both(&Options::new());
        let mut ends = Some((sender, receiver));
        assert!(fault::in_fork(|| {
            let Some((mut sender, mut receiver)) = ends.take() else { return false };
            let refused = matches!(sender.try_send(b"x"), Err(Error::NotOwner { .. }))
                && matches!(receiver.try_recv_into(&mut [0; 8]), Err(Error::NotOwner { .. }));
            drop((sender, receiver));
            refused
        }));
        (sender, receiver) = ends.take().expect("the parent's");
        sender.send(b"open still").expect("send");
        assert_eq!(receiver.recv().expect("recv"), b"open still");
        drop((near, far));
    });
}

/// X17: with hardly any memory left, lengths that lie are errors, and a ring that is too large is `NoSpace`.
#[test]
fn memory_is_limited() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    alone("untrusted::types::memory_is_limited", || {
        let (_sender, mut receiver, rogue) = lies::victim();
        let (_here, there) = super::sockets();
        let pages = std::fs::read_to_string("/proc/self/statm").expect("statm");
        let pages: u64 = pages.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        let limit = pages * ring() as u64 + (32 << 20);
        let maximum = getrlimit(Resource::As).maximum;
        setrlimit(Resource::As, Rlimit { current: Some(limit), maximum }).expect("limit");
        let refused = Options::new().capacity(64 << 20).offer(there);
        assert!(matches!(refused, Err(Error::NoSpace { .. })), "{refused:?}");
        rogue.store(ring(), header(CAPACITY - 128));
        assert_eq!(receiver.recv().expect("it fits").len() as u64, CAPACITY - 128);
        rogue.store(ring() + rogue.seen(super::rogue::TAIL) as usize, header((1 << 61) + 7));
        let refused = receiver.recv();
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    });
}

/// Without the asymmetric fence a channel works, with shorter sleeps.
#[test]
fn no_membarrier_costs_only_speed() {
    alone("untrusted::types::no_membarrier_costs_only_speed", || {
        fault::deny_syscall(libc::SYS_membarrier, libc::EPERM);
        assert!(!ipc_shm::features().asymmetric_fence);
        let ((mut sender, mut near), (mut far, mut receiver)) = both(&Options::new());
        let answering = std::thread::spawn(move || {
            while let Ok(message) = receiver.recv() {
                far.send(&message).expect("send");
            }
        });
        for number in 0..2000_u32 {
            sender.send(&number.to_le_bytes()).expect("send");
            assert_eq!(near.recv().expect("recv"), number.to_le_bytes());
        }
        drop(sender);
        answering.join().expect("the other side");
    });
}

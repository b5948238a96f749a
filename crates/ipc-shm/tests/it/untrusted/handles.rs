//! Which descriptors are refused, and what a handshake may cost.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault};
use ipc_shm::Error;
use ipc_shm::ring::untrusted::Options;
use rustix::fs::{MemfdFlags, OFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::rogue::{self, ACCEPTS, CAPACITY, OFFERS, SEALS, hello, memfd, sealed};
use super::sockets;

fn options() -> Options {
    Options::new().capacity(1).timeout(Duration::from_secs(3))
}

fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("list descriptors").count()
}

fn largest_fd() -> i32 {
    let list = std::fs::read_dir("/proc/self/fd").expect("list descriptors");
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("entry").file_name().to_string_lossy().parse::<i32>().expect("a number")
    };
    list.map(number).max().expect("there are some")
}

/// What a victim says to a hello with these descriptors, when it accepts and when it offers.
fn refusals(hello: impl Fn(u32) -> [u8; 32], fds: &[BorrowedFd<'_>]) -> [Error; 2] {
    let (here, there) = sockets();
    rogue::send(&here, &hello(OFFERS), fds);
    let accepting = options().accept(there).expect_err("the offer is refused");
    drop(here);
    let (here, there) = sockets();
    rogue::send(&here, &hello(ACCEPTS), fds);
    let offering = options().offer(there).expect_err("the answer is refused");
    [accepting, offering]
}

/// A case: its name, and the descriptors that come with an otherwise right hello.
type Case = (&'static str, Vec<OwnedFd>);

fn right() -> usize {
    rogue::ring() + CAPACITY as usize
}

fn cases() -> Vec<Case> {
    let file = |path: &str| OwnedFd::from(File::open(path).expect(path));
    let reopened = |fd: &OwnedFd, flags: OFlags| {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        rustix::fs::open(path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty()).expect("reopen")
    };
    let whole = sealed(right());
    let zero = File::options().read(true).write(true).open("/dev/zero").expect("/dev/zero");
    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("eventfd");
    let (pipe, _other) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("pipe");
    let holes = memfd(0);
    ftruncate(&holes, right() as u64).expect("a size without pages");
    fcntl_add_seals(&holes, SEALS).expect("seal");
    let mut cases: Vec<Case> = vec![
        ("no descriptor", vec![]),
        ("a pipe", vec![pipe]),
        ("a socket", vec![sockets().0]),
        ("a directory", vec![file("/")]),
        ("a file", vec![file("/proc/self/exe")]),
        ("O_PATH", vec![reopened(&whole, OFlags::PATH)]),
        ("/dev/zero", vec![zero.into()]),
        ("an eventfd", vec![event]),
        ("only for reading", vec![reopened(&whole, OFlags::RDONLY)]),
        ("only for writing", vec![reopened(&whole, OFlags::WRONLY)]),
        ("twice the same", vec![whole.try_clone().expect("dup"), whole.try_clone().expect("dup")]),
        ("as many as can be", (0..253).map(|_| whole.try_clone().expect("dup")).collect()),
        ("not sealed", vec![memfd(right())]),
        ("size 0", vec![sealed(0)]),
        ("one byte short", vec![sealed(right() - 1)]),
        ("one page short", vec![sealed(CAPACITY as usize)]),
        ("one byte long", vec![sealed(right() + 1)]),
        ("holes", vec![holes]),
    ];
    for left_out in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::FUTURE_WRITE, SealFlags::SEAL] {
        let fd = memfd(right());
        fcntl_add_seals(&fd, SEALS.difference(left_out)).expect("seal");
        cases.push(("one seal is missing", vec![fd]));
    }
    let huge = MemfdFlags::HUGETLB | MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
    if let Ok(fd) = memfd_create("ipc-t-huge", huge) {
        ftruncate(&fd, 2 << 20).expect("one huge page");
        fcntl_add_seals(&fd, SEALS).expect("seal");
        cases.push(("huge pages", vec![fd]));
    }
    cases
}

/// S2, K2, K3: whatever comes in place of a right memory is refused with a typed error, by both roles, and
/// leaves no descriptor behind.
#[test]
fn wrong_descriptors_are_refused() {
    alone("untrusted::handles::wrong_descriptors_are_refused", || {
        for (name, fds) in cases() {
            let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
            let before = open_fds();
            for error in refusals(|role| hello(role, CAPACITY), &borrowed) {
                assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
            }
            assert_eq!(open_fds(), before, "{name}");
        }
    });
}

/// X17, S2: a hello that says what cannot be is refused before anything is mapped for it.
#[test]
fn wrong_hellos_are_refused() {
    alone("untrusted::handles::wrong_hellos_are_refused", || {
        let fd = sealed(right());
        let before = open_fds();
        let page = rogue::ring() as u64;
        for capacity in [0, 1, 2048, page - 1, page + 8, 3 * page, u64::MAX, (1 << 63) - 1] {
            for error in refusals(|role| hello(role, capacity), &[fd.as_fd()]) {
                assert!(matches!(error, Error::Corrupt { .. }), "{capacity}: {error}");
            }
        }
        for capacity in [32 << 20, 1 << 30, 1 << 40, 1 << 63] {
            for error in refusals(|role| hello(role, capacity), &[fd.as_fd()]) {
                assert!(matches!(error, Error::Limit { .. }), "{capacity}: {error}");
            }
        }
        for byte in (0..16).chain(24..32) {
            let wrong = |role| {
                let mut hello = hello(role, CAPACITY);
                hello[byte] ^= 0x40;
                hello
            };
            for error in refusals(wrong, &[fd.as_fd()]) {
                assert!(matches!(error, Error::Corrupt { .. }), "byte {byte}: {error}");
            }
        }
        let same_role = |role| hello(ACCEPTS + OFFERS - role, CAPACITY);
        for error in refusals(same_role, &[fd.as_fd()]) {
            assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        }
        assert_eq!(open_fds(), before);
    });
}

/// S2: our own memory, sent back, is not the peer's.
#[test]
fn our_own_memory_sent_back_is_refused() {
    alone("untrusted::handles::our_own_memory_sent_back_is_refused", || {
        let (here, there) = sockets();
        let offering = std::thread::spawn(move || options().offer(there));
        let (_, theirs) = rogue::receive(&here).expect("an offer");
        rogue::send(&here, &hello(ACCEPTS, CAPACITY), &[theirs.as_fd()]);
        let refused = offering.join().expect("the victim");
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    });
}

/// K9: a peer that says nothing, or a byte at a time, costs the deadline of the handshake.
#[test]
fn a_silent_peer_costs_only_the_deadline() {
    alone("untrusted::handles::a_silent_peer_costs_only_the_deadline", || {
        let limit = Duration::from_millis(60);
        let before = open_fds();
        for dribble in [false, true] {
            let (here, there) = UnixStream::pair().expect("a pair");
            let options = options().timeout(limit);
            let start = Instant::now();
            let victim = std::thread::spawn(move || {
                let ended = options.accept(there.into());
                (ended.map(drop), start.elapsed())
            });
            let mut here = here;
            while dribble && !victim.is_finished() {
                // Each byte alone, and never the last one.
                let _ = here.write(&hello(OFFERS, CAPACITY)[..1]);
                std::thread::yield_now();
                if start.elapsed() > limit / 3 {
                    break;
                }
            }
            let (ended, took) = victim.join().expect("the victim");
            match ended {
                Err(Error::TimedOut) => assert!(took >= limit && took < limit * 20, "{took:?}"),
                Err(Error::Corrupt { .. }) => assert!(dribble, "it was silent"),
                ended => panic!("{ended:?}"),
            }
        }
        let (here, there) = sockets();
        assert!(matches!(options().timeout(limit).offer(there), Err(Error::TimedOut)));
        drop(here);
        let (here, there) = sockets();
        drop(here);
        let hung_up = options().accept(there);
        assert!(matches!(hung_up, Err(Error::Closed { peer_died: true })), "{hung_up:?}");
        assert_eq!(open_fds(), before);
    });
}

/// A descriptor that takes long to close, here a socket that lingers, costs the deadline of the handshake.
#[test]
fn a_descriptor_that_is_slow_to_close() {
    use std::net::{TcpListener, TcpStream};
    alone("untrusted::handles::a_descriptor_that_is_slow_to_close", || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let mut lingers = TcpStream::connect(listener.local_addr().expect("address")).expect("it");
        let (unread, _) = listener.accept().expect("accept");
        lingers.set_nonblocking(true).expect("nonblocking");
        while lingers.write(&[0; 65536]).is_ok() {}
        let long = Some(Duration::from_secs(60));
        rustix::net::sockopt::set_socket_linger(&lingers, long).expect("linger");

        let (here, there) = sockets();
        rogue::send(&here, &hello(OFFERS, CAPACITY), &[lingers.as_fd()]);
        drop(lingers);
        let limit = Duration::from_millis(200);
        let start = Instant::now();
        let refused = options().timeout(limit).accept(there);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        assert!(start.elapsed() >= limit, "it was closed at once: it did not linger");
        assert!(start.elapsed() < limit * 10, "{:?}", start.elapsed());
        // A reset ends the lingering; only then is the descriptor gone.
        drop(unread);
        let thread = |name: &str| name.trim() == "ipc-close";
        while threads().iter().any(|name| thread(name)) {
            std::thread::yield_now();
        }
    });
}

fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("list threads");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
    tasks.filter_map(|task| name(task.ok()?).ok()).collect()
}

/// Only a connected Unix stream socket carries a channel.
#[test]
fn other_sockets_are_refused() {
    use std::os::unix::net::UnixDatagram;
    alone("untrusted::handles::other_sockets_are_refused", || {
        let (datagram, _other) = UnixDatagram::pair().expect("a pair");
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
        for wrong in [datagram.into(), tcp.into(), memfd(4096)] {
            let refused = options().offer(wrong);
            assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{refused:?}");
        }
    });
}

/// K4: with hardly any descriptor left the handshake is refused as a limit, and leaves nothing behind.
#[test]
fn a_full_descriptor_table_is_a_limit() {
    alone("untrusted::handles::a_full_descriptor_table_is_a_limit", || {
        let mut made = false;
        for spare in 0..8 {
            let (here, there) = sockets();
            let fd = sealed(right());
            rogue::send(&here, &hello(OFFERS, CAPACITY), &[fd.as_fd()]);
            let before = open_fds();
            // The limit is one on numbers: the free ones below the largest are taken first.
            let largest = largest_fd();
            let null = || File::open("/dev/null").expect("/dev/null");
            let fill: Vec<_> =
                std::iter::repeat_with(null).take_while(|fd| fd.as_raw_fd() < largest).collect();
            let limit = fault::limit_nofile(largest as u64 + 1 + spare);
            let accepted = options().accept(there);
            drop((limit, fill));
            match accepted {
                Ok(ends) => {
                    made = true;
                    drop(ends);
                }
                Err(Error::Limit { .. }) => assert!(!made, "{spare}"),
                Err(error) => panic!("{spare}: {error}"),
            }
            // The victim's socket is closed, too.
            assert_eq!(open_fds(), before - 1, "{spare}");
        }
        assert!(made, "eight are enough");
    });
}

/// A kernel that cannot seal as needed is refused, not put up with.
#[test]
fn no_seals_is_unsupported() {
    alone("untrusted::handles::no_seals_is_unsupported", || {
        let (_here, there) = sockets();
        fault::deny_syscall_flags(libc::SYS_fcntl, 2, SealFlags::FUTURE_WRITE.bits(), libc::EINVAL);
        let refused = options().offer(there);
        assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
        let (_here, there) = sockets();
        fault::deny_syscall(libc::SYS_memfd_create, libc::ENOSYS);
        let refused = options().offer(there);
        assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
    });
}

/// S1: a kernel that does not know MFD_NOEXEC_SEAL gets a memory without it, but not without seals.
#[test]
fn an_older_kernel_leaves_only_noexec_out() {
    alone("untrusted::handles::an_older_kernel_leaves_only_noexec_out", || {
        fault::deny_syscall_flags(
            libc::SYS_memfd_create,
            1,
            MemfdFlags::NOEXEC_SEAL.bits(),
            libc::EINVAL,
        );
        let (here, there) = sockets();
        let offering = std::thread::spawn(move || options().offer(there));
        let (_, theirs) = rogue::receive(&here).expect("an offer");
        let seals = rustix::fs::fcntl_get_seals(&theirs).expect("seals");
        assert!(seals.contains(SEALS), "{seals:?}");
        drop(here);
        assert!(matches!(offering.join().expect("the victim"), Err(Error::Closed { .. })));
    });
}

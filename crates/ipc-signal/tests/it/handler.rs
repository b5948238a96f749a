//! Handlers: safe by construction, several a signal, gone when dropped.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_signal::{
    Disposition, Error, Signal, SignalTimer, Wake, disposition, handle, raise, thread_id,
};

/// Several actions of one signal all run; a dropped one does not, and restores nothing.
#[test]
fn several_actions_share_a_signal() {
    alone("handler::several_actions_share_a_signal", || {
        let (flag, counter) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let one = handle(Signal::USR1, flag.clone()).expect("handle");
        let two = handle(Signal::USR1, counter.clone()).expect("handle");
        raise(Signal::USR1).expect("raise");
        assert!(flag.swap(false, Ordering::Acquire));
        drop(one);
        raise(Signal::USR1).expect("raise");
        assert!(!flag.load(Ordering::Acquire));
        assert_eq!(counter.load(Ordering::Acquire), 2);
        drop(two);
        assert_eq!(disposition(Signal::USR1).expect("read"), Disposition::Handler);
        raise(Signal::USR1).expect("nobody handles it, and nobody dies");
    });
}

/// G4: what stood there before the first action is still called, as tokio's would be.
#[test]
fn a_former_handler_is_still_called() {
    alone("handler::a_former_handler_is_still_called", || {
        static FORMER: AtomicU64 = AtomicU64::new(0);
        fault::signal_handler_calls(
            Signal::USR2.as_raw(),
            Box::new(|| {
                FORMER.fetch_add(1, Ordering::Relaxed);
            }),
        );
        let counter = Arc::new(AtomicU64::new(0));
        let registration = handle(Signal::USR2, counter.clone()).expect("handle");
        raise(Signal::USR2).expect("raise");
        drop(registration);
        raise(Signal::USR2).expect("raise");
        assert_eq!((FORMER.load(Ordering::Relaxed), counter.load(Ordering::Relaxed)), (2, 1));
    });
}

/// G1, X7: a handler wakes through an eventfd, a pipe and a socket; full or closed ones do not matter.
#[test]
fn handlers_wake_descriptors() {
    alone("handler::handlers_wake_descriptors", || {
        fault::set_sigpipe_default();
        let mut byte = [0; 8];

        let (wake, bell) = Wake::eventfd().expect("eventfd");
        let one = handle(Signal::USR1, wake).expect("handle");
        let again = Wake::new(bell.try_clone().expect("clone")).expect("an eventfd is known");
        let two = handle(Signal::USR1, again).expect("handle");
        raise(Signal::USR1).expect("raise");
        std::fs::File::from(bell).read_exact(&mut byte).expect("read");
        assert_eq!(u64::from_ne_bytes(byte), 2);
        drop((one, two));

        let (reader, writer) = rustix::pipe::pipe().expect("pipe");
        let registration = handle(Signal::USR1, Wake::new(writer).expect("pipe")).expect("handle");
        for _ in 0..70_000 {
            raise(Signal::USR1).expect("a full pipe does not block");
        }
        assert!(rustix::io::read(&reader, &mut byte).expect("read") > 0);
        drop(reader);
        raise(Signal::USR1).expect("a closed pipe does not kill");
        drop(registration);

        let (near, far) = UnixStream::pair().expect("pair");
        let wake = Wake::new(OwnedFd::from(far)).expect("socket");
        let registration = handle(Signal::USR1, wake).expect("handle");
        raise(Signal::USR1).expect("raise");
        assert_eq!((&near).read(&mut byte).expect("read"), 1);
        for _ in 0..10_000 {
            raise(Signal::USR1).expect("a full socket does not block");
        }
        drop(near);
        raise(Signal::USR1).expect("a closed socket does not kill");
        drop(registration);

        let file = std::fs::File::open("/dev/null").expect("open");
        assert!(matches!(Wake::new(file), Err(Error::Unsupported { .. })));
    });
}

/// X7: where the kernel lacks RWF_NOSIGNAL, a closed pipe still does not kill, and a SIGPIPE that was pending stays.
#[test]
fn old_kernels_raise_no_sigpipe_either() {
    alone("handler::old_kernels_raise_no_sigpipe_either", || {
        fault::deny_syscall_flags(
            nr_pwritev2(),
            5,
            0x100,
            rustix::io::Errno::OPNOTSUPP.raw_os_error(),
        );
        fault::set_sigpipe_default();
        assert!(!ipc_signal::features().no_signal);
        let (reader, writer) = rustix::pipe::pipe().expect("pipe");
        let registration = handle(Signal::USR1, Wake::new(writer).expect("pipe")).expect("handle");
        raise(Signal::USR1).expect("raise");
        assert_eq!(rustix::io::read(&reader, &mut [0; 8]).expect("read"), 1);
        drop(reader);
        raise(Signal::USR1).expect("raise");
        let mask = ipc_signal::Mask::block(Signal::PIPE).expect("block");
        raise(Signal::PIPE).expect("raise");
        raise(Signal::USR1).expect("raise");
        assert!(ipc_signal::pending().expect("ask").contains(Signal::PIPE));
        ipc_signal::try_wait_for(Signal::PIPE).expect("take it");
        drop(mask);
        drop(registration);
    });
}

fn nr_pwritev2() -> i64 {
    if cfg!(target_arch = "x86_64") { 328 } else { 287 }
}

/// G1: errno is as before, whatever the handler's calls did to it.
#[test]
fn errno_is_saved() {
    alone("handler::errno_is_saved", || {
        let (reader, writer) = rustix::pipe::pipe().expect("pipe");
        let registration = handle(Signal::USR1, Wake::new(writer).expect("pipe")).expect("handle");
        drop(reader);
        let _ = std::fs::File::open("/there is no such file");
        raise(Signal::USR1).expect("raise");
        let errno = std::io::Error::last_os_error();
        assert_eq!(errno.kind(), std::io::ErrorKind::NotFound, "{errno}");
        drop(registration);
    });
}

/// G1: handlers that interrupt malloc and free all the time do no harm to them.
#[test]
fn handlers_interrupt_malloc() {
    alone("handler::handlers_interrupt_malloc", || {
        let counter = Arc::new(AtomicU64::new(0));
        let (wake, _bell) = Wake::eventfd().expect("eventfd");
        let registrations = [
            handle(Signal::rt(1), counter.clone()).expect("handle"),
            handle(Signal::rt(1), wake).expect("handle"),
            handle(Signal::rt(1), Arc::new(AtomicBool::new(false))).expect("handle"),
        ];
        let mut timer = SignalTimer::for_thread(Signal::rt(1), 0, thread_id()).expect("timer");
        timer.every(Duration::from_micros(20)).expect("arm");
        let mut kept: Vec<Vec<u64>> = Vec::new();
        let mut step = 0u64;
        while counter.load(Ordering::Relaxed) < 20_000 {
            step += 1;
            kept.push(vec![step; usize::try_from(step % 700).expect("small") + 1]);
            if kept.len() > 64 {
                let index = usize::try_from(step % 64).expect("small");
                let taken = kept.swap_remove(index);
                assert!(taken.iter().all(|word| *word == taken[0]));
            }
        }
        drop(timer);
        drop(registrations);
    });
}

/// Faults of the hardware are not for handlers that return.
#[test]
fn faults_are_refused() {
    for signal in [Signal::SEGV, Signal::FPE, Signal::ILL] {
        let flag = Arc::new(AtomicBool::new(false));
        assert!(matches!(handle(signal, flag), Err(Error::Unsupported { .. })));
    }
}

//! Faults are reported by the process that dies of them, and its status stays true.
#![expect(unsafe_code, reason = "faults are what is tested")]

use std::io::Read as _;
use std::os::fd::OwnedFd;

use ipc_devkit::{Child, Parent, alone, two_process};
use ipc_signal::fault::{self, AltStack, Fault};
use ipc_signal::{Disposition, Error, Signal, disposition};

/// An address where nothing is mapped.
const NOWHERE: usize = 0x10;

/// Reads where nothing is.
pub(crate) fn bad_access() {
    let nowhere = std::ptr::without_provenance::<u8>(std::hint::black_box(NOWHERE));
    // SAFETY: none: this process is here to die of it.
    unsafe { std::ptr::read_volatile(nowhere) };
}

/// Divides by zero without Rust's check.
#[cfg(target_arch = "x86_64")]
pub(crate) fn divide_by_zero() {
    // SAFETY: none: this process is here to die of it.
    unsafe {
        std::arch::asm!("xor edx, edx", "xor ecx, ecx", "div ecx", inout("eax") 1 => _, out("ecx") _, out("edx") _);
    }
}

#[cfg(target_arch = "x86_64")]
fn breakpoint() {
    // SAFETY: none: this process is here to die of it.
    unsafe { std::arch::asm!("int3") };
}

#[cfg(target_arch = "x86_64")]
fn no_instruction() {
    // SAFETY: none: this process is here to die of it.
    unsafe { std::arch::asm!("ud2") };
}

/// The report of the child that dies, whose status is checked.
fn report(child: &mut Child, signal: Signal) -> Fault {
    let (reader, writer) = rustix::pipe::pipe().expect("pipe");
    child.give(&writer);
    drop(writer);
    let mut text = String::new();
    std::fs::File::from(reader).read_to_string(&mut text).expect("read");
    let status = child.wait();
    let ended = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(ended, Some(signal.as_raw()), "{text}");
    let fault: Fault = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!((fault.signal, fault.pid), (signal, child.raw_pid().unsigned_abs()));
    assert_eq!(fault.to_string(), text.trim_end());
    fault
}

fn die(mut parent: Parent, of: fn()) {
    let reporter = fault::report_to(parent.take()).expect("report");
    assert!(matches!(fault::report_to(devnull()), Err(Error::AlreadyExists)));
    of();
    drop(reporter);
}

fn devnull() -> OwnedFd {
    std::fs::OpenOptions::new().write(true).open("/dev/null").expect("open").into()
}

/// A bad access is reported with its address.
#[test]
fn a_bad_access_is_reported() {
    two_process(
        "fault::a_bad_access_is_reported",
        |mut child| {
            let fault = report(&mut child, Signal::SEGV);
            assert_eq!(fault.code.expect("a fault").name(), "SEGV_MAPERR");
            assert_eq!(fault.address, Some(NOWHERE));
            assert!(fault.instruction.is_some_and(|at| at > 4096));
            assert_ne!(fault.tid, fault.pid, "the test's thread is not the first");
        },
        |parent| die(parent, bad_access),
    );
}

/// A division by zero is reported with the address of the instruction.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_division_by_zero_is_reported() {
    two_process(
        "fault::a_division_by_zero_is_reported",
        |mut child| {
            let fault = report(&mut child, Signal::FPE);
            assert_eq!(fault.code.expect("a fault").name(), "FPE_INTDIV");
            assert_eq!(fault.address, fault.instruction);
        },
        |parent| die(parent, divide_by_zero),
    );
}

/// A breakpoint, which would go on after the handler, still ends the process.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_breakpoint_is_reported() {
    two_process(
        "fault::a_breakpoint_is_reported",
        |mut child| {
            let fault = report(&mut child, Signal::TRAP);
            assert!(fault.code.is_some());
        },
        |parent| die(parent, breakpoint),
    );
}

/// An unknown instruction is reported.
#[cfg(target_arch = "x86_64")]
#[test]
fn an_unknown_instruction_is_reported() {
    two_process(
        "fault::an_unknown_instruction_is_reported",
        |mut child| {
            let fault = report(&mut child, Signal::ILL);
            assert_eq!(fault.code.expect("a fault").name(), "ILL_ILLOPN");
            assert_eq!(fault.address, fault.instruction);
        },
        |parent| die(parent, no_instruction),
    );
}

/// A truncated file under a mapping is reported with the address that has nothing behind it.
#[test]
fn a_truncated_file_is_reported() {
    two_process(
        "fault::a_truncated_file_is_reported",
        |mut child| {
            let fault = report(&mut child, Signal::BUS);
            assert_eq!(fault.code.expect("a fault").name(), "BUS_ADRERR");
            assert_eq!(fault.address.expect("an address") % 4096, 8);
        },
        |parent| {
            die(parent, || {
                let fd = rustix::fs::memfd_create("truncated", rustix::fs::MemfdFlags::CLOEXEC);
                let fd = fd.expect("memfd");
                rustix::fs::ftruncate(&fd, 4096).expect("size");
                let prot = rustix::mm::ProtFlags::READ;
                let flags = rustix::mm::MapFlags::SHARED;
                // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
                let map =
                    unsafe { rustix::mm::mmap(std::ptr::null_mut(), 4096, prot, flags, &fd, 0) };
                let map = map.expect("map").cast::<u8>();
                rustix::fs::ftruncate(&fd, 0).expect("truncate");
                // SAFETY: none: this process is here to die of it.
                unsafe { std::ptr::read_volatile(map.wrapping_add(8)) };
            });
        },
    );
}

/// A fault signal that a process sent is reported as sent, and ends the process as it would.
#[test]
fn a_sent_signal_is_reported_as_sent() {
    two_process(
        "fault::a_sent_signal_is_reported_as_sent",
        |mut child| {
            let fault = report(&mut child, Signal::SEGV);
            assert_eq!((fault.code, fault.address), (None, None));
        },
        |parent| {
            die(parent, || {
                crate::me().send(Signal::SEGV).expect("send");
                // The test runner's thread takes it.
                loop {
                    std::thread::park();
                }
            });
        },
    );
}

/// X7: a reader of the report that is gone changes nothing of how the process dies.
#[test]
fn a_closed_report_does_not_change_the_death() {
    two_process(
        "fault::a_closed_report_does_not_change_the_death",
        |mut child| {
            let status = child.wait();
            let ended = std::os::unix::process::ExitStatusExt::signal(&status);
            assert_eq!(ended, Some(Signal::SEGV.as_raw()));
        },
        |_parent| {
            ipc_devkit::fault::set_sigpipe_default();
            let (reader, writer) = rustix::pipe::pipe().expect("pipe");
            drop(reader);
            let _reporter = fault::report_to(writer).expect("report");
            bad_access();
        },
    );
}

/// A stack overflow is reported: the handler has a stack of its own.
#[test]
fn a_stack_overflow_is_reported() {
    fn deeper(n: u64) -> u64 {
        let room = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + room[7] }
    }
    two_process(
        "fault::a_stack_overflow_is_reported",
        |mut child| {
            // std's own handler runs after ours, says what it was and aborts.
            let (reader, writer) = rustix::pipe::pipe().expect("pipe");
            child.give(&writer);
            drop(writer);
            let mut text = String::new();
            std::fs::File::from(reader).read_to_string(&mut text).expect("read");
            let fault: Fault = text.parse().expect("a report");
            assert_eq!(fault.signal, Signal::SEGV);
            let status = child.wait();
            let ended = std::os::unix::process::ExitStatusExt::signal(&status);
            assert_eq!(ended, Some(Signal::ABRT.as_raw()));
        },
        |parent| {
            die(parent, || {
                let _stack = AltStack::ensure().expect("it has one");
                std::hint::black_box(deeper(0));
            });
        },
    );
}

/// G4: dropping the reporter puts back what was there.
#[test]
fn a_dropped_reporter_restores() {
    alone("fault::a_dropped_reporter_restores", || {
        let before = crate::status("SigCgt:");
        for _ in 0..2 {
            let reporter = fault::report_to(devnull()).expect("report");
            assert_eq!(disposition(Signal::TRAP).expect("read"), Disposition::Handler);
            drop(reporter);
            assert_eq!(crate::status("SigCgt:"), before);
        }
    });
}

/// X17: no text is read as a fault but a reporter's, and none makes it panic.
#[test]
fn what_is_no_report_is_refused() {
    let words = [
        "",
        "SIGSEGV",
        "SIGSEGV SEGV_NONE",
        "SIGSEGV BUS_ADRERR",
        "SIGFOO sent",
        "SIGSEGV sent address=zz",
        "SIGSEGV sent address=0xfffffffffffffffff",
        "SIGSEGV sent pid=-1",
        "SIGSEGV sent what",
        "SIGSEGV code:99999999999 pid=1",
    ];
    for word in words {
        assert!(word.parse::<Fault>().is_err(), "{word:?}");
    }
    let fault: Fault = "SIGSEGV code:77 address=0xffffffffffffffff pid=1 tid=2 later=3"
        .parse()
        .expect("a later form");
    assert_eq!((fault.address, fault.pid, fault.tid), (Some(usize::MAX), 1, 2));
    assert_eq!(fault.to_string(), "SIGSEGV code:77 address=0xffffffffffffffff pid=1 tid=2");
}

/// A thread without an alternate stack gets one; what had one keeps it.
#[test]
fn alternate_stacks_come_and_go() {
    alone("fault::alternate_stacks_come_and_go", || {
        let one = AltStack::ensure().expect("it has one");
        let two = AltStack::ensure().expect("it has one");
        drop((one, two));
    });
}

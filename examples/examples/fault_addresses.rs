//! A division by zero and a bad access, reported with their addresses, by a process that dies of them
//! and by a closure that runs in a fork.
#![expect(unsafe_code, reason = "the faults are the point")]

use std::error::Error;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use ipc::signal::fault::{self, Fault};
use ipc::signal::{Error as SignalError, run_isolated};

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some(what) => die(what),
        None => watch(),
    }
}

fn watch() -> Result<(), Box<dyn Error>> {
    for what in ["divide", "access"] {
        let mut child =
            Command::new(std::env::current_exe()?).arg(what).stdout(Stdio::piped()).spawn()?;
        let mut report = String::new();
        child.stdout.take().ok_or("piped")?.read_to_string(&mut report)?;
        let fault: Fault = report.parse()?;
        println!("{what}: process {} reported {fault}", child.id());
        if let Some(code) = fault.code {
            println!("{what}: {}: {}", code.name(), code.describe());
        }
        let status = child.wait()?;
        println!("{what}: it ended with {status}");
        if status.signal() != Some(fault.signal.as_raw()) || fault.address.is_none() {
            return Err("the report and the status differ".into());
        }
    }
    for (what, run) in [("divide", divide as fn()), ("access", access)] {
        match run_isolated(|| {
            run();
            Vec::new()
        }) {
            Err(SignalError::Killed { signal, code: Some(code), address: Some(address) }) => {
                println!("isolated {what}: {signal} at {address:#x}: {code}");
            }
            other => return Err(format!("expected a fault, got {other:?}").into()),
        }
    }
    Ok(())
}

/// The process that dies; its standard output takes the report.
fn die(what: &str) -> Result<(), Box<dyn Error>> {
    let _reporter = fault::report_to(std::io::stdout().as_fd().try_clone_to_owned()?)?;
    if what == "divide" {
        divide()
    } else {
        access()
    }
    Ok(())
}

/// Divides by zero, without Rust's check.
fn divide() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none: the process is here to die of it.
    unsafe {
        std::arch::asm!(
            "xor edx, edx",
            "xor ecx, ecx",
            "div ecx",
            inout("eax") 1 => _,
            out("ecx") _,
            out("edx") _,
        );
    }
}

/// Reads where nothing is mapped.
fn access() {
    let nowhere = std::ptr::without_provenance::<u8>(std::hint::black_box(0x10));
    // SAFETY: none: the process is here to die of it.
    unsafe { std::ptr::read_volatile(nowhere) };
}

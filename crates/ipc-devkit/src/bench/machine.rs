//! Facts about the machine, its clock, and binding a process to a processor.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use super::record::{Machine, rounded};

/// Nanoseconds of the monotonic clock, which all processes share.
#[inline]
pub(super) fn now() -> u64 {
    nanos(ClockId::Monotonic)
}

/// Nanoseconds of processor time that a half has used: its process, or its thread if it shares one.
pub(super) fn cpu_time(thread: bool) -> u64 {
    nanos(if thread { ClockId::ThreadCPUTime } else { ClockId::ProcessCPUTime })
}

#[inline]
fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    #[expect(clippy::cast_sign_loss, reason = "neither clock runs before zero")]
    let (seconds, nanos) = (time.tv_sec as u64, time.tv_nsec as u64);
    seconds * 1_000_000_000 + nanos
}

/// The processors that this process may use, lowest first.
pub(super) fn allowed_cpus() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// Binds the calling thread to one processor.
pub(super) fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Whether binding works here: tried on the processors that are allowed anyway.
pub(super) fn can_pin() -> bool {
    sched_getaffinity(None).is_ok_and(|set| sched_setaffinity(None, &set).is_ok())
}

/// The facts that travel with every figure.
pub(super) fn facts(pinned: bool) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let field = |text: Option<String>, name: &str, separator: char| {
        let text = text?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        let (_, value) = line.split_once(separator)?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    Machine {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        os: field(read("/etc/os-release"), "PRETTY_NAME", '='),
        cpu: field(read("/proc/cpuinfo"), "model name", ':'),
        cpus: allowed_cpus().len(),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .map(|text| text.trim().to_owned()),
        clock_ns: rounded(clock_cost(), 1),
        pinned,
    }
}

fn clock_cost() -> f64 {
    const READINGS: u32 = 10_000;
    let start = now();
    for _ in 0..READINGS {
        std::hint::black_box(now());
    }
    (now() - start) as f64 / f64::from(READINGS)
}

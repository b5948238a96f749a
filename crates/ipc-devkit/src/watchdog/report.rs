//! What the processes of a hanging test are waiting for, as far as `/proc` tells.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;

/// Prints one block a process of the group that `leader` leads.
pub(super) fn print(test: &str, leader: Pid, elapsed: Duration) {
    eprintln!("watchdog: {test} did not end within {:.2} s", elapsed.as_secs_f64());
    for pid in group(leader) {
        let part = if pid == leader { "parent half".to_owned() } else { child_part(pid) };
        eprintln!("  {part}, process {}:", pid.as_raw_nonzero());
        let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
        for task in fs::read_dir(tasks).into_iter().flatten().filter_map(Result::ok) {
            let read = |file: &str| {
                let text = fs::read_to_string(task.path().join(file)).unwrap_or_default();
                text.trim().to_owned()
            };
            let state = read("status");
            let state = state.lines().find_map(|line| line.strip_prefix("State:"));
            eprintln!(
                "    thread {} ({}): state {}, in {}, system call {}",
                task.file_name().to_string_lossy(),
                read("comm"),
                state.unwrap_or("?").trim(),
                read("wchan"),
                read("syscall"),
            );
        }
    }
}

/// All processes of the group, the leader included.
fn group(leader: Pid) -> Vec<Pid> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| group_of(*pid) == Some(leader))
        .collect()
}

/// The group of a process: the third word after its name in `stat`, which may itself hold spaces.
fn group_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    Pid::from_raw(after_name.split(' ').nth(2)?.parse().ok()?)
}

/// The part of a process that the parent half started, from its environment.
fn child_part(pid: Pid) -> String {
    let environment =
        fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"IPC_DEVKIT_ROLE="))
        .filter(|role| *role != b"parent")
        .map_or("other".to_owned(), |role| format!("child half {}", String::from_utf8_lossy(role)))
}

//! Children with a time limit, and the end of a whole family of processes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A child that another thread waits for, so that we can wait with a limit.
pub(crate) struct Running {
    pid: u32,
    exit: Receiver<io::Result<ExitStatus>>,
}

impl Running {
    pub(crate) fn new(mut child: Child) -> Self {
        let pid = child.id();
        let (send, exit) = channel();
        std::thread::spawn(move || {
            // Nobody listens any more if we gave this child up.
            let _ = send.send(child.wait());
        });
        Self { pid, exit }
    }

    /// Waits for the end. If `limit` passes first, kills the child and everything it started.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(), String> {
        match self.exit.recv_timeout(limit) {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(status.to_string()),
            Ok(Err(error)) => Err(format!("wait: {error}")),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(format!("killed: not done after {} s", limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the waiting thread is gone".to_owned()),
        }
    }

    /// Kills the child and everything it started.
    pub(crate) fn kill(&self) {
        family(self.pid).into_iter().for_each(kill);
    }

    /// Ends a child that starts a supervisor of further processes, as cargo starts a bench: kills
    /// these two, and the rest only if it does not end by itself within `patience`. So the rest can
    /// still remove what it made. Tells which processes ended.
    pub(crate) fn stop(&self, patience: Duration) -> Vec<u32> {
        let whole = family(self.pid);
        let supervisors = children(self.pid);
        kill(self.pid);
        supervisors.into_iter().for_each(kill);
        let end = Instant::now() + patience;
        while whole.iter().any(|pid| runs(*pid)) && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        whole.iter().copied().filter(|pid| runs(*pid)).for_each(kill);
        // The threads that read the child's output go on until it is gone.
        let _ = self.exit.recv_timeout(patience);
        whole
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile, which is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// True for a process that lives and has not ended: a dead one waits for its parent only.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, after)| after.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    let family = family(parent);
    let of_parent = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        parent_of(&stat) == Some(parent)
    };
    family.into_iter().filter(of_parent).collect()
}

/// A process and its descendants, oldest first.
fn family(ancestor: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let (Some(pid), Some(parent)) = (pid, parent_of(&stat)) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// The parent's number in the text of `/proc/PID/stat`, where the name may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Running, family, parent_of, runs};
    use crate::scratch::Scratch;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    #[test]
    fn a_name_with_brackets_does_not_hide_the_parent() {
        assert_eq!(parent_of("7 (a) b) S 3 7 7 0"), Some(3));
    }

    #[test]
    fn the_limit_kills_grandchildren_too() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let grandchild = line.trim().parse().unwrap();
        assert!(family(child.id()).contains(&grandchild));

        let error = Running::new(child).wait(Duration::from_millis(1)).unwrap_err();
        assert!(error.starts_with("killed"), "{error}");
        // The grandchild held the other end of this pipe: its death is the end of the file.
        assert_eq!(output.read_line(&mut line).unwrap(), 0);
    }

    #[test]
    fn a_stop_lets_grandchildren_clean_up() {
        // The first shell plays cargo, the second a bench, the third its worker, whose input ends with
        // the bench. The bench waits for somebody to open `never`.
        let dir = Scratch::new("stop").unwrap();
        let bench = "mkfifo input never; sh -c 'echo up; read line; echo cleaned' <input &\n\
                     exec 3>input; read line <never";
        dir.write("bench.sh", bench).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "sh bench.sh; :"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        let whole = family(child.id());
        assert_eq!(whole.len(), 3);
        assert_eq!(Running::new(child).stop(Duration::from_secs(5)), whole);
        line.clear();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "cleaned\n");
        assert!(!whole.into_iter().any(runs));
    }
}

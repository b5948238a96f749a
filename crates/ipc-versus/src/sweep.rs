//! Leaves nothing behind, even if the bench is interrupted or killed.
//!
//! Some rivals make files that only an orderly end removes. A second process waits at a pipe whose other
//! end every process of the bench holds; when the last of them is gone it removes what bears the name of
//! this run. It is in a process group of its own, where an interrupt from the terminal does not reach it.

use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

/// What tells the second process what it is; the name of the run follows.
const OPTION: &str = "--sweep";

/// Where all files of the bench live.
const DIR: &str = "/dev/shm";

/// The second process, and the pipe that it waits at.
#[derive(Debug)]
pub struct Sweep(Child);

/// The start of every name in this run; `pid` is that of the process that started it.
fn prefix(pid: u32) -> String {
    format!("ipc-t-{pid}-")
}

/// A name that no other object of this run has, for `/dev/shm`.
#[must_use]
pub fn name(tag: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Names are given out before the fork, so halves agree on them.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}{number}-{tag}", prefix(std::process::id()))
}

/// A path in `/dev/shm` that no other object of this run has.
#[must_use]
pub fn path(tag: &str) -> PathBuf {
    PathBuf::from(DIR).join(name(tag))
}

/// Does the second process's work if this is one; nothing otherwise.
pub fn serve() -> Option<ExitCode> {
    let mut words = std::env::args().skip(1);
    if words.next()? != OPTION {
        return None;
    }
    let prefix = words.next()?;
    // Nothing ever comes; the end comes when the last process of the bench is gone.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    Some(match clear(&prefix) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{DIR}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Begins the program again with a folder of this run for its temporary files, if it has none yet.
///
/// # Errors
/// The folder cannot be made, or the program not be begun.
pub fn own_temp_dir() -> io::Result<()> {
    let dir = PathBuf::from(DIR).join(format!("{}tmp", prefix(std::process::id())));
    if std::env::temp_dir() == dir {
        return Ok(());
    }
    // Another process of this number may have left it.
    std::fs::create_dir_all(&dir)?;
    let mut again = Command::new(std::env::current_exe()?);
    // It returns only if it fails: this is the same process afterwards.
    Err(again.args(std::env::args_os().skip(1)).env("TMPDIR", dir).exec())
}

impl Sweep {
    /// Starts the second process. Call this before anything is made or forked.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start() -> io::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args([OPTION, &prefix(std::process::id())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Removes every file and folder whose name begins with `prefix`.
fn clear(prefix: &str) -> io::Result<()> {
    // Listed first: a folder that shrinks while it is read may skip some.
    let entries: Vec<_> = std::fs::read_dir(DIR)?.collect::<io::Result<_>>()?;
    for entry in entries {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let removed = match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path()),
            false => std::fs::remove_file(entry.path()),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn removes_what_bears_the_name_and_nothing_else() {
        let (mine, other) = (super::path("mine"), super::path("other"));
        std::fs::create_dir_all(mine.join("deep")).unwrap();
        std::fs::write(mine.join("deep/file"), "x").unwrap();
        std::fs::write(&other, "x").unwrap();
        super::clear(mine.file_name().unwrap().to_str().unwrap()).unwrap();
        assert!(!mine.exists() && other.exists());
        super::clear(other.file_name().unwrap().to_str().unwrap()).unwrap();
        assert!(!other.exists());
    }
}

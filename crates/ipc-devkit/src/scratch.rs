//! Names and directories that belong to one test.
//!
//! Every name starts with `ipc-t-` and the pid of the parent half, so the leak check sees what a test left
//! behind, and two tests never meet.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::peer::family;

/// How every scratch name of the test whose parent half is `pid` begins.
pub(crate) fn mark(pid: u32) -> String {
    format!("ipc-t-{pid}-")
}

/// A name for an object of this test: `ipc-t-<pid>-<n>-<tag>`.
///
/// `n` counts the calls with this tag in this process, and the pid is the parent half's in every half:
/// halves that ask for the same tag in the same order get the same names.
///
/// # Panics
/// If another thread panicked in here.
///
/// # Examples
/// ```
/// let first = ipc_devkit::scratch::name("queue");
/// assert!(first.starts_with("ipc-t-") && first.ends_with("-0-queue"));
/// assert!(ipc_devkit::scratch::name("queue").ends_with("-1-queue"));
/// ```
#[must_use]
pub fn name(tag: &str) -> String {
    static CALLS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut calls = CALLS.lock().expect("no caller panics");
    let next = calls.entry(tag.to_owned()).or_insert(0);
    let n = *next;
    *next += 1;
    format!("{}{n}-{tag}", mark(family()))
}

/// A fresh directory under the temporary directory, mode 0700, for this process only.
///
/// # Panics
/// If it cannot be created.
///
/// # Examples
/// ```
/// let dir = ipc_devkit::scratch::dir();
/// std::fs::write(dir.path().join("file"), "text").unwrap();
/// ```
#[must_use]
pub fn dir() -> ScratchDir {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let n = CALLS.fetch_add(1, Ordering::Relaxed);
    let owner = std::process::id();
    let path = std::env::temp_dir().join(format!("{}{n}-dir-{owner}", mark(family())));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
    ScratchDir { path, owner }
}

/// A directory that is removed with all it holds when this is dropped by the process that made it.
#[derive(Debug)]
pub struct ScratchDir {
    path: PathBuf,
    owner: u32,
}

impl ScratchDir {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let removed = std::fs::remove_dir_all(&self.path);
        if let (Err(error), false) = (removed, std::thread::panicking()) {
            panic!("remove {}: {error}", self.path.display());
        }
    }
}

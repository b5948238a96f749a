//! Choices that are made when a file is opened as a lock.

use std::path::Path;

use ipc_core::name::{PATH_MAX, check_path};
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use crate::canceller::Cancel;
use crate::error::{Error, Result};
use crate::file_lock::FileLock;
use crate::object::{check_owner, open_or_create};

/// Choices for a [`FileLock`].
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let path = std::env::temp_dir().join(format!("ipc-t-{}-doc-lock-options", std::process::id()));
/// let lock = ipc_sem::FileLockOptions::new().mode(0o660).open_or_create(&path)?;
/// # let _ = std::fs::remove_file(&path);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FileLockOptions {
    mode: u32,
    allowed: Vec<u32>,
}

impl Default for FileLockOptions {
    fn default() -> Self {
        Self { mode: 0o600, allowed: Vec::new() }
    }
}

impl FileLockOptions {
    /// Mode 0600; only files of this user and of root are opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who may open a file that is created, as `chmod(2)` writes it. Never wider, and exactly that
    /// when `create` returns, whatever the umask.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Also opens files that belong to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.allowed.push(uid);
        self
    }

    /// Creates the file. Does not block.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` (the directory), `InvalidName`, `NoSpace`, `Limit`, `Os`.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<FileLock> {
        let (path, shown) = checked(path.as_ref())?;
        self.create_at(path, shown)
    }

    /// Opens a file that exists. Does not block.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `WrongOwner`, `Limit`, `Os`. `Corrupt`: it is no regular file.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FileLock> {
        let (path, shown) = checked(path.as_ref())?;
        self.open_at(path, shown)
    }

    /// Opens the file, or creates it. Does not block.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open), and `Contended`.
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<FileLock> {
        let (path, shown) = checked(path.as_ref())?;
        let open = || self.open_at(path, shown.clone());
        open_or_create(&shown, open, || self.create_at(path, shown.clone()))
    }

    fn create_at(&self, path: &Path, shown: String) -> Result<FileLock> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(self.mode & 0o777);
        let fail = |errno| Error::os("create", &shown, errno);
        let fd = fs::open(path, flags, mode).map_err(fail)?;
        // What the umask took away; by the descriptor, whatever stands at the path by now.
        fs::fchmod(&fd, mode).map_err(fail)?;
        Ok(FileLock { fd, cancel: Cancel::default(), shown })
    }

    fn open_at(&self, path: &Path, shown: String) -> Result<FileLock> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => Error::Corrupt { name: shown.clone(), reason: "it is a symbolic link" },
            Errno::ISDIR => Error::Corrupt { name: shown.clone(), reason: "it is a directory" },
            _ => Error::os("open", &shown, errno),
        })?;
        check_owner(&shown, &fd, &self.allowed)?;
        Ok(FileLock { fd, cancel: Cancel::default(), shown })
    }
}

fn checked(path: &Path) -> Result<(&Path, String)> {
    check_path(path, PATH_MAX - 1).map_err(|fault| Error::name(&path.to_string_lossy(), fault))?;
    Ok((path, format!("lock file {}", path.display())))
}

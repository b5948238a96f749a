//! Folders that go when we are done, whatever happened in them.
//!
//! Their names are among those that `clean-ipc` knows, in case we are killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new, empty folder outside the repository.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(label: &str) -> Result<Self, String> {
        // A counter of its own, read by nobody else: no ordering is needed.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipc-t-{}-{number}-{label}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|e| format!("create {}: {e}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders that lead to it.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.0.join(file);
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|e| format!("write {}: {e}", path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If it cannot be removed, `clean-ipc` will say why.
        let _ = fs::remove_dir_all(&self.0);
    }
}

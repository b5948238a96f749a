//! What a process holds and what a test leaves behind: descriptors, shared mappings, names.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

/// What this process holds open and mapped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Each descriptor and what it refers to.
    descriptors: BTreeMap<RawFd, PathBuf>,
    /// Each mapped shared or unlinked object, and how many mappings it has.
    mappings: BTreeMap<String, usize>,
}

impl Snapshot {
    pub(crate) fn take() -> Self {
        Self { descriptors: descriptors(), mappings: mappings() }
    }

    /// The same, as if `descriptor` were closed.
    pub(crate) fn without(mut self, descriptor: BorrowedFd<'_>) -> Self {
        self.descriptors.remove(&descriptor.as_raw_fd());
        self
    }

    /// Panics with the list of differences unless the process holds what it held at the snapshot.
    pub(crate) fn assert_unchanged(&self, half: &str) {
        let differences = self.differences(&Self::take());
        assert!(differences.is_empty(), "the {half} leaks:\n  {}", differences.join("\n  "));
    }

    fn differences(&self, after: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (fd, target) in &after.descriptors {
            if self.descriptors.get(fd) != Some(target) {
                found.push(format!("left open: descriptor {fd}, {}", target.display()));
            }
        }
        for (fd, target) in &self.descriptors {
            if !after.descriptors.contains_key(fd) {
                found.push(format!("closed: descriptor {fd}, {}", target.display()));
            }
        }
        for object in self.mappings.keys().chain(after.mappings.keys()) {
            let count = |side: &Self| side.mappings.get(object).copied().unwrap_or(0);
            if count(self) != count(after) {
                let line = format!("mapped: {object}, {} -> {}", count(self), count(after));
                if !found.contains(&line) {
                    found.push(line);
                }
            }
        }
        found
    }
}

fn descriptors() -> BTreeMap<RawFd, PathBuf> {
    let directory = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
    std::fs::read_dir(&directory)
        .expect("list the open descriptors")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, std::fs::read_link(entry.path()).ok()?))
        })
        // The listing itself holds one.
        .filter(|(_, target)| *target != directory)
        .collect()
}

fn mappings() -> BTreeMap<String, usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("list the mappings");
    let mut objects = BTreeMap::new();
    for line in maps.lines() {
        // address, permissions, offset, device, inode, then the object, which may hold spaces
        let object = line.splitn(6, ' ').nth(5).map_or("", str::trim_start);
        let shared = ["/dev/shm/", "/memfd:", "/SYSV", "/dev/zero"];
        if object.ends_with("(deleted)") || shared.iter().any(|start| object.starts_with(start)) {
            *objects.entry(object.to_owned()).or_insert(0) += 1;
        }
    }
    objects
}

/// Files that carry `mark` in their name, in every place where a test may create one.
pub(crate) fn leftover_names(mark: &str) -> Vec<PathBuf> {
    let temporary = std::env::temp_dir();
    [Path::new("/dev/shm"), Path::new("/dev/mqueue"), &temporary]
        .into_iter()
        // A place that this machine does not have holds nothing.
        .filter_map(|place| std::fs::read_dir(place).ok())
        .flatten()
        .filter_map(Result::ok)
        // `contains`: the C library puts `sem.` in front of a semaphore's name.
        .filter(|entry| entry.file_name().to_string_lossy().contains(mark))
        .map(|entry| entry.path())
        .collect()
}

/// Removes what [`leftover_names`] found, so that one failed test does not litter the machine.
pub(crate) fn remove(leftovers: &[PathBuf]) {
    for path in leftovers {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        if let Err(error) = removed {
            eprintln!("cannot remove {}: {error}", path.display());
        }
    }
}

//! Names of subjects with the versions that were built, read from the lock file.

const LOCK: &str = include_str!("../Cargo.lock");

/// What the names of subjects end with that are threads of one process.
pub const THREADS: &str = "\u{2020}";

/// `crate version`, for example `rtrb 0.4.1`.
#[must_use]
pub fn of(krate: &str) -> String {
    let name = format!("name = \"{krate}\"\nversion = \"");
    let version = LOCK.split_once(&name).and_then(|(_, rest)| rest.split_once('"'));
    format!("{krate} {}", version.map_or("?", |(version, _)| version))
}

/// Something of the standard library, with the version of that.
#[must_use]
pub fn of_std(what: &str) -> String {
    format!("std {what} {}", env!("IPC_VERSUS_RUST"))
}

/// Something of the C library, with the version of that.
#[must_use]
pub fn of_libc(what: &str) -> String {
    format!("{what}, glibc {}", glibc())
}

#[expect(unsafe_code, reason = "the C library tells its version by a pointer")]
fn glibc() -> String {
    // SAFETY: it takes nothing and returns a string.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: that string ends with a zero byte and lives as long as the program.
    let version = unsafe { std::ffi::CStr::from_ptr(version) };
    version.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_rival_has_a_version() {
        for krate in ["iceoryx2", "ipc-channel", "interprocess", "shmem-ipc", "ipmpsc", "rtrb"] {
            let named = super::of(krate);
            let version = named.strip_prefix(krate).unwrap().trim_start();
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{named}");
        }
        assert_ne!(super::of_std("mpsc"), "std mpsc ?");
        assert!(super::of("no-such-crate").ends_with('?'));
    }
}

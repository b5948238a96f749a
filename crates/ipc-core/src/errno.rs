//! Error numbers in words: what the crates print as the cause of a failure.

use rustix::io::Errno;

/// The cause in words with its name: `no such file or directory (ENOENT)`.
#[must_use]
pub fn describe(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    let text: String = first.into_iter().chain(letters).collect();
    match name(errno) {
        Some(name) => format!("{text} ({name})"),
        None => format!("{text} (errno {})", errno.raw_os_error()),
    }
}

/// Numbers and names as `asm-generic/errno.h` has them: x86_64, aarch64 and riscv64 alike.
const NAMES: &str = "\
    1 EPERM 2 ENOENT 3 ESRCH 4 EINTR 5 EIO 6 ENXIO 7 E2BIG 9 EBADF 10 ECHILD 11 EAGAIN 12 \
    ENOMEM 13 EACCES 14 EFAULT 16 EBUSY 17 EEXIST 20 ENOTDIR 21 EISDIR 22 EINVAL 23 ENFILE \
    24 EMFILE 27 EFBIG 28 ENOSPC 30 EROFS 32 EPIPE 34 ERANGE 36 ENAMETOOLONG 38 ENOSYS 40 \
    ELOOP 42 ENOMSG 43 EIDRM 75 EOVERFLOW 90 EMSGSIZE 95 EOPNOTSUPP 98 EADDRINUSE 104 \
    ECONNRESET 109 ETOOMANYREFS 110 ETIMEDOUT 111 ECONNREFUSED 125 ECANCELED 130 EOWNERDEAD \
    131 ENOTRECOVERABLE";

/// The name of an error number that our calls can meet.
#[must_use]
pub fn name(errno: Errno) -> Option<&'static str> {
    let number = errno.raw_os_error().to_string();
    let mut words = NAMES.split(' ');
    words.find(|word| *word == number).and_then(|_| words.next())
}

#[cfg(test)]
mod tests {
    use super::{Errno, describe};

    #[test]
    fn numbers_have_their_names() {
        assert_eq!(describe(Errno::PERM), "operation not permitted (EPERM)");
        assert_eq!(describe(Errno::NOTRECOVERABLE), "state not recoverable (ENOTRECOVERABLE)");
        assert_eq!(describe(Errno::AGAIN), "resource temporarily unavailable (EAGAIN)");
        assert_eq!(describe(Errno::XDEV), "invalid cross-device link (errno 18)");
    }
}

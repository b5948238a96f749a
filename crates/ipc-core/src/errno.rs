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

/// The name of an error number that our calls can meet.
#[must_use]
pub fn name(errno: Errno) -> Option<&'static str> {
    const NAMES: &[(Errno, &str)] = &[
        (Errno::ACCESS, "EACCES"),
        (Errno::ADDRINUSE, "EADDRINUSE"),
        (Errno::AGAIN, "EAGAIN"),
        (Errno::BADF, "EBADF"),
        (Errno::BUSY, "EBUSY"),
        (Errno::CANCELED, "ECANCELED"),
        (Errno::CHILD, "ECHILD"),
        (Errno::CONNREFUSED, "ECONNREFUSED"),
        (Errno::CONNRESET, "ECONNRESET"),
        (Errno::EXIST, "EEXIST"),
        (Errno::FAULT, "EFAULT"),
        (Errno::FBIG, "EFBIG"),
        (Errno::IDRM, "EIDRM"),
        (Errno::INTR, "EINTR"),
        (Errno::INVAL, "EINVAL"),
        (Errno::IO, "EIO"),
        (Errno::ISDIR, "EISDIR"),
        (Errno::LOOP, "ELOOP"),
        (Errno::MFILE, "EMFILE"),
        (Errno::MSGSIZE, "EMSGSIZE"),
        (Errno::NAMETOOLONG, "ENAMETOOLONG"),
        (Errno::NFILE, "ENFILE"),
        (Errno::NOENT, "ENOENT"),
        (Errno::NOMEM, "ENOMEM"),
        (Errno::NOMSG, "ENOMSG"),
        (Errno::NOSPC, "ENOSPC"),
        (Errno::NOSYS, "ENOSYS"),
        (Errno::NOTDIR, "ENOTDIR"),
        (Errno::NXIO, "ENXIO"),
        (Errno::OPNOTSUPP, "EOPNOTSUPP"),
        (Errno::OVERFLOW, "EOVERFLOW"),
        (Errno::OWNERDEAD, "EOWNERDEAD"),
        (Errno::NOTRECOVERABLE, "ENOTRECOVERABLE"),
        (Errno::PERM, "EPERM"),
        (Errno::PIPE, "EPIPE"),
        (Errno::RANGE, "ERANGE"),
        (Errno::ROFS, "EROFS"),
        (Errno::SRCH, "ESRCH"),
        (Errno::TIMEDOUT, "ETIMEDOUT"),
        (Errno::TOOMANYREFS, "ETOOMANYREFS"),
        (Errno::TOOBIG, "E2BIG"),
    ];
    NAMES.iter().find(|(known, _)| *known == errno).map(|(_, name)| *name)
}

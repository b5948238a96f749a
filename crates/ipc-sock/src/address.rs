//! Where a Unix socket is.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ipc_core::name::{Fault, check_path};
use rustix::net::SocketAddrUnix;

use crate::error::{Error, Result};

/// Bytes that a path may have (`sun_path` less the closing NUL).
pub const PATH_LIMIT: usize = 107;

/// The address of a Unix socket: a path, an abstract name, or none.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::unix::Address;
/// let address = Address::path("/run/user/1000/service.sock")?;
/// assert_eq!(address.to_string(), "/run/user/1000/service.sock");
/// assert!(Address::path("x".repeat(108)).is_err());
/// assert!(Address::unnamed().is_unnamed());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[doc(alias = "sockaddr_un")]
pub struct Address(pub(crate) SocketAddrUnix);

impl Address {
    /// A path in the file system, of at most 107 bytes. Its permissions say who may connect.
    ///
    /// # Errors
    /// `InvalidName`: it is empty, too long, or holds a NUL byte. Nothing is looked up.
    ///
    /// # Linux
    /// [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html)
    pub fn path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let invalid =
            |reason: String| Error::InvalidName { name: path.display().to_string(), reason };
        check_path(path, PATH_LIMIT).map_err(|fault| invalid(fault.to_string()))?;
        SocketAddrUnix::new(path).map(Self).map_err(|errno| invalid(errno.to_string()))
    }

    /// A name in the abstract namespace of this network namespace, of at most 107 bytes; any byte is
    /// allowed. It vanishes with its socket.
    ///
    /// **It has no permissions**: any process of the network namespace may connect to it, or take it
    /// before you do. Check [`Credentials`](crate::Credentials).
    ///
    /// # Errors
    /// `InvalidName`: it is empty or too long.
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        let invalid = |reason: String| Error::InvalidName {
            name: String::from_utf8_lossy(name).into_owned(),
            reason,
        };
        if name.is_empty() {
            return Err(invalid(Fault::Empty.to_string()));
        }
        let made = SocketAddrUnix::new_abstract_name(name).map(Self);
        made.map_err(|_| invalid(Fault::TooLong { len: name.len(), max: PATH_LIMIT }.to_string()))
    }

    /// The address of a socket that was given none.
    #[must_use]
    pub fn unnamed() -> Self {
        Self(SocketAddrUnix::new_unnamed())
    }

    /// The path, if it is one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        // At the full length rustix hands out the closing NUL too.
        let bytes = self.0.path_bytes()?;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        (!bytes.is_empty()).then(|| Path::new(OsStr::from_bytes(bytes)))
    }

    /// The abstract name, if it is one.
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.abstract_name()
    }

    /// Whether there is no name at all.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.as_path().is_none() && self.as_abstract_name().is_none()
    }

    /// What the kernel wrote: `len` bytes of a `sockaddr_un`.
    pub(crate) fn from_kernel(raw: &libc::sockaddr_un, len: u32) -> Self {
        let start = std::mem::offset_of!(libc::sockaddr_un, sun_path);
        let len = usize::try_from(len).unwrap_or(0).saturating_sub(start).min(raw.sun_path.len());
        let bytes: Vec<u8> = raw.sun_path[..len].iter().map(|byte| byte.to_ne_bytes()[0]).collect();
        let made = match bytes.split_first() {
            None => return Self::unnamed(),
            Some((0, name)) => SocketAddrUnix::new_abstract_name(name),
            Some(_) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                SocketAddrUnix::new(&bytes[..end])
            }
        };
        made.map_or_else(|_| Self::unnamed(), Self)
    }

    /// An address that rustix took from the kernel.
    pub(crate) fn from_any(any: Option<rustix::net::SocketAddrAny>) -> Self {
        let unix = any.and_then(|any| SocketAddrUnix::try_from(any).ok());
        unix.map_or_else(Self::unnamed, Self)
    }
}

/// As `ss` and `lsof` print it: the path, `@` and the abstract name, or `(unnamed)`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.as_path() {
            write!(f, "{}", path.display())
        } else if let Some(name) = self.as_abstract_name() {
            write!(f, "@{}", name.escape_ascii())
        } else {
            write!(f, "(unnamed)")
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

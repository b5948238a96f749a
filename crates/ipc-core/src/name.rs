//! Names of objects, checked before any system call sees them.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest file name in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// Longest path in bytes, the closing NUL included (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// The name of a POSIX object or one of ours: one component, without its leading slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is left after the leading slash.
    Empty,
    /// It holds a NUL byte.
    Nul,
    /// It holds a slash after the first byte.
    Slash,
    /// It is `.` or `..`.
    Dots,
    /// It holds a control character.
    Control,
    /// It is longer than `max` bytes.
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
}

impl Name {
    /// Checks `"/name"` or `"name"`; `max` is the longest the object allows without its slash
    /// ([`NAME_MAX`], less what the system puts before it).
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(name: &str, max: usize) -> Result<Self, Fault> {
        let bare = name.strip_prefix('/').unwrap_or(name);
        match bare {
            "" => Err(Fault::Empty),
            "." | ".." => Err(Fault::Dots),
            _ if bare.contains('\0') => Err(Fault::Nul),
            _ if bare.contains('/') => Err(Fault::Slash),
            _ if bare.chars().any(char::is_control) => Err(Fault::Control),
            _ if bare.len() > max => Err(Fault::TooLong { len: bare.len(), max }),
            _ => Ok(Self(bare.to_owned())),
        }
    }

    /// The name as a file of its directory: `name`.
    #[must_use]
    pub fn bare(&self) -> &str {
        &self.0
    }

    /// The name as POSIX wants it: `/name`.
    #[must_use]
    pub fn slashed(&self) -> String {
        format!("/{}", self.0)
    }
}

/// Checks the path of a FIFO, socket or mapped file; `max` counts bytes without the closing NUL.
///
/// # Errors
/// `Empty`, `Nul`, or `TooLong` (the whole, or its last component).
pub fn check_path(path: &Path, max: usize) -> Result<(), Fault> {
    let bytes = path.as_os_str().as_bytes();
    let last = path.file_name().map_or(0, |name| name.len());
    if bytes.is_empty() {
        Err(Fault::Empty)
    } else if bytes.contains(&0) {
        Err(Fault::Nul)
    } else if bytes.len() > max {
        Err(Fault::TooLong { len: bytes.len(), max })
    } else if last > NAME_MAX {
        Err(Fault::TooLong { len: last, max: NAME_MAX })
    } else {
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::Nul => write!(f, "it holds a NUL byte"),
            Self::Slash => write!(f, "it holds a slash after the first byte"),
            Self::Dots => write!(f, "it names a directory"),
            Self::Control => write!(f, "it holds a control character"),
            Self::TooLong { len, max } => write!(f, "it has {len} bytes, at most {max} fit"),
        }
    }
}

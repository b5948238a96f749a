//! How System V segments are made and opened.

use rustix::io::Errno;

use super::calls::{self, Attached, Info};
use super::{Key, SysvSegment};
use crate::error::{Error, Result};
use crate::segment::SegmentOptions;
use crate::segment::advice;

const SHMMNI: (&str, &str) =
    ("/proc/sys/kernel/shmmni (System V segments)", "raise it with sysctl kernel.shmmni");
const SHMMAX: (&str, &str) =
    ("/proc/sys/kernel/shmmax (bytes of a segment)", "raise it with sysctl kernel.shmmax");
const SHMALL: (&str, &str) =
    ("/proc/sys/kernel/shmall (pages of all segments)", "raise it with sysctl kernel.shmall");
/// How often a key is looked up again because its segment went meanwhile.
const TURNS: usize = 100;

impl SegmentOptions {
    /// Opens the System V segment of a key, or makes one.
    ///
    /// # Errors
    /// As [`open_sysv`](Self::open_sysv) and [`create_sysv`](Self::create_sysv).
    pub fn sysv(&self, key: Key) -> Result<SysvSegment> {
        for _ in 0..TURNS {
            match self.open_sysv(key) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match self.create_sysv(key) {
                // Removed again before it was attached.
                Err(Error::AlreadyExists { .. } | Error::Removed { .. }) => {}
                made => return made,
            }
        }
        Err(Error::Contended { name: shown(key.raw()) })
    }

    /// Makes a System V segment, all zeroes.
    ///
    /// # Errors
    /// `AlreadyExists`, `NoSpace`, `Limit` (`shmmni`, `shmmax`, `shmall`), `InvalidInput` (size 0, or
    /// read-only), `Unsupported` (set-aside huge pages, or `reclaim_stale`), `NotOwner`, `Os`.
    pub fn create_sysv(&self, key: Key) -> Result<SysvSegment> {
        self.make(key.raw())
    }

    /// Makes a System V segment without a key, to be found by its [id](SysvSegment::id).
    ///
    /// # Errors
    /// As [`create_sysv`](Self::create_sysv).
    pub fn private_sysv(&self) -> Result<SysvSegment> {
        self.make(libc::IPC_PRIVATE)
    }

    /// Opens the System V segment of a key.
    ///
    /// # Errors
    /// `NotFound`, `WrongOwner`, `Corrupt` (smaller than asked for), `Contended` (removed and made again all
    /// the time), `NotOwner`, `Os` (EACCES).
    pub fn open_sysv(&self, key: Key) -> Result<SysvSegment> {
        let name = shown(key.raw());
        for _ in 0..TURNS {
            let id = calls::get(key.raw(), 0, 0)
                .map_err(|errno| Error::os("open shared memory", &name, errno))?;
            match self.attach(id, &name, Some(key.raw())) {
                Err(Error::Removed { .. }) => {}
                attached => return attached,
            }
        }
        Err(Error::Contended { name })
    }

    /// Opens a System V segment whose id was handed over. An id comes again after its segment is gone, so
    /// whoever hands it over keeps the segment attached until it was opened.
    ///
    /// # Errors
    /// As [`open_sysv`](Self::open_sysv); `Removed`: there is none of this id.
    pub fn sysv_by_id(&self, id: i32) -> Result<SysvSegment> {
        self.attach(id, &format!("System V id {id}"), None)
    }

    fn make(&self, key: i32) -> Result<SysvSegment> {
        self.check_writable()?;
        if self.place.reclaim_stale {
            let what = "reclaim a stale System V segment (nobody can tell that it is)";
            return Err(Error::Unsupported { what });
        }
        if self.size == 0 {
            return Err(Error::InvalidInput { what: "a System V segment has at least one byte" });
        }
        let name = shown(key);
        let mode = i32::try_from(self.place.access.mode).unwrap_or(0);
        let mut flags = libc::IPC_CREAT | libc::IPC_EXCL | mode;
        if let Some(power) = self.huge.power() {
            flags |= libc::SHM_HUGETLB | i32::try_from(power << 26).unwrap_or(0);
        }
        let id =
            calls::get(key, self.size, flags).map_err(|errno| self.make_error(&name, errno))?;
        let key = (key != libc::IPC_PRIVATE).then_some(key);
        self.attach(id, &name, key).inspect_err(|_| {
            let _ = calls::remove(id);
        })
    }

    /// What keeps the kernel from making it.
    #[cold]
    fn make_error(&self, name: &str, errno: Errno) -> Error {
        match errno {
            // Only the right number of pages is asked for: what is left is a missing page size.
            Errno::INVAL | Errno::NOENT if self.huge.power().is_some() => {
                Error::Unsupported { what: "use huge pages of this size" }
            }
            Errno::INVAL => Error::limit(SHMMAX),
            Errno::NOSPC => {
                let used = calls::used().unwrap_or_default();
                let most = limit("shmmni").and_then(|most| i64::try_from(most).ok());
                let full = most.is_some_and(|most| i64::from(used.segments) >= most);
                Error::limit(if full { SHMMNI } else { SHMALL })
            }
            Errno::NOMEM => Error::NoSpace { name: name.to_owned() },
            errno => Error::os("create shared memory", name, errno),
        }
    }

    fn attach(&self, id: i32, name: &str, key: Option<i32>) -> Result<SysvSegment> {
        ipc_core::segment::enter()
            .map_err(|fault| Error::segment("open shared memory", name, fault))?;
        let gone = |errno| match errno {
            Errno::INVAL | Errno::IDRM => Error::Removed { name: name.to_owned() },
            errno => Error::os("attach shared memory", name, errno),
        };
        // Owner and size are looked at before the memory, and again once it cannot go any more.
        self.accept(name, key, &calls::info(id).map_err(gone)?)?;
        let attached = Attached::new(id, self.read_only).map_err(gone)?;
        let info = calls::info(id).map_err(gone)?;
        self.accept(name, key, &info)?;
        advice::apply(self, name, attached.base(), info.size)?;
        let range = attached.range(info.size);
        let name = name.to_owned();
        Ok(SysvSegment { range, attached, id, name, read_only: self.read_only })
    }

    /// Whether it is the one that was meant. An id that came again belongs to another key.
    fn accept(&self, name: &str, key: Option<i32>, info: &Info) -> Result<()> {
        let me = rustix::process::geteuid().as_raw();
        let known = |uid| uid == 0 || uid == me || self.place.access.owners.contains(&uid);
        let name = || name.to_owned();
        if key.is_some_and(|key| info.removed || key != info.key) {
            return Err(Error::Removed { name: name() });
        }
        for uid in [info.uid, info.creator] {
            if !known(uid) {
                return Err(Error::WrongOwner { name: name(), uid });
            }
        }
        if info.size < self.size {
            return Err(Error::Corrupt { name: name(), what: "it is smaller than asked for" });
        }
        Ok(())
    }
}

fn shown(key: i32) -> String {
    match key {
        libc::IPC_PRIVATE => "System V (private)".to_owned(),
        key => format!("System V key 0x{key:08x}"),
    }
}

fn limit(file: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/sys/kernel/{file}")).ok()?.trim().parse().ok()
}

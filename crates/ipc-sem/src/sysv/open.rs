//! Making a set and finding it, without the race between its creation and its first values.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ipc_core::Deadline;
use rustix::io::Errno;

use super::{Guard, Key, NOWAIT, SysvSet, key::MARK, ops};
use crate::canceller::Cancel;
use crate::error::{Error, Result};
use crate::object::check_user;
use crate::sys::sysv::{self, Info};

/// How long an opener waits for the first values.
const GRACE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(1);

/// Choices for a [`SysvSet`].
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// let set = ipc_sem::SysvOptions::new().mode(0o660).plain().private(&[1])?;
/// set.remove()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SysvOptions {
    mode: u32,
    allowed: Vec<u32>,
    plain: bool,
    assume_initialised: bool,
}

impl Default for SysvOptions {
    fn default() -> Self {
        Self { mode: 0o600, allowed: Vec::new(), plain: false, assume_initialised: false }
    }
}

impl SysvOptions {
    /// Mode 0600; only sets of this user and of root are opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who may use a set that is created, as `chmod(2)` writes it. The umask does not matter.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Also opens sets that belong to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.allowed.push(uid);
        self
    }

    /// Creates a set with not one semaphore more than asked for, for programs that look at the
    /// count. Then nobody can take over from a creator that died before it set the first values, a
    /// key collision shows only in the count, and a set that took the number of a removed one is
    /// told apart by key and count alone.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Opens a set on which no operation was done yet, without waiting for one: for sets of C
    /// programs that give the first values by `SETVAL`.
    pub fn assume_initialised(mut self) -> Self {
        self.assume_initialised = true;
        self
    }

    /// As [`SysvSet::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, key: Key, values: &[u16]) -> Result<SysvSet> {
        self.make(key.raw(), key.tag(), key.shown(), values)
    }

    /// As [`SysvSet::private`].
    ///
    /// # Errors
    /// As there.
    pub fn private(&self, values: &[u16]) -> Result<SysvSet> {
        self.make(libc::IPC_PRIVATE, MARK, "private semaphore set".to_owned(), values)
    }

    /// As [`SysvSet::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, key: Key) -> Result<SysvSet> {
        let id =
            sysv::get(key.raw(), 0, 0).map_err(|errno| Error::os("open", &key.shown(), errno))?;
        self.find(id, Some(key), key.shown(), None)
    }

    /// As [`SysvSet::from_id`].
    ///
    /// # Errors
    /// As there.
    pub fn from_id(&self, id: i32) -> Result<SysvSet> {
        self.find(id, None, format!("semaphore set of number {id}"), None)
    }

    /// As [`SysvSet::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, key: Key, values: &[u16]) -> Result<SysvSet> {
        let open = || {
            let id = sysv::get(key.raw(), 0, 0)
                .map_err(|errno| Error::os("open", &key.shown(), errno))?;
            self.find(id, Some(key), key.shown(), Some(values))
        };
        crate::object::open_or_create(&key.shown(), open, || self.create(key, values))
    }

    fn make(&self, key: i32, tag: u16, shown: String, values: &[u16]) -> Result<SysvSet> {
        let count = checked(values)?;
        let guard = (!self.plain).then(|| Guard { tag, nonce: nonce() });
        let all = values.len() + if self.plain { 0 } else { 2 };
        let mode = i32::try_from(self.mode & 0o777).unwrap_or(0o600);
        let id = sysv::get(key, all, libc::IPC_CREAT | libc::IPC_EXCL | mode)
            .map_err(|errno| creating(&shown, errno))?;
        let set = SysvSet::known(id, key, count, guard, shown);
        match set.begin(values) {
            Ok(true) => Ok(set),
            // Somebody found it without values and gave it some: theirs count.
            Ok(false) => Err(Error::AlreadyExists { name: set.shown }),
            Err(error) => {
                // Nobody can use it; what made it useless is what matters.
                let _ = sysv::remove(id);
                Err(error)
            }
        }
    }

    /// Makes a handle of what `id` means. With `values` a set that has none yet gets them.
    fn find(
        &self,
        id: i32,
        key: Option<Key>,
        shown: String,
        values: Option<&[u16]>,
    ) -> Result<SysvSet> {
        let wanted = values.map(checked).transpose()?;
        let deadline = Deadline::after(GRACE);
        loop {
            let info = sysv::info(id).map_err(|errno| match errno {
                Errno::IDRM | Errno::INVAL => Error::NotFound { name: shown.clone() },
                _ => Error::os("open", &shown, errno),
            })?;
            check_user(&shown, info.uid, &self.allowed)?;
            if key.is_some_and(|key| key.raw() != info.key) {
                return Err(Error::NotFound { name: shown });
            }
            let guard = Guard::read(id, info.count);
            if let Some((count, guard)) = self.settled(&info, guard, key, &shown, wanted)? {
                return Ok(SysvSet::known(id, info.key, count, guard, shown));
            }
            if let (Some(values), Some(count), Some(key)) = (values, wanted, key) {
                if info.count == usize::from(count) + 2 && !self.plain {
                    let guard = Guard { tag: key.tag(), nonce: nonce() };
                    let set = SysvSet::known(id, info.key, count, Some(guard), shown.clone());
                    if set.begin(values)? {
                        crate::log::warn(format_args!("{shown}: took over from its creator"));
                        return Ok(set);
                    }
                    continue;
                }
            }
            if deadline.passed() {
                return Err(Error::NotInitialised { name: shown });
            }
            Cancel::default().pause(PAUSE);
        }
    }

    /// How many semaphores the set has and with which guard; `None` while it has no values.
    fn settled(
        &self,
        info: &Info,
        guard: Option<Guard>,
        key: Option<Key>,
        shown: &str,
        wanted: Option<u16>,
    ) -> Result<Option<(u16, Option<Guard>)>> {
        let collision = |reason| Err(Error::KeyCollision { name: shown.to_owned(), reason });
        let all = u16::try_from(info.count).unwrap_or(u16::MAX);
        if let Some(guard) = guard {
            if key.is_some_and(|key| key.tag() != guard.tag) {
                return collision("the set of this key was made for another file");
            }
            let count = all - 2;
            if wanted.is_some_and(|wanted| wanted != count) {
                return collision("the set of this key has another number of semaphores");
            }
            return Ok(Some((count, Some(guard))));
        }
        let begun = info.otime != 0 || self.assume_initialised;
        match wanted {
            Some(wanted) if all != wanted && (all != wanted.saturating_add(2) || begun) => {
                collision("the set of this key has another number of semaphores")
            }
            _ if begun => Ok(Some((all, None))),
            _ => Ok(None),
        }
    }
}

impl SysvSet {
    /// Creates a set with these values, one semaphore a value, that only this user may use.
    ///
    /// # Errors
    /// `AlreadyExists`. `InvalidArgument`: no values, or one above [`MAX`](Self::MAX). `Limit`:
    /// `/proc/sys/kernel/sem`.
    #[doc(alias = "semget")]
    pub fn create(key: Key, values: &[u16]) -> Result<Self> {
        SysvOptions::new().create(key, values)
    }

    /// Opens a set that exists, whoever made it. Waits up to 500 ms for its first values.
    ///
    /// # Errors
    /// `NotFound`. `WrongOwner`: it belongs neither to this user nor to root. `NotInitialised`: its
    /// creator died or is slow. `KeyCollision`: it was made for another file. `Os` with `EACCES`.
    #[doc(alias = "semget")]
    pub fn open(key: Key) -> Result<Self> {
        SysvOptions::new().open(key)
    }

    /// Opens it, or creates it with these values. A set of ours that has no values yet gets them:
    /// exactly one of those who try succeeds, and a creator that comes late changes nothing.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open). `KeyCollision`: the set has another
    /// number of semaphores. `Contended`: others create and remove it all the time.
    #[doc(alias = "semget")]
    pub fn open_or_create(key: Key, values: &[u16]) -> Result<Self> {
        SysvOptions::new().open_or_create(key, values)
    }

    /// Creates a set without a key: no other program can meet it by chance. Hand on its
    /// [`id`](Self::id).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    #[doc(alias = "IPC_PRIVATE")]
    pub fn private(values: &[u16]) -> Result<Self> {
        SysvOptions::new().private(values)
    }

    /// Opens the set of this number.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_id(id: i32) -> Result<Self> {
        SysvOptions::new().from_id(id)
    }

    fn known(id: i32, key: i32, count: u16, guard: Option<Guard>, shown: String) -> Self {
        let (removed, cancel) = (AtomicBool::new(false), Cancel::default());
        Self { id, key, count, guard, removed, cancel, shown }
    }

    /// Gives the first values in one step. False: they were given already.
    fn begin(&self, values: &[u16]) -> Result<bool> {
        let mut group: Vec<_> =
            self.guard.iter().flat_map(|guard| guard.begin(self.count)).collect();
        for (index, value) in (0..self.count).zip(values) {
            if *value != 0 {
                group.push(ops::op(index, ops::amount(*value)));
            }
        }
        if group.is_empty() {
            // All values are 0 and there is no guard: this only sets the time of the last operation.
            group.push(ops::op(0, 0));
        }
        for op in &mut group {
            op.sem_flg |= NOWAIT;
        }
        match sysv::apply_now(self.id, &mut group) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(self.refused(errno)),
        }
    }
}

/// As many values as a set may have.
fn checked(values: &[u16]) -> Result<u16> {
    if values.iter().any(|value| *value > SysvSet::MAX) {
        return Err(Error::InvalidArgument { what: "create semaphore set: a value above 32767" });
    }
    match u16::try_from(values.len()) {
        Ok(count @ 1..=32000) => Ok(count),
        _ => Err(Error::InvalidArgument { what: "create semaphore set: 1 to 32000 values" }),
    }
}

fn creating(shown: &str, errno: Errno) -> Error {
    match errno {
        Errno::NOSPC => Error::limit(
            errno,
            "/proc/sys/kernel/sem, second and fourth number (SEMMNS, SEMMNI: semaphores and sets)",
            "remove sets (ipcs -s, ipcrm), or raise it with sysctl kernel.sem",
        ),
        Errno::INVAL => Error::limit(
            errno,
            "/proc/sys/kernel/sem, first number (SEMMSL, semaphores of one set)",
            "make smaller sets, or raise it with sysctl kernel.sem",
        ),
        _ => Error::os("create", shown, errno),
    }
}

/// A number that no other set is likely to have: 14 random bits.
fn nonce() -> u16 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    MARK | u16::try_from(random % u64::from(MARK - 1)).unwrap_or(0)
}

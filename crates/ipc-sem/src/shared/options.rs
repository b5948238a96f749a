//! Choices that are made when an object in shared memory is created or opened.

use std::fmt;
use std::marker::PhantomData;

use ipc_core::name::{NAME_MAX, Name};
use ipc_core::segment::{Access, Segment};

use super::{Body, Shared};
use crate::error::{Error, Result};

/// Choices for an object `X` that lives in shared memory: use it by its name, `MutexOptions`,
/// `SemaphoreOptions` and so on.
///
/// ```
/// # fn main() -> Result<(), ipc_sem::Error> {
/// # let name = format!("/ipc-t-{}-doc-options", std::process::id());
/// let options = ipc_sem::MutexOptions::<u64>::new().mode(0o660).allow_owner(1000);
/// let mutex = options.open_or_create(&name)?;
/// # ipc_sem::Mutex::<u64>::unlink(&name)?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct ObjectOptions<X> {
    access: Access,
    reclaim_stale: bool,
    of: PhantomData<fn() -> X>,
}

/// What is asked for: a new object, an old one, or either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Create,
    Open,
    OpenOrCreate,
}

impl<X> ObjectOptions<X> {
    /// Mode 0600; only objects of this user and of root are opened.
    pub fn new() -> Self {
        Self { access: Access::default(), reclaim_stale: false, of: PhantomData }
    }

    /// Who may open it, as `chmod(2)` writes it. It is exactly that from the first instant, whatever
    /// the umask. Opening needs both to read and to write.
    pub fn mode(mut self, mode: u32) -> Self {
        self.access.mode = mode & 0o666;
        self
    }

    /// Also opens objects that belong to this user.
    pub fn allow_owner(mut self, uid: u32) -> Self {
        self.access.owners.push(uid);
        self
    }

    /// `create` replaces an object of this name in which no process lives any more. One in which
    /// somebody lives is `AlreadyExists`, and never touched.
    pub fn reclaim_stale(mut self, reclaim: bool) -> Self {
        self.reclaim_stale = reclaim;
        self
    }

    /// `init` sets what is not zero, before the object has its name.
    pub(crate) fn make<B: Body>(
        &self,
        form: Form,
        name: &str,
        init: impl Fn(&B),
    ) -> Result<Shared<B>> {
        let (checked, shown) = name_of(B::WHAT, name)?;
        let (spec, access) = (B::spec(), &self.access);
        let fill = |segment: &Segment| {
            init(Shared::<B>::whole(segment.clone(), String::new()).body());
        };
        let (op, made) = match form {
            Form::Open => ("open", Segment::open(&checked, &spec, access)),
            Form::OpenOrCreate => ("open", Segment::open_or_create(&checked, &spec, access, fill)),
            Form::Create if self.reclaim_stale => {
                ("replace", Segment::replace_stale(&checked, &spec, access, fill))
            }
            Form::Create => ("create", Segment::create(&checked, &spec, access, fill)),
        };
        match made {
            Ok(segment) => Ok(Shared::whole(segment, shown)),
            Err(fault) => Err(Error::segment(op, &shown, fault)),
        }
    }
}

/// A checked name, and what messages call the object.
fn name_of(what: &str, name: &str) -> Result<(Name, String)> {
    let checked = Name::new(name, NAME_MAX).map_err(|fault| Error::name(name, fault))?;
    let shown = format!("{what} {:?}", checked.slashed());
    Ok((checked, shown))
}

/// Removes a name.
pub(crate) fn unlink<B: Body>(name: &str) -> Result<()> {
    let (checked, shown) = name_of(B::WHAT, name)?;
    Segment::unlink(&checked).map_err(|fault| Error::segment("unlink", &shown, fault))
}

impl<X> Default for ObjectOptions<X> {
    fn default() -> Self {
        Self::new()
    }
}

impl<X> Clone for ObjectOptions<X> {
    fn clone(&self) -> Self {
        Self { access: self.access.clone(), reclaim_stale: self.reclaim_stale, of: PhantomData }
    }
}

impl<X> fmt::Debug for ObjectOptions<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectOptions")
            .field("access", &self.access)
            .field("reclaim_stale", &self.reclaim_stale)
            .finish()
    }
}

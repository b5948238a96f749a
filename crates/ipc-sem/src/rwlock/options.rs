//! Creating and opening a read-write lock by name.

use ipc_core::safe::ShmSafe;

use super::guard::initialise;
use super::{RwLock, RwLockOptions};
use crate::error::Result;
use crate::shared::Form;
use crate::shared::layout::RwLockBody;

impl<T: ShmSafe + Sync> RwLockOptions<T> {
    /// As [`RwLock::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, name: &str) -> Result<RwLock<T>> {
        Ok(RwLock { shared: self.make(Form::Create, name, |_| {})? })
    }

    /// As [`RwLock::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, name: &str) -> Result<RwLock<T>> {
        Ok(RwLock { shared: self.make(Form::Open, name, |_| {})? })
    }

    /// As [`RwLock::open_or_create`].
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create(&self, name: &str) -> Result<RwLock<T>> {
        Ok(RwLock { shared: self.make(Form::OpenOrCreate, name, |_| {})? })
    }

    /// As [`RwLock::create`], with data that is as `init` leaves it before anybody can open it.
    ///
    /// # Errors
    /// As there.
    pub fn create_with(&self, name: &str, init: impl Fn(&mut T)) -> Result<RwLock<T>> {
        let init = |body: &RwLockBody<T>| initialise(body, &init);
        Ok(RwLock { shared: self.make(Form::Create, name, init)? })
    }

    /// As [`RwLock::open_or_create`]; new data is as `init` leaves it before anybody can open it.
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create_with(&self, name: &str, init: impl Fn(&mut T)) -> Result<RwLock<T>> {
        let init = |body: &RwLockBody<T>| initialise(body, &init);
        Ok(RwLock { shared: self.make(Form::OpenOrCreate, name, init)? })
    }
}

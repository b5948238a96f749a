//! What the types are, apart from what they do.

use ipc_sem::{Canceller, Error, FileLock, LockError, NamedSemaphore, RobustMutex, SysvSet};

#[test]
fn handles_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<NamedSemaphore>();
    both::<SysvSet>();
    both::<FileLock>();
    both::<RobustMutex>();
    both::<ipc_sem::Semaphore>();
    both::<ipc_sem::OwnedSemaphore>();
    both::<ipc_sem::Permit<'static>>();
    both::<ipc_sem::Mutex<u64>>();
    both::<ipc_sem::RwLock<u64>>();
    both::<ipc_sem::Condvar>();
    both::<ipc_sem::Barrier>();
    both::<ipc_sem::Event>();
    both::<ipc_sem::Once>();
    both::<Canceller>();
    both::<Error>();
}

/// Every error keeps its number and says what failed.
#[test]
fn errors_keep_their_number() {
    let number = |error: Error| std::io::Error::from(error).raw_os_error();
    assert_eq!(number(Error::TimedOut), Some(libc::ETIMEDOUT));
    assert_eq!(number(Error::WouldBlock), Some(libc::EAGAIN));
    assert_eq!(number(Error::Cancelled), Some(libc::ECANCELED));
    assert_eq!(number(Error::Removed { name: String::new() }), Some(libc::EIDRM));
    let missing = NamedSemaphore::open("/ipc-t-none").expect_err("there is none");
    assert_eq!(missing.to_string(), "open semaphore \"/ipc-t-none\": there is none (ENOENT)");
    assert_eq!(number(missing), Some(libc::ENOENT));
    let failed: LockError<()> = LockError::Failed(Error::TimedOut);
    assert!(failed.to_string().contains("deadline"), "{failed}");
    assert!(failed.into_guard().is_none());
    assert!(LockError::OwnerDied(()).into_guard().is_some());
}

#[test]
fn the_c_library_keeps_a_semaphore_as_we_know_it() {
    let features = ipc_sem::features();
    assert!(features.known_semaphore, "{features:?}");
}

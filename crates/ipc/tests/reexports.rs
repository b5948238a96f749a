//! The umbrella hands on the crates as they are.

#[cfg(feature = "pipe")]
#[test]
fn pipe_is_ipc_pipe() {
    let (reader, _writer): (ipc_pipe::Reader, ipc_pipe::Writer) =
        ipc::pipe::pipe().expect("create pipe");
    assert_eq!(reader.available().expect("ask"), 0);
}

#[cfg(feature = "sem")]
#[test]
fn sem_is_ipc_sem() {
    let missing: ipc_sem::Result<ipc_sem::NamedSemaphore> =
        ipc::sem::NamedSemaphore::open("/ipc-t-none");
    assert!(matches!(missing, Err(ipc::sem::Error::NotFound { .. })));
}

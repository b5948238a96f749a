//! The umbrella hands on the crates as they are.

#[cfg(feature = "pipe")]
#[test]
fn pipe_is_ipc_pipe() {
    let (reader, _writer): (ipc_pipe::Reader, ipc_pipe::Writer) =
        ipc::pipe::pipe().expect("create pipe");
    assert_eq!(reader.available().expect("ask"), 0);
}

#[cfg(feature = "signal")]
#[test]
fn signal_is_ipc_signal() {
    let signal: ipc_signal::Signal = ipc::signal::Signal::TERM;
    assert_eq!(signal.to_string(), "SIGTERM");
}

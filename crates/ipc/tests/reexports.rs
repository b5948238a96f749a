//! The umbrella hands on the crates as they are.

#[cfg(feature = "mq")]
#[test]
fn mq_is_ipc_mq() {
    let queue: ipc_mq::sysv::Queue = ipc::mq::sysv::Queue::private().expect("create queue");
    queue.remove().expect("remove");
}

#[cfg(feature = "pipe")]
#[test]
fn pipe_is_ipc_pipe() {
    let (reader, _writer): (ipc_pipe::Reader, ipc_pipe::Writer) =
        ipc::pipe::pipe().expect("create pipe");
    assert_eq!(reader.available().expect("ask"), 0);
}

#[cfg(feature = "sock")]
#[test]
fn sock_is_ipc_sock() {
    let (ours, theirs): (ipc_sock::unix::Stream, ipc_sock::unix::Stream) =
        ipc::sock::unix::Stream::pair().expect("create pair");
    ours.send(b"x").expect("send");
    assert_eq!(theirs.recv(&mut [0; 4]).expect("receive"), 1);
}

#[cfg(feature = "fifo")]
#[test]
fn fifo_is_ipc_fifo() {
    let dir = ipc_devkit::scratch::dir();
    let fifo: ipc_fifo::Fifo = ipc::fifo::Fifo::create(dir.path().join("f")).expect("create");
    let reader: ipc_fifo::Reader = ipc::fifo::Reader::persistent(&fifo).expect("open");
    assert_eq!(reader.available().expect("ask"), 0);
}

#[cfg(feature = "signal")]
#[test]
fn signal_is_ipc_signal() {
    let signal: ipc_signal::Signal = ipc::signal::Signal::TERM;
    assert_eq!(signal.to_string(), "SIGTERM");
}

#[cfg(feature = "sem")]
#[test]
fn sem_is_ipc_sem() {
    let missing: ipc_sem::Result<ipc_sem::NamedSemaphore> =
        ipc::sem::NamedSemaphore::open("/ipc-t-none");
    assert!(matches!(missing, Err(ipc::sem::Error::NotFound { .. })));
}

#[cfg(feature = "shm")]
#[test]
fn shm_is_ipc_shm() {
    let features: ipc_shm::Features = ipc::shm::features();
    assert_eq!(features, ipc_shm::features());
}

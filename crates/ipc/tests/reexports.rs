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

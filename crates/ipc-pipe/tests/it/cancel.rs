//! X18: a canceller ends the current or the next wait of its handle.

use std::sync::Arc;
use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_pipe::{Error, Frames, pipe};

const LONG: Duration = Duration::from_secs(60);

/// X18: one cancellation, one ended wait, in every waiting form.
#[test]
fn a_cancellation_ends_the_next_wait_once() {
    let (mut reader, mut writer) = pipe().expect("create");
    let stop_reading = reader.canceller().expect("canceller");
    let stop_writing = writer.canceller().expect("canceller");
    let mut buf = [0; 8];

    stop_reading.cancel();
    stop_reading.cancel();
    assert!(matches!(reader.read(&mut buf), Err(Error::Cancelled)));
    writer.write(b"data").expect("write");
    assert_eq!(reader.read(&mut buf).expect("the next wait goes on"), 4);

    stop_writing.cancel();
    assert!(matches!(writer.write_timeout(b"x", LONG), Err(Error::Cancelled)));
    writer.write_atomic(b"x").expect("the next wait goes on");
    stop_writing.cancel();
    assert!(matches!(writer.write_atomic(b"x"), Err(Error::Cancelled)));

    stop_reading.cancel();
    assert_eq!(reader.try_read(&mut buf).expect("try_ does not wait"), 1);
    assert!(matches!(reader.read_timeout(&mut buf, LONG), Err(Error::Cancelled)));
}

/// X18: from another thread, while the wait goes on.
#[test]
fn a_cancellation_ends_a_wait_that_is_under_way() {
    let (mut reader, writer) = pipe().expect("create");
    let canceller = reader.canceller().expect("canceller");
    let waiting = std::thread::spawn(move || reader.read(&mut [0; 8]));
    canceller.cancel();
    assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    drop(writer);
}

/// X18: from a signal handler.
#[test]
fn a_signal_handler_may_cancel() {
    alone("cancel::a_signal_handler_may_cancel", || {
        let (mut reader, _writer) = pipe().expect("create");
        let canceller = Arc::new(reader.canceller().expect("canceller"));
        let in_handler = Arc::downgrade(&canceller);
        let cancel = move || in_handler.upgrade().expect("not dropped yet").cancel();
        fault::signal_handler_calls(14, Box::new(cancel));
        fault::raise(14);
        assert!(matches!(reader.read_timeout(&mut [0; 8], LONG), Err(Error::Cancelled)));
    });
}

/// X18: a message that was cut by a cancellation goes on where it stopped.
#[test]
fn a_cancelled_frame_is_not_lost() {
    let (reader, mut writer) = pipe().expect("create");
    let mut frames = Frames::new(reader);
    let canceller = frames.end_mut().canceller().expect("canceller");
    writer.write(b"\x05\0\0\0he").expect("half a message");
    assert!(matches!(frames.try_recv(), Err(Error::WouldBlock)));
    canceller.cancel();
    assert!(matches!(frames.recv(), Err(Error::Cancelled)));
    writer.write(b"llo").expect("the rest");
    assert_eq!(frames.recv().expect("whole"), b"hello");
}

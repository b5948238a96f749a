//! X18: a canceller ends the current or the next wait of its handle.

use std::sync::Arc;
use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_fifo::{Error, Fifo, Reader};

use crate::{ends, fill, scratch};

const LONG: Duration = Duration::from_secs(60);

/// X18: every form of opening, before and during the wait.
#[test]
fn a_cancellation_ends_an_open() {
    let (_dir, path) = scratch();
    let mut fifo = Fifo::create(path).expect("create");
    let canceller = fifo.canceller().expect("canceller");
    canceller.cancel();
    assert!(matches!(fifo.open_writer(), Err(Error::Cancelled)));
    canceller.cancel();
    assert!(matches!(fifo.open_reader(), Err(Error::Cancelled)));
    canceller.cancel();
    assert!(matches!(fifo.try_open_writer(), Err(Error::NoReader)), "try_ does not wait");
    assert!(matches!(fifo.open_reader_timeout(LONG), Err(Error::Cancelled)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fifo.open_writer());
        canceller.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        let waiting = scope.spawn(|| fifo.open_reader());
        canceller.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    });
}

/// X18: reading and writing.
#[test]
fn a_cancellation_ends_a_read_and_a_write() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (mut reader, mut writer) = ends(&fifo);
    let stop_reading = reader.canceller().expect("canceller");
    let stop_writing = writer.canceller().expect("canceller");
    stop_reading.cancel();
    assert!(matches!(reader.read(&mut [0; 8]), Err(Error::Cancelled)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.read(&mut [0; 8]));
        stop_reading.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    });
    stop_reading.cancel();
    assert!(matches!(reader.read_timeout(&mut [0; 8], LONG), Err(Error::Cancelled)));
    fill(&mut writer);
    stop_writing.cancel();
    assert!(matches!(writer.write(b"x"), Err(Error::Cancelled)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.write_atomic(b"x"));
        stop_writing.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
    });
    let mut persistent = Reader::persistent(&fifo).expect("open");
    let stop = persistent.canceller().expect("canceller");
    // Empty what was filled in: only an empty FIFO is waited for.
    while persistent.try_read(&mut [0; 65536]).is_ok() {}
    stop.cancel();
    assert!(matches!(persistent.read(&mut [0; 8]), Err(Error::Cancelled)));
}

/// X18: from a signal handler.
#[test]
fn a_signal_handler_may_cancel() {
    alone("cancel::a_signal_handler_may_cancel", || {
        let (_dir, path) = scratch();
        let mut fifo = Fifo::create(path).expect("create");
        let canceller = Arc::new(fifo.canceller().expect("canceller"));
        let in_handler = Arc::downgrade(&canceller);
        let cancel = move || in_handler.upgrade().expect("not dropped yet").cancel();
        fault::signal_handler_calls(14, Box::new(cancel));
        fault::raise(14);
        assert!(matches!(fifo.open_writer_timeout(LONG), Err(Error::Cancelled)));
    });
}

//! The shortest uses work at all.

use std::io::{IoSlice, IoSliceMut, Read, Write};

use ipc_devkit::two_process;
use ipc_fifo::{Canceller, Fifo, FifoOptions, Frames, Reader, Writer};

use crate::{ends, scratch};

#[test]
fn a_second_process_reads_what_the_first_wrote() {
    two_process(
        "smoke::a_second_process_reads_what_the_first_wrote",
        |mut child| {
            let (dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            let mut writer = fifo.open_writer().expect("wait for the reader");
            writer.write_all(b"hello").expect("write");
            drop(writer);
            assert_eq!(child.hear(), "hello");
            drop((fifo, dir));
        },
        |mut parent| {
            let mut text = String::new();
            let fifo = Fifo::open(parent.hear()).expect("open");
            fifo.open_reader().expect("open").read_to_string(&mut text).expect("read");
            parent.tell(&text);
        },
    );
}

#[test]
fn the_reader_may_start_first() {
    two_process(
        "smoke::the_reader_may_start_first",
        |mut child| {
            let (dir, path) = scratch();
            let fifo = Fifo::create(&path).expect("create");
            child.tell(path.to_str().expect("text"));
            let mut reader = fifo.open_reader().expect("wait for the writer");
            let mut buf = [0; 8];
            assert_eq!(reader.read(&mut buf).expect("wait and read"), 4);
            assert_eq!(reader.read(&mut buf).expect("end"), 0);
            drop((fifo, reader, dir));
        },
        |mut parent| {
            let fifo = Fifo::open_or_create(parent.hear()).expect("open");
            fifo.open_writer().expect("open").write_all(b"late").expect("write");
        },
    );
}

#[test]
fn several_buffers_go_in_one_call() {
    let (_dir, path) = scratch();
    let (mut reader, mut writer) = ends(&Fifo::create(path).expect("create"));
    let sent = writer.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]);
    assert_eq!(sent.expect("write"), 5);
    assert_eq!(reader.available().expect("ask"), 5);
    let (mut first, mut second) = ([0; 3], [0; 3]);
    let got = reader
        .read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])
        .expect("read");
    assert_eq!((got, &first, &second[..2]), (5, b"abc", b"de".as_slice()));
}

#[test]
fn the_capacity_is_what_was_asked_for() {
    let (_dir, path) = scratch();
    let fifo = FifoOptions::new().capacity(1 << 20).create(path).expect("create");
    let (mut reader, writer) = ends(&fifo);
    assert_eq!(reader.capacity().expect("ask"), 1 << 20);
    assert_eq!(reader.set_capacity(70_000).expect("set"), 128 * 1024);
    assert_eq!(writer.capacity().expect("ask"), 128 * 1024);
    let refused = reader.set_capacity(usize::MAX);
    assert!(matches!(refused, Err(ipc_fifo::Error::InvalidCapacity { .. })));
}

#[test]
fn a_clone_is_the_same_end() {
    let (_dir, path) = scratch();
    let (mut reader, mut writer) = ends(&Fifo::create(path).expect("create"));
    let mut copy = writer.try_clone().expect("clone");
    writer.write(b"a").expect("write");
    drop(writer);
    copy.try_write(b"b").expect("write");
    let mut reader_copy = reader.try_clone().expect("clone");
    assert_eq!(reader_copy.read(&mut [0; 1]).expect("read"), 1);
    assert_eq!(reader.try_read(&mut [0; 8]).expect("read"), 1);
    drop(copy);
    assert_eq!(reader.read(&mut [0; 8]).expect("end"), 0);
}

#[test]
fn an_end_becomes_a_standard_stream_of_a_child() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (mut reader, writer) = ends(&fifo);
    let mut echo =
        std::process::Command::new("echo").arg("hi").stdout(writer).spawn().expect("run");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("read");
    assert_eq!(text, "hi\n");
    assert!(echo.wait().expect("wait").success());
}

#[test]
fn types_may_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Fifo>();
    both::<FifoOptions>();
    both::<Reader>();
    both::<Writer>();
    both::<Canceller>();
    both::<Frames<Reader>>();
    both::<Frames<Writer>>();
    both::<ipc_fifo::Error>();
}

//! The shortest uses work at all.

use std::io::{IoSlice, IoSliceMut, Read, Write};

use ipc_devkit::two_process;
use ipc_pipe::{Canceller, Duplex, Frames, Reader, Writer, duplex, pipe};

#[test]
fn a_second_process_reads_what_the_first_wrote() {
    two_process(
        "smoke::a_second_process_reads_what_the_first_wrote",
        |mut child| {
            let (reader, mut writer) = pipe().expect("create");
            child.give(&reader);
            drop(reader);
            writer.write_all(b"hello").expect("write");
            drop(writer);
            assert_eq!(child.hear(), "hello");
        },
        |mut parent| {
            let mut text = String::new();
            Reader::from(parent.take()).read_to_string(&mut text).expect("read");
            parent.tell(&text);
        },
    );
}

#[test]
fn the_reader_may_start_first() {
    two_process(
        "smoke::the_reader_may_start_first",
        |mut child| {
            let (mut reader, writer) = pipe().expect("create");
            child.give(&writer);
            drop(writer);
            child.tell("go");
            let mut buf = [0; 8];
            assert_eq!(reader.read(&mut buf).expect("wait and read"), 4);
            assert_eq!(reader.read(&mut buf).expect("end"), 0);
        },
        |mut parent| {
            let mut writer = Writer::from(parent.take());
            assert_eq!(parent.hear(), "go");
            writer.write_all(b"late").expect("write");
        },
    );
}

#[test]
fn duplex_carries_both_ways() {
    let (mut ours, mut theirs) = duplex().expect("create");
    ours.write_all(b"question").expect("ask");
    let mut buf = [0; 8];
    theirs.read_exact(&mut buf).expect("hear");
    assert_eq!(&buf, b"question");
    theirs.write_all(b"answer!!").expect("answer");
    ours.read_exact(&mut buf).expect("learn");
    assert_eq!(&buf, b"answer!!");
    let (_reader, writer) = ours.split();
    drop(writer);
    assert_eq!(theirs.reader.read(&mut buf).expect("end"), 0);
}

#[test]
fn several_buffers_go_in_one_call() {
    let (mut reader, mut writer) = pipe().expect("create");
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
fn types_may_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Reader>();
    both::<Writer>();
    both::<Duplex>();
    both::<Canceller>();
    both::<Frames<Reader>>();
    both::<Frames<Writer>>();
    both::<ipc_pipe::Pages>();
    both::<ipc_pipe::FrozenPages>();
    both::<ipc_pipe::Finished>();
    both::<ipc_pipe::Error>();
    fn send<T: Send>() {}
    send::<ipc_pipe::Pipeline<'_, '_>>();
    send::<ipc_pipe::Lines<'_>>();
    send::<ipc_pipe::CopyOptions<'_>>();
}

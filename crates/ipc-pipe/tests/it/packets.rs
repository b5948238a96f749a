//! Packet mode: whole packets, never a part, never two in one.

use std::io::{IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use ipc_devkit::{alone, fault, processes, two_process};
use ipc_pipe::{Error, PIPE_BUF, PipeOptions, Reader, Writer};

fn packets() -> (Reader, Writer) {
    PipeOptions::new().packet().create().expect("create")
}

#[test]
fn one_read_returns_one_packet() {
    let (mut reader, mut writer) = packets();
    for packet in [&b"a"[..], b"bc", &[7; PIPE_BUF]] {
        assert_eq!(writer.write(packet).expect("write"), packet.len());
    }
    let mut buf = [0; 2 * PIPE_BUF];
    assert_eq!(reader.available().expect("ask"), 3 + PIPE_BUF);
    assert_eq!(reader.read(&mut buf).expect("read"), 1);
    assert_eq!(reader.try_read(&mut buf[..100]).expect("read"), 2);
    assert_eq!(reader.read_timeout(&mut buf, Duration::from_secs(5)).expect("read"), PIPE_BUF);
    assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
    drop(writer);
    assert_eq!(reader.read(&mut buf).expect("end"), 0);
}

#[test]
fn a_packet_longer_than_the_buffer_is_reported_and_kept() {
    let (mut reader, mut writer) = packets();
    writer.write(b"twelve bytes").expect("write");
    writer.write(b"next").expect("write");
    drop(writer);
    for room in [0, 1, 11] {
        match reader.read(&mut vec![0; room]) {
            Err(Error::MessageTooLong { real: 12, limit }) => assert_eq!(limit, room),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reader.available().expect("ask"), 16);
    let mut buf = [0; 12];
    assert_eq!(reader.read(&mut buf).expect("enough room"), 12);
    assert_eq!(&buf, b"twelve bytes");
    assert_eq!(reader.read(&mut buf).expect("the next one"), 4);
    assert_eq!(reader.read(&mut buf).expect("end"), 0);
}

#[test]
fn a_packet_is_scattered_over_several_buffers() {
    let (mut reader, mut writer) = packets();
    writer.write(b"hello").expect("write");
    writer.write(b"six by").expect("write");
    let (mut first, mut second) = ([0; 2], [0; 3]);
    let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(reader.read_vectored(&mut bufs).expect("it fits"), 5);
    let refused = reader.read_vectored(&mut bufs).expect_err("it does not fit");
    assert_eq!(refused.raw_os_error(), Some(90), "EMSGSIZE");
    assert_eq!((&first, &second), (b"he", b"llo"));
}

#[test]
fn impossible_packets_are_refused() {
    let (reader, mut writer) = packets();
    let refused = writer.write(&[0; PIPE_BUF + 1]);
    assert!(matches!(refused, Err(Error::MessageTooLong { real: 4097, limit: 4096 })));
    assert!(matches!(writer.write(b""), Err(Error::Unsupported { .. })));
    assert!(matches!(writer.try_write_atomic(b""), Err(Error::Unsupported { .. })));
    assert!(Write::write_vectored(&mut writer, &[]).is_err());
    assert_eq!(reader.available().expect("ask"), 0);
}

#[test]
fn a_pipe_of_packets_is_not_spliced() {
    let (mut reader, mut writer) = packets();
    let (mut plain, mut other) = ipc_pipe::pipe().expect("create");
    writer.write(b"x").expect("write");
    assert!(matches!(reader.splice(&other, 9), Err(Error::Unsupported { .. })));
    assert!(matches!(reader.tee(&mut other, 9), Err(Error::Unsupported { .. })));
    assert!(matches!(plain.try_tee(&mut writer, 9), Err(Error::Unsupported { .. })));
    assert!(matches!(writer.splice(&plain, 9), Err(Error::Unsupported { .. })));
}

/// The ends are known for what they are in another process too.
#[test]
fn ends_stay_ends_of_packets_in_other_hands() {
    two_process(
        "packets::ends_stay_ends_of_packets_in_other_hands",
        |mut child| {
            let (reader, writer) = packets();
            child.give(&reader);
            child.give(writer.try_clone().expect("clone"));
            drop((reader, writer));
            assert_eq!(child.hear(), "whole");
        },
        |mut parent| {
            let (mut reader, mut writer) =
                (Reader::from(parent.take()), Writer::from(parent.take()));
            assert!(writer.write(&[0; PIPE_BUF + 1]).is_err());
            writer.write(b"packet").expect("write");
            let short = reader.read(&mut [0; 3]);
            assert!(matches!(short, Err(Error::MessageTooLong { real: 6, limit: 3 })));
            assert_eq!(reader.read(&mut [0; 9]).expect("read"), 6);
            parent.tell("whole");
        },
    );
}

/// A file opened past the page cache has the same flag, and is no pipe.
#[test]
fn a_file_with_the_same_flag_is_no_pipe_of_packets() {
    use std::os::unix::fs::OpenOptionsExt;
    const O_DIRECT: i32 = 0x4000;
    let open = std::fs::File::options().read(true).custom_flags(O_DIRECT).open("Cargo.toml");
    let Ok(file) = open else { return ipc_devkit::skip("this file system has no O_DIRECT") };
    let mut reader = Reader::from(OwnedFd::from(file));
    // It says EINVAL for the short buffer, or reads; but it keeps no packet.
    let read = reader.read(&mut [0; 1]);
    assert!(!matches!(read, Err(Error::MessageTooLong { .. })), "{read:?}");
}

/// P1: packets of many writers, of all lengths, never mix, and none is lost.
#[test]
fn packets_of_many_processes_do_not_mix() {
    const WRITERS: usize = 6;
    const EACH: usize = 500;
    fn length(number: usize) -> usize {
        1 + number * 997 % PIPE_BUF
    }
    processes(
        "packets::packets_of_many_processes_do_not_mix",
        WRITERS,
        |mut children| {
            let (mut reader, writer) = packets();
            for child in &mut children {
                child.give(&writer);
            }
            drop(writer);
            let mut next = [0; WRITERS];
            let mut buf = [0; PIPE_BUF];
            loop {
                let len = reader.read(&mut buf).expect("read");
                if len == 0 {
                    break;
                }
                let who = usize::from(buf[0]);
                assert!(buf[..len].iter().all(|byte| *byte == buf[0]), "two are mixed");
                assert_eq!(len, length(next[who]), "one is cut, lost or out of order");
                next[who] += 1;
            }
            assert_eq!(next, [EACH; WRITERS]);
        },
        |mut parent, index| {
            let mut writer = Writer::from(parent.take());
            let bytes = [u8::try_from(index).expect("small"); PIPE_BUF];
            for number in 0..EACH {
                writer.write_all(&bytes[..length(number)]).expect("write");
            }
        },
    );
}

/// A kernel without RWF_NOWAIT: the second description writes packets too.
#[test]
fn packets_stay_whole_without_nowait() {
    alone("packets::packets_stay_whole_without_nowait", || {
        const NOWAIT: u32 = 0x8;
        fault::deny_syscall_flags(328, 5, NOWAIT, 95);
        fault::deny_syscall_flags(327, 5, NOWAIT, 95);
        let (mut reader, mut writer) = packets();
        writer.try_write(b"one").expect("write");
        writer.try_write(b"four").expect("write");
        let mut buf = [0; PIPE_BUF];
        assert_eq!(reader.try_read(&mut buf).expect("read"), 3);
        let short = reader.try_read(&mut buf[..2]);
        assert!(matches!(short, Err(Error::MessageTooLong { real: 4, .. })));
        assert_eq!(reader.try_read(&mut buf).expect("read"), 4);
        assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
    });
}

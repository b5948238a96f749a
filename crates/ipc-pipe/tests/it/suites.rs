//! Properties that test suites of others demand of pipes, shown for ours.

use std::io::{Read, Write};
use std::time::Duration;

use ipc_devkit::{alone, fault, processes, two_process};
use ipc_pipe::{Error, PIPE_BUF, PipeOptions, Reader, Writer, pipe};

fn fill(writer: &mut Writer) -> usize {
    let mut total = 0;
    loop {
        match writer.try_write(&[7; PIPE_BUF]) {
            Ok(n) => total += n,
            Err(Error::WouldBlock) => return total,
            Err(error) => panic!("fill: {error}"),
        }
    }
}

/// P5: processes that wait in a write are killable.
#[test]
fn ltp_pipe04_waiting_writers_are_killable() {
    processes(
        "suites::ltp_pipe04_waiting_writers_are_killable",
        2,
        |mut children| {
            let (reader, mut writer) = pipe().expect("create");
            fill(&mut writer);
            for child in &mut children {
                child.give(&writer);
                assert_eq!(child.hear(), "writing");
            }
            for child in &mut children {
                child.kill();
            }
            drop(reader);
        },
        |mut parent, _| {
            let mut writer = Writer::from(parent.take());
            parent.tell("writing");
            let _ = writer.write(&[1; PIPE_BUF]);
            unreachable!("the pipe is full and nobody reads");
        },
    );
}

/// With all descriptors in use, a new pipe is refused with a typed limit (EMFILE).
#[test]
fn ltp_pipe06_no_descriptor_left_is_a_limit() {
    alone("suites::ltp_pipe06_no_descriptor_left_is_a_limit", || {
        let limit = fault::limit_nofile(64);
        let mut held = Vec::new();
        let error = loop {
            match pipe() {
                Ok(ends) => held.push(ends),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Limit { which, .. } if which.contains("RLIMIT_NOFILE")));
        let error = std::io::Error::from(error);
        assert_eq!(error.raw_os_error(), Some(24), "EMFILE");
        drop(limit);
    });
}

/// Pipes can be made until all but an odd descriptor is used, and each of them works.
#[test]
fn ltp_pipe07_the_whole_limit_is_usable() {
    alone("suites::ltp_pipe07_the_whole_limit_is_usable", || {
        const LIMIT: u64 = 256;
        let open = || std::fs::read_dir("/proc/self/fd").expect("list").count() - 1;
        let before = open();
        let limit = fault::limit_nofile(LIMIT);
        let mut held = Vec::new();
        while let Ok(ends) = pipe() {
            held.push(ends);
        }
        let free = usize::try_from(LIMIT).expect("small") - before;
        assert_eq!(held.len(), free / 2);
        for (reader, writer) in &mut held {
            writer.write(b"x").expect("write");
            assert_eq!(reader.read(&mut [0; 2]).expect("read"), 1);
        }
        drop(limit);
    });
}

/// What two processes write into one pipe is all there, and nothing else.
#[test]
fn ltp_pipe09_two_writers_both_seen() {
    const EACH: usize = 10_000;
    processes(
        "suites::ltp_pipe09_two_writers_both_seen",
        2,
        |mut children| {
            let (mut reader, writer) = pipe().expect("create");
            for child in &mut children {
                child.give(&writer);
            }
            drop(writer);
            let mut got = Vec::new();
            reader.read_to_end(&mut got).expect("read");
            let count = |byte| got.iter().filter(|got| **got == byte).count();
            assert_eq!((count(b'0'), count(b'1'), got.len()), (EACH, EACH, 2 * EACH));
        },
        |mut parent, index| {
            let mut writer = Writer::from(parent.take());
            let byte = [b'0' + u8::try_from(index).expect("small")];
            for _ in 0..EACH {
                writer.write(&byte).expect("write");
            }
        },
    );
}

/// P2: without waiting, a full pipe takes nothing of a short write, and a part of a long one.
#[test]
fn ltp_pipe12_a_full_pipe_takes_a_part_of_long_writes_only() {
    let (mut reader, mut writer) = pipe().expect("create");
    let capacity = writer.capacity().expect("ask");
    assert_eq!(writer.try_write(&vec![1; capacity]).expect("all fits"), capacity);
    assert!(matches!(writer.try_write(&[1]), Err(Error::WouldBlock)));
    assert!(matches!(writer.try_write(&[1; PIPE_BUF]), Err(Error::WouldBlock)));
    reader.read_exact(&mut [0; PIPE_BUF]).expect("make room");
    assert_eq!(writer.try_write(&[1; PIPE_BUF + 1]).expect("a part"), PIPE_BUF);
    assert!(matches!(writer.try_write(&[1; PIPE_BUF + 1]), Err(Error::WouldBlock)));
}

/// P5: the close of the last writing end wakes all of 2, 10, 27 and 100 sleeping readers.
#[test]
fn ltp_pipe13_the_last_close_wakes_all_readers() {
    const COUNTS: [usize; 4] = [2, 10, 27, 100];
    processes(
        "suites::ltp_pipe13_the_last_close_wakes_all_readers",
        100,
        |mut children| {
            ipc_devkit::watchdog::limit(Duration::from_secs(60));
            for count in COUNTS {
                let (reader, writer) = pipe().expect("create");
                for child in &mut children[..count] {
                    child.give(&reader);
                }
                drop(reader);
                for child in &mut children[..count] {
                    assert_eq!(child.hear(), "reading");
                }
                drop(writer);
                for child in &mut children[..count] {
                    assert_eq!(child.hear(), "end");
                }
            }
        },
        |mut parent, index| {
            for _ in COUNTS.iter().filter(|count| index < **count) {
                let mut reader = Reader::from(parent.take());
                parent.tell("reading");
                assert_eq!(reader.read(&mut [0; 8]).expect("wait for the end"), 0);
                parent.tell("end");
            }
        },
    );
}

/// P3: the data first, then the end.
#[test]
fn ltp_pipe14_data_then_end() {
    two_process(
        "suites::ltp_pipe14_data_then_end",
        |mut child| {
            let (mut reader, writer) = pipe().expect("create");
            child.give(&writer);
            drop(writer);
            let mut child = child;
            assert!(child.wait().success());
            let mut got = Vec::new();
            reader.read_to_end(&mut got).expect("read");
            assert_eq!(got, [5; 10_000]);
            assert_eq!(reader.read(&mut [0; 8]).expect("still the end"), 0);
        },
        |mut parent| {
            Writer::from(parent.take()).write_all(&[5; 10_000]).expect("write");
        },
    );
}

/// Each end has the flags of its own: one reads, one writes, only packet ends are of packets.
#[test]
fn ltp_pipe2_01_flags_are_on_the_right_ends() {
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd};
    for packet in [false, true] {
        let options = PipeOptions::new();
        let options = if packet { options.packet() } else { options };
        let (reader, writer) = options.create().expect("create");
        let (read, write) =
            (fcntl_getfl(&reader).expect("get"), fcntl_getfl(&writer).expect("get"));
        assert_eq!(read & OFlags::ACCMODE, OFlags::RDONLY);
        assert_eq!(write & OFlags::ACCMODE, OFlags::WRONLY);
        for flags in [read, write] {
            assert!(!flags.contains(OFlags::NONBLOCK));
            assert_eq!(flags.contains(OFlags::DIRECT), packet);
        }
        assert_eq!(fcntl_getfd(&reader).expect("get"), FdFlags::CLOEXEC);
        assert_eq!(fcntl_getfd(&writer).expect("get"), FdFlags::CLOEXEC);
    }
}

/// X1: neither end outlives an exec.
#[test]
fn ltp_pipe2_02_no_end_outlives_an_exec() {
    alone("suites::ltp_pipe2_02_no_end_outlives_an_exec", || {
        let before = crate::inherited();
        let plain = pipe().expect("create");
        let packets = PipeOptions::new().packet().capacity(8192).create().expect("create");
        assert_eq!(crate::inherited(), before);
        drop((plain, packets));
    });
}

/// P4: bytes and packets arrive unchanged while the pipe is made larger and smaller all the time.
#[test]
fn sn_pipe_resizing_under_load_changes_no_byte() {
    two_process(
        "suites::sn_pipe_resizing_under_load_changes_no_byte",
        |mut child| {
            for packet in [false, true] {
                let options = PipeOptions::new();
                let options = if packet { options.packet() } else { options };
                let (mut reader, writer) = options.create().expect("create");
                child.give(&writer);
                drop(writer);
                let mut number = 0u64;
                let mut buf = [0; 512];
                let mut sizes = [4096, 65536, 8192, 1 << 20].iter().cycle();
                loop {
                    if number % 64 == 0 {
                        match reader.set_capacity(*sizes.next().expect("endless")) {
                            Ok(_) | Err(Error::CapacityInUse { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    match reader.read_exact(&mut buf) {
                        Ok(()) => {}
                        Err(_) if number == 20_000 => break,
                        Err(error) => panic!("{error} after {number}"),
                    }
                    assert!(buf.chunks(8).all(|word| word == number.to_le_bytes()), "{number}");
                    number += 1;
                }
            }
        },
        |mut parent| {
            for _ in 0..2 {
                let mut writer = Writer::from(parent.take());
                for number in 0..20_000u64 {
                    writer.write_atomic(&number.to_le_bytes().repeat(64)).expect("write");
                }
            }
        },
    );
}

/// A herd of processes reads and writes one pipe: every token is handed on until the last round.
#[test]
fn sn_pipeherd_many_processes_on_one_pipe() {
    const HERD: usize = 20;
    const ROUNDS: u64 = 5_000;
    processes(
        "suites::sn_pipeherd_many_processes_on_one_pipe",
        HERD,
        |mut children| {
            let (reader, mut writer) = pipe().expect("create");
            for child in &mut children {
                child.give(&reader);
                child.give(&writer);
            }
            writer.write_atomic(&0u64.to_le_bytes()).expect("write");
            for child in &mut children {
                assert_eq!(child.hear(), "done");
            }
            drop((reader, writer));
        },
        |mut parent, _| {
            let mut reader = Reader::from(parent.take());
            let mut writer = Writer::from(parent.take());
            loop {
                let mut token = [0; 8];
                reader.read_exact(&mut token).expect("read");
                let round = u64::from_le_bytes(token);
                // The last token stays in the pipe for those who have not seen it.
                let next = (round + 1).min(ROUNDS);
                writer.write_atomic(&next.to_le_bytes()).expect("write");
                if round == ROUNDS {
                    break;
                }
            }
            parent.tell("done");
        },
    );
}

/// P4: many pipes, all shrunk to one page, still carry everything; a write of a page fits exactly.
#[test]
fn sn_oom_pipe_all_pipes_of_one_page() {
    alone("suites::sn_oom_pipe_all_pipes_of_one_page", || {
        let mut pipes = Vec::new();
        for _ in 0..200 {
            let (reader, mut writer) = pipe().expect("create");
            assert_eq!(writer.set_capacity(1).expect("shrink"), 4096);
            pipes.push((reader, writer));
        }
        for (index, (reader, writer)) in pipes.iter_mut().enumerate() {
            let byte = u8::try_from(index).expect("small");
            assert_eq!(fill(writer), 4096);
            let mut page = [0; 4096];
            reader.read_exact(&mut page).expect("read");
            assert_eq!(page, [7; 4096]);
            writer.write_atomic(&[byte; 4096]).expect("write");
            reader.read_exact(&mut page).expect("read");
            assert_eq!(page, [byte; 4096]);
        }
    });
}

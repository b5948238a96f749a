//! Writes that stay in one piece.

use ipc_devkit::processes;
use ipc_pipe::{Error, PIPE_BUF, Writer, pipe};

/// P1: records of PIPE_BUF bytes from eight processes never mix, and none is lost.
#[test]
fn atomic_writes_of_eight_processes_do_not_mix() {
    const WRITERS: usize = 8;
    const RECORDS: usize = 200;
    processes(
        "writing::atomic_writes_of_eight_processes_do_not_mix",
        WRITERS,
        |mut children| {
            let (mut reader, writer) = pipe().expect("create");
            for child in &mut children {
                child.give(&writer);
            }
            drop(writer);
            let mut seen = [0; WRITERS];
            let mut record = [0; PIPE_BUF];
            while std::io::Read::read_exact(&mut reader, &mut record).is_ok() {
                let who = usize::from(record[0]);
                assert!(record.iter().all(|byte| *byte == record[0]), "two records are mixed");
                seen[who] += 1;
            }
            assert_eq!(seen, [RECORDS; WRITERS]);
        },
        |mut parent, index| {
            let mut writer = Writer::from(parent.take());
            let record = [u8::try_from(index).expect("small"); PIPE_BUF];
            for _ in 0..RECORDS {
                writer.write_atomic(&record).expect("write");
            }
        },
    );
}

/// P1: one byte more than PIPE_BUF is refused, and nothing of it is written.
#[test]
fn more_than_pipe_buf_is_refused() {
    let (reader, mut writer) = pipe().expect("create");
    let refused = writer.write_atomic(&[0; PIPE_BUF + 1]);
    assert!(matches!(refused, Err(Error::MessageTooLong { real: 4097, limit: 4096 })));
    assert_eq!(reader.available().expect("ask"), 0);
    writer.write_atomic(&[0; PIPE_BUF]).expect("exactly PIPE_BUF fits");
    writer.write_atomic(&[]).expect("nothing fits too");
}

/// P2: an atomic write that does not fit is refused whole, even when a part would fit.
#[test]
fn an_atomic_write_is_never_partial() {
    let (mut reader, mut writer) = pipe().expect("create");
    while writer.try_write_atomic(&[1; PIPE_BUF]).is_ok() {}
    let held = reader.available().expect("ask");
    reader.read(&mut [0; 100]).expect("make a little room");
    assert!(matches!(writer.try_write_atomic(&[2; 200]), Err(Error::WouldBlock)));
    assert_eq!(reader.available().expect("ask"), held - 100);
}

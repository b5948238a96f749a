//! Errors say what was done to what, why, and keep their number.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_fifo::{Error, Fifo, Reader};

use crate::scratch;

#[test]
fn errors_keep_their_number_and_kind() {
    let (_dir, path) = scratch();
    let missing = io::Error::from(Fifo::open(&path).expect_err("missing"));
    assert_eq!((missing.kind(), missing.raw_os_error()), (io::ErrorKind::NotFound, Some(2)));
    let fifo = Fifo::create(&path).expect("create");
    let exists = io::Error::from(Fifo::create(&path).expect_err("exists"));
    assert_eq!(exists.kind(), io::ErrorKind::AlreadyExists);
    let nobody = io::Error::from(fifo.try_open_writer().expect_err("nobody"));
    assert_eq!(nobody.raw_os_error(), Some(6));
    assert_eq!(io::Error::from(Error::TimedOut).kind(), io::ErrorKind::TimedOut);
    assert_eq!(io::Error::from(Error::WouldBlock).kind(), io::ErrorKind::WouldBlock);
    let cut = io::Error::from(Error::Truncated { got: 1, want: 4 });
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    // `Interrupted` would make `read_exact` and friends try again for ever.
    assert_ne!(io::Error::from(Error::Cancelled).kind(), io::ErrorKind::Interrupted);
}

#[test]
fn messages_name_operation_object_and_cause() {
    let (_dir, path) = scratch();
    let text = Fifo::open(&path).expect_err("missing").to_string();
    assert_eq!(text, format!("FIFO {path:?}: no such FIFO (ENOENT)"));
    std::fs::write(&path, "").expect("write");
    let text = Fifo::open(&path).expect_err("a file").to_string();
    assert!(text.contains(path.to_str().expect("text")) && text.contains("not a FIFO"), "{text}");
    std::fs::remove_file(&path).expect("unlink");
    let fifo = Fifo::create(&path).expect("create");
    let text = fifo.try_open_writer().expect_err("nobody").to_string();
    assert!(text.contains("nobody") && text.contains("ENXIO"), "{text}");
    let writer = crate::ends(&fifo).1;
    let mut wrong_way = Reader::from(std::os::fd::OwnedFd::from(writer));
    let error = wrong_way.read(&mut [0; 4]).expect_err("a writing end cannot be read");
    assert_eq!(error.to_string(), "read from FIFO: bad file descriptor (EBADF)");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_full_descriptor_table_is_a_limit_with_a_way_out() {
    alone("errors::a_full_descriptor_table_is_a_limit_with_a_way_out", || {
        let (_dir, path) = scratch();
        let fifo = Fifo::create(&path).expect("create");
        // The limit is on the numbers, so those below the highest are taken first.
        let (mut taken, mut used) = (Vec::new(), 0);
        while taken.len() < 100 {
            let file = std::fs::File::open("/dev/null").expect("open");
            used = used.max(u64::try_from(file.as_raw_fd()).expect("positive") + 1);
            taken.push(file);
        }
        let brief = Duration::from_millis(1);
        let mut refused = 0;
        // Whatever step of an open finds the table full.
        for room in 0..6 {
            let limit = fault::limit_nofile(used + room);
            for outcome in [
                fifo.open_writer_timeout(brief).map(drop),
                fifo.open_reader_timeout(brief).map(drop),
                Reader::persistent(&fifo).map(drop),
                Fifo::open(&path).map(drop),
            ] {
                match outcome {
                    Err(Error::Limit { which, raise }) => {
                        assert!(which.contains("RLIMIT_NOFILE") && raise.contains("ulimit"));
                        refused += 1;
                    }
                    Ok(()) | Err(Error::TimedOut) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            drop(limit);
        }
        assert!(refused >= 8, "{refused}");
        Reader::persistent(&fifo).expect("works again");
    });
}

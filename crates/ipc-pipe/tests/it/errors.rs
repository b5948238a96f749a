//! Errors say what was done to what, why, and keep their number.

use std::io;

use ipc_devkit::{alone, fault};
use ipc_pipe::{Error, pipe};

#[test]
fn errors_keep_their_number_and_kind() {
    let (reader, mut writer) = pipe().expect("create");
    drop(reader);
    let error = io::Error::from(writer.write(b"x").expect_err("closed"));
    assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::BrokenPipe, Some(32)));
    let (mut reader, _writer) = pipe().expect("create");
    let error = io::Error::from(reader.try_read(&mut [0]).expect_err("empty"));
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let error = io::Error::from(Error::TimedOut);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let error = io::Error::from(Error::Truncated { got: 1, want: 4 });
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    // `Interrupted` would make `read_exact` and friends try again for ever.
    assert_ne!(io::Error::from(Error::Cancelled).kind(), io::ErrorKind::Interrupted);
}

#[test]
fn messages_name_operation_object_and_cause() {
    let wrong_way = ipc_pipe::Reader::from(std::os::fd::OwnedFd::from(pipe().expect("create").1));
    let mut wrong_way = wrong_way;
    let error = wrong_way.read(&mut [0; 4]).expect_err("a writing end cannot be read");
    assert_eq!(error.to_string(), "read from pipe: bad file descriptor (EBADF)");
    assert!(std::error::Error::source(&error).is_some());
    let text = Error::Closed { peer_died: true }.to_string();
    assert!(text.contains("died") && text.contains("EPIPE"), "{text}");
}

#[test]
fn a_full_descriptor_table_is_a_limit_with_a_way_out() {
    alone("errors::a_full_descriptor_table_is_a_limit_with_a_way_out", || {
        let (mut reader, _writer) = pipe().expect("create");
        let limit = fault::limit_nofile(5);
        for refused in
            [pipe().map(drop), reader.canceller().map(drop), reader.try_clone().map(drop)]
        {
            match refused {
                Err(Error::Limit { which, raise }) => {
                    assert!(which.contains("RLIMIT_NOFILE") && raise.contains("ulimit"));
                }
                // The numbers below the limit may not all be taken yet.
                Ok(()) => {}
                Err(error) => panic!("{error}"),
            }
        }
        drop(limit);
        pipe().expect("works again");
    });
}

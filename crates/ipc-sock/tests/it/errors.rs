//! Errors say what was done to what, why, and keep their number.

use std::io;

use crate::path_in;
use ipc_devkit::{alone, fault, scratch};
use ipc_sock::unix::{Address, Listener, Stream};
use ipc_sock::{Error, net};

#[test]
fn errors_keep_their_number_and_kind() {
    let cases = [
        (Error::TimedOut, io::ErrorKind::TimedOut),
        (Error::WouldBlock, io::ErrorKind::WouldBlock),
        (Error::Closed { peer_died: false }, io::ErrorKind::BrokenPipe),
        (Error::PeerReset, io::ErrorKind::ConnectionReset),
        (Error::Refused { name: String::new() }, io::ErrorKind::ConnectionRefused),
        (Error::NotFound { name: String::new() }, io::ErrorKind::NotFound),
        (Error::AlreadyExists { name: String::new() }, io::ErrorKind::AddrInUse),
        (Error::WrongOwner { uid: 1 }, io::ErrorKind::PermissionDenied),
        (Error::FdsRefused, io::ErrorKind::PermissionDenied),
        (Error::EmptyMessage, io::ErrorKind::InvalidInput),
        (Error::Truncated { got: 1, want: 4 }, io::ErrorKind::UnexpectedEof),
    ];
    for (error, kind) in cases {
        let text = error.to_string();
        let as_io = io::Error::from(error);
        assert_eq!(as_io.kind(), kind, "{text}");
        assert!(as_io.raw_os_error().is_some() || kind == io::ErrorKind::UnexpectedEof, "{text}");
    }
    // `Interrupted` would make `read_exact` and friends try again for ever.
    assert_ne!(io::Error::from(Error::Cancelled).kind(), io::ErrorKind::Interrupted);
}

#[test]
fn messages_name_operation_object_and_cause() {
    let dir = scratch::dir();
    let address = path_in(&dir);
    let text = Stream::connect(&address).expect_err("nobody").to_string();
    assert_eq!(text, format!("find {address}: no such socket (ENOENT)"));
    let _listener = Listener::bind(&address).expect("listen");
    let text = Listener::bind(&address).expect_err("taken").to_string();
    assert!(text.contains(&address.to_string()) && text.contains("EADDRINUSE"), "{text}");
    let nowhere = Address::path("/nonexistent-dir/sock").expect("address");
    let error = Listener::bind(&nowhere).expect_err("no directory");
    assert!(matches!(&error, Error::NotFound { name } if name.contains("nonexistent")), "{error}");
    let file = Address::path("/dev/null").expect("address");
    let error = Stream::connect(&file).expect_err("no socket");
    assert!(error.to_string().contains("/dev/null"), "{error}");
    let refused = net::TcpStream::connect("127.0.0.1:1".parse().expect("address"));
    let error = refused.expect_err("nobody listens");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(matches!(error, Error::Refused { .. }));
}

#[test]
fn a_full_descriptor_table_is_a_limit_with_a_way_out() {
    alone("errors::a_full_descriptor_table_is_a_limit_with_a_way_out", || {
        let limit = fault::limit_nofile(3);
        for refused in [
            Stream::pair().map(drop),
            net::UdpSocket::bind("127.0.0.1:0".parse().expect("address")).map(drop),
            Stream::connect(&Address::abstract_name("x").expect("name")).map(drop),
        ] {
            match refused {
                Err(Error::Limit { which, raise }) => {
                    assert!(which.contains("RLIMIT_NOFILE") && raise.contains("ulimit"));
                }
                other => panic!("{other:?}"),
            }
        }
        drop(limit);
        Stream::pair().expect("works again");
    });
}

//! The shortest uses work at all.

use std::io::{IoSlice, Read, Write};

use crate::path_in;
use ipc_devkit::{scratch, two_process};
use ipc_sock::unix::{Address, Datagram, Listener, Options, SeqPacket, SeqPacketListener, Stream};
use ipc_sock::{Canceller, Credentials, Frames, net};

#[test]
fn a_second_process_connects_by_path() {
    two_process(
        "smoke::a_second_process_connects_by_path",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            let listener = Listener::bind(&address).expect("listen");
            assert_eq!(listener.local_addr(), &address);
            child.tell(&address.to_string());
            let mut stream = listener.accept().expect("accept");
            stream.write_all(b"hello").expect("send");
            let mut answer = String::new();
            stream.shutdown(std::net::Shutdown::Write).expect("shut down");
            stream.read_to_string(&mut answer).expect("receive");
            assert_eq!(answer, "HELLO");
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let mut stream = Stream::connect(&address).expect("connect");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("receive");
            stream.write_all(text.to_uppercase().as_bytes()).expect("send");
        },
    );
}

#[test]
fn whole_messages_by_path_between_processes() {
    two_process(
        "smoke::whole_messages_by_path_between_processes",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            let listener = SeqPacketListener::bind(&address).expect("listen");
            child.tell(&address.to_string());
            let packets = listener.accept().expect("accept");
            packets.send(b"one").expect("send");
            packets.send(b"second").expect("send");
            assert_eq!(packets.recv(&mut [0; 16]).expect("receive"), 9);
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let packets = SeqPacket::connect(&address).expect("connect");
            let mut buf = [0; 16];
            assert_eq!(packets.next_len().expect("look"), 3);
            let sum =
                packets.recv(&mut buf).expect("receive") + packets.recv(&mut buf).expect("two");
            packets.send(&[7; 16][..sum]).expect("answer");
        },
    );
}

#[test]
fn datagrams_are_answered_by_their_address() {
    two_process(
        "smoke::datagrams_are_answered_by_their_address",
        |mut child| {
            let dir = scratch::dir();
            let address = path_in(&dir);
            let server = Datagram::bind(&address).expect("bind");
            assert_eq!(server.local_addr().expect("address"), address);
            child.tell(&address.to_string());
            let mut buf = [0; 16];
            let (length, from) = server.recv_from(&mut buf).expect("receive");
            server.send_to(&buf[..length], &from).expect("answer");
            let _ = child.wait();
        },
        |mut parent| {
            let address = Address::path(parent.hear()).expect("address");
            let dir = scratch::dir();
            let client = Datagram::bind(&path_in(&dir)).expect("bind");
            client.send_to(b"ping", &address).expect("send");
            let mut buf = [0; 16];
            let (length, from) = client.recv_from(&mut buf).expect("receive");
            assert_eq!((&buf[..length], from), (b"ping".as_slice(), address));
        },
    );
}

#[test]
fn abstract_names_work_when_asked_for() {
    let address = Address::abstract_name(scratch::name("abstract")).expect("name");
    let listener: Listener = Options::new().listen(&address).expect("listen");
    let client = Stream::connect(&address).expect("connect");
    let server = listener.accept().expect("accept");
    let sent = (&client).write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]);
    assert_eq!(sent.expect("send"), 3);
    assert_eq!(server.recv(&mut [0; 8]).expect("receive"), 3);
    let taken = Listener::bind(&address);
    assert!(matches!(taken, Err(ipc_sock::Error::AlreadyExists { .. })), "{taken:?}");
}

#[test]
fn types_may_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Stream>();
    both::<SeqPacket>();
    both::<Datagram>();
    both::<Listener>();
    both::<SeqPacketListener>();
    both::<Options>();
    both::<Address>();
    both::<Canceller>();
    both::<Credentials>();
    both::<Frames<Stream>>();
    both::<net::TcpStream>();
    both::<net::TcpListener>();
    both::<net::UdpSocket>();
    both::<net::VsockStream>();
    both::<ipc_sock::Error>();
}

#[test]
fn this_kernel_is_described() {
    let features = ipc_sock::features();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("release");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().expect("major"), numbers.next().expect("minor"));
    assert_eq!(features.refuses_descriptors, version >= (6, 16));
    assert_eq!(features.peer_pidfd, version >= (6, 5));
    assert_eq!(features.message_pidfd, version >= (6, 5));
}

//! A channel between two users, who may not touch each other's processes or files.
#![expect(unsafe_code, reason = "changing the user has no safe form")]

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use ipc_devkit::two_process;
use ipc_shm::ring::untrusted::{accept, offer};

use super::message;

const NOBODY: u32 = 65_534;

/// K10: each knows who the other is by what the kernel says.
#[test]
fn two_users_talk() {
    two_process(
        "untrusted::users::two_users_talk",
        |mut child| {
            if !rustix::process::geteuid().is_root() {
                ipc_devkit::skip("needs root, to start a process of another user");
                child.tell("");
                return;
            }
            let name = ipc_devkit::scratch::name("untrusted-users");
            let address = SocketAddr::from_abstract_name(&name).expect("an address");
            let listener = UnixListener::bind_addr(&address).expect("listen");
            child.tell(&name);
            let (socket, _) = listener.accept().expect("a client");
            let (mut sender, mut receiver) = accept(socket.into()).expect("accept");
            let peer = receiver.peer();
            assert_eq!((peer.uid, peer.gid), (NOBODY, NOBODY));
            assert_eq!(peer.pid, u32::try_from(child.raw_pid()).ok());
            assert_eq!(sender.peer(), peer);
            for number in 0..1000 {
                sender.send(&message(number, number)).expect("send");
                assert_eq!(receiver.recv().expect("recv"), message(number, number));
            }
        },
        |mut parent| {
            let name = parent.hear();
            if name.is_empty() {
                return;
            }
            // SAFETY: they take a number, and reach every thread.
            assert_eq!(unsafe { libc::setgid(NOBODY) }, 0);
            // SAFETY: as above.
            assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
            let address = SocketAddr::from_abstract_name(&name).expect("an address");
            let socket = UnixStream::connect_addr(&address).expect("connect");
            let (mut sender, mut receiver) = offer(socket.into()).expect("offer");
            assert_eq!(sender.peer().uid, 0);
            for _ in 0..1000 {
                let message = receiver.recv().expect("recv");
                sender.send(&message).expect("send");
            }
        },
    );
}

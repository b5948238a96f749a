//! Descriptors when there is no room for them.

use std::os::fd::OwnedFd;

use crate::open_fds;
use ipc_devkit::{alone, fault};
use ipc_sock::Error;
use ipc_sock::unix::{Options, SeqPacket, Stream};

fn null() -> OwnedFd {
    std::fs::File::open("/dev/null").expect("open").into()
}

/// K4: at the limit of descriptors the message is refused whole, and nothing is left open.
#[test]
fn a_full_descriptor_table_refuses_the_message() {
    alone("fds_limits::a_full_descriptor_table_refuses_the_message", || {
        const SENT: usize = 4;
        let (from, to): (SeqPacket, SeqPacket) =
            Options::new().pass_fds(SENT).pair().expect("pair");
        let fds: Vec<OwnedFd> = (0..SENT).map(|_| null()).collect();
        // So many that the numbers below the first free one are all taken.
        let _fill: Vec<OwnedFd> = (0..40).map(|_| null()).collect();
        let first_free = u64::from(std::os::fd::AsRawFd::as_raw_fd(&null()).unsigned_abs());
        for room in 0..=4_u64 {
            from.send_fds(b"message", &fds).expect("send");
            let limit = fault::limit_nofile(first_free + room);
            let outcome = to.recv_fds(&mut [0; 16]);
            drop(limit);
            if room < 4 {
                assert!(matches!(outcome, Err(Error::AncillaryTruncated)), "{room}: {outcome:?}");
            } else {
                assert_eq!(outcome.expect("all fit").fds.len(), SENT);
            }
            let free = u64::from(std::os::fd::AsRawFd::as_raw_fd(&null()).unsigned_abs());
            assert_eq!(free, first_free, "something is left open with room for {room}");
        }
    });
}

/// K7: too many descriptors under way is typed, and goes again once some were received.
#[test]
fn too_many_descriptors_under_way_is_typed() {
    alone("fds_limits::too_many_descriptors_under_way_is_typed", || {
        if !rustix::process::geteuid().is_root() {
            return ipc_devkit::skip("needs root, to become another user");
        }
        // As nobody: who has CAP_SYS_ADMIN never sees it. Of this thread only.
        let nobody = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("become nobody");
        let (from, to): (Stream, Stream) = Options::new().pass_fds(1).pair().expect("pair");
        let fd = null();
        let limit = fault::limit_nofile(64);
        let mut sent = 0;
        let outcome = loop {
            match from.send_fds(b"x", &[&fd]) {
                Ok(_) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 1000, "no limit was met");
        };
        assert!(matches!(outcome, Error::TooManyInFlight), "{outcome}");
        assert_eq!(std::io::Error::from(outcome).raw_os_error(), Some(109));
        let again = from.try_send_fds(b"x", &[&fd]);
        assert!(matches!(again, Err(Error::TooManyInFlight)), "{again:?}");
        for _ in 0..2 {
            to.recv_fds(&mut [0; 1]).expect("receive");
        }
        from.send_fds(b"x", &[&fd]).expect("there is room again");
        drop(limit);
        let before = open_fds();
        drop((from, to));
        assert_eq!(open_fds(), before - 2);
    });
}

/// X17: any bytes and any number of descriptors are survived, with nothing left open.
#[test]
fn a_hostile_sender_leaves_nothing_open() {
    alone("fds_limits::a_hostile_sender_leaves_nothing_open", || {
        let fds: Vec<OwnedFd> = (0..20).map(|_| null()).collect();
        let (from, to): (Stream, Stream) =
            Options::new().pass_fds(3).pass_credentials().pair().expect("pair");
        let before = open_fds();
        let mut state = 1_u32;
        for _ in 0..3000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (count, length) = ((state >> 8) as usize % 20, (state >> 16) as usize % 50 + 1);
            from.send_fds(&[7; 50][..length], &fds[..count]).expect("send");
            let mut buf = [0; 64];
            while let Ok(received) = to.try_recv_fds(&mut buf[..1 + (state >> 24) as usize % 63]) {
                assert!(received.fds.len() <= 3);
            }
        }
        while to.try_recv_fds(&mut [0; 64]).is_ok() {}
        assert_eq!(open_fds(), before);
    });
}

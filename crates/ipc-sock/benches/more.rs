//! Frames over a stream, and batches of datagrams.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Turns};
use ipc_sock::Frames;
use ipc_sock::unix::{Datagram, Stream};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

use crate::CALL;
use crate::net::{Call, End, round_trip};
use crate::raw::{self, BATCH};

const SIZES: [(usize, &str); 2] = [(64, "64 B"), (64 << 10, "64 KiB")];

pub(crate) fn cases(bench: &mut Bench) {
    for (size, label) in SIZES {
        for placement in [Placement::Block, Placement::OneCore] {
            let place = placement.name();
            bench.case(
                Case::round_trip(format!("frames round-trip {label} {place}"), size, placement)
                    .floor_exchange()
                    .raw("raw socket", move || round_trip(size, raw_frames()?))
                    .ours("ipc-sock", move || round_trip(size, our_frames()?))
                    .peer("std", move || round_trip(size, std_frames()?)),
            );
        }
    }
    bench.case(
        Case::alone(CALL, "datagram batch of 8 x 64 B")
            .size(8 * SMALL)
            .raw("raw sendmmsg", || batches(raw_batch()?))
            .ours("ipc-sock", || batches(our_batch()?))
            .peer("one by one", || batches(singly()?)),
    );
}

fn our_frames() -> io::Result<(End, End)> {
    let (one, other) = Stream::pair()?;
    let end = |stream| {
        let mut frames = Frames::new(stream);
        End::new(move |call| {
            match call {
                Call::Send(message) => frames.send(message)?,
                Call::Receive(check) => check(frames.recv_ref()?)?,
            }
            Ok(())
        })
    };
    Ok((end(one), end(other)))
}

/// The length and the message in one call; received with what one call brings.
fn raw_frames() -> io::Result<(End, End)> {
    let (one, other) = Stream::pair()?;
    let end = |stream: Stream| {
        let socket = OwnedFd::from(stream);
        let mut held = Buffer::new((64 << 10) + 4);
        End::new(move |call| match call {
            Call::Send(message) => {
                let length = u32::try_from(message.len()).unwrap_or(0).to_le_bytes();
                let mut sent = 0;
                while sent < message.len() + 4 {
                    let bufs = [
                        IoSlice::new(&length[sent.min(4)..]),
                        IoSlice::new(&message[sent.saturating_sub(4)..]),
                    ];
                    let mut nothing = SendAncillaryBuffer::default();
                    let flags = SendFlags::NOSIGNAL;
                    sent += rustix::net::sendmsg(&socket, &bufs, &mut nothing, flags)?;
                }
                Ok(())
            }
            Call::Receive(check) => {
                let (mut got, mut want) = (0, 4);
                while got < want {
                    let flags = RecvFlags::empty();
                    match rustix::net::recv(&socket, &mut held[got..], flags)?.0 {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        more => got += more,
                    }
                    if let (4.., Some(length)) = (got, held.first_chunk()) {
                        want = 4 + u32::from_le_bytes(*length) as usize;
                    }
                }
                check(&held[4..want])
            }
        })
    };
    Ok((end(one), end(other)))
}

/// As it is written without thinking of speed: two writes, two exact reads.
fn std_frames() -> io::Result<(End, End)> {
    let (one, other) = UnixStream::pair()?;
    let end = |mut stream: UnixStream| {
        End::new(move |call| match call {
            Call::Send(message) => {
                let length = u32::try_from(message.len()).unwrap_or(0);
                stream.write_all(&length.to_le_bytes())?;
                stream.write_all(message)
            }
            Call::Receive(check) => {
                let mut length = [0; 4];
                stream.read_exact(&mut length)?;
                let mut came = vec![0; u32::from_le_bytes(length) as usize];
                stream.read_exact(&mut came)?;
                check(&came)
            }
        })
    };
    Ok((end(one), end(other)))
}

const SMALL: usize = 64;

/// Sends all the messages and receives them into the buffers, in one process.
type Batch = Box<dyn FnMut(&[IoSlice<'_>], &mut [IoSliceMut<'_>]) -> io::Result<usize>>;

fn batches(mut through: Batch) -> io::Result<Pair> {
    const COUNT: usize = 8;
    const { assert!(COUNT <= BATCH) };
    let (mut from, mut to) = (Buffer::new(COUNT * SMALL), Buffer::new(COUNT * SMALL));
    Ok(Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            let mut chunks = from.chunks(SMALL);
            let messages: [_; COUNT] =
                std::array::from_fn(|_| IoSlice::new(chunks.next().unwrap_or(&[])));
            let mut chunks = to.chunks_mut(SMALL);
            let mut bufs: [_; COUNT] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or(&mut [])));
            if through(&messages, &mut bufs)? != COUNT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            turns.check(&to, number)?;
        }
        Ok(())
    }))
}

fn our_batch() -> io::Result<Batch> {
    let (from, to) = Datagram::pair()?;
    let mut lens = Vec::new();
    Ok(Box::new(move |messages, bufs| {
        from.send_many(messages)?;
        Ok(to.recv_many(bufs, &mut lens)?)
    }))
}

fn raw_batch() -> io::Result<Batch> {
    let (from, to) = Datagram::pair()?;
    let (from, to) = (OwnedFd::from(from), OwnedFd::from(to));
    Ok(Box::new(move |messages, bufs| {
        raw::send_many(&from, messages)?;
        raw::recv_many(&to, bufs)
    }))
}

fn singly() -> io::Result<Batch> {
    let (from, to) = Datagram::pair()?;
    Ok(Box::new(move |messages, bufs| {
        for message in messages {
            from.send(message)?;
        }
        for buf in &mut *bufs {
            to.recv(buf)?;
        }
        Ok(bufs.len())
    }))
}

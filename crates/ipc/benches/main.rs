//! A file from one process to another, through each mechanism.
//!
//! Textbooks count the copies. Through a pipe, a queue or a socket there are four: from the file into the
//! sender's memory, from there into the kernel, into the receiver's memory, and into the other file. Through
//! memory that both map there are two. Each case measures a mechanism beside that, in turn.

mod mapped;
mod ring;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use ipc_devkit::bench::stream::Ends;
use ipc_devkit::bench::{self, Bench, Better, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_mq::{posix, sysv};
use ipc_sock::unix::{SeqPacket, Stream};

const THROUGH: Scenario = Scenario::new("file-through", Better::HigherRate);

/// The length of the file.
const FILE: usize = 1 << 20;
/// What is read and sent at once: as much as a pipe holds, and as a queue takes without asking root.
const CHUNK: usize = 64 << 10;
const MESSAGE: usize = 8 << 10;

fn main() -> ExitCode {
    bench::main("ipc", |bench| {
        for placement in [Placement::OneCore, Placement::Block] {
            case(bench, placement, "ring", "ipc-shm", ring::pair);
            case(bench, placement, "pipe", "ipc-pipe", || four_copies(CHUNK, pipe()?));
            case(bench, placement, "FIFO", "ipc-fifo", || four_copies(CHUNK, fifo()?));
            case(bench, placement, "POSIX queue", "ipc-mq", || {
                four_copies(MESSAGE, posix_queue()?)
            });
            case(bench, placement, "System V queue", "ipc-mq", || {
                four_copies(MESSAGE, sysv_queue()?)
            });
            case(bench, placement, "Unix stream", "ipc-sock", || four_copies(CHUNK, stream()?));
            case(bench, placement, "Unix packets", "ipc-sock", || four_copies(CHUNK, packets()?));
        }
    })
}

fn case(
    bench: &mut Bench,
    placement: Placement,
    mechanism: &str,
    krate: &str,
    pair: fn() -> io::Result<Pair>,
) {
    let name = format!("file through {mechanism} 1 MiB {}", placement.name());
    bench.case(
        Case::new(THROUGH, name, placement)
            .size(FILE)
            .floor("mapped memory, two copies", mapped::pair)
            .ours(krate, pair),
    );
}

/// A file to read and one to write, in memory, with the same bytes in the end. They have no names any more.
pub(crate) struct Files {
    pub(crate) from: File,
    pub(crate) to: File,
}

impl Files {
    pub(crate) fn new() -> io::Result<Rc<Self>> {
        let open = || {
            let path = Path::new("/dev/shm").join(ipc_devkit::scratch::name("through"));
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(&path)?;
            fs::remove_file(path).map(|()| file)
        };
        let (from, to) = (open()?, open()?);
        let words = 0..u32::try_from(FILE / 4).map_err(io::Error::other)?;
        let bytes = words.flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes());
        from.write_all_at(&bytes.collect::<Vec<_>>(), 0)?;
        Ok(Rc::new(Self { from, to }))
    }

    /// Checks the copy, once it should be there.
    pub(crate) fn check(&self) -> io::Result<()> {
        let (mut sent, mut came) = (vec![0; FILE], vec![0; FILE]);
        self.from.read_exact_at(&mut sent, 0)?;
        self.to.read_exact_at(&mut came, 0)?;
        if sent == came { Ok(()) } else { Err(io::Error::other("the copy differs")) }
    }
}

/// Read, send, receive, write.
fn four_copies(chunk: usize, ends: Ends) -> io::Result<Pair> {
    let (mut send, mut receive) = (ends.send, ends.receive);
    let source = Files::new()?;
    let target = Rc::clone(&source);
    let (mut near, mut far) = (Buffer::new(chunk), Buffer::new(chunk));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                let mut at = 0;
                while at < FILE {
                    // Of a stream, not the next file's bytes too.
                    let got = receive(&mut near[..chunk.min(FILE - at)])?;
                    if got == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    target.to.write_all_at(&near[..got], at as u64)?;
                    at += got;
                }
                if number == 0 {
                    target.check()?;
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                for at in (0..FILE).step_by(chunk) {
                    source.from.read_exact_at(&mut far, at as u64)?;
                    let mut sent = 0;
                    while sent < chunk {
                        sent += send(&far[sent..])?;
                    }
                }
            }
            Ok(())
        },
    ))
}

fn pipe() -> io::Result<Ends> {
    let (mut reader, mut writer) = ipc_pipe::pipe()?;
    Ok(Ends {
        send: Box::new(move |bytes| Ok(writer.write(bytes)?)),
        receive: Box::new(move |bytes| Ok(reader.read(bytes)?)),
    })
}

fn fifo() -> io::Result<Ends> {
    let path = std::env::temp_dir().join(ipc_devkit::scratch::name("through"));
    let fifo = ipc_fifo::FifoOptions::new().unlink_on_drop(true).create(&path)?;
    let mut reader = ipc_fifo::Reader::persistent(&fifo)?;
    let mut writer = fifo.open_writer()?;
    drop(fifo);
    Ok(Ends {
        send: Box::new(move |bytes| Ok(writer.write(bytes)?)),
        receive: Box::new(move |bytes| Ok(reader.read(bytes)?)),
    })
}

fn posix_queue() -> io::Result<Ends> {
    let name = ipc_devkit::scratch::name("through");
    let sender = posix::QueueOptions::new().message_size(MESSAGE).create(&name)?;
    let receiver = posix::Queue::open(&name)?;
    posix::Queue::unlink(&name)?;
    Ok(Ends {
        send: Box::new(move |bytes| Ok(sender.send(0, bytes).map(|()| bytes.len())?)),
        receive: Box::new(move |bytes| Ok(receiver.recv_into(bytes)?.len)),
    })
}

/// A queue that goes with the first process that ran a half: not with the one that made it, which drops its
/// copy of both halves before they run.
struct Removed(sysv::Queue, u32);

impl Drop for Removed {
    fn drop(&mut self) {
        if self.1 != std::process::id() {
            let _ = self.0.remove();
        }
    }
}

fn sysv_queue() -> io::Result<Ends> {
    let sender = Rc::new(Removed(sysv::Queue::private()?, std::process::id()));
    let receiver = Rc::clone(&sender);
    Ok(Ends {
        send: Box::new(move |bytes| Ok(sender.0.send(1, bytes).map(|()| bytes.len())?)),
        receive: Box::new(move |bytes| Ok(receiver.0.recv_into(sysv::Filter::Any, bytes)?.len)),
    })
}

fn stream() -> io::Result<Ends> {
    let (sender, receiver) = Stream::pair()?;
    Ok(Ends {
        send: Box::new(move |bytes| Ok(sender.send(bytes)?)),
        receive: Box::new(move |bytes| Ok(receiver.recv(bytes)?)),
    })
}

fn packets() -> io::Result<Ends> {
    let (sender, receiver) = SeqPacket::pair()?;
    Ok(Ends {
        send: Box::new(move |bytes| Ok(sender.send(bytes).map(|()| bytes.len())?)),
        receive: Box::new(move |bytes| Ok(receiver.recv(bytes)?)),
    })
}

//! Moving without copying, and starting a pipeline, beside the calls and programs that do the same.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;

use ipc_devkit::bench::{Bench, Better, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_pipe::{Pages, PipeOptions, Pipeline, copy, copy_exact};
use rustix::fs::{copy_file_range, sendfile};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Memory into a pipe that another process empties.
const TO_PIPE: Scenario = Scenario::new("memory-to-pipe", Better::HigherRate);
/// A file into a pipe, a pipe into a file, a pipe into a socket.
const PUMP: Scenario = Scenario::new("pump", Better::HigherRate);
/// A pipeline from its start to the last status.
const START: Scenario = Scenario::new("pipeline-start", Better::LowerTime);

const MIB: usize = 1 << 20;

pub(super) fn cases(bench: &mut Bench) {
    memory_to_pipe(bench);
    for (size, label) in [(16 << 10, "16 KiB"), (64 << 10, "64 KiB"), (MIB, "1 MiB")] {
        file_to_file(bench, size, label);
    }
    pumps(bench);
    pipeline_start(bench);
}

/// 64 KiB of frozen pages into a pipe of 1 MiB, which the other process empties into `/dev/null`.
fn memory_to_pipe(bench: &mut Bench) {
    const SIZE: usize = 64 << 10;
    for placement in [Placement::Block, Placement::OneCore] {
        let name = format!("frozen pages to pipe 64 KiB {}", placement.name());
        bench.case(
            Case::new(TO_PIPE, name, placement)
                .size(SIZE)
                .raw("raw vmsplice", move || to_pipe(SIZE, Way::Raw))
                .ours("ipc-pipe vmsplice", move || to_pipe(SIZE, Way::Ours))
                .peer("write", move || to_pipe(SIZE, Way::Write)),
        );
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Ours,
    Raw,
    Write,
}

fn to_pipe(size: usize, way: Way) -> io::Result<Pair> {
    let (reader, mut writer) = PipeOptions::new().capacity(MIB).create()?;
    let null = File::options().write(true).open("/dev/null")?;
    let mut pages = Pages::new(size)?;
    pages.fill(7);
    let pages = pages.freeze()?;
    let mut send: Box<dyn FnMut(usize) -> io::Result<usize>> = match way {
        Way::Ours => Box::new(move |_| Ok(writer.vmsplice(&pages)?)),
        // The bare call takes what there is room for; most often that is all.
        Way::Raw => Box::new(move |from| Ok(super::raw::vmsplice(&writer, &pages[from..])?)),
        Way::Write => Box::new(move |_| Ok(writer.write(&pages)?)),
    };
    Ok(Pair::two(
        move |turns: Turns| {
            for _ in turns.sequence() {
                let mut got = 0;
                while got < size {
                    got += moved(splice(&reader, None, &null, None, size - got, NONE)?)?;
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                let mut sent = 0;
                while sent < size {
                    sent += send(sent)?;
                }
            }
            Ok(())
        },
    ))
}

const NONE: SpliceFlags = SpliceFlags::empty();

/// Nothing more to move is an error here.
fn moved(bytes: usize) -> io::Result<usize> {
    if bytes == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// A whole file into another that exists, both in the page cache.
fn file_to_file(bench: &mut Bench, size: usize, label: &str) {
    let case = Case::alone(Scenario::FILE_TO_FILE, format!("file to file {label}")).size(size);
    // The fastest raw way differs: from about 384 KiB on, a pipe of 1 MiB in between wins.
    let case = if size < MIB {
        case.raw("raw copy_file_range", move || files(size, raw_range))
            .peer("raw splice", move || through_pipe(size))
    } else {
        case.raw("raw splice", move || through_pipe(size))
            .peer("raw copy_file_range", move || files(size, raw_range))
    };
    let case = case
        .ours("ipc-pipe copy", move || files(size, |from, to, _| Ok(copy(from, to)?.bytes)))
        .peer("copy_file_range, length known", move || files(size, known_range))
        .peer("raw sendfile", move || files(size, raw_sendfile))
        .peer("std::io::copy", move || {
            files(size, |mut from, mut to, _| io::copy(&mut from, &mut to))
        })
        .peer("cat", move || program(size, "cat"));
    // As cat, from Debian, but it copies through a pipe of its own.
    let has_pv = Command::new("pv").arg("--version").output().is_ok();
    bench.case(if has_pv { case.peer("pv", move || program(size, "pv")) } else { case });
}

/// Copies a file of this size, and says how much came.
type CopyWhole = Box<dyn Fn(&File, &File, usize) -> io::Result<u64>>;

/// Anybody who is given a file must ask how long it is; or ask for more until nothing comes.
fn raw_range(from: &File, to: &File, _: usize) -> io::Result<u64> {
    let size = usize::try_from(rustix::fs::fstat(from)?.st_size).unwrap_or(0);
    known_range(from, to, size)
}

/// The same, told the length: one call.
fn known_range(from: &File, to: &File, size: usize) -> io::Result<u64> {
    let mut done = 0;
    while done < size {
        done += moved(copy_file_range(from, None, to, None, size - done)?)?;
    }
    Ok(done as u64)
}

fn raw_sendfile(from: &File, to: &File, size: usize) -> io::Result<u64> {
    let mut done = 0;
    while done < size {
        done += moved(sendfile(to, from, None, size - done)?)?;
    }
    Ok(done as u64)
}

/// Two files that go when the last half that has them is gone.
struct Files {
    from: File,
    to: File,
}

fn pair_of_files(size: usize) -> io::Result<(Files, PathBuf, PathBuf)> {
    let place = std::env::temp_dir();
    let name = |role| place.join(format!("ipc-t-{}-bench-{role}", std::process::id()));
    let (source, target) = (name("source"), name("target"));
    let open = |path: &PathBuf| {
        File::options().create(true).truncate(true).read(true).write(true).open(path)
    };
    let files = Files { from: open(&source)?, to: open(&target)? };
    (&files.from).write_all(&vec![7; size])?;
    (&files.to).write_all(&vec![0; size])?;
    Ok((files, source, target))
}

fn unnamed_files(size: usize) -> io::Result<Files> {
    let (files, source, target) = pair_of_files(size)?;
    fs::remove_file(source)?;
    fs::remove_file(target)?;
    Ok(files)
}

fn files(
    size: usize,
    way: impl Fn(&File, &File, usize) -> io::Result<u64> + 'static,
) -> io::Result<Pair> {
    let files = unnamed_files(size)?;
    // Behind one function call, as every subject.
    let way: CopyWhole = Box::new(way);
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            (&files.from).rewind()?;
            (&files.to).rewind()?;
            same(way(&files.from, &files.to, size)?, size)?;
        }
        Ok(())
    }))
}

fn same(got: u64, size: usize) -> io::Result<()> {
    if got == size as u64 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Through a pipe of 1 MiB made for the copy, as anybody must who is given two files.
fn through_pipe(size: usize) -> io::Result<Pair> {
    files(size, move |from, to, size| {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setpipe_size(&into, MIB)?;
        let mut done = 0;
        while done < size {
            let mut held = moved(splice(from, None, &into, None, (size - done).min(MIB), NONE)?)?;
            done += held;
            while held > 0 {
                held -= moved(splice(&out, None, to, None, held, NONE)?)?;
            }
        }
        Ok(done as u64)
    })
}

/// A program that copies its input to its output, started each time.
fn program(size: usize, name: &'static str) -> io::Result<Pair> {
    files(size, move |from, to, size| {
        let status = Command::new(name)
            .stderr(Stdio::null())
            .stdin(from.try_clone()?)
            .stdout(to.try_clone()?)
            .status()?;
        if status.success() { Ok(size as u64) } else { Err(io::ErrorKind::Other.into()) }
    })
}

/// One side of a pump: an end, and the call that moves so many bytes through it.
type Move = Box<dyn FnMut() -> io::Result<()>>;

/// 1 MiB at a time between a file, a pipe of 1 MiB, a socket. The other process fills or empties.
fn pumps(bench: &mut Bench) {
    let place = Placement::Block;
    let case =
        |name: &str| Case::new(PUMP, format!("{name} 1 MiB {}", place.name()), place).size(MIB);
    for from_file in [true, false] {
        let name = if from_file { "file to pipe" } else { "pipe to file" };
        bench.case(
            case(name)
                .raw("raw splice", move || pump(from_file, Who::Raw))
                .ours("ipc-pipe copy", move || pump(from_file, Who::Ours))
                .peer("std::io::copy", move || pump(from_file, Who::Std)),
        );
    }
    bench.case(
        case("pipe to socket")
            .raw("raw splice", || pipe_to_socket(Who::Raw))
            .ours("ipc-pipe copy", || pipe_to_socket(Who::Ours))
            .peer("std::io::copy", || pipe_to_socket(Who::Std)),
    );
}

#[derive(Clone, Copy)]
enum Who {
    Raw,
    Ours,
    Std,
}

/// Moves exactly 1 MiB from one descriptor to the other.
fn mover(who: Who, from: Rc<File>, to: Rc<File>) -> Move {
    match who {
        Who::Raw => Box::new(move || {
            let mut done = 0;
            while done < MIB {
                done += moved(splice(&*from, None, &*to, None, MIB - done, NONE)?)?;
            }
            Ok(())
        }),
        Who::Ours => Box::new(move || Ok(copy_exact(&*from, &*to, MIB as u64).map(drop)?)),
        Who::Std => {
            Box::new(move || same(io::copy(&mut (&*from).take(MIB as u64), &mut &*to)?, MIB))
        }
    }
}

fn one_mib_pipe() -> io::Result<(Rc<File>, Rc<File>)> {
    let (reader, writer) = PipeOptions::new().capacity(MIB).create()?;
    let file = |fd: OwnedFd| Rc::new(File::from(fd));
    Ok((file(reader.into()), file(writer.into())))
}

fn pump(from_file: bool, who: Who) -> io::Result<Pair> {
    let Files { from: file, .. } = unnamed_files(MIB)?;
    let file = Rc::new(file);
    let (reader, writer) = one_mib_pipe()?;
    let source = super::raw::frozen(MIB)?;
    let null = File::options().write(true).open("/dev/null")?;
    // The side that is measured moves between the file and its end; the other one is the least there is.
    let (mut ours, mut theirs): (Move, Move) = if from_file {
        (
            mover(who, Rc::clone(&file), writer),
            Box::new(move || {
                let mut got = 0;
                while got < MIB {
                    got += moved(splice(&*reader, None, &null, None, MIB - got, NONE)?)?;
                }
                Ok(())
            }),
        )
    } else {
        (
            mover(who, reader, Rc::clone(&file)),
            Box::new(move || {
                let mut sent = 0;
                while sent < MIB {
                    sent += super::raw::vmsplice(&*writer, &source[sent..])?;
                }
                Ok(())
            }),
        )
    };
    Ok(Pair::two(
        move |turns: Turns| {
            for _ in turns.sequence() {
                (&*file).rewind()?;
                ours()?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                theirs()?;
            }
            Ok(())
        },
    ))
}

/// One process does both pipe ends' work, the other one empties the socket.
fn pipe_to_socket(who: Who) -> io::Result<Pair> {
    let (reader, writer) = one_mib_pipe()?;
    let (ours, mut theirs) = UnixStream::pair()?;
    let source = super::raw::frozen(MIB)?;
    let socket = Rc::new(File::from(OwnedFd::from(ours)));
    let mut push = mover(who, reader, socket);
    let mut buffer = Buffer::new(256 << 10);
    Ok(Pair::two(
        move |turns: Turns| {
            for _ in turns.sequence() {
                let mut sent = 0;
                while sent < MIB {
                    sent += super::raw::vmsplice(writer.as_fd(), &source[sent..])?;
                }
                push()?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                let mut got = 0;
                while got < MIB {
                    let room = buffer.len().min(MIB - got);
                    got += moved(theirs.read(&mut buffer[..room])?)?;
                }
            }
            Ok(())
        },
    ))
}

/// `true | true | true`, from the start to the last status.
fn pipeline_start(bench: &mut Bench) {
    const LINE: &str = "/bin/true | /bin/true | /bin/true";
    let run = |way: fn() -> io::Result<bool>| {
        Ok(Pair::alone(move |turns: Turns| {
            for _ in turns.sequence() {
                if !way()? {
                    return Err(io::ErrorKind::Other.into());
                }
            }
            Ok(())
        }))
    };
    bench.case(
        Case::alone(START, "start of a pipeline of three")
            .raw("sh -c", move || {
                run(|| {
                    let mut sh = Command::new("sh");
                    Ok(sh.args(["-c", LINE]).stdin(Stdio::null()).status()?.success())
                })
            })
            .ours("ipc-pipe Pipeline", move || {
                run(|| {
                    let stage = || Command::new("/bin/true");
                    Ok(Pipeline::new(stage()).pipe(stage()).pipe(stage()).output()?.success())
                })
            }),
    );
}

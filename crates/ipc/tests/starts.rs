//! The first lines of code for each mechanism, as `cargo xtask choose` prints them: what stands between
//! `start` and `end`. Here they compile, run and give what they promise.
//!
//! Both sides stand in one process, since that is what a reader tries first. That they work between two
//! processes, the tests of each crate show.

use std::error::Error;
use std::time::Duration;

use ipc_devkit::scratch;

type Ended = Result<(), Box<dyn Error>>;

/// In a process in which the signal is blocked from the start, as `block_early` wants it.
#[test]
fn signal() {
    let blocked = [ipc_signal::Signal::rt(0).as_raw()];
    ipc_devkit::Blocking(&blocked).alone("signal", || queue_a_signal().expect("it arrives"));
}

fn queue_a_signal() -> Ended {
    // start: signal
    // First thing in main, before any thread: the signal waits instead of killing.
    ipc_signal::block_early(ipc_signal::Signal::rt(0))?;
    let mut signals = ipc_signal::Signals::new(ipc_signal::Signal::rt(0))?;

    // The other process: hold on to a process, then send it a value.
    let receiver = ipc_signal::Process::open(std::process::id())?;
    receiver.queue(ipc_signal::Signal::rt(0), 42)?;

    let info = signals.recv_timeout(Duration::from_secs(1))?;
    assert_eq!(info.value, Some(42));
    // end
    Ok(())
}

#[test]
fn pipe() -> Ended {
    // start: pipe
    let (mut reader, writer) = ipc_pipe::pipe()?;
    let mut child = std::process::Command::new("echo").arg("hello").stdout(writer).spawn()?;

    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text)?; // until the child's end is closed
    assert_eq!(text, "hello\n");
    child.wait()?;
    // end
    Ok(())
}

#[test]
fn fifo() -> Ended {
    let dir = scratch::dir();
    let path = dir.path().join("fifo");
    // start: fifo
    // path: what both sides know, like "/run/jobs".
    let fifo = ipc_fifo::FifoOptions::new().unlink_on_drop(true).create(&path)?;
    let mut reader = ipc_fifo::Reader::persistent(&fifo)?; // survives writers that come and go

    // The other process knows only the path.
    let mut writer = ipc_fifo::Fifo::open(&path)?.open_writer()?;
    writer.write(b"hello")?;

    let mut bytes = [0; 64];
    let n = reader.read_timeout(&mut bytes, Duration::from_secs(1))?;
    assert_eq!(&bytes[..n], b"hello");
    // end
    Ok(())
}

#[test]
fn semaphore() -> Ended {
    let name = scratch::name("starts-sem");
    let name = name.as_str();
    // start: semaphore
    // name: what both sides know, like "/jobs".
    let semaphore = ipc_sem::Semaphore::create(name, 0)?;

    // The other process: tells that something is ready.
    ipc_sem::Semaphore::open(name)?.release()?;

    semaphore.acquire_timeout(Duration::from_secs(1))?;
    ipc_sem::Semaphore::unlink(name)?;
    // To guard data instead: ipc_sem::Mutex<T>, which tells the next locker if its owner died.
    // end
    Ok(())
}

#[test]
fn shared_memory() -> Ended {
    let name = scratch::name("starts-ring");
    let name = name.as_str();
    // start: shared-memory
    // name: what both sides know, like "/jobs".
    let mut receiver = ipc_shm::ring::Receiver::create(name)?;

    // The other process opens the other end. Bytes go through memory: no system call a message.
    let mut sender = ipc_shm::ring::Sender::open(name)?;
    sender.send(b"hello")?;

    let message = receiver.recv_timeout(Duration::from_secs(1))?;
    assert_eq!(message, b"hello");
    ipc_shm::ring::Sender::unlink(name)?;
    // end
    Ok(())
}

#[test]
fn posix_queue() -> Ended {
    let name = scratch::name("starts-posix");
    let name = name.as_str();
    // start: posix-queue
    // name: what both sides know, like "/jobs".
    let queue = ipc_mq::posix::QueueOptions::new().capacity(4).message_size(256).create(name)?;

    // The other process opens it by name.
    ipc_mq::posix::Queue::open(name)?.send(9, b"fire alarm")?;

    let urgent = queue.recv_timeout(Duration::from_secs(1))?;
    assert_eq!((urgent.priority, &urgent.bytes[..]), (9, &b"fire alarm"[..]));
    ipc_mq::posix::Queue::unlink(name)?;
    // end
    Ok(())
}

#[test]
fn sysv_queue() -> Ended {
    // start: sysv-queue
    let queue = ipc_mq::sysv::Queue::private()?; // or ::create(key), to be found by strangers

    // The other process: a key or an id leads it to the queue.
    ipc_mq::sysv::Queue::from_id(queue.id())?.send(7, b"for number seven")?;

    let message = queue.recv_timeout(ipc_mq::sysv::Filter::Type(7), Duration::from_secs(1))?;
    assert_eq!(message.bytes, b"for number seven");
    queue.remove()?;
    // end
    Ok(())
}

#[test]
fn shared_queue() -> Ended {
    let name = scratch::name("starts-queue");
    let name = name.as_str();
    // start: shared-queue
    // name: what both sides know, like "/jobs".
    let queue = ipc_mq::shared::Queue::create(name)?;

    // The other process opens it by name. The number is the priority.
    ipc_mq::shared::Queue::open(name)?.send(9, b"a job")?;

    let job = queue.recv_timeout(Duration::from_secs(1))?;
    assert_eq!(&job.bytes[..], b"a job");
    job.ack()?; // without it the job comes again, marked
    ipc_mq::shared::Queue::unlink(name)?;
    // end
    Ok(())
}

#[test]
fn unix_stream() -> Ended {
    let dir = scratch::dir();
    let path = dir.path().join("socket");
    // start: unix-stream
    // path: what both sides know, like "/run/jobs".
    let address = ipc_sock::unix::Address::path(&path)?;
    let listener: ipc_sock::unix::Listener = ipc_sock::unix::Options::new().listen(&address)?;

    // The other process connects by the path.
    let client: ipc_sock::unix::Stream = ipc_sock::unix::Options::new().connect(&address)?;
    let server = listener.accept_timeout(Duration::from_secs(1))?;
    client.send(b"hello")?;

    let mut bytes = [0; 64];
    let n = server.recv_timeout(&mut bytes, Duration::from_secs(1))?;
    assert_eq!(&bytes[..n], b"hello");
    // end
    Ok(())
}

#[test]
fn unix_packets() -> Ended {
    let dir = scratch::dir();
    let path = dir.path().join("socket");
    // start: unix-packets
    // path: what both sides know, like "/run/jobs".
    let address = ipc_sock::unix::Address::path(&path)?;
    let listener: ipc_sock::unix::SeqPacketListener =
        ipc_sock::unix::Options::new().listen(&address)?;

    // The other process connects by the path.
    let client = ipc_sock::unix::SeqPacket::connect(&address)?;
    let server = listener.accept_timeout(Duration::from_secs(1))?;
    client.send(b"one whole message")?;

    let mut bytes = [0; 64];
    let n = server.recv_timeout(&mut bytes, Duration::from_secs(1))?;
    assert_eq!(&bytes[..n], b"one whole message");
    // end
    Ok(())
}

#[test]
fn network() -> Ended {
    // start: network
    let listener = ipc_sock::net::TcpListener::bind("127.0.0.1:0".parse()?)?;

    // The other program, on any host. Frames keep messages whole.
    let client = ipc_sock::net::TcpStream::connect(listener.local_addr()?)?;
    let server = listener.accept_timeout(Duration::from_secs(1))?;
    client.send(b"hello")?;

    let mut bytes = [0; 64];
    let n = server.recv_timeout(&mut bytes, Duration::from_secs(1))?;
    assert_eq!(&bytes[..n], b"hello");
    // end
    Ok(())
}

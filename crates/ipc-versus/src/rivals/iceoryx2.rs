//! iceoryx2: publish and subscribe over a service of byte slices, and its events.
//!
//! A message is copied into a loaned slice and out of the received one. The service has one publisher and
//! one subscriber, no history, and no overflow: a publisher whose subscriber is full retries, as its
//! `RetryUntilDelivered` does. Spinning polls `receive`; blocking adds an event service, whose notifier is
//! called after each message and whose listener sleeps while there is none.
//!
//! All its files are in `/dev/shm` under the name of this run; it installs no signal handlers.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::{event, publish_subscribe};

use crate::ends::in_place::{RxInPlace, TxInPlace};
use crate::ends::{Ends, Late, Rx, Tx, Wait, copy_out, failed, spin};
use crate::sweep;

/// How long an end waits until the other one is there.
const PATIENCE: Duration = Duration::from_secs(10);

type Topic = publish_subscribe::PortFactory<ipc::Service, [u8], ()>;
type Bell = event::PortFactory<ipc::Service>;

/// A publisher, and what wakes the other side.
#[derive(Debug)]
pub struct Sender {
    publisher: Publisher<ipc::Service, [u8], ()>,
    notifier: Option<Notifier<ipc::Service>>,
}

/// A subscriber, and what it sleeps on.
#[derive(Debug)]
pub struct Receiver {
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    listener: Option<Listener<ipc::Service>>,
}

/// A channel with room for `capacity` messages, which each process opens for itself.
///
/// # Errors
/// None here; opening reports what iceoryx2 does.
pub fn ends(size: usize, capacity: usize, wait: Wait) -> Ends<Late<Sender>, Late<Receiver>> {
    let place = Place::new();
    let place_too = place.clone();
    let events = wait == Wait::Block;
    let sender = move || {
        let node = place.node()?;
        let topic = place.topic(&node, capacity)?;
        let publisher = topic
            .publisher_builder()
            .initial_max_slice_len(size)
            .max_loaned_samples(1)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
        let publisher = publisher.create().map_err(failed)?;
        until(|| topic.dynamic_config().number_of_subscribers() == 1)?;
        let notifier = if events { Some(place.notifier(&node)?) } else { None };
        Ok(Sender { publisher, notifier })
    };
    let receiver = move || {
        let node = place_too.node()?;
        let topic = place_too.topic(&node, capacity)?;
        let listener = if events { Some(place_too.listener(&node)?) } else { None };
        let subscriber = topic.subscriber_builder().create().map_err(failed)?;
        Ok(Receiver { subscriber, listener })
    };
    Ok((Late::new(sender), Late::new(receiver)))
}

impl Tx for Sender {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        let sample = self.publisher.loan_slice_uninit(message.len()).map_err(failed)?;
        let reached = sample.write_from_slice(message).send().map_err(failed)?;
        if reached != 1 {
            return Err(io::ErrorKind::NotConnected.into());
        }
        match &self.notifier {
            Some(notifier) => notifier.notify().map(drop).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Rx for Receiver {
    #[inline]
    fn recv(&mut self, into: &mut [u8], _: Wait) -> io::Result<()> {
        let Self { subscriber, listener } = self;
        let mut receive = || match subscriber.receive().map_err(failed)? {
            Some(sample) => copy_out(sample.payload(), into).map(|()| true),
            None => Ok(false),
        };
        match listener {
            None => spin(receive),
            Some(listener) => {
                while !receive()? {
                    listener.blocking_wait(|_| {}).map_err(failed)?;
                }
                Ok(())
            }
        }
    }
}

impl TxInPlace for Sender {
    #[inline]
    #[expect(unsafe_code, reason = "a loaned slice is filled where it is")]
    fn send_with(&mut self, size: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<()> {
        let sample = self.publisher.loan_slice_uninit(size).map_err(failed)?;
        // SAFETY: it is shared memory, which the kernel gave zeroed, and any bytes are bytes.
        let mut sample = unsafe { sample.assume_init() };
        fill(sample.payload_mut());
        sample.send().map(drop).map_err(failed)
    }
}

impl RxInPlace for Receiver {
    #[inline]
    fn recv_with(&mut self, check: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            match self.subscriber.receive().map_err(failed)? {
                Some(sample) => return check(sample.payload()),
                None => std::hint::spin_loop(),
            }
        }
    }
}

/// Rings for the other side; carries no bytes.
#[derive(Debug)]
pub struct Ringer(Notifier<ipc::Service>);

/// Sleeps until somebody rings.
#[derive(Debug)]
pub struct Sleeper(Listener<ipc::Service>);

/// An event service alone.
///
/// # Errors
/// None here; opening reports what iceoryx2 does.
pub fn bell() -> Ends<Late<Ringer>, Late<Sleeper>> {
    let place = Place::new();
    let place_too = place.clone();
    Ok((
        Late::new(move || Ok(Ringer(place.notifier(&place.node()?)?))),
        Late::new(move || Ok(Sleeper(place_too.listener(&place_too.node()?)?))),
    ))
}

impl Tx for Ringer {
    #[inline]
    fn send(&mut self, _: &[u8], _: Wait) -> io::Result<()> {
        self.0.notify().map(drop).map_err(failed)
    }
}

impl Rx for Sleeper {
    #[inline]
    fn recv(&mut self, _: &mut [u8], _: Wait) -> io::Result<()> {
        while self.0.blocking_wait(|_| {}).map_err(failed)? == 0 {}
        Ok(())
    }
}

/// Makes a service for messages of 64 B with its two ports, and closes it. The node is there already.
///
/// # Errors
/// It cannot be made.
pub fn open_close() -> io::Result<impl FnMut() -> io::Result<()>> {
    // Named here, made by the process that uses it.
    let place = Place::new();
    let mut made = None;
    Ok(move || {
        let node = match &mut made {
            Some(node) => node,
            none => none.insert(place.node()?),
        };
        let topic = place.topic(node, 1024)?;
        let publisher = topic.publisher_builder().initial_max_slice_len(64);
        let _publisher = publisher.create().map_err(failed)?;
        let _subscriber = topic.subscriber_builder().create().map_err(failed)?;
        Ok(())
    })
}

/// Where the files of one channel are, and what its services are called.
#[derive(Clone)]
struct Place {
    root: PathBuf,
    name: String,
}

impl Place {
    fn new() -> Self {
        Self { root: sweep::path("iceoryx2"), name: sweep::name("service") }
    }

    /// A node of the calling process.
    fn node(&self) -> io::Result<Node<ipc::Service>> {
        set_log_level(LogLevel::Error);
        let mut config = Config::default();
        let root = self.root.to_string_lossy();
        config.global.set_root_path(&Path::new(root.as_bytes()).map_err(failed)?);
        // Its shared memory is named so.
        config.global.prefix = FileName::new(self.name.as_bytes()).map_err(failed)?;
        let node = NodeBuilder::new().config(&config);
        node.signal_handling_mode(SignalHandlingMode::Disabled).create().map_err(failed)
    }

    fn topic(&self, node: &Node<ipc::Service>, capacity: usize) -> io::Result<Topic> {
        let name = ServiceName::new(&self.name).map_err(failed)?;
        node.service_builder(&name)
            .publish_subscribe::<[u8]>()
            .max_publishers(1)
            .max_subscribers(1)
            .history_size(0)
            .subscriber_max_buffer_size(capacity)
            .subscriber_max_borrowed_samples(1)
            .enable_safe_overflow(false)
            .open_or_create()
            .map_err(failed)
    }

    fn bell(&self, node: &Node<ipc::Service>) -> io::Result<Bell> {
        let name = ServiceName::new(&self.name).map_err(failed)?;
        node.service_builder(&name).event().open_or_create().map_err(failed)
    }

    /// A notifier that has its listener.
    fn notifier(&self, node: &Node<ipc::Service>) -> io::Result<Notifier<ipc::Service>> {
        let bell = self.bell(node)?;
        until(|| bell.dynamic_config().number_of_listeners() == 1)?;
        bell.notifier_builder().create().map_err(failed)
    }

    fn listener(&self, node: &Node<ipc::Service>) -> io::Result<Listener<ipc::Service>> {
        self.bell(node)?.listener_builder().create().map_err(failed)
    }
}

/// Looks until it is so; both may share one processor.
fn until(so: impl Fn() -> bool) -> io::Result<()> {
    let since = Instant::now();
    while !so() {
        if since.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

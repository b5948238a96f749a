//! Whatever is done to a ring, it behaves as a queue, also when its ends are closed and opened again.

use std::collections::VecDeque;

use ipc_shm::Error;
use ipc_shm::ring::{Options, Receiver, Sender};
use proptest::prelude::*;

use super::{Gone, pattern};

#[derive(Clone, Debug)]
enum Act {
    Send(usize),
    Reserve { len: usize, commit: bool },
    SendMany(Vec<usize>),
    Recv,
    RecvInto(usize),
    Peek { release: bool },
    Drain(usize),
    ReopenSender,
    ReopenReceiver,
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..70_usize, 2 => 0..400_usize, 1 => 900..1300_usize]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => len().prop_map(Act::Send),
        3 => (len(), any::<bool>()).prop_map(|(len, commit)| Act::Reserve { len, commit }),
        2 => prop::collection::vec(len(), 0..6).prop_map(Act::SendMany),
        5 => Just(Act::Recv),
        2 => len().prop_map(Act::RecvInto),
        3 => any::<bool>().prop_map(|release| Act::Peek { release }),
        2 => (0..5_usize).prop_map(Act::Drain),
        1 => Just(Act::ReopenSender),
        1 => Just(Act::ReopenReceiver),
    ]
}

/// A ring under a name, and what must be in it.
struct Both {
    gone: Gone,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    queue: VecDeque<Vec<u8>>,
    number: u64,
}

impl Both {
    fn new(capacity: usize) -> Self {
        let gone = Gone::new("model");
        let sender = Options::new().capacity(capacity).create(&gone.0).expect("create");
        let receiver = Receiver::open(&gone.0).expect("open");
        let (sender, receiver) = (Some(sender), Some(receiver));
        Self { gone, sender, receiver, queue: VecDeque::new(), number: 0 }
    }

    fn message(&mut self, len: usize) -> Vec<u8> {
        self.number += 1;
        pattern(self.number, len)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Send(_) | Act::Reserve { .. } | Act::SendMany(_) => self.send(act),
            Act::ReopenSender => {
                self.sender = None;
                self.sender = Some(Sender::open(&self.gone.0).expect("the place is free"));
            }
            Act::ReopenReceiver => {
                self.receiver = None;
                self.receiver = Some(Receiver::open(&self.gone.0).expect("the place is free"));
            }
            _ => self.receive(act),
        }
        let (sender, receiver) = (self.sender.as_ref(), self.receiver.as_ref());
        let (sender, receiver) = (sender.expect("open"), receiver.expect("open"));
        assert_eq!((sender.len(), receiver.len()), (self.queue.len(), self.queue.len()));
        assert_eq!(receiver.is_empty(), self.queue.is_empty());
    }

    fn send(&mut self, act: &Act) {
        let mut new = Vec::new();
        let (lens, one) = match act {
            Act::Send(len) | Act::Reserve { len, .. } => (vec![*len], true),
            Act::SendMany(lens) => (lens.clone(), false),
            _ => unreachable!("only these send"),
        };
        for len in lens {
            new.push(self.message(len));
        }
        let sender = self.sender.as_mut().expect("open");
        let capacity = sender.capacity();
        let sent = match act {
            Act::Send(_) => sender.try_send(&new[0]).map(|()| 1),
            Act::Reserve { commit, .. } => sender.try_reserve(new[0].len()).map(|mut slot| {
                slot.copy_from_slice(&new[0]);
                if *commit {
                    slot.commit();
                }
                usize::from(*commit)
            }),
            _ => sender.try_send_many(&new),
        };
        match sent {
            Ok(count) => {
                assert!(one || count > 0 || new.is_empty());
                self.queue.extend(new.into_iter().take(count));
            }
            Err(Error::WouldBlock) => assert!(new[0].len() <= capacity),
            Err(Error::MessageTooLong { real, limit }) => {
                assert_eq!((real, limit), (new[0].len(), capacity));
                assert!(real > limit);
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn receive(&mut self, act: &Act) {
        let receiver = self.receiver.as_mut().expect("open");
        let mut got = Vec::new();
        let (done, most) = match act {
            Act::Recv => (receiver.try_recv().map(|message| got.push(message)), 1),
            Act::RecvInto(len) => {
                let mut buf = vec![0; *len];
                let received = receiver.try_recv_into(&mut buf);
                (received.map(|len| got.push(buf[..len].to_vec())), 1)
            }
            Act::Peek { release } => match receiver.try_peek() {
                Ok(message) => {
                    assert_eq!(Some(&*message), self.queue.front().map(|front| &front[..]));
                    if *release {
                        got.push(message.to_vec());
                        message.release();
                    }
                    (Ok(()), 1)
                }
                Err(error) => (Err(error), 1),
            },
            Act::Drain(most) => {
                let count = receiver.drain(*most, |message| got.push(message.to_vec()));
                assert_eq!(count.expect("drain"), got.len());
                assert_eq!(got.len(), self.queue.len().min(*most));
                (Ok(()), *most)
            }
            _ => unreachable!("only these receive"),
        };
        match done {
            Ok(()) => assert!(got.len() <= most),
            Err(Error::WouldBlock) => assert!(self.queue.is_empty()),
            Err(Error::BufferTooShort { needed, .. }) => {
                assert_eq!(Some(needed), self.queue.front().map(Vec::len));
            }
            Err(error) => panic!("{error}"),
        }
        for message in got {
            assert_eq!(Some(message), self.queue.pop_front());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Order and content, across wraps, padding and other ends.
    #[test]
    fn a_ring_is_a_queue(capacity in 1..1200_usize, acts in prop::collection::vec(act(), 1..120)) {
        let mut both = Both::new(capacity);
        for act in &acts {
            both.act(act);
        }
        let mut sender = both.sender.take().expect("open");
        while !both.queue.is_empty() {
            both.receive(&Act::Recv);
        }
        // Empty, it takes the longest again, at the latest when its padding was skipped.
        let receiver = both.receiver.as_mut().expect("open");
        let message = pattern(0, capacity);
        if sender.try_send(&message).is_err() {
            prop_assert!(matches!(receiver.try_recv(), Err(Error::WouldBlock)));
            sender.try_send(&message).expect("an empty ring");
        }
        prop_assert_eq!(receiver.try_recv().expect("it"), message);
    }
}

//! Whatever is done to a broadcast, its receivers behave as queues of their own.

use std::collections::VecDeque;

use ipc_devkit::scratch;
use ipc_shm::Error;
use ipc_shm::broadcast::{Delivery, Options, Receiver, Sender};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Send(usize),
    Receive(usize),
    Join,
    Leave(usize),
    Evict(usize),
    Replace,
}

fn act() -> impl Strategy<Value = Act> {
    let length = prop_oneof![6 => 8..60_usize, 1 => 8..=300_usize];
    prop_oneof![
        10 => length.prop_map(Act::Send),
        10 => any::<usize>().prop_map(Act::Receive),
        2 => Just(Act::Join),
        1 => any::<usize>().prop_map(Act::Leave),
        1 => any::<usize>().prop_map(Act::Evict),
        1 => Just(Act::Replace),
    ]
}

/// A receiver, what it should get, and whether it was evicted.
type Model = Vec<(Receiver, VecDeque<Vec<u8>>, bool)>;

fn run(acts: Vec<Act>, delivery: Delivery) -> Result<(), TestCaseError> {
    let name = scratch::name("cast");
    let options = Options::new().capacity(300).receivers(4).delivery(delivery);
    let mut sender: Sender = options.create(&name).expect("make");
    let lossy = delivery == Delivery::Lossy;
    let mut model = Model::new();
    let mut sent = 0;
    for act in acts {
        match act {
            Act::Send(len) => {
                let bytes = super::message(sent, len);
                match sender.try_send(&bytes) {
                    Ok(()) => {
                        sent += 1;
                        model.iter_mut().for_each(|one| one.1.push_back(bytes.clone()));
                    }
                    Err(Error::WouldBlock) => {
                        prop_assert!(!lossy);
                        let most = model.iter().filter(|one| !one.2);
                        let most = most.map(|one| one.1.iter().map(|m| m.len() + 47).sum());
                        prop_assert!(most.max().unwrap_or(0_usize) + len + 47 > 300, "too early");
                    }
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            Act::Receive(which) if !model.is_empty() => {
                let index = which % model.len();
                let (receiver, queue, evicted) = &mut model[index];
                prop_assert!(receiver.lag() == queue.len() as u64 || *evicted);
                match receiver.try_recv() {
                    Ok(got) => {
                        prop_assert!(!*evicted && (lossy || got.missed == 0));
                        let missed = usize::try_from(got.missed).expect("small");
                        prop_assert!(missed < queue.len());
                        queue.drain(..missed);
                        prop_assert_eq!(Some(got.bytes), queue.pop_front());
                    }
                    Err(Error::WouldBlock) => prop_assert!(queue.is_empty() && !*evicted),
                    Err(Error::Evicted { .. }) => prop_assert!(*evicted),
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            Act::Join => match Receiver::open(&name) {
                Ok(receiver) => model.push((receiver, VecDeque::new(), false)),
                Err(error) => {
                    prop_assert!(matches!(error, Error::TooManyPeers { slots: 4, .. }), "another");
                    prop_assert!(!lossy && model.len() == 4);
                }
            },
            Act::Leave(which) if !model.is_empty() => {
                model.swap_remove(which % model.len());
            }
            Act::Evict(which) => {
                let behind: Vec<_> = sender.receivers();
                prop_assert!(lossy || behind.len() == model.iter().filter(|one| !one.2).count());
                if !behind.is_empty() {
                    let worst = behind.iter().max_by_key(|one| one.behind).expect("some");
                    let before = sender.receivers().len();
                    sender.evict(behind[which % behind.len()].id).expect("there");
                    prop_assert_eq!(sender.receivers().len(), before - 1);
                    prop_assert!(worst.behind <= 400);
                    // Which of ours it was shows in what it says.
                    for (receiver, queue, evicted) in &mut model {
                        match receiver.try_recv() {
                            Ok(got) => prop_assert_eq!(Some(got.bytes), queue.pop_front()),
                            Err(Error::Evicted { .. }) => *evicted = true,
                            Err(error) => {
                                prop_assert!(matches!(error, Error::WouldBlock), "another")
                            }
                        }
                    }
                }
            }
            Act::Replace => {
                drop(sender);
                sender = Sender::open(&name).expect("the seat is free");
                prop_assert_eq!(sender.sent(), sent);
            }
            Act::Receive(_) | Act::Leave(_) => {}
        }
    }
    Sender::unlink(&name).expect("unlink");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// Lossless: everybody gets everything from when it joined, or is evicted.
    #[test]
    fn lossless(acts in prop::collection::vec(act(), 1..150)) {
        run(acts, Delivery::Lossless)?;
    }

    /// Lossy: everybody gets everything from when it joined, but for what it is told it missed.
    #[test]
    fn lossy(acts in prop::collection::vec(act(), 1..150)) {
        run(acts, Delivery::Lossy)?;
    }
}

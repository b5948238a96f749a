//! Whatever is done to a fan-in, each sender's messages are a queue of their own.

use std::collections::{HashMap, VecDeque};

use ipc_devkit::scratch;
use ipc_shm::Error;
use ipc_shm::fan_in::{Options, Receiver, Sender, SenderId};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Send(usize, usize),
    Receive,
    Join,
    Leave(usize),
    Replace,
}

fn act() -> impl Strategy<Value = Act> {
    let length = prop_oneof![6 => 0..60_usize, 1 => 0..=300_usize];
    prop_oneof![
        10 => (any::<usize>(), length).prop_map(|(which, len)| Act::Send(which, len)),
        10 => Just(Act::Receive),
        3 => Just(Act::Join),
        1 => any::<usize>().prop_map(Act::Leave),
        1 => Just(Act::Replace),
    ]
}

/// What each sender sent and the receiver did not take yet.
type Queues = HashMap<SenderId, VecDeque<Vec<u8>>>;

/// Receives all there is.
fn drain(receiver: &mut Receiver, queues: &mut Queues) -> Result<(), TestCaseError> {
    while let Ok(got) = receiver.try_recv() {
        let queue = queues.get_mut(&got.from).expect("a sender of ours");
        prop_assert_eq!(Some(got.bytes), queue.pop_front());
    }
    prop_assert!(queues.values().all(VecDeque::is_empty));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// Order, ids and lanes against a model.
    #[test]
    fn behaves_as_a_queue_for_each_sender(acts in prop::collection::vec(act(), 1..150)) {
        let name = scratch::name("fan");
        let options = Options::new().capacity(300).senders(3).persistent(true);
        let mut receiver: Receiver = options.create(&name).expect("make");
        let mut senders: Vec<Sender> = Vec::new();
        let mut queues = Queues::new();
        let mut sent = 0_u8;
        for act in acts {
            let waiting = queues.values().map(VecDeque::len).sum::<usize>();
            match act {
                Act::Send(which, len) if !senders.is_empty() => {
                    let index = which % senders.len();
                    let bytes = vec![sent; len];
                    sent = sent.wrapping_add(1);
                    let id = senders[index].id();
                    // In a lane that is empty, too, a long one may need the receiver to step over its end.
                    for turn in 0..3 {
                        match senders[index].try_send(&bytes) {
                            Ok(()) => {
                                queues.entry(id).or_default().push_back(bytes);
                                break;
                            }
                            Err(Error::WouldBlock) if turn < 2 => drain(&mut receiver, &mut queues)?,
                            Err(error) => return Err(TestCaseError::fail(error.to_string())),
                        }
                    }
                }
                Act::Receive => match receiver.try_recv() {
                    Ok(got) => {
                        let queue = queues.get_mut(&got.from).expect("a sender of ours");
                        prop_assert_eq!(Some(got.bytes), queue.pop_front());
                    }
                    Err(Error::WouldBlock) => prop_assert_eq!(waiting, 0),
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                },
                Act::Join => {
                    match Sender::open(&name) {
                        Ok(sender) => senders.push(sender),
                        Err(Error::TooManyPeers { slots, .. }) => {
                            prop_assert_eq!(slots, 3);
                            drain(&mut receiver, &mut queues)?;
                            // Now a lane is busy only if somebody has it.
                            let again = Sender::open(&name).ok();
                            prop_assert_eq!(again.is_some(), senders.len() < 3);
                            senders.extend(again);
                        }
                        Err(error) => return Err(TestCaseError::fail(error.to_string())),
                    }
                    prop_assert!(senders.len() <= 3);
                }
                Act::Leave(which) if !senders.is_empty() => {
                    senders.swap_remove(which % senders.len());
                }
                Act::Replace => {
                    drop(receiver);
                    receiver = options.open(&name).expect("the seat is free");
                }
                Act::Send(..) | Act::Leave(_) => {}
            }
            let waiting = queues.values().map(VecDeque::len).sum::<usize>();
            prop_assert_eq!((receiver.len(), receiver.senders().len()), (waiting, senders.len()));
        }
        Sender::unlink(&name).expect("unlink");
    }
}

//! Whatever is done to a queue, it behaves as a sorted list of messages.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ipc_mq::Error;
use ipc_mq::shared::{Delivery, Envelope, Filter, QueueOptions};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Send { priority: u32, kind: i64 },
    Consume(Filter),
    Hold(Filter),
    Ack(usize),
    Drop(usize),
}

fn kinds() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1..6_i64, 1 => Just(i64::MAX), 1 => 1..i64::MAX]
}

fn filter() -> impl Strategy<Value = Filter> {
    prop_oneof![
        3 => Just(Filter::Any),
        2 => kinds().prop_map(Filter::Type),
        2 => kinds().prop_map(Filter::AtMost),
        2 => kinds().prop_map(Filter::Except),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let priority = prop_oneof![4 => 0..4_u32, 1 => any::<u32>()];
    prop_oneof![
        6 => (priority, kinds()).prop_map(|(priority, kind)| Act::Send { priority, kind }),
        2 => filter().prop_map(Act::Consume),
        3 => filter().prop_map(Act::Hold),
        1 => any::<usize>().prop_map(Act::Ack),
        2 => any::<usize>().prop_map(Act::Drop),
    ]
}

/// What waits: by priority, then by age, its type and whether it came back.
type Model = BTreeMap<(Reverse<u32>, u64), (i64, bool)>;

fn wanted(model: &Model, filter: Filter) -> Option<(Reverse<u32>, u64)> {
    let lowest = model.values().map(|(kind, _)| *kind).min()?;
    let wants = |kind: i64| match filter {
        Filter::Any => true,
        Filter::Type(this) => kind == this,
        Filter::AtMost(most) => kind == lowest && kind <= most,
        Filter::Except(other) => kind != other,
    };
    model.iter().find(|(_, (kind, _))| wants(*kind)).map(|(key, _)| *key)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Q2, Q7: order, filters and redelivery, against a model.
    #[test]
    fn behaves_as_a_sorted_list(acts in prop::collection::vec(act(), 1..250)) {
        const CAPACITY: usize = 40;
        let options = QueueOptions::new().capacity(CAPACITY).message_size(8);
        let (queue, _fd) = options.anonymous().expect("make");
        let mut model = Model::new();
        let mut held: Vec<(Delivery, i64)> = Vec::new();
        let mut sent = 0;
        for act in acts {
            match act {
                Act::Send { priority, kind } => {
                    let envelope = Envelope::new().priority(priority).kind(kind);
                    let full = model.len() + held.len() == CAPACITY;
                    let done = queue.try_send(envelope, &(sent + 1_u64).to_le_bytes());
                    prop_assert_eq!(matches!(done, Err(Error::WouldBlock)), full);
                    if !full {
                        sent += 1;
                        model.insert((Reverse(priority), sent), (kind, false));
                    }
                }
                Act::Consume(filter) => {
                    let got = queue.only(filter).try_recv_now().ok();
                    let want = wanted(&model, filter);
                    let got = got.map(|m| (Reverse(m.priority), m.id, m.kind, m.redelivered, m.bytes));
                    let want = want.and_then(|key| Some((key, model.remove(&key)?)));
                    let want = want.map(|((priority, id), (kind, again))| {
                        (priority, id, kind, again, id.to_le_bytes().to_vec())
                    });
                    prop_assert_eq!(got, want);
                }
                Act::Hold(filter) => {
                    let got = queue.only(filter).try_recv().ok();
                    let want = wanted(&model, filter);
                    prop_assert_eq!(got.as_ref().map(|m| (Reverse(m.priority), m.id)), want);
                    if let (Some(got), Some(key)) = (got, want) {
                        let (kind, again) = model.remove(&key).expect("it is there");
                        prop_assert_eq!((got.kind, got.redelivered), (kind, again));
                        held.push((got, kind));
                    }
                }
                Act::Ack(which) if !held.is_empty() => {
                    let (delivery, _) = held.swap_remove(which % held.len());
                    delivery.ack().expect("acknowledge");
                }
                Act::Drop(which) if !held.is_empty() => {
                    let (delivery, kind) = held.swap_remove(which % held.len());
                    model.insert((Reverse(delivery.priority), delivery.id), (kind, true));
                    drop(delivery);
                }
                Act::Ack(_) | Act::Drop(_) => {}
            }
            let stat = queue.stat().expect("stat");
            prop_assert_eq!((stat.queued, stat.held), (model.len(), held.len()));
        }
    }
}

//! Who gets how many turns.

use std::convert::Infallible;

use super::{BURST, Turns};

/// Lanes with so many messages each.
struct Lanes(Vec<u32>);

impl Lanes {
    /// Takes one; how many lanes were looked at for it.
    fn take(&mut self, turns: &mut Turns) -> (Option<usize>, usize) {
        let mut looks = 1;
        let current = turns.current().filter(|lane| self.0[*lane] > 0);
        if current.is_none() {
            let Ok(_) = turns.turn::<Infallible>(self.0.len(), |lane| {
                looks += 1;
                Ok(self.0[lane] > 0)
            });
        }
        let lane = turns.current();
        if let Some(lane) = lane {
            turns.took();
            self.0[lane] -= 1;
        }
        (lane, looks)
    }
}

#[test]
fn everything_is_taken_and_busy_lanes_share() {
    let mut lanes = Lanes(vec![1000; 4]);
    let mut turns = Turns::new(4);
    for taken in 1..=4000_u32 {
        assert!(lanes.take(&mut turns).0.is_some());
        let counts = lanes.0.iter().map(|left| 1000 - left);
        let (least, most) = (counts.clone().min(), counts.max());
        assert!(most <= least.map(|least| least + 2 * BURST), "after {taken}");
    }
    assert_eq!(lanes.take(&mut turns).0, None);
}

#[test]
fn idle_lanes_are_hardly_looked_at_and_not_forgotten() {
    let mut lanes = Lanes(vec![0; 60]);
    lanes.0[17] = 100_000;
    let mut turns = Turns::new(60);
    let looks: usize = (0..50_000).map(|_| lanes.take(&mut turns).1).sum();
    assert!(looks < 75_000, "{looks} looks for 50000 messages");
    lanes.0[40] = 1;
    let waited = (0..10_000).position(|_| lanes.take(&mut turns).0 == Some(40));
    assert!(waited.is_some_and(|messages| messages <= 60 * 16), "{waited:?}");
}

#[test]
fn there_may_be_no_lanes() {
    assert_eq!(Lanes(Vec::new()).take(&mut Turns::new(3)).0, None);
}

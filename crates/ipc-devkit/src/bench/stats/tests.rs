//! Quartiles of known sets, and the rule of decision.

use super::{Quartiles, decided, median};

#[test]
fn quartiles_of_known_sets() {
    let five = Quartiles::of(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
    assert_eq!(five, Quartiles { low: 2.0, median: 3.0, high: 4.0 });
    let four = Quartiles::of(vec![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(four, Quartiles { low: 1.75, median: 2.5, high: 3.25 });
    assert_eq!(median([7.0]), 7.0);
    assert_eq!(five.spread(), 2.0 / 3.0);
}

#[test]
fn a_ratio_within_the_noise_is_not_decided() {
    let ratio = Quartiles { low: 1.01, median: 1.02, high: 1.03 };
    assert!(decided(ratio, 0.01));
    assert!(!decided(ratio, 0.05));
    assert!(!decided(Quartiles { low: 0.99, median: 1.02, high: 1.03 }, 0.01));
}

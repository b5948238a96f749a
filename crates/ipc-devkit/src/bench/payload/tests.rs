//! A wrong byte is seen wherever the pass looks.

use super::Turns;

#[test]
fn the_verifying_pass_sees_every_byte() {
    let turns = Turns::new(0, 10, true);
    for size in [1, 7, 8, 9, 64, 1000] {
        let mut message = vec![0; size];
        turns.fill(&mut message, 7);
        turns.check(&message, 7).unwrap();
        assert!(turns.check(&message, 8).is_err());
        for place in 0..size {
            message[place] ^= 1;
            let error = turns.check(&message, 7).unwrap_err().to_string();
            assert!(error.contains(&format!("byte {place} is")), "{error}");
            message[place] ^= 1;
        }
    }
}

#[test]
fn timed_passes_see_both_ends() {
    let turns = Turns::new(0, 10, false);
    for size in [8, 16, 17, 4096] {
        let mut message = vec![0; size];
        turns.fill(&mut message, 7);
        turns.check(&message, 7).unwrap();
        assert!(turns.check(&message, 8).is_err());
        message[size - 1] ^= 1;
        assert!(turns.check(&message, 7).is_err());
    }
}

#[test]
fn what_a_half_reports_is_taken_once() {
    let turns = Turns::new(0, 2, false);
    turns.report(std::time::Duration::from_micros(3));
    turns.report(std::time::Duration::MAX);
    assert_eq!(Turns::reported(), [3000, u64::MAX]);
    assert!(Turns::reported().is_empty());
}

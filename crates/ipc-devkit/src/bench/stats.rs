//! Medians, quartiles, and when a ratio means anything.
//!
//! Every subject runs one block in each round, so a round gives one pair (other, ours) measured within
//! milliseconds. The ratio of two subjects is the median over these pairs, with the quartiles beside it.
//!
//! The *spread* is how much a subject's own blocks scatter: (third - first quartile) / median. It is taken
//! from the case's floor, or from the other subject where a case has no floor: what a machine does to code
//! that does nothing but the least. A ratio is *decided* when it differs from 1 by more than the spread and
//! the quartiles lie on one side of 1; otherwise the two cannot be told apart in this run.

/// The quartiles of a set of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quartiles {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Quartiles {
    /// Of at least one number, by linear interpolation between neighbours.
    pub(super) fn of(mut numbers: Vec<f64>) -> Self {
        assert!(!numbers.is_empty(), "no numbers, no quartiles");
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len() - 1;
        let at = |quarters: usize| {
            let (index, rest) = (last * quarters / 4, (last * quarters) % 4);
            let next = numbers[(index + 1).min(last)];
            numbers[index] + (next - numbers[index]) * rest as f64 / 4.0
        };
        Self { low: at(1), median: at(2), high: at(3) }
    }

    /// The distance of the quartiles, as a share of the median.
    pub(super) fn spread(self) -> f64 {
        (self.high - self.low) / self.median
    }
}

/// The median of at least one number.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    Quartiles::of(numbers.into_iter().collect()).median
}

/// Whether a ratio differs from 1 by more than the machine's own noise.
pub(super) fn decided(ratio: Quartiles, spread: f64) -> bool {
    let one_side = ratio.low > 1.0 || ratio.high < 1.0;
    one_side && (ratio.median - 1.0).abs() > spread
}

#[cfg(test)]
mod tests;

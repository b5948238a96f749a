//! Axes: what a value is, where it stands, and which ticks there are with which words.

use crate::bench::units;

/// What a value is, which decides its logarithm, its ticks and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Nanoseconds,
    Bytes,
    BytesPerSecond,
    PerSecond,
    Count,
    /// The four percentiles, at equal distances.
    Percentile,
}

/// An axis: from where to where, and the ticks, as places.
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// Wide enough for the values, with ticks inside.
    pub(super) fn around(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let places: Vec<_> = values.map(|value| scale.place(value)).collect();
        let low = places.iter().copied().fold(f64::INFINITY, f64::min);
        let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = ((high - low) * 0.04).max(0.05);
        let (from, to) = (low - margin, high + margin);
        let inside = |tick: &f64| (from..=to).contains(tick);
        let ticks = match scale {
            Scale::Percentile => vec![0.0, 1.0, 2.0, 3.0],
            // Each is there: there are only a few.
            Scale::Count => {
                let mut ticks = places;
                ticks.sort_by(f64::total_cmp);
                ticks.dedup();
                ticks
            }
            Scale::Bytes => thinned((0..16).map(|step| f64::from(step) * 2.0), inside),
            Scale::BytesPerSecond => thinned((0..48).map(f64::from), inside),
            Scale::Nanoseconds | Scale::PerSecond => {
                let decades = thinned((-1..14).map(f64::from), inside);
                if decades.len() >= 3 {
                    decades
                } else {
                    let steps = [0.0, 2_f64.log10(), 5_f64.log10()];
                    let all = (-1..14).flat_map(|ten| steps.map(|step| f64::from(ten) + step));
                    thinned(all, inside)
                }
            }
        };
        Self { from, to, ticks }
    }
}

/// The ticks inside, so few that their words do not touch.
fn thinned(ticks: impl Iterator<Item = f64>, inside: impl Fn(&f64) -> bool) -> Vec<f64> {
    let ticks: Vec<_> = ticks.filter(inside).collect();
    let step = ticks.len().div_ceil(7).max(1);
    ticks.into_iter().step_by(step).collect()
}

impl Scale {
    /// Where a value stands on the axis.
    pub(super) fn place(self, value: f64) -> f64 {
        match self {
            Self::Nanoseconds | Self::PerSecond => value.max(0.01).log10(),
            Self::Bytes | Self::BytesPerSecond | Self::Count => value.max(1.0).log2(),
            Self::Percentile => value,
        }
    }

    /// The words at a place.
    pub(super) fn label(self, place: f64) -> String {
        // `1.00 us` is `1 us` on an axis.
        let short = |text: String| text.replace(".00 ", " ").replace(".0 ", " ");
        match self {
            Self::Nanoseconds => short(units::time(10_f64.powf(place))),
            Self::PerSecond => short(units::rate(10_f64.powf(place))),
            Self::BytesPerSecond => short(units::bandwidth(place.exp2())),
            Self::Bytes => short(units::bytes(place.exp2().round())),
            Self::Count => format!("{:.0}", place.exp2()),
            Self::Percentile => {
                let words = ["p50", "p99", "p99.9", "max"];
                (0_u32..)
                    .zip(words)
                    .find(|(at, _)| (f64::from(*at) - place).abs() < 0.1)
                    .map_or(String::new(), |(_, word)| word.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Scale};

    #[test]
    fn labels_are_short_and_human() {
        assert_eq!(Scale::Nanoseconds.label(3.0), "1 us");
        assert_eq!(Scale::Nanoseconds.label(2.0), "100 ns");
        assert_eq!(Scale::Bytes.label(20.0), "1 MiB");
        assert_eq!(Scale::BytesPerSecond.label(30.0), "1 GiB/s");
        assert_eq!(Scale::PerSecond.label(6.0), "1 M/s");
        assert_eq!(Scale::Count.label(4.0), "16");
        assert_eq!(Scale::Percentile.label(2.0), "p99.9");
    }

    #[test]
    fn ticks_are_few_and_inside() {
        for (scale, values) in [
            (Scale::Nanoseconds, vec![110.0, 1e9]),
            (Scale::Nanoseconds, vec![110.0, 130.0]),
            (Scale::Bytes, vec![64.0, 1048576.0]),
            (Scale::BytesPerSecond, vec![1e6, 5e10]),
            (Scale::PerSecond, vec![4.5e6, 11e6]),
            (Scale::Count, vec![2.0, 4.0, 8.0, 16.0]),
        ] {
            let axis = Axis::around(scale, values.into_iter());
            assert!((1..=7).contains(&axis.ticks.len()), "{scale:?} {:?}", axis.ticks);
            assert!(axis.ticks.iter().all(|tick| (axis.from..=axis.to).contains(tick)));
        }
    }
}

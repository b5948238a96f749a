//! Figures for people: three digits and a unit.

/// A time in nanoseconds.
pub(crate) fn time(ns: f64) -> String {
    scaled(ns, 1000.0, &["ns", "us", "ms", "s"])
}

/// Messages a second.
pub(crate) fn rate(per_second: f64) -> String {
    scaled(per_second, 1000.0, &["/s", "k/s", "M/s", "G/s"])
}

/// Bytes a second.
pub(crate) fn bandwidth(per_second: f64) -> String {
    scaled(per_second, 1024.0, &["B/s", "KiB/s", "MiB/s", "GiB/s"])
}

/// Bytes, on the axis of a chart.
#[cfg(feature = "report")]
pub(crate) fn bytes(count: f64) -> String {
    scaled(count, 1024.0, &["B", "KiB", "MiB", "GiB"])
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        // 999.5 would be printed as a thousand of the smaller unit.
        if value.abs() < step - 0.5 {
            break;
        }
        value /= step;
        unit = next;
    }
    let digits = match value.abs() {
        v if v == 0.0 || v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{bandwidth, rate, time};

    #[test]
    fn three_digits_and_a_unit() {
        let times = [0.0, 0.5, 9.999, 110.4, 999.6, 1234.0, 56_000.0, 2.5e6, 3e9].map(time);
        assert_eq!(
            times,
            [
                "0 ns", "0.50 ns", "10.0 ns", "110 ns", "1.00 us", "1.23 us", "56.0 us", "2.50 ms",
                "3.00 s"
            ]
        );
        assert_eq!(rate(161e6), "161 M/s");
        assert_eq!(bandwidth(4.4 * 1024.0 * 1024.0 * 1024.0), "4.40 GiB/s");
    }
}

//! Draws charts as SVG, by plotters.
//!
//! Values come as they are; logarithms are taken here, so that the ticks are where people look for
//! them. Colours are fixed words that the page's style sheet knows and changes in the dark. A series
//! is told by the shape of its marks too.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

use super::axis::Axis;
use super::charts::{Chart, Series};

/// The size of a chart: small, so that its letters stay readable when a phone shrinks it.
const WIDTH: u32 = 480;
const HEIGHT: u32 = 340;
const FONT: u32 = 18;

const INK: RGBColor = RGBColor(0x1F, 0x29, 0x33);
const GRID: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);

/// The colours of series, told apart by people who see red and green alike; the last is the floor's.
pub(super) const COLORS: [(u8, u8, u8); 9] = [
    (0x00, 0x72, 0xB2),
    (0xD5, 0x5E, 0x00),
    (0x00, 0x8F, 0x68),
    (0xB0, 0x4A, 0x8F),
    (0x9A, 0x6A, 0x00),
    (0x2F, 0x9B, 0xD8),
    (0x6A, 0x4C, 0xB3),
    (0x43, 0x4B, 0x54),
    (0x8A, 0x94, 0x9E),
];

/// The corners of the mark of a series, around its middle.
pub(super) fn mark(index: usize) -> Vec<(i32, i32)> {
    match index % 6 {
        0 => vec![(-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2), (-5, -2)],
        1 => vec![(-4, -4), (4, -4), (4, 4), (-4, 4)],
        2 => vec![(0, -6), (6, 5), (-6, 5)],
        3 => vec![(0, -6), (6, 0), (0, 6), (-6, 0)],
        4 => vec![(0, 6), (6, -5), (-6, -5)],
        _ => vec![
            (-2, -6),
            (2, -6),
            (2, -2),
            (6, -2),
            (6, 2),
            (2, 2),
            (2, 6),
            (-2, 6),
            (-2, 2),
            (-6, 2),
            (-6, -2),
            (-2, -2),
        ],
    }
}

type Drawn<T> = Result<T, Box<dyn Error>>;

/// The chart as SVG, with its title for those who cannot see it.
pub(super) fn svg(chart: &Chart) -> Result<String, String> {
    let mut text = String::new();
    let drawn =
        if chart.names.is_empty() { lines(chart, &mut text) } else { ranges(chart, &mut text) };
    drawn.map_err(|error| format!("draw `{}`: {error}", chart.title))?;
    let label = super::escape(&chart.title);
    Ok(text.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1))
}

fn lines(chart: &Chart, text: &mut String) -> Drawn<()> {
    let root = SVGBackend::with_string(text, (WIDTH, HEIGHT)).into_drawing_area();
    let points = || chart.series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis::around(chart.x, points().map(|(x, _)| x));
    let y = Axis::around(chart.y, points().map(|(_, y)| y));
    let mut context = ChartBuilder::on(&root)
        .margin(10)
        .margin_right(26)
        .x_label_area_size(32)
        .y_label_area_size(92)
        .build_cartesian_2d(x, y)?;
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", FONT).into_font().color(&INK))
        .x_label_formatter(&|at| chart.x.label(*at))
        .y_label_formatter(&|at| chart.y.label(*at))
        .draw()?;
    for series in &chart.series {
        let color = rgb(series);
        let points: Vec<_> =
            series.points.iter().map(|(x, y)| (chart.x.place(*x), chart.y.place(*y))).collect();
        let line = color.stroke_width(2);
        if series.dashed {
            context.draw_series(DashedLineSeries::new(points.clone(), 6, 4, line))?;
        } else {
            context.draw_series(LineSeries::new(points.clone(), line))?;
        }
        let marks = points
            .into_iter()
            .map(|at| EmptyElement::at(at) + Polygon::new(mark(series.style), color.filled()));
        context.draw_series(marks)?;
    }
    root.present()?;
    Ok(())
}

/// One line a name: the median, the other percentiles and the longest, on a common axis.
fn ranges(chart: &Chart, text: &mut String) -> Drawn<()> {
    let count = chart.names.len();
    let height = 52 + 26 * u32::try_from(count)?;
    let root = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    let values = || chart.series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis::around(chart.x, values().map(|(x, _)| x));
    let bottom = -(f64::from(u32::try_from(count)?) - 0.4);
    let ticks: Vec<f64> = (0..u32::try_from(count)?).map(|line| -f64::from(line)).collect();
    let mut context = ChartBuilder::on(&root)
        .margin(8)
        .margin_right(28)
        .x_label_area_size(32)
        .y_label_area_size(204)
        .build_cartesian_2d(x, Axis { from: bottom, to: 0.6, ticks })?;
    let name = |at: f64| {
        let mut lines = (0_u32..).zip(&chart.names);
        let line = lines.find(|(line, _)| (f64::from(*line) + at).abs() < 0.1);
        line.map(|(_, name)| name.clone()).unwrap_or_default()
    };
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", FONT).into_font().color(&INK))
        .x_label_formatter(&|at| chart.x.label(*at))
        .y_label_formatter(&|at| name(*at))
        .draw()?;
    for series in &chart.series {
        let color = rgb(series);
        let points: Vec<_> = series.points.iter().map(|(x, y)| (chart.x.place(*x), -y)).collect();
        let marks = points
            .into_iter()
            .map(|at| EmptyElement::at(at) + Polygon::new(mark(series.style), color.filled()));
        context.draw_series(marks)?;
    }
    root.present()?;
    Ok(())
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels of a small picture")]
    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light ones would only repeat these.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

fn rgb(series: &Series) -> RGBColor {
    let (red, green, blue) = COLORS[series.color];
    RGBColor(red, green, blue)
}

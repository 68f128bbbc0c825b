//! Plots as inline SVG: lines, points and bars over numbers, time or names.
//!
//! Colours come from classes of the page's style sheet; shapes differ too, for those who do not see the colours.

mod scale;

use std::fmt::Write as _;

use crate::html::{Element, Html, element};
use scale::Scale;

/// What an axis says, in its own unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Numbers, with a label: `Axis::Number("rows".into())`.
    Number(String),
    /// Seconds since 1970, with a label: `Axis::Time("time (UTC)".into())`.
    Time(String),
    /// Names, at 0, 1, 2 and so on.
    Names(Vec<String>),
}

/// What a layer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// Of less weight: missing, not evaluated.
    Muted,
    /// Neither good nor bad.
    Accent,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "tone-good",
            Self::Warn => "tone-warn",
            Self::Bad => "tone-bad",
            Self::Muted => "tone-muted",
            Self::Accent => "tone-accent",
        }
    }
}

/// Points `(x, y)` that are drawn alike, with the name that the legend gives them.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Joined by a line, which a `y` that is not finite breaks.
    Line {
        /// For the legend.
        name: String,
        /// What it means.
        tone: Tone,
        /// In the order in which they are joined.
        points: Vec<(f64, f64)>,
    },
    /// Each by itself.
    Points {
        /// For the legend.
        name: String,
        /// What they mean.
        tone: Tone,
        /// In any order.
        points: Vec<(f64, f64)>,
    },
    /// As bars from zero. Layers of bars stand side by side.
    Bars {
        /// For the legend.
        name: String,
        /// What they mean.
        tone: Tone,
        /// In any order.
        points: Vec<(f64, f64)>,
    },
}

impl Layer {
    fn points(&self) -> &[(f64, f64)] {
        match self {
            Self::Line { points, .. } | Self::Points { points, .. } | Self::Bars { points, .. } => {
                points
            }
        }
    }

    fn is_bars(&self) -> bool {
        matches!(self, Self::Bars { .. })
    }

    fn legend(&self) -> (&str, Tone) {
        match self {
            Self::Line { name, tone, .. }
            | Self::Points { name, tone, .. }
            | Self::Bars { name, tone, .. } => (name, *tone),
        }
    }
}

/// A figure with one plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Its caption.
    pub title: String,
    /// What is to be seen, for those who cannot see it.
    pub description: String,
    /// Left to right.
    pub x: Axis,
    /// Bottom to top.
    pub y: Axis,
    /// Drawn one over the other.
    pub layers: Vec<Layer>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = HEIGHT - 38.0;

impl From<Plot> for Html {
    fn from(plot: Plot) -> Self {
        let caption = element("figcaption").text(&plot.title);
        element("figure").child(caption).child(svg(&plot)).into()
    }
}

fn svg(plot: &Plot) -> Element {
    let xs = || points(&plot.layers).map(|(x, _)| x);
    let ys = || points(&plot.layers).map(|(_, y)| y);
    let with_zero = plot.layers.iter().any(Layer::is_bars).then_some(0.0);
    let x = Scale::new(&plot.x, xs(), (LEFT, RIGHT));
    let y = Scale::new(&plot.y, ys().chain(with_zero), (BOTTOM, TOP));
    let bars = plot.layers.iter().filter(|layer| layer.is_bars()).count();
    let mut drawn = Html::default();
    let mut bar = 0.0;
    for layer in &plot.layers {
        drawn.push(match layer {
            Layer::Line { tone, points, .. } => line(*tone, points, &x, &y),
            Layer::Points { tone, points, .. } => marks(*tone, points, &x, &y),
            Layer::Bars { tone, points, .. } => {
                bar += 1.0;
                let width = (x.step(points.len()) * 0.8 / bars as f64).clamp(1.0, 60.0);
                let shift = (bar - 1.0 - bars as f64 / 2.0) * width;
                columns(*tone, points, &x, &y, (shift, width))
            }
        });
    }
    element("svg")
        .attribute("viewBox", format!("0 0 {WIDTH} {HEIGHT}"))
        .attribute("role", "img")
        .attribute("aria-label", format!("{}. {}", plot.title, plot.description))
        .child(element("title").text(&plot.title))
        .child(element("desc").text(&plot.description))
        .child(y_axis(&y))
        .child(x_axis(&x))
        .child(drawn)
        .child(legend(&plot.layers))
}

/// The points that can be drawn.
fn points(layers: &[Layer]) -> impl Iterator<Item = (f64, f64)> {
    let all = layers.iter().flat_map(|layer| layer.points().iter().copied());
    all.filter(|(x, y)| x.is_finite() && y.is_finite())
}

fn y_axis(y: &Scale) -> Html {
    let mut axis = Html::default();
    for (value, label) in y.ticks(5) {
        let at = y.place(value);
        axis.push(grid((LEFT, at), (RIGHT, at)));
        axis.push(text((LEFT - 6.0, at + 4.0), "end", &label));
    }
    axis.push(text((LEFT - 6.0, TOP - 12.0), "end", y.label()));
    axis
}

fn x_axis(x: &Scale) -> Html {
    let mut axis = Html::default();
    for (value, label) in x.ticks(7) {
        let at = x.place(value);
        axis.push(grid((at, BOTTOM), (at, BOTTOM + 4.0)));
        axis.push(text((at, BOTTOM + 17.0), "middle", &label));
    }
    axis.push(text((RIGHT, HEIGHT - 4.0), "end", x.label()));
    axis
}

fn grid(from: (f64, f64), to: (f64, f64)) -> Element {
    element("line")
        .class("grid")
        .attribute("x1", pixel(from.0))
        .attribute("y1", pixel(from.1))
        .attribute("x2", pixel(to.0))
        .attribute("y2", pixel(to.1))
}

fn text(at: (f64, f64), anchor: &str, text: &str) -> Element {
    element("text")
        .attribute("x", pixel(at.0))
        .attribute("y", pixel(at.1))
        .attribute("text-anchor", anchor)
        .text(text)
}

fn line(tone: Tone, points: &[(f64, f64)], x: &Scale, y: &Scale) -> Html {
    let mut path = String::new();
    let mut is_joined = false;
    for &(at, value) in points {
        if !(at.is_finite() && value.is_finite()) {
            is_joined = false;
            continue;
        }
        let command = if is_joined { 'L' } else { 'M' };
        let _ = write!(path, "{command}{} {}", pixel(x.place(at)), pixel(y.place(value)));
        is_joined = true;
    }
    let class = format!("line {}", tone.class());
    element("path").class(&class).attribute("d", path).into()
}

fn marks(tone: Tone, points: &[(f64, f64)], x: &Scale, y: &Scale) -> Html {
    let finite = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let path: String =
        finite.map(|&(at, value)| mark(tone, (x.place(at), y.place(value)))).collect();
    element("path").class(tone.class()).attribute("d", path).into()
}

/// A mark of some 6 pixels around a place: square, triangle, cross, dash or diamond.
fn mark(tone: Tone, (x, y): (f64, f64)) -> String {
    let start = |dx: f64, dy: f64| format!("M{} {}", pixel(x + dx), pixel(y + dy));
    match tone {
        Tone::Good => start(-1.75, -1.75) + "h3.5v3.5h-3.5z",
        Tone::Warn => start(0.0, -3.5) + "l3.5 6h-7z",
        Tone::Bad => start(-3.0, -3.0) + "l6 6" + &start(-3.0, 3.0) + "l6 -6",
        Tone::Muted => start(-3.0, 0.0) + "h6",
        Tone::Accent => start(0.0, -2.75) + "l2.75 2.75l-2.75 2.75l-2.75 -2.75z",
    }
}

fn columns(
    tone: Tone,
    points: &[(f64, f64)],
    x: &Scale,
    y: &Scale,
    (shift, width): (f64, f64),
) -> Html {
    let finite = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let class = format!("bar {}", tone.class());
    let column = |&(at, value): &(f64, f64)| {
        let (zero, top) = (y.place(0.0), y.place(value));
        element("rect")
            .class(&class)
            .attribute("x", pixel(x.place(at) + shift))
            .attribute("y", pixel(top.min(zero)))
            .attribute("width", pixel(width))
            .attribute("height", pixel((zero - top).abs()))
    };
    Html::join(finite.map(column))
}

fn legend(layers: &[Layer]) -> Html {
    let mut legend = Html::default();
    let mut at = LEFT + 8.0;
    for (name, tone) in layers.iter().map(Layer::legend) {
        let sign = mark(tone, (at, TOP - 16.0));
        legend.push(element("path").class(tone.class()).attribute("d", sign));
        legend.push(text((at + 8.0, TOP - 12.0), "start", name));
        at += 24.0 + 6.2 * name.chars().count() as f64;
    }
    legend
}

/// A tenth of a pixel is enough.
fn pixel(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(x: Axis, layers: Vec<Layer>) -> String {
        let y = Axis::Number("rows".into());
        let plot = Plot { title: "T <1>".into(), description: "D".into(), x, y, layers };
        Html::from(plot).to_string()
    }

    fn line(points: &[(f64, f64)]) -> Layer {
        Layer::Line { name: "rows".into(), tone: Tone::Good, points: points.to_vec() }
    }

    #[test]
    fn what_is_not_finite_breaks_the_line() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)];
        let html = drawn(Axis::Number("x".into()), vec![line(&points)]);
        let path = html.split("class=\"line tone-good\" d=\"").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
    }

    #[test]
    fn a_plot_of_nothing_or_of_one_value_is_a_plot() {
        for points in [vec![], vec![(5.0, 5.0)], vec![(0.0, f64::INFINITY)]] {
            let html = drawn(Axis::Time("t".into()), vec![line(&points)]);
            assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
            assert!(html.contains("<title>T &lt;1&gt;</title>"), "{html}");
        }
    }

    #[test]
    fn bars_start_at_zero_and_stand_side_by_side() {
        let bars = |tone| Layer::Bars { name: "n".into(), tone, points: vec![(0.0, 10.0)] };
        let names = Axis::Names(vec!["a".into()]);
        let html = drawn(names, vec![bars(Tone::Good), bars(Tone::Bad)]);
        let x = |part: &str| -> f64 { part.split('"').next().unwrap().parse().unwrap() };
        let columns: Vec<_> = html.split("<rect class=").skip(1).collect();
        let places: Vec<_> =
            columns.iter().map(|it| x(it.split(" x=\"").nth(1).unwrap())).collect();
        assert!(places[0] < places[1], "{places:?}");
        assert!(html.contains(">0</text>"), "{html}");
    }
}

//! The plots, as SVG: a series with its flags, and the shares of flags over the runs.

use std::fmt::Write as _;

use super::html::escape;
use super::runs::Dot;
use super::scale::{Scale, time_label, time_text};
use crate::flag::Flag;
use crate::tables::summary::Recorded;
use crate::verdict::count_of;

const WIDTH: f64 = 960.0;
pub(super) const LEFT: f64 = 60.0;
pub(super) const RIGHT: f64 = 946.0;

/// From the least to the worst: what is drawn last lies on top.
const ORDER: [Flag; 5] = [Flag::Unknown, Flag::Good, Flag::Missing, Flag::Suspect, Flag::Fail];

/// The values over time, each with the shape and the colour of its flag.
pub(super) fn series(dots: &[Dot]) -> String {
    const HEIGHT: f64 = 320.0;
    let x = Scale::of(dots.iter().map(|it| it.time), (LEFT, RIGHT));
    let y = Scale::of(dots.iter().filter_map(|it| it.value), (HEIGHT - 50.0, 16.0));
    let mut svg = open(HEIGHT, "series", "Values over time with the flag of each point");
    for tick in y.ticks(5) {
        let at = y.at(tick);
        line(&mut svg, (LEFT, at), (RIGHT, at));
        text(&mut svg, LEFT - 6.0, at + 4.0, "end", &label(tick));
    }
    for tick in x.times(7) {
        let at = x.at(tick);
        line(&mut svg, (at, 16.0), (at, HEIGHT - 50.0));
        text(&mut svg, at, HEIGHT - 34.0, "middle", &time_label(tick));
    }
    trace(&mut svg, dots, &x, &y);
    for flag in ORDER {
        for dot in dots.iter().filter(|it| it.flag == flag) {
            let place = (x.at(dot.time), dot.value.map_or(HEIGHT - 54.0, |value| y.at(value)));
            write!(svg, "<g>{}<title>{}</title></g>", mark(flag, place), escape(&told(dot)))
                .expect("a text takes everything");
        }
    }
    legend(&mut svg, HEIGHT - 12.0);
    svg + "</svg>\n"
}

/// The shares of flags in each run, the oldest left.
pub(super) fn shares(history: &[Recorded]) -> String {
    const HEIGHT: f64 = 200.0;
    let (top, bottom) = (12.0, HEIGHT - 50.0);
    let mut svg =
        open(HEIGHT, "shares", "Share of points with each flag in every run, the oldest left");
    for percent in [0, 50, 100] {
        let at = bottom - f64::from(percent) / 100.0 * (bottom - top);
        line(&mut svg, (LEFT, at), (RIGHT, at));
        text(&mut svg, LEFT - 6.0, at + 4.0, "end", &format!("{percent} %"));
    }
    let runs: Vec<_> = history.iter().rev().filter(|it| !it.counts.is_empty()).collect();
    let width = (RIGHT - LEFT) / runs.len().max(1) as f64;
    for (at, run) in runs.iter().enumerate() {
        let left = LEFT + at as f64 * width;
        let total: u64 = run.counts.values().sum();
        let mut floor = bottom;
        for flag in [Flag::Good, Flag::Suspect, Flag::Fail, Flag::Missing, Flag::Unknown] {
            let count = count_of(&run.counts, flag);
            let height = count as f64 / total.max(1) as f64 * (bottom - top);
            floor -= height;
            let told = format!("{}: {count} of {total} {flag}", run.run.started_at());
            let gap = width.min(12.0) * 0.1;
            write!(
                svg,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{floor:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}</title></rect>",
                class(flag),
                left + gap,
                (width - 2.0 * gap).min(40.0),
                escape(&told)
            )
            .expect("a text takes everything");
        }
    }
    let ends =
        [(runs.first(), LEFT, "start"), (runs.last().filter(|_| runs.len() > 1), RIGHT, "end")];
    for (run, at, anchor) in ends {
        let Some(run) = run else { continue };
        let minute = run.run.started_at().get(..16).unwrap_or_default().replace('T', " ");
        text(&mut svg, at, HEIGHT - 34.0, anchor, &minute);
    }
    legend(&mut svg, HEIGHT - 12.0);
    svg + "</svg>\n"
}

/// The name of a flag's colour.
pub(super) fn class(flag: Flag) -> &'static str {
    match flag {
        Flag::Good => "good",
        Flag::Unknown => "unknown",
        Flag::Suspect => "suspect",
        Flag::Fail => "fail",
        Flag::Missing => "missing",
    }
}

/// The line through the points; it breaks where a value is missing.
fn trace(svg: &mut String, dots: &[Dot], x: &Scale, y: &Scale) {
    let (mut path, mut is_open) = (String::new(), false);
    for dot in dots {
        let Some(value) = dot.value else {
            is_open = false;
            continue;
        };
        let step = if is_open { 'L' } else { 'M' };
        write!(path, "{step}{:.1} {:.1}", x.at(dot.time), y.at(value))
            .expect("a text takes everything");
        is_open = true;
    }
    write!(svg, "<path class=\"trace\" d=\"{path}\"/>").expect("a text takes everything");
}

/// A dot, a triangle, a diamond, a bar: readable without its colour.
pub(super) fn mark(flag: Flag, (x, y): (f64, f64)) -> String {
    let class = class(flag);
    match flag {
        Flag::Good | Flag::Unknown => {
            format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\"/>")
        }
        Flag::Suspect => {
            let [left, right, top, bottom] = [x - 4.5, x + 4.5, y - 5.0, y + 3.5];
            format!(
                "<path class=\"{class}\" d=\"M{x:.1} {top:.1}L{right:.1} {bottom:.1}L{left:.1} {bottom:.1}Z\"/>"
            )
        }
        Flag::Fail => {
            let [left, right, top, bottom] = [x - 5.0, x + 5.0, y - 5.0, y + 5.0];
            format!(
                "<path class=\"{class}\" d=\"M{x:.1} {top:.1}L{right:.1} {y:.1}L{x:.1} {bottom:.1}L{left:.1} {y:.1}Z\"/>"
            )
        }
        Flag::Missing => {
            let (left, top) = (x - 1.0, y - 6.0);
            format!(
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"2\" height=\"8\"/>"
            )
        }
    }
}

fn told(dot: &Dot) -> String {
    let value = dot.value.map_or_else(|| "missing".to_owned(), |it| it.to_string());
    let tests: Vec<_> = dot.tests.iter().map(String::as_str).collect();
    let tests = if tests.is_empty() { String::new() } else { format!(" ({})", tests.join(", ")) };
    format!("{} {value} {}{tests}", time_text(dot.time), dot.flag)
}

pub(super) fn open(height: f64, id: &str, title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}\"><title id=\"{id}\">{title}</title>"
    )
}

fn legend(svg: &mut String, y: f64) {
    let names = [Flag::Good, Flag::Suspect, Flag::Fail, Flag::Missing, Flag::Unknown];
    for (at, flag) in names.into_iter().enumerate() {
        let x = LEFT + at as f64 * 110.0;
        svg.push_str(&mark(flag, (x, y - 4.0)));
        text(svg, x + 10.0, y, "start", flag.name());
    }
}

pub(super) fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    write!(
        svg,
        "<line class=\"grid\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
    .expect("a text takes everything");
}

pub(super) fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escape(text))
        .expect("a text takes everything");
}

/// Without the tail that adding up leaves.
fn label(number: f64) -> String {
    let rounded = format!("{number:.6}");
    rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
}

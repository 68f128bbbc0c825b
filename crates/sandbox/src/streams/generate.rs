//! The twenty streams: eight good ones, and twelve with one fault each.

use jiff::{SignedDuration, Timestamp};

use super::{Format, Planted, Point, Stream};
use crate::draw::{Draw, mix};

/// Seconds between two points.
pub const CADENCE_SECONDS: i64 = 600;

/// Points of a stream: three days.
const POINTS: usize = 432;
/// Points of a day.
const DAY: usize = 144;
/// The place of the second crest, around which a value changes least.
const CREST: usize = DAY + DAY / 4;
/// The place of the second crossing of the middle, where damping sets in without a step.
const CROSSING: usize = DAY;

const FORMATS: [Format; 4] = [Format::Csv, Format::Parquet, Format::Jsonl, Format::CsvGzip];
const GROUPS: [&str; 3] = ["buoys", "plants", "meters"];

/// Points that a fault may change, leave out and exchange.
struct Points(Vec<Point>);

/// What a fault does to good points.
type Fault = fn(&mut Points) -> Vec<Planted>;

const FAULTS: [(&str, Fault); 12] = [
    ("out-of-range", out_of_range),
    ("drift", drift),
    ("spike", spike),
    ("step", step),
    ("stuck", stuck),
    ("damped", damped),
    ("gap", gap),
    ("duplicate", duplicate),
    ("backward", backward),
    ("missing", missing),
    ("late", late),
    ("two-spikes", two_spikes),
];

const GOOD: usize = 8;

/// The streams of a seed; the last point of each is measured at `end`.
pub fn generate(seed: u64, end: Timestamp) -> Vec<Stream> {
    let faults = FAULTS.into_iter().map(|(name, fault)| (name.to_owned(), Some(fault)));
    let good = (1..=GOOD).map(|number| (format!("clean-{number}"), None));
    let stream = |(at, (name, fault)): (usize, (String, Option<Fault>))| {
        let mut points = Points(good_points(mix(seed, at as u64), end));
        let planted = fault.map_or_else(Vec::new, |fault| fault(&mut points));
        let (group, format) = (GROUPS[at % GROUPS.len()], FORMATS[at % FORMATS.len()]);
        Stream { group, name, format, points: points.0, planted }
    };
    faults.chain(good).enumerate().map(stream).collect()
}

fn good_points(seed: u64, end: Timestamp) -> Vec<Point> {
    let mut draw = Draw::new(seed);
    let point = |at: usize| {
        let steps = (POINTS - 1 - at) as i64;
        let angle = std::f64::consts::TAU * at as f64 / DAY as f64;
        // It changes its sign each time, so that no two points are equal.
        let noise = draw.between(10, 20) as f64 / 1_000.0;
        let noise = if at.is_multiple_of(2) { noise } else { -noise };
        let value = (10.0 + 3.0 * angle.sin() + noise) * 1_000.0;
        let time = end - SignedDuration::from_secs(steps * CADENCE_SECONDS);
        Point { time, value: Some(value.round() / 1_000.0) }
    };
    (0..POINTS).map(point).collect()
}

fn found(test: &'static str, must: impl IntoIterator<Item = usize>) -> Planted {
    Planted { test, must: must.into_iter().collect(), may: Vec::new() }
}

fn add(points: &mut [Point], at: usize, amount: f64) {
    points[at].value = points[at].value.map(|value| value + amount);
}

/// A value that no sensor of this kind gives.
fn out_of_range(Points(points): &mut Points) -> Vec<Planted> {
    points[100].value = Some(99.9);
    vec![found("gross_range", [100]), found("spike", [100]), found("rate_of_change", [100, 101])]
}

/// Slowly up, until the end.
fn drift(Points(points): &mut Points) -> Vec<Planted> {
    for at in 2 * DAY..POINTS {
        add(points, at, (at - 2 * DAY) as f64 * 0.05);
    }
    let high = |(at, point): (usize, &Point)| point.value.filter(|it| *it > 17.0).map(|_| at);
    let must: Vec<_> = points.iter().enumerate().filter_map(high).collect();
    vec![found("gross_range", must)]
}

/// One point too high.
fn spike(Points(points): &mut Points) -> Vec<Planted> {
    add(points, 200, 5.0);
    vec![found("spike", [200]), found("rate_of_change", [200, 201])]
}

/// Down by three from here on.
fn step(Points(points): &mut Points) -> Vec<Planted> {
    for at in CREST..POINTS {
        add(points, at, -3.0);
    }
    vec![found("rate_of_change", [CREST])]
}

/// The same value for two and a half hours.
fn stuck(Points(points): &mut Points) -> Vec<Planted> {
    let (first, last) = (CREST - 7, CREST + 8);
    for at in first..=last {
        points[at].value = points[first].value;
    }
    // A test of an hour knows after six steps.
    vec![Planted {
        test: "flat_line",
        must: (first + 7..=last).collect(),
        may: (first..first + 7).collect(),
    }]
}

/// Half a day with a hundredth of the wave.
fn damped(Points(points): &mut Points) -> Vec<Planted> {
    let half = DAY / 2;
    for (at, point) in points.iter_mut().enumerate().skip(CROSSING).take(half) {
        let noise = if at.is_multiple_of(2) { 0.01 } else { -0.01 };
        point.value = point.value.map(|value| {
            let wave = (value - 10.0) / 100.0;
            ((10.0 + wave + noise) * 1_000.0).round() / 1_000.0
        });
    }
    // A test of six hours looks at 36 points.
    vec![Planted {
        test: "attenuated_signal",
        must: (CROSSING + 36..CROSSING + half).collect(),
        may: (CROSSING..CROSSING + 36).chain(CROSSING + half..CROSSING + half + 4).collect(),
    }]
}

/// Two hours without points.
fn gap(Points(points): &mut Points) -> Vec<Planted> {
    points.drain(150..162);
    vec![found("gap", [150])]
}

/// One point has the time of the one before it.
fn duplicate(Points(points): &mut Points) -> Vec<Planted> {
    points[250].time = points[249].time;
    vec![found("duplicate_stamp", [249, 250])]
}

/// Two points in the wrong order.
fn backward(Points(points): &mut Points) -> Vec<Planted> {
    points.swap(80, 81);
    vec![found("order", [81])]
}

/// Every fifth value of a day is missing: far from each other, so that nothing else is judged otherwise.
fn missing(Points(points): &mut Points) -> Vec<Planted> {
    for at in (0..POINTS).step_by(5) {
        points[at].value = None;
    }
    vec![found("completeness", [])]
}

/// Nothing came in the last six hours.
fn late(Points(points): &mut Points) -> Vec<Planted> {
    points.truncate(POINTS - 36);
    vec![found("freshness", [])]
}

/// Two spikes, one up and one down.
fn two_spikes(Points(points): &mut Points) -> Vec<Planted> {
    add(points, 60, 4.5);
    add(points, 300, -4.5);
    vec![found("spike", [60, 300]), found("rate_of_change", [60, 61, 300, 301])]
}

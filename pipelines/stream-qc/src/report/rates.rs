//! The plot of pass rates: what share of a run's points is GOOD, and what share of the runs up to it has passed.

use std::fmt::Write as _;

use super::html::escape;
use super::plot::{LEFT, RIGHT, line, mark, open, text};
use super::scale::{Scale, time_label};
use crate::flag::Flag;
use crate::tables::summary::Recorded;
use crate::verdict::{Status, count_of};

/// A share of runs is that of so many, the run itself among them.
const WINDOW: usize = 10;

const HEIGHT: f64 = 220.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 50.0;
/// The middle of a label that ends where the plot does.
const LABEL_RIGHT: f64 = RIGHT - 24.0;

/// Seconds on both sides of a single run: it has a time axis too.
const MARGIN_S: f64 = 1_800.0;

/// What the plot shows of a run.
struct Rate {
    /// When it started, as a table tells it.
    started: String,
    /// The same in seconds since 1970.
    time: f64,
    status: Status,
    /// The share of its points that are GOOD; nothing if it has judged none.
    good: Option<f64>,
    /// How many runs up to this one have passed, and of how many.
    passed: (usize, usize),
}

/// The share of a run's points that are GOOD.
pub(super) fn good_share(run: &Recorded) -> Option<f64> {
    let total: u64 = run.counts.values().sum();
    (total > 0).then(|| count_of(&run.counts, Flag::Good) as f64 / total as f64)
}

/// The pass rates of runs, the newest of which comes first.
pub(super) fn plot(history: &[Recorded]) -> String {
    let rates = rates(history);
    let margin = if rates.len() == 1 { MARGIN_S } else { 0.0 };
    let times = rates.iter().flat_map(|it| [it.time - margin, it.time + margin]);
    let x = Scale::of(times, (LEFT, RIGHT));
    let mut svg = open(HEIGHT, "rates", &escape(&summary(&rates)));
    grid(&mut svg, &rates, &x);
    let of_runs = rates.iter().map(|it| (x.at(it.time), height(it.share())));
    path(&mut svg, "window", of_runs);
    let of_points = rates.iter().filter_map(|it| Some((x.at(it.time), height(it.good?))));
    path(&mut svg, "rate", of_points);
    for rate in &rates {
        // A run that could not be checked has no share of points.
        let place = (x.at(rate.time), height(rate.good.unwrap_or_else(|| rate.share())));
        let shape = shape(rate.status, place);
        write!(svg, "<g>{shape}<title>{}</title></g>", escape(&rate.told()))
            .expect("a text takes everything");
    }
    legend(&mut svg);
    svg + "</svg>\n"
}

/// The oldest run first. One that has not ended, or whose time cannot be read, has no rate.
fn rates(history: &[Recorded]) -> Vec<Rate> {
    let ended: Vec<_> = history.iter().rev().filter(|it| it.status != Status::Running).collect();
    let rate = |at: usize| {
        let window = &ended[(at + 1).saturating_sub(WINDOW)..=at];
        let passed = window.iter().filter(|it| it.status == Status::Passed).count();
        let run = ended[at];
        let time: jiff::Timestamp = run.run.started_at().parse().ok()?;
        Some(Rate {
            started: run.run.started_at().to_owned(),
            time: time.as_nanosecond() as f64 / 1e9,
            status: run.status,
            good: good_share(run),
            passed: (passed, window.len()),
        })
    };
    (0..ended.len()).filter_map(rate).collect()
}

impl Rate {
    /// The share of runs up to this one that have passed.
    fn share(&self) -> f64 {
        self.passed.0 as f64 / self.passed.1 as f64
    }

    /// What a pointer at the run tells.
    fn told(&self) -> String {
        let good = self.good.map(|it| format!(", {} of the points are good", percent(it)));
        let (passed, runs) = self.passed;
        format!(
            "{}: {}{}; {passed} of the last {runs} runs passed",
            self.started,
            self.status.name(),
            good.unwrap_or_default()
        )
    }
}

/// The plot in words, for those who do not see it.
fn summary(rates: &[Rate]) -> String {
    let (Some(first), Some(last)) = (rates.first(), rates.last()) else {
        return "Pass rates over time: no run has ended".to_owned();
    };
    let passed = rates.iter().filter(|it| it.status == Status::Passed).count();
    format!(
        "Pass rates over time: {passed} of {} runs passed from {} to {}; points that are good: {}",
        rates.len(),
        first.started,
        last.started,
        in_words(rates, last)
    )
}

/// `at least 70.0 %, 100.0 % in the last one`
fn in_words(rates: &[Rate], newest: &Rate) -> String {
    let worst = rates.iter().filter_map(|it| it.good).reduce(f64::min);
    let worst = worst.map(|it| format!("at least {}", percent(it)));
    let newest = newest.good.map(|it| format!("{} in the last one", percent(it)));
    let told: Vec<_> = worst.into_iter().chain(newest).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// `98.6 %`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn height(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

fn grid(svg: &mut String, rates: &[Rate], x: &Scale) {
    for share in [0.0, 0.5, 1.0] {
        let at = height(share);
        line(svg, (LEFT, at), (RIGHT, at));
        text(svg, LEFT - 6.0, at + 4.0, "end", &format!("{} %", share * 100.0));
    }
    let ticks = if rates.is_empty() { Vec::new() } else { x.times(7) };
    for tick in ticks {
        let at = x.at(tick);
        line(svg, (at, TOP), (at, BOTTOM));
        text(svg, at.min(LABEL_RIGHT), BOTTOM + 16.0, "middle", &time_label(tick));
    }
}

fn path(svg: &mut String, class: &str, places: impl Iterator<Item = (f64, f64)>) {
    let steps: Vec<_> = places.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if !steps.is_empty() {
        write!(svg, "<path class=\"{class}\" d=\"M{}\"/>", steps.join("L"))
            .expect("a text takes everything");
    }
}

/// A dot, a diamond, a triangle: verdicts are told apart without their colours.
fn shape(status: Status, (x, y): (f64, f64)) -> String {
    match status {
        Status::Passed => format!("<circle class=\"good\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"),
        Status::Failed => mark(Flag::Fail, (x, y)),
        _ => mark(Flag::Suspect, (x, y)),
    }
}

fn legend(svg: &mut String) {
    let y = HEIGHT - 12.0;
    let verdicts =
        [(Status::Passed, "passed"), (Status::Failed, "failed"), (Status::Error, "not checked")];
    for (at, (status, name)) in verdicts.into_iter().enumerate() {
        let x = LEFT + at as f64 * 110.0;
        svg.push_str(&shape(status, (x, y - 4.0)));
        text(svg, x + 10.0, y, "start", name);
    }
    let of_runs = format!("runs passed, of the last {WINDOW}");
    for (class, name, x) in [("rate", "points good in the run", 400.0), ("window", &of_runs, 600.0)]
    {
        path(svg, class, [(x, y - 4.0), (x + 24.0, y - 4.0)].into_iter());
        text(svg, x + 30.0, y, "start", name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_run_the_plot_says_so() {
        let svg = plot(&[]);
        assert!(svg.contains("Pass rates over time: no run has ended"), "{svg}");
        assert!(
            svg.contains("100 %") && !svg.contains("NaN") && svg.ends_with("</svg>\n"),
            "{svg}"
        );
    }
}

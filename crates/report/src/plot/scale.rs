//! From values to pixels, and where the ticks are.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Axis;

/// One axis with the values it has to show.
pub(super) struct Scale<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

const DAY: f64 = 86_400.0;

/// What ticks of time can stand apart, in seconds, and how they are written.
const TIMES: &[(f64, &str)] = &[
    (1.0, "%H:%M:%S"),
    (10.0, "%H:%M:%S"),
    (60.0, "%H:%M"),
    (300.0, "%H:%M"),
    (1_800.0, "%H:%M"),
    (3_600.0, "%H:%M"),
    (14_400.0, "%m-%d %H:%M"),
    (43_200.0, "%m-%d %H:%M"),
    (DAY, "%Y-%m-%d"),
    (2.0 * DAY, "%Y-%m-%d"),
    (5.0 * DAY, "%Y-%m-%d"),
    (10.0 * DAY, "%Y-%m-%d"),
    (30.0 * DAY, "%Y-%m-%d"),
    (90.0 * DAY, "%Y-%m-%d"),
    (365.0 * DAY, "%Y-%m-%d"),
    (3_650.0 * DAY, "%Y-%m-%d"),
];

impl<'a> Scale<'a> {
    /// The scale that shows all `values` between two places in pixels.
    pub(super) fn new(
        axis: &'a Axis,
        values: impl Iterator<Item = f64>,
        (from, to): (f64, f64),
    ) -> Self {
        let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |span, value| {
            (span.0.min(value), span.1.max(value))
        });
        if let Axis::Names(names) = axis {
            (low, high) = (-0.5, names.len().max(1) as f64 - 0.5);
        } else if !low.is_finite() {
            (low, high) = (0.0, 1.0);
        } else if low >= high {
            let room = (low.abs() / 10.0).max(1.0);
            (low, high) = (if low == 0.0 { 0.0 } else { low - room }, high + room);
        }
        Self { axis, low, high, from, to }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// How far apart `count` values stand, in pixels.
    pub(super) fn step(&self, count: usize) -> f64 {
        let places = match self.axis {
            Axis::Names(names) => names.len(),
            Axis::Number(_) | Axis::Time(_) => count,
        };
        (self.to - self.from).abs() / places.max(1) as f64
    }

    pub(super) fn label(&self) -> &str {
        match self.axis {
            Axis::Number(label) | Axis::Time(label) => label,
            Axis::Names(_) => "",
        }
    }

    /// At most some `most` values with what is written at them.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / most as f64;
        match self.axis {
            Axis::Names(names) => {
                let every = names.len().div_ceil(most).max(1);
                let thinned = names.iter().enumerate().step_by(every);
                thinned.map(|(index, name)| (index as f64, name.clone())).collect()
            }
            Axis::Number(_) => {
                let step = round_step(rough);
                let decimals = (-step.log10().floor()).max(0.0) as usize;
                self.multiples(step).map(|value| (value, number(value, decimals))).collect()
            }
            Axis::Time(_) => {
                let last = TIMES[TIMES.len() - 1];
                let (step, format) =
                    TIMES.iter().copied().find(|(step, _)| *step >= rough).unwrap_or(last);
                self.multiples(step).map(|value| (value, time(value, format))).collect()
            }
        }
    }

    fn multiples(&self, step: f64) -> impl Iterator<Item = f64> {
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |index| index as f64 * step)
    }
}

/// The next of 1, 2, 5, 10, 20, 50 and so on.
fn round_step(rough: f64) -> f64 {
    let magnitude = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    steps.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * magnitude)
}

fn number(value: f64, decimals: usize) -> String {
    let (short, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => return format!("{value:.decimals$}"),
    };
    let text = format!("{short:.2}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time(seconds: f64, format: &str) -> String {
    let moment = Timestamp::from_second(seconds as i64).unwrap_or_default();
    moment.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64], most: usize) -> Vec<String> {
        let scale = Scale::new(axis, values.iter().copied(), (0.0, 100.0));
        scale.ticks(most).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::Number(String::new());
        assert_eq!(labels(&axis, &[0.0, 97.0], 5), ["0", "20", "40", "60", "80"]);
        assert_eq!(labels(&axis, &[0.0, 0.4], 5), ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(&axis, &[0.0, 5e6], 5)[5], "5 M");
    }

    #[test]
    fn ticks_of_time_are_instants_that_people_name() {
        let axis = Axis::Time(String::new());
        let start = 1_767_225_600.0;
        let days = labels(&axis, &[start, start + 3.0 * DAY], 4);
        assert_eq!(days, ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]);
        let hours = labels(&axis, &[start, start + 3.0 * 3_600.0], 4);
        assert_eq!(hours, ["00:00", "01:00", "02:00", "03:00"]);
    }

    #[test]
    fn names_are_thinned_when_they_are_many() {
        let axis = Axis::Names((0..30).map(|day| day.to_string()).collect());
        assert_eq!(labels(&axis, &[], 7), ["0", "5", "10", "15", "20", "25"]);
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        let axis = Axis::Number(String::new());
        let scale = Scale::new(&axis, [5.0].into_iter(), (0.0, 100.0));
        assert!((scale.place(5.0) - 50.0).abs() < f64::EPSILON);
    }
}

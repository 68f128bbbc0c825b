//! From numbers to places in a plot, and the round numbers at its edges.

use jiff::Timestamp;

/// A range of numbers on a range of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    pixels: (f64, f64),
}

/// Seconds between ticks of time.
const TIMES: [f64; 14] = [
    1.0,
    10.0,
    60.0,
    600.0,
    1_800.0,
    3_600.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    2_592_000.0,
    31_536_000.0,
];

impl Scale {
    /// The range of these numbers, a little wider; never empty.
    pub(super) fn of(numbers: impl IntoIterator<Item = f64>, pixels: (f64, f64)) -> Self {
        let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers {
            from = from.min(number);
            to = to.max(number);
        }
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        let margin = if to > from { (to - from) * 0.03 } else { to.abs().max(1.0) * 0.5 };
        Self { from: from - margin, to: to + margin, pixels }
    }

    /// The place of a number.
    pub(super) fn at(&self, number: f64) -> f64 {
        let share = (number - self.from) / (self.to - self.from);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Round numbers within the range, about `count` of them.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        let rough = (self.to - self.from) / count as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * power).into_iter().find(|it| *it >= rough);
        self.multiples(step.unwrap_or(power * 10.0))
    }

    /// Round times within the range, about `count` of them.
    pub(super) fn times(&self, count: usize) -> Vec<f64> {
        let rough = (self.to - self.from) / count as f64;
        self.multiples(TIMES.into_iter().find(|it| *it >= rough).unwrap_or(rough))
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.from / step).ceil();
        let count = ((self.to / step).floor() - first).max(-1.0) as usize;
        (0..=count)
            .take(50)
            .map(|at| (first + at as f64) * step)
            .filter(|it| *it <= self.to)
            .collect()
    }
}

/// `03-01 06:00`, of seconds since 1970.
pub(super) fn time_label(seconds: f64) -> String {
    match Timestamp::from_second(seconds as i64) {
        Ok(time) => time.strftime("%m-%d %H:%M").to_string(),
        Err(_) => String::new(),
    }
}

/// `2026-03-01T06:00:00Z`, of seconds since 1970.
pub(super) fn time_text(seconds: f64) -> String {
    Timestamp::from_microsecond((seconds * 1e6) as i64).map(|it| it.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale::of([0.0, 9.0], (0.0, 100.0));
        assert_eq!(scale.ticks(5), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let day = Scale::of([0.0, 86_400.0], (0.0, 100.0));
        assert_eq!(day.times(5), [0.0, 21_600.0, 43_200.0, 64_800.0, 86_400.0]);
    }

    #[test]
    fn equal_or_no_numbers_have_a_range_too() {
        for numbers in [vec![], vec![5.0, 5.0], vec![0.0]] {
            let scale = Scale::of(numbers, (0.0, 100.0));
            assert!(scale.at(5.0).is_finite());
            assert!(!scale.ticks(4).is_empty());
        }
    }
}

//! Rolling windows in one pass: the range by monotonic queues, the variance by adding and removing.

use std::collections::VecDeque;
use std::ops::Range;

/// The smallest and largest value of a window whose ends only move forward.
#[derive(Debug, Default)]
pub(super) struct Extremes {
    /// Indices of candidates, their values rising: the first is the smallest.
    rising: VecDeque<usize>,
    /// The same with falling values.
    falling: VecDeque<usize>,
}

impl Extremes {
    /// Takes in the value at `index`, unless it is not finite.
    pub(super) fn push(&mut self, values: &[f64], index: usize) {
        let value = values[index];
        if !value.is_finite() {
            return;
        }
        while self.rising.back().is_some_and(|last| values[*last] >= value) {
            self.rising.pop_back();
        }
        self.rising.push_back(index);
        while self.falling.back().is_some_and(|last| values[*last] <= value) {
            self.falling.pop_back();
        }
        self.falling.push_back(index);
    }

    /// Forgets what lies before `start`.
    pub(super) fn forget_before(&mut self, start: usize) {
        for queue in [&mut self.rising, &mut self.falling] {
            while queue.front().is_some_and(|first| *first < start) {
                queue.pop_front();
            }
        }
    }

    /// Largest less smallest value, if there is any.
    pub(super) fn range(&self, values: &[f64]) -> Option<f64> {
        Some(values[*self.falling.front()?] - values[*self.rising.front()?])
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.rising.clear();
        self.falling.clear();
    }
}

/// The variance of a window, by Welford's method with compensated sums: the steps of pandas 3 in their order, because
/// flags depend on the last bit.
#[derive(Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
    compensation_of_added: f64,
    compensation_of_removed: f64,
    /// A step lost nearly all digits: the window is summed anew.
    is_unstable: bool,
}

/// A sum that falls below this share of what it was has three digits left at most.
const DIGITS_LEFT: f64 = f64::EPSILON * 1e3;

impl Variance {
    /// Moves the window from `before` to `window`, whose ends lie further on.
    pub(super) fn slide(&mut self, values: &[f64], before: Range<usize>, window: Range<usize>) {
        let is_apart = window.start >= before.end;
        if !is_apart {
            values[before.start..window.start].iter().for_each(|value| self.remove(*value));
            values[before.end..window.end].iter().for_each(|value| self.add(*value));
        }
        if is_apart || self.is_unstable {
            *self = Self::default();
            values[window].iter().for_each(|value| self.add(*value));
            self.is_unstable = false;
        }
    }

    /// Takes in a value; NaN is none.
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count += 1.0;
        let (mean_before, delta) = step(value, self.mean, &mut self.compensation_of_added);
        self.mean += delta / self.count;
        self.grow((value - mean_before) * (value - self.mean));
    }

    /// Takes out a value that was taken in.
    fn remove(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count -= 1.0;
        if self.count == 0.0 {
            (self.mean, self.squares, self.is_unstable) = (0.0, 0.0, false);
            return;
        }
        let (mean_before, delta) = step(value, self.mean, &mut self.compensation_of_removed);
        self.mean -= delta / self.count;
        self.grow(-((value - mean_before) * (value - self.mean)));
    }

    fn grow(&mut self, by: f64) {
        let before = self.squares;
        self.squares += by;
        self.is_unstable |= before * DIGITS_LEFT > self.squares;
    }

    /// How many values there are.
    pub(super) const fn count(&self) -> f64 {
        self.count
    }

    /// The population's standard deviation.
    pub(super) fn deviation(&self) -> f64 {
        let variance = self.squares / self.count;
        if variance < 0.0 { 0.0 } else { variance.sqrt() }
    }
}

/// The mean before a value counts, and how far the value is from it.
fn step(value: f64, mean: f64, compensation: &mut f64) -> (f64, f64) {
    let mean_before = mean - *compensation;
    let compensated = value - *compensation;
    let delta = compensated - mean;
    *compensation = delta + mean - compensated;
    (mean_before, delta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_forgets_what_left_the_window() {
        let values = [3.0, 1.0, f64::NAN, 2.0, 5.0];
        let mut extremes = Extremes::default();
        let mut ranges = Vec::new();
        for index in 0..values.len() {
            extremes.push(&values, index);
            extremes.forget_before(index.saturating_sub(1));
            ranges.push(extremes.range(&values));
        }
        assert_eq!(ranges, [Some(0.0), Some(2.0), Some(0.0), Some(0.0), Some(3.0)]);
    }

    #[test]
    fn a_variance_is_that_of_the_values_left() {
        let mut variance = Variance::default();
        let values = [9.0, 1.0, 5.0, f64::NAN, 3.0];
        variance.slide(&values, 0..0, 0..3);
        variance.slide(&values, 0..3, 1..4);
        assert_eq!((variance.count(), variance.deviation()), (2.0, 2.0));
        variance.slide(&values, 1..4, 4..5);
        assert_eq!((variance.count(), variance.deviation()), (1.0, 0.0));
    }
}

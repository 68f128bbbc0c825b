//! Rolling windows in one pass: the range by monotonic queues, the variance by adding and removing.

use std::collections::VecDeque;

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

/// The variance of a window, by Welford's method with compensated sums: the steps of pandas in their order, because
/// flags depend on the last bit.
#[derive(Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
    compensation_of_added: f64,
    compensation_of_removed: f64,
    previous: f64,
    /// How many of the last values are the same: their variance is zero whatever the arithmetic says.
    same: f64,
}

impl Variance {
    /// Forgets everything. `first` is the first value of the window that follows, NaN or not.
    pub(super) fn restart(&mut self, first: f64) {
        *self = Self { previous: first, ..Self::default() };
    }

    /// Takes in a value; NaN is none.
    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count += 1.0;
        self.same = if value == self.previous { self.same + 1.0 } else { 1.0 };
        self.previous = value;
        let (mean_before, delta) = step(value, self.mean, &mut self.compensation_of_added);
        self.mean += delta / self.count;
        self.squares += (value - mean_before) * (value - self.mean);
    }

    /// Takes out a value that was taken in.
    pub(super) fn remove(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count -= 1.0;
        if self.count == 0.0 {
            self.mean = 0.0;
            self.squares = 0.0;
            return;
        }
        let (mean_before, delta) = step(value, self.mean, &mut self.compensation_of_removed);
        self.mean -= delta / self.count;
        self.squares -= (value - mean_before) * (value - self.mean);
    }

    /// How many values there are.
    pub(super) const fn count(&self) -> f64 {
        self.count
    }

    /// The population's standard deviation.
    pub(super) fn deviation(&self) -> f64 {
        if self.count == 1.0 || self.same >= self.count {
            return 0.0;
        }
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
        for value in [9.0, 1.0, 5.0, f64::NAN] {
            variance.add(value);
        }
        variance.remove(9.0);
        assert_eq!((variance.count(), variance.deviation()), (2.0, 2.0));
    }
}

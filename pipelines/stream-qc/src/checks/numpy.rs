//! Arithmetic in the order in which numpy does it, where flags depend on the last bit.

use std::ops::Range;

use crate::series::NAT;

const BLOCK: usize = 128;

/// The sum of a contiguous array: eight running sums in blocks, halves above.
pub(super) fn sum(values: &[f64]) -> f64 {
    let length = values.len();
    if length < 8 {
        return values.iter().fold(-0.0, |sum, value| sum + value);
    }
    if length <= BLOCK {
        return sum_of_block(values);
    }
    let half = length / 2;
    let (left, right) = values.split_at(half - half % 8);
    sum(left) + sum(right)
}

fn sum_of_block(values: &[f64]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [-0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += value;
        }
    }
    let halves = [&sums[..4], &sums[4..]].map(|half| (half[0] + half[1]) + (half[2] + half[3]));
    rest.iter().fold(halves[0] + halves[1], |sum, value| sum + value)
}

/// A percentile of sorted values, interpolated linearly.
pub(super) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let last = sorted.len() - 1;
    let index = last as f64 * (percent / 100.0);
    if index >= last as f64 {
        // numpy interpolates between the last value and itself: infinity less infinity is NaN there too.
        return interpolate(sorted[last], sorted[last], index + 1.0);
    }
    let before = index.floor();
    interpolate(sorted[before as usize], sorted[before as usize + 1], index - before)
}

fn interpolate(from: f64, to: f64, share: f64) -> f64 {
    let step = to - from;
    if share >= 0.5 { to - step * (1.0 - share) } else { from + step * share }
}

/// The difference of two times in nanoseconds; [`NAT`] if one is missing.
pub(crate) const fn difference(later: i64, earlier: i64) -> i64 {
    if later == NAT || earlier == NAT { NAT } else { later.wrapping_sub(earlier) }
}

/// Nanoseconds as whole seconds, rounded down. A missing time is a large negative number, as in numpy.
pub(super) fn whole_seconds(nanoseconds: i64) -> f64 {
    if nanoseconds == NAT {
        return NAT as f64;
    }
    nanoseconds.div_euclid(1_000_000_000) as f64
}

/// The median of differences; [`NAT`] if one is, or if there are none.
pub(crate) fn median(mut differences: Vec<i64>) -> i64 {
    if differences.is_empty() || differences.contains(&NAT) {
        return NAT;
    }
    let middle = differences.len() / 2;
    let is_odd = differences.len() % 2 == 1;
    let (below, at, _) = differences.select_nth_unstable(middle);
    if is_odd {
        return *at;
    }
    below.iter().max().map_or(*at, |below| below.wrapping_add(*at) / 2)
}

/// The steps between times.
pub(crate) fn steps(times: &[i64]) -> impl Iterator<Item = i64> {
    times.windows(2).map(|pair| difference(pair[1], pair[0]))
}

/// Quotients that are a count in 64 bits; numpy makes a negative number of any beyond.
pub(super) const COUNTS: Range<f64> = 0.0..9_223_372_036_854_775_808.0;

/// Hours as the library counts them: whole seconds, in nanoseconds.
pub(super) fn hours(hours: f64) -> i64 {
    ((hours * 3600.0).trunc() as i64).wrapping_mul(1_000_000_000)
}

/// A quotient as numpy gives it for masked arrays: none where it is not finite, or nearly divides by zero.
pub(super) fn quotient(dividend: f64, divisor: f64) -> Option<f64> {
    let quotient = dividend / divisor;
    let is_unsafe = dividend.abs() * f64::MIN_POSITIVE >= divisor.abs();
    (quotient.is_finite() && !is_unsafe).then_some(quotient)
}

/// What stands under the mask where there is no quotient is the dividend.
pub(super) fn quotient_or_dividend(dividend: f64, divisor: f64) -> f64 {
    quotient(dividend, divisor).unwrap_or(dividend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_sum_is_the_one_of_numpy() {
        // By numpy 2.4: `np.sum(0.1 * np.arange(n))`.
        let sum_of = |n: u32| sum(&(0..n).map(|i| 0.1 * f64::from(i)).collect::<Vec<_>>());
        assert_eq!(sum_of(7), 2.1);
        assert_eq!(sum_of(100), 495.0);
        assert_eq!(sum_of(1000), 49_950.0);
    }

    #[test]
    fn percentiles_are_interpolated() {
        let sorted = [4.0, 4.1, 4.3, 4.5, 6.1, 6.2];
        assert_eq!(percentile(&sorted, 5.0), 4.025);
        assert!((percentile(&sorted, 95.0) - 6.175).abs() < 1e-12);
        assert_eq!(percentile(&[7.0], 50.0), 7.0);
    }

    #[test]
    fn a_median_of_an_even_number_is_cut_towards_zero() {
        assert_eq!(median(vec![4, 1, 2, 3]), 2);
        assert_eq!(median(vec![-1, -2]), -1);
        assert_eq!(median(vec![1, NAT, 3]), NAT);
    }

    #[test]
    fn seconds_are_rounded_down() {
        assert_eq!(whole_seconds(1_900_000_000), 1.0);
        assert_eq!(whole_seconds(-500_000_000), -1.0);
    }
}

//! Drift: whether values are distributed as they were.

use super::{Judgement, above};
use crate::flag::Flag;

/// Fewer values say nothing about their distribution.
const VALUES_MIN: usize = 50;

/// The share of a bin without values: a logarithm needs one.
const EMPTY_SHARE: f64 = 1e-4;

/// What the distribution is compared with, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Population stability index over bins: their inner edges, and the share that each had.
    Psi {
        /// Rising edges between bins; the first and the last bin are open.
        edges: Vec<f64>,
        /// What was in each bin; one more than edges.
        expected: Vec<f64>,
    },
    /// Kolmogorov and Smirnov's distance from a sample.
    Ks {
        /// The sample, sorted.
        sample: Vec<f64>,
    },
}

/// The values that were looked at so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    count: usize,
    /// How many are in each bin.
    bins: Vec<usize>,
    /// All of them, where a sample is compared with.
    all: Vec<f64>,
}

/// How far the distribution may have moved.
///
/// ```toml
/// drift = { method = "psi", edges = [0, 10, 20], expected = [0.25, 0.25, 0.25, 0.25], suspect = 0.1, fail = 0.25 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// What it is compared with.
    pub reference: Reference,
    /// From it on the series is SUSPECT.
    pub suspect: f64,
    /// From it on the series is FAIL.
    pub fail: f64,
}

impl Drift {
    /// Takes in the next values.
    pub fn add(&self, so_far: &mut Values, values: &[f64]) {
        let present = values.iter().copied().filter(|value| value.is_finite());
        match &self.reference {
            Reference::Psi { edges, .. } => {
                so_far.bins.resize(edges.len() + 1, 0);
                for value in present {
                    so_far.bins[edges.partition_point(|edge| *edge <= value)] += 1;
                }
                so_far.count = so_far.bins.iter().sum();
            }
            Reference::Ks { .. } => {
                so_far.all.extend(present);
                so_far.count = so_far.all.len();
            }
        }
    }

    /// UNKNOWN with fewer than 50 values.
    pub fn judge(&self, values: &mut Values) -> Judgement {
        if values.count < VALUES_MIN {
            let message = format!("{} values; a distribution needs {VALUES_MIN}", values.count);
            return Judgement::new(Flag::Unknown, message);
        }
        values.all.sort_unstable_by(f64::total_cmp);
        let (name, distance) = match &self.reference {
            Reference::Psi { expected, .. } => ("PSI", psi(&values.shares(), expected)),
            Reference::Ks { sample } => ("D", ks(&values.all, sample)),
        };
        // A distance at a limit is beyond it.
        let flag = above(distance, Some(self.suspect.next_down()), Some(self.fail.next_down()));
        Judgement::new(flag, format!("{name} is {distance:.4}"))
    }
}

impl Values {
    fn shares(&self) -> Vec<f64> {
        self.bins.iter().map(|count| *count as f64 / self.count as f64).collect()
    }
}

/// The sum over bins of (actual - expected) ln(actual / expected).
fn psi(actual: &[f64], expected: &[f64]) -> f64 {
    let total: f64 = expected.iter().sum();
    let filled = |share: f64| if share == 0.0 { EMPTY_SHARE } else { share };
    let bins = actual.iter().zip(expected).map(|(a, e)| (filled(*a), filled(e / total)));
    bins.map(|(actual, expected)| (actual - expected) * (actual / expected).ln()).sum()
}

/// The largest distance between the cumulative distributions of two sorted samples.
fn ks(one: &[f64], other: &[f64]) -> f64 {
    let share = |sorted: &[f64], value: f64| {
        sorted.partition_point(|it| *it <= value) as f64 / sorted.len() as f64
    };
    let values = one.iter().chain(other);
    values.map(|value| (share(one, *value) - share(other, *value)).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_one_worked_out_by_hand() {
        let index = psi(&[0.1, 0.2, 0.3, 0.4], &[0.25; 4]);
        assert!((index - 0.2282).abs() < 5e-5, "{index}");
    }

    #[test]
    fn values_fall_in_open_bins() {
        let reference = Reference::Psi { edges: vec![0.0, 5.0], expected: vec![1.0; 3] };
        let (drift, mut values) = (Drift { reference, suspect: 0.1, fail: 0.2 }, Values::default());
        drift.add(&mut values, &[-5.0, 0.0, f64::NAN]);
        drift.add(&mut values, &[1.0, 9.0]);
        assert_eq!(values.shares(), [0.25, 0.5, 0.25]);
    }

    #[test]
    fn the_same_sample_has_no_distance_and_another_range_the_greatest() {
        assert_eq!(ks(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(ks(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
    }
}

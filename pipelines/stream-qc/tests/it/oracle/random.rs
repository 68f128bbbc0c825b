//! Random series and parameters, with everything that is awkward about them.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use stepwell_stream_qc::series::NAT;

const SECOND: i64 = 1_000_000_000;

/// March 2026, in seconds since 1970.
const START: i64 = 1_772_323_200;

pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.0.random_bool(share)
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub(crate) fn float(&mut self, low: f64, high: f64) -> f64 {
        self.0.random_range(low..high)
    }

    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let is_there = self.chance(0.6);
        is_there.then(|| make(self))
    }

    /// Mostly short, sometimes none, sometimes long enough for sums in blocks.
    pub(crate) fn length(&mut self) -> usize {
        match self.below(100) {
            0..5 => self.below(3),
            5..90 => self.below(61),
            90..98 => 60 + self.below(300),
            _ => 360 + self.below(1500),
        }
    }

    /// A limit: zero, one that values meet exactly, or any.
    pub(crate) fn limit(&mut self) -> f64 {
        match self.below(4) {
            0 => 0.0,
            1 => self.pick(&[0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 3.0, 4.0, 8.0]),
            2 => self.float(0.0, 10.0),
            _ => self.float(0.0, 1.0),
        }
    }

    /// A limit, or one of those that only the library takes: below zero, or infinite.
    pub(crate) fn threshold(&mut self) -> f64 {
        match self.below(10) {
            0 => -self.limit(),
            1 => self.pick(&[f64::INFINITY, f64::NEG_INFINITY]),
            _ => self.limit(),
        }
    }

    /// Hours: usual ones, none, negative ones, and too many to count in nanoseconds.
    pub(crate) fn hours(&mut self) -> f64 {
        match self.below(10) {
            0..3 => self.pick(&[0.0, 0.25, 1.0, 2.0, 2.5]),
            3..6 => self.float(0.0, 3.0),
            6..8 => self.float(0.0, 0.01),
            8 => -self.float(0.0, 3.0),
            _ => self.pick(&[1e6, 1e12, 3e12, 1e15, -1e12, 1e16, 1e300]),
        }
    }

    /// Two numbers between which values may be.
    pub(crate) fn span(&mut self) -> [f64; 2] {
        let ends = [-1e3, -5.0, 0.0, 1.0, 2.0, 3.0, 5.0, 9.0, 20.0];
        if self.chance(0.1) {
            [self.pick(&ends), self.pick(&[f64::INFINITY, f64::NEG_INFINITY])]
        } else if self.chance(0.5) {
            [self.pick(&ends), self.pick(&ends)]
        } else {
            [self.float(-5.0, 5.0), self.float(0.0, 15.0)]
        }
    }

    pub(crate) fn values(&mut self, length: usize) -> Vec<f64> {
        let mut values = self.plain_values(length);
        if self.chance(0.6) {
            let share = self.pick(&[0.05, 0.12, 0.4, 1.0]);
            for value in &mut values {
                if self.chance(share) {
                    *value = f64::NAN;
                }
            }
        }
        if self.chance(0.2) {
            for value in &mut values {
                if self.chance(0.1) {
                    *value = self.pick(&[f64::INFINITY, f64::NEG_INFINITY]);
                }
            }
        }
        values
    }

    fn plain_values(&mut self, length: usize) -> Vec<f64> {
        let kind = self.below(8);
        let (scale, offset) = (self.pick(&[1e-3, 0.1, 1.0, 50.0]), self.pick(&[0.0, 10.0, 1e6]));
        let mut level = 0.0;
        let mut values: Vec<f64> = Vec::with_capacity(length);
        for at in 0..length {
            let before = values.last().copied().unwrap_or(offset);
            level += self.float(-1.0, 1.0);
            values.push(match kind {
                0 | 1 => self.pick(&[1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 9.0]),
                2 => self.float(-10.0, 10.0),
                3 => (level * scale * 10.0).round() / 10.0,
                4 => offset + level * scale,
                5 if self.chance(0.8) => before,
                5 => offset + self.float(-5.0, 5.0),
                6 => (at as f64 * 0.3).sin() * 5.0 + self.pick(&[0.0, 0.0, 0.0, 7.0]),
                _ => self.pick(&[0.0, -0.0, 1.0, 1e300, -1e300, 1.5e308, -1.5e308, 5e-324]),
            });
        }
        values
    }

    /// Times of every kind, also such as no clock gives.
    pub(crate) fn times(&mut self, length: usize) -> Vec<i64> {
        let mut times = self.rising_times(length);
        match self.below(12) {
            0 => times.reverse(),
            1 => {
                for at in 1..times.len() {
                    if self.chance(0.2) {
                        times.swap(at - 1, at);
                    }
                }
            }
            2 => {
                for at in 1..times.len() {
                    if self.chance(0.4) {
                        times[at] = times[at - 1];
                    }
                }
            }
            3 => times.fill(START * SECOND),
            4 => {
                for at in 1..times.len() {
                    times[at] = times[at - 1] + self.pick(&[-3600, -1, 0, 1, 60, 7200]) * SECOND;
                }
            }
            5 => {
                let share = self.pick(&[0.05, 0.3, 1.0]);
                for time in &mut times {
                    if self.chance(share) {
                        *time = NAT;
                    }
                }
            }
            _ => {}
        }
        times
    }

    /// Times that rise, with regular and irregular steps, some of less than a second.
    pub(crate) fn rising_times(&mut self, length: usize) -> Vec<i64> {
        let regular = self.pick(&[1, 60, 120, 600, 3600, 9000, 86_400]) * SECOND;
        let kind = self.below(8);
        let mut time = START * SECOND + self.below(400 * 86_400) as i64 * SECOND;
        (0..length)
            .map(|_| {
                time += match kind {
                    0..3 => regular,
                    3 => self.pick(&[60, 120, 3600, 9000]) * SECOND,
                    4 => self.below(7200) as i64 * SECOND,
                    5 => self.pick(&[SECOND / 2, SECOND / 4, 1_900_000_000, SECOND, 999_999_999]),
                    6 => self.below(3 * SECOND as usize) as i64,
                    _ => regular * self.pick(&[1, 1, 1, 1, 1, 1, 10, 100]),
                };
                time
            })
            .collect()
    }

    pub(crate) fn places(&mut self, length: usize) -> (Vec<f64>, Vec<f64>) {
        let mut place = (self.float(-180.0, 180.0), self.float(-90.0, 90.0));
        let step = self.pick(&[0.0, 0.001, 0.05, 1.0, 60.0]);
        let awkward = self.chance(0.5);
        let places = (0..length).map(|_| {
            if step > 0.0 {
                place = (place.0 + self.float(-step, step), place.1 + self.float(-step, step));
            }
            if !awkward {
                return place;
            }
            let mut coordinate = |value: f64, ends: [f64; 4]| match self.below(12) {
                0 => f64::NAN,
                1 => self.pick(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
                2 | 3 => self.pick(&ends),
                _ => value,
            };
            (
                coordinate(place.0, [180.0, -180.0, 0.0, 190.0]),
                coordinate(place.1, [90.0, -90.0, 0.0, 91.0]),
            )
        });
        places.unzip()
    }
}

/// An array of numbers, exact to the bit.
pub(crate) fn numbers(values: &[f64]) -> Value {
    json!({ "f64": values.iter().map(|value| value.to_bits()).collect::<Vec<_>>() })
}

/// A number; JSON has none that are infinite.
pub(crate) fn real(number: f64) -> Value {
    if number.is_finite() { json!(number) } else { json!({ "float": number.to_string() }) }
}

pub(crate) fn instants(times: &[i64]) -> Value {
    json!({ "ns": times })
}

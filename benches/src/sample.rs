//! Latencies of repeated work, and what is said of them.

use std::fmt;
use std::time::{Duration, Instant};

/// Latencies, in the order of size once the sample has ended.
#[derive(Debug)]
pub(crate) struct Latencies {
    started: Instant,
    took: Duration,
    each: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), took: Duration::ZERO, each: Vec::new() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        self.each.push(latency);
    }

    pub(crate) fn extend(&mut self, latencies: Vec<Duration>) {
        self.each.extend(latencies);
    }

    pub(crate) fn end(mut self) -> Self {
        self.took = self.started.elapsed();
        self.each.sort_unstable();
        self
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.each.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the sample does not exceed.
    pub(crate) fn at(&self, share: f64) -> Millis {
        let last = self.each.len().saturating_sub(1);
        let index = (self.each.len() as f64 * share) as usize;
        Millis(self.each.get(index.min(last)).copied().unwrap_or_default().as_secs_f64() * 1000.0)
    }
}

/// Milliseconds as people read them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Millis(pub(crate) f64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            short if short < 10.0 => write!(f, "{short:.2} ms"),
            long => write!(f, "{long:.0} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_sample() {
        let mut latencies = Latencies::start();
        latencies.extend((1..=100).rev().map(Duration::from_millis).collect());
        let latencies = latencies.end();
        assert_eq!(latencies.at(0.5), Millis(51.0));
        assert_eq!(latencies.at(1.0), Millis(100.0));
    }

    #[test]
    fn an_empty_sample_has_no_latency() {
        assert_eq!(Latencies::start().end().at(0.5), Millis(0.0));
    }
}

//! The delays of a Retrier.

use std::time::Duration;

use crate::model::{Jitter, Retrier};

/// The longest delay: what `IntervalSeconds` itself may be at most.
const DELAY_SECONDS_MAX: f64 = 99_999_999.0;

impl Retrier {
    /// The delay before retry number `attempt` (from 1), or nothing once the attempts are used up.
    ///
    /// `interval * backoff_rate^(attempt - 1)`, capped by `MaxDelaySeconds`; with full jitter it is drawn
    /// uniformly from `0..=delay` by `draw`, a number in `0.0..1.0` that the caller records through the result.
    /// Resolution is one millisecond.
    ///
    /// Source: Amazon States Language, "Retrying after error".
    pub fn delay(&self, attempt: u64, draw: f64) -> Option<Duration> {
        if attempt == 0 || attempt > self.max_attempts {
            return None;
        }
        let retries_before = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
        let grown = self.interval_seconds as f64 * self.backoff_rate.powi(retries_before);
        let cap = self.max_delay_seconds.map_or(DELAY_SECONDS_MAX, |seconds| seconds as f64);
        let delay = grown.min(cap).min(DELAY_SECONDS_MAX);
        let drawn = match self.jitter {
            Jitter::None => delay,
            Jitter::Full => delay * draw.clamp(0.0, 1.0),
        };
        Some(Duration::from_millis((drawn * 1000.0).round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_name::ErrorMatcher;

    fn retrier() -> Retrier {
        Retrier {
            errors: ErrorMatcher::new(vec!["States.ALL".to_owned()]),
            interval_seconds: 3,
            max_attempts: 4,
            backoff_rate: 2.0,
            max_delay_seconds: None,
            jitter: Jitter::None,
        }
    }

    fn delays(retrier: &Retrier) -> Vec<f64> {
        (1..).map_while(|n| retrier.delay(n, 0.5)).map(|d| d.as_secs_f64()).collect()
    }

    #[test]
    fn delays_grow_until_the_attempts_are_used_up() {
        assert_eq!(delays(&retrier()), [3.0, 6.0, 12.0, 24.0]);
    }

    #[test]
    fn no_attempts_means_no_retry() {
        assert!(delays(&Retrier { max_attempts: 0, ..retrier() }).is_empty());
    }

    #[test]
    fn a_cap_holds_before_jitter_is_drawn() {
        let capped = Retrier { max_delay_seconds: Some(5), ..retrier() };
        assert_eq!(delays(&capped), [3.0, 5.0, 5.0, 5.0]);
        assert_eq!(delays(&Retrier { jitter: Jitter::Full, ..capped }), [1.5, 2.5, 2.5, 2.5]);
    }

    #[test]
    fn fractional_rates_round_to_the_millisecond() {
        let gentle = Retrier { interval_seconds: 1, backoff_rate: 1.1115, ..retrier() };
        assert_eq!(gentle.delay(2, 0.0), Some(Duration::from_millis(1112)));
    }

    #[test]
    fn huge_rates_do_not_overflow() {
        let wild = Retrier { backoff_rate: 1e300, max_attempts: u64::MAX, ..retrier() };
        assert_eq!(wild.delay(u64::MAX, 0.0), Some(Duration::from_secs(99_999_999)));
    }
}

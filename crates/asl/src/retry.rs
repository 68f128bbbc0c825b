//! The delays of a Retrier.

use std::time::Duration;

use crate::model::Retrier;

impl Retrier {
    /// The delay before retry number `attempt` (from 1), or nothing once the attempts are used up.
    ///
    /// `interval * backoff_rate^(attempt - 1)`, capped by `MaxDelaySeconds`; with full jitter it is drawn
    /// uniformly from `0..=delay` by `draw`, a number in `0.0..1.0` that the caller records through the result.
    pub fn delay(&self, attempt: u64, draw: f64) -> Option<Duration> {
        let _ = (attempt, draw);
        todo!()
    }
}

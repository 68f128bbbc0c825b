//! How long a piece of work may go on.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time that one invocation has, until it ends or is no longer wanted.
#[derive(Debug, Clone)]
pub struct Slice {
    begins: Instant,
    ends: Option<Instant>,
    stop: CancellationToken,
}

impl Slice {
    /// From now on.
    pub fn until(ends: Instant, stop: CancellationToken) -> Self {
        Self { begins: Instant::now(), ends: Some(ends), stop }
    }

    /// The same without its end: only where it is no longer wanted, it is left off.
    pub(super) fn without_end(&self) -> Self {
        Self { ends: None, ..self.clone() }
    }

    /// As long as it takes.
    pub fn endless() -> Self {
        Self { begins: Instant::now(), ends: None, stop: CancellationToken::new() }
    }

    /// True once the work should be left off.
    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled() || self.ends.is_some_and(|ends| Instant::now() >= ends)
    }

    /// True once it is likely that the work will be left off before it is done.
    pub(super) fn is_half_over(&self) -> bool {
        let half_over = |ends: Instant| self.begins.elapsed() * 2 >= ends - self.begins;
        self.stop.is_cancelled() || self.ends.is_some_and(half_over)
    }
}

//! What a function knows about the invocation it serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::progress::Progress;

/// One invocation.
#[derive(Clone)]
pub struct Context {
    /// The same for every delivery of one attempt: a second delivery after a crash can be recognised.
    pub idempotency_key: Arc<str>,
    /// When the slice should end, checkpoint saved, with `IN_PROGRESS`. Well before the hard time-out.
    pub slice_ends: Instant,
    /// Cancelled when the outcome is no longer wanted or the process shuts down.
    pub stop: CancellationToken,
    /// Where progress is told.
    pub progress: Arc<dyn Progress>,
}

impl Context {
    /// True once a function that works in slices should save its checkpoint and return.
    pub fn slice_is_over(&self) -> bool {
        self.stop.is_cancelled() || self.remaining().is_zero()
    }

    /// The time left in this slice.
    pub fn remaining(&self) -> Duration {
        self.slice_ends.saturating_duration_since(Instant::now())
    }
}

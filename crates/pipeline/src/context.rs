//! What a function knows about the invocation it serves. Who calls it, and how the outcome travels, is
//! left to [`crate::invoke`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::progress::{Progress, Silent};

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
    /// An invocation that starts now, may work for `slice`, is never stopped and tells nobody.
    pub fn starting_now(idempotency_key: &str, slice: Duration) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            slice_ends: Instant::now() + slice,
            stop: CancellationToken::new(),
            progress: Arc::new(Silent),
        }
    }

    /// True once a function that works in slices should save its checkpoint and return.
    pub fn slice_is_over(&self) -> bool {
        self.stop.is_cancelled() || self.remaining().is_zero()
    }

    /// The time left in this slice.
    pub fn remaining(&self) -> Duration {
        self.slice_ends.saturating_duration_since(Instant::now())
    }

    /// Sleeps for `wait` if it ends within the slice.
    ///
    /// # Errors
    /// [`NotNow`] at once if the slice would be over first, and as soon as `stop` is cancelled: the function
    /// then returns `IN_PROGRESS` with that wait, and a Wait state serves it.
    pub async fn sleep(&self, wait: Duration) -> Result<(), NotNow> {
        self.sleep_until(Instant::now() + wait).await
    }

    /// As [`Self::sleep`], to a moment.
    ///
    /// # Errors
    /// As [`Self::sleep`].
    pub async fn sleep_until(&self, moment: Instant) -> Result<(), NotNow> {
        let not_now = || NotNow { wait: moment.saturating_duration_since(Instant::now()) };
        if moment > self.slice_ends.max(Instant::now()) {
            return Err(not_now());
        }
        tokio::select! {
            () = self.stop.cancelled() => Err(not_now()),
            () = tokio::time::sleep_until(moment) => Ok(()),
        }
    }
}

/// What the function waits for does not come within this slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not within this slice; worth a try in {} s", wait.as_secs_f64().ceil())]
pub struct NotNow {
    /// How long to wait before the next invocation.
    pub wait: Duration,
}

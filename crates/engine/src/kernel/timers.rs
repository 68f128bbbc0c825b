//! When to wake which execution: at most one instant per execution, in memory only. After a restart it is
//! derived from the store.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::store::ExecutionId;

/// The armed wake-ups in the order of their time.
///
/// A sorted set and not a heap: a wake-up that moves is taken out, so that tasks with long time-outs that
/// end early leave nothing behind.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, ExecutionId)>);

impl Timers {
    /// Moves the wake-up of an execution from `armed` to `next`.
    pub(super) fn rearm(
        &mut self,
        id: ExecutionId,
        armed: &mut Option<Timestamp>,
        next: Option<Timestamp>,
    ) {
        if *armed == next {
            return;
        }
        if let Some(at) = armed.take() {
            self.0.remove(&(at, id));
        }
        if let Some(at) = next {
            self.0.insert((at, id));
        }
        *armed = next;
    }

    /// The earliest wake-up.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes out one wake-up that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<ExecutionId> {
        let (at, _) = self.0.first()?;
        if *at > now {
            return None;
        }
        self.0.pop_first().map(|(_, id)| id)
    }
}

//! What stands in for the journal of an execution that has none: a child of type EXPRESS of a Map run.
//!
//! Of such a one only its row is kept: that it started, how often it was redriven, whether it ended. These entries say the
//! same and nothing between, so that folding them gives an execution that runs from its first state, or one that ended
//! without success and can be redriven. An end with success is never folded again.
//!
//! Left to others: what is kept (the engine's store).

use jiff::Timestamp;

use crate::event::{Entry, Event, EventId, Reason, RedriveFrom};
use crate::frame::ROOT;
use crate::limits::Limits;
use crate::start::Start;

/// What is kept of an execution without a journal.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// What it is held to.
    pub limits: Limits,
    /// How often it was redriven, and when last.
    pub redrives: u32,
    /// See [`Self::redrives`].
    pub redriven_at: Option<Timestamp>,
    /// Whether it ended without success.
    pub has_failed: bool,
}

/// The entries that stand in for a journal.
pub fn stand_in(start: &Start, kept: &Kept) -> Vec<Entry> {
    let input = start.input.clone();
    let role_arn = start.context.role_arn.clone();
    let mut events = vec![Event::ExecutionStarted { input, role_arn, limits: kept.limits }];
    for count in 1..=kept.redrives {
        events.extend([end(), redrive(start, count)]);
    }
    events.extend(kept.has_failed.then(end));
    let at = kept.redriven_at.unwrap_or(start.context.start_time);
    events.into_iter().zip(1..).map(|(event, id)| entry(event, id, at)).collect()
}

fn entry(event: Event, id: EventId, at: Timestamp) -> Entry {
    Entry { id: Some(id), previous: id - 1, at, frame: ROOT, event }
}

/// How it ended is in its row, and decides nothing: it begins at its first state again.
fn end() -> Event {
    Event::ExecutionAborted(Reason { error: None, cause: None })
}

fn redrive(start: &Start, count: u32) -> Event {
    let from = RedriveFrom { state: start.definition.start_at, input: start.input.clone() };
    Event::ExecutionRedriven { count, token: None, from: Some(from) }
}

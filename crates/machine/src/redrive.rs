//! Redrives: what may go on after its end, and where.
//!
//! Left to others: what it goes on with (`apply::redrive`), how long after its end that is allowed (the engine).

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stepwell_asl::StateMachine;
use stepwell_asl::model::{Catcher, State, StateId, StateKind, Transition};

use crate::decide::Decider;
use crate::event::{Event, EventId, RedriveFrom};
use crate::frame::ROOT;
use crate::limits::{HISTORY_EVENTS_MAX, Limits};
use crate::run::{Phase, Run};

/// How many redrives are remembered by their tokens. Source: API reference, `RedriveExecution`, `clientToken`.
pub(crate) const TOKENS_MAX: usize = 10;

/// For how long. Source: as above.
const TOKEN_VALID: Duration = Duration::from_mins(15);

/// Events that a history held to AWS's limits must have less of: there is a place for `ExecutionRedriven` and one more.
const EVENTS_BEFORE_REDRIVE_MAX: EventId = HISTORY_EVENTS_MAX - 1;

impl Phase {
    /// Whether it ended without success.
    pub fn is_redrivable(&self) -> bool {
        match self {
            Self::Running | Self::Succeeded { .. } => false,
            Self::Failed { .. } | Self::TimedOut { .. } | Self::Aborted { .. } => true,
        }
    }

    /// The error that it ended with.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Running | Self::Succeeded { .. } => None,
            Self::Failed { error, .. }
            | Self::TimedOut { error, .. }
            | Self::Aborted { error, .. } => error.as_deref(),
        }
    }
}

impl Run {
    /// How often it was redriven.
    pub fn redrives(&self) -> u32 {
        self.folded.redrives
    }

    /// When it was last redriven.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.folded.redriven_at
    }

    /// When a request with this token redrove it, if that counts still.
    pub fn redriven_by(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        let valid = SignedDuration::try_from(TOKEN_VALID).unwrap_or(SignedDuration::MAX);
        let counts = |at: &Timestamp| now.duration_since(*at) <= valid;
        let tokens = self.folded.redrive_tokens.iter().rev();
        tokens.filter(|(known, _)| **known == *token).map(|(_, at)| *at).find(counts)
    }

    /// Whether its history is so long that it cannot be redriven.
    pub fn has_full_history(&self) -> bool {
        is_full_history(self.folded.limits, self.folded.last_event)
    }

    /// The state that it stands in, or failed in, that is in no other.
    pub fn outer_state(&self) -> Option<&State> {
        let frame = self.folded.frame(ROOT).or_else(|| self.folded.laid_up.get(&ROOT))?;
        self.machine().get(frame.state)
    }
}

/// Whether a history is so long that its execution cannot be redriven: AWS's rule for those that are held to its limits.
///
/// Source: Developer Guide, "Redrive eligibility for unsuccessful executions".
pub fn is_full_history(limits: Limits, events: EventId) -> bool {
    limits == Limits::Aws && events >= EVENTS_BEFORE_REDRIVE_MAX
}

impl Decider<'_> {
    pub(crate) fn redrive(
        &mut self,
        token: Option<std::sync::Arc<str>>,
        from: Option<RedriveFrom>,
    ) {
        let count = self.run.folded.redrives + 1;
        let previous = self.run.folded.last_event;
        self.emit_after(ROOT, previous, Event::ExecutionRedriven { count, token, from });
    }
}

/// The state with this name that a machine can come to and that is in no other state.
pub fn outer_state<'m>(machine: &'m StateMachine, name: &str) -> Option<&'m State> {
    let mut seen = BTreeSet::from([machine.start_at]);
    let mut ahead = vec![machine.start_at];
    while let Some(state) = ahead.pop().and_then(|id| machine.get(id)) {
        if *state.name == *name {
            return Some(state);
        }
        ahead.extend(followers(&state.kind).into_iter().filter(|next| seen.insert(*next)));
    }
    None
}

/// Where a state may lead.
fn followers(kind: &StateKind) -> Vec<StateId> {
    match kind {
        StateKind::Pass(it) => after(it.transition, &[]),
        StateKind::Wait(it) => after(it.transition, &[]),
        StateKind::Task(it) => after(it.transition, &it.catch),
        StateKind::Parallel(it) => after(it.transition, &it.catch),
        StateKind::Map(it) => after(it.transition, &it.catch),
        StateKind::Choice(it) => {
            it.choices.iter().map(|rule| rule.next).chain(it.default).collect()
        }
        StateKind::Succeed(_) | StateKind::Fail(_) => Vec::new(),
    }
}

fn after(transition: Transition, catchers: &[Catcher]) -> Vec<StateId> {
    let next = match transition {
        Transition::Next(next) => Some(next),
        Transition::End => None,
    };
    next.into_iter().chain(catchers.iter().map(|catcher| catcher.next)).collect()
}

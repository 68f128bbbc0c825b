//! Mistakes that an engine could make, made on purpose between the production kernel and its disk.
//!
//! A simulation that never failed proves nothing: each mutant must be caught by one of its checks. The
//! product knows nothing of them.

use stepwell_engine::kernel::{Action, Write};
use stepwell_engine::store::Record;

/// An engine with a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Hands a task to its handler before `TaskScheduled` is on disk.
    DispatchBeforeCommit,
    /// Cancels tasks and tells subscribers before what justifies it is on disk.
    ActBeforeCommit,
    /// Answers a request before what it tells of is on disk.
    AckBeforeCommit,
    /// Writes down another time than the one at which a waiting execution goes on.
    LostTimer,
    /// Appends the entries of a turn twice.
    ApplyTwice,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 5] = [
        Self::DispatchBeforeCommit,
        Self::ActBeforeCommit,
        Self::AckBeforeCommit,
        Self::LostTimer,
        Self::ApplyTwice,
    ];

    /// Spoils a write that has just left the kernel. Gives the actions that do not wait for its commit.
    pub(crate) fn spoil(self, write: &mut Write) -> Vec<Action> {
        match self {
            Self::DispatchBeforeCommit => premature(write, |it| matches!(it, Action::Dispatch(_))),
            Self::ActBeforeCommit => {
                premature(write, |it| matches!(it, Action::Cancel { .. } | Action::Announce(_)))
            }
            Self::AckBeforeCommit => premature(write, |it| matches!(it, Action::Answer(_))),
            Self::LostTimer | Self::ApplyTwice => {
                write.records.iter_mut().for_each(|record| self.spoil_record(record));
                Vec::new()
            }
        }
    }

    fn spoil_record(self, record: &mut Record) {
        let Record::Turn(turn) = record else { return };
        if self == Self::ApplyTwice {
            turn.entries.extend(turn.entries.clone());
        } else if let Some(wakeup) = &mut turn.standing.next_wakeup {
            *wakeup = "9999-01-01T00:00:00Z".parse().expect("it is a timestamp");
        }
    }
}

fn premature(write: &mut Write, is_premature: impl Fn(&Action) -> bool) -> Vec<Action> {
    let actions = std::mem::take(&mut write.actions);
    let (early, late) = actions.into_iter().partition(is_premature);
    write.actions = late;
    early
}

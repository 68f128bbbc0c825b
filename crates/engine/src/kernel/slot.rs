//! One execution in the kernel: what has come in for it, and what it is doing.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Activities, DecideContext, Decision, Input, Payload, Phase, Run, decide};

use super::activities::Worker;
use super::event::Reply;
use super::redrive::Waiting;
use super::write::TaskOrder;
use crate::clock::Entropy;
use crate::limits::TURN_ENTRIES_MAX;
use crate::record::{Started, Status};
use crate::store::{Birth, ChildRow, DefinitionId, MapRunId, Record, StateMachineId};

/// A place for one execution, from its start until its end is on disk.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) state_machine: StateMachineId,
    pub(super) name: Arc<str>,
    pub(super) life: Life,
    pub(super) inbox: VecDeque<Letter>,
    /// Whether it stands in the queue of those that have something to do.
    pub(super) queued: bool,
    /// The wake-up that is armed for it.
    pub(super) armed: Option<Timestamp>,
    /// Who wants to know when it has ended.
    pub(super) waiters: Vec<Reply<()>>,
    /// Set for a child of a Map run.
    pub(super) child: Option<ChildRow>,
    /// Who wants it to go on once its end is on disk.
    pub(super) redrives: Vec<Waiting>,
    /// Its Map runs that have not ended.
    pub(super) map_runs: Vec<MapRunId>,
}

impl Slot {
    pub(super) fn new(state_machine: StateMachineId, name: Arc<str>, life: Life) -> Self {
        Self {
            state_machine,
            name,
            life,
            inbox: VecDeque::new(),
            queued: false,
            armed: None,
            waiters: Vec::new(),
            child: None,
            redrives: Vec::new(),
            map_runs: Vec::new(),
        }
    }
}

/// How much of an execution is in memory.
#[derive(Debug)]
pub(super) enum Life {
    /// Nothing but its place: its journal is folded when something comes in for it.
    Dormant,
    /// Folded.
    Awake(Box<Awake>),
    /// Ended, though its end may not be on disk yet.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        status: Status,
        /// The number of the write that has its end.
        write: u64,
    },
    /// Its journal cannot be folded by this program; it is left as it is on disk.
    Unreadable {
        /// Why.
        reason: Arc<str>,
    },
}

/// Something that came in for an execution, and who waits for what follows from it.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) input: Input,
    pub(super) receipt: Option<Receipt>,
    /// Goes to disk with the turn that takes the letter in.
    pub(super) record: Option<Record>,
}

/// Whom to answer once the consequences of a letter are on disk.
#[derive(Debug)]
pub(super) enum Receipt {
    Started(Reply<Started>),
    Stopped(Reply<Timestamp>),
    Redriven(Reply<Timestamp>),
    /// Somebody with a task token.
    Heard(Reply<()>),
    /// A worker of an activity, who gets the task.
    Taken {
        order: Box<TaskOrder>,
        worker: Worker,
    },
}

impl From<Input> for Letter {
    fn from(input: Input) -> Self {
        Self { input, receipt: None, record: None }
    }
}

impl Letter {
    /// A letter whose sender waits for its consequences.
    pub(super) fn with_receipt(input: Input, receipt: Receipt) -> Self {
        Self { receipt: Some(receipt), ..input.into() }
    }
}

/// An execution that is folded.
#[derive(Debug)]
pub(super) struct Awake {
    pub(super) run: Run,
    pub(super) arn: Arc<str>,
    /// The revision that it runs.
    pub(super) definition: DefinitionId,
    pub(super) started_at: Timestamp,
    pub(super) input: Payload,
    /// Set until the first turn is written.
    pub(super) birth: Option<Birth>,
    pub(super) next_batch: i64,
    pub(super) next_seq: i64,
    /// The last decision said that there is more to do.
    pub(super) more: bool,
    /// A child of a Map run: there may be millions, of which no subscriber is told.
    pub(super) is_child: bool,
    pub(super) keeping: Keeping,
    /// The number of the last write that it is part of.
    pub(super) last_write: u64,
    /// How often it was redriven, as of the last turn that was written.
    pub(super) redrives: u32,
}

/// What is on disk of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// All that happened: another process goes on where this one was.
    Journal,
    /// That it started and how it ended: another process begins anew. A child of type EXPRESS, of which AWS keeps no
    /// history either, is so made cheap.
    Ends {
        /// Tells what it does in this life from what it did in those before.
        life: u64,
    },
}

impl Keeping {
    /// The life that tasks belong to, if they do not outlive it.
    pub(super) fn life(self) -> Option<u64> {
        match self {
            Self::Journal => None,
            Self::Ends { life } => Some(life),
        }
    }
}

/// What an execution did with its turn.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) decision: Decision,
    /// Whom to answer, and whether what they said still mattered.
    pub(super) receipts: Vec<(Receipt, bool)>,
    /// What the letters brought with them.
    pub(super) records: Vec<Record>,
}

impl Awake {
    /// Decides what follows from the letters, as far as one turn goes: until the inbox is empty, the turn has
    /// gathered many entries, or a decision stopped at its budget.
    pub(super) fn take_turn(
        &mut self,
        inbox: &mut VecDeque<Letter>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
        activities: &Activities,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let Some(letter) = self.next_letter(inbox) else { break };
            let is_accepted = self.accepts(&letter.input);
            outcome.receipts.extend(letter.receipt.map(|receipt| (receipt, is_accepted)));
            outcome.records.extend(letter.record);
            if !is_accepted {
                continue;
            }
            let ctx = DecideContext {
                now,
                seed: entropy.next_u64(),
                secret: entropy.secret(),
                activities: activities.clone(),
            };
            let decision = decide(&mut self.run, letter.input, &ctx);
            self.more |= decision.more;
            outcome.decision.entries.extend(decision.entries);
            outcome.decision.commands.extend(decision.commands);
            if decision.more || outcome.decision.entries.len() >= TURN_ENTRIES_MAX {
                break;
            }
        }
        outcome
    }

    /// Begins a new life, if this process has to begin anew what it is.
    pub(super) fn begin_life(&mut self, entropy: &mut dyn Entropy) {
        if let Keeping::Ends { life } = &mut self.keeping {
            *life = entropy.next_u64();
        }
    }

    /// Letters go first, so that an execution in an endless loop still hears that it is stopped.
    fn next_letter(&mut self, inbox: &mut VecDeque<Letter>) -> Option<Letter> {
        if let Some(letter) = inbox.pop_front() {
            return Some(letter);
        }
        std::mem::take(&mut self.more).then(|| Input::Continue.into())
    }

    /// Whether an input still matters: outcomes arrive twice or late, and the end is the end.
    fn accepts(&self, input: &Input) -> bool {
        if self.has_ended() {
            return matches!(input, Input::Redrive { .. }) && self.run.phase().is_redrivable();
        }
        match input {
            Input::TaskFinished { scheduled, .. }
            | Input::TaskStarted { scheduled, .. }
            | Input::TaskTaken { scheduled, .. }
            | Input::TaskSubmitted { scheduled, .. }
            | Input::TaskGivenBack { scheduled }
            | Input::TaskHeartbeat { scheduled }
            | Input::MapRunFinished { scheduled, .. } => self.run.is_open(*scheduled),
            Input::TaskReported { scheduled, .. } => self.run.is_reportable(*scheduled),
            Input::Start { .. } | Input::Continue | Input::TimerFired | Input::Stop { .. } => true,
            Input::Redrive { .. } => false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.run.phase(), Phase::Running)
    }
}

//! One turn of one execution: from letters to a write.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Command, Entry, EventId, Phase};

use super::activities::{Worker, is_activity};
use super::slot::{Awake, Letter, Life, Receipt};
use super::write::{Action, Answer, Delivery, TaskOrder};
use super::{Kernel, Mode};
use crate::error::{Error, Halted};
use crate::execution_log::LogOrder;
use crate::limits::DORMANT_AFTER;
use crate::record::{Started, Status, StatusChange};
use crate::store::{End, ExecutionId, Record, Standing, Turn};

impl Kernel {
    /// Lets the Map runs go on to which something happened, and the first execution in the queue take its turn. One that has more to do goes to the back.
    ///
    /// # Errors
    /// [`Halted`] if the store cannot be read.
    pub fn step(&mut self, now: Timestamp) -> Result<(), Halted> {
        self.drive_map_runs(now)?;
        let Some(id) = self.queue.pop_front() else { return Ok(()) };
        if let Err(error) = self.wake(id) {
            return Err(self.halt(error.to_string()));
        }
        let Some(slot) = self.slots.get_mut(&id) else { return Ok(()) };
        slot.queued = false;
        match &slot.life {
            // What goes on by itself goes on after the restart; what came in is decided still.
            Life::Awake(_) if self.mode == Mode::Closing && slot.inbox.is_empty() => {}
            Life::Awake(_) => self.take_turn(id, now),
            Life::Ended { .. } | Life::Unreadable { .. } | Life::Dormant => self.turn_away(id),
        }
        Ok(())
    }

    fn take_turn(&mut self, id: ExecutionId, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Life::Awake(awake) = &mut slot.life else { return };
        // The first turn is part of the start, however long it stood in the queue: `startDate` and the time
        // of `ExecutionStarted` are one instant.
        let now = awake.birth.as_ref().map_or(now, |birth| birth.started_at);
        let activities = self.activities.known();
        let outcome = awake.take_turn(&mut slot.inbox, now, &mut *self.entropy, &activities);

        let hands_out = self.mode == Mode::Open;
        let (map_runs, commands): (Vec<_>, Vec<_>) = outcome
            .decision
            .commands
            .into_iter()
            .partition(|command| matches!(command, Command::StartMapRun(_)));
        let cancelled: Vec<EventId> = commands.iter().filter_map(cancelled).collect();
        let commands = commands.into_iter();
        let performed = commands.filter_map(|command| perform(id, awake, command, hands_out));
        let (offers, mut actions): (Vec<_>, Vec<_>) = performed.partition(is_offer);
        actions.extend(awake.announcements(now));
        let unserved = confirm_all(awake, outcome.receipts, now, &mut actions);
        let ended = awake.has_ended().then(|| status(awake.run.phase()));
        let has_ended = ended.is_some();
        if has_ended {
            let waiters = slot.waiters.drain(..);
            actions.extend(waiters.map(|reply| Action::Answer(Answer::new(reply, Ok(())))));
        }

        let revision = self.registry.known(awake.definition);
        let logged = revision.and_then(|revision| {
            let logging = &revision.row.settings.logging;
            LogOrder::of(logging, &awake.arn, &outcome.decision.entries)
        });
        actions.extend(logged.map(Action::Log));
        let standing = awake.standing(now);
        let mut records: Vec<Record> =
            awake.record(id, outcome.decision.entries, standing, now).into_iter().collect();
        if slot.inbox.is_empty() || has_ended {
            records.append(&mut slot.ended_map_runs);
        }
        let more = awake.more;
        self.timers.rearm(id, &mut slot.armed, standing.next_wakeup.filter(|_| !more));
        if more || !slot.inbox.is_empty() {
            self.enqueue(id);
        }
        let settles = has_ended || is_idle_for_long(&standing, now);
        for command in map_runs {
            records.extend(self.open_map_run(id, command, now));
        }
        // After those that the same turn opened: letters that came together may start and cancel one.
        self.cancel_map_runs(id, &cancelled, has_ended);
        if !records.is_empty() || !actions.is_empty() {
            let number = self.write(records, actions, settles.then_some(id));
            self.remember_write(id, number, ended.map(|status| (now, status)));
        }
        for offer in offers {
            if let Action::Dispatch(order) = offer {
                self.offer(order);
            }
        }
        for (activity, worker) in unserved {
            self.wait_again(&activity, worker);
        }
    }

    fn remember_write(&mut self, id: ExecutionId, number: u64, ended: Option<(Timestamp, Status)>) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match (ended, &mut slot.life) {
            (Some((at, status)), life) => *life = Life::Ended { at, status, write: number },
            (None, Life::Awake(awake)) => awake.last_write = number,
            (None, Life::Dormant | Life::Ended { .. } | Life::Unreadable { .. }) => {}
        }
    }

    /// Answers what came in for an execution that takes no more turns.
    pub(super) fn turn_away(&mut self, id: ExecutionId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let answer = match &slot.life {
            Life::Ended { at, .. } => Ok(*at),
            Life::Unreadable { reason } => Err(Error::Store { reason: reason.to_string() }),
            Life::Awake(_) | Life::Dormant => return,
        };
        let letters: Vec<Letter> = slot.inbox.drain(..).collect();
        let waiters = std::mem::take(&mut slot.waiters);
        for reply in waiters {
            self.answer(reply, answer.clone().map(drop));
        }
        for receipt in letters.into_iter().filter_map(|letter| letter.receipt) {
            match receipt {
                Receipt::Stopped(reply) => self.answer(reply, answer.clone()),
                Receipt::Heard(reply) => {
                    let answer = answer.clone().and(Err(Error::TaskTimedOut));
                    self.answer(reply, answer);
                }
                Receipt::Taken { order, worker } => {
                    self.wait_again(&order.task.resource, worker);
                }
                // A start is the first letter of an execution, and those here are past it.
                Receipt::Started(_) => {}
            }
        }
    }
}

impl Awake {
    /// How the execution stands after this turn.
    fn standing(&self, now: Timestamp) -> Standing {
        // What goes on by itself is due at once: a restart must not wait for a timer.
        let next_wakeup = if self.more { Some(now) } else { self.run.next_wakeup() };
        Standing {
            status: status(self.run.phase()),
            next_wakeup: next_wakeup.filter(|_| !self.has_ended()),
            open_tasks: if self.has_ended() { 0 } else { self.run.outstanding_count() },
        }
    }

    /// The record of this turn, if anything happened in it.
    fn record(
        &mut self,
        execution: ExecutionId,
        entries: Vec<Entry>,
        standing: Standing,
        now: Timestamp,
    ) -> Option<Record> {
        if entries.is_empty() {
            return None;
        }
        let (batch, first_seq) = (self.next_batch, self.next_seq);
        self.next_batch += 1;
        self.next_seq += entries.len() as i64;
        let (birth, end) = (self.birth.take(), end(self.run.phase(), now));
        Some(Record::Turn(Turn { execution, birth, batch, first_seq, entries, standing, end }))
    }

    /// What subscribers hear of this turn: the start, the end, both or nothing.
    fn announcements(&self, at: Timestamp) -> impl Iterator<Item = Action> {
        let is_told = !self.is_child;
        let started = (is_told && self.birth.is_some()).then_some(Status::Running);
        let ended = (is_told && self.has_ended()).then(|| status(self.run.phase()));
        let announce = move |status| {
            let execution_arn = Arc::clone(&self.arn);
            Action::Announce(StatusChange { execution_arn, status, at })
        };
        started.into_iter().chain(ended).map(announce)
    }
}

/// The action of a command. While the engine drains, no more tasks are handed out: they are outstanding on
/// disk, and the next start hands them out.
fn perform(
    execution: ExecutionId,
    awake: &Awake,
    command: Command,
    hands_out: bool,
) -> Option<Action> {
    match command {
        Command::ScheduleTask(task) => hands_out.then(|| {
            Action::Dispatch(TaskOrder { execution, execution_arn: Arc::clone(&awake.arn), task })
        }),
        Command::CancelTask { scheduled } => Some(Action::Cancel { execution, scheduled }),
        // A Map run is the kernel's own.
        Command::StartMapRun(_) => None,
    }
}

fn cancelled(command: &Command) -> Option<EventId> {
    match command {
        Command::CancelTask { scheduled } => Some(*scheduled),
        Command::ScheduleTask(_) | Command::StartMapRun(_) => None,
    }
}

/// Whether this is the task of an activity: no handler gets it, but a worker that asks.
fn is_offer(action: &Action) -> bool {
    matches!(action, Action::Dispatch(order) if is_activity(&order.task.resource))
}

/// Answers the letters of a turn; gives the workers that must wait on, with their activities.
fn confirm_all(
    awake: &Awake,
    receipts: Vec<(Receipt, bool)>,
    now: Timestamp,
    actions: &mut Vec<Action>,
) -> Vec<(Arc<str>, Worker)> {
    let mut unserved = Vec::new();
    for (receipt, is_accepted) in receipts {
        match confirm(awake, receipt, is_accepted, now) {
            Ok(action) => actions.push(action),
            Err(worker) => unserved.push(worker),
        }
    }
    unserved
}

/// The answer to a letter, or the worker that must wait on because its task is over.
fn confirm(
    awake: &Awake,
    receipt: Receipt,
    is_accepted: bool,
    now: Timestamp,
) -> Result<Action, (Arc<str>, Worker)> {
    Ok(Action::Answer(match receipt {
        Receipt::Started(reply) => {
            let execution_arn = awake.arn.as_ref().to_owned();
            Answer::new(reply, Ok(Started { execution_arn, started_at: awake.started_at }))
        }
        Receipt::Stopped(reply) => Answer::new(reply, Ok(now)),
        Receipt::Heard(reply) => {
            let answer = if is_accepted { Ok(()) } else { Err(Error::TaskTimedOut) };
            Answer::new(reply, answer)
        }
        Receipt::Taken { order, worker } if is_accepted => {
            return Ok(Action::Deliver(Delivery { order: *order, reply: worker.reply }));
        }
        Receipt::Taken { order, worker } => {
            return Err((Arc::clone(&order.task.resource), worker));
        }
    }))
}

pub(crate) fn status(phase: &Phase) -> Status {
    match phase {
        Phase::Running => Status::Running,
        Phase::Succeeded { .. } => Status::Succeeded,
        Phase::Failed { .. } => Status::Failed,
        Phase::TimedOut { .. } => Status::TimedOut,
        Phase::Aborted { .. } => Status::Aborted,
    }
}

fn end(phase: &Phase, stopped_at: Timestamp) -> Option<End> {
    match phase {
        Phase::Running => None,
        Phase::Succeeded { output } => {
            Some(End { stopped_at, output: Some(output.to_string()), error: None, cause: None })
        }
        Phase::Failed { error, cause }
        | Phase::TimedOut { error, cause }
        | Phase::Aborted { error, cause } => {
            let (error, cause) = (error.clone(), cause.clone());
            Some(End { stopped_at, output: None, error, cause })
        }
    }
}

/// Whether an execution only waits, and for so long that it is better folded again when its time comes, or when
/// somebody comes with the token of its task.
fn is_idle_for_long(standing: &Standing, now: Timestamp) -> bool {
    standing.open_tasks == 0
        && standing.next_wakeup.is_none_or(|wakeup| wakeup.duration_since(now) > DORMANT_AFTER)
}

//! One turn of one execution: from letters to a write.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Command, Entry, EventId, Phase, StartMapRun};

use super::activities::{Worker, is_activity};
use super::event::Reply;
use super::slot::{Awake, Keeping, Letter, Life, Outcome, Receipt};
use super::write::{Action, Answer, Delivery, TaskOrder};
use super::{Kernel, Mode};
use crate::error::{Error, Halted};
use crate::execution_log::LogOrder;
use crate::limits::DORMANT_AFTER;
use crate::record::{Started, Status, StatusChange};
use crate::redrive::NotRedrivable;
use crate::store::{ChildRow, End, ExecutionId, Record, RedriveRow, Standing, Turn};

impl Kernel {
    /// Lets the Map runs go on to which something happened, and the first execution in the queue take its turn. One
    /// that has more to do goes to the back.
    ///
    /// # Errors
    /// [`Halted`] if the store cannot be read.
    pub fn step(&mut self, now: Timestamp) -> Result<(), Halted> {
        self.redrive_those_that_ended(now)?;
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
            Life::Unreadable { .. } => {
                let answered = self.answer_for_unreadable(id, now);
                answered.map_err(|error| self.halt(error.to_string()))?;
            }
            Life::Ended { .. } | Life::Dormant => self.turn_away(id),
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
        let revision = self.registry.known(awake.definition);
        let logged = revision.and_then(|revision| {
            let (logging, entries) = (&revision.row.settings.logging, &outcome.decision.entries);
            LogOrder::of(logging, &awake.arn, awake.run.redrives(), entries)
        });
        let hands_out = self.mode == Mode::Open;
        let mut turn = Consequences::new(id, awake, slot.child, outcome, hands_out, now);
        turn.actions.extend(logged.map(Action::Log));
        if turn.ended.is_some() {
            turn.release(slot.waiters.drain(..));
        }
        self.go_on_later(id, turn.standing);
        self.start_and_cancel(id, &mut turn, now);
        self.write_turn(id, &mut turn, now);
        self.serve_workers(turn);
    }

    /// Says when an execution has its next turn.
    fn go_on_later(&mut self, id: ExecutionId, standing: Standing) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Life::Awake(awake) = &slot.life else { return };
        let (more, has_letters) = (awake.more, !slot.inbox.is_empty());
        self.timers.rearm(id, &mut slot.armed, standing.next_wakeup.filter(|_| !more));
        if more || has_letters {
            self.enqueue(id);
        }
    }

    /// Opens the Map runs that a turn started, and gives up what it no longer wants.
    fn start_and_cancel(&mut self, id: ExecutionId, turn: &mut Consequences, now: Timestamp) {
        for start in turn.map_runs.drain(..) {
            turn.records.extend(self.open_map_run(id, &start, now));
        }
        // After those that the same turn opened: letters that came together may start and cancel one.
        self.cancel_map_runs(id, &turn.cancelled, turn.ended.is_some());
        for scheduled in &turn.cancelled {
            self.withdraw(id, *scheduled);
        }
    }

    fn write_turn(&mut self, id: ExecutionId, turn: &mut Consequences, now: Timestamp) {
        if turn.records.is_empty() && turn.actions.is_empty() {
            return;
        }
        let (records, actions) =
            (std::mem::take(&mut turn.records), std::mem::take(&mut turn.actions));
        let rests = turn.may_rest && is_idle_for_long(&turn.standing, now);
        let settles = turn.ended.is_some() || rests;
        let number = self.write(records, actions, settles.then_some(id));
        self.remember_write(id, number, turn.ended.map(|status| (now, status)));
    }

    /// Offers the tasks of activities that a turn scheduled; workers that got none wait on.
    fn serve_workers(&mut self, turn: Consequences) {
        for order in turn.offers {
            self.offer(order);
        }
        for (activity, worker) in turn.unserved {
            self.wait_again(&activity, worker);
        }
    }

    pub(super) fn remember_write(
        &mut self,
        id: ExecutionId,
        number: u64,
        ended: Option<(Timestamp, Status)>,
    ) {
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
        for letter in letters {
            // What an execution that cannot be read is told stays as it was: it hears of it again.
            if let Some(record) = letter.record.filter(|_| answer.is_ok()) {
                self.write(vec![record], Vec::new(), None);
            }
            if let Some(receipt) = letter.receipt {
                self.refuse(receipt, &answer);
            }
        }
    }

    /// Answers a letter that came after the end of an execution, or for one that cannot be read.
    fn refuse(&mut self, receipt: Receipt, answer: &Result<Timestamp, Error>) {
        match receipt {
            Receipt::Stopped(reply) => self.answer(reply, answer.clone()),
            Receipt::Heard(reply) => {
                let answer = answer.clone().and(Err(Error::TaskTimedOut));
                self.answer(reply, answer);
            }
            Receipt::Taken { order, worker } => self.wait_again(&order.task.resource, worker),
            // A start is the first letter of an execution, a redrive the first of one that goes on; those here are past it.
            Receipt::Started(_) | Receipt::Redriven(_) => {}
        }
    }
}

/// What follows from a turn.
struct Consequences {
    standing: Standing,
    /// Whether what it is can be folded from what is on disk.
    may_rest: bool,
    /// How the execution ended, if it did.
    ended: Option<Status>,
    records: Vec<Record>,
    actions: Vec<Action>,
    map_runs: Vec<StartMapRun>,
    /// Tasks and Map runs that were given up.
    cancelled: Vec<EventId>,
    /// Tasks of activities: no handler gets them, but a worker that asks.
    offers: Vec<TaskOrder>,
    /// Workers that must wait on, with their activities.
    unserved: Vec<(Arc<str>, Worker)>,
}

impl Consequences {
    fn new(
        id: ExecutionId,
        awake: &mut Awake,
        child: Option<ChildRow>,
        outcome: Outcome,
        hands_out: bool,
        now: Timestamp,
    ) -> Self {
        let Outcome { decision, receipts, records } = outcome;
        let mut turn = Self {
            standing: awake.standing(now),
            may_rest: awake.keeping == Keeping::Journal,
            ended: awake.has_ended().then(|| status(awake.run.phase())),
            records,
            actions: Vec::new(),
            map_runs: Vec::new(),
            cancelled: Vec::new(),
            offers: Vec::new(),
            unserved: Vec::new(),
        };
        for command in decision.commands {
            turn.sort(id, awake, command, hands_out);
        }
        turn.actions.extend(awake.announcements(now));
        turn.confirm_all(awake, receipts, now);
        turn.records.extend(awake.record(id, child, decision.entries, now));
        turn
    }

    /// While the engine drains, no more tasks are handed out: they are outstanding on disk, and the next start hands them
    /// out.
    fn sort(&mut self, execution: ExecutionId, awake: &Awake, command: Command, hands_out: bool) {
        match command {
            Command::ScheduleTask(task) => {
                let execution_arn = Arc::clone(&awake.arn);
                let life = awake.keeping.life();
                let order = TaskOrder { execution, execution_arn, task, life };
                if is_activity(&order.task.resource) {
                    self.offers.push(order);
                } else if hands_out {
                    self.actions.push(Action::Dispatch(order));
                }
            }
            Command::CancelTask { scheduled } => {
                self.cancelled.push(scheduled);
                self.actions.push(Action::Cancel { execution, scheduled });
            }
            Command::StartMapRun(start) => self.map_runs.push(start),
        }
    }

    /// Answers the letters of the turn.
    fn confirm_all(&mut self, awake: &Awake, receipts: Vec<(Receipt, bool)>, now: Timestamp) {
        for (receipt, is_accepted) in receipts {
            match confirm(awake, receipt, is_accepted, now) {
                Ok(action) => self.actions.push(action),
                Err(worker) => self.unserved.push(worker),
            }
        }
    }

    /// Tells those who wait for the end.
    fn release(&mut self, waiters: impl Iterator<Item = Reply<()>>) {
        self.actions.extend(waiters.map(|reply| Action::Answer(Answer::new(reply, Ok(())))));
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
        child: Option<ChildRow>,
        entries: Vec<Entry>,
        now: Timestamp,
    ) -> Option<Record> {
        if entries.is_empty() {
            return None;
        }
        let redrive = self.redrive(child);
        let standing = self.standing(now);
        let (standing, entries) = match self.keeping {
            Keeping::Journal => (standing, entries),
            Keeping::Ends { .. } => {
                let is_kept = self.birth.is_some() || redrive.is_some() || self.has_ended();
                is_kept.then_some((begins_anew(standing, now), Vec::new()))?
            }
        };
        let (batch, first_seq) = (self.next_batch, self.next_seq);
        self.next_batch += 1;
        self.next_seq += entries.len() as i64;
        self.redrives = self.run.redrives();
        let (birth, end) = (self.birth.take(), end(self.run.phase(), now));
        Some(Record::Turn(Turn {
            execution,
            child,
            birth,
            batch,
            first_seq,
            entries,
            standing,
            end,
            redrive,
        }))
    }

    /// What this turn changes if it is the first of a redrive.
    fn redrive(&self, child: Option<ChildRow>) -> Option<RedriveRow> {
        let at = self.run.redriven_at().filter(|_| self.run.redrives() > self.redrives)?;
        let attempt = child.map_or(0, |child| child.attempt);
        Some(RedriveRow { count: self.run.redrives(), at, attempt })
    }

    /// What subscribers hear of this turn: the start or redrive, the end, both or nothing.
    fn announcements(&self, at: Timestamp) -> impl Iterator<Item = Action> {
        let is_told = !self.is_child;
        let is_new = self.birth.is_some() || self.run.redrives() > self.redrives;
        let started = (is_told && is_new).then_some(Status::Running);
        let ended = (is_told && self.has_ended()).then(|| status(self.run.phase()));
        let announce = move |status| {
            let execution_arn = Arc::clone(&self.arn);
            Action::Announce(StatusChange { execution_arn, status, at })
        };
        started.into_iter().chain(ended).map(announce)
    }
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
        Receipt::Redriven(reply) => Answer::new(reply, redriven(awake, is_accepted)),
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

fn redriven(awake: &Awake, is_accepted: bool) -> Result<Timestamp, Error> {
    let reason = NotRedrivable::Status(status(awake.run.phase()));
    let at = awake.run.redriven_at().filter(|_| is_accepted);
    at.ok_or(Error::ExecutionNotRedrivable { reason })
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

/// How another process finds an execution without a journal: with everything still to do.
fn begins_anew(standing: Standing, now: Timestamp) -> Standing {
    let next_wakeup = standing.status.is_running().then_some(now);
    Standing { next_wakeup, open_tasks: 0, ..standing }
}

/// Whether an execution only waits, and for so long that it is better folded again when its time comes, or when
/// somebody comes with the token of its task.
fn is_idle_for_long(standing: &Standing, now: Timestamp) -> bool {
    standing.open_tasks == 0
        && standing.next_wakeup.is_none_or(|wakeup| wakeup.duration_since(now) > DORMANT_AFTER)
}

//! Ending what this program cannot read: whoever stops such an execution need not wait for one that can.

use jiff::Timestamp;
use stepwell_machine::{Entry, Event, Input, Reason};

use super::Kernel;
use super::slot::{Letter, Receipt};
use super::write::{Action, Answer};
use crate::error::StoreError;
use crate::execution_log::LogOrder;
use crate::record::{Status, StatusChange};
use crate::store::{End, ExecutionId, Journal, OpenExecution, Record, Standing, Turn};

impl Kernel {
    /// The turn of an execution whose definition or entries mean nothing to this program: `ExecutionAborted` follows
    /// whatever stands in its journal, if it is to stop.
    pub(super) fn answer_for_unreadable(
        &mut self,
        id: ExecutionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(reason) = self.wish_to_stop(id) {
            let open = self.archive.open_execution(id)?;
            let journal = self.archive.journal(&open)?;
            self.abort_unreadable(&open, &journal, reason, now);
        }
        self.turn_away(id);
        Ok(())
    }

    fn wish_to_stop(&self, id: ExecutionId) -> Option<Reason> {
        self.slots.get(&id)?.inbox.iter().find_map(|letter| match &letter.input {
            Input::Stop { error, cause } => {
                Some(Reason { error: error.clone(), cause: cause.clone() })
            }
            _ => None,
        })
    }

    fn abort_unreadable(
        &mut self,
        open: &OpenExecution,
        journal: &Journal,
        reason: Reason,
        now: Timestamp,
    ) {
        let id = open.id;
        let turn = last_turn(open, journal, reason, now);
        let mut actions = self.told_of_abort(open, &turn.entries, now);
        actions.extend(self.answers_to_stop(id, now));
        self.cancel_map_runs(id, &[], true);
        if let Some(slot) = self.slots.get_mut(&id) {
            self.timers.rearm(id, &mut slot.armed, None);
        }
        let number = self.write(vec![Record::Turn(turn)], actions, Some(id));
        self.remember_write(id, number, Some((now, Status::Aborted)));
    }

    /// What the log and, but for children of Map runs, subscribers hear.
    fn told_of_abort(&self, open: &OpenExecution, entries: &[Entry], at: Timestamp) -> Vec<Action> {
        let Some(machine) = self.registry.name(open.state_machine) else { return Vec::new() };
        let map_run = open.child.and_then(|child| self.map_runs.get(&child.map_run));
        let machine = map_run.map_or_else(|| machine.clone(), |it| it.machine_name(machine));
        let execution_arn = self.arns.execution(&machine, &open.name).into();
        let logging = self.registry.known(open.definition).map(|it| &it.row.settings.logging);
        let logged = logging
            .and_then(|logging| LogOrder::of(logging, &execution_arn, open.redrives, entries));
        let change = StatusChange { execution_arn, status: Status::Aborted, at };
        let told = open.child.is_none().then_some(Action::Announce(change));
        logged.map(Action::Log).into_iter().chain(told).collect()
    }

    /// To those who wait for the end or want it.
    fn answers_to_stop(&mut self, id: ExecutionId, now: Timestamp) -> Vec<Action> {
        let Some(slot) = self.slots.get_mut(&id) else { return Vec::new() };
        let waiters = slot.waiters.drain(..).map(|reply| Answer::new(reply, Ok(())));
        let mut answers: Vec<Answer> = waiters.collect();
        for Letter { receipt, .. } in &mut slot.inbox {
            if let Some(Receipt::Stopped(reply)) =
                receipt.take_if(|it| matches!(it, Receipt::Stopped(_)))
            {
                answers.push(Answer::new(reply, Ok(now)));
            }
        }
        answers.into_iter().map(Action::Answer).collect()
    }
}

fn last_turn(open: &OpenExecution, journal: &Journal, reason: Reason, now: Timestamp) -> Turn {
    let last_event = journal.entries.iter().rev().find_map(|entry| entry.id);
    let aborted = last_event.map(|last| Entry {
        id: Some(last + 1),
        previous: 0,
        at: now,
        frame: 0,
        event: Event::ExecutionAborted(reason.clone()),
    });
    Turn {
        execution: open.id,
        child: open.child,
        birth: None,
        batch: journal.next_batch,
        first_seq: journal.entries.len() as i64,
        entries: aborted.into_iter().collect(),
        standing: Standing { status: Status::Aborted, next_wakeup: None, open_tasks: 0 },
        end: Some(End { stopped_at: now, output: None, error: reason.error, cause: reason.cause }),
        redrive: None,
    }
}

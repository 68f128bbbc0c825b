//! Redrives: an execution that ended goes on.
//!
//! What ended is on disk only, so a redrive begins with folding its journal. The first turn after that is like any other,
//! but for what it takes back of the execution's row: until it is committed, nothing has happened. An execution whose end
//! is not on disk yet is redriven when it is.
//!
//! Left to others: where the execution goes on (`stepwell_machine`), its Map runs (`map_runs::redrive`).

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Entry, Event as Happened, Input, Payload, RedriveFrom, Run, outer_state};

use super::Kernel;
use super::event::Reply;
use super::executions::{Failed, Holder};
use super::slot::{Awake, Letter, Life, Receipt};
use crate::arn::split_label;
use crate::error::{Error, Halted};
use crate::limits::RETENTION_MARGIN;
use crate::record::Status;
use crate::redrive::{NotRedrivable, check_times};
use crate::store::{ExecutionId, Found};

/// A request to redrive an execution.
#[derive(Debug)]
pub struct RedriveRequest {
    /// The name of the state machine.
    pub state_machine: String,
    /// The name of the execution.
    pub name: String,
    /// `clientToken`
    pub token: Option<Arc<str>>,
    /// Where it goes on, if that is not where it failed with the input that it had.
    pub start: Option<RedriveStart>,
    /// Whether it does not matter how long ago it started or ended.
    pub at_any_age: bool,
}

/// Where a redriven execution goes on.
#[derive(Debug)]
pub struct RedriveStart {
    /// The name of the state; nothing for the one where it failed.
    pub state: Option<String>,
    /// Its raw input; nothing for the one that it had last.
    pub input: Option<Payload>,
}

/// A redrive that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    request: RedriveRequest,
    reply: Reply<Timestamp>,
}

/// What a request to redrive comes to.
enum Begun {
    /// The execution has a place again and is to be told.
    Again(ExecutionId, Input),
    /// It was redriven before, by the same request.
    Before(Timestamp),
    /// Its end is not on disk yet, or its redrive is about to be decided.
    Later(ExecutionId),
}

impl Kernel {
    pub(super) fn redrive(
        &mut self,
        request: RedriveRequest,
        reply: Reply<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Halted> {
        match self.begin_again(&request, now) {
            Ok(Begun::Again(id, input)) => {
                self.deliver(id, Letter::with_receipt(input, Receipt::Redriven(reply)));
            }
            Ok(Begun::Before(at)) => self.answer(reply, Ok(at)),
            Ok(Begun::Later(id)) => self.postpone(id, Waiting { request, reply }),
            Err(failed) => return self.fail(reply, failed),
        }
        Ok(())
    }

    /// Keeps a request until the execution has ended for sure, or until the redrive before it was decided.
    fn postpone(&mut self, id: ExecutionId, waiting: Waiting) {
        match self.slots.get_mut(&id) {
            Some(slot) if matches!(slot.life, Life::Ended { .. }) => slot.redrives.push(waiting),
            Some(_) | None => self.redrives.push(waiting),
        }
    }

    /// Redrives what waited.
    pub(super) fn redrive_those_that_ended(&mut self, now: Timestamp) -> Result<(), Halted> {
        for Waiting { request, reply } in std::mem::take(&mut self.redrives) {
            self.redrive(request, reply, now)?;
        }
        Ok(())
    }

    fn begin_again(&mut self, request: &RedriveRequest, now: Timestamp) -> Result<Begun, Failed> {
        self.accept()?;
        match self.find_by_arn(&request.state_machine, &request.name)? {
            Holder::Archived(found) => self.take_up_again(request, &found, now),
            Holder::Slot(id) => self.redriven_before(id, request, now),
            Holder::Nobody => {
                let arn = self.arns.execution(&request.state_machine, &request.name);
                Err(Error::ExecutionDoesNotExist { arn }.into())
            }
        }
    }

    /// An execution in memory runs, maybe by the same request, or is about to be on disk alone.
    fn redriven_before(
        &mut self,
        id: ExecutionId,
        request: &RedriveRequest,
        now: Timestamp,
    ) -> Result<Begun, Failed> {
        let was_dormant = self.slots.get(&id).is_some_and(|it| matches!(it.life, Life::Dormant));
        self.wake(id)?;
        let before = match self.slots.get(&id).map(|slot| &slot.life) {
            Some(Life::Ended { .. }) => return Ok(Begun::Later(id)),
            Some(Life::Awake(awake)) if awake.has_ended() => return Ok(Begun::Later(id)),
            Some(Life::Unreadable { reason }) => {
                return Err(Error::Store { reason: reason.to_string() }.into());
            }
            Some(Life::Awake(awake)) => same_request(&awake.run, request, now),
            Some(Life::Dormant) | None => None,
        };
        if was_dormant {
            self.rest_again(id);
        }
        let running = NotRedrivable::Status(Status::Running);
        before.map(Begun::Before).ok_or_else(|| refused(running))
    }

    /// Gives an execution that ended a place again, if it may go on.
    fn take_up_again(
        &mut self,
        request: &RedriveRequest,
        found: &Found,
        now: Timestamp,
    ) -> Result<Begun, Failed> {
        if request.token.is_none() {
            self.check_end(request, found, now)?;
        }
        let open = self.archive.any_execution(found.id).map_err(Error::from)?;
        if open.child.is_some() {
            return Err(refused(NotRedrivable::ChildOfMapRun));
        }
        // What is wrong with an execution that ended is no reason to stop the others.
        self.registry.revision(open.definition, &self.archive).map_err(Error::from)?;
        let journal = self.archive.journal(&open).map_err(Error::from)?;
        let awake = self.fold_again(&open, &journal)?;
        if let Some(at) = same_request(&awake.run, request, now) {
            return Ok(Begun::Before(at));
        }
        self.check_end(request, found, now)?;
        if awake.run.has_full_history() {
            return Err(refused(NotRedrivable::HistoryFull));
        }
        let from = self.elsewhere(request, &awake, &journal.entries)?;
        self.adopt(&open, Life::Awake(Box::new(awake)));
        Ok(Begun::Again(open.id, Input::Redrive { token: request.token.clone(), from }))
    }

    fn check_end(
        &self,
        request: &RedriveRequest,
        found: &Found,
        now: Timestamp,
    ) -> Result<(), Failed> {
        if !found.status.is_unsuccessful() {
            return Err(refused(NotRedrivable::Status(found.status)));
        }
        let (machine, _) = split_label(&request.state_machine);
        if self.registry.active(machine).is_none() {
            return Err(refused(NotRedrivable::StateMachineDeleted));
        }
        if self.is_being_forgotten(found, now) {
            return Err(refused(NotRedrivable::EndedLongAgo));
        }
        if request.at_any_age {
            return Ok(());
        }
        check_times(found.started_at, found.stopped_at, now).map_err(refused)
    }

    /// Whether the retention job may delete an execution before its redrive is on disk.
    fn is_being_forgotten(&self, found: &Found, now: Timestamp) -> bool {
        let (Some(stopped_at), Some(retention)) = (found.stopped_at, self.retention) else {
            return false;
        };
        now.duration_since(stopped_at) > retention.saturating_sub(RETENTION_MARGIN)
    }

    /// Where an execution goes on, if that is not where it failed with the input that it had.
    fn elsewhere(
        &self,
        request: &RedriveRequest,
        awake: &Awake,
        entries: &[Entry],
    ) -> Result<Option<RedriveFrom>, Failed> {
        let Some(start) = &request.start else { return Ok(None) };
        let revision = self.registry.known(awake.definition);
        let machine = revision.map(|revision| revision.machine()).transpose()?;
        let state = match (&start.state, &machine) {
            (Some(name), Some(machine)) => outer_state(machine, name),
            _ => awake.run.outer_state(),
        };
        let name = start.state.as_deref().unwrap_or_default();
        let state = state.ok_or_else(|| Error::Invalid {
            reason: format!("The execution has no state '{name}' outside of other states."),
        })?;
        let input = start.input.clone().or_else(|| last_input(entries, &state.name));
        let input = input.ok_or_else(|| Error::Invalid {
            reason: format!("The state '{name}' was never entered: give its input."),
        })?;
        Ok(Some(RedriveFrom { state: state.id, input }))
    }
}

/// The raw input with which a state was entered last.
fn last_input(entries: &[Entry], state: &str) -> Option<Payload> {
    entries.iter().rev().find_map(|entry| match &entry.event {
        Happened::StateEntered { name, input, .. } if **name == *state => Some(input.clone()),
        _ => None,
    })
}

fn same_request(run: &Run, request: &RedriveRequest, now: Timestamp) -> Option<Timestamp> {
    run.redriven_by(request.token.as_deref()?, now)
}

fn refused(reason: NotRedrivable) -> Failed {
    Error::ExecutionNotRedrivable { reason }.into()
}

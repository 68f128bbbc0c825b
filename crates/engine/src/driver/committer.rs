//! The thread that writes: gathers the writes that wait into one commit, and performs their actions once
//! the commit is on disk. When nothing waits it keeps the store tidy.

use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::{DataDriver, Dispatcher, Express, LogDriver};
use crate::error::{Halted, StoreError};
use crate::kernel::{Action, Event, Write};
use crate::limits::{CHECKPOINT_PAGES_IDLE, CHECKPOINT_PAGES_MAX, GROUP_ENTRIES_MAX};
use crate::meters::Meters;
use crate::record::StatusChange;
use crate::store::{RetentionCursor, Store};

/// What the committer is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Commit and perform.
    Write(Write),
    /// Delete what ended before, when there is time for it.
    Forget { cutoff: Timestamp },
}

pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) events: Sender<Event>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) express: Express,
    pub(crate) logs: LogDriver,
    pub(crate) map_data: DataDriver,
    pub(crate) changes: broadcast::Sender<StatusChange>,
    pub(crate) meters: Arc<Meters>,
    /// Why the engine halted, for those whose requests it never answers.
    pub(crate) halted: Arc<OnceLock<Halted>>,
    pub(crate) retention: Retention,
}

/// The retention pass under way.
pub(crate) struct Retention {
    cutoff: Timestamp,
    cursor: RetentionCursor,
}

impl Default for Retention {
    fn default() -> Self {
        Self { cutoff: Timestamp::UNIX_EPOCH, cursor: RetentionCursor::Done }
    }
}

impl Committer {
    /// Runs until nobody sends jobs any more, or a commit fails.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.work() {
            let reason = stepwell_task::in_one_line(&error);
            tracing::error!(reason, "the store cannot be written, the engine stops");
            // If the kernel has gone too, there is nobody left to tell.
            let _ = self.events.send(Event::CommitFailed { reason });
        }
    }

    fn work(&mut self) -> Result<(), StoreError> {
        while let Some(job) = self.next_job()? {
            match job {
                Job::Write(write) => self.commit(write)?,
                Job::Forget { cutoff } => {
                    self.retention = Retention { cutoff, cursor: RetentionCursor::START };
                }
            }
        }
        self.store.checkpoint()
    }

    /// The next job; tidies up while there is none. Nothing once all senders are gone.
    fn next_job(&mut self) -> Result<Option<Job>, StoreError> {
        loop {
            match self.jobs.try_recv() {
                Ok(job) => return Ok(Some(job)),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) if self.tidy()? => {}
                Err(TryRecvError::Empty) => return Ok(self.jobs.recv().ok()),
            }
        }
    }

    /// Does one small piece of maintenance; false if there is none to do.
    fn tidy(&mut self) -> Result<bool, StoreError> {
        if self.store.wal_pages() >= CHECKPOINT_PAGES_IDLE {
            self.store.checkpoint()?;
            return Ok(true);
        }
        if self.retention.cursor == RetentionCursor::Done {
            return Ok(false);
        }
        self.retention.cursor = self.store.forget(self.retention.cutoff, self.retention.cursor)?;
        Ok(true)
    }

    /// Commits a write together with those that wait behind it, then performs their actions.
    fn commit(&mut self, first: Write) -> Result<(), StoreError> {
        let group = self.gather(first);
        let entries: usize = group.iter().map(Write::entries).sum();
        #[expect(clippy::disallowed_methods, reason = "it is told, and nothing is decided by it")]
        let began = Instant::now();
        let mut records = group.iter().flat_map(|write| &write.records).peekable();
        if records.peek().is_some() {
            self.store.commit(records).inspect_err(|error| self.halt(error))?;
            self.meters.committed(entries, began.elapsed());
        }
        let through = group.last().map_or(0, |write| write.number);
        let receipt = group.iter().any(|write| write.receipt);
        for action in group.into_iter().flat_map(|write| write.actions) {
            self.perform(action);
        }
        if receipt {
            // If the kernel has gone, what it gave out is still committed and performed.
            let _ = self.events.send(Event::Committed { through });
        }
        if self.store.wal_pages() >= CHECKPOINT_PAGES_MAX {
            self.store.checkpoint()?;
        }
        Ok(())
    }

    /// Says why before the requests of this group go unanswered.
    fn halt(&self, error: &StoreError) {
        // Nobody halts the engine before the first commit that fails.
        let _ = self.halted.set(Halted { reason: stepwell_task::in_one_line(error) });
    }

    fn gather(&mut self, first: Write) -> Vec<Write> {
        let mut entries = first.entries();
        let mut group = vec![first];
        while entries < GROUP_ENTRIES_MAX {
            match self.jobs.try_recv() {
                Ok(Job::Write(write)) => {
                    entries += write.entries();
                    group.push(write);
                }
                Ok(Job::Forget { cutoff }) => {
                    self.retention = Retention { cutoff, cursor: RetentionCursor::START };
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        group
    }

    fn perform(&self, action: Action) {
        match action {
            Action::Dispatch(order) => self.dispatcher.dispatch(order),
            Action::Cancel { execution, scheduled } => self.dispatcher.cancel(execution, scheduled),
            Action::Deliver(delivery) => {
                let events = self.events.clone();
                // If the kernel has gone, nobody hears of it and the task waits for its time-out.
                delivery.deliver(move |order| {
                    let (execution, scheduled) = (order.execution, order.task.scheduled);
                    drop(events.send(Event::GivenBack { execution, scheduled }));
                });
            }
            Action::ReadItems(order) => self.map_data.read(order),
            Action::CloseItems(map_run) => self.map_data.close(map_run),
            Action::WriteResults(order) => self.map_data.write(order),
            Action::Log(order) => self.logs.write(order),
            Action::RunExpress(order) => self.express.run(order),
            Action::Announce(change) => {
                self.meters.announced(change.status);
                // Nobody may be listening.
                let _ = self.changes.send(change);
            }
            Action::Answer(answer) => answer.send(),
        }
    }
}

//! Activities: which exist, which of their tasks wait for a worker, and which workers wait for a task.
//!
//! Queues are in memory only: tasks that no worker has taken are outstanding on disk, and come into the queue again at the
//! next start. First come, first served, on both sides. A worker gets its task with the commit that records
//! `ActivityStarted`. A task whose worker has gone by then is outstanding again, and goes to another one.
//!
//! Left to others: how long a worker waits, what it says of the task later (its token does).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{EventId, Input};

use super::administration::{changed_tags, with_tags};
use super::event::Reply;
use super::slot::{Letter, Receipt};
use super::write::{HandOut, TaskOrder};
use super::{Kernel, Mode};
use crate::configuration::Tag;
use crate::error::Error;
use crate::record::ActivityRecord;
use crate::store::{ActivityRow, ExecutionId, Record};

/// What the kernel knows of activities.
#[derive(Debug, Default)]
pub(super) struct Activities {
    rows: HashMap<String, ActivityRow>,
    /// Their ARNs, as a decision wants them.
    known: stepwell_machine::Activities,
    queues: HashMap<Arc<str>, Queue>,
    /// Where the tasks wait that no worker has taken.
    offered: HashMap<(ExecutionId, EventId), (Arc<str>, u64)>,
}

/// What waits at one activity.
#[derive(Debug, Default)]
struct Queue {
    /// In the order in which they are given out.
    tasks: BTreeMap<u64, TaskOrder>,
    workers: VecDeque<Worker>,
}

/// A worker that asked for a task.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: Option<Arc<str>>,
    pub(super) reply: Reply<HandOut>,
}

impl Activities {
    pub(super) fn new(rows: Vec<ActivityRow>) -> Self {
        let rows = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        Self { rows, ..Self::default() }
    }

    /// Those that exist.
    pub(super) fn known(&self) -> stepwell_machine::Activities {
        self.known.clone()
    }

    /// Sends away all workers.
    pub(super) fn close(&mut self) {
        self.queues.values_mut().for_each(|queue| queue.workers.clear());
    }

    fn next_id(&self) -> i64 {
        self.rows.values().map(|row| row.id).max().map_or(1, |id| id + 1)
    }
}

/// Whether a `Resource` is the ARN of an activity.
pub(super) fn is_activity(resource: &str) -> bool {
    resource.split(':').nth(5) == Some("activity")
}

impl Kernel {
    /// Creates an activity; one that exists is given as it is, with the tags that it has.
    pub(super) fn create_activity(
        &mut self,
        name: &str,
        tags: Vec<Tag>,
        now: Timestamp,
    ) -> Result<ActivityRecord, Error> {
        self.accept()?;
        if let Some(row) = self.activities.rows.get(name) {
            return Ok(ActivityRecord::new(&self.arns, row));
        }
        let id = self.activities.next_id();
        let mut row = ActivityRow { id, name: name.to_owned(), created_at: now, tags: Vec::new() };
        with_tags(&mut row.tags, tags);
        let record = ActivityRecord::new(&self.arns, &row);
        self.activities.rows.insert(name.to_owned(), row.clone());
        self.list_activities();
        self.write(vec![Record::Activity(row)], Vec::new(), None);
        Ok(record)
    }

    pub(super) fn change_activity_tags(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Vec<Tag>),
    ) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.activities.rows.get_mut(name) else {
            return Err(Error::ResourceNotFound { arn: self.arns.activity(name) });
        };
        row.tags = changed_tags(&row.tags, change)?;
        let row = row.clone();
        self.write(vec![Record::Activity(row)], Vec::new(), None);
        Ok(())
    }

    /// Deletes an activity; one that does not exist is no error, as in AWS. Tasks that workers have may be ended
    /// still; those that none has wait for their time-out.
    pub(super) fn delete_activity(&mut self, name: &str) -> Result<(), Error> {
        self.accept()?;
        if let Some(row) = self.activities.rows.remove(name) {
            self.list_activities();
            self.write(vec![Record::ActivityDeleted { id: row.id }], Vec::new(), None);
        }
        Ok(())
    }

    pub(super) fn list_activities(&mut self) {
        let arns: HashSet<Arc<str>> =
            self.activities.rows.keys().map(|name| self.arns.activity(name).into()).collect();
        self.activities.known = stepwell_machine::Activities::These(Arc::new(arns));
    }

    /// A worker asks for a task. It is answered when there is one.
    pub(super) fn poll_activity(&mut self, name: &str, worker: Worker) {
        let arn: Arc<str> = self.arns.activity(name).into();
        if let Err(error) = self.accept() {
            return self.answer(worker.reply, Err(error));
        }
        if !self.activities.rows.contains_key(name) {
            let arn = arn.as_ref().to_owned();
            return self.answer(worker.reply, Err(Error::ActivityDoesNotExist { arn }));
        }
        let queue = self.activities.queues.entry(Arc::clone(&arn)).or_default();
        queue.workers.retain(|worker| !worker.reply.is_closed());
        queue.workers.push_back(worker);
        self.match_workers(&arn);
    }

    /// A task of an activity waits for a worker.
    pub(super) fn offer(&mut self, order: TaskOrder) {
        let activity = Arc::clone(&order.task.resource);
        let queue = self.activities.queues.entry(Arc::clone(&activity)).or_default();
        let place = queue.tasks.last_key_value().map_or(0, |(place, _)| place + 1);
        let id = (order.execution, order.task.scheduled);
        queue.tasks.insert(place, order);
        self.activities.offered.insert(id, (Arc::clone(&activity), place));
        self.match_workers(&activity);
    }

    /// A task was given up. If it waits for a worker, it does so no longer.
    pub(super) fn withdraw(&mut self, execution: ExecutionId, scheduled: EventId) {
        let Some((activity, place)) = self.activities.offered.remove(&(execution, scheduled))
        else {
            return;
        };
        if let Some(queue) = self.activities.queues.get_mut(&activity) {
            queue.tasks.remove(&place);
        }
    }

    /// A worker whose task had come to its end before it was given out: the worker is the next to get one.
    pub(super) fn wait_again(&mut self, activity: &Arc<str>, worker: Worker) {
        self.activities.queues.entry(Arc::clone(activity)).or_default().workers.push_front(worker);
        self.match_workers(activity);
    }

    /// Lets workers take tasks, as long as there are both.
    fn match_workers(&mut self, activity: &Arc<str>) {
        while self.mode == Mode::Open {
            let Some(queue) = self.activities.queues.get_mut(activity) else { return };
            queue.workers.retain(|worker| !worker.reply.is_closed());
            if queue.tasks.is_empty() || queue.workers.is_empty() {
                return;
            }
            let (_, order) = queue.tasks.pop_first().expect("there is one");
            let worker = queue.workers.pop_front().expect("there is one");
            self.activities.offered.remove(&(order.execution, order.task.scheduled));
            self.take(order, worker);
        }
    }

    fn take(&mut self, order: TaskOrder, worker: Worker) {
        let (execution, scheduled) = (order.execution, order.task.scheduled);
        let input = Input::TaskTaken { scheduled, worker: worker.name.clone() };
        let receipt = Receipt::Taken { order: Box::new(order), worker };
        self.deliver(execution, Letter::with_receipt(input, receipt));
    }
}

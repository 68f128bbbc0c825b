//! How the task of a frame gets on.

use std::sync::Arc;
use std::time::Duration;

use stepwell_asl::Data;
use stepwell_asl::model::StateKind;

use super::Fold;
use crate::event::{Event, Reason, Report, TaskLimit, TaskResource};
use crate::failure::Failure;
use crate::frame::{OpenTask, Step};

impl Fold<'_> {
    pub(super) fn task_scheduled(&mut self) -> Option<()> {
        matches!(self.state()?.kind, StateKind::Task(_)).then_some(())?;
        let task = Box::new(self.open_task()?);
        let id = self.id;
        self.begin(|frame| {
            frame.cursor = id;
            frame.step = Step::Task(task);
        })
    }

    fn open_task(&self) -> Option<OpenTask> {
        let Event::TaskScheduled {
            resource,
            parameters,
            timeout_seconds,
            heartbeat_seconds,
            token,
            ..
        } = &self.entry.event
        else {
            return None;
        };
        let is_activity = matches!(resource, TaskResource::Activity(_));
        let since = (!is_activity).then_some(self.entry.at);
        Some(OpenTask {
            scheduled: self.id,
            resource: resource.clone(),
            parameters: Arc::clone(parameters),
            started: false,
            is_start_told: false,
            timeout: timeout_seconds.map(Duration::from_secs),
            heartbeat: heartbeat_seconds.map(Duration::from_secs),
            running_since: since,
            alive_at: since,
            token: token.clone(),
            submitted: None,
            reported: None,
        })
    }

    pub(super) fn task_started(&mut self) -> Option<()> {
        let (id, at) = (self.id, self.entry.at);
        self.update(|frame| frame.cursor = id)?;
        self.update_task(|task| {
            task.is_start_told = true;
            task.begin(at);
        })
    }

    pub(super) fn task_taken_again(&mut self) -> Option<()> {
        let at = self.entry.at;
        self.update_task(|task| task.begin(at))
    }

    pub(super) fn task_heartbeat(&mut self) -> Option<()> {
        let at = self.entry.at;
        self.update_task(|task| task.alive_at = Some(at))
    }

    /// Nobody works on it: its times count from when the next worker takes it.
    pub(super) fn task_given_back(&mut self) -> Option<()> {
        self.update_task(|task| {
            task.started = false;
            task.running_since = None;
            task.alive_at = None;
        })
    }

    pub(super) fn task_submitted(&mut self, output: &Data) -> Option<()> {
        let id = self.id;
        self.update(|frame| frame.cursor = id)?;
        self.update_task(|task| task.submitted = Some(Arc::clone(output)))
    }

    pub(super) fn task_reported(&mut self, report: &Report) -> Option<()> {
        self.update_task(|task| task.reported = Some(report.clone()))
    }

    fn update_task(&mut self, change: impl FnOnce(&mut OpenTask)) -> Option<()> {
        self.update(|frame| {
            let Step::Task(task) = &mut frame.step else { return None };
            change(task);
            Some(())
        })?
    }

    pub(super) fn task_failed(&mut self, reason: &Reason) -> Option<()> {
        let Reason { error, cause } = reason.clone();
        self.task_ended(Step::TaskFailed(Failure::reported(error, cause)))
    }

    pub(super) fn task_timed_out(&mut self, limit: TaskLimit) -> Option<()> {
        self.task_ended(Step::TaskFailed(Failure::timeout(limit)))
    }

    pub(super) fn task_ended(&mut self, step: Step) -> Option<()> {
        let id = self.id;
        self.update(|frame| {
            matches!(frame.step, Step::Task(_)).then_some(())?;
            frame.cursor = id;
            frame.step = step;
            Some(())
        })?
    }
}

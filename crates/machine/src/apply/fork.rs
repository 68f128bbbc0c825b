//! How frames open others, and what becomes of those.

use std::collections::BTreeSet;
use std::sync::Arc;

use stepwell_asl::Data;
use stepwell_asl::model::{StateId, StateKind};

use super::Fold;
use crate::event::{Event, EventId, MapRunPlan, Reason};
use crate::failure::Failure;
use crate::frame::{Fork, Frame, FrameId, OpenMapRun, StartedMapRun, Step};

impl Fold<'_> {
    /// Opens a frame for every branch of a Parallel state.
    pub(super) fn branches_started(&mut self, input: Option<&Data>) -> Option<()> {
        let StateKind::Parallel(parallel) = &self.state()?.kind else { return None };
        let input =
            input.map_or_else(|| self.frame().map(Frame::data), |it| Some(Arc::clone(it)))?;
        let length = parallel.branches.len();
        let branches = parallel.branches.iter().enumerate();
        let running = branches.map(|(i, branch)| self.open_branch(i, *branch, &input)).collect();
        self.fork(Fork {
            input,
            items: None,
            max_concurrency: 0,
            started: length,
            running,
            results: vec![None; length],
            previous: self.id,
        })
    }

    fn open_branch(&mut self, index: usize, state: StateId, input: &Data) -> FrameId {
        let parent = Some((self.entry.frame, index));
        let input = Arc::clone(input).into();
        self.folded.open(Frame::new(parent, state, input, Step::Enter, self.id, self.entry.at))
    }

    /// Makes room for the results of a Map state.
    pub(super) fn map_started(&mut self) -> Option<()> {
        let Event::MapStateStarted { length, items, input, max_concurrency } = &self.entry.event
        else {
            return None;
        };
        let StateKind::Map(map) = &self.state()?.kind else { return None };
        let raw = self.frame()?.data();
        let reads =
            map.distributed.as_ref().is_some_and(|distributed| distributed.reader.is_some());
        if reads {
            return self.map_run_opened(input.as_ref().unwrap_or(&raw), None);
        }
        let items = items.as_ref().unwrap_or(&raw);
        items.as_array().filter(|items| items.len() == *length)?;
        if map.distributed.is_some() {
            return self.map_run_opened(input.as_ref().unwrap_or(&raw), Some(items));
        }
        self.fork(Fork {
            input: Arc::clone(input.as_ref().unwrap_or(&raw)),
            items: Some(Arc::clone(items)),
            max_concurrency: *max_concurrency as usize,
            started: 0,
            running: BTreeSet::new(),
            results: vec![None; *length],
            previous: self.id,
        })
    }

    /// A Distributed Map has begun; its Map run follows.
    fn map_run_opened(&mut self, input: &Data, items: Option<&Data>) -> Option<()> {
        let id = self.id;
        let (input, items) = (Arc::clone(input), items.cloned());
        self.begin(|frame| {
            frame.cursor = id;
            frame.step =
                Step::MapRun(Box::new(OpenMapRun { input, items, started: None, stopped: None }));
        })
    }

    pub(super) fn map_run_started(&mut self, arn: &Arc<str>, plan: &Arc<MapRunPlan>) -> Option<()> {
        let (id, arn, plan) = (self.id, Arc::clone(arn), Arc::clone(plan));
        self.update(|frame| {
            let Step::MapRun(run) = &mut frame.step else { return None };
            (run.started.is_none() && run.stopped.is_none()).then_some(())?;
            run.started = Some(StartedMapRun { scheduled: id, arn, plan, redrives: 0 });
            frame.cursor = id;
            Some(())
        })?
    }

    pub(super) fn map_run_redriven(&mut self, arn: &str, count: u32) -> Option<()> {
        let id = self.id;
        self.update(|frame| {
            let Step::MapRun(run) = &mut frame.step else { return None };
            let stopped = run.stopped.take()?;
            (*stopped.arn == *arn && stopped.redrives + 1 == count).then_some(())?;
            run.started = Some(StartedMapRun { scheduled: id, redrives: count, ..stopped });
            frame.cursor = id;
            Some(())
        })?
    }

    pub(super) fn map_run_succeeded(&mut self, output: &Data) -> Option<()> {
        self.map_run_ended(|_| Step::TaskSucceeded(Arc::clone(output)))
    }

    pub(super) fn map_run_failed(&mut self, reason: &Reason) -> Option<()> {
        let Reason { error, cause } = reason.clone();
        self.map_run_ended(|run| Step::MapRunFailed(run, Failure::of_map_run(error, cause)))
    }

    fn map_run_ended(&mut self, end: impl FnOnce(Box<OpenMapRun>) -> Step) -> Option<()> {
        let id = self.id;
        self.update(|frame| {
            let Step::MapRun(run) = &frame.step else { return None };
            run.started.is_some().then_some(())?;
            let run = run.clone();
            frame.cursor = id;
            frame.step = end(run);
            Some(())
        })?
    }

    fn fork(&mut self, fork: Fork) -> Option<()> {
        let id = self.id;
        self.begin(|frame| {
            frame.cursor = id;
            frame.step = Step::Fork(Box::new(fork));
        })
    }

    /// Opens the frame of a Map iteration.
    pub(super) fn iteration_started(&mut self, index: usize) -> Option<()> {
        let StateKind::Map(map) = &self.state()?.kind else { return None };
        let (parent, input) = (Some((self.entry.frame, index)), Data::default().into());
        let (id, at) = (self.id, self.entry.at);
        let child = Frame::new(parent, map.start_at, input, Step::EnterItem, id, at);
        let child = self.folded.open(child);
        self.update_fork(self.entry.frame, |fork| {
            (fork.has_room() && fork.started == index).then_some(())?;
            fork.started += 1;
            fork.running.insert(child);
            Some(())
        })
    }

    pub(super) fn iteration_succeeded(&mut self, index: usize) -> Option<()> {
        let frame = self.frame()?;
        let (parent, own) = frame.parent?;
        (frame.step == Step::Ended && own == index).then_some(())?;
        self.join(self.id)?;
        let previous = self.entry.previous;
        self.update_fork(parent, |fork| {
            fork.previous = previous;
            Some(())
        })
    }

    /// Hands the output of an ended frame to the one that opened it, which goes on from `cursor`.
    pub(super) fn join(&mut self, cursor: EventId) -> Option<()> {
        let child = self.entry.frame;
        let ended = self.frame()?;
        let ((parent, index), output) = (ended.parent?, ended.data());
        self.folded.close(child);
        self.folded.update(parent, |parent| parent.cursor = cursor)?;
        self.update_fork(parent, |fork| {
            fork.running.remove(&child);
            *fork.results.get_mut(index)? = Some(output);
            Some(())
        })
    }

    /// What happens next to the Map state follows from what failed.
    pub(super) fn iteration_failed(&mut self) -> Option<()> {
        let parent = self.folded.parent(self.entry.frame)?;
        let previous = self.entry.previous;
        self.folded.update(parent, |parent| parent.cursor = previous)
    }

    pub(super) fn fork_failed(&mut self) -> Option<()> {
        let is_fork = matches!(self.state()?.kind, StateKind::Parallel(_) | StateKind::Map(_));
        (is_fork && self.frame()?.step.is_inside()).then_some(())?;
        let id = self.id;
        let unsuccessful = self.update(|frame| {
            frame.cursor = id;
            let step = std::mem::replace(&mut frame.step, Step::Work);
            let (step, unsuccessful) = match step {
                Step::Fork(fork) => {
                    let running = fork.running.clone();
                    (Step::ForkFailed(fork), running)
                }
                other => (other, BTreeSet::new()),
            };
            frame.step = step;
            unsuccessful
        })?;
        for child in unsuccessful {
            self.folded.lay_up(child);
        }
        Some(())
    }

    /// Closes the frames that the frame opened; its own step is [`Step::Work`] then.
    pub(super) fn close_fork(&mut self) -> Option<()> {
        let step = self.update(|frame| std::mem::replace(&mut frame.step, Step::Work))?;
        self.folded.close_those_of(&step);
        Some(())
    }

    fn update_fork(
        &mut self,
        frame: FrameId,
        change: impl FnOnce(&mut Fork) -> Option<()>,
    ) -> Option<()> {
        self.folded.update(frame, |frame| {
            let Step::Fork(fork) = &mut frame.step else { return None };
            change(fork)
        })?
    }
}

//! From what is on disk to an execution in memory: at the start of the engine, and whenever something
//! comes in for an execution that is dormant.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;
use stepwell_machine::{
    Command, Entry, ExecutionContext, Kept, Payload, Run, Start, apply, stand_in,
};

use super::Kernel;
use super::activities::is_activity;
use super::map_runs::MapRun;
use super::registry::{Registry, Revision};
use super::slot::{Awake, Keeping, Life, Slot};
use super::write::{Action, TaskOrder};
use crate::arn::Arns;
use crate::error::{Error, StoreError};
use crate::store::{Archive, ExecutionId, Journal, MapRunId, OpenExecution};

/// Below this number, a second thread takes longer to start than it saves.
const FOLDS_PER_THREAD_MIN: usize = 1_000;

impl Kernel {
    /// Takes up all executions that were open when the last process ended.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        self.take_up_map_runs()?;
        let open = self.archive.open_executions()?;
        let (with_tasks, without): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|open| open.open_tasks > 0);
        for open in &without {
            self.lay_to_rest(open);
        }
        for open in &with_tasks {
            self.registry.revision(open.definition, &self.archive)?;
        }
        let folder = self.folder();
        let resumptions = folder.resume_all(&with_tasks, &self.archive)?;
        for (open, resumption) in with_tasks.iter().zip(resumptions) {
            self.resume(open, resumption);
        }
        self.resume_map_runs()
    }

    fn folder(&self) -> Folder<'_> {
        Folder { arns: &self.arns, registry: &self.registry, map_runs: &self.map_runs }
    }

    /// Folds a dormant execution. Others stay as they are.
    pub(super) fn wake(&mut self, id: ExecutionId) -> Result<(), StoreError> {
        let is_dormant = |slot: &Slot| matches!(slot.life, Life::Dormant);
        if !self.slots.get(&id).is_some_and(is_dormant) {
            return Ok(());
        }
        let open = self.archive.open_execution(id)?;
        self.registry.revision(open.definition, &self.archive)?;
        let folder = self.folder();
        let mut life = folder.fold(&open, &self.archive)?;
        if let Life::Awake(awake) = &mut life {
            awake.begin_life(&mut *self.entropy);
        }
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.life = life;
        }
        Ok(())
    }

    /// An execution without outstanding tasks stays on disk until its time comes, or somebody comes with the token
    /// of a task: it may have no time at all then.
    fn lay_to_rest(&mut self, open: &OpenExecution) {
        self.adopt(open, Life::Dormant);
        let slot = self.slots.get_mut(&open.id).expect("it was adopted a moment ago");
        self.timers.rearm(open.id, &mut slot.armed, open.next_wakeup);
    }

    /// An execution with open tasks has them handed out again, with the same keys.
    fn resume(&mut self, open: &OpenExecution, resumption: Resumption) {
        let Resumption { orders, wakeup, more, life } = resumption;
        self.adopt(open, life);
        let slot = self.slots.get_mut(&open.id).expect("it was adopted a moment ago");
        self.timers.rearm(open.id, &mut slot.armed, wakeup);
        let (offers, orders): (Vec<_>, Vec<_>) =
            orders.into_iter().partition(|order| is_activity(&order.task.resource));
        if !orders.is_empty() {
            self.write(Vec::new(), orders.into_iter().map(Action::Dispatch).collect(), None);
        }
        for order in offers {
            self.offer(order);
        }
        if more {
            self.enqueue(open.id);
        }
    }

    /// Folds an execution that ended.
    pub(super) fn fold_again(
        &self,
        open: &OpenExecution,
        journal: &Journal,
    ) -> Result<Awake, Error> {
        self.folder().fold_journal(open, journal).map_err(|reason| Error::Store { reason })
    }

    pub(super) fn adopt(&mut self, open: &OpenExecution, life: Life) {
        let mut slot = Slot::new(open.state_machine, open.name.as_str().into(), life);
        slot.child = open.child;
        self.by_name.insert((open.state_machine, Arc::clone(&slot.name)), open.id);
        self.slots.insert(open.id, slot);
    }
}

/// What a restart does for an execution with open tasks. The execution itself is dropped again and stays on
/// disk until an outcome comes in: a hundred thousand of them would not fit into modest memory.
struct Resumption {
    orders: Vec<TaskOrder>,
    wakeup: Option<Timestamp>,
    more: bool,
    life: Life,
}

/// Folds executions whose definitions the registry holds.
struct Folder<'a> {
    arns: &'a Arns,
    registry: &'a Registry,
    map_runs: &'a HashMap<MapRunId, MapRun>,
}

impl Folder<'_> {
    /// Folds many executions for a restart, on all processors if there are enough of them.
    fn resume_all(
        &self,
        open: &[OpenExecution],
        archive: &Archive,
    ) -> Result<Vec<Resumption>, StoreError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = open.len().div_ceil(threads).max(FOLDS_PER_THREAD_MIN);
        if open.len() <= share {
            return self.resume_share(open, archive);
        }
        let archives: Vec<Archive> =
            open.chunks(share).map(|_| archive.reopen()).collect::<Result<_, _>>()?;
        thread::scope(|scope| {
            let start = |(open, archive): (_, Archive)| {
                scope.spawn(move || self.resume_share(open, &archive))
            };
            let running: Vec<_> = open.chunks(share).zip(archives).map(start).collect();
            running.into_iter().try_fold(Vec::new(), |mut all, thread| {
                all.extend(thread.join().expect("folding does not panic")?);
                Ok(all)
            })
        })
    }

    fn resume_share(
        &self,
        open: &[OpenExecution],
        archive: &Archive,
    ) -> Result<Vec<Resumption>, StoreError> {
        let resume = |open| Ok(resumption(open, self.fold(open, archive)?));
        open.iter().map(resume).collect()
    }

    /// Folds one execution. If its definition or its entries mean nothing to this program, that execution
    /// is left as it is, and the others go on.
    fn fold(&self, open: &OpenExecution, archive: &Archive) -> Result<Life, StoreError> {
        let journal = archive.journal(open)?;
        let folded = self.fold_journal(open, &journal).map(|awake| Life::Awake(Box::new(awake)));
        Ok(folded.unwrap_or_else(|reason| {
            tracing::error!(execution = %open.name, reason, "an open execution cannot go on");
            Life::Unreadable { reason: reason.into() }
        }))
    }

    fn fold_journal(&self, open: &OpenExecution, journal: &Journal) -> Result<Awake, String> {
        let start = self.start(open, &journal.input)?;
        let (arn, input) = (Arc::clone(&start.context.execution_arn), start.input.clone());
        let stand_in = self.stand_in(open, &start);
        let mut run = Run::new(start);
        for entry in stand_in.as_ref().unwrap_or(&journal.entries) {
            apply(&mut run, entry).map_err(|error| error.to_string())?;
        }
        Ok(Awake {
            more: run.is_ready(),
            redrives: run.redrives(),
            run,
            arn,
            definition: open.definition,
            input,
            started_at: open.started_at,
            birth: None,
            next_batch: journal.next_batch,
            next_seq: journal.entries.len() as i64,
            is_child: open.child.is_some(),
            keeping: if open.has_journal() { Keeping::Journal } else { Keeping::Ends { life: 0 } },
            last_write: 0,
        })
    }

    /// What is folded in the place of a journal, where there is none.
    fn stand_in(&self, open: &OpenExecution, start: &Start) -> Option<Vec<Entry>> {
        if open.has_journal() {
            return None;
        }
        let map_run = self.map_runs.get(&open.child?.map_run)?;
        let kept = Kept {
            limits: map_run.limits,
            redrives: open.redrives,
            redriven_at: open.redriven_at,
            has_failed: open.status.is_unsuccessful(),
        };
        Some(stand_in(start, &kept))
    }

    fn start(&self, open: &OpenExecution, input: &str) -> Result<Start, String> {
        let revision = self.registry.known(open.definition).ok_or("its definition is missing")?;
        let machine_name =
            self.registry.name(open.state_machine).ok_or("its state machine is missing")?;
        let input = Payload::parse(input).map_err(|error| error.to_string())?;
        let started_at = open.started_at;
        let Some(child) = open.child else {
            let definition = revision.machine().map_err(|error| error.to_string())?;
            let context = context(self.arns, machine_name, &open.name, revision, started_at);
            return Ok(Start { definition, context, input });
        };
        let map_run = self.map_runs.get(&child.map_run).ok_or("its Map run is missing")?;
        let definition = Arc::clone(map_run.processor.as_ref().map_err(ToString::to_string)?);
        let machine_name = map_run.machine_name(machine_name);
        let context = context(self.arns, &machine_name, &open.name, revision, started_at);
        Ok(Start { definition, context, input })
    }
}

/// The fixed part of the context object.
pub(super) fn context(
    arns: &Arns,
    machine_name: &Arc<str>,
    name: &str,
    revision: &Revision,
    start_time: Timestamp,
) -> ExecutionContext {
    ExecutionContext {
        execution_arn: arns.execution(machine_name, name).into(),
        execution_name: name.into(),
        role_arn: revision.row.role_arn.as_str().into(),
        start_time,
        state_machine_arn: arns.state_machine(machine_name).into(),
        state_machine_name: Arc::clone(machine_name),
    }
}

/// What a restart does for a folded execution.
fn resumption(open: &OpenExecution, life: Life) -> Resumption {
    let Life::Awake(awake) = life else {
        return Resumption { orders: Vec::new(), wakeup: None, more: false, life };
    };
    Resumption {
        orders: outstanding(&awake, open.id),
        wakeup: awake.run.next_wakeup(),
        more: awake.more,
        life: Life::Dormant,
    }
}

/// The open tasks of an execution.
fn outstanding(awake: &Awake, execution: ExecutionId) -> Vec<TaskOrder> {
    let life = awake.keeping.life();
    let order = |task| TaskOrder { execution, execution_arn: Arc::clone(&awake.arn), task, life };
    let tasks = awake.run.outstanding().into_iter().filter_map(|command| match command {
        Command::ScheduleTask(task) => Some(task),
        Command::StartMapRun(_) | Command::CancelTask { .. } => None,
    });
    tasks.map(order).collect()
}

//! Requests about executions.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Input, Run, Start};

use super::aliases::draw;
use super::event::{Reply, StartRequest};
use super::express::ExpressReply;
use super::fold::context;
use super::map_runs::MapRun;
use super::slot::{Awake, Keeping, Letter, Life, Receipt, Slot};
use super::{Kernel, registry::Revision};
use crate::arn::{Qualifier, split_label};
use crate::clock::uuid;
use crate::error::{Error, Halted, StoreError};
use crate::record::Started;
use crate::store::{Birth, ExecutionId, Found, StateMachineId};

/// Who has a name among the executions of a state machine.
pub(super) enum Holder {
    /// One in memory.
    Slot(ExecutionId),
    /// One that is only on disk, and so has ended.
    Archived(Found),
    Nobody,
}

/// What a request to start comes to.
enum Begun {
    /// An execution that is to be told of its start.
    New(ExecutionId),
    /// It runs already, by the same request.
    Before(Started),
}

/// What an execution runs, and why that.
pub(super) struct Origin {
    pub(super) revision: Arc<Revision>,
    version: Option<i64>,
    alias: Option<String>,
}

/// Why a request came to nothing.
pub(super) enum Failed {
    /// It was wrong.
    Refused(Error),
    /// The store cannot be read, which ends the engine.
    Store(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Kernel {
    pub(super) fn start(
        &mut self,
        request: StartRequest,
        reply: Reply<Started>,
        now: Timestamp,
    ) -> Result<(), Halted> {
        if self.is_express(&request.state_machine) {
            return self.start_express(request, ExpressReply::Started(reply), now);
        }
        let input = Input::Start { limits: request.limits };
        match self.begin(request, now) {
            Ok(Begun::New(id)) => {
                self.deliver(id, Letter::with_receipt(input, Receipt::Started(reply)));
                Ok(())
            }
            Ok(Begun::Before(started)) => {
                self.answer(reply, Ok(started));
                Ok(())
            }
            Err(failed) => self.fail(reply, failed),
        }
    }

    pub(super) fn stop(
        &mut self,
        state_machine: &str,
        name: &str,
        input: Input,
        reply: Reply<Timestamp>,
    ) -> Result<(), Halted> {
        match self.find_by_arn(state_machine, name) {
            Ok(Holder::Slot(id)) => {
                self.deliver(id, Letter::with_receipt(input, Receipt::Stopped(reply)));
            }
            Ok(Holder::Archived(Found { stopped_at: Some(at), .. })) => self.answer(reply, Ok(at)),
            Ok(Holder::Archived(_) | Holder::Nobody) => {
                let arn = self.arns.execution(state_machine, name);
                self.answer(reply, Err(Error::ExecutionDoesNotExist { arn }));
            }
            Err(failed) => return self.fail(reply, failed),
        }
        Ok(())
    }

    /// Remembers who wants to know of an end. An execution that does not run is answered for at once.
    pub(super) fn wait(&mut self, state_machine: &str, name: &str, reply: Reply<()>) {
        let (machine, label) = split_label(state_machine);
        let id = self.slot_id(machine, name).filter(|id| self.label_of(*id) == label);
        let Some((id, slot)) = id.and_then(|id| Some((id, self.slots.get_mut(&id)?))) else {
            return self.answer(reply, Ok(()));
        };
        slot.waiters.push(reply);
        if matches!(slot.life, Life::Ended { .. } | Life::Unreadable { .. }) {
            self.enqueue(id);
        }
    }

    fn begin(&mut self, request: StartRequest, now: Timestamp) -> Result<Begun, Failed> {
        self.accept()?;
        let row = self.registry.active(&request.state_machine);
        let row = row.ok_or_else(|| Error::StateMachineDoesNotExist {
            arn: self.arns.state_machine(&request.state_machine),
        })?;
        let state_machine = row.id;
        let origin = self.origin(&request)?;
        let Some(name) = &request.name else {
            let name = uuid(&mut *self.entropy);
            return Ok(Begun::New(self.admit(state_machine, &origin, name, request, now)?));
        };
        let name = name.clone();
        match self.find(&request.state_machine, &name)? {
            Holder::Nobody => {
                Ok(Begun::New(self.admit(state_machine, &origin, name, request, now)?))
            }
            Holder::Slot(id) => Ok(Begun::Before(self.started_before(id, &request)?)),
            Holder::Archived(_) => Err(self.exists(&request.state_machine, &name).into()),
        }
    }

    /// What an execution runs: the newest revision, that of the version, or that of a version drawn among those of
    /// the alias.
    pub(super) fn origin(&mut self, request: &StartRequest) -> Result<Origin, Failed> {
        let name = &request.state_machine;
        let missing = |arn| Error::StateMachineDoesNotExist { arn };
        let plain = || missing(self.arns.state_machine(name));
        let row = self.registry.active(name).ok_or_else(plain)?;
        let (version, alias) = match &request.qualifier {
            None => {
                let revision = Arc::clone(self.registry.newest(row));
                return Ok(Origin { revision, version: None, alias: None });
            }
            Some(Qualifier::Version(number)) => (*number, None),
            Some(Qualifier::Alias(alias)) => {
                let known = self.registry.alias(row.id, alias);
                let drawn = known.and_then(|known| draw(&known.routes, &mut *self.entropy));
                let drawn = drawn.ok_or_else(|| missing(self.arns.qualified(name, alias)))?;
                (drawn, Some(alias.clone()))
            }
        };
        let known = self.registry.version(row.id, version);
        let known = known.ok_or_else(|| missing(self.arns.qualified(name, version)))?;
        let revision = self.registry.revision(known.definition, &self.archive)?;
        Ok(Origin { revision, version: Some(version), alias })
    }

    /// Makes a place for a new execution.
    fn admit(
        &mut self,
        state_machine: StateMachineId,
        origin: &Origin,
        name: String,
        request: StartRequest,
        now: Timestamp,
    ) -> Result<ExecutionId, Error> {
        let Origin { revision, version, alias } = origin;
        let machine_name: Arc<str> = request.state_machine.as_str().into();
        let start = Start {
            definition: revision.machine()?,
            context: context(&self.arns, &machine_name, &name, revision, now),
            input: request.data.clone(),
        };
        let slot_name: Arc<str> = name.as_str().into();
        let awake = Awake {
            arn: Arc::clone(&start.context.execution_arn),
            definition: revision.row.id,
            input: request.data,
            run: Run::new(start),
            started_at: now,
            birth: Some(Birth {
                state_machine,
                definition: revision.row.id,
                name,
                input: request.input,
                started_at: now,
                child: None,
                version: *version,
                alias: alias.clone(),
            }),
            next_batch: 0,
            next_seq: 0,
            more: false,
            is_child: false,
            keeping: Keeping::Journal,
            last_write: 0,
            redrives: 0,
        };
        Ok(self.place(state_machine, slot_name, awake))
    }

    /// Gives a new execution its id and its slot.
    pub(super) fn place(
        &mut self,
        state_machine: StateMachineId,
        name: Arc<str>,
        awake: Awake,
    ) -> ExecutionId {
        self.last_execution.0 += 1;
        let id = self.last_execution;
        self.by_name.insert((state_machine, Arc::clone(&name)), id);
        let child = awake.birth.as_ref().and_then(|birth| birth.child);
        let slot = Slot::new(state_machine, name, Life::Awake(Box::new(awake)));
        self.slots.insert(id, Slot { child, ..slot });
        id
    }

    /// The answer of the first start, if the request is the same and the execution still runs.
    fn started_before(
        &mut self,
        id: ExecutionId,
        request: &StartRequest,
    ) -> Result<Started, Failed> {
        self.wake(id)?;
        match self.slots.get(&id).map(|slot| &slot.life) {
            Some(Life::Awake(awake)) if awake.input == request.data => Ok(Started {
                execution_arn: awake.arn.as_ref().to_owned(),
                started_at: awake.started_at,
            }),
            Some(_) | None => {
                let name = request.name.as_deref().unwrap_or_default();
                Err(self.exists(&request.state_machine, name).into())
            }
        }
    }

    pub(super) fn find(&self, state_machine: &str, name: &str) -> Result<Holder, Failed> {
        if let Some(id) = self.slot_id(state_machine, name) {
            return Ok(Holder::Slot(id));
        }
        let Some(row) = self.registry.any(state_machine) else { return Ok(Holder::Nobody) };
        let found = self.archive.find(row.id, name)?;
        Ok(found.map_or(Holder::Nobody, Holder::Archived))
    }

    /// Who the names in an ARN mean: of a child of a Map run, the label must be its own.
    pub(super) fn find_by_arn(&self, state_machine: &str, name: &str) -> Result<Holder, Failed> {
        let (machine, label) = split_label(state_machine);
        let holder = self.find(machine, name)?;
        let own = match &holder {
            Holder::Slot(id) => self.label_of(*id),
            Holder::Archived(found) => found.label.as_deref(),
            Holder::Nobody => None,
        };
        Ok(if own == label { holder } else { Holder::Nobody })
    }

    fn label_of(&self, id: ExecutionId) -> Option<&str> {
        let child = self.slots.get(&id)?.child?;
        self.map_runs.get(&child.map_run).map(MapRun::label)
    }

    fn slot_id(&self, state_machine: &str, name: &str) -> Option<ExecutionId> {
        let row = self.registry.any(state_machine)?;
        self.by_name.get(&(row.id, name.into())).copied()
    }

    fn exists(&self, state_machine: &str, name: &str) -> Error {
        Error::ExecutionAlreadyExists { arn: self.arns.execution(state_machine, name) }
    }

    pub(super) fn fail<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        failed: Failed,
    ) -> Result<(), Halted> {
        match failed {
            Failed::Refused(error) => self.answer(reply, Err(error)),
            Failed::Store(error) => return Err(self.halt(error.to_string())),
        }
        Ok(())
    }
}

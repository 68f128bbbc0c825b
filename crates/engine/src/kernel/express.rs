//! Starts of Express executions. The kernel says what runs; it runs in memory, beside the kernel and without a journal
//! (`driver/express.rs`).

use jiff::Timestamp;
use stepwell_asl::WorkflowType;
use stepwell_machine::{ExecutionContext, Limits, Start};

use super::Kernel;
use super::event::{Reply, StartRequest};
use super::executions::Failed;
use super::fold::context;
use super::write::Action;
use crate::clock::uuid;
use crate::configuration::Logging;
use crate::error::{Error, Halted};
use crate::record::{Started, SyncExecution};

/// An Express execution to run.
#[derive(Debug)]
pub struct ExpressOrder {
    /// What it starts with.
    pub start: Start,
    /// The limits that it is held to.
    pub limits: Limits,
    /// What is logged of it.
    pub logging: Logging,
    /// The seed of all that is random in it.
    pub seed: u64,
    /// Who asked for it.
    pub reply: ExpressReply,
}

/// Who asked for an Express execution, and for what.
#[derive(Debug)]
pub enum ExpressReply {
    /// To be told that it has started.
    Started(Reply<Started>),
    /// To be told how it ended.
    Ended(Reply<SyncExecution>),
}

impl ExpressReply {
    /// Says why it does not run.
    pub fn refuse(self, error: Error) {
        // Whoever asked may have gone; then nobody misses the answer.
        match self {
            Self::Started(reply) => drop(reply.send(Err(error))),
            Self::Ended(reply) => drop(reply.send(Err(error))),
        }
    }
}

impl Kernel {
    pub(super) fn is_express(&self, state_machine: &str) -> bool {
        let row = self.registry.active(state_machine);
        row.is_some_and(|row| self.registry.newest(row).row.workflow == WorkflowType::Express)
    }

    pub(super) fn start_express(
        &mut self,
        request: StartRequest,
        reply: ExpressReply,
        now: Timestamp,
    ) -> Result<(), Halted> {
        let limits = request.limits;
        match self.express_start(request, now) {
            Ok((start, logging)) => {
                let seed = self.entropy.next_u64();
                let order = ExpressOrder { start, limits, logging, seed, reply };
                self.write(Vec::new(), vec![Action::RunExpress(order)], None);
                Ok(())
            }
            Err(failed) => match reply {
                ExpressReply::Started(reply) => self.fail(reply, failed),
                ExpressReply::Ended(reply) => self.fail(reply, failed),
            },
        }
    }

    /// What an Express execution starts with, and what is logged of it. Its name may be that of another: the UUID tells
    /// them apart.
    fn express_start(
        &mut self,
        request: StartRequest,
        now: Timestamp,
    ) -> Result<(Start, Logging), Failed> {
        self.accept()?;
        let origin = self.origin(&request)?;
        let StartRequest { state_machine, name, data, .. } = request;
        if !self.is_express(&state_machine) {
            return Err(Error::StateMachineTypeNotSupported.into());
        }
        let name = name.unwrap_or_else(|| uuid(&mut *self.entropy));
        let arn = self.arns.express(&state_machine, &name, &uuid(&mut *self.entropy));
        let context = context(&self.arns, &state_machine.into(), &name, &origin.revision, now);
        let start = Start {
            definition: origin.revision.machine()?,
            context: ExecutionContext { execution_arn: arn.into(), ..context },
            input: data,
        };
        Ok((start, origin.revision.row.settings.logging.clone()))
    }
}

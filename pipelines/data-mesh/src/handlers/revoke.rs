//! `stepwell-data-mesh-revoke`: removes what an access has, by what the ledger knows and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::apply::{self, Work};
use super::grant::superseded;
use super::{Done, Examined};
use crate::ledger::Outcome;
use crate::service::Service;

/// Revokes.
pub struct Revoke {
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Function for Revoke {
    type Input = Examined;
    type Output = Done;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-revoke"
    }

    async fn call(&self, task: Examined, _ctx: &Context) -> Result<Done, HandlerError> {
        let fetched = task.fetched()?;
        let world = self.service.world(&task.run, task.plan).await?;
        let rules = &self.service.config.rules;
        let work = Work { world: &world, rules, task: &task, ticket: fetched.ticket };
        let reason = fetched.reasons.join("; ");
        let Some(revoked) = work.revoke(None, &reason).await? else {
            return superseded(&work).await;
        };
        // A repeated call finds nothing left to revoke: the first one did it.
        let revoked = match revoked.into_iter().last() {
            Some(grant) => Some(grant),
            None => world.ledger.last_revoked(&task.access).await?,
        };
        let report = revoked.as_ref().filter(|_| fetched.exists).map(apply::revoked_report);
        let result = revoked.map(|grant| {
            let detail = grant.note.clone().unwrap_or(reason);
            apply::result(&grant, Outcome::Revoked, detail, Vec::new())
        });
        if let Some(result) = &result {
            world.ledger.record(&task.run, result.clone()).await?;
        }
        Ok(Done { status: super::Status::Done, result, report })
    }
}

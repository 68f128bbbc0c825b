//! `stepwell-data-mesh-grant`: writes the policy that an access should have, and removes what it had elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::apply::{self, Granting, Work};
use super::{Done, Examined, report};
use crate::ledger::{ItemResult, Outcome};
use crate::service::Service;

/// A reading that is older is read again before anything is granted: after a crash it may be of yesterday.
const AGE_MAX: SignedDuration = SignedDuration::from_secs(60);

/// Grants.
pub struct Grant {
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Function for Grant {
    type Input = Examined;
    type Output = Done;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-grant"
    }

    async fn call(&self, task: Examined, _ctx: &Context) -> Result<Done, HandlerError> {
        let fetched = task.fetched()?;
        let missing = || HandlerError::Config("the state has no `fetched.wanted`".to_owned());
        let wanted = fetched.wanted.as_ref().ok_or_else(missing)?;
        if Timestamp::now().duration_since(fetched.read_at) > AGE_MAX {
            return Ok(Done::stale());
        }
        let world = self.service.world(&task.run, task.plan).await?;
        let rules = &self.service.config.rules;
        let work = Work { world: &world, rules, task: &task, ticket: fetched.ticket };
        let done = match work.grant(wanted).await? {
            Granting::Granted(grant, outcome, warnings) => {
                let reason = format!("the consumer's role is `{}` now", grant.role);
                let Some(moved) = work.revoke(Some(&grant), &reason).await? else {
                    return superseded(&work).await;
                };
                let arns = grant.arns.join(", ");
                let left = moved.iter().map(|old| format!("removed from the role `{}`", old.role));
                let detail = std::iter::once(arns).chain(left).collect::<Vec<_>>().join("; ");
                let report = apply::granted_report(&grant);
                Done::with(apply::result(&grant, outcome, detail, warnings), Some(report))
            }
            Granting::Refused(reason) => {
                return report::refuse(&work, &[reason], Some(&wanted.role)).await;
            }
            Granting::Superseded => return superseded(&work).await,
        };
        let result = done.result.clone().expect("what is done has a result");
        world.ledger.record(&task.run, result).await?;
        Ok(done)
    }
}

/// A later reading was acted on: its result counts.
pub(super) async fn superseded(work: &Work<'_>) -> Result<Done, HandlerError> {
    let result = ItemResult {
        access: work.task.access.clone(),
        outcome: Outcome::Superseded,
        role: None,
        policy: None,
        detail: "a later reading was acted on".to_owned(),
        warnings: Vec::new(),
    };
    work.world.ledger.record(&work.task.run, result.clone()).await?;
    Ok(Done::with(result, None))
}

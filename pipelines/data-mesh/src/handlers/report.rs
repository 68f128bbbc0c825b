//! `stepwell-data-mesh-report`: what cannot be granted is told to its owner; what the access had elsewhere goes.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::apply::Work;
use super::grant::superseded;
use super::{Done, Examined};
use crate::dmm::{self, Transition};
use crate::ledger::{ItemResult, Outcome};
use crate::service::Service;

/// Reports.
pub struct Report {
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Function for Report {
    type Input = Examined;
    type Output = Done;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-report"
    }

    async fn call(&self, task: Examined, _ctx: &Context) -> Result<Done, HandlerError> {
        let fetched = task.fetched()?;
        let world = self.service.world(&task.run, task.plan).await?;
        let rules = &self.service.config.rules;
        let work = Work { world: &world, rules, task: &task, ticket: fetched.ticket };
        refuse(&work, &fetched.reasons, fetched.keep.as_deref()).await
    }
}

/// Refuses an access. Where the consumer's role is the same, what was granted before stays: only the description of
/// the port does not do. Everywhere else it goes.
pub(super) async fn refuse(
    work: &Work<'_>,
    reasons: &[String],
    keep: Option<&str>,
) -> Result<Done, HandlerError> {
    let grants = work.world.ledger.grants_of(&work.task.access).await?;
    let kept = grants.iter().find(|grant| Some(grant.role.as_str()) == keep);
    let diagnostics = reasons.join("; ");
    let Some(revoked) = work.revoke(kept, &diagnostics).await? else {
        return superseded(work).await;
    };
    let mut warnings: Vec<_> =
        revoked.iter().map(|grant| format!("removed from the role `{}`", grant.role)).collect();
    let note = kept.map(|it| format!("what was granted before stays on the role `{}`", it.role));
    warnings.extend(note.clone());
    let report = dmm::Report {
        transition: Transition::ProvisioningFailed,
        reference: kept.map(|it| format!("{}#{}", it.role_arn, it.policy)),
        diagnostics: Some(diagnostics.clone()),
        note,
    };
    let result = ItemResult {
        access: work.task.access.clone(),
        outcome: Outcome::Refused,
        role: kept.map(|it| it.role.clone()),
        policy: kept.map(|it| it.policy.clone()),
        detail: diagnostics,
        warnings,
    };
    work.world.ledger.record(&work.task.run, result.clone()).await?;
    Ok(Done::with(result, Some(report)))
}

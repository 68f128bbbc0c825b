//! `stepwell-data-mesh-verify`: what the run wrote, and in a reconcile all that we answer for, is read back from the
//! target and compared with what it should be.
//!
//! The embedded access ledger is exported to its folder here, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Run;
use crate::desired::document::same;
use crate::ledger::Policy;
use crate::service::{Service, World};
use crate::target::handler_error;

/// IAM is eventually consistent: what differs is read again after these waits.
const WAITS_MS: [u64; 4] = [250, 1_000, 2_000, 4_000];

/// Reads back.
pub struct Verify {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct ToVerify {
    #[serde(flatten)]
    run: Run,
    /// Whether all policies are compared, or those of this run.
    everything: bool,
}

/// What was compared.
///
/// ```json
/// {"proven":true,"compared":12,"differences":[],"exported":40}
/// ```
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Desired and actual agree.
    pub proven: bool,
    /// So many policies were read back, those that should be gone included.
    pub compared: usize,
    /// What does not agree.
    pub differences: Vec<String>,
    /// So many policies stand in the export folder; nothing where the target is IAM.
    #[serde(default)]
    pub exported: Option<usize>,
}

#[async_trait]
impl Function for Verify {
    type Input = ToVerify;
    type Output = Proof;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-verify"
    }

    async fn call(&self, input: ToVerify, ctx: &Context) -> Result<Proof, HandlerError> {
        let ToVerify { run: Run { run, input }, everything } = input;
        let world = self.service.world(&run, input.plan).await?;
        if world.is_plan {
            return Ok(Proof { proven: true, ..Proof::default() });
        }
        let mut policies = world.ledger.policies_of_run(&run).await?;
        if everything {
            policies.extend(world.ledger.policies().await?);
        }
        let mut waits = WAITS_MS.iter().map(|ms| Duration::from_millis(*ms));
        let mut proof = compare(&world, &policies).await?;
        while !proof.proven
            && let Some(wait) = waits.next()
            && ctx.sleep(wait).await.is_ok()
        {
            proof = compare(&world, &policies).await?;
        }
        proof.exported = self.export(&world).await?;
        Ok(proof)
    }
}

impl Verify {
    async fn export(&self, world: &World) -> Result<Option<usize>, HandlerError> {
        let Some(embedded) = &world.embedded else { return Ok(None) };
        let exported = embedded.export(&self.service.config.export).await;
        exported.map(Some).map_err(|error| handler_error(&error))
    }
}

async fn compare(world: &World, policies: &[Policy]) -> Result<Proof, HandlerError> {
    let keys: BTreeSet<_> = policies.iter().map(key).collect();
    let actual = world.target.read_back(&keys).await.map_err(|error| handler_error(&error))?;
    let differs = |policy: &Policy| {
        let Policy { role, policy: name, document, .. } = policy;
        match (document, actual.get(&key(policy))) {
            (Some(_), None) => Some(format!("the role `{role}` has no policy `{name}`")),
            (None, Some(_)) => Some(format!("the role `{role}` still has the policy `{name}`")),
            (Some(wanted), Some(found)) if !same(wanted, found) => {
                Some(format!("the policy `{name}` of the role `{role}` is not as it was written"))
            }
            _ => None,
        }
    };
    let differences: BTreeSet<_> = policies.iter().filter_map(differs).collect();
    let differences: Vec<_> = differences.into_iter().collect();
    Ok(Proof { proven: differences.is_empty(), compared: keys.len(), differences, exported: None })
}

fn key(policy: &Policy) -> (String, String) {
    (policy.role.clone(), policy.policy.clone())
}

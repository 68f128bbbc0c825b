//! `stepwell-data-mesh-fetch-access`: reads an access as it is now, and says what has to be done about it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::{Examined, apply};
use crate::desired::{Desired, Wanted, desired};
use crate::dmm::{Report, Resource};
use crate::event::resource_of;
use crate::ledger::{Examination, Grant, ItemResult, Outcome, State};
use crate::service::{Service, World};

/// Reads an access.
pub struct FetchAccess {
    pub(crate) service: Arc<Service>,
}

/// What has to be done.
///
/// ```json
/// {"decision":"GRANT","ticket":7,"read_at":"2026-03-01T00:00:05Z","exists":true,"reasons":[],
///  "wanted":{"role":"payments-consumer","statements":[]}}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fetched {
    pub(super) decision: Decision,
    /// How old the reading is, among the readings of this access.
    pub(super) ticket: i64,
    pub(super) read_at: Timestamp,
    /// False if the access is deleted: nobody is left to report to.
    pub(super) exists: bool,
    /// Why nothing is granted.
    pub(super) reasons: Vec<String>,
    /// The role that may keep what it has.
    pub(super) keep: Option<String>,
    pub(super) wanted: Option<Wanted>,
    /// What was done before and not reported.
    pub(super) report: Option<Report>,
}

/// What has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// A policy has to be written.
    Grant,
    /// Policies have to be removed.
    Revoke,
    /// The owner has to mend something.
    Report,
    /// All is as it should be, and only the owner does not know.
    WriteBack,
    /// Nothing.
    Nothing,
}

#[async_trait]
impl Function for FetchAccess {
    type Input = Examined;
    type Output = Fetched;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-fetch-access"
    }

    async fn call(&self, task: Examined, ctx: &Context) -> Result<Fetched, HandlerError> {
        let world = self.service.world(&task.run, task.plan).await?;
        let examination = world.ledger.examine(&task.access, &task.cause).await?;
        let read_at = Timestamp::now();
        let (exists, should) = self.should(&task, examination.resource, &world, ctx).await?;
        let fetched = decide(&task.access, &examination, should, exists, read_at);
        if let Some(result) = nothing_to_do(&task.access, &fetched, &examination) {
            world.ledger.record(&task.run, result).await?;
        }
        Ok(fetched)
    }
}

impl FetchAccess {
    /// Whether the access exists, and what it should lead to.
    async fn should(
        &self,
        task: &Examined,
        found: Option<Resource>,
        world: &World,
        ctx: &Context,
    ) -> Result<(bool, Desired), HandlerError> {
        let Service { dmm, readings, config, .. } = self.service.as_ref();
        let reading = readings.of(&task.batch);
        let places = (found, resource_of(&task.cause.kind));
        let Some(access) = reading.access(dmm, &task.access, places, ctx).await? else {
            world.ledger.found_nowhere(&task.access).await?;
            return Ok((false, Desired::Nothing("the access is deleted".to_owned())));
        };
        world.ledger.remember(std::slice::from_ref(&access)).await?;
        if !access.active {
            return Ok((true, Desired::Nothing("the access is not active".to_owned())));
        }
        let provider = reading.provider(dmm, &access, ctx).await?;
        let consuming = reading.consuming(dmm, &access, ctx).await?;
        Ok((true, desired(&access, provider.as_deref(), &consuming, &config.rules)))
    }
}

fn decide(
    access: &str,
    examination: &Examination,
    should: Desired,
    exists: bool,
    read_at: Timestamp,
) -> Fetched {
    let mut fetched = Fetched {
        decision: Decision::Nothing,
        ticket: examination.ticket,
        read_at,
        exists,
        reasons: Vec::new(),
        keep: None,
        wanted: None,
        report: None,
    };
    match should {
        Desired::Grant(wanted) => {
            if let Some(grant) = in_place(&wanted, &examination.grants) {
                fetched.tell(apply::granted_report(grant), examination);
            } else {
                fetched.decision = Decision::Grant;
                fetched.wanted = Some(wanted);
            }
        }
        Desired::Nothing(reason) => {
            if !examination.grants.is_empty() {
                fetched.decision = Decision::Revoke;
            } else if let Some(revoked) = examination.revoked.as_ref().filter(|_| exists) {
                fetched.tell(apply::revoked_report(revoked), examination);
            }
            fetched.reasons.push(reason);
        }
        Desired::Refused { reasons, keep } => {
            tracing::debug!(access, ?reasons, "an access is refused");
            fetched.decision = Decision::Report;
            fetched.reasons = reasons;
            fetched.keep = keep;
        }
    }
    fetched
}

impl Fetched {
    /// Makes the report be written back, unless that is done.
    fn tell(&mut self, report: Report, examination: &Examination) {
        if examination.reported.as_deref() != Some(&apply::text(&report)) {
            self.decision = Decision::WriteBack;
            self.report = Some(report);
        }
    }
}

/// The grant, if all is as it should be: one policy on that role, with these statements, and nobody changed it.
fn in_place<'g>(wanted: &Wanted, grants: &'g [Grant]) -> Option<&'g Grant> {
    let [grant] = grants else { return None };
    let is_same = grant.role == wanted.role && grant.hash == apply::hash(&wanted.statements);
    (is_same && grant.state == State::Granted).then_some(grant)
}

/// The result of an access about which nothing has to be done.
fn nothing_to_do(access: &str, fetched: &Fetched, examination: &Examination) -> Option<ItemResult> {
    if !matches!(fetched.decision, Decision::Nothing | Decision::WriteBack) {
        return None;
    }
    let grant = examination.grants.first();
    Some(ItemResult {
        access: access.to_owned(),
        outcome: if grant.is_some() { Outcome::Unchanged } else { Outcome::Inactive },
        role: grant.map(|it| it.role.clone()),
        policy: grant.map(|it| it.policy.clone()),
        detail: grant.map_or_else(|| fetched.reasons.join("; "), |it| it.arns.join(", ")),
        warnings: Vec::new(),
    })
}

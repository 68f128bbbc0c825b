//! What is told about a run: one result for each access, and all of them in one summary.
//!
//! A run fails where something could not be done: an access that failed, a proof that does not hold, a run that broke
//! off. An access that the catalogue or the configuration does not allow is no failure of the run: its owner is told,
//! and the summary counts it under `refused`.

use serde::Serialize;
use serde_json::Value;

use crate::handlers::Proof;
use crate::ledger::{Failure, ItemResult, Outcome, Told};
use stepwell_pipeline::Caught;

/// The error name of an execution in which some accesses failed.
pub const ACCESSES_FAILED: &str = "AccessesFailed";
/// The error name of an execution whose writes are not what is read back.
pub const NOT_PROVEN: &str = "NotProven";

/// So many failed accesses are named in the message; the rest stands in the summary.
const NAMED_MAX: usize = 10;

/// A whole run.
///
/// ```json
/// {"pipeline":"data-mesh","message":"3 accesses granted, 1 revoked, ...","accesses":212,"failed":0,"granted":3,
///  "revoked":1,"repaired":0,"adopted":0,"unchanged":196,"refused":2,"inactive":10,"dead_lettered":0,
///  "proven":true,"poll":{"events":40},"survey":{},"seconds":0.8,"failures":[],"results":[...]}
/// ```
#[derive(Debug, Serialize)]
pub struct Summary {
    /// `data-mesh`
    pub pipeline: &'static str,
    /// The line for people.
    pub message: String,
    /// How many accesses the run was about.
    pub accesses: usize,
    /// How many things failed.
    pub failed: usize,
    /// The error name that the execution ends with, if anything failed.
    pub error: Option<String>,
    /// Policies written.
    pub granted: usize,
    /// Policies removed.
    pub revoked: usize,
    /// Policies that were missing or changed by hand.
    pub repaired: usize,
    /// Policies that were as they should be, and that the ledger knows now.
    pub adopted: usize,
    /// As they should be.
    pub unchanged: usize,
    /// Those that somebody has to mend; their owners are told.
    pub refused: usize,
    /// Not active, and nothing granted.
    pub inactive: usize,
    /// Given up: among the dead letters.
    pub dead_lettered: usize,
    /// What was written was read back, and agrees.
    pub proven: bool,
    /// What was compared.
    pub proof: Option<Proof>,
    /// What a plan would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<Planned>>,
    /// What was read of the feed.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub poll: Value,
    /// What was surveyed.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub survey: Value,
    /// Requests to AWS of this process so far.
    pub aws_requests: u64,
    /// From the start of the execution.
    pub seconds: f64,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What was done, access by access.
    pub results: Vec<ItemResult>,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// `grant`, `revoke`, `repair`, `adopt`, `refuse`
    pub action: &'static str,
    /// The access.
    pub subject: String,
    /// Where and what.
    pub detail: String,
}

/// What a run left behind.
pub(crate) struct Gathered {
    pub(crate) told: Told,
    pub(crate) poll: Value,
    pub(crate) survey: Value,
    /// The service did not answer any more.
    pub(crate) is_stopped: bool,
    pub(crate) proof: Option<Proof>,
    pub(crate) broken_off: Option<Caught>,
    pub(crate) is_plan: bool,
    pub(crate) aws_requests: u64,
    pub(crate) seconds: f64,
}

impl Summary {
    pub(crate) fn new(gathered: Gathered) -> Self {
        let Gathered { told: Told { results, mut failures }, poll, survey, proof, .. } = gathered;
        let accesses = results.len() + failures.len();
        // An execution that broke off ends with that very error, the others with one of our own.
        let broken_off = gathered.broken_off.map(|caught| Failure {
            access: None,
            cause: caught.message(),
            error: caught.error,
            attempts: 0,
            dead: false,
        });
        let differs = proof.as_ref().filter(|it| !it.proven).map(|proof| Failure {
            access: None,
            error: NOT_PROVEN.to_owned(),
            cause: format!("what was read back differs: {}", proof.differences.join("; ")),
            attempts: 0,
            dead: false,
        });
        let of_accesses = (!failures.is_empty()).then(|| ACCESSES_FAILED.to_owned());
        let of_run = broken_off.as_ref().or(differs.as_ref()).map(|it| it.error.clone());
        failures.extend(broken_off.into_iter().chain(differs));
        let count = |outcome| results.iter().filter(|it| it.outcome == outcome).count();
        let mut summary = Self {
            pipeline: crate::NAME,
            message: String::new(),
            accesses,
            failed: failures.len(),
            error: of_run.or(of_accesses),
            granted: count(Outcome::Granted),
            revoked: count(Outcome::Revoked),
            repaired: count(Outcome::Repaired),
            adopted: count(Outcome::Adopted),
            unchanged: count(Outcome::Unchanged) + count(Outcome::Superseded),
            refused: count(Outcome::Refused),
            inactive: count(Outcome::Inactive),
            dead_lettered: failures.iter().filter(|it| it.dead).count(),
            proven: proof.as_ref().is_some_and(|it| it.proven),
            proof,
            plan: gathered.is_plan.then(|| results.iter().filter_map(Planned::of).collect()),
            poll: or_null(poll),
            survey: or_null(survey),
            aws_requests: gathered.aws_requests,
            seconds: gathered.seconds,
            failures,
            results,
        };
        summary.message = summary.line(gathered.is_stopped);
        summary
    }

    fn line(&self, is_stopped: bool) -> String {
        let moved = [
            (self.granted, "granted"),
            (self.revoked, "revoked"),
            (self.repaired, "repaired"),
            (self.adopted, "adopted"),
            (self.refused, "refused"),
            (self.unchanged, "unchanged"),
        ];
        let moved = moved.iter().filter(|(count, _)| *count > 0);
        let moved: Vec<_> = moved.map(|(count, what)| format!("{count} {what}")).collect();
        let would = if self.plan.is_some() { "plan: " } else { "" };
        let moved = match moved.join(", ") {
            it if it.is_empty() => format!("{would}nothing to do"),
            it => format!("{would}{} accesses: {it}", self.accesses),
        };
        let is_of_accesses = self.error.as_deref() == Some(ACCESSES_FAILED);
        match &self.failures[..] {
            [] => moved,
            [Failure { access: None, cause, .. }] if !is_of_accesses => {
                format!("the run broke off: {cause} ({moved})")
            }
            failures => {
                let named: Vec<_> = failures.iter().take(NAMED_MAX).map(line).collect();
                let more = failures.len().saturating_sub(NAMED_MAX);
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                let later = if is_stopped {
                    "; the service does not answer, the next run goes on"
                } else {
                    ""
                };
                format!("{} failed ({moved}): {}{more}{later}", self.failed, named.join("; "))
            }
        }
    }
}

fn line(failure: &Failure) -> String {
    let dead = if failure.dead { ", given up" } else { "" };
    let access = failure.access.as_deref().unwrap_or("the run");
    format!("{access} ({}: {}{dead})", failure.error, failure.cause)
}

/// States begin with empty objects in the place of results.
fn or_null(value: Value) -> Value {
    if value.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { value }
}

impl Planned {
    fn of(result: &ItemResult) -> Option<Self> {
        let action = match result.outcome {
            Outcome::Granted => "grant",
            Outcome::Revoked => "revoke",
            Outcome::Repaired => "repair",
            Outcome::Adopted => "adopt",
            Outcome::Refused => "refuse",
            Outcome::Inactive | Outcome::Unchanged | Outcome::Superseded => return None,
        };
        let at = result.role.as_ref().zip(result.policy.as_ref());
        let detail = match at {
            Some((role, policy)) => format!("{role}/{policy}: {}", result.detail),
            None => result.detail.clone(),
        };
        let warnings = result.warnings.iter().cloned();
        let detail = std::iter::once(detail).chain(warnings).collect::<Vec<_>>().join("; ");
        Some(Self { action, subject: result.access.clone(), detail })
    }
}

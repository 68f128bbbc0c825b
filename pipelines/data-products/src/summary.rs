//! What is told about a run: what became of each product that there was something to say about, and all of it in one
//! summary.

use serde::{Deserialize, Serialize};
use stepwell_pipeline::Caught;

use crate::handlers::State;
use crate::plan::removal::{Removal, Why};
use crate::plan::{Action, Change, Notice, NoticeKind};

/// The error name of an execution in which some products failed.
pub const PRODUCTS_FAILED: &str = "ProductsFailed";

/// The error name of an execution whose deletions were held back by the guard, if nothing else failed.
pub const DELETIONS_HELD: &str = "DeletionsHeld";

/// So many failures are named in the message; the rest stands in the results.
const NAMED_MAX: usize = 10;

/// What became of one product.
///
/// ```json
/// {"id":"7f0f...","name":"orders","galaxy_id":"dp-1","status":"updated","detail":"summary (changed in SEP)","warnings":[]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// In SEP.
    pub id: String,
    /// In both.
    pub name: String,
    /// In Galaxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub galaxy_id: Option<String>,
    /// What was done.
    pub status: Status,
    /// What exactly, or why.
    pub detail: String,
    /// The error name, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What somebody should know though it is no failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What was done about a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is new in Galaxy.
    Created,
    /// It was changed in Galaxy.
    Updated,
    /// It was deleted in Galaxy, or a schema that it had left.
    Deleted,
    /// Nothing; something is to be told all the same.
    Unchanged,
    /// Nothing, and that is right.
    Skipped,
    /// It should go, and the guard holds that back.
    Held,
    /// It is not as it should be.
    Failed,
}

impl ItemResult {
    pub(crate) fn of(id: &str, name: &str, status: Status, detail: &str) -> Self {
        let (id, name, detail) = (id.to_owned(), name.to_owned(), detail.to_owned());
        Self { id, name, galaxy_id: None, status, detail, error: None, warnings: Vec::new() }
    }

    fn failed(id: &str, name: &str, error: &str, cause: &str) -> Self {
        Self { error: Some(error.to_owned()), ..Self::of(id, name, Status::Failed, cause) }
    }
}

impl From<Notice> for ItemResult {
    fn from(notice: Notice) -> Self {
        let status = match notice.kind {
            NoticeKind::Unchanged => Status::Unchanged,
            NoticeKind::Skipped => Status::Skipped,
            NoticeKind::Held => Status::Held,
            NoticeKind::Failed => Status::Failed,
        };
        let mut result = Self::of(&notice.id, &notice.name, status, &notice.detail);
        result.error = (status == Status::Failed).then(|| "Data".to_owned());
        result
    }
}

/// What became of one item of a Map state: a result, or what Catch left of its failure.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum ItemOutcome {
    Failed(ItemFailure),
    Done(ItemResult),
}

/// An item that failed, as the states `ApplyFailed` and `RemoveFailed` give it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ItemFailure {
    id: String,
    name: String,
    failure: Caught,
}

impl ItemOutcome {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Failed(it) => &it.id,
            Self::Done(it) => &it.id,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Failed(it) => &it.name,
            Self::Done(it) => &it.name,
        }
    }

    pub(crate) fn status(&self) -> Option<Status> {
        match self {
            Self::Failed(_) => None,
            Self::Done(it) => Some(it.status),
        }
    }

    /// Whether it should be as it is wanted now.
    pub(crate) fn is_in_step(&self) -> bool {
        matches!(self.status(), Some(Status::Created | Status::Updated))
    }
}

impl From<ItemOutcome> for ItemResult {
    fn from(outcome: ItemOutcome) -> Self {
        match outcome {
            ItemOutcome::Done(result) => result,
            ItemOutcome::Failed(it) => {
                Self::failed(&it.id, &it.name, &it.failure.error, &it.failure.message())
            }
        }
    }
}

/// What [`crate::handlers::Verify`] found.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Proof {
    compared: usize,
    differences: Vec<Different>,
}

#[derive(Debug, Clone, Deserialize)]
struct Different {
    id: String,
    name: String,
    detail: String,
}

/// A whole run.
///
/// ```json
/// {"pipeline":"data-products","message":"200 products in step: 5 updated, 195 unchanged","created":0,"updated":5,
///  "deleted":0,"unchanged":195,"skipped":0,"held":0,"failed":0,"compared":200,"proven":true,"seconds":1.2,"results":[...]}
/// ```
#[derive(Debug, Serialize)]
pub struct Summary {
    /// `data-products`
    pub pipeline: &'static str,
    /// The line for people.
    pub message: String,
    /// New in Galaxy.
    pub created: usize,
    /// Changed in Galaxy.
    pub updated: usize,
    /// Gone from Galaxy, schemas that were left included.
    pub deleted: usize,
    /// In step already.
    pub unchanged: usize,
    /// Not to be kept in step now.
    pub skipped: usize,
    /// Deletions that the guard holds back.
    pub held: usize,
    /// Not as they should be.
    pub failed: usize,
    /// The error name of the execution, if it is to fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Products whose two sides were compared at the end.
    pub compared: usize,
    /// Everything that was compared is as it should be, and everything that should be is among it.
    pub proven: bool,
    /// Since the start of the execution.
    pub seconds: f64,
    /// What there is to say about products. Those in step without a word are counted only.
    pub results: Vec<ItemResult>,
    /// What would be done, where only that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<Step>>,
}

/// One line of a plan.
///
/// ```json
/// {"action":"modify","subject":"orders","detail":"summary (changed in SEP)"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `create`, `modify`, `delete`, `skip`, `hold` or `fail`.
    pub action: &'static str,
    /// The product.
    pub subject: String,
    /// What, or why.
    pub detail: String,
}

impl Summary {
    pub(crate) fn of(state: State, seconds: f64) -> Self {
        let State { planned: plan, applied, removed, verified, failure } = state;
        let broken_off = failure.map(|caught| (caught.error.clone(), caught.message()));
        let proof = verified.as_ref();
        let (plan_only, unchanged) =
            plan.as_ref().map_or((false, 0), |it| (it.plan_only, it.unchanged));
        let steps = plan
            .as_ref()
            .filter(|_| plan_only)
            .map(|it| steps(&it.changes, &it.removals, &it.notices));
        let mut results: Vec<ItemResult> =
            applied.into_iter().chain(removed).flatten().map(ItemResult::from).collect();
        if !plan_only {
            results.extend(plan.into_iter().flat_map(|it| it.notices).map(ItemResult::from));
        }
        let different = proof.into_iter().flat_map(|it| &it.differences);
        for Different { id, name, detail } in different {
            results.retain(|it| it.id != *id || it.status == Status::Deleted);
            results.push(ItemResult::failed(
                id,
                name,
                "Data",
                &format!("not as it should be after the run: {detail}"),
            ));
        }
        let count = |status| results.iter().filter(|it| it.status == status).count();
        let failed = count(Status::Failed) + usize::from(broken_off.is_some());
        let held = count(Status::Held);
        let mut summary = Self {
            pipeline: crate::NAME,
            message: String::new(),
            created: count(Status::Created),
            updated: count(Status::Updated),
            deleted: count(Status::Deleted),
            unchanged,
            skipped: count(Status::Skipped),
            held,
            failed,
            error: None,
            compared: proof.map_or(0, |it| it.compared),
            proven: proof.is_some() && failed == 0 && held == 0,
            seconds,
            results,
            plan: steps,
        };
        summary.error = summary.error_name(broken_off.as_ref());
        summary.message = summary.line(broken_off.as_ref());
        summary
    }

    fn error_name(&self, broken_off: Option<&(String, String)>) -> Option<String> {
        match broken_off {
            Some((error, _)) => Some(error.clone()),
            None if self.failed > 0 => Some(PRODUCTS_FAILED.to_owned()),
            None if self.held > 0 => Some(DELETIONS_HELD.to_owned()),
            None => None,
        }
    }

    fn line(&self, broken_off: Option<&(String, String)>) -> String {
        let Self { created, updated, deleted, unchanged, skipped, held, failed, .. } = self;
        if let Some(steps) = &self.plan {
            return planned(steps, *unchanged);
        }
        let counts = [
            (created, "created"),
            (updated, "updated"),
            (deleted, "deleted"),
            (unchanged, "unchanged"),
            (skipped, "skipped"),
            (held, "deletions held back"),
        ];
        let counts = counts.into_iter().filter(|(count, what)| **count > 0 || *what == "unchanged");
        let moved =
            counts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
        match broken_off {
            Some((_, cause)) => format!("the run broke off: {cause} ({moved})"),
            None if *failed > 0 => {
                format!("{failed} data products failed ({moved}): {}", self.named(Status::Failed))
            }
            None if *held > 0 => format!(
                "data products in step but for deletions ({moved}): {}",
                self.named(Status::Held)
            ),
            None => format!("{} data products in step: {moved}", self.compared),
        }
    }

    fn named(&self, status: Status) -> String {
        let all: Vec<_> = self.results.iter().filter(|it| it.status == status).collect();
        let named = all.iter().take(NAMED_MAX).map(|it| format!("{} ({})", it.name, it.detail));
        let more = (all.len() > NAMED_MAX).then(|| format!("and {} more", all.len() - NAMED_MAX));
        named.chain(more).collect::<Vec<_>>().join("; ")
    }
}

fn planned(steps: &[Step], unchanged: usize) -> String {
    let count = |action| steps.iter().filter(|step| step.action == action).count();
    let (create, modify, delete) = (count("create"), count("modify"), count("delete"));
    format!(
        "plan: {create} to create, {modify} to modify, {delete} to delete, {unchanged} unchanged; nothing was changed"
    )
}

fn steps(changes: &[Change], removals: &[Removal], notices: &[Notice]) -> Vec<Step> {
    let step = |action, subject: &str, detail: String| Step {
        action,
        subject: subject.to_owned(),
        detail,
    };
    let changes = changes.iter().map(|it| {
        let action = if it.action == Action::Create { "create" } else { "modify" };
        step(action, &it.name, it.detail.clone())
    });
    let removals = removals.iter().map(|it| {
        let detail = match it.why {
            Why::Gone => format!("SEP has it no more; with the schema `{}`", it.schema),
            Why::Moved => format!("the schema `{}`, which it leaves", it.schema),
        };
        step("delete", &it.name, detail)
    });
    let notices = notices.iter().map(|it| {
        let action = match it.kind {
            NoticeKind::Unchanged | NoticeKind::Skipped => "skip",
            NoticeKind::Held => "hold",
            NoticeKind::Failed => "fail",
        };
        step(action, &it.name, it.detail.clone())
    });
    changes.chain(removals).chain(notices).collect()
}

//! `ListStateMachines`. Source: API reference, "ListStateMachines".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, StateMachineSummary};

use crate::constraints::Constraints;
use crate::error::ApiError;
use crate::wire::{EpochSeconds, PAGE, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machines: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_arn: String,
    name: String,
    r#type: &'static str,
    creation_date: EpochSeconds,
}

impl From<StateMachineSummary> for Item {
    fn from(summary: StateMachineSummary) -> Self {
        Self {
            state_machine_arn: summary.arn,
            name: summary.name,
            r#type: summary.workflow.as_str(),
            creation_date: summary.created_at.into(),
        }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=1_024);
    constraints.check()?;
    let found = engine.list_state_machines(page(request.max_results, request.next_token)).await?;
    Ok(Response {
        state_machines: found.items.into_iter().map(Item::from).collect(),
        next_token: found.next,
    })
}

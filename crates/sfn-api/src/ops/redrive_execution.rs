//! `RedriveExecution`. Source: API reference, "RedriveExecution".
//!
//! ```json
//! {"executionArn": "arn:aws:states:us-east-1:111111111111:execution:m:one", "clientToken": "0b7f..."}
//! {"redriveDate": 1700000000.123}
//! ```

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, RedriveExecution};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    client_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    redrive_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let execution_arn = constraints.required("executionArn", request.execution_arn, ARN);
    let token = request.client_token.as_deref();
    constraints.length("clientToken", token, 1..=64);
    constraints.shape("clientToken", token, "[!-~]+", |text| {
        text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    constraints.check()?;
    let request = RedriveExecution {
        execution_arn,
        client_token: request.client_token,
        ..RedriveExecution::default()
    };
    let redriven_at = engine.redrive_execution(request).await?;
    Ok(Response { redrive_date: redriven_at.into() })
}

//! `StartSyncExecution`. Source: API reference, "StartSyncExecution".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Error, Handle, StartExecution, Status, SyncExecution};

use crate::constraints::{ARN, Constraints, NAME};
use crate::error::ApiError;
use crate::wire::{DATA_WANTED, DataDetails, EpochSeconds};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    start_date: EpochSeconds,
    stop_date: EpochSeconds,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    billing_details: BillingDetails,
}

/// What AWS would ask money for: `{"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}`
#[derive(Serialize)]
struct BillingDetails {
    #[serde(rename = "billedMemoryUsedInMB")]
    memory: u64,
    #[serde(rename = "billedDurationInMilliseconds")]
    duration: u64,
}

impl BillingDetails {
    /// The least that AWS bills; what an execution takes here is not measured.
    const MEMORY: u64 = 64;

    /// AWS bills every 100 ms that are begun.
    const STEP: u64 = 100;

    fn of(ended: &SyncExecution) -> Self {
        let took = ended.stopped_at.as_millisecond() - ended.started_at.as_millisecond();
        let took = u64::try_from(took).unwrap_or(0).max(1);
        Self { memory: Self::MEMORY, duration: took.next_multiple_of(Self::STEP) }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let state_machine_arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.length("name", request.name.as_deref(), NAME);
    let trace_header = request.trace_header;
    constraints.length("traceHeader", trace_header.as_deref(), 0..=256);
    constraints.shape("traceHeader", trace_header.as_deref(), "\\p{ASCII}*", str::is_ascii);
    constraints.one_of("includedData", request.included_data.as_deref(), &DATA_WANTED);
    constraints.check()?;
    let start = StartExecution {
        state_machine_arn,
        name: request.name,
        input: request.input.unwrap_or_else(|| "{}".to_owned()),
    };
    let ended = engine.start_sync_execution(start).await.map_err(refusal)?;
    let shows_data = request.included_data.as_deref() != Some("METADATA_ONLY");
    Ok(Response { trace_header, ..Response::new(ended, shows_data) })
}

/// The operation has no error of its own for too many executions: it is throttled.
fn refusal(error: Error) -> ApiError {
    match error {
        Error::TooManyExecutions { .. } => ApiError::new("ThrottlingException", "Rate exceeded"),
        other => other.into(),
    }
}

impl Response {
    fn new(ended: SyncExecution, shows_data: bool) -> Self {
        let details = || shows_data.then_some(DataDetails::INCLUDED);
        Self {
            billing_details: BillingDetails::of(&ended),
            execution_arn: ended.execution_arn,
            state_machine_arn: ended.state_machine_arn,
            name: ended.name,
            start_date: ended.started_at.into(),
            stop_date: ended.stopped_at.into(),
            status: ended.status,
            error: ended.error,
            cause: ended.cause,
            input: Some(ended.input).filter(|_| shows_data),
            input_details: details(),
            output: ended.output.filter(|_| shows_data),
            // As recorded, also of one that failed.
            output_details: details(),
            trace_header: None,
        }
    }
}

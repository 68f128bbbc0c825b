//! What `TestState` takes, held against the service model.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::constraints::{ARN, Constraints, DEFINITION, PAYLOAD};
use crate::error::ApiError;

/// Characters of data.
const DATA: RangeInclusive<usize> = PAYLOAD;
/// Characters of the name of a state.
const STATE_NAME: RangeInclusive<usize> = 1..=80;
/// Characters of an error name.
const ERROR: RangeInclusive<usize> = 0..=256;
/// Characters of a cause.
const CAUSE: RangeInclusive<usize> = 0..=32_768;
/// A number of attempts or iterations.
const COUNT: RangeInclusive<i64> = 0..=i32::MAX as i64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    definition: Option<String>,
    state_name: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    inspection_level: Option<String>,
    reveal_secrets: Option<bool>,
    variables: Option<String>,
    mock: Option<Mock>,
    context: Option<String>,
    state_configuration: Option<Configuration>,
}

/// `{"result": "{}", "fieldValidationMode": "STRICT"}` or `{"errorOutput": {"error": "E", "cause": "why"}}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mock {
    pub(super) result: Option<String>,
    pub(super) error_output: Option<ErrorOutput>,
    pub(super) field_validation_mode: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ErrorOutput {
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
}

/// `{"retrierRetryCount": 1, "errorCausedByState": "Load", "mapIterationFailureCount": 2, "mapItemReaderData": "[1]"}`
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    pub(super) retrier_retry_count: Option<i64>,
    pub(super) error_caused_by_state: Option<String>,
    pub(super) map_iteration_failure_count: Option<i64>,
    pub(super) map_item_reader_data: Option<String>,
}

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    /// `DEBUG`, and `TRACE`, which differs for HTTP tasks alone.
    Inspect,
}

/// A request that keeps to the service model.
pub(super) struct Checked {
    pub(super) definition: String,
    pub(super) state_name: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) input: Option<String>,
    pub(super) level: Level,
    pub(super) variables: Option<String>,
    pub(super) mock: Option<Mock>,
    pub(super) context: Option<String>,
    pub(super) configuration: Configuration,
}

impl Request {
    pub(super) fn checked(self) -> Result<Checked, ApiError> {
        let mut constraints = Constraints::default();
        let definition = constraints.required("definition", self.definition, DEFINITION);
        constraints.length("roleArn", self.role_arn.as_deref(), ARN);
        constraints.length("input", self.input.as_deref(), DATA);
        let level = self.inspection_level.as_deref();
        constraints.one_of("inspectionLevel", level, &["INFO", "DEBUG", "TRACE"]);
        constraints.length("variables", self.variables.as_deref(), DATA);
        constraints.length("stateName", self.state_name.as_deref(), STATE_NAME);
        constraints.length("context", self.context.as_deref(), DATA);
        if let Some(mock) = &self.mock {
            mock.constrain(&mut constraints);
        }
        let configuration = self.state_configuration.unwrap_or_default();
        configuration.constrain(&mut constraints);
        constraints.check()?;
        check_mocked(self.mock.as_ref(), self.reveal_secrets, self.context.as_deref())?;
        Ok(Checked {
            definition,
            state_name: self.state_name,
            role_arn: self.role_arn,
            input: self.input,
            level: if matches!(level, None | Some("INFO")) { Level::Info } else { Level::Inspect },
            variables: self.variables,
            mock: self.mock,
            context: self.context,
            configuration,
        })
    }
}

/// What only goes with a mock, and what does not.
fn check_mocked(
    mock: Option<&Mock>,
    reveal_secrets: Option<bool>,
    context: Option<&str>,
) -> Result<(), ApiError> {
    match (mock, reveal_secrets) {
        (Some(_), Some(true)) => {
            return Err(ApiError::validation(
                "TestState does not support RevealSecrets when a mock is specified.",
            ));
        }
        (None, Some(true)) => return Err(ApiError::unsupported_member("revealSecrets")),
        _ => {}
    }
    if context.is_some() && mock.is_none() {
        return Err(ApiError::validation("Context can only be specified when a mock is specified"));
    }
    if mock.is_some_and(|mock| mock.result.is_some() == mock.error_output.is_some()) {
        return Err(ApiError::validation(
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ));
    }
    Ok(())
}

impl Mock {
    fn constrain(&self, constraints: &mut Constraints) {
        constraints.length("mock.result", self.result.as_deref(), DATA);
        let mode = self.field_validation_mode.as_deref();
        constraints.one_of("mock.fieldValidationMode", mode, &["STRICT", "PRESENT", "NONE"]);
        if let Some(output) = &self.error_output {
            constraints.length("mock.errorOutput.error", output.error.as_deref(), ERROR);
            constraints.length("mock.errorOutput.cause", output.cause.as_deref(), CAUSE);
        }
    }
}

impl Configuration {
    fn constrain(&self, constraints: &mut Constraints) {
        let name = |member: &str| format!("stateConfiguration.{member}");
        constraints.range(&name("retrierRetryCount"), self.retrier_retry_count, COUNT);
        let failed = self.map_iteration_failure_count;
        constraints.range(&name("mapIterationFailureCount"), failed, COUNT);
        let by = self.error_caused_by_state.as_deref();
        constraints.length(&name("errorCausedByState"), by, STATE_NAME);
        let data = self.map_item_reader_data.as_deref();
        constraints.length(&name("mapItemReaderData"), data, DATA);
    }
}

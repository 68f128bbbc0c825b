//! Shapes that several operations share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use stepwell_engine::Page;

use crate::error::ApiError;

/// Seconds since 1970 with a fraction, as AWS JSON writes instants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochSeconds(pub(crate) Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_millisecond() as f64 / 1_000.0)
    }
}

impl From<Timestamp> for EpochSeconds {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// `{}`
#[derive(Serialize)]
pub(crate) struct Empty {}

/// `{"included": true}`
#[derive(Serialize)]
pub(crate) struct DataDetails {
    included: bool,
}

impl DataDetails {
    pub(crate) const INCLUDED: Self = Self { included: true };
}

/// `{"level": "OFF", "includeExecutionData": false}`: stepwell writes no execution logs to another place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggingConfiguration {
    level: &'static str,
    include_execution_data: bool,
}

impl LoggingConfiguration {
    pub(crate) const OFF: Self = Self { level: "OFF", include_execution_data: false };
}

/// `{"enabled": false}`
#[derive(Serialize)]
pub(crate) struct TracingConfiguration {
    enabled: bool,
}

impl TracingConfiguration {
    pub(crate) const OFF: Self = Self { enabled: false };
}

/// The members `loggingConfiguration` and `tracingConfiguration` of a request.
///
/// They are accepted when they say what is so anyway, which is what SDKs and Terraform send by default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LoggingRequest {
    level: Option<String>,
}

/// `{"enabled": false}`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TracingRequest {
    enabled: bool,
}

/// Refuses observability settings that would do nothing.
pub(crate) fn check_observability(
    logging: Option<&LoggingRequest>,
    tracing: Option<&TracingRequest>,
) -> Result<(), ApiError> {
    if logging.and_then(|logging| logging.level.as_deref()).is_some_and(|level| level != "OFF") {
        return Err(ApiError::unsupported_member("loggingConfiguration"));
    }
    if tracing.is_some_and(|tracing| tracing.enabled) {
        return Err(ApiError::unsupported_member("tracingConfiguration"));
    }
    Ok(())
}

/// A member that must be there.
pub(crate) fn required<T>(value: Option<T>, member: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::constraint("null", member, "not be null"))
}

/// `maxResults` and `nextToken`. The token is opaque: the engine wrote it and reads it again.
pub(crate) fn page(max_results: Option<i64>, token: Option<String>) -> Result<Page, ApiError> {
    let limit = max_results.unwrap_or(0);
    let value = format!("'{limit}'");
    if limit < 0 {
        return Err(ApiError::constraint(
            &value,
            "maxResults",
            "have value greater than or equal to 0",
        ));
    }
    if limit > 1_000 {
        return Err(ApiError::constraint(
            &value,
            "maxResults",
            "have value less than or equal to 1000",
        ));
    }
    if let Some(token) = token.as_deref().filter(|token| token.chars().count() > 3_096) {
        let value = format!("'{token}'");
        return Err(ApiError::constraint(
            &value,
            "nextToken",
            "have length less than or equal to 3096",
        ));
    }
    Ok(Page { limit: limit as usize, token })
}

//! Shapes that several operations share.

use std::ops::RangeInclusive;

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

/// Asks for a page. The token is opaque: the engine wrote it and reads it again.
pub(crate) fn page(max_results: Option<i64>, token: Option<String>) -> Page {
    let limit = max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0);
    Page { limit, token }
}

/// Items of a page at most.
pub(crate) const PAGE: RangeInclusive<i64> = 0..=1_000;

/// `versionDescription` goes with `publish` only, which is not supported.
pub(crate) fn check_publish(
    publish: Option<bool>,
    version_description: Option<&str>,
) -> Result<(), ApiError> {
    match (publish, version_description) {
        (Some(true), _) => Err(ApiError::unsupported_member("publish")),
        (_, Some(_)) => {
            Err(ApiError::validation("Version description can only be set when publish is true"))
        }
        (_, None) => Ok(()),
    }
}

//! Shapes that several operations share.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use stepwell_engine::{Error, LogLevel, Logging, Page, Publish, Settings, SettingsChange, Tag};

use crate::constraints::Constraints;
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

/// `{"level": "OFF", "includeExecutionData": false, "destinations":
/// [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:name:*"}}]}`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggingConfiguration {
    level: Option<String>,
    include_execution_data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destinations: Option<Vec<Destination>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    cloud_watch_logs_log_group: Option<LogGroup>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogGroup {
    log_group_arn: Option<String>,
}

const LEVELS: [(&str, LogLevel); 4] = [
    ("ALL", LogLevel::All),
    ("ERROR", LogLevel::Error),
    ("FATAL", LogLevel::Fatal),
    ("OFF", LogLevel::Off),
];

impl LoggingConfiguration {
    pub(crate) fn constrain(&self, constraints: &mut Constraints) {
        let known = LEVELS.map(|(name, _)| name);
        constraints.one_of("loggingConfiguration.level", self.level.as_deref(), &known);
    }

    /// What it means. A level other than `OFF` goes with exactly one destination, as in AWS.
    fn checked(self) -> Result<Logging, ApiError> {
        let wanted = self.level.as_deref().unwrap_or("OFF");
        let level = LEVELS.iter().find(|(name, _)| *name == wanted).map(|(_, level)| *level);
        let level = level.unwrap_or_default();
        let groups = |list: Vec<Destination>| list.into_iter().map(Destination::arn).collect();
        let destinations = self.destinations.map(groups).transpose()?;
        let count = destinations.as_ref().map_or(0, Vec::len);
        if count > 1 || (count == 0 && level != LogLevel::Off) {
            return Err(invalid_logging("Must specify exactly one Log Destination."));
        }
        let include_execution_data = self.include_execution_data.unwrap_or(false);
        Ok(Logging { level, include_execution_data, destinations })
    }
}

impl Destination {
    fn arn(self) -> Result<String, ApiError> {
        let arn = self.cloud_watch_logs_log_group.and_then(|group| group.log_group_arn);
        let is_group = |arn: &String| {
            arn.starts_with("arn:") && arn.contains(":log-group:") && arn.ends_with(":*")
        };
        arn.filter(is_group).ok_or_else(|| invalid_logging("Log Destination not found."))
    }
}

impl From<&Logging> for LoggingConfiguration {
    fn from(logging: &Logging) -> Self {
        let name = LEVELS.iter().find(|(_, level)| *level == logging.level).map(|(name, _)| *name);
        let destination = |arn: &String| Destination {
            cloud_watch_logs_log_group: Some(LogGroup { log_group_arn: Some(arn.clone()) }),
        };
        let destinations = logging.destinations.as_ref();
        Self {
            level: name.map(str::to_owned),
            include_execution_data: Some(logging.include_execution_data),
            destinations: destinations.map(|arns| arns.iter().map(destination).collect()),
        }
    }
}

fn invalid_logging(reason: &str) -> ApiError {
    Error::InvalidLoggingConfiguration { reason: reason.to_owned() }.into()
}

/// `{"enabled": false}`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TracingConfiguration {
    #[serde(default)]
    enabled: bool,
}

impl From<&Settings> for TracingConfiguration {
    fn from(settings: &Settings) -> Self {
        Self { enabled: settings.tracing }
    }
}

/// `{"type": "AWS_OWNED_KEY"}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EncryptionRequest {
    r#type: Option<String>,
    kms_key_id: Option<String>,
    kms_data_key_reuse_period_seconds: Option<i64>,
}

/// Refuses keys of customers by name: there is no KMS here.
pub(crate) fn check_encryption(request: Option<&EncryptionRequest>) -> Result<(), ApiError> {
    let Some(request) = request else { return Ok(()) };
    let mut constraints = Constraints::default();
    let name = "encryptionConfiguration.type";
    let kind = constraints.required(name, request.r#type.clone(), 1..=80);
    if request.r#type.is_some() {
        constraints.one_of(name, Some(&kind), &["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]);
    }
    constraints.check()?;
    if kind != "AWS_OWNED_KEY" {
        return Err(ApiError::unsupported_member("encryptionConfiguration.type"));
    }
    if request.kms_key_id.is_some() || request.kms_data_key_reuse_period_seconds.is_some() {
        return Err(ApiError::new(
            "InvalidEncryptionConfiguration",
            "Invalid Encryption Configuration: a KMS key goes with CUSTOMER_MANAGED_KMS_KEY only.",
        ));
    }
    Ok(())
}

/// What a request says of logging and tracing.
pub(crate) fn settings(
    logging: Option<LoggingConfiguration>,
    tracing: Option<&TracingConfiguration>,
) -> Result<SettingsChange, ApiError> {
    Ok(SettingsChange {
        logging: logging.map(LoggingConfiguration::checked).transpose()?,
        tracing: tracing.map(|tracing| tracing.enabled),
    })
}

/// Asks for a page. The token is opaque: the engine wrote it and reads it again.
pub(crate) fn page(max_results: Option<i64>, token: Option<String>) -> Page {
    let limit = max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0);
    Page { limit, token }
}

/// The values of `includedData`. Source: the service model.
pub(crate) const DATA_WANTED: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];

/// Items of a page at most.
pub(crate) const PAGE: RangeInclusive<i64> = 0..=1_000;

/// Whether a request wants a version published; `versionDescription` goes with that only.
pub(crate) fn publish(
    publish: Option<bool>,
    description: Option<String>,
) -> Result<Option<Publish>, ApiError> {
    match (publish, description) {
        (Some(true), description) => Ok(Some(Publish { description })),
        (_, Some(_)) => {
            Err(ApiError::validation("Version description can only be set when publish is true"))
        }
        (_, None) => Ok(None),
    }
}

/// `{"key": "team", "value": "data"}`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireTag {
    key: Option<String>,
    value: Option<String>,
}

/// The tags of a request.
pub(crate) fn tags(constraints: &mut Constraints, tags: Vec<WireTag>) -> Vec<Tag> {
    let tag = |(index, tag): (usize, WireTag)| {
        let place = format!("tags.{}.member", index + 1);
        constraints.length(&format!("{place}.key"), tag.key.as_deref(), 1..=128);
        constraints.length(&format!("{place}.value"), tag.value.as_deref(), 0..=256);
        Tag { key: tag.key.unwrap_or_default(), value: tag.value.unwrap_or_default() }
    };
    tags.into_iter().enumerate().map(tag).collect()
}

impl From<Tag> for WireTag {
    fn from(tag: Tag) -> Self {
        Self { key: Some(tag.key), value: Some(tag.value) }
    }
}

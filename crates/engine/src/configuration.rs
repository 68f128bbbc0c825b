//! What a state machine has beside its definition and role: passive data, in AWS's words.

use serde::{Deserialize, Serialize};

/// What execution events are logged: `{"level":"OFF","includeExecutionData":false,"destinations":[...]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// `ALL`, `ERROR`, `FATAL` or `OFF`.
    pub level: LogLevel,
    /// Whether inputs and outputs are part of what is logged.
    #[serde(default)]
    pub include_execution_data: bool,
    /// ARNs of log groups; `None` if the request had no such member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<String>>,
}

/// Which execution events are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum LogLevel {
    All,
    Error,
    Fatal,
    #[default]
    Off,
}

/// What a revision holds beside definition and role: `{"logging":{...},"tracing":false}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What is logged.
    pub logging: Logging,
    /// Whether tracing is enabled. It is kept and shown.
    pub tracing: bool,
}

impl Settings {
    /// With what a request changes.
    pub(crate) fn changed(&self, change: SettingsChange) -> Self {
        Self {
            logging: change.logging.unwrap_or_else(|| self.logging.clone()),
            tracing: change.tracing.unwrap_or(self.tracing),
        }
    }
}

/// A change of [`Settings`]; what is missing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Settings`")]
pub struct SettingsChange {
    pub logging: Option<Logging>,
    pub tracing: Option<bool>,
}

/// The wish to publish a version of what a request makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publish {
    /// `versionDescription`
    pub description: Option<String>,
}

/// A tag of a state machine: `{"key":"team","value":"data"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// What `CreateStateMachine` may say beside name, definition and role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is described at its type")]
pub struct Configuration {
    pub settings: Settings,
    pub tags: Vec<Tag>,
    pub publish: Option<Publish>,
}

/// A version that an alias routes to: `{"version":3,"weight":100}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The number of the version.
    pub version: i64,
    /// How many of a hundred executions it gets.
    pub weight: u8,
}

//! `stepwell-stream-qc-start`: checks the input, finds the configuration, gives the run its id and its item.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::settings::InvalidInput;
use stepwell_pipeline::{Context, Function, HandlerError};
use uuid::Uuid;

use crate::checks::Mode;
use crate::input::{ConfigFrom, Input, Point, Window};
use crate::service::Service;
use crate::source::Source;
use crate::streams::{StreamFile, config_of};
use crate::verdict::{Run, Status};

/// Starts a run.
pub(crate) struct Start {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Asked {
    /// The ARN of the execution.
    #[serde(rename = "ExecutionID")]
    execution_id: String,
    /// When the state was entered: the same in every attempt.
    entered_time: Timestamp,
    /// The input of the execution.
    input: Value,
}

/// What the processes work on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Started {
    #[serde(flatten)]
    pub(crate) run: Run,
    /// As the reference gives it: 200.
    pub(crate) status_code: u16,
    /// By which clock data are fresh.
    pub(crate) now: Timestamp,
    /// Where the points are.
    pub(crate) data: Value,
    pub(crate) window: Option<Window>,
    /// How they are checked.
    pub(crate) config: Value,
    /// What came before them.
    pub(crate) context: Vec<Point>,
}

/// What a run checks, and how.
struct Plan {
    config: Value,
    data: Value,
    window: Option<Window>,
}

#[async_trait]
impl Function for Start {
    type Input = Asked;
    type Output = Started;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-start"
    }

    async fn call(&self, asked: Asked, _ctx: &Context) -> Result<Started, HandlerError> {
        let input = Input::read(&asked.input)?;
        let run = identify(&asked, &input);
        let records = self.service.records().await?;
        let plan = match self.plan(&asked, &input) {
            Ok(plan) => plan,
            Err(error @ HandlerError::Config(_)) => {
                records.begin(&run, Status::ConfigError, Some(&error.to_string())).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let mode = config_of(&plan.config, &run.group, &run.stream)?.mode;
        let context = match (input.context, mode) {
            (Some(context), _) => context,
            // The library knows nothing of an earlier call.
            (None, Mode::IoosQc3_0) => Vec::new(),
            (None, Mode::Strict) => {
                let remembered = records.remembered(&run.group, &run.stream).await?;
                remembered.map(|it| it.last).unwrap_or_default()
            }
        };
        records.begin(&run, Status::Running, None).await?;
        let Plan { config, data, window } = plan;
        Ok(Started {
            run,
            status_code: 200,
            now: asked.entered_time,
            data,
            window,
            config,
            context,
        })
    }
}

impl Start {
    fn plan(&self, asked: &Asked, input: &Input) -> Result<Plan, HandlerError> {
        let folder = &self.service.config.streams;
        let Input { group, stream, .. } = input;
        let file = match &input.config {
            Some(ConfigFrom::Given(config)) => StreamFile::given(config, group, stream)?,
            Some(ConfigFrom::File(name)) => StreamFile::read(folder, name, group, stream)
                .map_err(|error| InvalidInput::new("ConfigRef", error.to_string()))?,
            None => StreamFile::find(folder, group, stream)?.ok_or_else(|| {
                let message = format!(
                    "it is missing, and no file in `{}` is about the stream `{stream}` of the group `{group}`",
                    folder.display()
                );
                InvalidInput::new("Config", message)
            })?,
        };
        let data = match (&input.data, &file.data) {
            (Some(data), _) => data.clone(),
            (None, Some(data)) => {
                Source::read("data", data).map_err(|error| file.refuse(&error.to_string()))?;
                data.clone()
            }
            (None, None) => {
                let message = "it is missing, and the stream's configuration has no `data`";
                return Err(InvalidInput::new("Data", message).into());
            }
        };
        let window = input.window.or_else(|| last(file.window_seconds?, asked.entered_time));
        Ok(Plan { config: file.checks, data, window })
    }
}

/// The window that ends now.
fn last(seconds: u32, now: Timestamp) -> Option<Window> {
    let from = now.checked_sub(SignedDuration::from_secs(seconds.into())).ok()?;
    Some(Window { from, to: now })
}

/// The id comes of the execution and the stream alone: an attempt that is repeated, after a crash too, is the same run.
fn identify(asked: &Asked, input: &Input) -> Run {
    let Input { group, stream, .. } = input;
    let name = serde_json::json!([asked.execution_id, group, stream]).to_string();
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string();
    Run {
        group: group.clone(),
        stream: stream.clone(),
        start_time: format!("{}#{id}", asked.entered_time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")),
        id,
    }
}

//! `stepwell-stream-qc-summarise`: one summary of a run, however it ended.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::service::Service;
use crate::verdict::{Run, Status, Summary};

/// Summarises a run.
pub(crate) struct Summarise {
    pub(crate) service: Arc<Service>,
}

/// What the state machine has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Gathered {
    entered_time: Timestamp,
    /// What `End` gave, or what came before it with the failure beside.
    state: Value,
}

#[async_trait]
impl Function for Summarise {
    type Input = Gathered;
    /// The summary with `message`, a line for people.
    type Output = Value;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-summarise"
    }

    async fn call(&self, given: Gathered, _ctx: &Context) -> Result<Value, HandlerError> {
        let summary = match given.state.get("failure") {
            None => serde_json::from_value(given.state).map_err(|error| {
                HandlerError::Fatal(format!("what `End` gave is no summary: {error}"))
            })?,
            Some(failure) => {
                let mut summary = broke_off(&given, failure)?;
                self.record(&given.state, &mut summary).await;
                summary
            }
        };
        let mut told = json!(summary);
        told["DetailsKey"] = "QCPID".into();
        told["message"] = summary.line().into();
        Ok(told)
    }
}

impl Summarise {
    /// Records how a run ended that had begun. The tables may be what failed: then the message alone tells it.
    async fn record(&self, state: &Value, summary: &mut Summary) {
        let recorded = async {
            let records = self.service.records().await?;
            let Some((group, stream)) = summary.group.as_deref().zip(summary.stream.as_deref())
            else {
                return Ok(());
            };
            let before = records.remembered(group, stream).await?;
            let run = serde_json::from_value::<Run>(state.clone()).ok();
            let before = before.filter(|it| run.as_ref().is_none_or(|run| run.id != it.run.id));
            summary.previous_status = before.map(|it| it.status);
            match &run {
                Some(run) => records.end(run, summary).await,
                None => Ok(()),
            }
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "the end of a run cannot be recorded");
        }
    }
}

fn broke_off(given: &Gathered, failure: &Value) -> Result<Summary, HandlerError> {
    let caught = Caught::deserialize(failure)
        .map_err(|error| HandlerError::Fatal(format!("what was caught is no failure: {error}")))?;
    // A run that broke off before it began has what it was asked for alone.
    let asked = given.state.get("Asked");
    let member = |name: &str| given.state.get(name).or_else(|| asked?.get(name));
    let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
    let is_config = caught.error == HandlerError::CONFIG;
    Ok(Summary {
        group: text("GroupID"),
        stream: text("StreamID"),
        id: text("QCPID"),
        start_time: text("StartTime"),
        end_time: given.entered_time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        total_pass: 0,
        status: if is_config { Status::ConfigError } else { Status::Error },
        previous_status: None,
        processes: [(1, 0), (2, 0), (3, 0)].into(),
        counts: None,
        rows: None,
        top: Vec::new(),
        details_truncated: false,
        reasons: Vec::new(),
        process_errors: Vec::new(),
        cause: Some(caught.message()),
        error: Some(caught.error),
    })
}

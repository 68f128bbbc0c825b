//! `stepwell-stream-qc-list`: the configured streams.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_pipeline::settings::InvalidInput;
use stepwell_pipeline::{Context, Function, HandlerError};

use crate::input::{Input, Members};
use crate::service::Service;
use crate::streams;

/// Lists streams.
pub(crate) struct List {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Asked {
    /// The input of the execution: `{}`, or `{"GroupID":"buoys","Window":{"from":"…","to":"…"}}`.
    input: Value,
}

/// The inputs of the runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    max_concurrency: u32,
    streams: Vec<Value>,
}

/// Checks the input of `stream-qc-all`.
///
/// # Errors
/// The first member that is wrong or unknown.
pub(crate) fn check_list(input: &Value) -> Result<(), InvalidInput> {
    group_and_window(input).map(drop)
}

fn group_and_window(input: &Value) -> Result<(Option<String>, Option<Value>), InvalidInput> {
    let mut members = Members::of("", input)?;
    let group = members.text_if_given("GroupID")?;
    let window = members.take("Window");
    members.end(&["GroupID", "Window"])?;
    if let Some(window) = &window {
        Input::read(&json!({"GroupID": "-", "StreamID": "-", "Window": window}))?;
    }
    Ok((group, window))
}

#[async_trait]
impl Function for List {
    type Input = Asked;
    type Output = Listed;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-list"
    }

    async fn call(&self, asked: Asked, _ctx: &Context) -> Result<Listed, HandlerError> {
        let (group, window) = group_and_window(&asked.input)?;
        let folder = &self.service.config.streams;
        let mut found = streams::all(folder)?;
        if let Some(group) = &group {
            found.retain(|it| it.group == *group);
        }
        if found.is_empty() {
            let whose = group.map(|it| format!(" of the group `{it}`")).unwrap_or_default();
            return Err(HandlerError::Config(format!(
                "there is no file of a stream{whose} in the folder `{}`; write one, for instance `GROUP/STREAM.toml`",
                folder.display()
            )));
        }
        let input = |it: streams::Listed| {
            let mut input =
                json!({"GroupID": it.group, "StreamID": it.stream, "ConfigRef": it.file});
            if let Some(window) = &window {
                input["Window"] = window.clone();
            }
            input
        };
        Ok(Listed {
            max_concurrency: self.service.config.max_concurrency,
            streams: found.into_iter().map(input).collect(),
        })
    }
}

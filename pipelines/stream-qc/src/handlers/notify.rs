//! `stepwell-stream-qc-notify`: tells a verdict to the topic of the group.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use crate::message::{is_told, message};
use crate::service::Service;
use crate::verdict::{Status, Summary};

/// Tells a verdict.
pub(crate) struct Notify {
    pub(crate) service: Arc<Service>,
}

/// Where it was told: `{"Topic":"buoys","MessageId":"…"}`; empty if the group is not told of such a verdict.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
}

#[async_trait]
impl Function for Notify {
    type Input = Summary;
    type Output = Told;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-notify"
    }

    /// At least once: a repeat has the same `QCPID`. A verdict that could not be told is not known: the next one tells it.
    async fn call(&self, summary: Summary, _ctx: &Context) -> Result<Told, HandlerError> {
        let telling = self.service.config.telling(summary.group.as_deref().unwrap_or_default());
        let Some(topic) = &telling.topic else { return Ok(Told::default()) };
        let stream = summary.group.as_deref().zip(summary.stream.as_deref());
        let known = self.known(stream, telling.only_on_change).await?;
        let told = if is_told(telling, &summary, known) {
            let topics = self.service.opener.topics().await?;
            let message_id = topics.publish(topic, &message(telling, &summary)).await;
            let message_id = message_id.map_err(|error| {
                error.to_handler_error().within(&format!("the topic `{topic}`"))
            })?;
            Told { topic: Some(topic.clone()), message_id: Some(message_id) }
        } else {
            Told::default()
        };
        if let Some((group, stream)) = stream.filter(|_| telling.only_on_change) {
            let records = self.service.records().await?;
            records.is_known(group, stream, summary.status).await?;
        }
        Ok(told)
    }
}

impl Notify {
    /// What is known of a stream where only changes are told.
    async fn known(
        &self,
        stream: Option<(&str, &str)>,
        only_on_change: bool,
    ) -> Result<Option<Status>, HandlerError> {
        match stream.filter(|_| only_on_change) {
            Some((group, stream)) => self.service.records().await?.known(group, stream).await,
            None => Ok(None),
        }
    }
}

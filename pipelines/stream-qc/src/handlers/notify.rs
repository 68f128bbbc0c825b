//! `stepwell-stream-qc-notify`: tells a verdict to the topic of the group.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use crate::message::{is_told, message};
use crate::service::Service;
use crate::verdict::Summary;

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

    /// At least once: a repeat has the same `QCPID`.
    async fn call(&self, summary: Summary, _ctx: &Context) -> Result<Told, HandlerError> {
        let telling = self.service.config.telling(summary.group.as_deref().unwrap_or_default());
        let Some(topic) = telling.topic.as_ref().filter(|_| is_told(telling, &summary)) else {
            return Ok(Told::default());
        };
        let topics = self.service.opener.topics().await?;
        let message_id = topics.publish(topic, &message(telling, &summary)).await;
        let message_id = message_id
            .map_err(|error| error.to_handler_error().within(&format!("the topic `{topic}`")))?;
        Ok(Told { topic: Some(topic.clone()), message_id: Some(message_id) })
    }
}

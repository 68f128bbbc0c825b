//! The function that tells people how a run ended: to the log, a webhook, a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secret::{SecretRef, Secrets};
use crate::{Context, Function, HandlerError};

/// Waits between the attempts on a webhook.
const WEBHOOK_WAITS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];

/// Where a summary is told.
///
/// ```json
/// ["log", {"webhook": "secret:canvas/webhook"}, {"file": "last-run.json"}]
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The log of the process.
    Log,
    /// `POST` of the summary as JSON. The URL often is a secret.
    Webhook(SecretRef),
    /// A file that always holds the last summary.
    File(PathBuf),
}

impl Channel {
    fn kind(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook(_) => "webhook",
            Self::File(_) => "file",
        }
    }
}

/// Tells its whole input to every channel.
///
/// Gives `{"told":["log","webhook"]}`. Told at least once: a webhook can recognise a repeat by its
/// `Idempotency-Key` header.
pub struct Notify {
    name: &'static str,
    channels: Vec<Channel>,
    secrets: Arc<dyn Secrets>,
    http: reqwest::Client,
}

/// Which channels were told.
#[derive(Debug, Serialize)]
pub struct Told {
    told: Vec<&'static str>,
}

impl Notify {
    /// The function `name`, which tells these channels.
    pub fn new(
        name: &'static str,
        channels: Vec<Channel>,
        secrets: Arc<dyn Secrets>,
        http: reqwest::Client,
    ) -> Self {
        Self { name, channels, secrets, http }
    }

    async fn tell(
        &self,
        channel: &Channel,
        summary: &Value,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        match channel {
            Channel::Log => {
                tracing::info!(summary = %summary, "{}", message(summary));
                Ok(())
            }
            Channel::Webhook(url) => self.post(url, summary, ctx).await,
            Channel::File(path) => write(path, summary).await,
        }
    }

    async fn post(
        &self,
        url: &SecretRef,
        summary: &Value,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let url = url.reveal(self.secrets.as_ref()).await?;
        let mut waits = WEBHOOK_WAITS.into_iter();
        loop {
            let failure = match self.post_once(url.expose_secret(), summary, ctx).await {
                Ok(()) => return Ok(()),
                Err(failure @ HandlerError::Retryable(_)) => failure,
                Err(failure) => return Err(failure),
            };
            let Some(wait) = waits.next() else { return Err(failure) };
            if ctx.sleep(wait).await.is_err() {
                return Err(failure);
            }
        }
    }

    async fn post_once(
        &self,
        url: &str,
        summary: &Value,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let request =
            self.http.post(url).header("Idempotency-Key", &*ctx.idempotency_key).json(summary);
        // Without its URL: that is the secret.
        let answer = request.send().await.map_err(|error| {
            if error.is_builder() {
                return HandlerError::Config(
                    "the webhook's URL is not a URL; correct the setting `notify`".into(),
                );
            }
            HandlerError::retryable(format!(
                "the webhook cannot be reached: {}",
                error.without_url()
            ))
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_server_error() || status.as_u16() == 429 => {
                Err(HandlerError::retryable(format!("the webhook answered {status}")))
            }
            status => Err(HandlerError::Config(format!(
                "the webhook refused the summary with {status}; check its URL in the setting `notify`"
            ))),
        }
    }
}

#[async_trait]
impl Function for Notify {
    type Input = Value;
    type Output = Told;

    fn name(&self) -> &'static str {
        self.name
    }

    /// Tells every channel, also after one failed; then fails with the first failure.
    async fn call(&self, summary: Value, ctx: &Context) -> Result<Told, HandlerError> {
        let mut told = Vec::new();
        let mut failure = None;
        for channel in &self.channels {
            match self.tell(channel, &summary, ctx).await {
                Ok(()) => told.push(channel.kind()),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Told { told }), Err)
    }
}

/// The line for people that a summary carries.
fn message(summary: &Value) -> &str {
    summary.get("message").and_then(Value::as_str).unwrap_or("a run ended")
}

/// Replaces the file in one step, so that no reader sees half of it.
async fn write(path: &Path, summary: &Value) -> Result<(), HandlerError> {
    let text = format!("{summary:#}\n");
    let beside = path.with_extension("part");
    let written = async {
        tokio::fs::write(&beside, text).await?;
        tokio::fs::rename(&beside, path).await
    };
    written.await.map_err(|error| {
        HandlerError::Config(format!(
            "the summary cannot be written to {}: {error}; check the setting `notify`",
            path.display()
        ))
    })
}

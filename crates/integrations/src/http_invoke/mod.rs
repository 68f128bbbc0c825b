//! HTTP Tasks: `arn:aws:states:::http:invoke` calls an API with the authorization of a connection of EventBridge.
//!
//! ```text
//!   {"ApiEndpoint": "https://api.example.com/v1/jobs", "Method": "POST",
//!    "Authentication": {"ConnectionArn": "arn:aws:events:...:connection/jobs/0f0e..."}, "RequestBody": {"a": 1}}
//!      --> request::Request + events::connections::AuthParameters --> HTTP
//!      --> {"StatusCode": 200, "StatusText": "OK", "Headers": {"content-type": ["application/json"]}, "ResponseBody": {...}}
//!        | States.Http.StatusCode.404, States.Http.Socket, States.Runtime
//! ```
//!
//! Plain HTTP and private addresses are allowed, unlike on AWS: a definition reaches what this machine reaches, as a function
//! does. Redirects are not followed. What a connection adds takes the place of what the definition says under the same name.
//!
//! Source: Step Functions developer guide, "Call HTTPS APIs in Step Functions workflows".

mod authorize;
mod request;
mod response;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use crate::Clock;
use crate::events::{AuthParameters, EmbeddedEvents};
use crate::service::{Conventions, Facts, Optimised, Origin, Protocol, Service};

use authorize::Tokens;
use request::Request;

/// What HTTP Tasks are called where. Nothing of them is served over HTTP: a caller would act with connections.
pub const FACTS: Facts = Facts {
    name: "http",
    error_prefix: "Http",
    legacy_name: "Http",
    sdk_name: "Http",
    protocol: Protocol::Json { target_prefix: "", version: "1.0", error_namespace: "http" },
    actions: &[],
    optimised: &[Optimised {
        action: "Invoke",
        parameters: &[
            "ApiEndpoint",
            "Authentication",
            "Headers",
            "InvocationConfig",
            "Method",
            "QueryParameters",
            "RequestBody",
            "Transform",
        ],
        required: &["ApiEndpoint", "Method"],
        has_metadata: false,
    }],
    members: |_| None,
    modelled_errors: &[],
    conventions: Conventions::USUAL,
};

/// How long a request may take, its answer included.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Calls APIs. Cheap to clone.
#[derive(Clone)]
pub struct HttpTasks {
    events: EmbeddedEvents,
    http: reqwest::Client,
    tokens: Tokens,
}

impl std::fmt::Debug for HttpTasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTasks").finish_non_exhaustive()
    }
}

/// An error by its full name, which goes to `Retry` and `Catch` as it is.
fn fails(error: impl Into<String>, cause: impl Into<String>) -> ServiceError {
    ServiceError::sender(error, cause)
}

/// What the definition asks for makes no sense.
fn runtime(cause: impl Into<String>) -> ServiceError {
    fails("States.Runtime", cause)
}

/// The network failed. The text must not hold the URL: a key may be in its query.
fn socket(error: reqwest::Error) -> ServiceError {
    let error = error.without_url();
    fails("States.Http.Socket", stepwell_task::in_one_line(&error))
}

impl HttpTasks {
    /// With the connections of `events`. The client must follow no redirects, and wait as long as a request may take.
    pub fn new(events: EmbeddedEvents, http: reqwest::Client, clock: Clock) -> Self {
        Self { events, http, tokens: Tokens::new(clock) }
    }

    async fn invoke(&self, input: Value) -> Result<Value, ServiceError> {
        let request = Request::of(input)?;
        let arn = request.connection_arn()?.to_owned();
        let parameters = self.events.authorization(&arn).await?.ok_or_else(|| {
            let cause = format!("The connection {arn} does not exist.");
            fails("Events.ConnectionResource.InvalidConnectionState", cause)
        })?;
        let call = async {
            let response = self.send(&request, &arn, &parameters).await?;
            response::read(response).await
        };
        let timed_out = |_| {
            let cause = format!("The HTTP request took longer than {} seconds.", TIMEOUT.as_secs());
            fails("States.Http.Socket", cause)
        };
        tokio::time::timeout(TIMEOUT, call).await.map_err(timed_out)?
    }

    /// With a new token, if an OAuth server's older one is not good any more.
    async fn send(
        &self,
        request: &Request,
        arn: &str,
        parameters: &AuthParameters,
    ) -> Result<reqwest::Response, ServiceError> {
        let Some(oauth) = &parameters.oauth else {
            let built = request.build(&self.http, parameters, None)?;
            return built.send().await.map_err(socket);
        };
        let (token, is_new) = self.tokens.get(&self.http, arn, oauth).await?;
        let response = request.build(&self.http, parameters, Some(&token))?.send().await;
        let response = response.map_err(socket)?;
        if response.status() != reqwest::StatusCode::UNAUTHORIZED || is_new {
            return Ok(response);
        }
        self.tokens.forget(arn);
        let (token, _) = self.tokens.get(&self.http, arn, oauth).await?;
        request.build(&self.http, parameters, Some(&token))?.send().await.map_err(socket)
    }
}

#[async_trait]
impl Service for HttpTasks {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        match action {
            "Invoke" => self.invoke(input).await,
            other => Err(ServiceError::unsupported("http", other)),
        }
    }
}

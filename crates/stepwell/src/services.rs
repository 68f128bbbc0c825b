//! The services of a project that functions and Task states call: stepwell's own, or those of AWS where `[services]` says so.
//!
//! Nothing is opened before the first call; what an earlier process left to deliver is delivered as soon as this one serves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use stepwell_aws_wire::ServiceError;
use stepwell_engine::Handle;
use stepwell_integrations::Clock;
use stepwell_integrations::aws::{self, AwsService};
use stepwell_integrations::events::EmbeddedEvents;
use stepwell_integrations::http::RestService;
use stepwell_integrations::http_invoke;
use stepwell_integrations::installation::{EMBEDDED, Installation};
use stepwell_integrations::s3::{self, AwsS3};
use stepwell_integrations::service::{Facts, Origin, Place, Protocol, Service};
use stepwell_integrations::sns::{self, AwsSns};
use stepwell_integrations::sqs::{self, Targets};
use stepwell_integrations::task::Integrations;
use stepwell_integrations::vault::{self, VaultError};
use stepwell_pipeline::http::client;
use stepwell_pipeline::surroundings::{Provider, Services};
use stepwell_services::Opener;
use tokio::sync::{Mutex, OnceCell};
use tracing::error;

use crate::functions::Processes;
use crate::private;
use crate::project::{ACCOUNT, Project, REGION};
use crate::secrets::Vault;
use crate::starter::Starter;

/// Their secrets, among what the project remembers.
const SECRETS: &str = "services";

/// There once the services were opened.
const OPENED: &str = "topics.db";

/// How long a subscriber, or the server of an HTTP Task, may be silent.
const SILENCE: Duration = Duration::from_mins(1);

/// In the addresses that answers to tasks name while nobody serves; what is read of them is only the name at the end.
const NO_SERVER: &str = "http://127.0.0.1:4566";

/// All services of a project.
pub(crate) struct ProjectServices {
    opener: Arc<Opener>,
    folder: PathBuf,
    starter: Arc<Starter>,
    installation: OnceCell<Installation>,
}

impl ProjectServices {
    /// Opens nothing yet.
    pub(crate) fn new(project: &Project, opener: Arc<Opener>) -> Arc<Self> {
        let starter = Arc::new(Starter::new(opener.surroundings().services.lambda));
        let installation = OnceCell::new();
        Arc::new(Self { opener, folder: project.state(), starter, installation })
    }

    /// Says what rules of EventBridge start.
    pub(crate) fn connect(&self, engine: Handle, processes: &Processes) {
        self.starter.connect(engine, processes);
    }

    /// What answers on the port: the embedded ones. Those of AWS are refused there, for a caller would act with the credentials
    /// of stepwell.
    pub(crate) fn on_the_port(self: &Arc<Self>) -> Arc<[Arc<dyn Service>]> {
        self.each(|facts, provider| match provider {
            Provider::Embedded => Arc::new(Embedded { facts, services: Arc::clone(self) }),
            Provider::Aws => Arc::new(Elsewhere(facts)),
        })
    }

    /// What is behind the resources of Task states. `endpoint` is where this process serves.
    pub(crate) fn integrations(self: &Arc<Self>, endpoint: Option<String>) -> Integrations {
        let has_connections = self.opener.surroundings().services.events == Provider::Embedded;
        let services = self.each(|facts, provider| match provider {
            _ if facts.name == http_invoke::FACTS.name && !has_connections => Arc::new(NoHttpTasks),
            Provider::Embedded => Arc::new(Embedded { facts, services: Arc::clone(self) }),
            Provider::Aws => self.at_aws(on_aws(facts)),
        });
        let others = others(&self.opener.surroundings().services);
        let services = services.iter().cloned().chain(others.map(|facts| self.at_aws(facts)));
        let services = services.collect();
        let base_url = endpoint.unwrap_or_else(|| NO_SERVER.to_owned());
        Integrations { services, origin: Origin { base_url }, clock: clock() }
    }

    fn at_aws(&self, facts: &'static Facts) -> Arc<dyn Service> {
        let opener = Arc::clone(&self.opener);
        Arc::new(OnAws { facts, opener, opened: OnceCell::new() })
    }

    /// The queues that embedded topics and rules send to, where SQS is not embedded.
    fn targets(&self) -> Option<Targets> {
        let is_at_aws = self.opener.surroundings().services.sqs == Provider::Aws;
        is_at_aws.then(|| Targets::at_aws(self.at_aws(on_aws(&sqs::FACTS))))
    }

    fn each(
        &self,
        service: impl Fn(&'static Facts, Provider) -> Arc<dyn Service>,
    ) -> Arc<[Arc<dyn Service>]> {
        let providers = &self.opener.surroundings().services;
        EMBEDDED.iter().map(|facts| service(facts, provider(providers, facts.name))).collect()
    }

    /// Goes on with the deliveries of an earlier process.
    pub(crate) async fn go_on(&self) {
        if self.folder.join(OPENED).exists() {
            // What is wrong is told in the log, and to whoever calls.
            let _ = self.installation().await;
        }
    }

    /// The bus of EventBridge, if the services were opened: before that nobody waits there for events.
    pub(crate) fn events(&self) -> Option<&EmbeddedEvents> {
        Some(&self.installation.get()?.events)
    }

    async fn installation(&self) -> Result<&Installation, ServiceError> {
        let opened = self.installation.get_or_try_init(async || self.open().await).await;
        opened.map_err(|problem| {
            let folder = self.folder.display();
            error!("the embedded services in `{folder}` cannot be used: {problem}");
            ServiceError::internal()
        })
    }

    async fn open(&self) -> Result<Installation, Box<dyn std::error::Error + Send + Sync>> {
        let secrets = self.folder.join(SECRETS);
        private::create_folder(&self.folder)?;
        private::create_folder(&secrets)?;
        let place = Place { account: ACCOUNT.to_owned(), region: REGION.to_owned() };
        let vault = Arc::new(Sealed::in_folder(secrets));
        let http = client(SILENCE)?;
        let (targets, starter) = (self.targets(), Arc::clone(&self.starter) as _);
        let opened =
            Installation::open(&self.folder, place, vault, http, clock(), targets, starter);
        let installation = opened.await?;
        let running = installation.clone();
        tokio::spawn(async move { running.run().await });
        Ok(installation)
    }
}

/// That of the machine.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the binary is the edge")]
    Arc::new(Timestamp::now)
}

/// Who serves the service of a name.
fn provider(services: &Services, name: &str) -> Provider {
    match name {
        "dynamodb" => services.dynamodb,
        "events" => services.events,
        "logs" => services.logs,
        "s3" => services.s3,
        "secretsmanager" => services.secretsmanager,
        "sns" => services.sns,
        "sqs" => services.sqs,
        "ssm" => services.ssm,
        _ => Provider::Embedded,
    }
}

/// What can be called of a service at AWS.
fn on_aws(facts: &'static Facts) -> &'static Facts {
    match facts.name {
        "s3" => &s3::AWS_FACTS,
        "sns" => &sns::AWS_FACTS,
        _ => aws::facts_of(facts).unwrap_or(facts),
    }
}

/// The services that are not embedded and that `[services]` names.
fn others(services: &Services) -> impl Iterator<Item = &'static Facts> {
    let Services { kinesis, glue, athena, others, .. } = services;
    let of_pipelines = [("kinesis", kinesis), ("glue", glue), ("athena", athena)];
    let of_pipelines = of_pipelines.into_iter().filter(|(_, provider)| **provider == Provider::Aws);
    let names = of_pipelines.map(|(name, _)| name).chain(others.iter().map(String::as_str));
    names.filter_map(aws::facts).collect::<Vec<_>>().into_iter()
}

/// An embedded service, opened with its first call.
struct Embedded {
    facts: &'static Facts,
    services: Arc<ProjectServices>,
}

#[async_trait]
impl Service for Embedded {
    fn facts(&self) -> &'static Facts {
        self.facts
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        origin: &Origin,
    ) -> Result<Value, ServiceError> {
        self.open().await?.call(action, input, origin).await
    }

    fn rest(&self) -> Option<&dyn RestService> {
        matches!(self.facts.protocol, Protocol::RestXml).then_some(self)
    }
}

impl Embedded {
    async fn open(&self) -> Result<&Arc<dyn Service>, ServiceError> {
        let services = &self.services.installation().await?.services;
        let service = services.iter().find(|it| it.facts().name == self.facts.name);
        service.ok_or_else(ServiceError::internal)
    }
}

#[async_trait]
impl RestService for Embedded {
    async fn respond(&self, parts: Parts, body: Body, request_id: &str) -> Response {
        let opened = self.open().await;
        match opened.map(|service| service.rest()) {
            Ok(Some(service)) => service.respond(parts, body, request_id).await,
            Ok(None) => s3::refused(&ServiceError::internal(), request_id),
            Err(error) => s3::refused(&error, request_id),
        }
    }
}

/// A service of AWS, connected to with its first call.
struct OnAws {
    facts: &'static Facts,
    opener: Arc<Opener>,
    opened: OnceCell<Arc<dyn Service>>,
}

impl OnAws {
    async fn connect(&self) -> Result<Arc<dyn Service>, ServiceError> {
        let connected = self.opener.connection().await;
        let connection = connected.map_err(|problem| {
            ServiceError::sender("UnrecognizedClientException", problem.to_string())
        })?;
        if self.facts.name == sns::FACTS.name {
            return Ok(Arc::new(AwsSns::new(connection)));
        }
        if self.facts.name == s3::FACTS.name {
            return Ok(Arc::new(AwsS3::new(connection)));
        }
        let service = AwsService::new(connection, self.facts).ok_or_else(ServiceError::internal)?;
        Ok(Arc::new(service))
    }
}

#[async_trait]
impl Service for OnAws {
    fn facts(&self) -> &'static Facts {
        self.facts
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        origin: &Origin,
    ) -> Result<Value, ServiceError> {
        let service = self.opened.get_or_try_init(async || self.connect().await).await?;
        service.call(action, input, origin).await
    }
}

/// HTTP Tasks whose connections are at AWS.
struct NoHttpTasks;

#[async_trait]
impl Service for NoHttpTasks {
    fn facts(&self) -> &'static Facts {
        &http_invoke::FACTS
    }

    fn absence(&self) -> Option<&'static str> {
        Some(
            "the connections of HTTP Tasks are at AWS, where their secrets cannot be read; write `events = \"embedded\"` to \
             [services] of stepwell.toml and make them here",
        )
    }

    async fn call(&self, action: &str, _: Value, _: &Origin) -> Result<Value, ServiceError> {
        Err(ServiceError::unsupported(http_invoke::FACTS.name, action))
    }
}

/// A service that is not on this port.
struct Elsewhere(&'static Facts);

impl Elsewhere {
    fn refusal(&self) -> ServiceError {
        let name = self.0.name;
        let id = match name {
            "events" => "EVENTBRIDGE".to_owned(),
            "logs" => "CLOUDWATCH_LOGS".to_owned(),
            "secretsmanager" => "SECRETS_MANAGER".to_owned(),
            other => other.to_ascii_uppercase(),
        };
        let variable = format!("AWS_ENDPOINT_URL_{id}");
        let message = format!(
            "`{name}` is served by AWS (`{name} = \"aws\"` in [services] of stepwell.toml): call it there, with `{variable}` in the environment of a function"
        );
        ServiceError::sender("UnsupportedOperation", message)
    }
}

#[async_trait]
impl Service for Elsewhere {
    fn facts(&self) -> &'static Facts {
        self.0
    }

    async fn call(
        &self,
        _action: &str,
        _input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        Err(self.refusal())
    }

    fn rest(&self) -> Option<&dyn RestService> {
        matches!(self.0.protocol, Protocol::RestXml).then_some(self)
    }
}

#[async_trait]
impl RestService for Elsewhere {
    async fn respond(&self, _parts: Parts, _body: Body, request_id: &str) -> Response {
        s3::refused(&self.refusal(), request_id)
    }
}

/// The secrets of the embedded services: sealed like those of the project and apart from them, for every function may read these.
struct Sealed {
    vault: Vault,
    /// The file is read and written as a whole.
    turn: Mutex<()>,
}

impl Sealed {
    fn in_folder(folder: PathBuf) -> Self {
        Self { vault: Vault::in_folder(folder), turn: Mutex::default() }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, crate::secrets::VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let _turn = self.turn.lock().await;
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || work(&vault)).await;
        done.map_err(|error| VaultError(error.to_string()))?
            .map_err(|error| VaultError(error.to_string()))
    }
}

#[async_trait]
impl vault::Vault for Sealed {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        let name = name.to_owned();
        self.with(move |vault| vault.get(&name)).await
    }

    async fn put(&self, name: &str, value: SecretString) -> Result<(), VaultError> {
        let name = name.to_owned();
        self.with(move |vault| vault.set(&name, &value).map(drop)).await
    }

    async fn remove(&self, name: &str) -> Result<bool, VaultError> {
        let name = name.to_owned();
        self.with(move |vault| vault.remove(&name)).await
    }

    async fn names(&self) -> Result<Vec<String>, VaultError> {
        self.with(Vault::names).await
    }
}

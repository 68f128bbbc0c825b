//! Each service, opened with its first use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use stepwell_integrations::Clock;
use stepwell_integrations::athena::Athena;
use stepwell_integrations::aws::{Connection, Credentials, Settings};
use stepwell_integrations::dynamodb::{AwsTables, EmbeddedTables, Tables};
use stepwell_integrations::glue::{AwsCatalog, Catalog, EmbeddedCatalog};
use stepwell_integrations::kinesis::Kinesis;
use stepwell_integrations::s3::Buckets;
use stepwell_integrations::sns::{AwsTopics, EmbeddedTopics, Topics};
use stepwell_integrations::sqs::{AwsQueue, EmbeddedOptions, EmbeddedQueue, Queue};
use stepwell_pipeline::surroundings::Provider;
use stepwell_pipeline::{HandlerError, Surroundings, http};
use tokio::sync::OnceCell;

use crate::ToHandlerError as _;
use crate::topics::subscriptions;

/// How long a subscriber may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Opens services, each once.
pub struct Opener {
    surroundings: Surroundings,
    connection: OnceCell<Connection>,
    tables: OnceCell<Arc<dyn Tables>>,
    topics: OnceCell<Arc<dyn Topics>>,
    buckets: OnceCell<Buckets>,
}

impl Opener {
    /// Opens nothing yet.
    pub fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            connection: OnceCell::new(),
            tables: OnceCell::new(),
            topics: OnceCell::new(),
            buckets: OnceCell::new(),
        }
    }

    /// What the pipeline is built with.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// AWS, as `[services.aws]` says.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if a secret is missing.
    pub async fn connection(&self) -> Result<&Connection, HandlerError> {
        let connect = async || {
            let aws = &self.surroundings.services.aws;
            let credentials = aws.credentials(self.surroundings.secrets.as_ref()).await?;
            let credentials = credentials.map(|it| Credentials {
                access_key_id: it.access_key_id.expose_secret().to_owned(),
                secret_access_key: it.secret_access_key,
                session_token: it.session_token,
            });
            let settings = Settings {
                region: aws.region.clone(),
                endpoint_url: aws.endpoint_url.clone(),
                profile: aws.profile.clone(),
                credentials,
            };
            Ok(Connection::new(settings).await)
        };
        self.connection.get_or_try_init(connect).await
    }

    /// The requests to AWS so far.
    pub fn aws_requests(&self) -> u64 {
        self.connection.get().map_or(0, Connection::requests)
    }

    /// A file among what the project remembers; its folder is there.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if the folder cannot be made.
    pub fn file(&self, name: &str) -> Result<PathBuf, HandlerError> {
        let folder = &self.surroundings.state;
        std::fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            HandlerError::Config(format!("the folder `{folder}` cannot be made: {error}"))
        })?;
        Ok(folder.join(name))
    }

    /// A FIFO queue and its dead letters, made where they are missing; embedded in `.stepwell/queues.db`, where
    /// clients of SQS find it.
    ///
    /// # Errors
    /// By class, as the queue says.
    pub async fn queue(
        &self,
        name: &str,
        dead_letter_queue: Option<&str>,
        max_receive_count: u32,
    ) -> Result<Arc<dyn Queue>, HandlerError> {
        let opened: Result<Arc<dyn Queue>, _> = match self.surroundings.services.sqs {
            Provider::Aws => {
                let connection = self.connection().await?;
                let queue = AwsQueue::connect_or_create(
                    connection,
                    name,
                    dead_letter_queue,
                    max_receive_count,
                );
                queue.await.map(|queue| Arc::new(queue) as _)
            }
            Provider::Embedded => {
                let options = EmbeddedOptions { max_receive_count };
                let queue = EmbeddedQueue::open(&self.file("queues.db")?, name, options, clock());
                queue.map(|queue| Arc::new(queue) as _)
            }
        };
        opened.map_err(|error| error.to_handler_error())
    }

    /// Tables; embedded in `.stepwell/dynamodb.db`.
    ///
    /// # Errors
    /// By class, as the tables say.
    pub async fn tables(&self) -> Result<Arc<dyn Tables>, HandlerError> {
        let open = async || -> Result<Arc<dyn Tables>, HandlerError> {
            match self.surroundings.services.dynamodb {
                Provider::Aws => Ok(Arc::new(AwsTables::new(self.connection().await?)) as _),
                Provider::Embedded => {
                    let tables = EmbeddedTables::open(&self.file("dynamodb.db")?);
                    Ok(Arc::new(tables.map_err(|error| error.to_handler_error())?) as _)
                }
            }
        };
        self.tables.get_or_try_init(open).await.cloned()
    }

    /// Topics; embedded in `.stepwell/sns.db`, with the subscriptions of `[services.topics]`.
    ///
    /// # Errors
    /// By class, as the topics say; [`HandlerError::Config`] if a subscription is wrong.
    pub async fn topics(&self) -> Result<Arc<dyn Topics>, HandlerError> {
        let open = async || -> Result<Arc<dyn Topics>, HandlerError> {
            match self.surroundings.services.sns {
                Provider::Aws => Ok(Arc::new(AwsTopics::new(self.connection().await?)) as _),
                Provider::Embedded => Ok(Arc::new(self.embedded_topics().await?) as _),
            }
        };
        self.topics.get_or_try_init(open).await.cloned()
    }

    /// Their deliveries go on as long as the process lives.
    async fn embedded_topics(&self) -> Result<EmbeddedTopics, HandlerError> {
        let subscriptions = subscriptions(self).await?;
        let http = http::client(SILENCE)?;
        let topics = EmbeddedTopics::open(&self.file("sns.db")?, subscriptions, http, clock());
        let topics = topics.map_err(|error| error.to_handler_error())?;
        let running = topics.clone();
        tokio::spawn(async move { running.run().await });
        Ok(topics)
    }

    /// Buckets; embedded in `.stepwell/s3`.
    ///
    /// # Errors
    /// As [`Opener::connection`].
    pub async fn buckets(&self) -> Result<Buckets, HandlerError> {
        let open = async || match self.surroundings.services.s3 {
            Provider::Aws => Ok(Buckets::aws(self.connection().await?)),
            Provider::Embedded => Ok(Buckets::embedded(self.surroundings.state.join("s3"))),
        };
        self.buckets.get_or_try_init(open).await.cloned()
    }

    /// The catalog of a data lake; embedded as files in `folder`, beside the data.
    ///
    /// # Errors
    /// As [`Opener::connection`].
    pub async fn catalog(&self, folder: &Path) -> Result<Arc<dyn Catalog>, HandlerError> {
        match self.surroundings.services.glue {
            Provider::Aws => Ok(Arc::new(AwsCatalog::new(self.connection().await?))),
            Provider::Embedded => Ok(Arc::new(EmbeddedCatalog::open(folder))),
        }
    }

    /// Streams of Kinesis.
    ///
    /// # Errors
    /// [`HandlerError::Config`] where Kinesis is not served by AWS.
    pub async fn kinesis(&self) -> Result<Kinesis, HandlerError> {
        only_aws("kinesis", self.surroundings.services.kinesis)?;
        Ok(Kinesis::new(self.connection().await?))
    }

    /// Athena.
    ///
    /// # Errors
    /// [`HandlerError::Config`] where Athena is not served by AWS.
    pub async fn athena(&self) -> Result<Athena, HandlerError> {
        only_aws("athena", self.surroundings.services.athena)?;
        Ok(Athena::new(self.connection().await?))
    }
}

/// Of services that are not embedded.
fn only_aws(service: &str, provider: Provider) -> Result<(), HandlerError> {
    match provider {
        Provider::Aws => Ok(()),
        Provider::Embedded => Err(HandlerError::Config(format!(
            "there is no embedded `{service}`; set `{service} = \"aws\"` in `[services]`, or take out what needs it"
        ))),
    }
}

fn clock() -> Clock {
    Arc::new(Timestamp::now)
}

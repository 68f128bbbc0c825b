//! All embedded services of one installation, opened in the order in which they need each other.

use std::path::Path;
use std::sync::Arc;

use crate::Clock;
use crate::dynamodb::{self, EmbeddedDynamoDb};
use crate::events::{self, EmbeddedEvents, Starter};
use crate::http_invoke::{self, HttpTasks};
use crate::logs::{self, EmbeddedLogs};
use crate::s3::{self, EmbeddedS3};
use crate::secretsmanager::{self, EmbeddedSecrets};
use crate::service::{Facts, Place, Service};
use crate::sns::{self, EmbeddedSns};
use crate::sqs::{self, EmbeddedQueues, Targets};
use crate::ssm::{self, EmbeddedParameters};
use crate::sts::{self, EmbeddedSts};
use crate::vault::Vault;

/// What can be embedded, and with which actions.
pub const EMBEDDED: &[&Facts] = &[
    &dynamodb::FACTS,
    &events::FACTS,
    &http_invoke::FACTS,
    &logs::FACTS,
    &s3::FACTS,
    &secretsmanager::FACTS,
    &sns::FACTS,
    &sqs::FACTS,
    &ssm::FACTS,
    &sts::FACTS,
];

/// The embedded services.
#[derive(Clone)]
pub struct Installation {
    /// All of [`EMBEDDED`].
    pub services: Arc<[Arc<dyn Service>]>,
    topics: EmbeddedSns,
    /// The bus of EventBridge, for events of Step Functions itself.
    pub events: EmbeddedEvents,
}

impl Installation {
    /// Opens or creates the files `queues.db`, `topics.db`, `events.db`, `logs.db`, `parameters.db` and `dynamodb.db` and the folder
    /// `s3` of all buckets in a folder that is there. Topics and rules send to the queues of this installation, or to `targets`; rules
    /// start what else they name by `starter`.
    ///
    /// # Errors
    /// [`sns::Error::Store`] names the file that cannot be used.
    pub async fn open(
        folder: &Path,
        place: Place,
        vault: Arc<dyn Vault>,
        http: reqwest::Client,
        clock: Clock,
        targets: Option<Targets>,
        starter: Arc<dyn Starter>,
    ) -> Result<Self, sns::Error> {
        let at = |name: &str| folder.join(name);
        let clocks = || Arc::clone(&clock);
        let queues = EmbeddedQueues::open(&at("queues.db"), place.clone(), clocks())?;
        let queues: Arc<dyn Service> = Arc::new(queues);
        let targets = targets.unwrap_or_else(|| Targets::embedded(Arc::clone(&queues)));
        let reached = || targets.clone();
        let topics =
            EmbeddedSns::open(&at("topics.db"), place.clone(), reached(), http.clone(), clocks())
                .await?;
        let events = EmbeddedEvents::open(
            &at("events.db"),
            place.clone(),
            reached(),
            starter,
            Arc::clone(&vault),
            clocks(),
        )?;
        let logs = EmbeddedLogs::open(&at("logs.db"), place.clone(), clocks())?;
        let parameters = EmbeddedParameters::open(
            &at("parameters.db"),
            Arc::clone(&vault),
            place.clone(),
            clocks(),
        )?;
        let tables = EmbeddedDynamoDb::open(&at("dynamodb.db"), place.clone(), clocks());
        let tables = tables.map_err(|error| match error {
            dynamodb::Error::Store(error) => sns::Error::Store(error),
            other => unreachable!("opening a file asks nothing of AWS: {other}"),
        })?;
        let objects = EmbeddedS3::open(&at("s3"), place.clone(), clocks())?;
        let services: Arc<[Arc<dyn Service>]> = Arc::new([
            queues,
            Arc::new(topics.clone()),
            Arc::new(objects),
            Arc::new(tables),
            Arc::new(events.clone()),
            Arc::new(HttpTasks::new(events.clone(), http, clocks())),
            Arc::new(logs),
            Arc::new(EmbeddedSecrets::new(vault, place.clone())),
            Arc::new(parameters),
            Arc::new(EmbeddedSts::new(place)),
        ]);
        Ok(Self { services, topics, events })
    }

    /// Delivers again and again what subscribers did not take yet; never returns.
    pub async fn run(&self) {
        self.topics.run().await;
    }
}

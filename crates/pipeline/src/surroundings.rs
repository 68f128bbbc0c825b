//! What a pipeline finds around it: secrets, who serves the AWS services it uses, and a folder for what it
//! remembers.
//!
//! Left to others: the clients of the services, and what is kept in the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::HandlerError;
use crate::secret::{SecretRef, Secrets};

/// What [`crate::Settings::build`] is given.
#[derive(Clone)]
pub struct Surroundings {
    /// Finds the values of secrets, at the moment of use.
    pub secrets: Arc<dyn Secrets>,
    /// Who serves the AWS services.
    pub services: Services,
    /// The folder for what embedded services and pipelines remember: `.stepwell` of the project. It may not exist
    /// before the first function is called.
    pub state: PathBuf,
}

impl Surroundings {
    /// With every service embedded.
    pub fn embedded(secrets: Arc<dyn Secrets>, state: PathBuf) -> Self {
        Self { secrets, services: Services::default(), state }
    }
}

/// `[services]`: who serves each AWS service.
///
/// ```toml
/// [services]
/// sqs = "aws"                 # default: "embedded"
/// iam = "aws"
/// secretsmanager = "aws"      # "embedded": the secrets of the project only
/// kinesis = "aws"             # "embedded": refused by what needs it
/// athena = "aws"              # "embedded": the lake's own SQL
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// Queues.
    pub sqs: Provider,
    /// Role policies.
    pub iam: Provider,
    /// Secrets that are found nowhere else.
    pub secretsmanager: Provider,
    /// Tables.
    pub dynamodb: Provider,
    /// Topics.
    pub sns: Provider,
    /// Log groups of CloudWatch.
    pub logs: Provider,
    /// Parameters of Systems Manager.
    pub ssm: Provider,
    /// Buses of EventBridge.
    pub events: Provider,
    /// Buckets.
    pub s3: Provider,
    /// Streams; there are no embedded ones.
    pub kinesis: Provider,
    /// The catalog of a data lake.
    pub glue: Provider,
    /// SQL over a data lake: embedded it runs in this process.
    pub athena: Provider,
    /// Functions; embedded they run as processes. Built-in ones are always here.
    pub lambda: Provider,
    /// Further services that Task states call at AWS, by their names in resources: `kms`.
    #[serde(skip)]
    pub others: BTreeSet<String>,
    /// Who gets what is published to embedded topics: subscriptions by topic and name.
    pub topics: BTreeMap<String, BTreeMap<String, Subscription>>,
    /// How AWS is reached.
    pub aws: Aws,
}

/// Who serves a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// stepwell itself, on this machine.
    #[default]
    Embedded,
    /// AWS, or what answers in its place at `endpoint_url`.
    Aws,
}

/// `[services.topics.TOPIC.NAME]`: who gets what is published to an embedded topic.
///
/// ```toml
/// [services.topics.alerts.chat]
/// to = { webhook = "secret:chat/webhook" }
/// filter = { severity = ["FAILED"] }
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Where it goes.
    pub to: Destination,
    /// A filter policy of SNS: which messages, by their attributes. Without one: all.
    #[serde(default)]
    pub filter: Map<String, Value>,
}

/// Where messages of a topic go: `"log"`, `{ webhook = "secret:NAME" }`, `{ queue = "NAME" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// The log of the process.
    Log,
    /// `POST` in the shape of SNS's HTTP notifications. The URL often is a secret.
    Webhook(SecretRef),
    /// A FIFO queue, of those that `sqs` serves.
    Queue(String),
}

/// `[services.aws]`: how AWS is reached. Without credentials here the SDK's usual places are searched: the
/// environment, the profile in `~/.aws`, the instance.
///
/// ```toml
/// [services.aws]
/// region = "eu-central-1"
/// endpoint_url = "http://127.0.0.1:5000"
/// profile = "data-platform"
/// access_key_id = "secret:aws/access-key-id"
/// secret_access_key = "secret:aws/secret-access-key"
/// session_token = "secret:aws/session-token"
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aws {
    /// The region.
    pub region: Option<String>,
    /// One address for all services, instead of AWS's own.
    pub endpoint_url: Option<String>,
    /// The profile in `~/.aws`.
    pub profile: Option<String>,
    /// Who calls.
    pub access_key_id: Option<SecretRef>,
    /// The secret that goes with it.
    pub secret_access_key: Option<SecretRef>,
    /// The token of temporary credentials.
    pub session_token: Option<SecretRef>,
}

/// Credentials that are written in `[services.aws]`, with their values.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Who calls.
    pub access_key_id: SecretString,
    /// The secret that goes with it.
    pub secret_access_key: SecretString,
    /// The token of temporary credentials.
    pub session_token: Option<SecretString>,
}

impl Aws {
    /// The credentials that are written here; none if the SDK is to look for them.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub async fn credentials(
        &self,
        secrets: &dyn Secrets,
    ) -> Result<Option<Credentials>, HandlerError> {
        let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) else {
            return Ok(None);
        };
        let session_token = match &self.session_token {
            Some(token) => Some(token.reveal(secrets).await?),
            None => None,
        };
        Ok(Some(Credentials {
            access_key_id: id.reveal(secrets).await?,
            secret_access_key: secret.reveal(secrets).await?,
            session_token,
        }))
    }
}

//! The services that pipelines use, each behind one trait: embedded in this process, or the one of AWS.
//!
//! ```text
//!   pipeline --> sqs::Queue            <-- sqs::EmbeddedQueue (SQLite)         sqs::AwsQueue
//!            --> iam::RolePolicies     <-- iam::EmbeddedRolePolicies (SQLite)  iam::AwsRolePolicies
//!            --> dynamodb::Tables      <-- dynamodb::EmbeddedTables (SQLite)   dynamodb::AwsTables
//!            --> sns::Topics           <-- sns::EmbeddedTopics (SQLite)        sns::AwsTopics
//!            --> s3::Buckets           <-- folders                             S3
//!            --> glue::Catalog         <-- glue::EmbeddedCatalog (JSON)        glue::AwsCatalog
//!            --> secretsmanager::SecretsManager, kinesis::Kinesis, athena::Athena, cloudwatch::CloudWatch: of AWS alone
//! ```
//!
//! Functions and clients reach the services by AWS's own protocols, Task states by their resources:
//!
//! ```text
//!   http::router        --\
//!   task::Integrations  ---+--> service::Service <-- s3, dynamodb, sqs, sns, events, http_invoke, logs, secretsmanager, ssm, sts:
//!                                                    installation::Installation
//!                                                <-- aws::AwsService, sns::AwsSns
//! ```
//!
//! The embedded implementation of a trait is always there and needs nothing else installed. `tests/it/conformance` holds both
//! implementations to the same behaviour, and says where a double of AWS differs from AWS itself.
//! Which of them serves is decided by whoever opens them; nothing here reads settings. Time is given, too.

pub mod athena;
pub mod authentication;
pub mod aws;
mod base64_text;
pub mod cloudwatch;
mod durable;
pub mod dynamodb;
pub mod events;
pub mod glue;
pub mod http;
pub mod http_invoke;
pub mod iam;
pub mod installation;
pub mod kinesis;
pub mod lambda;
pub mod logs;
pub mod members;
pub mod patience;
mod refusal;
pub mod s3;
pub mod secretsmanager;
pub mod service;
pub mod sns;
mod sqlite;
pub mod sqs;
pub mod ssm;
pub mod sts;
pub mod task;
pub mod vault;

use std::sync::Arc;

use jiff::Timestamp;

pub use sqlite::StoreError;

/// Where the embedded services take the time from: the machine's clock, the engine's, or one that a test moves.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

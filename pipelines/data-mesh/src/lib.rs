//! Keeps AWS IAM role policies in step with the access agreements of Data Mesh Manager (Entropy Data).
//!
//! ```text
//! data-mesh            PollFeed -> Receive -> Map { FetchAccess -> Grant | Revoke | Report -> WriteBack } -> Settle -> Receive …
//! data-mesh-reconcile  Survey   -> Receive -> the same
//! ```
//!
//! Responsible for: the client of the source ([`dmm`]), what should be ([`desired`]), how it fits on a role
//! ([`layout`]), what was done ([`ledger`]), the functions of the state machines ([`handlers`]). Left to others:
//! running the state machines, the queue and the role policies themselves, resolving secrets.

#![expect(clippy::disallowed_methods, reason = "functions are an edge: what they do happens now")]

use std::sync::Arc;

use stepwell_pipeline::notify::Notify;
use stepwell_pipeline::{AnyFunction, HandlerError, Machine, Pipeline, Surroundings, Switch, http};

mod backlog;
pub mod config;
pub mod desired;
pub mod dmm;
mod event;
pub mod feed;
pub mod handlers;
pub mod layout;
pub mod ledger;
mod reading;
mod service;
pub mod summary;
mod target;

pub use config::Settings;
pub use event::Cause;

use config::Config;
use dmm::Dmm;
use handlers::{
    FetchAccess, Grant, PollFeed, Receive, Report, Revoke, Settle, Summarise, Survey, Verify,
    WriteBack,
};
use service::Service;

/// The state machine that follows the feed, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../definition.asl.json");

/// The state machine that repairs drift.
pub const RECONCILE_DEFINITION: &str = include_str!("../reconcile.asl.json");

/// The name of the pipeline.
const NAME: &str = "data-mesh";

/// Both can say beforehand what they would do.
const SWITCHES: &[Switch] = &[Switch::Plan, Switch::AllowDeletes];

const MACHINES: &[Machine] = &[
    Machine { name: NAME, definition: DEFINITION, default_input: "{}", switches: SWITCHES },
    Machine {
        name: "data-mesh-reconcile",
        definition: RECONCILE_DEFINITION,
        default_input: "{}",
        switches: SWITCHES,
    },
];

/// The pipeline with this configuration.
///
/// # Errors
/// [`HandlerError::Config`] if `base_url` is no URL.
fn pipeline(config: Config, surroundings: Surroundings) -> Result<Pipeline, HandlerError> {
    let http = http::client(config.silence)?;
    let secrets = Arc::clone(&surroundings.secrets);
    let dmm = Dmm::new(
        http.clone(),
        &config.base_url,
        config.api_key.clone(),
        Arc::clone(&secrets),
        config.resource,
    )?;
    let (slice, channels) = (config.slice, config.notify.clone());
    let notify = Notify::new("stepwell-data-mesh-notify", channels, secrets, http);
    let service = Arc::new(Service::new(config, dmm, surroundings));
    let with = || Arc::clone(&service);
    let functions: Vec<Arc<dyn AnyFunction>> = vec![
        Arc::new(PollFeed { service: with() }),
        Arc::new(Survey { service: with() }),
        Arc::new(Receive { service: with() }),
        Arc::new(FetchAccess { service: with() }),
        Arc::new(Grant { service: with() }),
        Arc::new(Revoke { service: with() }),
        Arc::new(Report { service: with() }),
        Arc::new(WriteBack { service: with() }),
        Arc::new(Settle { service: with() }),
        Arc::new(Verify { service: with() }),
        Arc::new(Summarise { service: with() }),
        Arc::new(notify),
    ];
    Ok(Pipeline { name: NAME, machines: MACHINES, functions, slice })
}

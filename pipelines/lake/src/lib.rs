//! Keeps a Parquet data lake in step with DynamoDB, Salesforce and Mambu, with files and PostgreSQL, and proves it.
//!
//! ```text
//! lake             ListDatasets -> Map { Plan -> Extract (slices) -> Publish -> Catalog -> Plan ... } -> Summarise -> Notify
//! lake-stream      Consume (slices)
//! lake-reconcile   Begin -> Map { Compare (slices) } -> Record -> Summarise -> Notify
//! ```
//!
//! Responsible for: reading sources ([`source`]), writing files and publishing them ([`published`]), how far that is
//! ([`ledger`]), the functions of the state machines ([`handlers`]), the proof ([`reconcile`]) and its pages ([`report`]). Left to others: running the state machines, formats of
//! files, resolving secrets.

#![expect(clippy::disallowed_methods, reason = "functions are an edge: what they do happens now")]

use std::path::Path;
use std::sync::Arc;

use stepwell_integrations::Clock;
use stepwell_pipeline::notify::Notify;
use stepwell_pipeline::{AnyFunction, HandlerError, Machine, Pipeline, Surroundings, http};

pub mod athena;
pub mod config;
pub mod dataset;
pub mod handlers;
pub mod ledger;
mod publish;
pub mod published;
pub mod query;
pub mod reconcile;
pub mod report;
pub mod service;
pub mod source;
pub mod summary;
pub mod target;
#[cfg(test)]
mod testing;
mod views;
pub mod world;
mod write;

pub use config::Settings;

use config::Config;
use handlers::{Extract, ListDatasets, Plan, Publish, Summarise, UpdateCatalog};
use service::Service;
use world::World;

/// The state machine, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../definition.asl.json");

/// The name of the pipeline.
const NAME: &str = "lake";

/// The state machine that reads change streams of DynamoDB.
pub const STREAM_DEFINITION: &str = include_str!("../stream.asl.json");

/// The state machine that proves the lake.
pub const RECONCILE_DEFINITION: &str = include_str!("../reconcile.asl.json");

const MACHINES: &[Machine] = &[
    Machine { name: NAME, definition: DEFINITION, default_input: "{}", switches: &[] },
    Machine {
        name: "lake-stream",
        definition: STREAM_DEFINITION,
        default_input: "{}",
        switches: &[],
    },
    Machine {
        name: "lake-reconcile",
        definition: RECONCILE_DEFINITION,
        default_input: "{}",
        switches: &[],
    },
];

/// The project folder: relative paths count from it.
fn project(surroundings: &Surroundings) -> &Path {
    surroundings.state.parent().unwrap_or(Path::new(""))
}

/// What the pipeline works with, without the pipeline: for commands that look at the lake.
///
/// # Errors
/// [`HandlerError::Config`] that names what is wrong with the settings.
pub fn open(
    settings: &Settings,
    surroundings: &Surroundings,
    clock: Clock,
) -> Result<Arc<Service>, HandlerError> {
    let config = Config::new(settings.clone(), project(surroundings))?;
    let http = http::client(config.silence)?;
    let world = Arc::new(World::new(surroundings.clone(), http, clock));
    Ok(Arc::new(Service::new(config, world)?))
}

/// The pipeline with a clock of the caller's.
///
/// # Errors
/// As [`open`].
pub fn pipeline(
    settings: &Settings,
    surroundings: &Surroundings,
    clock: Clock,
) -> Result<Pipeline, HandlerError> {
    let service = open(settings, surroundings, clock)?;
    let (slice, channels) = (service.config.slice, service.config.notify.clone());
    let secrets = Arc::clone(&surroundings.secrets);
    let notify = Notify::new("stepwell-lake-notify", channels, secrets, service.world.http.clone());
    let with = || Arc::clone(&service);
    let mut functions: Vec<Arc<dyn AnyFunction>> = vec![
        Arc::new(ListDatasets { service: with() }),
        Arc::new(Plan { service: with() }),
        Arc::new(Extract { service: with() }),
        Arc::new(Publish { service: with() }),
        Arc::new(UpdateCatalog { service: with() }),
        Arc::new(Summarise { service: with() }),
        Arc::new(notify),
    ];
    functions.extend(service.stream_functions());
    functions.extend(reconcile::functions(&service));
    Ok(Pipeline { name: NAME, machines: MACHINES, functions, slice })
}

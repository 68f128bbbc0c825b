//! Keeps a PostgreSQL or SQLite replica of Instructure Canvas Data 2 in step.
//!
//! `ListTables -> Map { SyncTable -> Choice(COMPLETE | INIT_NEEDED -> InitTable | IN_PROGRESS -> again) } -> Summarise -> Notify`
//!
//! Responsible for: the protocol of the source ([`dap`]), its [`schema`] and [`rows`], the databases
//! ([`target`]), the functions of the state machine ([`handlers`]). Left to others: running the state
//! machine, resolving secrets, reading files and the environment.

#![expect(clippy::disallowed_methods, reason = "functions are an edge: what they do happens now")]

use std::sync::Arc;

use stepwell_pipeline::notify::Notify;
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::{AnyFunction, HandlerError, Machine, Pipeline, http};

pub mod config;
pub mod dap;
pub mod handlers;
pub mod rows;
pub mod schema;
pub mod summary;
pub mod target;

pub use config::Settings;

use config::Config;
use dap::Dap;
use handlers::{InitTable, ListTables, Service, Summarise, SyncTable};

/// The state machine, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../definition.asl.json");

/// The name of the pipeline.
const NAME: &str = "canvas";

/// Its only state machine. It cannot say beforehand what it would load.
const MACHINES: &[Machine] =
    &[Machine { name: NAME, definition: DEFINITION, default_input: "{}", switches: &[] }];

/// The pipeline with this configuration.
///
/// # Errors
/// [`HandlerError::Config`] if `base_url` is no URL.
fn pipeline(config: Config, secrets: Arc<dyn Secrets>) -> Result<Pipeline, HandlerError> {
    let http = http::client(config.silence)?;
    let dap = Dap::new(
        http.clone(),
        config.silence,
        &config.base_url,
        config.credentials.clone(),
        Arc::clone(&secrets),
        config.limits,
    )?;
    let (slice, channels) = (config.slice, config.notify.clone());
    let notify = Notify::new("stepwell-canvas-notify", channels, Arc::clone(&secrets), http);
    let service = Arc::new(Service::new(config, dap, secrets));
    let functions: Vec<Arc<dyn AnyFunction>> = vec![
        Arc::new(ListTables { service: Arc::clone(&service) }),
        Arc::new(SyncTable { service: Arc::clone(&service) }),
        Arc::new(InitTable { service }),
        Arc::new(Summarise),
        Arc::new(notify),
    ];
    Ok(Pipeline { name: NAME, machines: MACHINES, functions, slice })
}

//! Keeps data products of Starburst Galaxy in step with those of Starburst Enterprise (SEP).
//!
//! `FetchDesired || FetchActual -> Plan -> Map { Apply } -> Map { Remove } -> Verify -> Summarise -> Notify`
//!
//! ```text
//! config      the settings                        sep, galaxy, trino   the protocols, on rest (attempts, limits)
//! desired     what SEP says, in Galaxy's terms    sql                  quoting, statements, view texts
//! actual      what Galaxy holds                   ledger               what we made, and how far we got
//! plan        the difference                      handlers             the functions of the state machine
//! ```
//!
//! Responsible for: all of that. Left to others: running the state machine, resolving secrets, reading files and the
//! environment.

#![expect(clippy::disallowed_methods, reason = "functions are an edge: what they do happens now")]

use std::sync::Arc;

use stepwell_pipeline::notify::Notify;
use stepwell_pipeline::{AnyFunction, HandlerError, Machine, Pipeline, Surroundings, Switch, http};

mod actual;
mod clients;
pub mod config;
mod desired;
mod digest;
mod galaxy;
pub mod handlers;
mod inventory;
mod ledger;
mod plan;
mod rest;
mod sep;
mod source_link;
mod sql;
pub mod summary;
#[cfg(test)]
mod testing;
mod trino;

pub use config::Settings;

use config::Config;
use handlers::{Apply, FetchActual, FetchDesired, MakePlan, Remove, Service, Summarise, Verify};
use ledger::SqliteLedger;

/// The state machine, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../definition.asl.json");

/// The name of the pipeline.
const NAME: &str = "data-products";

/// The file of the ledger, in the folder for state.
const LEDGER: &str = "data-products.db";

const MACHINES: &[Machine] = &[Machine {
    name: NAME,
    definition: DEFINITION,
    default_input: "{}",
    switches: &[Switch::Plan, Switch::AllowDeletes],
}];

/// The pipeline with this configuration.
fn pipeline(config: Config, surroundings: &Surroundings) -> Result<Pipeline, HandlerError> {
    let http = http::client(config.silence)?;
    let (slice, channels) = (config.slice, config.notify.clone());
    let secrets = Arc::clone(&surroundings.secrets);
    let notify =
        Notify::new("stepwell-data-products-notify", channels, Arc::clone(&secrets), http.clone());
    let ledger = Arc::new(SqliteLedger::new(surroundings.state.join(LEDGER)));
    let service = Arc::new(Service::new(config, secrets, http, ledger));
    let functions: Vec<Arc<dyn AnyFunction>> = vec![
        Arc::new(FetchDesired { service: Arc::clone(&service) }),
        Arc::new(FetchActual { service: Arc::clone(&service) }),
        Arc::new(MakePlan { service: Arc::clone(&service) }),
        Arc::new(Apply { service: Arc::clone(&service) }),
        Arc::new(Remove { service: Arc::clone(&service) }),
        Arc::new(Verify { service }),
        Arc::new(Summarise),
        Arc::new(notify),
    ];
    Ok(Pipeline { name: NAME, machines: MACHINES, functions, slice })
}

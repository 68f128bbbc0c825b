//! Quality control of grouped streams of measurements.
//!
//! ```text
//! stream-qc      Asked -> Start -> Process { 1 completeness, schema, freshness || 2 ranges || 3 time series } -> End -> Summarise -> Notify -> Tell
//! stream-qc-all  List -> Map { the same } -> Report -> Tell
//!
//! config    how a stream is checked           checks    the tests, over columns
//! input     what an execution is asked for    source    where the points are, and reading them
//! streams   the files of the streams          series    rows as the checks take them
//! tables    what is kept of runs              message   how a verdict is told
//! verdict   what the functions hand on        report    the page with plots
//! ```
//!
//! Responsible for: all of that. Left to others: running the state machines, tables and topics themselves, reading files
//! into columns, resolving secrets.

use std::sync::Arc;

use stepwell_pipeline::notify::Notify as Tell;
use stepwell_pipeline::{AnyFunction, HandlerError, Machine, Pipeline, Surroundings};

pub mod checks;
pub mod config;
pub mod facts;
pub mod file;
pub mod flag;
mod handlers;
mod input;
mod message;
mod packed;
pub mod process;
mod reach;
mod reading;
pub mod report;
pub mod series;
mod service;
pub mod settings;
mod sorted;
mod source;
pub mod spool;
mod streams;
mod tables;
pub mod verdict;

pub use service::stores;
pub use settings::Settings;

use handlers::{End, List, Notify, Process, Report, Start, Summarise};
use service::Service;
use settings::Config;

/// The state machine of one stream, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../definition.asl.json");

/// The state machine of all configured streams.
pub const ALL_DEFINITION: &str = include_str!("../all.asl.json");

/// The name of the pipeline.
const NAME: &str = "stream-qc";

const MACHINES: &[Machine] = &[
    Machine { name: NAME, definition: DEFINITION, default_input: "{}", switches: &[] },
    Machine {
        name: "stream-qc-all",
        definition: ALL_DEFINITION,
        default_input: "{}",
        switches: &[],
    },
];

/// The pipeline with this configuration.
fn pipeline(config: Config, surroundings: &Surroundings) -> Result<Pipeline, HandlerError> {
    let (slice, channels) = (config.slice, config.notify.clone());
    let service = Arc::new(Service::new(config, surroundings)?);
    let with = || Arc::clone(&service);
    let tell = Tell::new(
        "stepwell-stream-qc-tell",
        channels,
        Arc::clone(&service.secrets),
        service.http.clone(),
    );
    let mut functions: Vec<Arc<dyn AnyFunction>> = vec![
        Arc::new(Start { service: with() }),
        Arc::new(End { service: with() }),
        Arc::new(Summarise { service: with() }),
        Arc::new(Notify { service: with() }),
        Arc::new(List { service: with() }),
        Arc::new(Report),
        Arc::new(tell),
    ];
    for process in [process::Process::One, process::Process::Two, process::Process::Three] {
        functions.push(Arc::new(Process::new(process, with())));
    }
    Ok(Pipeline { name: NAME, machines: MACHINES, functions, slice })
}

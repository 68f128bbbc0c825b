//! The functions that the state machine calls.
//!
//! ```text
//! fetch_desired   reads SEP                       apply       makes or changes one product in Galaxy
//! fetch_actual    reads Galaxy                    remove      takes away one product, or a schema that one has left
//! plan            compares both                   verify      reads Galaxy again and compares again
//!                                                 summarise   one summary of everything
//! ```
//!
//! Between states travel names, ids and reasons only; what was read stays in the memory of the process ([`run`]) and is
//! read again where the process is a new one. Every call may be repeated: each looks at what is there before it writes.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use stepwell_pipeline::secret::Secrets;

use crate::config::Config;
use crate::ledger::Ledger;

mod apply;
mod fetch;
mod make_plan;
mod remove;
mod run;
mod summarise;
mod verify;
mod views;

pub use apply::Apply;
pub use fetch::{FetchActual, FetchDesired};
pub use make_plan::MakePlan;
pub use remove::Remove;
pub(crate) use summarise::State;
pub use summarise::Summarise;
pub use verify::Verify;

use run::Run;

/// What all functions of the pipeline work with.
pub(crate) struct Service {
    config: Config,
    secrets: Arc<dyn Secrets>,
    http: reqwest::Client,
    ledger: Arc<dyn Ledger>,
    /// The last few.
    runs: Mutex<Vec<Arc<Run>>>,
}

/// The input of an execution.
///
/// ```json
/// {"plan":false,"allow_deletes":false}
/// ```
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunInput {
    /// Show what would be done, and do nothing.
    plan: bool,
    /// Delete however many have gone.
    allow_deletes: bool,
}

/// What the states before the Map states give to their functions.
///
/// ```json
/// {"run":"arn:aws:states:...:execution:data-products:a1","input":{"plan":true}}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Names the run: the execution's ARN.
    run: String,
    input: RunInput,
}

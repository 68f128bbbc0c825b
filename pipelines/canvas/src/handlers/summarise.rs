//! `stepwell-canvas-summarise`: one summary of all results.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::summary::{Outcome, Summary};

/// Summarises a run. Works on its input alone.
pub struct Summarise;

/// What the state machine has gathered.
///
/// ```json
/// {"started_at":"2026-02-15T09:00:00Z","run":{"results":[...]}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Gathered {
    started_at: Timestamp,
    run: Run,
}

/// `results` of the Map state, or `failure` if it failed or the tables could not even be listed.
#[derive(Debug, Deserialize)]
struct Run {
    #[serde(default)]
    results: Vec<Outcome>,
    failure: Option<Caught>,
}

#[async_trait]
impl Function for Summarise {
    type Input = Gathered;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-canvas-summarise"
    }

    async fn call(&self, input: Gathered, _ctx: &Context) -> Result<Summary, HandlerError> {
        let Gathered { started_at, run: Run { results, failure } } = input;
        let seconds = Timestamp::now().duration_since(started_at).as_secs_f64();
        Ok(Summary::new(results, failure, seconds))
    }
}

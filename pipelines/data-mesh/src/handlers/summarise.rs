//! `stepwell-data-mesh-summarise`: one summary of all results.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use super::{Proof, Run};
use crate::service::Service;
use crate::summary::{Gathered, Summary};

/// Summarises a run.
pub struct Summarise {
    pub(crate) service: Arc<Service>,
}

/// What the state machine has gathered.
///
/// ```json
/// {"started_at":"2026-03-01T09:00:00Z","gathered":{"run":"arn:...","input":{},"poll":{},"survey":{},"proof":{}}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Ended {
    started_at: Timestamp,
    gathered: State,
}

/// The state of the execution, as far as it came.
#[derive(Debug, Deserialize)]
struct State {
    #[serde(flatten)]
    run: Run,
    #[serde(default)]
    poll: Value,
    #[serde(default)]
    survey: Value,
    #[serde(default)]
    settled: Value,
    proof: Option<Proof>,
    failure: Option<Caught>,
}

#[async_trait]
impl Function for Summarise {
    type Input = Ended;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-summarise"
    }

    async fn call(&self, input: Ended, _ctx: &Context) -> Result<Summary, HandlerError> {
        let Ended { started_at, gathered } = input;
        let State { run: Run { run, input }, poll, survey, settled, proof, failure } = gathered;
        // Where the world itself cannot be opened, its failure is what there is to tell.
        let told = match self.service.world(&run, input.plan).await {
            Ok(world) => world.ledger.told(&run).await?,
            Err(error) if failure.is_none() => return Err(error),
            Err(_) => crate::ledger::Told::default(),
        };
        if input.plan {
            self.service.end_plan(&run);
        }
        Ok(Summary::new(Gathered {
            told,
            poll,
            survey,
            is_stopped: settled["status"] == "STOP",
            proof,
            broken_off: failure,
            is_plan: input.plan,
            aws_requests: self.service.aws_requests(),
            seconds: Timestamp::now().duration_since(started_at).as_secs_f64(),
        }))
    }
}

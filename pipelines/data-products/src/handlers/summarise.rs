//! `stepwell-data-products-summarise`: one summary of everything.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::plan::{Change, Notice, Removal};
use crate::summary::{ItemOutcome, Proof, Summary};

/// Summarises a run. Works on its input alone.
pub struct Summarise;

/// What the state machine has gathered.
#[derive(Debug, Deserialize)]
pub struct Gathered {
    started_at: Timestamp,
    state: State,
}

/// What there is of it depends on how far the run came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) planned: Option<Planned>,
    pub(crate) applied: Option<Vec<ItemOutcome>>,
    pub(crate) removed: Option<Vec<ItemOutcome>>,
    pub(crate) verified: Option<Proof>,
    /// Why the run broke off.
    pub(crate) failure: Option<Caught>,
}

/// The plan, as [`super::MakePlan`] gives it.
#[derive(Debug, Deserialize)]
pub(crate) struct Planned {
    pub(crate) plan_only: bool,
    pub(crate) unchanged: usize,
    pub(crate) changes: Vec<Change>,
    pub(crate) removals: Vec<Removal>,
    pub(crate) notices: Vec<Notice>,
}

#[async_trait]
impl Function for Summarise {
    type Input = Gathered;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-data-products-summarise"
    }

    async fn call(&self, input: Gathered, _ctx: &Context) -> Result<Summary, HandlerError> {
        let seconds = Timestamp::now().duration_since(input.started_at).as_secs_f64();
        Ok(Summary::of(input.state, seconds))
    }
}

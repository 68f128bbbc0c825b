//! `stepwell-canvas-init-table`: brings a table in step by a snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Service;
use super::table::{Input, Step, TableRun};

/// Loads the whole table and puts it in the place of what was there, if anything was.
pub struct InitTable {
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Function for InitTable {
    type Input = Input;
    type Output = Step;

    fn name(&self) -> &'static str {
        "stepwell-canvas-init-table"
    }

    async fn call(&self, input: Input, ctx: &Context) -> Result<Step, HandlerError> {
        TableRun::begin(&self.service, input, ctx).await?.snapshot().await
    }
}

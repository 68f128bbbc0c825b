//! `stepwell-canvas-sync-table`: brings a table in step by an increment.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Service;
use super::table::{Input, Step, TableRun};

/// Merges what changed since the table's cursor. Says `INIT_NEEDED` where the target does not know the
/// table, or DAP requires a new snapshot.
pub struct SyncTable {
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Function for SyncTable {
    type Input = Input;
    type Output = Step;

    fn name(&self) -> &'static str {
        "stepwell-canvas-sync-table"
    }

    async fn call(&self, input: Input, ctx: &Context) -> Result<Step, HandlerError> {
        TableRun::begin(&self.service, input, ctx).await?.increment().await
    }
}

//! Tells the embedded EventBridge of executions that start and end. Best effort, as on AWS: what nobody waits for, and what comes
//! faster than it can be told, is not told.

use std::sync::Arc;

use stepwell_engine::{Handle, StatusChange};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::services::ProjectServices;

const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Tells until it is stopped.
pub(crate) async fn tell(engine: Handle, services: Arc<ProjectServices>, stop: CancellationToken) {
    let mut changes = engine.subscribe();
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = stop.cancelled() => return,
        };
        match change {
            Ok(change) => tell_one(&engine, &services, &change).await,
            Err(RecvError::Lagged(count)) => {
                warn!(count, "executions changed faster than EventBridge could be told");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn tell_one(engine: &Handle, services: &ProjectServices, change: &StatusChange) {
    let Some(events) = services.events() else { return };
    let detail = async {
        let record = engine.describe_execution(&change.execution_arn).await.ok()?;
        Some(stepwell_sfn_api::status_change(change, record, engine.now()))
    };
    let resources = vec![change.execution_arn.to_string()];
    if let Err(error) = events.announce("aws.states", DETAIL_TYPE, resources, detail).await {
        warn!(%error, execution = %change.execution_arn, "EventBridge was not told");
    }
}

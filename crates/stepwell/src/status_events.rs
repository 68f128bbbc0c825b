//! Tells the embedded EventBridge of executions that start and end. Best effort, as on AWS: what nobody waits for, and what was not
//! told yet when the process is killed, is not told. Nothing is told twice.
//!
//! ```text
//!   engine --> broadcast --> collect: keeps up with the engine --> WAITING_MAX --> tell, many at once --> rules --> targets
//! ```

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use stepwell_engine::{Handle, StatusChange};
use stepwell_integrations::events::Announced;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::services::ProjectServices;

const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Changes that wait to be told, of about 200 bytes: those of 50,000 executions that start and end at once.
const WAITING_MAX: usize = 100_000;

/// Changes that are told together: a queue takes them in a tenth as many commits.
const BATCH_MAX: usize = 500;

/// Executions that are looked up beside each other.
const READ_AT_ONCE: usize = 8;

/// Goes on with what earlier processes left, and tells until it is stopped, and then what is left.
pub(crate) async fn tell(engine: Handle, services: Arc<ProjectServices>, stop: CancellationToken) {
    let (waiting, mut collected) = mpsc::channel(WAITING_MAX);
    let collecting = tokio::spawn(collect(engine.subscribe(), waiting, stop));
    // Those of a start may come before what earlier processes left is opened.
    services.go_on().await;
    let mut batch = Vec::new();
    while collected.recv_many(&mut batch, BATCH_MAX).await > 0 {
        tell_all(&engine, &services, std::mem::take(&mut batch)).await;
    }
    let _ = collecting.await;
}

/// Takes changes as they come, and when it is stopped those that have come until then.
async fn collect(
    mut changes: broadcast::Receiver<StatusChange>,
    waiting: mpsc::Sender<StatusChange>,
    stop: CancellationToken,
) {
    let mut left = None;
    while left != Some(0) {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = stop.cancelled(), if left.is_none() => {
                left = Some(changes.len());
                continue;
            }
        };
        left = left.map(|left| left - 1);
        let change = match change {
            Ok(change) => change,
            Err(RecvError::Lagged(count)) => {
                warn!(count, "executions changed faster than EventBridge could be told");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        if waiting.send(change).await.is_err() {
            return;
        }
    }
}

async fn tell_all(engine: &Handle, services: &ProjectServices, changes: Vec<StatusChange>) {
    let Some(events) = services.events() else { return };
    let announced = async {
        let all = stream::iter(changes).map(|change| announced(engine, change));
        all.buffered(READ_AT_ONCE).filter_map(async |it| it).collect().await
    };
    if let Err(error) = events.announce("aws.states", DETAIL_TYPE, announced).await {
        warn!(%error, "EventBridge was not told of executions");
    }
}

/// Nothing of an execution that is not there any more.
async fn announced(engine: &Handle, change: StatusChange) -> Option<Announced> {
    let record = engine.describe_execution(&change.execution_arn).await.ok()?;
    Some(Announced {
        resources: vec![change.execution_arn.to_string()],
        detail: stepwell_sfn_api::status_change(&change, record, engine.now()),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use stepwell_engine::Status;
    use stepwell_engine::limits::SUBSCRIBER_LAG_MAX;

    use super::*;

    fn change(number: usize) -> StatusChange {
        let execution_arn = format!("arn:{number}").into();
        StatusChange { execution_arn, status: Status::Running, at: Timestamp::UNIX_EPOCH }
    }

    /// A burst of executions comes while a queue does not take anything.
    #[tokio::test]
    async fn a_burst_waits_and_is_not_lost() {
        let (engine, changes) = broadcast::channel(SUBSCRIBER_LAG_MAX);
        let (waiting, mut collected) = mpsc::channel(WAITING_MAX);
        let stop = CancellationToken::new();
        let collecting = tokio::spawn(collect(changes, waiting, stop.clone()));
        for number in 0..20_000 {
            engine.send(change(number)).unwrap();
            tokio::task::yield_now().await;
        }
        stop.cancel();
        collecting.await.unwrap();
        let mut told = Vec::new();
        while collected.recv_many(&mut told, BATCH_MAX).await > 0 {}
        assert_eq!(told, (0..20_000).map(change).collect::<Vec<_>>());
    }
}

//! `stepwell-data-mesh-settle`: after a batch was worked on, its messages go.
//!
//! | What became of an access | What follows |
//! | --- | --- |
//! | it came through | its attempts are forgotten |
//! | it failed, fewer times than `max_attempts` | a message of its own is queued, in a group of its own |
//! | it failed for the last time | its own message goes to the dead letters, with the reason |
//! | all failed, and the service does not answer now either | nothing counts: the batch waits for the next run |

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_integrations::sqs::{Error as QueueError, Queue, Receipt};
use stepwell_pipeline::{Caught, Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use super::Run;
use crate::backlog;
use crate::ledger::{Batch, Failure};
use crate::service::{Service, World};

/// Settles a batch.
pub struct Settle {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
///
/// ```json
/// {"run":"arn:...","input":{},"batch":"...","results":[{"access":"acc-17"},
///  {"access":"acc-18","failure":{"Error":"Data","Cause":"..."}}]}
/// ```
#[derive(Debug, Deserialize)]
pub struct WorkedOn {
    #[serde(flatten)]
    run: Run,
    batch: String,
    results: Vec<Iteration>,
}

/// What became of one access.
#[derive(Debug, Deserialize)]
struct Iteration {
    access: String,
    failure: Option<Caught>,
}

/// Whether the run goes on.
///
/// ```json
/// {"status":"CONTINUE","failed":1,"dead":0}
/// ```
#[derive(Debug, Serialize)]
pub struct Settled {
    /// `CONTINUE`, or `STOP` where the service does not answer.
    status: &'static str,
    failed: usize,
    dead: usize,
}

#[async_trait]
impl Function for Settle {
    type Input = WorkedOn;
    type Output = Settled;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-settle"
    }

    async fn call(&self, input: WorkedOn, ctx: &Context) -> Result<Settled, HandlerError> {
        let WorkedOn { run: Run { run, input }, batch, results } = input;
        let world = self.service.world(&run, input.plan).await?;
        let batch = world.ledger.batch(&batch).await?;
        let (failed, came_through): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|it| it.failure.is_some());
        let came_through: Vec<_> = came_through.into_iter().map(|it| it.access).collect();
        let is_outage = self.is_outage(&failed, &came_through, ctx).await;
        let (mut failures, mut kept) = (Vec::new(), Vec::new());
        for Iteration { access, failure } in failed {
            let caught = failure.expect("those that failed have a failure");
            let failure = Failure {
                access: Some(access),
                cause: caught.message(),
                error: caught.error,
                attempts: 0,
                dead: false,
            };
            failures.push(if is_outage || world.is_plan {
                failure
            } else {
                self.retry_or_give_up(&world, &batch, failure, &mut kept).await?
            });
        }
        let dead = failures.iter().filter(|it| it.dead).count();
        let settled = Settled {
            status: if is_outage { "STOP" } else { "CONTINUE" },
            failed: failures.len(),
            dead,
        };
        if !is_outage {
            self.delete_messages(&world, &batch, &kept).await?;
        }
        let ended = failures.iter().filter(|it| it.dead).filter_map(|it| it.access.clone());
        let ended = ended.chain(came_through.iter().cloned()).collect();
        world.ledger.record_failures(&run, came_through, failures).await?;
        if !is_outage {
            world.ledger.settle(&batch.id, ended).await?;
        }
        Ok(settled)
    }
}

impl Settle {
    /// Whether the failures are the service's, or the key's, and not the accesses'.
    async fn is_outage(
        &self,
        failed: &[Iteration],
        came_through: &[String],
        ctx: &Context,
    ) -> bool {
        let of_service = [HandlerError::RETRYABLE, HandlerError::CONFIG];
        let is_of_service = |it: &Iteration| {
            it.failure.as_ref().is_some_and(|it| of_service.contains(&it.error.as_str()))
        };
        !failed.is_empty()
            && came_through.is_empty()
            && failed.iter().all(is_of_service)
            && self.service.dmm.probe(ctx).await.is_err()
    }

    /// Counts the attempt, and queues another or gives the access up. A message that cannot be given up, for lack of a
    /// queue of dead letters, is kept: it comes again.
    async fn retry_or_give_up(
        &self,
        world: &World,
        batch: &Batch,
        mut failure: Failure,
        kept: &mut Vec<Receipt>,
    ) -> Result<Failure, HandlerError> {
        let access = failure.access.clone().unwrap_or_default();
        let Some(item) = batch.items.iter().find(|it| it.access == access) else {
            // Settled before; this is a second delivery.
            return Ok(failure);
        };
        failure.attempts = world.ledger.count_attempt(&access, &batch.id).await?;
        let queue = self.service.queue().await?;
        let own = batch.messages.iter().find(|it| backlog::is_single(it, &access));
        if let Some(message) = own.filter(|_| failure.attempts >= self.service.config.max_attempts)
        {
            let Failure { error, cause, attempts, .. } = &failure;
            let reason = format!("{error}: {cause} (attempt {attempts})");
            match queue.dead_letter(message, &reason).await {
                // It is dead already, or will be received again.
                Ok(()) | Err(QueueError::ReceiptExpired) => failure.dead = true,
                Err(error @ QueueError::NoDeadLetterQueue { .. }) => {
                    failure.cause = format!("{}; {error}", failure.cause);
                    kept.push(message.receipt.clone());
                }
                Err(error) => return Err(error.to_handler_error()),
            }
        } else {
            let sent = queue.send_batch(&[backlog::single(item, &batch.id)]).await;
            sent.map_err(|error| error.to_handler_error())?;
        }
        Ok(failure)
    }

    /// What is not deleted is received again, which is harmless.
    async fn delete_messages(
        &self,
        world: &World,
        batch: &Batch,
        kept: &[Receipt],
    ) -> Result<(), HandlerError> {
        if world.is_plan || batch.messages.is_empty() {
            return Ok(());
        }
        let queue: &dyn Queue = self.service.queue().await?;
        let receipts = batch.messages.iter().map(|it| it.receipt.clone());
        let receipts: Vec<_> = receipts.filter(|it| !kept.contains(it)).collect();
        let not_deleted = queue.delete_batch(&receipts).await;
        for message in not_deleted.map_err(|error| error.to_handler_error())? {
            tracing::debug!(reason = message.reason, "a message will be received again");
        }
        Ok(())
    }
}

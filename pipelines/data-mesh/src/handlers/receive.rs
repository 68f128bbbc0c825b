//! `stepwell-data-mesh-receive`: the next accesses to examine.
//!
//! What an earlier call received and nobody settled comes first: a crash loses no message and waits for none.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_integrations::sqs::{self, Message};
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use super::Run;
use crate::backlog;
use crate::event::Cause;
use crate::ledger::{Batch, Item, Source};
use crate::service::{Service, World};
use crate::target::MANY;

/// So many accesses are worked on in one turn of the Map state.
pub(super) const ACCESSES_TOGETHER: usize = 1000;

/// As SQS gives them.
const MESSAGES_A_CALL: usize = 10;

/// Takes work on.
pub struct Receive {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(flatten)]
    run: Run,
    /// Whether the queue is worked off, or only what this run has surveyed.
    with_queue: bool,
}

/// What is to be examined.
///
/// ```json
/// {"status":"WORK","batch":"...","max_concurrency":16,"items":[{"run":"...","plan":false,"batch":"...","many":true,
///  "access":"acc-17","event":"7b0d6a52-...","kind":"AccessActivatedEvent"}]}
/// ```
#[derive(Debug, Serialize)]
pub struct Received {
    status: &'static str,
    batch: String,
    max_concurrency: u32,
    items: Vec<ToExamine>,
}

/// One iteration of the Map state.
#[derive(Debug, Serialize)]
pub struct ToExamine {
    run: String,
    plan: bool,
    batch: String,
    many: bool,
    #[serde(flatten)]
    item: Item,
}

#[async_trait]
impl Function for Receive {
    type Input = Wanted;
    type Output = Received;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-receive"
    }

    async fn call(&self, input: Wanted, ctx: &Context) -> Result<Received, HandlerError> {
        let Wanted { run: Run { run, input }, with_queue } = input;
        let world = self.service.world(&run, input.plan).await?;
        let with_queue = with_queue && !input.plan;
        let mut batch = world.ledger.next_batch(&run, with_queue).await?;
        if batch.is_none() && with_queue {
            batch = self.receive_batch(&world, &run, ctx).await?;
        }
        if batch.is_none() {
            world.ledger.finish_reconcile(&run).await?;
        }
        Ok(self.give(&run, input.plan, batch))
    }
}

impl Receive {
    fn give(&self, run: &str, plan: bool, batch: Option<Batch>) -> Received {
        let status = if batch.is_some() { "WORK" } else { "EMPTY" };
        let (batch, items) = batch.map(|it| (it.id, it.items)).unwrap_or_default();
        let many = items.len() >= MANY;
        let item = |item| ToExamine { run: run.to_owned(), plan, batch: batch.clone(), many, item };
        let items = items.into_iter().map(item).collect();
        Received { status, max_concurrency: self.service.config.max_concurrency, items, batch }
    }

    /// Receives messages, puts those that nobody understands to the dead letters, and keeps the rest as a batch.
    async fn receive_batch(
        &self,
        world: &World,
        run: &str,
        ctx: &Context,
    ) -> Result<Option<Batch>, HandlerError> {
        let queue = self.service.queue().await?;
        let wanted = sqs::Receive {
            max: MESSAGES_A_CALL,
            visibility: self.service.config.visibility,
            wait: std::time::Duration::ZERO,
        };
        let failed = |error: sqs::Error| error.to_handler_error();
        let (mut accesses, mut kept) = (BTreeMap::new(), Vec::new());
        while accesses.len() < ACCESSES_TOGETHER && !ctx.slice_is_over() {
            let messages = queue.receive(&wanted).await.map_err(failed)?;
            if messages.is_empty() {
                break;
            }
            for message in messages {
                match self.read(world, &message).await? {
                    Ok(asked) => {
                        accesses.extend(asked);
                        kept.push(message);
                    }
                    Err(reason) => {
                        tracing::warn!(message = message.id, reason, "a message is not understood");
                        let reason = format!("not understood: {reason}");
                        match queue.dead_letter(&message, &reason).await {
                            // Without a queue of dead letters it comes again, and holds up its own group only.
                            Ok(()) | Err(sqs::Error::NoDeadLetterQueue { .. }) => {}
                            Err(error) => return Err(failed(error)),
                        }
                    }
                }
            }
        }
        let Some(first) = kept.first() else { return Ok(None) };
        let id = format!("{run}#{}-{}", first.id, first.receive_count);
        let items = accesses.into_iter().map(|(access, cause)| Item { access, cause });
        let batch = Batch { id, items: items.collect(), messages: kept };
        world.ledger.add_batch(run, Source::Queue, batch.clone()).await?;
        Ok(Some(batch))
    }

    /// The accesses that a message asks for.
    async fn read(
        &self,
        world: &World,
        message: &Message,
    ) -> Result<Result<BTreeMap<String, Cause>, String>, HandlerError> {
        let mut asked = match backlog::read(message) {
            Ok(asked) => asked,
            Err(reason) => return Ok(Err(reason)),
        };
        if !asked.products.is_empty() || !asked.teams.is_empty() {
            let keys = |of: &BTreeMap<String, Cause>| of.keys().cloned().collect();
            let affected = world.ledger.affected(keys(&asked.products), keys(&asked.teams)).await?;
            asked.add_affected(affected);
        }
        Ok(Ok(asked.accesses))
    }
}

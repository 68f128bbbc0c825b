//! Events on their way to the targets of rules.

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use stepwell_aws_wire::ServiceError;
use uuid::Uuid;

use super::rules::Rule;
use super::target::{Taker, Target};
use super::transform::Told;
use super::{EmbeddedEvents, Refused};
use crate::service::seconds;

/// Executions and functions that are started beside each other: they share commits.
const STARTS_AT_ONCE: usize = 16;

impl EmbeddedEvents {
    /// To every target of every rule that matches, and tells of each event whether all of them took it. A target that is gone misses
    /// it, as at AWS.
    pub(super) async fn deliver(
        &self,
        events: &[Value],
        rules: &[Rule],
    ) -> Vec<Result<(), Refused>> {
        let ingestion_time = seconds((self.clock)());
        let mut outcomes: Vec<_> = events.iter().map(|_| Ok(())).collect();
        for rule in rules {
            let (rule_name, rule_arn) = (&*rule.name, &*rule.arn);
            let told = |(number, event)| {
                (number, Told { event, rule_name, rule_arn, ingestion_time: &ingestion_time })
            };
            let matches = |(_, event): &(usize, &Value)| rule.pattern.matches(event);
            let (numbers, told): (Vec<_>, Vec<_>) =
                events.iter().enumerate().filter(matches).map(told).unzip();
            for target in &rule.targets {
                for (number, sent) in numbers.iter().zip(self.send(target, &told).await) {
                    if let Err(refused) = taken(target, sent) {
                        outcomes[*number] = Err(refused);
                    }
                }
            }
        }
        outcomes
    }

    /// Sends events to one target.
    async fn send(&self, target: &Target, events: &[Told<'_>]) -> Vec<Result<(), ServiceError>> {
        let Some(taker @ (Taker::StateMachine | Taker::Function)) = target.taker() else {
            let messages = events.iter().map(|told| target.message(told)).collect();
            return self.queues.send_all(&target.arn, messages).await;
        };
        let sent = |told: &Told<'_>| {
            (told.event["id"].as_str().unwrap_or_default().to_owned(), target.input(told))
        };
        let sent: Vec<_> = events.iter().map(sent).collect();
        let started = sent.into_iter().map(|(id, input)| self.start(taker, &target.arn, id, input));
        stream::iter(started).buffered(STARTS_AT_ONCE).collect().await
    }

    async fn start(
        &self,
        taker: Taker,
        arn: &str,
        event_id: String,
        input: String,
    ) -> Result<(), ServiceError> {
        #[expect(clippy::disallowed_methods, reason = "a start has its id from here on")]
        let id = Uuid::new_v4();
        if taker == Taker::Function {
            return self.starter.invoke(arn, id, input).await;
        }
        self.starter.start_execution(arn, format!("{event_id}_{id}"), input).await
    }
}

/// Whether a target that is there took an event.
fn taken(target: &Target, sent: Result<(), ServiceError>) -> Result<(), Refused> {
    match sent {
        Err(error) if error.status < 500 => {
            tracing::warn!(%error, target = target.arn, "an event did not reach its target");
            Ok(())
        }
        other => other.map_err(|error| Refused("InternalFailure", error.message)),
    }
}

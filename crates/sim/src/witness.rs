//! The witness: whatever anybody is told, the disk must know of it already.
//!
//! It reads the store through a connection of its own, at the moment somebody is told: what it finds is what
//! a crash at this very moment would leave.

use std::path::Path;

use stepwell_engine::kernel::TaskOrder;
use stepwell_engine::{Page, Reader, Status, StatusChange};

use crate::process::arns;

/// Looks at the disk.
pub(crate) struct Witness(Reader);

impl Witness {
    pub(crate) fn open(store: &Path) -> Self {
        Self(Reader::open(store, arns()).expect("the store can be read"))
    }

    /// A handler is called: the event that scheduled its task must be in the durable history.
    pub(crate) fn call(&self, order: &TaskOrder) -> Option<String> {
        let (arn, scheduled) = (&order.execution_arn, order.task.scheduled);
        (!self.is_scheduled(arn, scheduled)).then(|| {
            format!(
                "task #{scheduled} of {arn} was dispatched before its scheduled event was committed"
            )
        })
    }

    /// Subscribers hear of a start or an end.
    pub(crate) fn announcement(&self, change: &StatusChange) -> Option<String> {
        let StatusChange { execution_arn, status, .. } = change;
        let found = self.status(execution_arn);
        // A start may be announced late, when the execution has ended, and an end when it was redriven.
        let is_durable = found == Some(*status)
            || found.is_some() && status.is_running()
            || self.redrives(execution_arn) > 0;
        (!is_durable).then(|| {
            format!(
                "{execution_arn} was announced as {status} before that was committed: {found:?}"
            )
        })
    }

    /// How an execution stands on disk; nothing if it is not there.
    pub(crate) fn status(&self, arn: &str) -> Option<Status> {
        self.0.describe_execution(arn).ok().map(|record| record.summary.status)
    }

    /// How often an execution was redriven, as far as the disk knows.
    pub(crate) fn redrives(&self, arn: &str) -> u32 {
        self.0.describe_execution(arn).map_or(0, |record| record.summary.redrives)
    }

    pub(crate) fn has_state_machine(&self, name: &str) -> bool {
        self.0.describe_state_machine(&arns().state_machine(name)).is_ok()
    }

    /// Reads backward: a task that is called was scheduled lately.
    fn is_scheduled(&self, arn: &str, scheduled: u64) -> bool {
        let mut page = Page { limit: 100, token: None };
        loop {
            let Ok(read) = self.0.history(arn, true, &page) else { return false };
            let id = |event: &serde_json::Value| event["id"].as_u64();
            if let Some(event) = read.items.iter().find(|event| id(event) <= Some(scheduled)) {
                return id(event) == Some(scheduled) && event["type"] == "LambdaFunctionScheduled";
            }
            page.token = read.next;
            if page.token.is_none() {
                return false;
            }
        }
    }
}

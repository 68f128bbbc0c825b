//! The task handlers of a simulation: what they return depends on their parameters alone, so that it is the
//! same with and without faults. Their effects outlive the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::kernel::TaskOrder;
use stepwell_machine::TaskResult;

use crate::load::{Load, Order};

const PREFIX: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

/// The ARN of a function.
pub(crate) fn arn(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// What the functions did to the world: for each effect, how often.
#[derive(Debug, Default)]
pub(crate) struct Effects(BTreeMap<String, usize>);

impl Effects {
    /// Calls the function of a task; nothing if it never returns.
    pub(crate) fn call(&mut self, order: &TaskOrder) -> Option<TaskResult> {
        let parameters = &*order.task.parameters;
        match order.task.resource.strip_prefix(PREFIX) {
            Some("flaky") if number(parameters, "retry") < number(parameters, "failures") => {
                Some(failed("Flaky"))
            }
            Some("frail") if number(parameters, "redrives") == 0 => Some(failed("Frail")),
            Some("add" | "flaky" | "frail") => Some(self.add(parameters)),
            Some("broken") => Some(failed("Broken")),
            Some(_) | None => None,
        }
    }

    fn add(&mut self, parameters: &Value) -> TaskResult {
        let effect = parameters["effect"].as_str().unwrap_or("without a name");
        *self.0.entry(effect.to_owned()).or_default() += 1;
        TaskResult::Succeeded { output: Arc::new(json!(number(parameters, "n") + 1)) }
    }

    /// The effects that are here and not there. Effects of branches that lost a race may be in neither.
    pub(crate) fn missing_in(&self, other: &Self, load: &Load) -> Vec<String> {
        let racing = |effect: &str| {
            let name = effect.split('/').next().unwrap_or_default();
            load.starts.iter().any(|start| start.name == name && start.order == Order::Racing)
        };
        let missing = self.0.keys().filter(|effect| !other.0.contains_key(*effect));
        let missing = missing.filter(|effect| !racing(effect));
        missing.map(|effect| format!("the effect `{effect}` is missing")).collect()
    }
}

fn number(parameters: &Value, name: &str) -> i64 {
    parameters[name].as_i64().unwrap_or_default()
}

fn failed(error: &str) -> TaskResult {
    TaskResult::Failed { error: error.to_owned(), cause: Some("as planned".to_owned()) }
}

//! A Map state that is tested alone: its data flow up to the first iteration, then the mock as what its iterations gave.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_asl::Data;
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::model::{Map, State};

use super::{Test, mocked};
use crate::decide::Decider;
use crate::decision::TaskResult;
use crate::failure::Failure;
use crate::frame::ROOT;
use crate::states::distributed_map;
use crate::states::map::{self, PERCENTAGE_MAX};

/// How many iterations may fail.
struct Tolerated {
    count: Option<u64>,
    percentage: Option<f64>,
}

pub(super) fn work(
    d: &mut Decider<'_>,
    state: &State,
    map: &Map,
    test: &Test,
    mock: &TaskResult,
) -> Result<(), Failure> {
    let raw = d.input(ROOT);
    let opening = d.evaluate(ROOT, |scope| map::open(map, &raw, scope))?;
    let items = test.read_items.as_ref().unwrap_or(&opening.items);
    show_selected(d, map, &opening.input, items)?;
    let tolerated = d.evaluate(ROOT, |scope| tolerated(map, &opening.input, scope))?;
    let result = mocked(mock)?;
    if tolerated.is_exceeded(test.failed_iterations.unwrap_or_default(), items) {
        return Err(threshold_exceeded());
    }
    map::finish(d, state, map, ROOT, result)
}

/// Applies `ItemSelector` to every item, and shows what the iterations would get.
fn show_selected(
    d: &mut Decider<'_>,
    map: &Map,
    input: &Data,
    items: &Value,
) -> Result<(), Failure> {
    let Some(selector) = &map.item_selector else { return Ok(()) };
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut selected = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item = json!({ "Item": { "Index": index, "Value": item } });
        selected.push(d.evaluate_with_map(ROOT, item, |scope| selector.build(input, scope))?);
    }
    let selected = Arc::new(Value::Array(selected));
    d.recordable(ROOT, &selected)?;
    d.evaluate(ROOT, |scope| {
        scope.reached(Stage::AfterItemSelector, &selected);
        Ok(())
    })
}

fn tolerated(map: &Map, input: &Data, scope: &mut Scope<'_>) -> Result<Tolerated, StatesError> {
    let count = distributed_map::tolerated_count(map, input, scope)?;
    let percentage = distributed_map::tolerated_percentage(map, input, scope)?;
    if let Some(count) = count {
        scope.reached(Stage::ToleratedFailureCount, &json!(count));
    }
    if let Some(percentage) = percentage {
        scope.reached(Stage::ToleratedFailurePercentage, &json!(percentage));
    }
    Ok(Tolerated { count, percentage })
}

impl Tolerated {
    /// Whether more iterations failed than may. As recorded, no failure is too many where nothing is said.
    fn is_exceeded(&self, failed: u64, items: &Value) -> bool {
        let total = items.as_array().map_or(0, Vec::len) as f64;
        let exceeds = |percentage| failed as f64 * PERCENTAGE_MAX > percentage * total;
        self.count.is_some_and(|count| failed > count) || self.percentage.is_some_and(exceeds)
    }
}

fn threshold_exceeded() -> Failure {
    Failure::reported(
        Some("States.ExceedToleratedFailureThreshold".to_owned()),
        Some("The specified tolerated failure threshold was exceeded".to_owned()),
    )
}

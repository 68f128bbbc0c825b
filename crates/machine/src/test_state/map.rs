//! A Map state that is tested alone: its data flow up to the first iteration, then the mock as what its iterations gave.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_asl::Data;
use stepwell_asl::dataflow::resolve;
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::model::{Dynamic, Map, State};

use super::{Test, mocked};
use crate::data_flow;
use crate::decide::Decider;
use crate::decision::TaskResult;
use crate::failure::Failure;
use crate::frame::ROOT;
use crate::states::map::{self, PERCENTAGE_MAX};

/// How many iterations may fail.
struct Tolerated {
    count: Option<f64>,
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
    let count = match &map.tolerated_count {
        Some(Dynamic::Literal(count)) => Some(*count as f64),
        Some(Dynamic::Query(query)) => {
            Some(data_flow::number_up_to(query, f64::from(u32::MAX), scope)?)
        }
        Some(Dynamic::Path(path)) => resolve(path, input, scope)?.as_f64(),
        None => None,
    };
    let percentage = match &map.tolerated_percentage {
        Some(Dynamic::Literal(percentage)) => Some(*percentage),
        Some(Dynamic::Query(query)) => Some(data_flow::number_up_to(query, PERCENTAGE_MAX, scope)?),
        Some(Dynamic::Path(path)) => resolve(path, input, scope)?.as_f64(),
        None => None,
    };
    if let Some(count) = count {
        scope.reached(Stage::ToleratedFailureCount, &json!(count as u64));
    }
    if let Some(percentage) = percentage {
        scope.reached(Stage::ToleratedFailurePercentage, &json!(percentage));
    }
    Ok(Tolerated { count, percentage })
}

impl Tolerated {
    /// Whether more iterations failed than may. As recorded, no failure is too many where nothing is said.
    fn is_exceeded(&self, failed: u64, items: &Value) -> bool {
        let failed = failed as f64;
        let total = items.as_array().map_or(0, Vec::len) as f64;
        self.count.is_some_and(|count| failed > count)
            || self
                .percentage
                .is_some_and(|percentage| failed * PERCENTAGE_MAX > percentage * total)
    }
}

fn threshold_exceeded() -> Failure {
    Failure::reported(
        Some("States.ExceedToleratedFailureThreshold".to_owned()),
        Some("The specified tolerated failure threshold was exceeded".to_owned()),
    )
}

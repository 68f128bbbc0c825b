//! The results of a Map run, child by child, and all of them as the output of its Map state.
//!
//! `WriterConfig` says what is kept of a child: all of it (`NONE`), its output (`COMPACT`), or the elements of its output
//! if that is an array (`FLATTEN`). Source: Developer Guide, "ResultWriter".

use std::time::SystemTime;

use serde_json::{Value, json};
use stepwell_machine::TaskResult;
use stepwell_task::ChildResult;

use crate::arn::Arns;
use crate::error::StoreError;
use crate::kernel::WriteOrder;
use crate::limits::{MAP_RUN_OUTPUT_BYTES_MAX, MAP_RUN_RESULTS_READ};
use crate::store::{Archive, ChildData};

/// The results of a Map run without a place to write to, as one array: what to tell the kernel
/// ([`Event::ResultsWritten`](crate::kernel::Event::ResultsWritten)).
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn collect(
    archive: &Archive,
    arns: &Arns,
    order: &WriteOrder,
) -> Result<TaskResult, StoreError> {
    let form = order.writer.as_ref().map_or(&Value::Null, |writer| &writer.config);
    let (mut all, mut bytes, mut from) = (Vec::new(), 0, Some(0));
    while let Some(index) = from {
        let page = archive.child_data(order.map_run, index, MAP_RUN_RESULTS_READ)?;
        for child in &page {
            bytes += child.output.as_ref().map_or(0, String::len);
            if bytes > MAP_RUN_OUTPUT_BYTES_MAX {
                return Ok(too_large());
            }
            add(&mut all, &of_child(arns, child), form);
        }
        from = next_index(&page);
    }
    Ok(TaskResult::Succeeded { output: Value::Array(all).into() })
}

/// The index of the first child behind a page; nothing behind the last page.
pub(crate) fn next_index(page: &[ChildData]) -> Option<u64> {
    page.last().and_then(|last| last.row.child.as_ref()).map(|child| child.index + 1)
}

fn too_large() -> TaskResult {
    TaskResult::Failed {
        error: "States.DataLimitExceeded".to_owned(),
        cause: Some(format!(
            "The results of the Map run are larger than {MAP_RUN_OUTPUT_BYTES_MAX} bytes; use a ResultWriter with a Resource."
        )),
    }
}

/// What became of a child, as the port has it.
pub(crate) fn of_child(arns: &Arns, child: &ChildData) -> ChildResult {
    let row = &child.row;
    let label = row.child.as_ref().map_or("", |child| child.label.as_str());
    let machine = format!("{}/{label}", row.state_machine);
    let time = |at: jiff::Timestamp| SystemTime::from(at);
    ChildResult {
        execution_arn: arns.execution(&machine, &row.name),
        state_machine_arn: arns.state_machine(&machine),
        name: row.name.clone(),
        status: row.status.as_str(),
        input: child.input.clone(),
        output: child.output.clone(),
        error: child.error.clone(),
        cause: child.cause.clone(),
        started_at: time(row.started_at),
        stopped_at: time(row.stopped_at.unwrap_or(row.started_at)),
        redrives: row.redrives,
    }
}

/// Adds a child to the output of a Map state without a place to write to; an unsuccessful one has none.
fn add(all: &mut Vec<Value>, child: &ChildResult, form: &Value) {
    let Some(output) = &child.output else { return };
    let output = serde_json::from_str(output).unwrap_or(Value::Null);
    match (form["Transformation"].as_str(), output) {
        (Some("FLATTEN"), Value::Array(items)) => all.extend(items),
        (Some("NONE"), output) => all.push(described(child, &output)),
        (_, output) => all.push(output),
    }
}

fn described(child: &ChildResult, output: &Value) -> Value {
    let date = |at: SystemTime| {
        let at = jiff::Timestamp::try_from(at).unwrap_or_default();
        format!("{at:.3}")
    };
    json!({
        "ExecutionArn": child.execution_arn,
        "Input": child.input,
        "InputDetails": { "Included": true },
        "Name": child.name,
        "Output": output.to_string(),
        "OutputDetails": { "Included": true },
        "StartDate": date(child.started_at),
        "StateMachineArn": child.state_machine_arn,
        "Status": child.status,
        "StopDate": date(child.stopped_at),
    })
}

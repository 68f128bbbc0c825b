//! What `stepwell run NAME --plan` shows.

use std::io::IsTerminal;

use comfy_table::Table;
use serde::Deserialize;
use serde_json::Value;

use super::super::Global;
use super::tell_data;
use crate::failure::Outcome;
use crate::output;
use crate::view::Execution;

/// One thing that would be done.
///
/// ```json
/// {"action":"modify","subject":"Sales orders","detail":"the summary differs"}
/// ```
#[derive(Debug, Deserialize)]
struct Line {
    action: String,
    subject: String,
    #[serde(default)]
    detail: String,
}

/// Prints a table where a person reads; else the data, and the table beside it.
pub(in super::super) fn tell(ended: &Execution, global: &Global) -> Outcome {
    let lines = lines(ended.output.as_ref());
    if global.json || !std::io::stdout().is_terminal() {
        if !global.json {
            output::note(table(&lines));
        }
        return tell_data(ended, global);
    }
    if lines.is_empty() {
        return Ok(output::line("nothing to do: both sides agree")?);
    }
    Ok(output::line(table(&lines))?)
}

/// Whether there is anything to do.
pub(in super::super) fn is_empty(ended: &Execution) -> bool {
    lines(ended.output.as_ref()).is_empty()
}

/// The plan inside the output; what is no line of a plan is passed over, and still in the data.
fn lines(output: Option<&Value>) -> Vec<Line> {
    let plan = output.and_then(|output| output["plan"].as_array());
    let line = |line: &Value| Line::deserialize(line).ok();
    plan.into_iter().flatten().filter_map(line).collect()
}

fn table(lines: &[Line]) -> Table {
    let row = |line: &Line| [line.action.clone(), line.subject.clone(), line.detail.clone()];
    output::table(["ACTION", "SUBJECT", "DETAIL"], lines.iter().map(row))
}

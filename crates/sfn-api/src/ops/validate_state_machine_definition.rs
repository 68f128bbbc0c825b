//! `ValidateStateMachineDefinition`. Source: API reference, "ValidateStateMachineDefinition".

use serde::{Deserialize, Serialize};
use stepwell_asl::diagnostic::Code;
use stepwell_asl::{Diagnostic, Severity, WorkflowType};
use stepwell_engine::Handle;

use crate::constraints::{Constraints, DEFINITION, of_aws};
use crate::error::{ApiError, words};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    definition: Option<String>,
    r#type: Option<String>,
    severity: Option<String>,
    max_results: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    result: &'static str,
    diagnostics: Vec<Finding>,
    truncated: bool,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Self {
        Self {
            severity: match found.severity {
                Severity::Error => "ERROR",
                Severity::Warning => "WARNING",
            },
            code: found.code.aws(),
            message: message(found),
            location: found.location.clone(),
        }
    }
}

/// AWS repeats the place in the message about a text that is not JSON.
fn message(found: &Diagnostic) -> String {
    match (found.code, &found.location) {
        (Code::InvalidJson, Some(place)) => format!("{}\n at {place}", found.message),
        _ => words(found),
    }
}

/// `maxResults` at most, and when the caller names none.
const FINDINGS_MAX: i64 = 100;

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let definition =
        constraints.required("definition", request.definition, of_aws(engine, DEFINITION));
    constraints.one_of("type", request.r#type.as_deref(), &["STANDARD", "EXPRESS"]);
    constraints.one_of("severity", request.severity.as_deref(), &["ERROR", "WARNING"]);
    constraints.range("maxResults", request.max_results, 0..=FINDINGS_MAX);
    constraints.check()?;
    let workflow = match request.r#type.as_deref() {
        Some("EXPRESS") => WorkflowType::Express,
        _ => WorkflowType::Standard,
    };
    let mut diagnostics = engine.validate(&definition, workflow);
    let is_refused = diagnostics.iter().any(|found| found.severity == Severity::Error);
    if request.severity.as_deref() != Some("WARNING") {
        diagnostics.retain(|found| found.severity == Severity::Error);
    }
    let limit = request.max_results.filter(|limit| *limit > 0).unwrap_or(FINDINGS_MAX) as usize;
    Ok(Response {
        result: if is_refused { "FAIL" } else { "OK" },
        truncated: diagnostics.len() > limit,
        diagnostics: diagnostics.iter().take(limit).map(Finding::from).collect(),
    })
}

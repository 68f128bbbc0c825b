//! Which resources of Task states have somebody to do their work: the built-in functions, behind
//! `arn:aws:states:::lambda:invoke` and behind their own ARNs, and Step Functions itself.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stepwell_asl::model::{Resource, StateKind, Task, Written};
use stepwell_asl::{Severity, StateMachine};
use stepwell_pipeline::Pipeline;
use stepwell_pipeline::invoke;
use stepwell_pipeline::progress::{Progress, Silent, Update};
use stepwell_sfn_api::Integration;
use stepwell_task::{
    MapData, Pattern, TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported,
};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::meters::Meters;
use crate::report::Finding;

/// The optimised integration of AWS Lambda.
const INVOKE: &str = "arn:aws:states:::lambda:invoke";

/// Finds built-in functions.
pub(crate) struct Functions {
    invoke: Arc<Metered>,
    direct: Arc<Direct>,
    step_functions: Arc<Integration>,
    map_data: Option<Arc<dyn MapData>>,
}

impl Functions {
    /// The functions of these pipelines, which tell their progress to `progress` and are counted by `meters`.
    pub(crate) fn new<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        progress: Arc<dyn Progress>,
        meters: Arc<Meters>,
    ) -> Self {
        let told = Arc::new(Told { progress, meters: Arc::clone(&meters) });
        let functions = invoke::Functions::new(pipelines, told);
        let invoke = Arc::new(Metered { functions, meters });
        let direct = Arc::new(Direct(Arc::clone(&invoke)));
        Self { direct, invoke, step_functions: Integration::new(), map_data: None }
    }

    /// What calls Step Functions; it wants to know the engine.
    pub(crate) fn step_functions(&self) -> Arc<Integration> {
        Arc::clone(&self.step_functions)
    }

    /// With these buckets for Map runs.
    pub(crate) fn with_map_data(self, map_data: Arc<dyn MapData>) -> Self {
        Self { map_data: Some(map_data), ..self }
    }

    /// No functions at all: for asking what is supported.
    pub(crate) fn none() -> Self {
        Self::new([], Arc::new(Silent), Arc::default())
    }
}

impl TaskRouter for Functions {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        let invokes = [Pattern::RequestResponse, Pattern::WaitForTaskToken];
        let (plain, pattern) = Pattern::split(resource);
        if plain == INVOKE && invokes.contains(&pattern) {
            return Ok(Arc::clone(&self.invoke) as _);
        }
        if let Some(found) = self.step_functions.route(resource) {
            return found;
        }
        if resource.starts_with("arn:aws:lambda:") {
            return Ok(Arc::clone(&self.direct) as _);
        }
        Err(Unsupported { resource: resource.to_owned(), reason: reason(resource) })
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        self.map_data.clone()
    }
}

/// Everything that is wrong with a definition, in the order of its text: the text itself, and what nothing here
/// does the work of.
pub(crate) fn findings(definition: &str) -> Vec<Finding> {
    let (machine, diagnostics) = stepwell_asl::parse(definition);
    let mut findings: Vec<_> = diagnostics.iter().map(Finding::from).collect();
    findings.extend(machine.iter().flat_map(unsupported));
    findings.sort_by_key(|finding| finding.span.as_ref().map(|span| span.start));
    findings
}

/// The tasks of a machine whose resource nothing here serves.
fn unsupported(machine: &StateMachine) -> Vec<Finding> {
    let functions = Functions::none();
    let tasks = machine.states().filter_map(|state| match &state.kind {
        // Activities are the engine's own.
        StateKind::Task(task) if !matches!(task.resource, Resource::Activity(_)) => Some(task),
        _ => None,
    });
    let refused = |task: &Task| {
        let error = functions.route(task.resource.arn()).err()?;
        let Written { pointer, span } = &task.resource_at;
        Some(Finding {
            severity: Severity::Error,
            code: None,
            message: format!("the resource `{}` is not supported", error.resource),
            span: Some(span.start..span.end),
            place: Some(pointer.clone()),
            help: Some(error.reason),
        })
    };
    tasks.filter_map(refused).collect()
}

fn reason(resource: &str) -> String {
    let supported = format!(
        "supported are `{INVOKE}`, `arn:aws:states:::states:startExecution`, \
         `arn:aws:states:::aws-sdk:sfn:*`, and the ARN of a Lambda function or an activity"
    );
    match resource.strip_prefix("arn:aws:states:::") {
        Some(action) => format!("the integration `{action}` is not there yet; {supported}"),
        None => supported,
    }
}

/// What functions tell: progress to whoever shows it, ages of iterators to the meters.
struct Told {
    progress: Arc<dyn Progress>,
    meters: Arc<Meters>,
}

impl Progress for Told {
    fn update(&self, update: Update) {
        self.progress.update(update);
    }

    fn iterator_age(&self, stream: &str, age: Duration) {
        self.meters.received(stream, age);
    }
}

/// The functions with their invocations counted.
struct Metered {
    functions: invoke::Functions,
    meters: Arc<Meters>,
}

#[async_trait]
impl TaskHandler for Metered {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let function = self.functions.named(&request.parameters);
        let started = Instant::now();
        let outcome = self.functions.handle(request, stop.clone()).await;
        // What ends because it is told to is no error of the function.
        let has_failed = matches!(outcome, TaskOutcome::Failed(_)) && !stop.is_cancelled();
        if let Some(function) = function {
            self.meters.invoked(function, started.elapsed(), has_failed);
        }
        outcome
    }
}

/// The ARN of a function as the resource: the whole input is the payload, the payload the whole result.
struct Direct(Arc<Metered>);

#[async_trait]
impl TaskHandler for Direct {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let parameters =
            json!({ "FunctionName": *request.resource, "Payload": *request.parameters });
        let request = TaskRequest { parameters: Arc::new(parameters), ..request };
        match self.0.handle(request, stop).await {
            TaskOutcome::Succeeded(result) => {
                TaskOutcome::Succeeded(Arc::new(result["Payload"].clone()))
            }
            failed @ TaskOutcome::Failed(_) => failed,
        }
    }
}

/// Takes every task and does none: for an engine that runs only to record a decision. The tasks stay open and
/// are dispatched again by the next engine.
pub(crate) struct Idle;

impl TaskRouter for Idle {
    fn route(&self, _resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl TaskHandler for Idle {
    async fn handle(&self, _request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        std::future::pending().await
    }
}

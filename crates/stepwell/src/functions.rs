//! Which resources of Task states have somebody to do their work: the built-in functions and those that run as
//! processes, behind `arn:aws:states:::lambda:invoke` and behind their own ARNs, and Step Functions itself.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_asl::model::{Resource, StateKind, Task, Written};
use stepwell_asl::{Severity, StateMachine};
use stepwell_integrations::installation::EMBEDDED;
use stepwell_integrations::logs::{self, ServiceLogs};
use stepwell_integrations::task::{self, Integrations};
use stepwell_pipeline::Pipeline;
use stepwell_pipeline::invoke;
use stepwell_pipeline::progress::{Progress, Silent, Update};
use stepwell_runner::{Runner, Target};
use stepwell_sfn_api::Integration;
use stepwell_task::{
    ExecutionLogs, ItemSource, Items, MapData, Pattern, ResultDestination, Results, TaskFailure,
    TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported,
};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::meters::Meters;
use crate::report::Finding;

/// The optimised integration of AWS Lambda.
const INVOKE: &str = "arn:aws:states:::lambda:invoke";

/// The functions that run as processes: there once the store is open and nobody else is at work on the project.
pub(crate) type Processes = Arc<OnceLock<Runner>>;

/// Finds functions.
pub(crate) struct Functions {
    metered: Arc<Metered>,
    nested: Arc<Integration>,
    services: Option<Integrations>,
    map_data: Option<Arc<dyn MapData>>,
}

impl Functions {
    /// The functions of these pipelines, which tell their progress to `progress` and are counted by `meters`.
    pub(crate) fn new<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        progress: Arc<dyn Progress>,
        meters: Arc<Meters>,
        processes: Processes,
    ) -> Self {
        let told = Arc::new(Told { progress, meters: Arc::clone(&meters) });
        let functions = invoke::Functions::new(pipelines, told);
        let metered = Arc::new(Metered { functions, processes, meters });
        Self { metered, nested: Integration::new(), services: None, map_data: None }
    }

    /// What calls Step Functions; it wants to know the engine.
    pub(crate) fn step_functions(&self) -> Arc<Integration> {
        Arc::clone(&self.nested)
    }

    /// With these buckets for Map runs.
    pub(crate) fn with_map_data(self, map_data: Arc<dyn MapData>) -> Self {
        Self { map_data: Some(map_data), ..self }
    }

    /// With these services behind resources.
    pub(crate) fn with_services(self, services: Integrations) -> Self {
        Self { services: Some(services), ..self }
    }

    /// No functions at all: for asking what is supported.
    pub(crate) fn none() -> Self {
        Self::new([], Arc::new(Silent), Arc::default(), Arc::default())
    }
}

impl Functions {
    /// What calls a service; without services to call only whether there is such an action.
    fn service(&self, resource: &str) -> Option<Result<Arc<dyn TaskHandler>, Unsupported>> {
        match &self.services {
            Some(services) => services.route(resource),
            None => Some(task::check(resource, EMBEDDED)?.map(|()| Arc::new(Idle) as _)),
        }
    }
}

impl TaskRouter for Functions {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        let invokes = [Pattern::RequestResponse, Pattern::WaitForTaskToken];
        let (plain, pattern) = Pattern::split(resource);
        let is_invoke = plain == INVOKE && invokes.contains(&pattern);
        if is_invoke || resource.starts_with("arn:aws:lambda:") {
            return Ok(Arc::clone(&self.metered) as _);
        }
        if let Some(found) = self.nested.route(resource).or_else(|| self.service(resource)) {
            return found;
        }
        Err(Unsupported { resource: resource.to_owned(), reason: reason(resource) })
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        self.map_data.clone()
    }

    fn execution_logs(&self) -> Option<Arc<dyn ExecutionLogs>> {
        let mut services = self.services.iter().flat_map(|it| it.services.iter());
        let logs = services.find(|it| it.facts().name == logs::FACTS.name)?;
        Some(Arc::new(ServiceLogs { logs: Arc::clone(logs) }))
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
    let services: Vec<_> = EMBEDDED.iter().map(|facts| facts.name).collect();
    let supported = format!(
        "supported are `{INVOKE}`, `arn:aws:states:::states:startExecution`, \
         `arn:aws:states:::aws-sdk:sfn:*`, actions of {}, and the ARN of a Lambda function or an activity",
        services.join(", ")
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

/// All functions with their invocations counted.
struct Metered {
    functions: invoke::Functions,
    processes: Processes,
    meters: Arc<Meters>,
}

impl Metered {
    /// Calls a built-in function, or else one that runs as a process.
    async fn call(
        &self,
        is_built_in: bool,
        request: TaskRequest,
        stop: CancellationToken,
    ) -> TaskOutcome {
        match self.processes.get() {
            Some(runner) if !is_built_in => {
                stepwell_runner::Functions::new(runner.clone()).handle(request, stop).await
            }
            _ if is_invoke(&request) => self.functions.handle(request, stop).await,
            _ => direct(&self.functions, request, stop).await,
        }
    }

    /// The function that runs as a process, if that is meant and there is one.
    fn process(&self, asked: &Value) -> Option<String> {
        let name = Target::parse(asked["FunctionName"].as_str()?).ok()?.name;
        self.processes.get().is_some_and(|runner| runner.has(&name)).then_some(name)
    }
}

/// Whether the function is named by the parameters, and not by the resource.
fn is_invoke(request: &TaskRequest) -> bool {
    Pattern::split(&request.resource).0 == INVOKE
}

/// The parameters that name the function.
fn asked(request: &TaskRequest) -> Value {
    if is_invoke(request) {
        return json!({ "FunctionName": request.parameters["FunctionName"] });
    }
    json!({ "FunctionName": *request.resource })
}

#[async_trait]
impl TaskHandler for Metered {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let asked = asked(&request);
        let built_in = self.functions.named(&asked);
        let function = built_in.map(str::to_owned).or_else(|| self.process(&asked));
        let started = Instant::now();
        let outcome = self.call(built_in.is_some(), request, stop.clone()).await;
        // What ends because it is told to is no error of the function.
        let has_failed = matches!(outcome, TaskOutcome::Failed(_)) && !stop.is_cancelled();
        if let Some(function) = function {
            self.meters.invoked(&function, started.elapsed(), has_failed);
        }
        outcome
    }
}

/// The ARN of a function as the resource: the whole input is the payload, the payload the whole result.
async fn direct(
    functions: &invoke::Functions,
    request: TaskRequest,
    stop: CancellationToken,
) -> TaskOutcome {
    let parameters = json!({ "FunctionName": *request.resource, "Payload": *request.parameters });
    let request = TaskRequest { parameters: Arc::new(parameters), ..request };
    match functions.handle(request, stop).await {
        TaskOutcome::Succeeded(result) => {
            TaskOutcome::Succeeded(Arc::new(result["Payload"].clone()))
        }
        failed @ TaskOutcome::Failed(_) => failed,
    }
}

/// Takes every task and does none: for an engine that runs only to record a decision. The tasks stay open and
/// are dispatched again by the next engine.
pub(crate) struct Idle;

impl TaskRouter for Idle {
    fn route(&self, _resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        Ok(Arc::new(Self))
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        Some(Arc::new(Self))
    }
}

#[async_trait]
impl MapData for Idle {
    async fn read(&self, _source: ItemSource) -> Result<Items, TaskFailure> {
        std::future::pending().await
    }

    async fn write(
        &self,
        _destination: ResultDestination,
        _results: Results,
    ) -> Result<Value, TaskFailure> {
        std::future::pending().await
    }
}

#[async_trait]
impl TaskHandler for Idle {
    async fn handle(&self, _request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        std::future::pending().await
    }
}

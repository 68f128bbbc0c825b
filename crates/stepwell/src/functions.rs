//! Which resources of Task states have somebody to do their work: the built-in functions and those that run as
//! processes, behind `arn:aws:states:::lambda:invoke` and behind their own ARNs, and Step Functions itself.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_asl::WorkflowType;
use stepwell_integrations::aws::catalogue;
use stepwell_integrations::logs::{self, ServiceLogs};
use stepwell_integrations::task::Integrations;
use stepwell_pipeline::Pipeline;
use stepwell_pipeline::invoke;
use stepwell_pipeline::progress::{Progress, Update};
use stepwell_runner::{Runner, Target};
use stepwell_sfn_api::Integration;
use stepwell_task::invoke::{INVOKE, INVOKE_PARAMETERS};
use stepwell_task::{
    ExecutionLogs, ItemSource, Items, MapData, Members, Misfit, Pattern, ResultDestination,
    Results, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported,
};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::meters::Meters;
use crate::report::Finding;
use crate::unsupported;

const START_EXECUTION: &str = "arn:aws:states:::states:startExecution";
const SDK_OF_STEP_FUNCTIONS: &str = "arn:aws:states:::aws-sdk:sfn:";

/// The functions that run as processes: there once the store is open and nobody else is at work on the project.
pub(crate) type Processes = Arc<OnceLock<Runner>>;

/// Finds functions.
pub(crate) struct Functions {
    metered: Arc<Metered>,
    nested: Arc<Integration>,
    services: Integrations,
    map_data: Arc<dyn MapData>,
}

/// What a project has beside its functions.
pub(crate) struct World {
    /// What is behind the resources of services.
    pub(crate) services: Integrations,
    /// The buckets of Map runs.
    pub(crate) map_data: Arc<dyn MapData>,
    /// The functions at AWS, if those are meant: all but the built-in ones.
    pub(crate) lambda: Option<Arc<dyn TaskHandler>>,
}

impl Functions {
    /// The functions of these pipelines, which tell their progress to `progress` and are counted by `meters`.
    pub(crate) fn new<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        progress: Arc<dyn Progress>,
        meters: Arc<Meters>,
        processes: Processes,
        world: World,
    ) -> Self {
        let World { services, map_data, lambda } = world;
        let told = Arc::new(Told { progress, meters: Arc::clone(&meters) });
        let functions = invoke::Functions::new(pipelines, told);
        let metered = Arc::new(Metered { functions, processes, lambda, meters });
        Self { metered, nested: Integration::new(), services, map_data }
    }

    /// What calls Step Functions; it wants to know the engine.
    pub(crate) fn step_functions(&self) -> Arc<Integration> {
        Arc::clone(&self.nested)
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
        let service = || self.services.route(resource);
        if let Some(found) = self.nested.route(resource).or_else(service) {
            return found;
        }
        Err(Unsupported { resource: resource.to_owned(), reason: unsupported::reason(resource) })
    }

    fn misfits(&self, resource: &str, given: &[&str]) -> Vec<Misfit> {
        let (plain, _) = Pattern::split(resource);
        if let Some(action) = plain.strip_prefix(SDK_OF_STEP_FUNCTIONS) {
            return of_action("sfn", action, None, &[], given);
        }
        match plain {
            INVOKE => {
                let served = Some(INVOKE_PARAMETERS);
                of_action("lambda", "invoke", served, &["FunctionName"], given)
            }
            START_EXECUTION => {
                of_action("sfn", "startExecution", None, &["StateMachineArn"], given)
            }
            _ => self.services.misfits(resource, given).unwrap_or_default(),
        }
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        Some(Arc::clone(&self.map_data))
    }

    fn execution_logs(&self) -> Option<Arc<dyn ExecutionLogs>> {
        let mut services = self.services.services.iter();
        let logs = services.find(|it| it.facts().name == logs::FACTS.name)?;
        Some(Arc::new(ServiceLogs { logs: Arc::clone(logs) }))
    }
}

/// What does not fit an action of a service that is not among the others.
fn of_action(
    service: &str,
    action: &str,
    served: Option<&[&str]>,
    required: &[&str],
    given: &[&str],
) -> Vec<Misfit> {
    let of_aws = catalogue::find(service).and_then(|model| model.members(action));
    let of = format!("{service}:{action}");
    Members { of: &of, of_aws, served, required }.misfits(given)
}

/// Everything that is wrong with a definition, in the order of its text: the text itself, and what nothing here
/// does the work of.
pub(crate) fn findings(definition: &str, router: &dyn TaskRouter) -> Vec<Finding> {
    let (machine, mut diagnostics) = stepwell_asl::parse_as(definition, WorkflowType::Standard);
    diagnostics.extend(machine.iter().flat_map(|it| stepwell_engine::unserved(router, it)));
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    diagnostics.iter().map(Finding::from).collect()
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
    /// In the place of processes.
    lambda: Option<Arc<dyn TaskHandler>>,
    meters: Arc<Meters>,
}

impl Metered {
    /// Calls a built-in function, or else one at AWS, or one that runs as a process.
    async fn call(
        &self,
        is_built_in: bool,
        request: TaskRequest,
        stop: CancellationToken,
    ) -> TaskOutcome {
        match (&self.lambda, self.processes.get()) {
            (Some(lambda), _) if !is_built_in => lambda.handle(request, stop).await,
            (None, Some(runner)) if !is_built_in => {
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

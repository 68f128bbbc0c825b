//! The door to a running engine.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::{Diagnostic, WorkflowType};
use stepwell_machine::limits::PAYLOAD_BYTES_MAX;
use stepwell_machine::test_state::{Report, Test};
use stepwell_machine::{Limits, Payload, TaskResult};
use stepwell_task::TaskRouter;
use tokio::sync::{Notify, Semaphore, broadcast, oneshot};

use crate::arn::{Arns, Qualified, check_name};
use crate::clock::Clock;
use crate::configuration::{Configuration, LogLevel, Logging, Publish, SettingsChange};
use crate::error::{Error, Halted, StoreError};
use crate::kernel::registry::parse;
use crate::kernel::{Definition, Event, MapRunChange, Reply, StartRequest};
use crate::limits::{DEFINITION_BYTES_MAX, READERS_IDLE_MAX, REQUESTS_MAX, TEST_STATES_MAX};
use crate::meters::Meters;
use crate::reader::Reader;
use crate::record::{
    ExecutionRecord, ExecutionSummary, MapRunRecord, MapRunSummary, Page, Paged, Started,
    StateMachineRecord, StateMachineSummary, Stats, Status, StatusChange, SyncExecution,
};
use crate::served::unserved;
use crate::test_state;

/// What `CreateStateMachine` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateStateMachine {
    /// Its name.
    pub name: String,
    /// Its type, for ever.
    pub workflow: WorkflowType,
    /// The definition.
    pub definition: String,
    /// The role that `$$.Execution.RoleArn` shows; a default if there is none.
    pub role_arn: Option<String>,
    /// Logging, tracing, tags, and whether to publish a version.
    pub configuration: Configuration,
}

/// What `UpdateStateMachine` takes; what is missing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateStateMachine {
    /// The new definition.
    pub definition: Option<String>,
    /// The new role.
    pub role_arn: Option<String>,
    /// What is logged and traced from now on.
    pub settings: SettingsChange,
    /// Whether to publish a version of what comes out.
    pub publish: Option<Publish>,
}

/// What `StartExecution` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartExecution {
    /// The state machine, or a version or alias of it.
    pub state_machine_arn: String,
    /// A name, unique among the executions of the state machine; a UUID if there is none.
    pub name: Option<String>,
    /// The input: JSON.
    pub input: String,
}

/// Which executions `ListExecutions` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Those of this state machine only, or of those the ones that a version or alias started.
    pub state_machine_arn: Option<String>,
    /// The children of this Map run, and nothing else.
    pub map_run_arn: Option<String>,
    /// Those with this status only.
    pub status: Option<Status>,
    /// Those that were redriven only, or those that were not.
    pub redriven: Option<bool>,
    /// Children that the redrive of their Map run has yet to come to, and nothing else.
    pub pending_redrive: bool,
}

/// The door to a running engine. Cheap to clone.
///
/// Every method may be cancelled at any `.await`: a request that was sent takes its effect regardless.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

/// What the engine was built with.
pub(crate) struct World {
    pub(crate) router: Arc<dyn TaskRouter>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when a clock was moved by hand.
    pub(crate) nudged: Arc<Notify>,
}

struct Inner {
    events: Sender<Event>,
    router: Arc<dyn TaskRouter>,
    clock: Arc<dyn Clock>,
    nudged: Arc<Notify>,
    arns: Arns,
    store: PathBuf,
    /// Connections that nobody reads with at the moment.
    readers: Mutex<Vec<Reader>>,
    changes: broadcast::Sender<StatusChange>,
    requests: Semaphore,
    /// Places for tasks of states that are tested alone.
    tests: Semaphore,
    meters: Arc<Meters>,
    halted: Arc<OnceLock<Halted>>,
    limits: Limits,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    pub(crate) fn new(
        events: Sender<Event>,
        world: World,
        reader: Reader,
        changes: broadcast::Sender<StatusChange>,
        meters: Arc<Meters>,
        halted: Arc<OnceLock<Halted>>,
        limits: Limits,
    ) -> Self {
        Self(Arc::new(Inner {
            events,
            router: world.router,
            clock: world.clock,
            nudged: world.nudged,
            arns: reader.arns().clone(),
            store: reader.path().to_owned(),
            readers: Mutex::new(vec![reader]),
            changes,
            requests: Semaphore::new(REQUESTS_MAX),
            tests: Semaphore::new(TEST_STATES_MAX),
            meters,
            halted,
            limits,
        }))
    }

    /// Creates a state machine. Idempotent: the same name with the same definition and settings again gives what
    /// exists, with the role and the tags that it has.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::TooLong`], [`Error::InvalidDefinition`] with all findings, those about what is not served
    /// here included, [`Error::InvalidLoggingConfiguration`], [`Error::StateMachineAlreadyExists`].
    pub async fn create_state_machine(
        &self,
        request: CreateStateMachine,
    ) -> Result<StateMachineRecord, Error> {
        let CreateStateMachine { name, workflow, definition, role_arn, configuration } = request;
        check_name(&name)?;
        let definition = self.check_definition(definition, workflow)?;
        self.check_logging(&configuration.settings.logging).await?;
        let event =
            |reply| Event::CreateStateMachine { name, definition, role_arn, configuration, reply };
        self.ask(event).await
    }

    /// Changes the definition or role. Running executions keep what they started with.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`] and those of [`create_state_machine`](Self::create_state_machine).
    pub async fn update_state_machine(
        &self,
        arn: &str,
        change: UpdateStateMachine,
    ) -> Result<StateMachineRecord, Error> {
        let name = self.0.arns.parse_state_machine(arn)?.to_owned();
        let UpdateStateMachine { definition, role_arn, settings, publish } = change;
        let definition = match definition {
            Some(text) => {
                let workflow = self.describe_state_machine(arn).await?.workflow;
                Some(self.check_definition(text, workflow)?)
            }
            None => None,
        };
        if let Some(logging) = &settings.logging {
            self.check_logging(logging).await?;
        }
        self.ask(|reply| Event::UpdateStateMachine {
            name,
            definition,
            role_arn,
            settings,
            publish,
            reply,
        })
        .await
    }

    /// Shows a state machine, or one of its versions. An alias shows the first version that it routes to.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`].
    pub async fn describe_state_machine(&self, arn: &str) -> Result<StateMachineRecord, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.describe_state_machine(&arn)).await
    }

    /// Shows the state machine as an execution runs it: with the definition and role of its revision.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn describe_state_machine_for_execution(
        &self,
        execution_arn: &str,
    ) -> Result<StateMachineRecord, Error> {
        let arn = execution_arn.to_owned();
        self.read(move |reader| reader.describe_state_machine_for_execution(&arn)).await
    }

    /// Lists the state machines, by name.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn list_state_machines(
        &self,
        page: Page,
    ) -> Result<Paged<StateMachineSummary>, Error> {
        self.read(move |reader| reader.list_state_machines(&page)).await
    }

    /// Deletes a state machine: it takes no new executions; those that run go on to their end, and its
    /// history stays until its retention is over. One that does not exist is no error, as in AWS.
    ///
    /// # Errors
    /// [`Error::InvalidArn`].
    pub async fn delete_state_machine(&self, arn: &str) -> Result<(), Error> {
        let name = self.0.arns.parse_state_machine(arn)?.to_owned();
        self.ask(|reply| Event::DeleteStateMachine { name, reply }).await
    }

    /// Starts an execution; answers once `ExecutionStarted` is on disk. The same name and input again while
    /// it runs gives the same answer. An Express execution runs in memory, and any number may have the same name.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`], [`Error::InvalidName`], [`Error::TooLong`],
    /// [`Error::InvalidExecutionInput`],
    /// [`Error::TooManyExecutions`] if so many Express executions run already,
    /// [`Error::ExecutionAlreadyExists`] if the name is taken by an execution with another input or one that
    /// ended.
    pub async fn start_execution(&self, request: StartExecution) -> Result<Started, Error> {
        let request = self.check_start(request)?;
        self.ask(|reply| Event::Start { request, reply }).await
    }

    /// Starts an Express execution and waits for its end. It goes on if the caller stops waiting.
    ///
    /// # Errors
    /// [`Error::StateMachineTypeNotSupported`] if the state machine is a Standard one, [`Error::TooManyExecutions`],
    /// [`Error::ShuttingDown`] if a shutdown cuts it off, and those of [`start_execution`](Self::start_execution).
    pub async fn start_sync_execution(
        &self,
        request: StartExecution,
    ) -> Result<SyncExecution, Error> {
        let request = self.check_start(request)?;
        // Not through `ask`: who waits for minutes must not hold a place that others need.
        self.send(|reply| Event::StartSync { request, reply }).await
    }

    fn check_start(&self, request: StartExecution) -> Result<StartRequest, Error> {
        let Qualified { state_machine, qualifier } =
            self.0.arns.parse_qualified(&request.state_machine_arn)?;
        request.name.as_deref().map(check_name).transpose()?;
        self.check_length("input", &request.input, PAYLOAD_BYTES_MAX)?;
        let data = Payload::parse(&request.input)
            .map_err(|error| Error::InvalidExecutionInput { reason: error.to_string() })?;
        let StartExecution { name, input, .. } = request;
        let limits = self.0.limits;
        Ok(StartRequest { state_machine, qualifier, name, input, data, limits })
    }

    /// Stops an execution and gives the time of its end; one that ended already keeps its end.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn stop_execution(
        &self,
        arn: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<Timestamp, Error> {
        let (state_machine, name) = self.names(arn)?;
        self.ask(|reply| Event::Stop { state_machine, name, error, cause, reply }).await
    }

    /// Shows an execution.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn describe_execution(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.describe_execution(&arn)).await
    }

    /// Lists executions, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`], [`Error::InvalidToken`].
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        page: Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        self.read(move |reader| reader.list_executions(&filter, &page)).await
    }

    /// Shows a Map run.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ResourceNotFound`].
    pub async fn describe_map_run(&self, arn: &str) -> Result<MapRunRecord, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.describe_map_run(&arn)).await
    }

    /// Lists the Map runs of an execution, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::InvalidToken`].
    pub async fn list_map_runs(
        &self,
        execution_arn: &str,
        page: Page,
    ) -> Result<Paged<MapRunSummary>, Error> {
        let arn = execution_arn.to_owned();
        self.read(move |reader| reader.list_map_runs(&arn, &page)).await
    }

    /// Changes a Map run that runs.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ResourceNotFound`], [`Error::MapRunEnded`].
    pub async fn update_map_run(&self, arn: &str, change: MapRunChange) -> Result<(), Error> {
        let uuid = self.0.arns.parse_map_run(arn)?.to_owned();
        self.ask(|reply| Event::UpdateMapRun { uuid, change, reply }).await
    }

    /// The history events of an execution in the shape of `GetExecutionHistory`, oldest first unless
    /// `reverse`.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::InvalidToken`].
    pub async fn history(
        &self,
        arn: &str,
        reverse: bool,
        page: Page,
    ) -> Result<Paged<Value>, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.history(&arn, reverse, &page)).await
    }

    /// Waits until an execution ended, and shows it.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::ShuttingDown`].
    pub async fn wait(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let (state_machine, name) = self.names(arn)?;
        // Not through `ask`: who waits for hours must not hold a place that others need.
        self.send(|reply| Event::Wait { state_machine, name, reply }).await?;
        self.describe_execution(arn).await
    }

    /// Tests one state alone: nothing of it is recorded, and it belongs to no execution. A task that is not mocked is
    /// done, for five minutes at most.
    ///
    /// # Errors
    /// [`Error::UnsupportedResource`] if there is no mock and nothing here does the task.
    pub async fn test_state(&self, test: Test, mock: Option<TaskResult>) -> Result<Report, Error> {
        let Inner { router, clock, arns, limits, tests, .. } = &*self.0;
        test_state::run(&**router, &**clock, tests, arns, *limits, test, mock).await
    }

    /// Whether requests are held to AWS's limits.
    pub fn has_aws_limits(&self) -> bool {
        self.0.limits == Limits::Aws
    }

    /// Tells of every execution that starts or ends from now on. A subscriber that lags loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<StatusChange> {
        self.0.changes.subscribe()
    }

    /// What the engine is doing.
    pub fn stats(&self) -> Stats {
        self.0.meters.stats()
    }

    /// Copies the store, as it is at this moment, to a new file, while the engine goes on.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is a file; [`StoreError::Sqlite`] if it cannot be written.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.with_reader(move |reader| reader.backup(&to)).await?
    }

    /// Makes the engine look at its clock: for clocks that are moved by hand.
    pub fn nudge(&self) {
        // A kernel that has gone has no clock to look at.
        let _ = self.0.events.send(Event::Nudge);
        self.0.nudged.notify_waiters();
    }

    /// All that is wrong with a definition, in the order of its text, warnings and what is not served here included.
    pub fn validate(&self, definition: &str, workflow: WorkflowType) -> Vec<Diagnostic> {
        let (machine, mut diagnostics) = stepwell_asl::parse_as(definition, workflow);
        diagnostics.extend(machine.iter().flat_map(|machine| unserved(&*self.0.router, machine)));
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        diagnostics
    }

    /// Parses a definition and asks whether everything in it is served here.
    fn check_definition(&self, text: String, workflow: WorkflowType) -> Result<Definition, Error> {
        self.check_length("definition", &text, DEFINITION_BYTES_MAX)?;
        let machine = parse(&text, workflow)?;
        let diagnostics = unserved(&*self.0.router, &machine);
        if !diagnostics.is_empty() {
            return Err(Error::InvalidDefinition { diagnostics });
        }
        Ok(Definition { text: text.into(), machine })
    }

    /// Holds a text of a request to a limit of AWS, if those are wanted.
    fn check_length(
        &self,
        member: &'static str,
        text: &str,
        bytes_max: usize,
    ) -> Result<(), Error> {
        match self.0.limits {
            Limits::Aws if text.len() > bytes_max => Err(Error::TooLong { member, bytes_max }),
            Limits::Aws | Limits::None => Ok(()),
        }
    }

    /// The log group must be there. Where there are none, nothing can be logged.
    async fn check_logging(&self, logging: &Logging) -> Result<(), Error> {
        let invalid = |reason: String| Error::InvalidLoggingConfiguration { reason };
        let Some(logs) = self.0.router.execution_logs() else {
            return match logging.level {
                LogLevel::Off => Ok(()),
                _ => Err(invalid("stepwell keeps no log groups here.".to_owned())),
            };
        };
        for arn in logging.destinations.iter().flatten() {
            let is_there = logs.has_group(arn).await;
            if !is_there.map_err(|error| invalid(error.to_string()))? {
                return Err(invalid("Log Destination not found.".to_owned()));
            }
        }
        Ok(())
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn arns(&self) -> &Arns {
        &self.0.arns
    }

    fn names(&self, arn: &str) -> Result<(String, String), Error> {
        let (state_machine, name) = self.0.arns.parse_execution(arn)?;
        Ok((state_machine.to_owned(), name.to_owned()))
    }

    /// Sends a request when there is a place for it, and gives its answer.
    pub(crate) async fn ask<T>(&self, event: impl FnOnce(Reply<T>) -> Event) -> Result<T, Error> {
        let _place = self.0.requests.acquire().await.expect("the places are never closed");
        self.send(event).await
    }

    async fn send<T>(&self, event: impl FnOnce(Reply<T>) -> Event) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.tell(event(reply))?;
        answer.await.map_err(|_| self.gone())?
    }

    pub(crate) fn tell(&self, event: Event) -> Result<(), Error> {
        self.0.events.send(event).map_err(|_| self.gone())
    }

    /// Why a request was not answered.
    pub(crate) fn gone(&self) -> Error {
        let stopped = |halted: &Halted| Error::Stopped { reason: halted.reason.clone() };
        self.0.halted.get().map_or(Error::ShuttingDown, stopped)
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let answer = self.with_reader(query).await;
        answer.map_err(|error| Error::Store { reason: error.to_string() })?
    }

    /// Runs a query on a thread where it may take its time.
    async fn with_reader<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Reader) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let run = move || {
            let reader = inner.take_reader()?;
            let answer = query(&reader);
            inner.give_back(reader);
            Ok(answer)
        };
        tokio::task::spawn_blocking(run).await.expect("queries do not panic")
    }
}

impl Inner {
    fn take_reader(&self) -> Result<Reader, StoreError> {
        let idle = self.readers.lock().expect("nothing panics while it holds the readers").pop();
        idle.map_or_else(|| Reader::open(&self.store, self.arns.clone()), Ok)
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = self.readers.lock().expect("nothing panics while it holds the readers");
        if idle.len() < READERS_IDLE_MAX {
            idle.push(reader);
        }
    }
}

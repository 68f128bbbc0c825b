//! An engine in a temporary directory, with a manual clock and a handful of task handlers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_engine::{
    CreateStateMachine, Error, ExecutionRecord, Halted, Handle, ManualClock, ManualEntropy,
    Options, Page, StartExecution, Status,
};
use stepwell_task::{
    Pattern, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported,
};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The resource of one of the [`Functions`].
pub(crate) fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

/// The resource of one of the [`Functions`] as a service integration, with the suffix of its pattern.
pub(crate) fn service(name: &str) -> String {
    format!("arn:aws:states:::test:{name}")
}

/// What the functions of a test saw, and what they wait for.
#[derive(Default)]
pub(crate) struct Functions {
    calls: Mutex<Vec<TaskRequest>>,
    called: Notify,
    gate: Notify,
    is_mended: AtomicBool,
}

impl Functions {
    /// The requests so far.
    pub(crate) fn calls(&self) -> Vec<TaskRequest> {
        self.calls.lock().unwrap().clone()
    }

    /// The keys of the requests so far.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.calls().iter().map(|call| call.key.as_str().to_owned()).collect()
    }

    /// Waits until there were `count` requests.
    pub(crate) async fn wait_for_calls(&self, count: usize) {
        until(&self.called, || self.calls().len() >= count).await;
    }

    /// Lets `frail` functions succeed from now on.
    pub(crate) fn mend(&self) {
        self.is_mended.store(true, Ordering::Relaxed);
    }

    /// Lets one `gate` function return.
    pub(crate) fn open_gate(&self) {
        self.gate.notify_one();
    }
}

async fn until(notify: &Notify, condition: impl Fn() -> bool) {
    loop {
        let told = notify.notified();
        if condition() {
            return;
        }
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("it happens");
    }
}

struct Function {
    functions: Arc<Functions>,
    name: String,
}

#[async_trait]
impl TaskHandler for Function {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let (input, pulse) = (Arc::clone(&request.parameters), request.pulse.clone());
        let job = request.job.clone();
        self.functions.calls.lock().unwrap().push(request);
        self.functions.called.notify_waiters();
        match self.name.as_str() {
            "echo" => TaskOutcome::Succeeded(input),
            "frail" if self.functions.is_mended.load(Ordering::Relaxed) => {
                TaskOutcome::Succeeded(input)
            }
            "frail-gate" if self.functions.is_mended.load(Ordering::Relaxed) => {
                self.functions.gate.notified().await;
                TaskOutcome::Succeeded(input)
            }
            "gate" => {
                self.functions.gate.notified().await;
                TaskOutcome::Succeeded(input)
            }
            // A job that ends when the gate opens.
            "job" => {
                if job.submitted().is_none() {
                    job.submit(Arc::new(json!({"JobId": 1})));
                }
                tokio::select! {
                    () = self.functions.gate.notified() => TaskOutcome::Succeeded(input),
                    () = stop.cancelled() => failed("Stopped"),
                }
            }
            // Beats when the gate opens, and shows that by one more call.
            "beats" => loop {
                self.functions.gate.notified().await;
                pulse.beat();
                let mut calls = self.functions.calls.lock().unwrap();
                let last = calls[0].clone();
                calls.push(last);
                self.functions.called.notify_waiters();
            },
            "obedient" => {
                stop.cancelled().await;
                failed("Stopped")
            }
            "saver" => {
                stop.cancelled().await;
                TaskOutcome::Succeeded(Arc::new(json!("saved")))
            }
            "deaf" => std::future::pending().await,
            "panics" => panic!("ouch"),
            _ => failed("Custom"),
        }
    }
}

fn failed(error: &str) -> TaskOutcome {
    TaskOutcome::Failed(TaskFailure { error: error.to_owned(), cause: Some("why".to_owned()) })
}

struct Router(Arc<Functions>);

impl TaskRouter for Router {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        let (plain, _) = Pattern::split(resource);
        let name = plain.strip_prefix(&function("")).or_else(|| plain.strip_prefix(&service("")));
        match name {
            Some(name) => {
                let functions = Arc::clone(&self.0);
                Ok(Arc::new(Function { functions, name: name.to_owned() }))
            }
            None => Err(Unsupported {
                resource: resource.to_owned(),
                reason: "only functions are".to_owned(),
            }),
        }
    }
}

/// A directory with a store, and a clock that outlives engines.
pub(crate) struct Rig {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) functions: Arc<Functions>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(start)),
            functions: Arc::default(),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("stepwell.db")
    }

    pub(crate) fn options(&self) -> Options {
        Options { shutdown_grace_seconds: 5, ..Options::at(self.store()) }
    }

    pub(crate) fn router(&self) -> Arc<dyn TaskRouter> {
        Arc::new(Router(Arc::clone(&self.functions)))
    }

    /// Opens an engine on the store of this rig.
    #[track_caller]
    pub(crate) fn open(&self) -> Engine {
        self.open_with(self.options())
    }

    #[track_caller]
    pub(crate) fn open_with(&self, options: Options) -> Engine {
        let entropy = Box::new(ManualEntropy::new(1));
        let clock = Arc::clone(&self.clock);
        let service = options.build_with(self.router(), clock, entropy).unwrap();
        let (handle, stop) = (service.handle(), CancellationToken::new());
        let running = tokio::spawn(service.run(stop.clone()));
        Engine { handle, stop, running }
    }

    /// What is on disk at this moment, as a SIGKILL would leave it, in a rig of its own.
    pub(crate) fn crashed_copy(&self) -> Self {
        let copy = Self::new();
        for name in ["stepwell.db", "stepwell.db-wal"] {
            let from = self.directory.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.directory.path().join(name)).unwrap();
            }
        }
        copy
    }

    /// Changes the store behind the engine's back.
    pub(crate) fn tamper(&self, sql: &str) {
        tamper(&self.store(), sql);
    }
}

pub(crate) fn tamper(store: &Path, sql: &str) {
    rusqlite::Connection::open(store).unwrap().execute_batch(sql).unwrap();
}

/// A running engine.
pub(crate) struct Engine {
    pub(crate) handle: Handle,
    pub(crate) stop: CancellationToken,
    pub(crate) running: tokio::task::JoinHandle<Result<(), Halted>>,
}

impl Engine {
    /// Shuts it down and gives how it ended.
    pub(crate) async fn close(self) -> Result<(), Halted> {
        self.stop.cancel();
        self.running.await.unwrap()
    }

    pub(crate) async fn create(&self, name: &str, definition: Value) -> String {
        self.try_create(name, definition).await.unwrap()
    }

    pub(crate) async fn try_create(&self, name: &str, definition: Value) -> Result<String, Error> {
        let request = CreateStateMachine {
            name: name.to_owned(),
            definition: definition.to_string(),
            ..Default::default()
        };
        Ok(self.handle.create_state_machine(request).await?.arn)
    }

    pub(crate) async fn start(&self, state_machine: &str, name: &str, input: &str) -> String {
        self.try_start(state_machine, name, input).await.unwrap()
    }

    pub(crate) async fn try_start(
        &self,
        state_machine: &str,
        name: &str,
        input: &str,
    ) -> Result<String, Error> {
        let request = StartExecution {
            state_machine_arn: state_machine.to_owned(),
            name: Some(name.to_owned()),
            input: input.to_owned(),
        };
        Ok(self.handle.start_execution(request).await?.execution_arn)
    }

    /// Creates a state machine of the definition and runs it.
    pub(crate) async fn run(&self, definition: Value, input: &str) -> ExecutionRecord {
        let machine = self.create("machine", definition).await;
        let arn = self.start(&machine, "one", input).await;
        self.wait(&arn).await
    }

    pub(crate) async fn wait(&self, arn: &str) -> ExecutionRecord {
        let ended = self.handle.wait(arn);
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends").unwrap()
    }

    pub(crate) async fn status(&self, arn: &str) -> Status {
        self.handle.describe_execution(arn).await.unwrap().summary.status
    }

    /// The types of the history events.
    pub(crate) async fn history(&self, arn: &str) -> Vec<String> {
        let events = self.handle.history(arn, false, Page::default()).await.unwrap().items;
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until a history event of this type is on disk.
    pub(crate) async fn wait_for_event(&self, arn: &str, event: &str) {
        let appears = async {
            while !self.history(arn).await.iter().any(|found| found == event) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), appears).await.expect("it appears");
    }
}

/// A machine of one state.
pub(crate) fn one(state: Value) -> Value {
    let mut state = state;
    state["End"] = json!(true);
    json!({"StartAt": "One", "States": {"One": state}})
}

/// A machine of one task.
pub(crate) fn task(name: &str) -> Value {
    one(json!({"Type": "Task", "Resource": function(name)}))
}

/// A machine that waits.
pub(crate) fn wait(seconds: u64) -> Value {
    one(json!({"Type": "Wait", "Seconds": seconds}))
}

/// A machine that takes `transitions` Pass states in a loop.
pub(crate) fn count_down() -> Value {
    json!({"StartAt": "Step", "States": {
        "Step": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)"}, "Next": "More"},
        "More": {"Type": "Choice", "Default": "Done", "Choices": [
            {"Variable": "$.n", "NumericGreaterThan": 0, "Next": "Step"}]},
        "Done": {"Type": "Succeed"}}})
}

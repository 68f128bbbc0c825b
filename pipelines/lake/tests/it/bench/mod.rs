//! A project folder with a lake, and a loop in the place of the engine.

mod execution;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime};

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stepwell_integrations::Clock;
use stepwell_lake::published::{self, Table};
use stepwell_lake::service::Service;
use stepwell_lake::{Settings, open};
use stepwell_machine::Phase;
use stepwell_pipeline::surroundings::Services;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{HandlerError, Pipeline, Surroundings};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::block_in_place;

pub(crate) use execution::{Death, Execution};

/// When tests begin.
const NOW: &str = "2026-03-05T12:00:00Z";

/// A project folder with a lake.
pub(crate) struct Bench {
    folder: TempDir,
    settings: String,
    services: Services,
    now: Arc<Mutex<Timestamp>>,
    /// The execution that the process died in: the engine goes on with it.
    interrupted: Mutex<Option<String>>,
    /// Who looks at what was published: a client of its own for every look takes longer than the look.
    looking: OnceLock<Arc<Service>>,
}

/// How a run is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Driving {
    /// The process dies once so many calls have come back.
    pub(crate) crash_after: usize,
    /// Every call is delivered twice.
    pub(crate) twice: bool,
    /// How long a function may work.
    pub(crate) slice: Duration,
}

impl Default for Driving {
    fn default() -> Self {
        Self { crash_after: usize::MAX, twice: false, slice: Duration::from_mins(10) }
    }
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) phase: Phase,
    /// What `notify` was told.
    pub(crate) summary: Value,
    pub(crate) calls: usize,
}

impl Bench {
    /// With these settings, as they stand below `[pipelines.lake]`.
    pub(crate) fn new(settings: &str) -> Self {
        Self::on(Services::default(), settings)
    }

    /// As [`Self::new`], with AWS services of somebody's.
    pub(crate) fn on(services: Services, settings: &str) -> Self {
        let now = Arc::new(Mutex::new(NOW.parse().unwrap()));
        let (folder, settings) = (tempfile::tempdir().unwrap(), settings.to_owned());
        let (interrupted, looking) = (Mutex::default(), OnceLock::new());
        Self { folder, settings, services, now, interrupted, looking }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Other settings for the runs to come.
    pub(crate) fn set(&mut self, settings: &str) {
        settings.clone_into(&mut self.settings);
        self.looking = OnceLock::new();
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes a file of the project as if it was written right now by the bench's clock, which goes on by a minute.
    pub(crate) fn deliver(&self, name: &str, content: impl AsRef<[u8]>) {
        let now = *self.now.lock().unwrap();
        self.write_at(name, content, now);
        self.pass(SignedDuration::from_mins(1));
    }

    /// Writes a file of the project as if it was written then.
    pub(crate) fn write_at(&self, name: &str, content: impl AsRef<[u8]>, at: Timestamp) {
        self.write(name, content);
        let file = std::fs::File::options().write(true).open(self.path().join(name)).unwrap();
        file.set_modified(SystemTime::from(at)).unwrap();
    }

    /// Nobody goes on with the execution that the process died in.
    pub(crate) fn stop_interrupted(&self) {
        self.interrupted.lock().unwrap().take();
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now += time;
    }

    /// Lets time pass until what is written right now lies in the past.
    pub(crate) fn catch_up(&self) {
        let mut now = self.now.lock().unwrap();
        *now = (*now).max(Timestamp::now() + SignedDuration::from_hours(1));
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || *now.lock().unwrap())
    }

    fn surroundings(&self) -> Surroundings {
        let state = self.path().join(".stepwell");
        let services = self.services.clone();
        Surroundings { services, ..Surroundings::embedded(Arc::new(Keys::none()), state) }
    }

    fn settings(&self) -> Settings {
        toml::from_str(&self.settings).unwrap()
    }

    /// A process of its own.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, HandlerError> {
        stepwell_lake::pipeline(&self.settings(), &self.surroundings(), self.clock())
    }

    pub(crate) fn service(&self) -> Arc<Service> {
        open(&self.settings(), &self.surroundings(), self.clock()).unwrap()
    }

    /// Looks only: what is read anew each time is what lies in the lake.
    pub(crate) fn looking(&self) -> &Service {
        self.looking.get_or_init(|| self.service())
    }

    /// Runs the lake to its end, successfully; gives the summary.
    pub(crate) async fn succeed(&self) -> Value {
        let ended = self.drive(Driving::default()).await;
        assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:#}", ended.summary);
        ended.summary
    }

    /// Runs the lake to its end, which is a failure; gives the summary.
    pub(crate) async fn fail(&self) -> Value {
        let ended = self.drive(Driving::default()).await;
        assert!(matches!(ended.phase, Phase::Failed { .. }), "{:#}", ended.summary);
        ended.summary
    }

    /// Compares the lake with its sources; gives the summary.
    pub(crate) async fn prove(&self, input: &Value) -> Value {
        self.drive_machine("lake-reconcile", input, Driving::default()).await.summary
    }

    /// Compares the lake with its sources; gives the proof of the first dataset.
    pub(crate) async fn proof(&self) -> Value {
        self.prove(&json!({})).await["datasets"][0].take()
    }

    /// Runs the state machine in a process of its own.
    pub(crate) async fn drive(&self, driving: Driving) -> Ended {
        self.drive_machine("lake", &json!({}), driving).await
    }

    pub(crate) async fn drive_machine(&self, name: &str, input: &Value, driving: Driving) -> Ended {
        let pipeline = self.pipeline().unwrap();
        let arn = self.interrupted.lock().unwrap().take().unwrap_or_else(execution::new_arn);
        let mut execution = Execution::new(name, arn, input);
        let mut death = match driving.crash_after {
            usize::MAX => Death::Never,
            calls => Death::Behind { calls },
        };
        execution.go_on(&pipeline, driving, &mut death).await;
        if !execution.is_over() {
            *self.interrupted.lock().unwrap() = Some(execution.arn.clone());
        }
        Ended {
            phase: execution.phase().clone(),
            summary: execution.summary,
            calls: execution.calls,
        }
    }

    /// Goes on with an execution in a process of its own, which ends with all that it has begun.
    pub(crate) fn work_on(&self, execution: &mut Execution, driving: Driving, death: Death) {
        self.work_by(Builder::new_current_thread().enable_all(), execution, driving, death);
    }

    /// As [`Self::work_on`], to the end, and without waiting for waits to be over.
    pub(crate) fn hurry(&self, execution: &mut Execution) {
        let mut clockless = Builder::new_current_thread();
        clockless.enable_all().start_paused(true);
        self.work_by(&mut clockless, execution, Driving::default(), Death::Never);
    }

    fn work_by(
        &self,
        builder: &mut Builder,
        execution: &mut Execution,
        driving: Driving,
        mut death: Death,
    ) {
        let process = || {
            let runtime = builder.build().unwrap();
            let pipeline = self.pipeline().unwrap();
            runtime.block_on(execution.go_on(&pipeline, driving, &mut death));
        };
        block_in_place(|| thread::scope(|scope| scope.spawn(process).join().unwrap()));
    }

    /// The published state of a table.
    pub(crate) async fn table(&self, name: &str) -> Table {
        let service = self.looking();
        published::table(&service.world.stores, &service.config.target, name)
            .await
            .unwrap()
            .unwrap()
    }

    /// The partitions of a table and their rows.
    pub(crate) async fn partitions(&self, name: &str) -> Vec<(String, u64)> {
        let table = self.table(name).await;
        table.partitions.iter().map(|(name, it)| (name.clone(), it.rows)).collect()
    }

    /// The rows of a table, as text.
    pub(crate) async fn rows(&self, name: &str) -> String {
        let service = self.looking();
        let table = self.table(name).await;
        let batches: Vec<RecordBatch> =
            published::rows(&service.world.stores, &service.config.target, &table, |_| true)
                .try_collect()
                .await
                .unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    /// The content of every published file by partition, whatever the file is called.
    pub(crate) async fn bytes(&self, name: &str) -> BTreeMap<String, Vec<Vec<u8>>> {
        let (service, table) = (self.looking(), self.table(name).await);
        let root = service.config.target.table(name);
        let mut found = BTreeMap::new();
        for (partition, it) in &table.partitions {
            let mut files = Vec::new();
            for file in table.files(it) {
                files.push(service.world.stores.get(&root.join(&file)).await.unwrap().to_vec());
            }
            found.insert(partition.clone(), files);
        }
        found
    }

    /// The files of a table's folder, published or not.
    pub(crate) fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        each_file(&self.path().join("lake/datalake_raw").join(name), &mut found);
        found.sort();
        found
    }
}

pub(crate) fn each_file(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, found) } else { found.push(path) }
    }
}

//! What invocations need: the functions as they are now, their processes, their places.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::{LATEST, Target};
use crate::code;
use crate::cold_start::ColdStart;
use crate::error::Refusal;
use crate::function::{Function, LIMITS};
use crate::invocation::{Invocation, Invoked, Reply};
use crate::launch::Isolation;
use crate::logs::Log;
use crate::options::Options;
use crate::places::{Place, Places};
use crate::pool::Pool;
use crate::process::Process;
use crate::runtime::Runtime;
use crate::store::{Store, on_disk};

/// Processes of all functions that wait for work; beyond them the one that waits the longest ends.
const IDLE_PROCESSES_MAX: usize = 64;

/// The program that runs a runtime, once it was looked for; there is none for an executable.
type Interpreter = Arc<OnceCell<Option<PathBuf>>>;

/// Shared by all clones of a runner.
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Found out with the first process: a project without functions starts nothing for it.
    pub(crate) isolation: OnceCell<Isolation>,
    pub(crate) store: Store,
    pools: RwLock<BTreeMap<String, Arc<Pool>>>,
    /// One change at a time.
    pub(crate) changes: tokio::sync::Mutex<()>,
    interpreters: Mutex<HashMap<String, Interpreter>>,
    pub(crate) places: Places,
}

/// Who calls, and how.
pub(crate) struct Call<'c> {
    pub(crate) request_id: Uuid,
    /// How long a place is waited for; for ever if nothing is said.
    pub(crate) patience: Option<Duration>,
    pub(crate) stop: &'c CancellationToken,
}

impl<'c> Call<'c> {
    pub(crate) fn new(stop: &'c CancellationToken) -> Self {
        Self { request_id: Uuid::new_v4(), patience: None, stop }
    }
}

/// What an invocation can go on with.
enum Ready {
    /// A process that waits for work.
    Waiting(Box<Process>),
    /// A place to start one, and what it needs.
    ToStart(ColdStart, Place),
    /// None can be started.
    Broken(String),
}

/// Refuses an event that is too large or no JSON.
pub(crate) fn check_payload(invocation: &Invocation, bytes_max: usize) -> Result<(), Refusal> {
    if invocation.payload.len() > bytes_max {
        return Err(Refusal::payload_too_large(invocation.payload.len(), bytes_max));
    }
    serde_json::from_slice::<&serde_json::value::RawValue>(&invocation.payload).map_err(
        |error| {
            Refusal::invalid_content(format!("Could not parse request body into json: {error}"))
        },
    )?;
    Ok(())
}

/// What comes of `work`, unless the invocation is given up before.
async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(Refusal::service("the invocation was given up")),
        outcome = work => Ok(outcome),
    }
}

fn broken(request_id: String, problem: &str) -> Invoked {
    let Reply { payload, error_type } = Reply::bad_entrypoint(&request_id, problem);
    Invoked { request_id, payload, error_type, log_tail: Vec::new() }
}

const UNPOISONED: &str = "no holder of the lock panics";

impl Shared {
    /// With the functions that were created before, which are not published yet.
    pub(crate) fn open(
        options: Options,
        store: Store,
    ) -> std::io::Result<(Arc<Self>, Vec<Function>)> {
        let created = store.load()?.into_values().collect();
        let shared = Self {
            isolation: OnceCell::new(),
            store,
            options,
            pools: RwLock::default(),
            changes: tokio::sync::Mutex::default(),
            interpreters: Mutex::default(),
            places: Places::new(),
        };
        Ok((Arc::new(shared), created))
    }

    pub(crate) fn pools(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Pool>>> {
        self.pools.read().expect(UNPOISONED)
    }

    pub(crate) fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        self.pools().get(name).cloned()
    }

    pub(crate) fn arn(&self, name: &str) -> String {
        let Options { region, account, .. } = &self.options;
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    }

    pub(crate) fn target(&self, target: &Target) -> Result<Arc<Pool>, Refusal> {
        let arn = self.arn(&target.name);
        let qualifier = target.qualifier.as_deref().unwrap_or(LATEST);
        match self.pool(&target.name) {
            Some(pool) if qualifier == LATEST => Ok(pool),
            Some(_) => Err(Refusal::no_such_qualifier(&arn, qualifier)),
            None => Err(Refusal::not_found(&match &target.qualifier {
                Some(qualifier) => format!("{arn}:{qualifier}"),
                None => arn,
            })),
        }
    }

    /// Lets a function be invoked as it is now.
    pub(crate) fn publish(&self, function: Function, is_configured: bool) -> Arc<Function> {
        let name = function.name.clone();
        let retention = Duration::from_hours(24 * u64::from(self.options.log_days));
        let log = Arc::new(Log::new(self.options.folder().join("logs").join(&name), retention));
        let pool = Arc::new(Pool::new(function, log, is_configured));
        let function = Arc::clone(&pool.function);
        if let Some(before) = self.pools.write().expect(UNPOISONED).insert(name, pool) {
            before.retire(Some(&function));
        }
        function
    }

    /// Lets a function be invoked no more.
    pub(crate) fn withdraw(&self, name: &str) {
        if let Some(pool) = self.pools.write().expect(UNPOISONED).remove(name) {
            pool.retire(None);
        }
    }

    /// Lets a function of stepwell.toml be invoked; its code is a folder, or a package that is unpacked.
    pub(crate) async fn configure(&self, mut function: Function) -> Result<(), Refusal> {
        function.check()?;
        if function.folder.is_file() {
            let package = std::fs::read(&function.folder)?;
            let parent = self.options.folder().join("configured").join(&function.name);
            code::describe(&mut function, &package);
            function.folder = on_disk(move || code::unpack_once(&package, &parent)).await?;
        }
        if !function.folder.is_dir() {
            let code = function.folder.display();
            let message = format!("the code `{code}` is neither a folder nor a zip file");
            return Err(Refusal::invalid_parameter(message));
        }
        function.check_code()?;
        Runtime::parse(&function.runtime)?.check(&self.options.search)?;
        self.publish(function, true);
        Ok(())
    }

    /// The interpreter of a function, which is looked for once.
    pub(crate) async fn interpreter(
        &self,
        function: &Function,
    ) -> Result<Option<PathBuf>, Refusal> {
        let runtime = Runtime::parse(&function.runtime)?;
        let cell = {
            let mut interpreters = self.interpreters.lock().expect(UNPOISONED);
            Arc::clone(interpreters.entry(function.runtime.clone()).or_default())
        };
        let look = async || runtime.interpreter(&self.options.search).await;
        cell.get_or_try_init(look).await.cloned()
    }

    /// Looks for the interpreters of all functions while nobody waits for them, and tells of those that cannot run.
    pub(crate) async fn look_for_interpreters(&self) {
        let functions: Vec<_> =
            self.pools().values().map(|pool| Arc::clone(&pool.function)).collect();
        for function in functions {
            if let Err(refusal) = self.interpreter(&function).await {
                tracing::error!(function = function.name, %refusal, "a function cannot run");
            }
        }
    }

    pub(crate) async fn invoke(
        &self,
        target: &Target,
        invocation: &Invocation,
        call: Call<'_>,
    ) -> Result<Invoked, Refusal> {
        let pool = self.target(target)?;
        check_payload(invocation, LIMITS.payload_bytes_max)?;
        let _place = self.places.for_call(&pool.places, call.patience, call.stop).await?;
        self.run(&pool, invocation, call.request_id, call.stop).await
    }

    /// Runs one invocation that has a place, in a process that waits or in a new one.
    pub(crate) async fn run(
        &self,
        pool: &Pool,
        invocation: &Invocation,
        request_id: Uuid,
        stop: &CancellationToken,
    ) -> Result<Invoked, Refusal> {
        let request_id = request_id.to_string();
        loop {
            let (mut process, is_new) = match self.ready(pool, stop).await? {
                Ready::Waiting(process) => (process, false),
                Ready::ToStart(cold, place) => {
                    match unless_stopped(stop, self.launch(pool, cold, place)).await? {
                        Ok(process) => (Box::new(process), true),
                        Err(problem) => return Ok(broken(request_id, &problem)),
                    }
                }
                Ready::Broken(problem) => return Ok(broken(request_id, &problem)),
            };
            let invoked = process.invoke(invocation, &request_id, stop).await;
            self.put(pool, *process);
            match invoked {
                Some(invoked) => return Ok(invoked),
                None if is_new => return Err(Refusal::service("the process went away")),
                // It had ended while it waited.
                None => {}
            }
        }
    }

    /// Waits for a process, or for a place to start one. One that another invocation leaves is there sooner than a new one.
    async fn ready(&self, pool: &Pool, stop: &CancellationToken) -> Result<Ready, Refusal> {
        let mut start = pin!(self.to_start(pool, stop));
        loop {
            let mut returned = pin!(pool.returned());
            // One that comes back after the look is not missed.
            returned.as_mut().enable();
            if let Some(process) = pool.take() {
                return Ok(Ready::Waiting(Box::new(process)));
            }
            tokio::select! {
                biased;
                ready = start.as_mut() => return ready,
                () = returned => {}
            }
        }
    }

    /// Finds out what a process needs, and takes a place for it to come up.
    async fn to_start(&self, pool: &Pool, stop: &CancellationToken) -> Result<Ready, Refusal> {
        let ready = async {
            let cold = self.prepare(&pool.function).await?;
            Ok::<_, String>(Ready::ToStart(cold, self.places.for_start(&pool.places).await))
        };
        Ok(unless_stopped(stop, ready).await?.unwrap_or_else(Ready::Broken))
    }

    /// Keeps a process for the next invocation, and ends the one that waits the longest if there are too many.
    fn put(&self, pool: &Pool, process: Process) {
        pool.put(process);
        let pools = self.pools();
        if pools.values().map(|pool| pool.idle_count()).sum::<usize>() <= IDLE_PROCESSES_MAX {
            return;
        }
        let waits = |pool: &&Arc<Pool>| Some((pool.idle_since()?, Arc::clone(pool)));
        let longest =
            pools.values().filter_map(|pool| waits(&pool)).min_by_key(|(since, _)| *since);
        if let Some((_, pool)) = longest {
            pool.end_oldest();
        }
    }
}

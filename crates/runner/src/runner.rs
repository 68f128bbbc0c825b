//! The runner: all functions, and what can be done with them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::arn::{LATEST, Target};
use crate::code;
use crate::error::Refusal;
use crate::events::{Events, RETRIES_AFTER};
use crate::function::{Function, LIMITS};
use crate::invocation::{Invocation, Invoked, Reply};
use crate::launch::{Isolation, Launch};
use crate::logs::{self, Log};
use crate::pool::Pool;
use crate::process::{Process, Started};
use crate::runtime::Runtime;
use crate::runtime_api::{self, Session};
use crate::store::Store;

/// Invocations at the same time of all functions without a reservation; more wait.
const UNRESERVED_MAX: usize = 64;
/// Between two looks for processes that wait too long.
const THIN_OUT_EVERY: Duration = Duration::from_secs(30);
/// Where function processes look for programs, as on Lambda.
const FUNCTION_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/bin";

/// Where variables that are references get their values.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of `secret:NAME`.
    ///
    /// # Errors
    /// In words, without the value of anything.
    async fn resolve(&self, name: &str) -> Result<String, String>;
}

/// What a runner is opened with.
pub struct Options {
    /// What the project keeps, which functions must not see; the runner's own is in `functions` below it.
    pub state: PathBuf,
    /// Region and account of ARNs.
    pub region: String,
    /// See [`Self::region`].
    pub account: String,
    /// Where functions find AWS's services: `AWS_ENDPOINT_URL` of their environment.
    pub endpoint: Option<String>,
    /// Where interpreters are looked for: the folders of `PATH`.
    pub search: Vec<PathBuf>,
    /// Whether processes get namespaces of their own, where the system allows them.
    pub namespaces: bool,
    /// Days that logs are kept.
    pub log_days: u32,
    /// Waits before the second and the third try of an event: a minute and two on Lambda.
    pub retries_after: [Duration; 2],
    /// Resolves references in variables when a process starts.
    pub secrets: Arc<dyn Secrets>,
}

impl Options {
    /// With Lambda's waits, logs of two weeks, and no place for AWS's services.
    pub fn at(state: PathBuf, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            state,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            endpoint: None,
            search: Vec::new(),
            namespaces: true,
            log_days: 14,
            retries_after: RETRIES_AFTER,
            secrets,
        }
    }
}

/// Runs functions as processes. Cheap to clone; the last clone that goes ends them all.
#[derive(Clone)]
pub struct Runner {
    shared: Arc<Shared>,
    _thinning: Arc<AbortOnDropHandle<()>>,
    events: Arc<Events>,
}

/// What invocations need.
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Found out with the first process: a project without functions starts nothing for it.
    isolation: OnceCell<Isolation>,
    store: Store,
    pools: RwLock<BTreeMap<String, Arc<Pool>>>,
    /// One change at a time.
    changes: tokio::sync::Mutex<()>,
    interpreters: Mutex<HashMap<String, Option<PathBuf>>>,
    unreserved: Arc<Semaphore>,
}

impl Runner {
    /// Opens the functions that were created before. Those of `configured` hide others with their names.
    ///
    /// # Errors
    /// If the folder cannot be read, or a configured function cannot run.
    pub async fn open(options: Options, configured: Vec<Function>) -> Result<Self, Refusal> {
        let folder = options.state.join("functions");
        let store = Store::new(folder.join("created"));
        let created = store.load()?;
        let shared = Arc::new(Shared {
            isolation: OnceCell::new(),
            store,
            options,
            pools: RwLock::default(),
            changes: tokio::sync::Mutex::default(),
            interpreters: Mutex::default(),
            unreserved: Arc::new(Semaphore::new(UNRESERVED_MAX)),
        });
        for function in created.into_values() {
            shared.publish(function, false);
        }
        for function in configured {
            let name = function.name.clone();
            shared.configure(function).await.map_err(|refusal| refusal.of_function(&name))?;
        }
        let thinning = AbortOnDropHandle::new(tokio::spawn(thin_out(Arc::downgrade(&shared))));
        let events = Arc::new(Events::open(folder.join("events"))?);
        events.go_on(&shared)?;
        Ok(Self { shared, _thinning: Arc::new(thinning), events })
    }

    /// Whether there is a function with this plain name.
    pub fn has(&self, name: &str) -> bool {
        self.shared.pool(name).is_some()
    }

    /// All functions, by name.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        self.shared.pools().values().map(|pool| Arc::clone(&pool.function)).collect()
    }

    /// The files of a function's log, oldest first.
    pub fn logs(&self, name: &str) -> Vec<PathBuf> {
        log_files(&self.shared.options.state, name)
    }

    /// The ARN of a function, without a qualifier.
    pub fn arn(&self, name: &str) -> String {
        self.shared.arn(name)
    }

    /// The function that is meant, in the version that is meant.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn function(&self, target: &Target) -> Result<Arc<Function>, Refusal> {
        Ok(Arc::clone(&self.shared.target(target)?.function))
    }

    /// Creates a function from a package, and gives it as it is then.
    ///
    /// # Errors
    /// `ResourceConflictException` if its name is taken; what [`Function::check`] and the package tell.
    pub async fn create(
        &self,
        function: Function,
        package: &[u8],
    ) -> Result<Arc<Function>, Refusal> {
        let _change = self.shared.changes.lock().await;
        if self.has(&function.name) {
            return Err(Refusal::exists(&function.name));
        }
        self.keep(function, Some(package)).await
    }

    /// Changes a function: `change` gets it as it is, and `package` is its new code.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `PreconditionFailedException` if `revision` is another one, `ResourceConflictException`
    /// for a function of stepwell.toml, and what [`Self::create`] tells.
    pub async fn change(
        &self,
        target: &Target,
        revision: Option<&str>,
        change: impl FnOnce(&mut Function),
        package: Option<&[u8]>,
    ) -> Result<Arc<Function>, Refusal> {
        let _change = self.shared.changes.lock().await;
        let mut function = self.changeable(target)?;
        if revision.is_some_and(|revision| revision != function.revision) {
            return Err(Refusal::revision_differs());
        }
        change(&mut function);
        self.keep(function, package).await
    }

    /// Deletes a function; its invocations that run are not disturbed.
    ///
    /// # Errors
    /// `ResourceNotFoundException`; `ResourceConflictException` for a function of stepwell.toml.
    pub async fn delete(&self, target: &Target) -> Result<(), Refusal> {
        let _change = self.shared.changes.lock().await;
        let function = self.changeable(target)?;
        self.shared.store.delete(&function.name)?;
        if let Some(pool) = self.shared.pools.write().expect(UNPOISONED).remove(&function.name) {
            pool.retire();
        }
        Ok(())
    }

    fn changeable(&self, target: &Target) -> Result<Function, Refusal> {
        let pool = self.shared.target(target)?;
        if pool.is_configured {
            return Err(Refusal::configured(&target.name));
        }
        Ok(Function::clone(&pool.function))
    }

    /// Checks a function, keeps it on disk, and lets it be invoked.
    async fn keep(
        &self,
        mut function: Function,
        package: Option<&[u8]>,
    ) -> Result<Arc<Function>, Refusal> {
        function.check()?;
        self.shared.interpreter(&function).await?;
        if let Some(package) = package {
            function.folder = code::unpack(package, &self.shared.store.folder(&function.name))?;
            function.code_sha256 = code::sha256(package);
            function.code_bytes = package.len() as u64;
        }
        function.check_code()?;
        function.revision = Uuid::new_v4().to_string();
        function.last_modified =
            Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
        self.shared.store.save(&function)?;
        Ok(self.shared.publish(function, false))
    }

    /// Invokes a function and waits for what it returns. A function that fails is no error here: see [`Invoked`].
    ///
    /// When `stop` is cancelled its process is killed.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `TooManyRequestsException`, `RequestTooLargeException`,
    /// `InvalidRequestContentException`.
    pub async fn invoke(
        &self,
        target: &Target,
        invocation: &Invocation,
        stop: &CancellationToken,
    ) -> Result<Invoked, Refusal> {
        self.shared.invoke(target, invocation, stop).await
    }

    /// Takes an event for a function and gives the id of the request. It is on disk when this returns, and is tried
    /// three times at most.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub fn invoke_later(
        &self,
        target: &Target,
        invocation: &Invocation,
    ) -> Result<String, Refusal> {
        self.events.accept(&self.shared, target, invocation)
    }
}

/// Ends processes that wait too long, as long as there is a runner.
async fn thin_out(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(THIN_OUT_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.pools().values().for_each(|pool| pool.thin_out(Instant::now()));
    }
}

/// The functions that came through the Lambda API, as they are on disk, whoever runs them.
///
/// # Errors
/// If the folder cannot be read.
pub fn created(state: &Path) -> std::io::Result<Vec<Function>> {
    Ok(Store::new(state.join("functions/created")).read()?.into_values().collect())
}

/// The files of a function's log, oldest first, whoever runs it.
pub fn log_files(state: &Path, name: &str) -> Vec<PathBuf> {
    logs::files(&state.join("functions/logs").join(name))
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

const UNPOISONED: &str = "no holder of the lock panics";

impl Shared {
    fn pools(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Pool>>> {
        self.pools.read().expect(UNPOISONED)
    }

    fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        self.pools().get(name).cloned()
    }

    fn arn(&self, name: &str) -> String {
        let Options { region, account, .. } = &self.options;
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    }

    fn log_folder(&self, name: &str) -> PathBuf {
        self.options.state.join("functions/logs").join(name)
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
    fn publish(&self, function: Function, is_configured: bool) -> Arc<Function> {
        let name = function.name.clone();
        let retention = Duration::from_hours(24 * u64::from(self.options.log_days));
        let log = Arc::new(Log::new(self.log_folder(&name), retention));
        let pool = Arc::new(Pool::new(function, log, is_configured));
        let function = Arc::clone(&pool.function);
        if let Some(before) = self.pools.write().expect(UNPOISONED).insert(name, pool) {
            before.retire();
        }
        function
    }

    /// Lets a function of stepwell.toml be invoked; its code is a folder, or a package that is unpacked.
    async fn configure(&self, mut function: Function) -> Result<(), Refusal> {
        function.check()?;
        if function.folder.is_file() {
            let package = std::fs::read(&function.folder)?;
            let parent = self.options.state.join("functions/configured").join(&function.name);
            function.code_sha256 = code::sha256(&package);
            function.code_bytes = package.len() as u64;
            function.folder = code::unpack(&package, &parent)?;
        }
        if !function.folder.is_dir() {
            let code = function.folder.display();
            let message = format!("the code `{code}` is neither a folder nor a zip file");
            return Err(Refusal::invalid_parameter(message));
        }
        function.check_code()?;
        self.interpreter(&function).await?;
        self.publish(function, true);
        Ok(())
    }

    /// The interpreter of a function, which is looked for once.
    async fn interpreter(&self, function: &Function) -> Result<Option<PathBuf>, Refusal> {
        let known = self.interpreters.lock().expect(UNPOISONED).get(&function.runtime).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Runtime::parse(&function.runtime)?.interpreter(&self.options.search).await?;
        let mut interpreters = self.interpreters.lock().expect(UNPOISONED);
        interpreters.insert(function.runtime.clone(), found.clone());
        Ok(found)
    }

    pub(crate) async fn invoke(
        &self,
        target: &Target,
        invocation: &Invocation,
        stop: &CancellationToken,
    ) -> Result<Invoked, Refusal> {
        let pool = self.target(target)?;
        check_payload(invocation, LIMITS.payload_bytes_max)?;
        let _reserved = pool.admit()?;
        let _place = match pool.function.concurrency {
            Some(_) => None,
            None => Some(self.shared_place(stop).await?),
        };
        let request_id = Uuid::new_v4().to_string();
        if let Some(mut process) = pool.take() {
            let invoked = process.invoke(invocation, &request_id, stop).await;
            pool.put(process);
            if let Some(invoked) = invoked {
                return Ok(invoked);
            }
        }
        self.invoke_cold(&pool, invocation, request_id, stop).await
    }

    /// One of the places of functions without a reservation, unless nobody waits for the outcome any more.
    async fn shared_place(&self, stop: &CancellationToken) -> Result<SemaphorePermit<'_>, Refusal> {
        tokio::select! {
            place = self.unreserved.acquire() => Ok(place.expect("the places are never closed")),
            () = stop.cancelled() => Err(Refusal::service("the invocation was given up")),
        }
    }

    async fn invoke_cold(
        &self,
        pool: &Pool,
        invocation: &Invocation,
        request_id: String,
        stop: &CancellationToken,
    ) -> Result<Invoked, Refusal> {
        match self.start(pool).await {
            Ok(mut process) => {
                let invoked = process.invoke(invocation, &request_id, stop).await;
                pool.put(process);
                invoked.ok_or_else(|| Refusal::service("the process went away"))
            }
            Err(problem) => {
                let Reply { payload, error_type } = Reply::bad_entrypoint(&request_id, &problem);
                Ok(Invoked { request_id, payload, error_type, log_tail: Vec::new() })
            }
        }
    }

    async fn start(&self, pool: &Pool) -> Result<Process, String> {
        let function = &pool.function;
        let interpreter = self.interpreter(function).await.map_err(|refusal| refusal.message)?;
        let runtime = Runtime::parse(&function.runtime).map_err(|refusal| refusal.message)?;
        let session = Arc::new(Session::default());
        let in_words = |error: std::io::Error| error.to_string();
        let (address, api) = runtime_api::serve(Arc::clone(&session)).await.map_err(in_words)?;
        let launch = Launch {
            isolation: self.isolation().await,
            function,
            command: runtime.command(interpreter.as_deref(), function.memory_mb),
            state: &self.options.state,
            variables: self.variables(function, &address.to_string()).await?,
        };
        let (child, private) = launch.start().map_err(in_words)?;
        let (function, log) = (Arc::clone(function), Arc::clone(&pool.log));
        let arn = self.arn(&function.name);
        Ok(Process::of(Started { function, arn, session, api, child, log, private }))
    }

    /// What the options ask for, as far as this system allows it.
    async fn isolation(&self) -> Isolation {
        if !self.options.namespaces {
            return Isolation::Groups;
        }
        *self.isolation.get_or_init(Isolation::probe).await
    }

    /// The environment of a process: Lambda's variables and those of the function, and nothing else.
    async fn variables(
        &self,
        function: &Function,
        api: &str,
    ) -> Result<Vec<(String, String)>, String> {
        let name = &function.name;
        let stream = format!(
            "{}[$LATEST]{}",
            Timestamp::now().strftime("%Y/%m/%d/"),
            Uuid::new_v4().simple()
        );
        let fixed = [
            ("PATH", FUNCTION_PATH),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("_HANDLER", &function.handler),
            ("AWS_LAMBDA_RUNTIME_API", api),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", LATEST),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
            ("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime)),
            ("AWS_REGION", &self.options.region),
            ("AWS_DEFAULT_REGION", &self.options.region),
            ("AWS_ACCESS_KEY_ID", "stepwell"),
            ("AWS_SECRET_ACCESS_KEY", "stepwell"),
        ];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let endpoint =
            self.options.endpoint.iter().map(|url| ("AWS_ENDPOINT_URL".to_owned(), url.clone()));
        let mut variables: Vec<_> = fixed.into_iter().chain(endpoint).collect();
        for (name, value) in &function.environment {
            let value = match value.strip_prefix("secret:") {
                Some(secret) => self.options.secrets.resolve(secret).await?,
                None => value.clone(),
            };
            variables.push((name.clone(), value));
        }
        Ok(variables)
    }
}

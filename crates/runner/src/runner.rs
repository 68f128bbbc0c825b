//! The runner: all functions, and what can be done with them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::arn::Target;
use crate::code;
use crate::error::Refusal;
use crate::events::Events;
use crate::function::Function;
use crate::invocation::{Invocation, Invoked};
use crate::logs;
use crate::options::Options;
use crate::places::PATIENCE_OF_CALLS;
use crate::shared::{Call, Shared};
use crate::store::{Store, on_disk};

/// Between two looks for processes that wait too long.
const THIN_OUT_EVERY: Duration = Duration::from_secs(30);

/// Runs functions as processes. Cheap to clone; the last clone that goes ends them all.
#[derive(Clone)]
pub struct Runner {
    shared: Arc<Shared>,
    _thinning: Arc<AbortOnDropHandle<()>>,
    events: Arc<Events>,
}

impl Runner {
    /// Opens the functions that were created before. Those of `configured` hide others with their names.
    ///
    /// # Errors
    /// If the folder cannot be read, or a configured function cannot run.
    pub async fn open(options: Options, configured: Vec<Function>) -> Result<Self, Refusal> {
        let folder = options.folder();
        // Code, variables and events of functions are nobody else's, whatever the folder above allows.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        clear(&options.temporary())?;
        let (shared, created) = Shared::open(options, Store::new(folder.join("created")))?;
        for function in created {
            shared.publish(function, false);
        }
        for function in configured {
            let name = function.name.clone();
            shared.configure(function).await.map_err(|refusal| refusal.of_function(&name))?;
        }
        let looking = Arc::clone(&shared);
        tokio::spawn(async move { looking.look_for_interpreters().await });
        let thinning = AbortOnDropHandle::new(tokio::spawn(thin_out(Arc::downgrade(&shared))));
        let events = Arc::new(Events::open(folder.join("events"))?);
        events.go_on(&shared)?;
        Ok(Self { shared, _thinning: Arc::new(thinning), events })
    }

    /// The access key id and the secret access key that functions sign with.
    pub fn access_key(&self) -> (String, String) {
        self.shared.options.access_key.clone()
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
        package: Vec<u8>,
    ) -> Result<Arc<Function>, Refusal> {
        let _change = self.shared.changes.lock().await;
        if self.has(&function.name) {
            return Err(Refusal::exists(&function.name));
        }
        refuse_name_of_built_in(&function.name)?;
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
        package: Option<Vec<u8>>,
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
        self.shared.withdraw(&function.name);
        Ok(())
    }

    fn changeable(&self, target: &Target) -> Result<Function, Refusal> {
        let pool = self.shared.target(target)?;
        if pool.is_configured {
            return Err(Refusal::configured(&target.name));
        }
        Ok(Function::clone(&pool.function))
    }

    /// Checks a function, keeps it on disk, and lets it be invoked. New code that is refused is removed again.
    async fn keep(
        &self,
        mut function: Function,
        package: Option<Vec<u8>>,
    ) -> Result<Arc<Function>, Refusal> {
        function.check_as_aws()?;
        self.shared.interpreter(&function).await?;
        let folder = self.shared.store.folder(&function.name);
        let mut code = None;
        if let Some(package) = package {
            code::describe(&mut function, &package);
            let unpacked = on_disk(move || code::unpack(&package, &folder)).await?;
            unpacked.path().clone_into(&mut function.folder);
            code = Some(unpacked);
        }
        function.check_code()?;
        function.revision = Uuid::new_v4().to_string();
        function.last_modified =
            Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
        self.shared.store.save(&function)?;
        // Now that it has a function.
        code.map(TempDir::keep);
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
        let patience = Some(PATIENCE_OF_CALLS);
        self.shared.invoke(target, invocation, Call { patience, ..Call::new(stop) }).await
    }

    /// As [`Self::invoke`], for who waits for a place as long as it takes.
    pub(crate) async fn invoke_patiently(
        &self,
        target: &Target,
        invocation: &Invocation,
        stop: &CancellationToken,
    ) -> Result<Invoked, Refusal> {
        self.shared.invoke(target, invocation, Call::new(stop)).await
    }

    /// Takes an event for a function. It is on disk when this returns, and is tried three times at most, each time with
    /// `id` as the id of the request. An event that waits under this id already is not taken twice.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn invoke_later(
        &self,
        target: &Target,
        invocation: &Invocation,
        id: Uuid,
    ) -> Result<(), Refusal> {
        self.events.accept(&self.shared, target, invocation, id).await
    }
}

/// Names that a task, but not the API, would take for a function of stepwell itself.
fn refuse_name_of_built_in(name: &str) -> Result<(), Refusal> {
    if name.starts_with("stepwell-") {
        return Err(Refusal::invalid_parameter(format!(
            "The name {name} begins with `stepwell-`, as those of the functions that are built in"
        )));
    }
    Ok(())
}

/// Makes an empty folder of what an earlier process left.
fn clear(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)
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

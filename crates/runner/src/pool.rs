//! The processes of one function: those that wait for work, and how many may work at the same time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::error::Refusal;
use crate::function::Function;
use crate::logs::Log;
use crate::process::Process;

/// A process that waits longer is ended.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(10);

/// The pool of one function, as it is configured now. A change makes a new pool.
pub(crate) struct Pool {
    pub(crate) function: Arc<Function>,
    pub(crate) log: Arc<Log>,
    /// Whether it is in stepwell.toml.
    pub(crate) is_configured: bool,
    idle: Mutex<Idle>,
    reserved: Option<Arc<Semaphore>>,
}

#[derive(Default)]
struct Idle {
    processes: Vec<Process>,
    is_retired: bool,
}

impl Pool {
    pub(crate) fn new(function: Function, log: Arc<Log>, is_configured: bool) -> Self {
        let reserved = function.concurrency.map(|most| Arc::new(Semaphore::new(most as usize)));
        Self { function: Arc::new(function), log, is_configured, idle: Mutex::default(), reserved }
    }

    /// A place among the invocations at the same time.
    ///
    /// # Errors
    /// `TooManyRequestsException` if the reserved ones are all taken.
    pub(crate) fn admit(&self) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(reserved) = &self.reserved else { return Ok(None) };
        let permit = Arc::clone(reserved).try_acquire_owned();
        permit.map(Some).map_err(|_| Refusal::too_many_requests())
    }

    /// The process that waited the shortest.
    pub(crate) fn take(&self) -> Option<Process> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.processes.pop()).find(Process::is_alive)
    }

    /// Takes back a process for the next invocation, unless it has ended or the function has changed.
    pub(crate) fn put(&self, process: Process) {
        let mut idle = self.idle();
        if process.is_alive() && !idle.is_retired {
            idle.processes.push(process);
        }
    }

    /// Ends what waits too long.
    pub(crate) fn thin_out(&self, now: Instant) {
        let is_fresh = |it: &Process| now.duration_since(it.idle_since) < IDLE_MAX;
        self.idle().processes.retain(|process| is_fresh(process) && process.is_alive());
    }

    /// Ends all that wait; those that work end with their invocation.
    pub(crate) fn retire(&self) {
        let mut idle = self.idle();
        idle.is_retired = true;
        idle.processes.clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().expect("no holder of the lock panics")
    }
}

//! The processes of one function: those that wait for work, and its places.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::function::Function;
use crate::logs::Log;
use crate::places::OwnPlaces;
use crate::process::Process;

/// A process that waits longer is ended.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(10);

/// The pool of one function, as it is configured now. A change makes a new pool.
pub(crate) struct Pool {
    pub(crate) function: Arc<Function>,
    pub(crate) log: Arc<Log>,
    /// Whether it is in stepwell.toml.
    pub(crate) is_configured: bool,
    pub(crate) places: OwnPlaces,
    idle: Mutex<Idle>,
    returned: Notify,
}

#[derive(Default)]
struct Idle {
    /// The one that waits the longest is the first.
    processes: Vec<Process>,
    is_retired: bool,
    /// Code that is of no use once the last invocation here has ended.
    abandoned: Option<PathBuf>,
}

impl Pool {
    pub(crate) fn new(function: Function, log: Arc<Log>, is_configured: bool) -> Self {
        let places = OwnPlaces::new(function.concurrency);
        Self {
            function: Arc::new(function),
            log,
            is_configured,
            places,
            idle: Mutex::default(),
            returned: Notify::new(),
        }
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
            self.returned.notify_one();
        }
    }

    /// Waits until a process may have been put back.
    pub(crate) fn returned(&self) -> Notified<'_> {
        self.returned.notified()
    }

    /// Processes that wait.
    pub(crate) fn idle_count(&self) -> usize {
        self.idle().processes.len()
    }

    /// Since when the first of them waits.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.idle().processes.first().map(|process| process.idle_since)
    }

    /// Ends the process that waits the longest.
    pub(crate) fn end_oldest(&self) {
        let mut idle = self.idle();
        if !idle.processes.is_empty() {
            idle.processes.remove(0);
        }
    }

    /// Ends what waits too long.
    pub(crate) fn thin_out(&self, now: Instant) {
        let is_fresh = |it: &Process| now.duration_since(it.idle_since) < IDLE_MAX;
        self.idle().processes.retain(|process| is_fresh(process) && process.is_alive());
    }

    /// Ends all that wait; those that work end with their invocation. Code that `successor` does not use goes then.
    pub(crate) fn retire(&self, successor: Option<&Function>) {
        let mut idle = self.idle();
        idle.is_retired = true;
        idle.processes.clear();
        let is_used = successor.is_some_and(|it| it.folder == self.function.folder);
        if !is_used && !self.is_configured {
            idle.abandoned = Some(self.function.folder.clone());
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().expect("no holder of the lock panics")
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let Some(code) = self.idle().abandoned.take() else { return };
        // Many files: not on a thread that serves.
        std::thread::spawn(move || {
            if let Err(error) = std::fs::remove_dir_all(&code) {
                tracing::warn!(folder = %code.display(), %error, "code that no function uses stays on disk");
            }
            // The folder of a function that was deleted; that of any other is not empty.
            let _ = code.parent().map(std::fs::remove_dir);
        });
    }
}

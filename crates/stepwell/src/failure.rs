//! How a command ends when it does not end well: exit code, message with its causes, next step.

use std::fmt::Display;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use stepwell_engine::Status;
use stepwell_pipeline::HandlerError;
use stepwell_task::in_one_line;

use crate::view::Execution;

/// Why the process ends with something else than 0. `docs/reference/exit-codes.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exit {
    /// The execution failed, timed out or was aborted, and no other code says it better.
    ExecutionFailed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The input was refused: a definition with errors, input that is not JSON, a name that does not exist.
    Refused = 3,
    /// Another process is at work on the project.
    Busy = 4,
    /// Something the work needs is not available: disk, store, port, server.
    Unavailable = 5,
    /// Stopped by a signal; what was begun can be resumed.
    Interrupted = 130,
}

impl Exit {
    /// How a command ends whose execution did not succeed: functions say by their error name who can mend it.
    pub(crate) fn of_unsuccessful(execution: &Execution) -> Self {
        match (execution.summary.status, execution.error.as_deref()) {
            (Status::Failed, Some(HandlerError::CONFIG)) => Self::Usage,
            (Status::Failed, Some(HandlerError::RETRYABLE)) => Self::Unavailable,
            _ => Self::ExecutionFailed,
        }
    }
}

/// An expected failure of a command. A panic, in contrast, is a bug.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: Option<anyhow::Error>,
    hint: Option<String>,
}

/// How commands end.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: Some(error.into()), hint: None }
    }

    pub(crate) fn message(exit: Exit, message: impl Display) -> Self {
        Self::new(exit, anyhow::anyhow!("{message}"))
    }

    /// For commands that have told everything themselves.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { exit, error: None, hint: None }
    }

    /// What to do next.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The message and its causes, for a log line.
    pub(crate) fn text(&self) -> String {
        self.error.as_ref().map(|error| in_one_line(error.as_ref())).unwrap_or_default()
    }

    /// The same for the command that handed over the work.
    pub(crate) fn told_to_client(self) -> crate::client::Told {
        crate::client::Told::Refused { exit: self.exit, message: self.text(), hint: self.hint }
    }

    /// Tells it on stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(error) = &self.error {
            if is_broken_pipe(error) {
                return ExitCode::SUCCESS;
            }
            crate::output::note(format_args!("error: {}", in_one_line(error.as_ref())));
        }
        if let Some(hint) = &self.hint {
            crate::output::note(format_args!("hint: {hint}"));
        }
        ExitCode::from(self.exit as u8)
    }
}

/// Whoever read our output has seen enough: no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What can fail on the way out is the output itself.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Unavailable, error)
    }
}

impl From<crate::secrets::VaultError> for Failure {
    fn from(error: crate::secrets::VaultError) -> Self {
        let is_file = matches!(error, crate::secrets::VaultError::File { .. });
        let failure = Self::new(Exit::Unavailable, error);
        if is_file { failure.hint(WRITABLE) } else { failure }
    }
}

/// The next step where a file of a project cannot be written.
pub(crate) const WRITABLE: &str =
    "make the project's folder writable, or name another one with `--project`";

impl From<stepwell_engine::StoreError> for Failure {
    fn from(error: stepwell_engine::StoreError) -> Self {
        use stepwell_engine::StoreError as Store;
        match error {
            Store::Locked { .. } => Self::new(Exit::Busy, error)
                .hint("wait until that process ends, or start executions through its server"),
            Store::Missing { .. } => {
                Self::new(Exit::Refused, error).hint("nothing has run in this project yet")
            }
            Store::Exists { .. } => {
                Self::new(Exit::Refused, error).hint("name a file that does not exist")
            }
            Store::Damaged { .. } => Self::new(Exit::Unavailable, error)
                .hint("if it never was a store, name another file with `path` in [store]"),
            Store::Copy { .. } => Self::new(Exit::Unavailable, error)
                .hint("name a file in a folder that exists and can be written"),
            Store::Lock { .. } | Store::Sqlite { .. } => Self::new(Exit::Unavailable, error).hint(
                "the folder must exist and be writable; `path` in [store] of stepwell.toml names the file",
            ),
            Store::Foreign { .. } | Store::TooNew { .. } => Self::new(Exit::Unavailable, error),
        }
    }
}

impl From<stepwell_engine::Error> for Failure {
    fn from(error: stepwell_engine::Error) -> Self {
        use stepwell_engine::Error as Engine;
        let exit = match error {
            Engine::ShuttingDown | Engine::Stopped { .. } | Engine::Store { .. } => {
                Exit::Unavailable
            }
            _ => Exit::Refused,
        };
        Self::new(exit, error)
    }
}

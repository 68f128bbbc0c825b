//! This program as a function of AWS Lambda, or of anything else that speaks the Runtime API.
//!
//! A package of the runtime `provided.al2023` has the program, named `bootstrap`, and the project's `stepwell.toml`. The
//! function's handler is the name of a built-in function: `stepwell-lake-apply-changes`. It takes and gives what that
//! function takes and gives in a Task state, and its errors have the same names.
//!
//! Left to the crate `lambda_runtime`: the conversation with the Runtime API.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use stepwell_pipeline::invoke::{Functions, Invocable, Invocation};
use stepwell_pipeline::progress::{Progress, Update};
use stepwell_pipeline::{HandlerError, Pipeline};
use tokio_util::sync::CancellationToken;

use crate::built_in;
use crate::config::variables;
use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;
use crate::{telemetry, wiring};
use stepwell_asl::suggest::closest;

/// Where the Runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// The handler of the function.
const HANDLER: &str = "_HANDLER";
/// Where the package is.
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";

/// Whether this process is to be a function: a command has arguments, and an image of a container at most its handler.
pub(crate) fn is_meant() -> bool {
    let handler = variables::get(HANDLER).map(OsString::from);
    let is_command = std::env::args_os().skip(1).any(|it| Some(it) != handler);
    variables::get(RUNTIME_API).is_some() && !is_command
}

/// Serves invocations until the process is ended.
pub(crate) fn run() -> Outcome<ExitCode> {
    telemetry::log(variables::get(variables::LOG).as_deref(), telemetry::Format::Json, None)?;
    let folder = [variables::PROJECT, TASK_ROOT].into_iter().find_map(variables::get);
    let project = Project::open(Path::new(folder.as_deref().unwrap_or(".")))?;
    std::env::set_current_dir(project.root())?;
    let handler = variables::get(HANDLER).unwrap_or_default();
    let functions = Functions::new(&pipelines(&project, &handler)?, Arc::new(Logged));
    let function = functions.find(&handler).ok_or_else(|| unknown(&handler, &functions))?;
    wiring::runtime()?.block_on(serve(function))
}

/// The pipeline of the handler alone: others may need what only another machine has.
fn pipelines(project: &Project, handler: &str) -> Outcome<Vec<Pipeline>> {
    let is_of = |name: &str| handler.starts_with(&format!("stepwell-{name}-"));
    match built_in::ALL.iter().find(|it| is_of(it.name)) {
        Some(wanted) => wiring::pipeline(project, &project.config()?, wanted),
        None => Ok(Vec::new()),
    }
}

async fn serve(function: &Invocable) -> Outcome<ExitCode> {
    let answer = |event| async move { answer(function, event).await.map_err(|it| diagnostic(&it)) };
    let served = lambda_runtime::run(service_fn(answer)).await;
    served.map_err(|error| Failure::new(Exit::Unavailable, anyhow::Error::from_boxed(error)))?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(function: &Invocable, event: LambdaEvent<Value>) -> Result<Value, HandlerError> {
    let LambdaEvent { payload, context } = event;
    let deadline = UNIX_EPOCH + Duration::from_millis(context.deadline);
    let invocation = Invocation {
        payload,
        // Lambda's repeats of an asynchronous event have the same.
        key: context.request_id.into(),
        deadline: Some(deadline),
        stop: CancellationToken::new(),
    };
    function.invoke(invocation).await
}

/// `{"errorType": "Retryable", "errorMessage": "..."}`: the type is what `Retry` and `Catch` match.
fn diagnostic(error: &HandlerError) -> Diagnostic {
    Diagnostic { error_type: error.name().to_owned(), error_message: error.to_string() }
}

fn unknown(handler: &str, functions: &Functions) -> Failure {
    let known: Vec<_> = functions.names().collect();
    let message = format!("the handler of the function, `{handler}`, is no built-in function");
    let failure = Failure::message(Exit::Usage, message);
    match closest(handler, known.iter().copied()) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint(format!(
            "name one as `stepwell pipeline show` does: `stepwell-{}-...`",
            built_in::names().collect::<Vec<_>>().join("-...`, `stepwell-")
        )),
    }
}

/// Progress goes to the log of the function.
struct Logged;

impl Progress for Logged {
    fn update(&self, update: Update) {
        let Update { subject, phase, done, total, unit, finished } = update;
        tracing::info!(subject, phase, done, total, unit, finished, "progress");
    }

    fn iterator_age(&self, stream: &str, age: Duration) {
        tracing::info!(stream, age_ms = age.as_millis() as u64, "iterator age");
    }
}

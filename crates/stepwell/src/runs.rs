//! Starting an execution and following it to its end, the same for a command and for a server.

use jiff::Timestamp;
use serde_json::Value;
use stepwell_engine::{ExecutionFilter, ExecutionSummary, Handle, Page, StartExecution, Status};
use stepwell_pipeline::Switch;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::built_in;
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::Step;
use crate::view::Execution;
use crate::wiring::Machine;

/// An execution that goes on.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) arn: String,
    /// When the execution started that was found unfinished; nothing if it is new.
    pub(crate) resumed: Option<Timestamp>,
}

/// Starts an execution, or finds the one that was left unfinished: two at once would be in each other's way.
///
/// An unfinished one with another input than `input`, with a switch that was not asked for now, or with another
/// definition than the user's file has now, is an error: it is not what was asked for. A built-in pipeline goes on with the definition that it
/// started with.
pub(crate) async fn begin(
    engine: &Handle,
    machine: &Machine,
    input: Option<&str>,
) -> Outcome<Begun> {
    let arn = machine.publish(engine).await?;
    if let Some(unfinished) = unfinished(engine, &arn).await? {
        return resume(engine, machine, unfinished, input).await;
    }
    let input = input.unwrap_or(&machine.default_input).to_owned();
    let started = engine
        .start_execution(StartExecution { state_machine_arn: arn, name: None, input })
        .await?;
    Ok(Begun { arn: started.execution_arn, resumed: None })
}

/// The newest execution of a state machine that runs.
pub(crate) async fn unfinished(
    engine: &Handle,
    machine_arn: &str,
) -> Outcome<Option<ExecutionSummary>> {
    let filter = ExecutionFilter {
        state_machine_arn: Some(machine_arn.to_owned()),
        status: Some(Status::Running),
        ..ExecutionFilter::default()
    };
    let page = Page { limit: 1, token: None };
    Ok(engine.list_executions(filter, page).await?.items.pop())
}

async fn resume(
    engine: &Handle,
    machine: &Machine,
    unfinished: ExecutionSummary,
    input: Option<&str>,
) -> Outcome<Begun> {
    let running = engine.describe_execution(&unfinished.arn).await?;
    if let Some(switch) =
        machine.switches.iter().find(|it| input.is_none() && has(&running.input, **it))
    {
        let message = format!(
            "execution `{}` is unfinished, and was started with `{}`",
            unfinished.name,
            switch.flag()
        );
        return Err(Failure::message(Exit::Busy, message).hint(format!(
            "finish it with `{}`, or stop it with `stepwell execution stop {}`",
            switch.flag(),
            unfinished.name
        )));
    }
    if input.is_some_and(|input| !same_json(input, &running.input)) {
        let message =
            format!("execution `{}` is unfinished and has another input", unfinished.name);
        return Err(Failure::message(Exit::Busy, message).hint(format!(
            "run it without `--input` to finish that one, or stop it with `stepwell execution stop {}`",
            unfinished.name
        )));
    }
    let started_with = engine.describe_state_machine_for_execution(&unfinished.arn).await?;
    if built_in::of_machine(&machine.name).is_none()
        && *started_with.definition != machine.definition
    {
        let message =
            format!("execution `{}` is unfinished and has another definition", unfinished.name);
        return Err(Failure::message(Exit::Busy, message).hint(format!(
            "finish it with `stepwell serve` or with the definition that it started with, or stop it with `stepwell execution stop {}`",
            unfinished.name
        )));
    }
    Ok(Begun { arn: unfinished.arn, resumed: Some(unfinished.started_at) })
}

/// Whether an execution was asked for this beside its input.
fn has(input: &str, switch: Switch) -> bool {
    serde_json::from_str::<Value>(input).is_ok_and(|input| input[switch.member()] == true)
}

fn same_json(left: &str, right: &str) -> bool {
    let parse = |text| serde_json::from_str::<Value>(text).ok();
    left == right || parse(left).is_some_and(|left| parse(right) == Some(left))
}

/// Waits for the end of an execution and hands on the progress meanwhile.
pub(crate) async fn follow(
    engine: &Handle,
    arn: &str,
    mut progress: Receiver<Step>,
    mut show: impl FnMut(Step),
) -> Outcome<Execution> {
    let ended = engine.wait(arn);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            record = &mut ended => return Ok(record?.into()),
            step = progress.recv() => match step {
                Ok(step) => show(step),
                Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => return Ok(ended.await?.into()),
            },
        }
    }
}

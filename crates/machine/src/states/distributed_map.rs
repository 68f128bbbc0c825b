//! The Map state in DISTRIBUTED mode: its iterations are executions of their own, which a Map run of the engine starts.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, after `MapStateStarted` | everything that the Map run needs is evaluated | `MapRunStarted` |
//! | work on one that is redriven | | `MapRunRedriven` |
//! | the Map run ended | | `MapRunSucceeded` or `MapRunFailed` |
//! | work with its results | the output is computed | `MapStateSucceeded`, `MapStateExited` |
//! | it failed | goes on in `failure` | `MapStateFailed` |
//!
//! `ItemSelector` belongs to the Map state and is evaluated for each item when its child starts ([`child_item`]).

use std::cell::LazyCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::dataflow::resolve;
use stepwell_asl::eval::{Scope, States, StatesError};
use stepwell_asl::intrinsic;
use stepwell_asl::model::{Distributed, Dynamic, ItemBatcher, Map, Payload, State, StateKind};

use super::map::{PERCENTAGE_MAX, plain_text};
use crate::context_object;
use crate::data_flow::{self, check_depth};
use crate::decide::Decider;
use crate::decision::TaskResult;
use crate::event::{Event, EventId, MapRunBatch, MapRunData, MapRunPlan, Reason};
use crate::failure::Failure;
use crate::frame::{FrameId, OpenMapRun, Step};
use crate::random::SplitMix64;
use crate::run::Run;
use crate::variables::Visible;

/// Starts the Map run of a state that has begun.
pub(crate) fn start(
    d: &mut Decider<'_>,
    state: &State,
    map: &Map,
    frame: FrameId,
) -> Result<(), Failure> {
    let Some(run) = open(d.run, frame) else { return Ok(()) };
    let Some(distributed) = &map.distributed else { return Ok(()) };
    if let Some(stopped) = &run.stopped {
        let (count, arn) = (stopped.redrives + 1, Arc::clone(&stopped.arn));
        d.emit(frame, Event::MapRunRedriven { count, arn });
        d.schedule(frame);
        return Ok(());
    }
    let input = Arc::clone(&run.input);
    let plan = d.evaluate(frame, |scope| plan(map, distributed, &input, scope))?;
    let arn = arn(d, state, distributed);
    d.emit(frame, Event::MapRunStarted { arn, plan: Arc::new(plan) });
    d.schedule(frame);
    Ok(())
}

/// A Map run ended.
pub(crate) fn finished(d: &mut Decider<'_>, frame: FrameId, outcome: TaskResult) {
    d.emit(
        frame,
        match outcome {
            TaskResult::Succeeded { output } => Event::MapRunSucceeded { output },
            TaskResult::Failed { error, cause } => {
                Event::MapRunFailed(Reason { error: Some(error), cause })
            }
        },
    );
}

/// What `ItemSelector` makes of an item of an open Map run; without one, the item itself.
///
/// # Errors
/// What the evaluation fails with; the Map run fails with it.
pub fn child_item(
    run: &Run,
    scheduled: EventId,
    index: u64,
    item: Value,
    now: Timestamp,
    seed: u64,
) -> Result<Value, Reason> {
    let frame = run.folded.task_frame(scheduled).unwrap_or_default();
    let Some(open) = open(run, frame) else { return Ok(item) };
    let state = run.folded.frame(frame).map(|frame| run.machine().state(frame.state));
    let Some(StateKind::Map(map)) = state.map(|state| &state.kind) else { return Ok(item) };
    let Some(selector) = &map.item_selector else { return Ok(item) };
    let context = LazyCell::new(|| context_object::of_child(run, frame, index, &item));
    let selected = selector.build(
        &open.input,
        &mut Scope {
            context: &context,
            variables: &Visible { run, frame },
            states: States { input: Arc::clone(&open.input), ..States::default() },
            random: &mut SplitMix64::new(seed),
            now,
            observer: None,
        },
    );
    let selected = selected.map(Arc::new).and_then(|item| check_depth(&item).map(|()| item));
    match selected {
        Ok(item) => Ok(Arc::unwrap_or_clone(item)),
        Err(error) => {
            let Failure { error, cause, .. } = Failure::of_evaluation(run, frame, error);
            Err(Reason { error, cause })
        }
    }
}

fn open(run: &Run, frame: FrameId) -> Option<&OpenMapRun> {
    match &run.folded.frame(frame)?.step {
        Step::MapRun(open) => Some(open),
        _ => None,
    }
}

fn plan(
    map: &Map,
    distributed: &Distributed,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<MapRunPlan, StatesError> {
    let tolerated_count = tolerated_count(map, input, scope)?;
    Ok(MapRunPlan {
        max_concurrency: super::map::max_concurrency(map, input, scope)?,
        tolerated_count,
        tolerated_percentage: tolerated_percentage(map, input, scope)?,
        reader: match &distributed.reader {
            None => None,
            Some(reader) => Some(MapRunData {
                resource: Some(Arc::clone(&reader.resource)),
                arguments: arguments(reader.arguments.as_ref(), input, scope)?,
                config: Arc::clone(&reader.config),
            }),
        },
        max_items: match &distributed.reader {
            None => None,
            Some(reader) => count("MaxItemsPath", reader.max_items.as_ref(), input, scope)?,
        },
        batch: match &distributed.batcher {
            None => None,
            Some(batcher) => Some(batch(batcher, input, scope)?),
        },
        writer: match &distributed.writer {
            None => None,
            Some(writer) => Some(MapRunData {
                resource: writer.resource.as_ref().map(|(resource, _)| Arc::clone(resource)),
                arguments: arguments(writer.arguments.as_ref(), input, scope)?,
                config: Arc::clone(&writer.config),
            }),
        },
    })
}

fn arguments(
    payload: Option<&Payload>,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    payload.map_or_else(|| Ok(Data::default()), |it| it.build(input, scope).map(Arc::new))
}

fn batch(
    batcher: &ItemBatcher,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<MapRunBatch, StatesError> {
    let mut positive = |field: &str, path: &str, number: Option<&Dynamic<u64>>| {
        let number = count(path, number, input, scope)?;
        if number.is_some_and(|number| number <= 0) {
            return Err(StatesError::runtime(format!("field {field} must be positive")));
        }
        Ok(number.map(|number| number as u64))
    };
    let max_items =
        positive("MaxItemsPerBatch", "MaxItemsPerBatchPath", batcher.max_items.as_ref())?;
    let max_bytes =
        positive("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", batcher.max_bytes.as_ref())?;
    let input = batcher.batch_input.as_ref().map(|it| it.build(input, scope)).transpose()?;
    Ok(MapRunBatch { max_items, max_bytes, input: input.map(Arc::new) })
}

/// A whole number: literal, of an expression, or read by a path, where a text that is one will do.
fn count(
    field: &str,
    number: Option<&Dynamic<u64>>,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Option<i64>, StatesError> {
    let path = match number {
        None => return Ok(None),
        Some(Dynamic::Literal(number)) => return Ok(i64::try_from(*number).ok()),
        Some(Dynamic::Query(query)) => {
            let number = data_flow::whole_number(query, 0..=i64::MAX as u64, scope)?;
            return Ok(i64::try_from(number).ok());
        }
        Some(Dynamic::Path(path)) => path,
    };
    let value = resolve(path, input, scope)?.into_owned();
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.map(Some).ok_or_else(|| {
        let text = plain_text(&value);
        StatesError::runtime(format!(
            "The {field} field refers to value \"{text}\" which is not a valid integer: {path}"
        ))
    })
}

/// How many iterations may fail.
pub(crate) fn tolerated_count(
    map: &Map,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Option<u64>, StatesError> {
    match count("ToleratedFailureCountPath", map.tolerated_count.as_ref(), input, scope)? {
        Some(count) if count < 0 => {
            Err(StatesError::runtime("ToleratedFailureCount must be positive."))
        }
        count => Ok(count.map(|count| count as u64)),
    }
}

/// Which share of the iterations may fail.
pub(crate) fn tolerated_percentage(
    map: &Map,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Option<f64>, StatesError> {
    let path = match &map.tolerated_percentage {
        None => return Ok(None),
        Some(Dynamic::Literal(number)) => return Ok(Some(*number)),
        Some(Dynamic::Query(query)) => {
            return data_flow::number_up_to(query, PERCENTAGE_MAX, scope).map(Some);
        }
        Some(Dynamic::Path(path)) => path,
    };
    let value = resolve(path, input, scope)?.into_owned();
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).ok_or_else(|| {
        let text = plain_text(&value);
        StatesError::runtime(format!(
            "The ToleratedFailurePercentagePath field refers to value \"{text}\" which is not a valid float: {path}"
        ))
    })?;
    if (0.0..=PERCENTAGE_MAX).contains(&number) {
        return Ok(Some(number));
    }
    Err(StatesError::runtime("ToleratedFailurePercentage must be between 0 and 100."))
}

/// `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`. A label is unique in its state machine: around
/// a Map run in a child of another, that of the other is not named.
fn arn(d: &mut Decider<'_>, state: &State, distributed: &Distributed) -> Arc<str> {
    let uuid = intrinsic::uuid(&mut d.random);
    let label = distributed.label.as_deref().map_or_else(|| label(&state.name), str::to_owned);
    let machine = d.run.start.context.state_machine_arn.replacen(":stateMachine:", ":mapRun:", 1);
    let machine = machine.split('/').next().unwrap_or_default();
    format!("{machine}/{label}:{uuid}").into()
}

/// A label for a state that has none: as much of its name as an ARN can have.
fn label(name: &str) -> String {
    const LENGTH_MAX: usize = 40;
    let fitting = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    name.chars().map(fitting).take(LENGTH_MAX).collect()
}

//! The Map state. In DISTRIBUTED mode it goes on in `distributed_map` once `MapStateStarted` is recorded.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, also as a retry | items and `MaxConcurrency` are read | `MapStateStarted` |
//! | work, there is room | frames open, as many as may run | `MapIterationStarted` each |
//! | enter item | `ItemSelector` is applied; the iteration enters its first state | `...StateEntered` |
//! | an iteration has ended | its output is kept | `MapIterationSucceeded` |
//! | work, every iteration has ended | the output is computed | `MapStateSucceeded`, `MapStateExited` |
//!
//! The first iterations follow from `MapStateStarted`, a later one from the last event of the iteration
//! whose place it takes; both closing events follow from the last `MapIterationSucceeded`. What a failed
//! iteration leads to is in `failure`.

use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::dataflow::resolve;
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::jsonata::QueryError;
use stepwell_asl::model::{Dynamic, Items, Map, State, StateKind};
use stepwell_asl::{Data, StateMachine, dataflow};

use crate::data_flow;
use crate::decide::Decider;
use crate::event::{Event, Iteration};
use crate::failure::{Failure, give_up};
use crate::frame::{FrameId, Step};
use crate::states::distributed_map;
use crate::states::{enter, exit};

/// The largest percentage.
pub(crate) const PERCENTAGE_MAX: f64 = 100.0;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    map: &Map,
    frame: FrameId,
) -> Result<(), Failure> {
    match d.run.folded.frame(frame).map(|frame| &frame.step) {
        Some(Step::Fork(fork)) if fork.is_complete() => {
            let result = Arc::new(fork.output());
            finish(d, state, map, frame, &result)
        }
        Some(Step::TaskSucceeded(result)) => {
            let result = Arc::clone(result);
            finish(d, state, map, frame, &result)
        }
        Some(Step::MapRun(_)) => distributed_map::start(d, state, map, frame),
        Some(Step::Fork(_)) => {
            start_iterations(d, state, frame);
            Ok(())
        }
        _ => start(d, state, map, frame),
    }
}

/// What a Map state starts with.
pub(crate) struct Opening {
    pub(crate) input: Data,
    pub(crate) items: Data,
    length: usize,
    max_concurrency: u32,
}

fn start(d: &mut Decider<'_>, state: &State, map: &Map, frame: FrameId) -> Result<(), Failure> {
    let raw = d.input(frame);
    let opening = d.evaluate(frame, |scope| open(map, &raw, scope))?;
    d.recordable(frame, &opening.input)?;
    d.recordable(frame, &opening.items)?;
    d.emit(
        frame,
        Event::MapStateStarted {
            length: opening.length,
            items: data_flow::unless_raw(&opening.items, &raw),
            input: data_flow::unless_raw(&opening.input, &raw),
            max_concurrency: opening.max_concurrency,
        },
    );
    if map.distributed.is_some() { distributed_map::start(d, state, map, frame) } else { Ok(()) }
}

pub(crate) fn open(map: &Map, raw: &Data, scope: &mut Scope<'_>) -> Result<Opening, StatesError> {
    let input = data_flow::effective_input(&map.flow, raw, scope)?;
    let max_concurrency = max_concurrency(map, &input, scope)?;
    let reads = map.distributed.as_ref().is_some_and(|distributed| distributed.reader.is_some());
    if reads {
        // `ItemsPath` beside an `ItemReader` means nothing, as recorded.
        scope.reached(Stage::MaxConcurrency, &max_concurrency.into());
        let items = Arc::clone(raw);
        return Ok(Opening { input, items, length: 0, max_concurrency });
    }
    let items = items(map, &input, scope)?;
    if map.distributed.is_none() {
        check_tolerated(map, scope)?;
    }
    let length = items.as_array().map_or(0, Vec::len);
    scope.reached(Stage::MaxConcurrency, &max_concurrency.into());
    Ok(Opening { input, items, length, max_concurrency })
}

/// Evaluates what means nothing to an inline Map.
fn check_tolerated(map: &Map, scope: &mut Scope<'_>) -> Result<(), StatesError> {
    if let Some(Dynamic::Query(query)) = &map.tolerated_count {
        data_flow::number_up_to(query, f64::from(u32::MAX), scope)?;
    }
    if let Some(Dynamic::Query(query)) = &map.tolerated_percentage {
        data_flow::number_up_to(query, PERCENTAGE_MAX, scope)?;
    }
    Ok(())
}

/// Starts as many iterations as may run, as far as the budget of the decision goes.
fn start_iterations(d: &mut Decider<'_>, state: &State, frame: FrameId) {
    loop {
        let fork = match d.run.folded.frame(frame).map(|frame| &frame.step) {
            Some(Step::Fork(fork)) if fork.has_room() => fork,
            _ => return,
        };
        let previous = fork.previous;
        let iteration = Iteration { index: fork.started, name: Arc::clone(&state.name) };
        d.emit_after(frame, previous, Event::MapIterationStarted(iteration));
        if d.is_full() {
            return;
        }
    }
}

/// Enters the first state of an iteration. If its item cannot be selected, the Map state fails, not the
/// state that would have been entered.
pub(crate) fn enter_item(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    first: &State,
    frame: FrameId,
) -> Result<(), Failure> {
    match select_item(d, machine, frame) {
        Ok(input) => {
            enter(d, first, frame, input.into());
            super::work(d, first, frame)
        }
        Err(failure) => {
            give_up(d, machine, frame, failure);
            Ok(())
        }
    }
}

fn select_item(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
) -> Result<Data, Failure> {
    let Some((parent, index)) = d.run.folded.frame(frame).and_then(|frame| frame.parent) else {
        return Ok(Data::default());
    };
    let Some(around) = d.run.folded.frame(parent) else { return Ok(Data::default()) };
    let (StateKind::Map(map), Step::Fork(fork)) = (&machine.state(around.state).kind, &around.step)
    else {
        return Ok(Data::default());
    };
    let Some(selector) = &map.item_selector else {
        return Ok(Arc::new(fork.item(index).cloned().unwrap_or_default()));
    };
    let input = Arc::clone(&fork.input);
    let item = d.evaluate_item(parent, frame, index, |scope| selector.build(&input, scope))?;
    let item = Arc::new(item);
    d.recordable(parent, &item)?;
    Ok(item)
}

pub(crate) fn finish(
    d: &mut Decider<'_>,
    state: &State,
    map: &Map,
    frame: FrameId,
    result: &Data,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome = d.evaluate(frame, |scope| data_flow::outcome(&map.flow, &raw, result, scope))?;
    d.emit(frame, Event::MapStateSucceeded);
    exit(d, state, frame, outcome, map.transition)
}

pub(super) fn max_concurrency(
    map: &Map,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<u32, StatesError> {
    let path = match &map.max_concurrency {
        Dynamic::Literal(bound) => return Ok(*bound),
        Dynamic::Query(query) => {
            let bound = data_flow::whole_number(query, 0..=u64::from(u32::MAX), scope)?;
            return Ok(u32::try_from(bound).expect("within the range"));
        }
        Dynamic::Path(path) => path,
    };
    let value = resolve(path, input, scope)?.into_owned();
    value.as_u64().and_then(|bound| u32::try_from(bound).ok()).ok_or_else(|| {
        StatesError::runtime(format!(
            "The MaxConcurrencyPath field refers to value \"{}\" which is not a valid integer: {path}",
            plain_text(&value),
        ))
    })
}

/// A text without its quotes, anything else as JSON.
pub(crate) fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The items: the very input if that is the array.
fn items(map: &Map, input: &Data, scope: &mut Scope<'_>) -> Result<Data, StatesError> {
    match &map.items {
        Items::Path(path) => {
            let items = if path.is_root() && input.is_array() {
                Arc::clone(input)
            } else {
                Arc::new(Value::Array(dataflow::items(path, input, scope)?))
            };
            scope.reached(Stage::AfterItemsPath, &items);
            Ok(items)
        }
        Items::Query(Some(query)) => {
            let items = query.evaluate_as("array", scope, |value| value.as_array().cloned())?;
            Ok(Arc::new(Value::Array(items)))
        }
        Items::Query(None) if input.is_array() => Ok(Arc::clone(input)),
        Items::Query(None) => Err(StatesError::new(
            QueryError::NAME,
            format!("Map state input must be an array but was: {input}"),
        )),
    }
}

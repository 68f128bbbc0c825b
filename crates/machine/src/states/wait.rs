//! The Wait state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, the time lies ahead | waits | a hidden fact |
//! | work, the time has passed | goes on | `WaitStateExited` |
//! | the time has come | goes on | `WaitStateExited` |

use std::time::Duration;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::Value;
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::jsonpath::Path;
use stepwell_asl::model::{Dynamic, State, Wait, WaitUntil};

use crate::data_flow::{self, SECONDS_MAX};
use crate::decide::Decider;
use crate::event::Event;
use crate::failure::Failure;
use crate::frame::{END_OF_TIME, FrameId, later};
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    wait: &Wait,
    frame: FrameId,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let now = d.now;
    let until = d.evaluate(frame, |scope| {
        let input = data_flow::effective_input(&wait.flow, &raw, scope)?;
        find_until(&wait.until, &input, now, scope)
    })?;
    let until = until.map_err(|error| d.value_refused(frame, error))?;
    if until <= now {
        return leave(d, state, wait, frame);
    }
    d.emit(frame, Event::WaitStarted { until });
    Ok(())
}

/// The time has come.
pub(crate) fn leave(
    d: &mut Decider<'_>,
    state: &State,
    wait: &Wait,
    frame: FrameId,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome = d.evaluate(frame, |scope| data_flow::pass_on(&wait.flow, &raw, scope))?;
    exit(d, state, frame, outcome, wait.transition)
}

/// Until when to wait, or why what was found is of no use.
fn find_until(
    until: &WaitUntil,
    input: &Value,
    now: Timestamp,
    scope: &mut Scope<'_>,
) -> Result<Result<Timestamp, StatesError>, StatesError> {
    Ok(match until {
        WaitUntil::Seconds(Dynamic::Literal(seconds)) => Ok(after(now, *seconds)),
        WaitUntil::Seconds(Dynamic::Path(path)) => {
            let value = find("SecondsPath", path, input, scope)?;
            seconds(path, &value).map(|seconds| after(now, seconds))
        }
        WaitUntil::Seconds(Dynamic::Query(query)) => {
            Ok(after(now, data_flow::whole_number(query, 0..=SECONDS_MAX, scope)?))
        }
        WaitUntil::Timestamp(Dynamic::Literal(text)) => parse("Timestamp", None, text),
        WaitUntil::Timestamp(Dynamic::Path(path)) => {
            let value = find("TimestampPath", path, input, scope)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            parse("TimestampPath", Some(path), &text)
        }
        WaitUntil::Timestamp(Dynamic::Query(query)) => {
            let text =
                query.evaluate_as("string", scope, |value| value.as_str().map(str::to_owned))?;
            instant(&text).ok_or_else(|| {
                query.unusable(format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time \
                     format string: {text}"
                ))
            })
        }
    })
}

/// A wait beyond the end of time lasts until then.
fn after(now: Timestamp, seconds: u64) -> Timestamp {
    later(now, Duration::from_secs(seconds)).unwrap_or(END_OF_TIME)
}

fn find(
    field: &str,
    path: &Path,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Value, StatesError> {
    let found = scope.find(path, input).map(std::borrow::Cow::into_owned);
    found.ok_or_else(|| {
        StatesError::runtime(format!(
            "The {field} parameter does not reference an input value: {path}"
        ))
    })
}

fn seconds(path: &Path, value: &Value) -> Result<u64, StatesError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_whole = value.is_i64() || value.is_u64();
    match value.as_u64() {
        Some(seconds) => Ok(seconds),
        None if is_whole => Err(StatesError::runtime(format!(
            "The SecondsPath parameter references a negative value: {path} == {text}"
        ))),
        None => Err(StatesError::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {text}"
        ))),
    }
}

/// Rounds up to the millisecond, so that nobody goes on too early.
fn instant(text: &str) -> Option<Timestamp> {
    let round = TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Ceil);
    let at = stepwell_asl::timestamp::parse(text)?;
    Some(at.round(round).map_or(END_OF_TIME, |at| at.min(END_OF_TIME)))
}

fn parse(field: &str, path: Option<&Path>, text: &str) -> Result<Timestamp, StatesError> {
    instant(text).ok_or_else(|| {
        let value = path.map_or_else(|| text.to_owned(), |path| format!("{path} == {text}"));
        StatesError::runtime(format!(
            "The {field} parameter does not reference a valid ISO-8601 extended offset date-time \
             format string: {value}"
        ))
    })
}

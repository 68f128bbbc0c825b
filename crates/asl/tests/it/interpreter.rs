//! A naive interpreter of the states that need no world: Pass, Choice, Succeed and Fail. For tests of what the
//! language's functions give together.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_asl::eval::{Random, Scope, StatesError};
use stepwell_asl::model::{StateKind, Text, Transition};
use stepwell_asl::{Data, StateMachine, dataflow};

/// Counts up: any bits will do.
pub(crate) struct Counter(pub(crate) u64);

impl Random for Counter {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0
    }
}

/// How an execution ended.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    Succeeded(Value),
    Failed { error: Option<String>, cause: Option<String> },
}

/// Runs a machine; nothing if it has states that need the world.
pub(crate) fn run(machine: &StateMachine, input: &Value) -> Option<End> {
    let known = machine.states().all(|state| {
        matches!(
            state.kind,
            StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed(_) | StateKind::Fail(_)
        )
    });
    known.then(|| match walk(machine, input) {
        Ok(end) => end,
        Err(StatesError { error, cause }) => {
            End::Failed { error: Some(error.to_owned()), cause: Some(cause) }
        }
    })
}

fn walk(machine: &StateMachine, input: &Value) -> Result<End, StatesError> {
    let context =
        json!({"Execution": {"Input": input, "Name": "name"}, "StateMachine": {"Name": "name"}});
    let mut random = Counter(1);
    let mut scope = Scope { context: &context, random: &mut random };
    let mut data: Data = Arc::new(input.clone());
    let mut current = machine.start_at;
    loop {
        let transition;
        match &machine.state(current).kind {
            StateKind::Pass(pass) => {
                let selected = dataflow::select(&pass.flow.input_path, &data, &mut scope)?;
                let built = dataflow::build(pass.flow.parameters.as_ref(), &selected, &mut scope)?;
                let result = pass.result.clone().unwrap_or(built);
                let placed = dataflow::place(&pass.flow.result_path, &data, result)?;
                data = dataflow::select(&pass.flow.output_path, &placed, &mut scope)?;
                transition = pass.transition;
            }
            StateKind::Choice(choice) => {
                let selected = dataflow::select(&choice.input_path, &data, &mut scope)?;
                let mut target = choice.default;
                for (rule, next) in &choice.rules {
                    if rule.matches(&selected, &mut scope)? {
                        target = Some(*next);
                        break;
                    }
                }
                data = dataflow::select(&choice.output_path, &selected, &mut scope)?;
                transition =
                    Transition::Next(target.expect("a rule matches or there is a default"));
            }
            StateKind::Succeed(succeed) => {
                let selected = dataflow::select(&succeed.input_path, &data, &mut scope)?;
                let output = dataflow::select(&succeed.output_path, &selected, &mut scope)?;
                return Ok(End::Succeeded(Value::clone(&output)));
            }
            StateKind::Fail(fail) => {
                let error = text(fail.error.as_ref(), &data, &mut scope)?;
                let cause = text(fail.cause.as_ref(), &data, &mut scope)?;
                return Ok(End::Failed { error, cause });
            }
            other => unreachable!("excluded before: {other:?}"),
        }
        match transition {
            Transition::Next(next) => current = next,
            Transition::End => return Ok(End::Succeeded(Value::clone(&data))),
        }
    }
}

fn text(
    text: Option<&Text>,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Option<String>, StatesError> {
    match text {
        None => Ok(None),
        Some(Text::Literal(literal)) => Ok(Some(literal.clone())),
        Some(Text::Dynamic(expression)) => {
            let value = expression.evaluate(input, scope)?;
            Ok(Some(value.as_str().expect("a text").to_owned()))
        }
    }
}

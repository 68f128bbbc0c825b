//! One evaluation in the library: what it sees, and what it may use up.

use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::expression::Parsed;
use super::{EvaluationError, Scope, explain, functions, value};

/// How deep an evaluation may nest: some three thousand calls of a function that calls itself.
const DEPTH_MAX: usize = 10_000;

/// How many items a sequence may hold.
const SEQUENCE_MAX: usize = 1_000_000;

/// The net below the other limits, in milliseconds. That it caught an evaluation is recorded in the journal like
/// every failure, so a replay does not depend on it.
const TIME_MAX: u64 = 5_000;

/// `input` is the context (`$`): undefined in a state machine.
pub(super) fn evaluate(
    parsed: &Parsed,
    input: &JValue,
    scope: &mut Scope<'_>,
) -> Result<Option<Value>, EvaluationError> {
    let seed = if parsed.names.draws { scope.random.next_u64() } else { 0 };
    let result = match evaluator(parsed, scope, seed).evaluate(&parsed.tree, input) {
        Ok(result) => result,
        Err(error) => {
            return Err(explained(error.into(), parsed, input, scope, seed));
        }
    };
    value::to_json(&result)
}

fn evaluator(parsed: &Parsed, scope: &Scope<'_>, seed: u64) -> Evaluator {
    let options = EvaluatorOptions {
        timeout_ms: Some(TIME_MAX),
        cancel: None,
        max_stack_depth: Some(DEPTH_MAX),
        max_sequence_length: Some(SEQUENCE_MAX),
    };
    let mut evaluator = Evaluator::with_options(bind(parsed, scope), options);
    functions::register(&mut evaluator, seed, scope.now);
    evaluator
}

/// The error with what its text lacks.
fn explained(
    error: EvaluationError,
    parsed: &Parsed,
    input: &JValue,
    scope: &Scope<'_>,
    seed: u64,
) -> EvaluationError {
    if !explain::applies(&error) {
        return error;
    }
    let witness = Rc::new(explain::Witness::default());
    let mut evaluator = evaluator(parsed, scope, seed);
    witness.register(&mut evaluator);
    match evaluator.evaluate(&explain::with_witnesses(&parsed.tree), input) {
        Ok(_) => error,
        Err(again) => witness.complete(error, again.into()),
    }
}

/// Only what the expression reads is copied in.
fn bind(parsed: &Parsed, scope: &Scope<'_>) -> Context {
    let mut context = Context::new();
    for name in &parsed.names.variables {
        if let Some(value) = scope.bindings.get(name) {
            context.bind(name.clone(), value::from_json(value));
        }
    }
    context
}

//! One evaluation in the library: what it sees, and what it may use up.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use jiff::Timestamp;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::expression::Parsed;
use super::value::Exact;
use super::{EvaluationError, Scope, clock, explain, functions, guards, value};

/// How deep an evaluation may nest: some three thousand calls of a function that calls itself.
const DEPTH_MAX: usize = 10_000;

/// How many items a sequence may hold.
pub(super) const SEQUENCE_MAX: usize = 1_000_000;

/// The net below the other limits, in milliseconds. That it caught an evaluation is recorded in the journal like
/// every failure, so a replay does not depend on it.
const TIME_MAX: u64 = 5_000;

/// How long the text of an error may take, in milliseconds; else it stays as the library has it.
const TIME_EXPLAIN: u64 = 1_000;

/// `input` is the context (`$`): undefined in a state machine.
pub(super) fn evaluate(
    parsed: &Parsed,
    input: &JValue,
    scope: &mut Scope<'_>,
) -> Result<Option<Value>, EvaluationError> {
    evaluate_within(limits(TIME_MAX), parsed, input, scope)
}

pub(super) fn limits(milliseconds: u64) -> EvaluatorOptions {
    EvaluatorOptions {
        timeout_ms: Some(milliseconds),
        cancel: None,
        max_stack_depth: Some(DEPTH_MAX),
        max_sequence_length: Some(SEQUENCE_MAX),
    }
}

pub(super) fn evaluate_within(
    options: EvaluatorOptions,
    parsed: &Parsed,
    input: &JValue,
    scope: &mut Scope<'_>,
) -> Result<Option<Value>, EvaluationError> {
    let seed = if parsed.names.draws { scope.random.next_u64() } else { 0 };
    // A mistake of the library fails one evaluation, not its host. What it left behind is seen by nobody after.
    let run = AssertUnwindSafe(|| run(options, parsed, input, scope, seed));
    catch_unwind(run).unwrap_or_else(|_| Err(broke_down()))
}

fn run(
    options: EvaluatorOptions,
    parsed: &Parsed,
    input: &JValue,
    scope: &Scope<'_>,
    seed: u64,
) -> Result<Option<Value>, EvaluationError> {
    let exact = Rc::new(RefCell::new(Exact::default()));
    let mut evaluator = evaluator(options, parsed, scope, seed, &exact);
    match evaluator.evaluate(&parsed.tree, input) {
        Ok(result) => value::to_json(&result, &exact.borrow()),
        Err(error) => Err(explained(error.into(), parsed, input, scope, seed)),
    }
}

/// Whether a name that no variable has is that of a function.
pub(super) fn is_function(name: &str) -> bool {
    let mut evaluator = Evaluator::new();
    functions::register(&mut evaluator, 0, Timestamp::UNIX_EPOCH, Rc::default());
    let found = evaluator.evaluate(&AstNode::Variable(name.to_owned()), &JValue::Undefined);
    found.is_ok_and(|value| matches!(value, JValue::Builtin { .. }))
}

fn broke_down() -> EvaluationError {
    let message = "The expression cannot be evaluated: an argument is out of every range";
    EvaluationError { code: None, message: message.to_owned() }
}

fn evaluator(
    options: EvaluatorOptions,
    parsed: &Parsed,
    scope: &Scope<'_>,
    seed: u64,
    exact: &Rc<RefCell<Exact>>,
) -> Evaluator {
    let mut context = Context::new();
    for (name, reads) in &parsed.names.variables {
        if let Some(value) = reads.copy(name, scope.bindings, &mut exact.borrow_mut()) {
            if let Some(alias) = guards::values::alias(name).or_else(|| clock::alias(name)) {
                context.bind(alias.to_owned(), value.clone());
            }
            context.bind(name.clone(), value);
        }
    }
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, seed, scope.now, Rc::clone(exact));
    guards::register(&mut evaluator);
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
    let mut evaluator = evaluator(limits(TIME_EXPLAIN), parsed, scope, seed, &Rc::default());
    witness.register(&mut evaluator);
    match evaluator.evaluate(&explain::with_witnesses(&parsed.tree), input) {
        Ok(_) => error,
        Err(again) => witness.complete(error, again.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bindings;
    use super::super::expression::Expression;
    use super::*;
    use crate::eval::Random;

    struct Nothing;

    impl Bindings for Nothing {
        fn get(&self, _: &str) -> Option<&Value> {
            None
        }
    }

    impl Random for Nothing {
        fn next_u64(&mut self) -> u64 {
            unreachable!("nothing is drawn")
        }
    }

    #[test]
    fn what_takes_neither_depth_nor_memory_is_ended_by_time() {
        let now = "2026-11-21T05:06:07.089Z".parse().expect("a timestamp");
        for source in [
            "($f := function() { $f() }; $f())",
            "$map([1..99999], function($i) { $sum([1..99999]) })",
        ] {
            let expression = Expression::parse(source).expect(source);
            let mut scope = Scope { bindings: &Nothing, random: &mut Nothing, now };
            let undefined = JValue::Undefined;
            let outcome = evaluate_within(limits(20), &expression.parsed, &undefined, &mut scope);
            let message = "Expression evaluation timeout: Check for infinite loop".to_owned();
            assert_eq!(outcome, Err(EvaluationError { code: None, message }), "{source}");
        }
    }
}

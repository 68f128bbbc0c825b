//! Bounds on values that hold the same parts over and over. In memory such a value is small; whoever walks it meets
//! every part as often as it is held, and the library does not look at the time while it walks.
//!
//! A value grows by being used more than once, so that it is measured where it gets a name (`:=`, a parameter) or
//! becomes the context of a step, and where the library looks at all of it before it tells whether it is true.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::{JArray, JValue, with_stack};

use super::{Answer, call, first, too_much, wrap};
use crate::jsonata::tree;

/// How many parts a value may have, each counted as often as it is held.
const PARTS_MAX: usize = 10_000_000;

/// Values with fewer parts are counted anew each time.
const PARTS_FEW: usize = 1_000;

/// So many larger values are remembered with their count: a loop hands on the same ones.
const REMEMBERED: usize = 8;

/// Names that no expression can write.
const MEASURE: &str = "<parts>";
const MEASURE_ALL: &str = "<all parts>";

/// Measures what gets a name, becomes a context or is asked whether it is true.
pub(super) fn add(tree: &mut AstNode) {
    tree::rewrite(tree, &mut |node| match node {
        AstNode::Binary { op: BinaryOp::ColonEqual, rhs, .. } => measure(rhs),
        AstNode::Binary { op: BinaryOp::And | BinaryOp::Or, lhs, rhs } => {
            measure_path(lhs);
            measure_path(rhs);
        }
        AstNode::Conditional { condition, .. } => measure_path(condition),
        AstNode::Lambda { params, body, .. } => measure_parameters(params, body),
        AstNode::Path { steps } => {
            steps.iter_mut().skip(1).for_each(|step| measure_made(&mut step.node));
        }
        AstNode::Function { name, args, .. } if matches!(name.as_str(), "boolean" | "not") => {
            args.iter_mut().take(1).for_each(measure_path);
        }
        _ => {}
    });
}

fn measure(node: &mut AstNode) {
    if can_be_large(node) {
        wrap(node, MEASURE);
    }
}

fn can_be_large(node: &AstNode) -> bool {
    !matches!(
        node,
        AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Regex { .. }
            | AstNode::Placeholder
            | AstNode::Lambda { .. }
            | AstNode::Transform { .. }
    )
}

/// What a path gives may hold one large value many times.
fn measure_path(node: &mut AstNode) {
    if matches!(node, AstNode::Path { .. }) {
        wrap(node, MEASURE);
    }
}

/// Of a step: what it selects is no larger than what it selects from, what it makes can be. What an array constructor
/// makes has to stay the step's own, and a path within parentheses goes on behind them.
fn measure_made(node: &mut AstNode) {
    match node {
        AstNode::Array(items) | AstNode::ArrayGroup(items) => {
            items.iter_mut().for_each(measure_item);
        }
        AstNode::FunctionApplication(inner) => measure_made(inner),
        AstNode::Block(nodes) => nodes.last_mut().into_iter().for_each(measure_made),
        AstNode::Object(_) | AstNode::Conditional { .. } => measure(node),
        AstNode::Variable(name) if !name.is_empty() => measure(node),
        _ => {}
    }
}

/// An array constructor within another keeps its brackets.
fn measure_item(item: &mut AstNode) {
    match item {
        AstNode::Array(items) | AstNode::ArrayGroup(items) => {
            items.iter_mut().for_each(measure_item);
        }
        item => measure(item),
    }
}

/// The body begins with the parameters that it uses more than once. Its last expression stays the last, so that a
/// tail call stays one.
fn measure_parameters(params: &[String], body: &mut AstNode) {
    let used = params.iter().filter(|param| uses(body, param) > 1);
    let args: Vec<_> = used.map(|param| AstNode::Variable(param.clone())).collect();
    if !args.is_empty() {
        let whole = std::mem::replace(body, AstNode::Null);
        *body = AstNode::Block(vec![call(MEASURE_ALL, args), whole]);
    }
}

/// How often a parameter is used, as far as the text tells: in a function or in a step, any number of times.
fn uses(body: &mut AstNode, param: &str) -> usize {
    let mut count = 0;
    tree::rewrite(body, &mut |node| match node {
        AstNode::Variable(name) if name == param => count += 1,
        // What is within was counted before.
        node if repeats(node) => count *= 2,
        _ => {}
    });
    count
}

fn repeats(node: &AstNode) -> bool {
    match node {
        AstNode::Lambda { .. } => true,
        AstNode::Path { steps } => {
            steps.iter().skip(1).any(|step| !matches!(step.node, AstNode::Name(_)))
        }
        _ => false,
    }
}

/// The counts of large values that were met before.
#[derive(Default)]
pub(super) struct Known(RefCell<VecDeque<(JValue, usize)>>);

impl Known {
    /// Passes the value on if it is not too large.
    fn measure(&self, args: &[JValue]) -> Answer {
        self.check(args)?;
        Ok(first(args))
    }

    fn check(&self, values: &[JValue]) -> Answer {
        for value in values {
            let mut room = PARTS_MAX;
            self.take(value, &mut room)?;
        }
        Ok(JValue::Undefined)
    }

    fn take(&self, value: &JValue, room: &mut usize) -> Result<(), EvaluatorError> {
        let (JValue::Array(_) | JValue::Object(_)) = value else { return take(1, room) };
        if let Some(count) = self.count(value) {
            return take(count, room);
        }
        let before = *room;
        take(1, room)?;
        with_stack(|| match value {
            JValue::Array(items) => items.iter().try_for_each(|item| self.take(item, room)),
            JValue::Object(fields) => fields.values().try_for_each(|field| self.take(field, room)),
            _ => unreachable!("only these have parts"),
        })?;
        let count = before - *room;
        if count >= PARTS_FEW {
            self.remember(value, count);
        }
        Ok(())
    }

    fn count(&self, value: &JValue) -> Option<usize> {
        let known = self.0.borrow();
        known.iter().find(|(other, _)| is_same(other, value)).map(|(_, count)| *count)
    }

    fn remember(&self, value: &JValue, count: usize) {
        let mut known = self.0.borrow_mut();
        known.truncate(REMEMBERED - 1);
        known.push_front((value.clone(), count));
    }
}

fn take(count: usize, room: &mut usize) -> Result<(), EvaluatorError> {
    *room = room.checked_sub(count).ok_or_else(too_much)?;
    Ok(())
}

/// Whether both are the very same in memory. A remembered value is held, so that nothing else can take its place.
fn is_same(one: &JValue, other: &JValue) -> bool {
    match (one, other) {
        (JValue::Array(one), JValue::Array(other)) => JArray::ptr_eq(one, other),
        (JValue::Object(one), JValue::Object(other)) => Rc::ptr_eq(one, other),
        _ => false,
    }
}

/// Makes the functions known that measure.
pub(super) fn register(evaluator: &mut Evaluator) {
    let known = Rc::new(Known::default());
    let mut add = |name: &str, function: fn(&Known, &[JValue]) -> Answer| {
        let known = Rc::clone(&known);
        let measuring = move |args: &[JValue]| function(&known, args);
        evaluator.register_fn_override(name, measuring).expect("no name of the library's");
    };
    add(MEASURE, Known::measure);
    add(MEASURE_ALL, Known::check);
}

//! What the library leaves out of its errors: which function refused an argument, which values cannot be compared.
//!
//! An expression that failed so is evaluated once more with witnesses in it. One stands at the last argument of
//! each call and so sees which call came last before the failure; one stands for each comparison. They change no
//! result, and cost nothing where nothing fails.

use std::cell::RefCell;
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;

use super::EvaluationError;
use super::tree;

/// Names that no expression can write.
const CALL: &str = "<call>";
const COMPARE: &str = "<compare>";

/// Whether the library's text of this error lacks something.
pub(super) fn applies(error: &EvaluationError) -> bool {
    let code = error.code.as_deref();
    matches!(code, Some("T0410" | "T0411" | "T0412")) && !error.message.contains('"')
        || matches!(code, Some("T2009" | "T2010"))
}

/// The tree with witnesses.
pub(super) fn with_witnesses(node: &AstNode) -> AstNode {
    let mut node = node.clone();
    tree::rewrite(&mut node, &mut add_witness);
    node
}

fn add_witness(node: &mut AstNode) {
    match node {
        AstNode::Function { name, args, .. } => {
            let name = AstNode::String(name.clone());
            match args.last_mut() {
                // A partial application calls nothing yet.
                Some(AstNode::Placeholder) => {}
                Some(last) => {
                    let value = std::mem::replace(last, AstNode::Null);
                    *last = call(CALL, vec![name, value]);
                }
                None => {
                    let bare = std::mem::replace(node, AstNode::Null);
                    *node = AstNode::Block(vec![call(CALL, vec![name]), bare]);
                }
            }
        }
        // `list ~> $sum()` gives the function its left side: that is the argument to stand at.
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => {
            if let Some((name, bare)) = call_without_arguments(rhs) {
                let value = std::mem::replace(&mut **lhs, AstNode::Null);
                **lhs = call(CALL, vec![name, value]);
                **rhs = bare;
            }
        }
        AstNode::Binary { op, lhs, rhs } => {
            if let Some(symbol) = symbol(*op) {
                let take = |side: &mut AstNode| std::mem::replace(side, AstNode::Null);
                let args = vec![AstNode::String(symbol.to_owned()), take(lhs), take(rhs)];
                *node = call(COMPARE, args);
            }
        }
        _ => {}
    }
}

/// The name and the call without its witness, as [`add_witness`] made them of a call without arguments.
fn call_without_arguments(node: &AstNode) -> Option<(AstNode, AstNode)> {
    let AstNode::Block(nodes) = node else { return None };
    let [AstNode::Function { name: witness, args, .. }, bare] = &nodes[..] else { return None };
    let [name] = &args[..] else { return None };
    (witness == CALL).then(|| (name.clone(), bare.clone()))
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

fn symbol(op: BinaryOp) -> Option<&'static str> {
    match op {
        BinaryOp::LessThan => Some("<"),
        BinaryOp::LessThanOrEqual => Some("<="),
        BinaryOp::GreaterThan => Some(">"),
        BinaryOp::GreaterThanOrEqual => Some(">="),
        _ => None,
    }
}

/// What the witnesses saw.
#[derive(Default)]
pub(super) struct Witness {
    called: RefCell<String>,
}

impl Witness {
    /// Makes the witnesses known to the evaluator of [`with_witnesses`].
    pub(super) fn register(self: &Rc<Self>, evaluator: &mut Evaluator) {
        let witness = Rc::clone(self);
        let called = move |args: &[JValue]| {
            if let Some(JValue::String(name)) = args.first() {
                witness.called.replace(name.to_string());
            }
            Ok(args.get(1).cloned().unwrap_or(JValue::Undefined))
        };
        evaluator.register_fn(CALL, called).expect("no such function");
        evaluator.register_fn(COMPARE, compare).expect("no such function");
    }

    /// The error of the first evaluation, with what its text lacks; `again` is that of the second.
    pub(super) fn complete(
        &self,
        error: EvaluationError,
        again: EvaluationError,
    ) -> EvaluationError {
        if again.code != error.code {
            return error;
        }
        match error.code.as_deref() {
            Some("T2009" | "T2010") => again,
            _ => EvaluationError { message: self.argument(&error), ..error },
        }
    }

    /// `Argument 1 must be Number` in the reference's words.
    fn argument(&self, error: &EvaluationError) -> String {
        let (code, text) = (error.code.as_deref().unwrap_or_default(), error.message.as_str());
        let index = index(text);
        let name = serde_json::Value::from(self.called.borrow().as_str());
        match (code, text.rsplit_once("an array of ")) {
            ("T0412", Some((_, kind))) => {
                let kind = format!("{}s", kind.to_lowercase());
                format!("Argument {index} of function {name} must be an array of \"{kind}\"")
            }
            ("T0411", _) => format!(
                "Context value is not a compatible type with argument {index} of function {name}"
            ),
            _ => format!("Argument {index} of function {name} does not match function signature"),
        }
    }
}

/// Which argument is meant: a number of its own, or the first that is missing or too many.
fn index(text: &str) -> usize {
    let numbers: Vec<usize> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    match numbers[..] {
        [expected, got] if text.contains("count mismatch") => expected.min(got) + 1,
        [index, ..] => index,
        [] => 1,
    }
}

/// A comparison as the evaluator makes it, that names the values which it refuses.
fn compare(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let [JValue::String(symbol), left, right] = args else { return Ok(JValue::Undefined) };
    let comparable =
        |value: &JValue| value.is_number() || value.is_string() || value.is_undefined();
    let refuse = |text: String| Err(EvaluatorError::EvaluationError(text));
    if !comparable(left) || !comparable(right) {
        return refuse(format!(
            "T2010: The expressions either side of operator \"{symbol}\" must evaluate to numeric or \
             string values"
        ));
    }
    let order = match (left, right) {
        (JValue::Undefined, _) | (_, JValue::Undefined) => return Ok(JValue::Undefined),
        (JValue::Number(left), JValue::Number(right)) => left.partial_cmp(right),
        (JValue::String(left), JValue::String(right)) => Some(left.cmp(right)),
        _ => {
            return refuse(format!(
                "T2009: The values {left} and {right} either side of operator \"{symbol}\" must be of \
                 the same data type"
            ));
        }
    };
    Ok(JValue::Bool(match &**symbol {
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        _ => order.is_some_and(std::cmp::Ordering::is_ge),
    }))
}

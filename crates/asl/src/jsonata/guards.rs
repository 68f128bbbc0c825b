//! Bounds on the texts that an expression builds. The library bounds depth, sequences and time; a text that is
//! doubled thirty times fits into all of these.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions;
use jsonata_core::value::JValue;

use super::{texts, tree};

/// The longest text, in bytes: some ten times of what AWS allows an evaluation to hold.
const TEXT_MAX: usize = 64 * 1024 * 1024;

/// Names that no expression can write.
const CONCATENATE: &str = "<&>";
const TIMES: &str = "<times>";
const PART: &str = "<part>";
const PAD: &str = "<pad>";

/// Bounds what a tree can build.
pub(super) fn add(tree: &mut AstNode) {
    bound_concatenations(tree);
    tree::rewrite(tree, &mut bound_product);
    if !binds(tree, "pad") {
        tree::rewrite(tree, &mut hand_context_to_pad);
    }
}

/// Whether the expression binds the name itself, somewhere.
fn binds(tree: &mut AstNode, name: &str) -> bool {
    let mut found = false;
    tree::rewrite(tree, &mut |node| {
        found |= match node {
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, .. } => {
                matches!(&**lhs, AstNode::Variable(bound) if bound == name)
            }
            AstNode::Lambda { params, .. } => params.iter().any(|param| param == name),
            _ => false,
        };
    });
    found
}

/// `$pad` is ours, and the library puts the context in place of an argument for its own functions alone. It goes
/// last, so that `text ~> $pad(10)` can still put the text first.
fn hand_context_to_pad(node: &mut AstNode) {
    if let AstNode::Function { name, args, .. } = node
        && name == "pad"
    {
        PAD.clone_into(name);
        args.push(AstNode::Variable(String::new()));
    }
}

/// `$join` puts its second argument between the items of the first, `$replace` its third in place of parts of
/// the first: what they build is as long as the product.
fn bound_product(node: &mut AstNode) {
    let AstNode::Function { name, args, .. } = node else { return };
    let part = match name.as_str() {
        "join" => 1,
        "replace" => 2,
        _ => return,
    };
    for (index, function) in [(0, TIMES), (part, PART)] {
        if let Some(arg) = args.get_mut(index)
            && !matches!(arg, AstNode::Placeholder | AstNode::Lambda { .. })
        {
            let value = std::mem::replace(arg, AstNode::Null);
            *arg = call(function, vec![value]);
        }
    }
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

/// Puts bounded concatenations in place of those that could double a text again and again. Where no result is
/// used twice, a text is no longer than the data and the expression, and the library's own are faster.
fn bound_concatenations(tree: &mut AstNode) {
    let mut repeats = Repeats::default();
    tree::rewrite(tree, &mut |node| repeats.look_at(node));
    if !repeats.found() {
        return;
    }
    tree::rewrite(tree, &mut |node| {
        if let AstNode::Binary { op: BinaryOp::Concatenate, lhs, rhs } = node {
            let take = |side: &mut AstNode| std::mem::replace(side, AstNode::Null);
            let args = vec![take(lhs), take(rhs)];
            *node = call(CONCATENATE, args);
        }
    });
}

/// Whether a result can become the input of the same operation: through a variable, `$reduce`, or a function
/// that is handed to a function.
#[derive(Default)]
struct Repeats {
    binds: bool,
    parameters: Vec<String>,
    called: Vec<String>,
}

impl Repeats {
    fn look_at(&mut self, node: &AstNode) {
        match node {
            AstNode::Binary { op: BinaryOp::ColonEqual, .. } => self.binds = true,
            AstNode::Variable(name) if name == "reduce" => self.binds = true,
            AstNode::Lambda { params, .. } => self.parameters.extend_from_slice(params),
            AstNode::Function { name, .. } => self.called.push(name.clone()),
            _ => {}
        }
    }

    fn found(&self) -> bool {
        let repeats = |name: &String| name == "reduce" || self.parameters.contains(name);
        self.binds || self.called.iter().any(repeats)
    }
}

/// Makes the bounded functions known.
pub(super) fn register(evaluator: &mut Evaluator) {
    evaluator.register_fn(CONCATENATE, concatenate).expect("no such function");
    evaluator.register_fn_override("pad", pad).expect("not part of a fast path");
    evaluator.register_fn(PAD, pad_in_context).expect("no such function");
    let seen = Rc::new(Cell::new(0));
    let times = Rc::clone(&seen);
    let look = move |args: &[JValue]| measure(args, &times);
    evaluator.register_fn(TIMES, look).expect("no such function");
    let check = move |args: &[JValue]| multiply(args, &seen);
    evaluator.register_fn(PART, check).expect("no such function");
}

/// Passes the first argument of `$join` or `$replace` on, and notes into how many places a part can go.
fn measure(args: &[JValue], times: &Cell<usize>) -> Result<JValue, EvaluatorError> {
    let value = args.first().cloned().unwrap_or(JValue::Undefined);
    let length = |item: &JValue| item.as_str().map_or(0, str::len);
    match &value {
        JValue::Array(items) => {
            bound(items.iter().map(length).sum())?;
            times.set(items.len());
        }
        other => times.set(length(other) + 1),
    }
    Ok(value)
}

/// Passes the part on, if it does not become too much.
fn multiply(args: &[JValue], times: &Cell<usize>) -> Result<JValue, EvaluatorError> {
    let value = args.first().cloned().unwrap_or(JValue::Undefined);
    bound(value.as_str().map_or(0, str::len).saturating_mul(times.get()))?;
    Ok(value)
}

fn concatenate(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let mut text = String::new();
    for arg in args {
        let part = match arg {
            JValue::Undefined => continue,
            JValue::String(_) => arg.clone(),
            other => functions::string::string(other, None)?,
        };
        let part = part.as_str().unwrap_or_default();
        bound(text.len() + part.len())?;
        text.push_str(part);
    }
    Ok(JValue::string(text))
}

/// `$pad` with the context behind its arguments: it is the text where that is left out.
fn pad_in_context(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let Some((context, args)) = args.split_last() else { return pad(args) };
    let lacks_text = match args {
        [JValue::Number(_)] => true,
        [JValue::Number(_), filling] => !filling.is_number(),
        _ => false,
    };
    if !lacks_text {
        return pad(args);
    }
    if !context.is_string() && !context.is_undefined() {
        return Err(EvaluatorError::EvaluationError(
            "T0411: Context value is not a compatible type with argument 1 of function \"pad\""
                .to_owned(),
        ));
    }
    pad(&[std::slice::from_ref(context), args].concat())
}

/// `$pad(text, width [, char])`: on the right, or with a negative width on the left.
fn pad(args: &[JValue]) -> Result<JValue, EvaluatorError> {
    let given = |index: usize| args.get(index).filter(|value| !value.is_undefined());
    let mismatch = |index| super::functions::mismatch("pad", index);
    let Some(text) = given(0) else { return Ok(JValue::Undefined) };
    let text = text.as_str().ok_or_else(|| mismatch(0))?;
    let width = given(1).and_then(JValue::as_f64).ok_or_else(|| mismatch(1))?;
    let filling = match given(2) {
        None => " ",
        Some(filling) => filling.as_str().ok_or_else(|| mismatch(2))?,
    };
    let filling = if filling.is_empty() { " " } else { filling };
    let missing = (width.abs() as usize).saturating_sub(text.chars().count());
    bound(missing.saturating_mul(4).saturating_add(text.len()))?;
    let filling: String = filling.chars().cycle().take(missing).collect();
    Ok(JValue::string(if width < 0.0 { filling + text } else { text.to_owned() + &filling }))
}

fn bound(length: usize) -> Result<(), EvaluatorError> {
    if length > TEXT_MAX {
        return Err(EvaluatorError::EvaluationError(texts::MEMORY.to_owned()));
    }
    Ok(())
}

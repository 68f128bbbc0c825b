//! Functions of the library that are used as values: `$j := $join`, `$map(list, $string)`, `$join(?, text)`. Those
//! whose result can be much longer than what they are given get another name there, behind which a bounded one works.

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions::{FunctionError, array, string};
use jsonata_core::value::JValue;

use super::{Answer, Budget, TEXT_MAX, bound_join, bound_replacement, first, within};
use crate::jsonata::functions::mismatch;
use crate::jsonata::tree;

/// The functions with their names as values, which no expression can write.
const AS_VALUES: [(&str, &str); 4] = [
    ("string", "<string>"),
    ("join", "<join>"),
    ("replace", "<replace>"),
    ("distinct", "<distinct>"),
];

/// The name under which the value of the variable `name` is looked up besides.
pub(in crate::jsonata) fn alias(name: &str) -> Option<&'static str> {
    AS_VALUES.iter().find(|(function, _)| *function == name).map(|(_, value)| *value)
}

/// Gives the functions their other names wherever the tree uses them as values.
pub(super) fn rename(tree: &mut AstNode) {
    let bound: Vec<_> = AS_VALUES.iter().filter(|(name, _)| super::binds(tree, name)).collect();
    tree::rewrite(tree, &mut |node| {
        let is_partial =
            |args: &[AstNode]| args.iter().any(|it| matches!(it, AstNode::Placeholder));
        let name = match node {
            AstNode::Variable(name) => name,
            AstNode::Function { name, args, .. } if is_partial(args) => name,
            _ => return,
        };
        let used = AS_VALUES.iter().find(|(function, _)| function == name);
        if let Some(used) = used.filter(|used| !bound.contains(used)) {
            used.1.clone_into(name);
        }
    });
}

/// Makes the bounded functions known.
pub(super) fn register(evaluator: &mut Evaluator, budget: &std::rc::Rc<Budget>) {
    let functions: [fn(&Budget, &[JValue]) -> Answer; 4] = [as_text, join, replace, distinct];
    for ((_, name), function) in AS_VALUES.into_iter().zip(functions) {
        let budget = std::rc::Rc::clone(budget);
        let bounded = move |args: &[JValue]| function(&budget, args);
        evaluator.register_fn_override(name, bounded).expect("no name of the library's");
    }
}

/// `$string(value [, prettify])`. `$map` hands over an index where others say whether to be pretty.
fn as_text(budget: &Budget, args: &[JValue]) -> Answer {
    if first(args).is_undefined() {
        return Ok(JValue::Undefined);
    }
    within(args, TEXT_MAX)?;
    let prettify = args.get(1).and_then(JValue::as_bool);
    budget.keep(string::string(&args[0], prettify).map_err(refused)?)
}

/// `$join(texts [, separator])`.
fn join(budget: &Budget, args: &[JValue]) -> Answer {
    let texts = first(args);
    let items = match &texts {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    if !items.iter().all(JValue::is_string) {
        let text = "T0412: Argument 1 of function \"join\" must be an array of \"strings\"";
        return Err(EvaluatorError::EvaluationError(text.to_owned()));
    }
    let separator = text_at(args, 1, "join")?;
    bound_join(args)?;
    budget.keep(string::join(items, separator).map_err(refused)?)
}

/// `$replace(text, pattern, replacement [, limit])` with a text as the replacement: a function cannot be called from
/// here.
fn replace(budget: &Budget, args: &[JValue]) -> Answer {
    let Some(text) = text_at(args, 0, "replace")? else { return Ok(JValue::Undefined) };
    let pattern = args.get(1).ok_or_else(|| mismatch("replace", 1))?;
    if !matches!(pattern, JValue::String(_) | JValue::Regex { .. }) {
        return Err(mismatch("replace", 1));
    }
    let replacement = text_at(args, 2, "replace")?.ok_or_else(|| mismatch("replace", 2))?;
    let limit = match args.get(3) {
        None | Some(JValue::Undefined) => None,
        Some(JValue::Number(limit)) if *limit >= 0.0 => Some(*limit as usize),
        Some(_) => return Err(mismatch("replace", 3)),
    };
    bound_replacement(args)?;
    budget.keep(string::replace(text, pattern, replacement, limit).map_err(refused)?)
}

/// `$distinct(list)`.
fn distinct(_: &Budget, args: &[JValue]) -> Answer {
    match within(args, super::WALK_MAX)? {
        JValue::Array(items) => array::distinct(&items).map_err(refused),
        single => Ok(single),
    }
}

/// A text; nothing if it is left out or undefined.
fn text_at<'a>(
    args: &'a [JValue],
    index: usize,
    function: &str,
) -> Result<Option<&'a str>, EvaluatorError> {
    match args.get(index) {
        None | Some(JValue::Undefined) => Ok(None),
        Some(JValue::String(text)) => Ok(Some(text)),
        Some(_) => Err(mismatch(function, index)),
    }
}

fn refused(error: FunctionError) -> EvaluatorError {
    error.into()
}

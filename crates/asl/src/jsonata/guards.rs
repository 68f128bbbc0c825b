//! Bounds on what an expression builds. The library bounds depth, sequences and time; a text that is doubled thirty
//! times fits into all of these. Here stand the bounds on texts, in [`parts`] those on values that share parts, in
//! [`values`] those of functions that are used as values.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions;
use jsonata_core::value::{JValue, with_stack};

use super::{texts, tree};

mod parts;
pub(super) mod values;

/// The longest text, in bytes: some ten times of what AWS allows an evaluation to hold.
const TEXT_MAX: usize = 64 * 1024 * 1024;

/// What is compared as a whole, and all texts in use that an expression built, in bytes.
const WALK_MAX: usize = 256 * 1024 * 1024;

/// Texts below are not counted one by one.
const TEXT_SHORT: usize = 256;

/// Names that no expression can write.
const CONCATENATE: &str = "<&>";
const FIRST: &str = "<first>";
const NEXT: &str = "<next>";
const LAST: &str = "<last>";
const ONLY: &str = "<only>";
const KEEP: &str = "<keep>";
const PIECE: &str = "<piece>";
const AS_TEXT: &str = "<as text>";
const TO_WALK: &str = "<to walk>";
const PAD: &str = "<pad>";

/// Bounds what a tree can build.
pub(super) fn add(tree: &mut AstNode) {
    let mut repeats = false;
    tree::rewrite(tree, &mut |node| repeats |= uses_twice(node));
    values::rename(tree);
    if repeats {
        parts::add(tree);
    }
    bound_texts(tree, repeats);
    if !binds(tree, "pad") {
        tree::rewrite(tree, &mut hand_context_to_pad);
    }
}

/// Whether the expression binds the name itself, somewhere.
pub(super) fn binds(tree: &mut AstNode, name: &str) -> bool {
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
/// the first: what they build is as long as the product. The arguments pass through functions that note them, and
/// the one at the last argument sees them all.
fn bound_product(node: &mut AstNode) {
    match node {
        AstNode::Function { name, args, .. } if is_product(name) => note_arguments(args),
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => {
            note_left_side(lhs, rhs);
        }
        _ => {}
    }
}

fn is_product(name: &str) -> bool {
    matches!(name, "join" | "replace")
}

fn note_arguments(args: &mut [AstNode]) {
    if args.iter().any(|arg| matches!(arg, AstNode::Placeholder)) {
        return;
    }
    for arg in &mut *args {
        // What a function puts in, piece by piece.
        if let AstNode::Lambda { body, thunk, .. } = arg {
            wrap(body, PIECE);
            *thunk = false;
        }
    }
    let count = args.len();
    for (index, arg) in args.iter_mut().enumerate() {
        let is_last = index + 1 == count;
        wrap(
            arg,
            match (index, is_last) {
                (0, true) => ONLY,
                (0, false) => FIRST,
                (_, false) => NEXT,
                (_, true) => LAST,
            },
        );
        if let AstNode::Function { args, .. } = arg
            && is_last
        {
            args.push(AstNode::Variable(String::new()));
        }
    }
}

/// The left side of `~>` is the first argument of the function behind it.
fn note_left_side(lhs: &mut AstNode, rhs: &mut AstNode) {
    match called(rhs) {
        AstNode::Variable(name) if is_product(name) => wrap(lhs, ONLY),
        AstNode::Function { name, args, .. } if is_product(name) => match args.first_mut() {
            None => wrap(lhs, ONLY),
            Some(AstNode::Function { name, .. }) => {
                if name == FIRST || name == ONLY {
                    let now = if name == FIRST { NEXT } else { LAST };
                    now.clone_into(name);
                    wrap(lhs, FIRST);
                }
            }
            // A partial application.
            Some(_) => {}
        },
        _ => {}
    }
}

/// The function behind `~>`, without the filters behind it.
fn called(rhs: &mut AstNode) -> &mut AstNode {
    if !matches!(rhs, AstNode::Path { steps } if steps.len() == 1) {
        return rhs;
    }
    let AstNode::Path { steps } = rhs else { unreachable!("a path was matched") };
    &mut steps[0].node
}

/// Counts what functions build that are the library's.
fn keep_result(node: &mut AstNode) {
    match node {
        AstNode::Function { name, args, .. }
            if (is_product(name) || name == "string")
                && !args.iter().any(|arg| matches!(arg, AstNode::Placeholder)) =>
        {
            wrap(node, KEEP);
        }
        AstNode::Binary { op: BinaryOp::ChainPipe, rhs, .. } => {
            let function = called(rhs);
            if let AstNode::Function { name, args, .. } = function
                && name == KEEP
                && let Some(kept) = args.pop()
            {
                *function = kept;
                wrap(node, KEEP);
            }
        }
        _ => {}
    }
}

fn wrap(node: &mut AstNode, function: &str) {
    let value = std::mem::replace(node, AstNode::Null);
    *node = call(function, vec![value]);
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

/// Puts bounded concatenations in place of those that could double a text again and again, and measures what is
/// written out or compared as a whole. Where no result is used twice, both are no longer than the data and the
/// expression, and the library's own are faster: `repeats` tells.
fn bound_texts(tree: &mut AstNode, repeats: bool) {
    if repeats {
        tree::rewrite(tree, &mut measure);
    }
    tree::rewrite(tree, &mut bound_product);
    if repeats {
        tree::rewrite(tree, &mut keep_result);
    }
}

fn measure(node: &mut AstNode) {
    match node {
        AstNode::Binary { op: BinaryOp::Concatenate, lhs, rhs } => {
            let take = |side: &mut AstNode| std::mem::replace(side, AstNode::Null);
            let args = vec![take(lhs), take(rhs)];
            *node = call(CONCATENATE, args);
        }
        // What is compared with a literal is looked at no further than that.
        AstNode::Binary { op: BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In, lhs, rhs }
            if !is_literal(lhs) && !is_literal(rhs) =>
        {
            wrap(lhs, TO_WALK);
            wrap(rhs, TO_WALK);
        }
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => {
            if let Some(kind) = measured(rhs) {
                wrap(lhs, kind);
            }
        }
        AstNode::Function { args, .. } if args.is_empty() => {}
        AstNode::Function { name, args, .. } => {
            let kind = measured_function(name);
            if let (Some(kind), [first, ..]) = (kind, &mut args[..])
                && !matches!(first, AstNode::Placeholder)
            {
                wrap(first, kind);
            }
        }
        _ => {}
    }
}

fn is_literal(node: &AstNode) -> bool {
    use AstNode::{Boolean, Null, Number, String};
    matches!(node, String(_) | Number(_) | Boolean(_) | Null)
}

/// How the left side of `~>` is measured.
fn measured(rhs: &AstNode) -> Option<&'static str> {
    match rhs {
        AstNode::Path { steps } if steps.len() == 1 => measured(&steps[0].node),
        AstNode::Function { name, .. } | AstNode::Variable(name) => measured_function(name),
        _ => None,
    }
}

/// How the first argument of a function is measured that looks at all of it.
fn measured_function(name: &str) -> Option<&'static str> {
    match name {
        "string" => Some(AS_TEXT),
        "distinct" => Some(TO_WALK),
        _ => None,
    }
}

/// Whether a result can be used more than once: by a name, or by a step that sees it as its context.
fn uses_twice(node: &AstNode) -> bool {
    match node {
        AstNode::Binary { op: BinaryOp::ColonEqual, .. }
        | AstNode::Lambda { .. }
        | AstNode::ObjectTransform { .. }
        | AstNode::Transform { .. } => true,
        AstNode::Variable(name) => name == "reduce",
        AstNode::Path { steps } => {
            steps.iter().skip(1).any(|step| !matches!(step.node, AstNode::Name(_)))
        }
        _ => false,
    }
}

/// Makes the bounded functions known.
pub(super) fn register(evaluator: &mut Evaluator) {
    let budget = Rc::new(Budget::default());
    let mut add = |name: &str, function: fn(&Budget, &[JValue]) -> Answer| {
        let budget = Rc::clone(&budget);
        let bounded = move |args: &[JValue]| function(&budget, args);
        evaluator.register_fn_override(name, bounded).expect("not part of a fast path");
    };
    add(CONCATENATE, concatenate);
    add("pad", pad);
    add(PAD, pad_in_context);
    add(FIRST, |budget, args| Ok(budget.note_first(args)));
    add(NEXT, |budget, args| Ok(budget.note(args)));
    add(LAST, Budget::check_product);
    add(ONLY, |budget, args| {
        budget.calls.borrow_mut().push(Vec::new());
        budget.check_product(args)
    });
    add(KEEP, |budget, args| budget.keep(first(args)));
    add(PIECE, Budget::take_piece);
    add(AS_TEXT, |_, args| within(args, TEXT_MAX));
    add(TO_WALK, |_, args| within(args, WALK_MAX));
    values::register(evaluator, &budget);
    parts::register(evaluator);
}

type Answer = Result<JValue, EvaluatorError>;

fn first(args: &[JValue]) -> JValue {
    args.first().cloned().unwrap_or(JValue::Undefined)
}

/// Passes a value on whose parts, written out one by one, take no more than `max` bytes, roughly. One that holds the
/// same parts over and over can take far more than it does in memory.
fn within(args: &[JValue], max: usize) -> Answer {
    let value = first(args);
    if !value.is_string() {
        take_size(&value, &mut { max })?;
    }
    Ok(value)
}

fn take_size(value: &JValue, room: &mut usize) -> Result<(), EvaluatorError> {
    let own = match value {
        JValue::String(text) => text.len(),
        JValue::Object(fields) => fields.keys().map(String::len).sum(),
        _ => 0,
    };
    *room = room.checked_sub(own + 8).ok_or_else(too_much)?;
    match value {
        JValue::Array(items) => {
            with_stack(|| items.iter().try_for_each(|item| take_size(item, room)))
        }
        JValue::Object(fields) => {
            with_stack(|| fields.values().try_for_each(|field| take_size(field, room)))
        }
        _ => Ok(()),
    }
}

/// What one evaluation may build.
#[derive(Default)]
struct Budget {
    /// Arguments of the calls that are being made, the innermost last.
    calls: RefCell<Vec<Vec<JValue>>>,
    /// How much functions have put into texts, in bytes.
    pieces: Cell<usize>,
    /// Texts that were built, as far as they may still be in use, and their length in sum.
    texts: RefCell<(Vec<Weak<str>>, usize)>,
}

impl Budget {
    fn note_first(&self, args: &[JValue]) -> JValue {
        self.calls.borrow_mut().push(Vec::new());
        self.note(args)
    }

    fn note(&self, args: &[JValue]) -> JValue {
        if let Some(call) = self.calls.borrow_mut().last_mut() {
            call.push(first(args));
        }
        first(args)
    }

    /// With the last argument and the context behind it.
    fn check_product(&self, args: &[JValue]) -> Answer {
        let mut values = self.calls.borrow_mut().pop().unwrap_or_default();
        values.push(first(args));
        // Where the text is left out, the context is the text. `$join` takes none.
        let lacks_text = match &values[..] {
            [text, _] => !text.is_array(),
            [_, _, limit] => limit.is_number(),
            _ => false,
        };
        if lacks_text && let Some(context) = args.get(1).cloned() {
            values.insert(0, context);
            bound_join(&values[1..])?;
        }
        bound_join(&values)?;
        bound_replacement(&values)?;
        Ok(first(args))
    }

    /// What a function gives `$replace` to put in.
    fn take_piece(&self, args: &[JValue]) -> Answer {
        let length = first(args).as_str().map_or(0, str::len);
        self.pieces.set(self.pieces.get().saturating_add(length));
        bound(self.pieces.get())?;
        Ok(first(args))
    }

    /// A text that was built. All that are in use together are bounded too; short ones are left to the other limits.
    fn keep(&self, text: JValue) -> Answer {
        if let JValue::String(content) = &text
            && content.len() >= TEXT_SHORT
        {
            let (texts, sum) = &mut *self.texts.borrow_mut();
            texts.push(Rc::downgrade(content));
            *sum += content.len();
            if *sum > WALK_MAX {
                texts.retain(|text| text.strong_count() > 0);
                *sum = texts.iter().filter_map(Weak::upgrade).map(|text| text.len()).sum();
            }
            if *sum > WALK_MAX {
                return Err(too_much());
            }
        }
        Ok(text)
    }
}

/// `[list, separator]`.
fn bound_join(values: &[JValue]) -> Result<(), EvaluatorError> {
    let [JValue::Array(items), others @ ..] = values else { return Ok(()) };
    let length = |item: &JValue| item.as_str().map_or(0, str::len);
    let between = others.first().map_or(0, length).saturating_mul(items.len());
    bound(items.iter().map(length).sum::<usize>().saturating_add(between))
}

/// `[text, pattern, replacement]`.
fn bound_replacement(values: &[JValue]) -> Result<(), EvaluatorError> {
    let [JValue::String(text), _, JValue::String(replacement), ..] = values else { return Ok(()) };
    bound((text.len() + 1).saturating_mul(replacement.len()))
}

fn concatenate(budget: &Budget, args: &[JValue]) -> Answer {
    let mut text = String::new();
    for arg in args {
        let part = match arg {
            JValue::Undefined => continue,
            JValue::String(_) => arg.clone(),
            other => {
                within(std::slice::from_ref(other), TEXT_MAX)?;
                functions::string::string(other, None)?
            }
        };
        let part = part.as_str().unwrap_or_default();
        bound(text.len() + part.len())?;
        text.push_str(part);
    }
    budget.keep(JValue::string(text))
}

/// `$pad` with the context behind its arguments: it is the text where that is left out.
fn pad_in_context(budget: &Budget, args: &[JValue]) -> Answer {
    let Some((context, args)) = args.split_last() else { return pad(budget, args) };
    let lacks_text = match args {
        [JValue::Number(_)] => true,
        [JValue::Number(_), filling] => !filling.is_number(),
        _ => false,
    };
    if !lacks_text {
        return pad(budget, args);
    }
    if !context.is_string() && !context.is_undefined() {
        return Err(EvaluatorError::EvaluationError(
            "T0411: Context value is not a compatible type with argument 1 of function \"pad\""
                .to_owned(),
        ));
    }
    pad(budget, &[std::slice::from_ref(context), args].concat())
}

/// `$pad(text, width [, char])`: on the right, or with a negative width on the left.
fn pad(budget: &Budget, args: &[JValue]) -> Answer {
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
    budget.keep(JValue::string(if width < 0.0 {
        filling + text
    } else {
        text.to_owned() + &filling
    }))
}

fn bound(length: usize) -> Result<(), EvaluatorError> {
    if length > TEXT_MAX { Err(too_much()) } else { Ok(()) }
}

fn too_much() -> EvaluatorError {
    EvaluatorError::EvaluationError(texts::MEMORY.to_owned())
}

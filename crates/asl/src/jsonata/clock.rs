//! The functions that ask what time it is: `$now`, `$millis`, and `$toMillis` where its picture leaves out the year.
//! They are told the time of the evaluation; the library would look at the clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Context, Evaluator};
use jsonata_core::value::JValue;

use super::functions::{Answer, add, mismatch};
use super::{guards, tree};

const TO_MILLIS: &str = "toMillis";

/// `$toMillis` with a picture; no expression can write this name.
const TO_MILLIS_NOW: &str = "<toMillis>";

/// Puts ours in place of each `$toMillis` that may be given a picture. Where it is not, the library's own finds its
/// text in the context, and needs no clock.
pub(super) fn hand_over(tree: &mut AstNode) {
    if guards::binds(tree, TO_MILLIS) {
        return;
    }
    tree::rewrite(tree, &mut |node| match node {
        AstNode::Variable(name) if name == TO_MILLIS => TO_MILLIS_NOW.clone_into(name),
        AstNode::Function { name, args, .. } if name == TO_MILLIS && args.len() > 1 => {
            TO_MILLIS_NOW.clone_into(name);
        }
        AstNode::Binary { op: BinaryOp::ChainPipe, rhs, .. } => {
            if let AstNode::Function { name, args, .. } = &mut **rhs
                && name == TO_MILLIS
                && args.len() == 1
            {
                TO_MILLIS_NOW.clone_into(name);
            }
        }
        _ => {}
    });
}

/// The name under which the value of the variable `name` is looked up besides.
pub(super) fn alias(name: &str) -> Option<&'static str> {
    (name == TO_MILLIS).then_some(TO_MILLIS_NOW)
}

/// Makes the functions known.
pub(super) fn register(evaluator: &mut Evaluator, now: Timestamp) {
    let millis = now.as_millisecond();
    add(evaluator, "millis", move |_: &[JValue]| Ok(JValue::Number(millis as f64)));
    add(evaluator, "now", move |args: &[JValue]| {
        let (picture, zone) = (argument(args, 0), argument(args, 1));
        call("$fromMillis($1, $2, $3)", [JValue::Number(millis as f64), picture, zone])
    });
    add(evaluator, TO_MILLIS_NOW, move |args: &[JValue]| to_millis(args, now));
}

/// `$toMillis(text, picture)`: what is missing before the first part that the picture has is taken from now.
///
/// Source: the JSONata 2.0.6 reference implementation, as its official suite shows it.
fn to_millis(args: &[JValue], now: Timestamp) -> Answer {
    let (text, picture) = (argument(args, 0), argument(args, 1));
    if let (JValue::String(text), JValue::String(picture)) = (&text, &picture) {
        let (missing, parts) = missing(picture, now);
        let (text, picture) = (missing + text, parts + picture);
        return call("$toMillis($1, $2)", [JValue::string(text), JValue::string(picture)]);
    }
    if !text.is_undefined() && !text.is_string() {
        return Err(mismatch(TO_MILLIS, 0));
    }
    if !picture.is_undefined() && !picture.is_string() && !picture.is_number() {
        return Err(mismatch(TO_MILLIS, 1));
    }
    call("$toMillis($1)", [text])
}

/// The parts of `now` that the picture leaves out before its first one, as text and as their own picture.
fn missing(picture: &str, now: Timestamp) -> (String, String) {
    let (mut text, mut parts) = (String::new(), String::new());
    let has = |names: &str| components(picture).any(|component| names.contains(component));
    if components(picture).next().is_none() || has("XxWwF") {
        return (text, parts);
    }
    let now = TimeZone::UTC.to_datetime(now);
    for (names, part, format) in [
        ("Y", "[Y0001]-", "%Y-"),
        ("Md", "[M01]-", "%m-"),
        ("D", "[D01]-", "%d-"),
        ("HhP", "[H01]-", "%H-"),
        ("m", "[m01]-", "%M-"),
        ("s", "[s01]-", "%S-"),
    ] {
        if has(names) {
            break;
        }
        parts.push_str(part);
        text.push_str(&written(now, format));
    }
    (text, parts)
}

fn written(now: DateTime, format: &str) -> String {
    now.strftime(format).to_string()
}

/// The letters behind the brackets of a picture; two brackets stand for one as it is.
fn components(picture: &str) -> impl Iterator<Item = char> {
    let plain = picture.replace("[[", "");
    let letters: Vec<_> =
        plain.split('[').skip(1).filter_map(|it| it.trim_start().chars().next()).collect();
    letters.into_iter()
}

fn argument(args: &[JValue], index: usize) -> JValue {
    args.get(index).cloned().unwrap_or(JValue::Undefined)
}

/// Calls a function of the library.
fn call<const N: usize>(expression: &str, args: [JValue; N]) -> Answer {
    let mut context = Context::new();
    for (index, arg) in args.into_iter().enumerate() {
        context.bind((index + 1).to_string(), arg);
    }
    let tree = jsonata_core::parser::parse(expression).expect("a constant that is an expression");
    Evaluator::with_context(context).evaluate(&tree, &JValue::Undefined)
}

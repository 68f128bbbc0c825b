//! The functions that Step Functions adds to JSONata, those whose answer is more than a function of their
//! arguments, and the one that it removes.
//!
//! A refusal carries JSONata's code and text, as that of a built-in function.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::Timestamp;
use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFn};
use jsonata_core::value::JValue;
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::engine::SEQUENCE_MAX;
use super::value::Exact;
use super::{clock, texts};

pub(super) type Answer = Result<JValue, EvaluatorError>;

/// Makes the functions known. `seed` is where all randomness of the evaluation comes from, `exact` knows the digits
/// of its numbers.
pub(super) fn register(
    evaluator: &mut Evaluator,
    seed: u64,
    now: Timestamp,
    exact: Rc<RefCell<Exact>>,
) {
    let draw = Rc::new(Draw(Cell::new(seed)));
    let (shuffling, naming) = (Rc::clone(&draw), Rc::clone(&draw));
    add(evaluator, "partition", partition);
    add(evaluator, "range", range);
    add(evaluator, "hash", hash);
    add(evaluator, "parse", move |args: &[JValue]| parse(args, &mut exact.borrow_mut()));
    add(evaluator, "uuid", move |_: &[JValue]| Ok(uuid(&naming)));
    add(evaluator, "random", move |args: &[JValue]| random(args, &draw));
    add(evaluator, "shuffle", move |args: &[JValue]| Ok(shuffle(args, &shuffling)));
    clock::register(evaluator, now);
    add(evaluator, "eval", |_: &[JValue]| {
        Err(refusal("T1006: Attempted to invoke a non-function"))
    });
}

pub(super) fn add(evaluator: &mut Evaluator, name: &str, function: impl HostFn + 'static) {
    evaluator.register_fn_override(name, function).expect("none of these is part of a fast path");
}

fn refusal(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

/// The argument at `index` (from 0) is of another type than the function takes.
pub(super) fn mismatch(function: &str, index: usize) -> EvaluatorError {
    let number = index + 1;
    refusal(format!(
        "T0410: Argument {number} of function \"{function}\" does not match function signature"
    ))
}

/// What a call was given.
struct Arguments<'a> {
    function: &'static str,
    values: &'a [JValue],
}

impl<'a> Arguments<'a> {
    /// What is more than the function takes is passed over: `$map` gives every function three arguments.
    fn new(function: &'static str, values: &'a [JValue]) -> Self {
        Self { function, values }
    }

    /// Nothing if it is left out or undefined.
    fn get(&self, index: usize) -> Option<&'a JValue> {
        self.values.get(index).filter(|value| !value.is_undefined())
    }

    fn number(&self, index: usize) -> Result<f64, EvaluatorError> {
        let number = self.get(index).and_then(JValue::as_f64);
        number.ok_or_else(|| mismatch(self.function, index))
    }

    /// Rounded down. Source: Step Functions Developer Guide, "Transforming data with JSONata in Step Functions".
    fn integer(&self, index: usize) -> Result<f64, EvaluatorError> {
        let number = self.number(index)?.floor();
        if !number.is_finite() {
            return Err(mismatch(self.function, index));
        }
        Ok(number)
    }

    fn text(&self, index: usize) -> Result<&'a str, EvaluatorError> {
        let text = self.get(index).and_then(JValue::as_str);
        text.ok_or_else(|| mismatch(self.function, index))
    }
}

/// `$partition(array, size)`: the array in pieces of `size` items, the last one shorter.
fn partition(args: &[JValue]) -> Answer {
    let args = Arguments::new("partition", args);
    let Some(list) = args.get(0) else { return Ok(JValue::Undefined) };
    let size = args.integer(1)?;
    if size < 1.0 {
        return Err(mismatch("partition", 1));
    }
    let pieces = items(list).chunks(size as usize).map(|piece| JValue::array(piece.to_vec()));
    Ok(JValue::array(pieces.collect()))
}

/// Where JSONata takes an array, another value stands for an array of it alone.
fn items(list: &JValue) -> &[JValue] {
    list.as_array().map_or(std::slice::from_ref(list), Vec::as_slice)
}

/// `$range(start, end, step)`: the numbers from `start` to `end`, both included. A single number comes without
/// an array around it, as JSONata gives every sequence of one.
fn range(args: &[JValue]) -> Answer {
    let args = Arguments::new("range", args);
    let (start, end, step) = (args.integer(0)?, args.integer(1)?, args.integer(2)?);
    let count = ((end - start) / step).floor() + 1.0;
    if !count.is_finite() {
        return Err(mismatch("range", 2));
    }
    if count > SEQUENCE_MAX as f64 {
        return Err(refusal(texts::MEMORY));
    }
    let numbers = (0..count.max(0.0) as u32).map(|i| JValue::Number(start + f64::from(i) * step));
    Ok(JValue::sequence(numbers.collect()))
}

/// `$hash(text, algorithm)`: in lower-case hexadecimal.
fn hash(args: &[JValue]) -> Answer {
    let args = Arguments::new("hash", args);
    if args.get(0).is_none() {
        return Ok(JValue::Undefined);
    }
    let (text, algorithm) = (args.text(0)?, args.text(1)?);
    let digest = match algorithm {
        "MD5" => hex::encode(Md5::digest(text)),
        "SHA-1" => hex::encode(Sha1::digest(text)),
        "SHA-256" => hex::encode(Sha256::digest(text)),
        "SHA-384" => hex::encode(Sha384::digest(text)),
        "SHA-512" => hex::encode(Sha512::digest(text)),
        _ => return Err(mismatch("hash", 1)),
    };
    Ok(JValue::string(digest))
}

/// `$parse(text)`: the JSON in the text.
fn parse(args: &[JValue], exact: &mut Exact) -> Answer {
    let args = Arguments::new("parse", args);
    if args.get(0).is_none() {
        return Ok(JValue::Undefined);
    }
    let json = crate::json::parse(args.text(0)?).map_err(|error| refusal(error.to_string()))?;
    Ok(exact.copy_in(&json))
}

/// The random bits of one evaluation.
struct Draw(Cell<u64>);

impl crate::eval::Random for &Draw {
    /// SplitMix64.
    fn next_u64(&mut self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Draw {
    /// From 0 (included) to 1 (excluded).
    fn fraction(&self) -> f64 {
        use crate::eval::Random as _;
        let mut bits = self;
        (bits.next_u64() >> 11) as f64 * (-53_f64).exp2()
    }
}

/// `$uuid()`: a version 4 UUID.
fn uuid(mut draw: &Draw) -> JValue {
    JValue::string(crate::intrinsic::uuid(&mut draw))
}

/// `$random([seed])`: from 0 (included) to 1 (excluded).
fn random(args: &[JValue], draw: &Draw) -> Answer {
    let args = Arguments::new("random", args);
    if args.get(0).is_none() {
        return Ok(JValue::Number(draw.fraction()));
    }
    Ok(JValue::Number(java_fraction(args.integer(0)? as i64)))
}

/// The first `nextDouble` of Java's `Random` with this seed, which is what AWS gives.
///
/// Source: reported by users in public issues, not documented; that a seed gives the same number each time: Step Functions
/// Developer Guide.
fn java_fraction(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_deec_e66d;
    const MASK: u64 = (1 << 48) - 1;
    let step = |state: u64| state.wrapping_mul(MULTIPLIER).wrapping_add(0xb) & MASK;
    let first = step((seed as u64 ^ MULTIPLIER) & MASK);
    let second = step(first);
    let bits = ((first >> 22) << 27) + (second >> 21);
    bits as f64 * (-53_f64).exp2()
}

/// `$shuffle(array)`: Fisher and Yates.
fn shuffle(args: &[JValue], draw: &Draw) -> JValue {
    let Some(list) = args.first().filter(|list| !list.is_undefined()) else {
        return JValue::Undefined;
    };
    let mut items = items(list).to_vec();
    for last in (1..items.len()).rev() {
        items.swap(last, (draw.fraction() * (last + 1) as f64) as usize);
    }
    JValue::array(items)
}

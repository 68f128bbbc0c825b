//! Intrinsic functions: `States.Format('{} rows', $.count)`.
//!
//! Responsible for: parsing calls once, when the definition is read, and evaluating them. Left to others: where
//! randomness comes from ([`crate::eval::Scope`]) and the error names ([`crate::eval`]).
//!
//! Source: Step Functions Developer Guide, "Intrinsics for JSONPath states in Step Functions".

mod arguments;
mod array;
mod encoding;
mod format;
mod json;
mod math;
mod parser;

use std::sync::Arc;

use serde_json::Value;

use crate::Reading;
use crate::eval::Scope;
use crate::jsonpath::Path;
use arguments::Arguments;
pub use math::uuid;
pub use parser::SyntaxError;

/// A parsed call.
#[derive(Debug, Clone)]
pub struct Call {
    text: Arc<str>,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    /// A number, `true`, `false`, `null`, or a text whose escapes are resolved.
    Value(Value),
    /// The first argument of `States.Format`, where it is written out.
    Template(format::Template),
    Path(Path),
    Call(Call),
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A path among the arguments finds nothing.
    #[error(
        "The JsonPath argument for the field '{path}' could not be found in the input '{input}'"
    )]
    MissingPath {
        /// The path as written.
        path: String,
        /// What the path starts from.
        input: String,
    },
    /// The function refuses its arguments.
    #[error("Invalid arguments in {0}")]
    Arguments(String),
}

/// The eighteen functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

/// A row of the table of functions: name, and how many arguments at least and at most.
struct Signature {
    function: Function,
    name: &'static str,
    min: usize,
    max: usize,
}

const fn row(function: Function, name: &'static str, min: usize, max: usize) -> Signature {
    Signature { function, name, min, max }
}

const ANY: usize = usize::MAX;

#[rustfmt::skip]
const SIGNATURES: &[Signature] = &[
    row(Function::Array,          "States.Array",          0, ANY),
    row(Function::ArrayContains,  "States.ArrayContains",  2, 2),
    row(Function::ArrayGetItem,   "States.ArrayGetItem",   2, 2),
    row(Function::ArrayLength,    "States.ArrayLength",    1, 1),
    row(Function::ArrayPartition, "States.ArrayPartition", 2, 2),
    row(Function::ArrayRange,     "States.ArrayRange",     3, 3),
    row(Function::ArrayUnique,    "States.ArrayUnique",    1, 1),
    row(Function::Base64Decode,   "States.Base64Decode",   1, 1),
    row(Function::Base64Encode,   "States.Base64Encode",   1, 1),
    row(Function::Format,         "States.Format",         1, ANY),
    row(Function::Hash,           "States.Hash",           2, 2),
    row(Function::JsonMerge,      "States.JsonMerge",      3, 3),
    row(Function::JsonToString,   "States.JsonToString",   1, 1),
    row(Function::MathAdd,        "States.MathAdd",        2, 2),
    row(Function::MathRandom,     "States.MathRandom",     2, 3),
    row(Function::StringSplit,    "States.StringSplit",    2, 2),
    row(Function::StringToJson,   "States.StringToJson",   1, 1),
    row(Function::Uuid,           "States.UUID",           0, 0),
];

impl Function {
    fn signature(self) -> &'static Signature {
        SIGNATURES
            .iter()
            .find(|signature| signature.function == self)
            .expect("every function has its row")
    }
}

impl Call {
    /// The paths among its arguments, those of calls within it included.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => paths.extend(call.paths()),
                Argument::Value(_) | Argument::Template(_) => {}
            }
        }
        paths
    }

    /// Parses a call, arguments and nested calls included.
    ///
    /// # Errors
    /// [`SyntaxError`] with the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::parse_as(text, Reading::New)
    }

    pub(crate) fn parse_as(text: &str, reading: Reading) -> Result<Self, SyntaxError> {
        parser::parse(text, reading)
    }

    /// Whether AWS accepts it where a text is needed.
    pub(crate) fn may_give_text(&self) -> bool {
        match self.function {
            Function::ArrayGetItem
            | Function::Base64Decode
            | Function::Base64Encode
            | Function::Format
            | Function::Hash
            | Function::JsonToString
            | Function::Uuid => true,
            Function::Array
            | Function::ArrayContains
            | Function::ArrayLength
            | Function::ArrayPartition
            | Function::ArrayRange
            | Function::ArrayUnique
            | Function::JsonMerge
            | Function::MathAdd
            | Function::MathRandom
            | Function::StringSplit
            | Function::StringToJson => false,
        }
    }

    /// Evaluates the call.
    ///
    /// # Errors
    /// [`Failure`]; the text does not repeat the call.
    pub fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, Failure> {
        let name = self.function.signature().name;
        if let (Function::Format, Some(Argument::Template(template))) =
            (self.function, self.arguments.first())
        {
            let values = evaluate_all(&self.arguments[1..], input, scope)?;
            return template.fill(&values).map(Value::String);
        }
        let values = evaluate_all(&self.arguments, input, scope)?;
        let args = Arguments::new(name, &values);
        match self.function {
            Function::Array => Ok(Value::Array(values)),
            Function::ArrayContains => array::contains(args),
            Function::ArrayGetItem => array::get_item(args),
            Function::ArrayLength => array::length(args),
            Function::ArrayPartition => array::partition(args),
            Function::ArrayRange => array::range(args),
            Function::ArrayUnique => array::unique(args),
            Function::Base64Decode => encoding::base64_decode(args),
            Function::Base64Encode => encoding::base64_encode(args),
            Function::Format => format::format(args),
            Function::Hash => encoding::hash(args),
            Function::JsonMerge => json::merge(args),
            Function::JsonToString => Ok(json::to_string(args)),
            Function::MathAdd => math::add(args),
            Function::MathRandom => math::random(args, scope.random),
            Function::StringSplit => json::split(args),
            Function::StringToJson => json::from_string(args),
            Function::Uuid => Ok(Value::String(uuid(scope.random))),
        }
    }
}

fn evaluate_all(
    arguments: &[Argument],
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Vec<Value>, Failure> {
    arguments.iter().map(|argument| argument.evaluate(input, scope)).collect()
}

impl Argument {
    fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Template(template) => Ok(Value::String(template.text().to_owned())),
            Self::Call(call) => call.evaluate(input, scope),
            Self::Path(path) => match scope.find(path, input) {
                Some(found) => Ok(found.into_owned()),
                None => Err(Failure::MissingPath {
                    path: path.to_string(),
                    input: scope.root(path, input).unwrap_or(input).to_string(),
                }),
            },
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_has_every_function() {
        let page = include_str!("../../../../docs/reference/intrinsics.md");
        let has = |name: &str| page.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
        let names = SIGNATURES.iter().map(|signature| signature.name);
        let missing: Vec<_> = names.filter(|name| !has(name)).collect();
        assert!(missing.is_empty(), "missing in the page: {missing:?}");
    }
}

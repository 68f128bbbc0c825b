//! The API models that mocked results are held against: what the operations of AWS services answer.
//!
//! `models/responses.json` has them, written by `models/generate.py` from the service models in botocore. Names begin
//! with a capital letter, as in the results of Step Functions. Texts as recorded for types, required members and least
//! lengths and values; those for the greatest are alike.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;

static MODELS: LazyLock<BTreeMap<String, Service>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../models/responses.json")).expect("they are ours")
});

/// How strictly a mock is held against a model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// What is required must be there.
    Strict,
    /// Only what is there counts.
    Present,
}

/// The operations of a service, and the shapes of what they answer.
#[derive(Deserialize)]
struct Service {
    operations: BTreeMap<String, String>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Object {
        members: BTreeMap<String, String>,
        #[serde(default)]
        required: Vec<String>,
    },
    Array {
        item: String,
    },
    Map {
        value: String,
    },
    String(Bounds),
    Number(Bounds),
    Any,
}

/// The least and the greatest number of characters, or value.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
}

/// Holds the result of `service:action` against its model.
///
/// # Errors
/// `ValidationException` with the first thing that does not fit, or if there is no model.
pub(super) fn check(
    service: &str,
    action: &str,
    result: &Value,
    strictness: Strictness,
) -> Result<(), ApiError> {
    let (optimized, name) = match service.strip_prefix("aws-sdk:") {
        Some(name) => (false, name),
        None => (true, sdk_name(service)),
    };
    if has_no_model(service) {
        return Ok(());
    }
    let Some((model, shape)) = find(name, action) else {
        return Err(ApiError::validation(format!(
            "stepwell does not know the API model of '{service}:{action}'; set 'mock.fieldValidationMode' to NONE"
        )));
    };
    // The optimized integration gives the payload as the JSON that it is.
    let skipped = (optimized && service == "lambda").then_some("Payload");
    let checker = Checker { model, strictness, skipped };
    checker
        .value("", shape, result)
        .map_err(|why| ApiError::validation(format!("Mock result schema validation error: {why}")))
}

/// The name that the SDK integrations have for the service of an optimized one.
fn sdk_name(service: &str) -> &str {
    match service {
        "states" => "sfn",
        "events" => "eventbridge",
        "elasticmapreduce" => "emr",
        other => other,
    }
}

/// What answers with whatever is behind it.
fn has_no_model(service: &str) -> bool {
    matches!(service, "http" | "apigateway")
}

fn find(service: &str, action: &str) -> Option<(&'static Service, &'static str)> {
    let model = MODELS.get(service)?;
    Some((model, model.operations.get(action)?))
}

struct Checker {
    model: &'static Service,
    strictness: Strictness,
    /// A member that may be anything.
    skipped: Option<&'static str>,
}

impl Checker {
    /// Checks a value against a shape: the name of one, or `=kind`.
    fn value(&self, field: &str, shape: &str, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match shape.strip_prefix('=') {
            Some("string") => string(field, value, Bounds::default()),
            Some("number") => number(field, value, Bounds::default()),
            Some(_) => boolean(field, value),
            None => self.shape(field, &self.model.shapes[shape], value),
        }
    }

    fn shape(&self, field: &str, shape: &Shape, value: &Value) -> Result<(), String> {
        match shape {
            Shape::Any => Ok(()),
            Shape::String(bounds) => string(field, value, *bounds),
            Shape::Number(bounds) => number(field, value, *bounds),
            Shape::Array { item } => {
                let items = value.as_array().ok_or_else(|| not(field, "an array"))?;
                items.iter().try_for_each(|value| self.value(field, item, value))
            }
            Shape::Map { value: shape } => {
                let fields = value.as_object().ok_or_else(|| not(field, "an object"))?;
                fields.iter().try_for_each(|(name, value)| self.value(name, shape, value))
            }
            Shape::Object { members, required } => self.object(field, members, required, value),
        }
    }

    fn object(
        &self,
        field: &str,
        members: &BTreeMap<String, String>,
        required: &[String],
        value: &Value,
    ) -> Result<(), String> {
        let fields = value.as_object().ok_or_else(|| not(field, "an object"))?;
        if self.strictness == Strictness::Strict
            && let Some(name) = required.iter().find(|name| !fields.contains_key(*name))
        {
            return Err(format!("Required field '{name}' is missing"));
        }
        let known =
            fields.iter().filter_map(|(name, value)| Some((name, value, members.get(name)?)));
        let mut checked = known.filter(|(name, ..)| self.skipped != Some(name.as_str()));
        checked.try_for_each(|(name, value, shape)| self.value(name, shape, value))
    }
}

fn string(field: &str, value: &Value, bounds: Bounds) -> Result<(), String> {
    let text = value.as_str().ok_or_else(|| not(field, "a string"))?;
    let length = text.chars().count() as f64;
    if bounds.min.is_some_and(|min| length < min) {
        return Err(format!("Field '{field}' is smaller than the minimum length"));
    }
    if bounds.max.is_some_and(|max| length > max) {
        return Err(format!("Field '{field}' is larger than the maximum length"));
    }
    Ok(())
}

fn number(field: &str, value: &Value, bounds: Bounds) -> Result<(), String> {
    let number = value.as_f64().ok_or_else(|| not(field, "a number"))?;
    if bounds.min.is_some_and(|min| number < min) {
        return Err(format!("Field '{field}' is less than the minimum value"));
    }
    if bounds.max.is_some_and(|max| number > max) {
        return Err(format!("Field '{field}' is greater than the maximum value"));
    }
    Ok(())
}

fn boolean(field: &str, value: &Value) -> Result<(), String> {
    if value.is_boolean() { Ok(()) } else { Err(not(field, "a boolean")) }
}

/// The text for a value of another type; the result itself has no name.
fn not(field: &str, expected: &str) -> String {
    if field.is_empty() {
        return format!("Mock result must be {expected}");
    }
    format!("Field '{field}' must be {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_is_named_is_there() {
        for service in MODELS.values() {
            let inner = service.shapes.values().flat_map(|shape| match shape {
                Shape::Object { members, .. } => members.values().collect(),
                Shape::Array { item } => vec![item],
                Shape::Map { value } => vec![value],
                _ => Vec::new(),
            });
            for name in service.operations.values().chain(inner) {
                let is_plain = ["=string", "=number", "=boolean"].contains(&name.as_str());
                assert!(is_plain || service.shapes.contains_key(name), "{name}");
            }
        }
    }
}

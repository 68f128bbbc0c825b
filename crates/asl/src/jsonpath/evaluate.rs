//! [`Path`] over a JSON value.
//!
//! Definite paths borrow what they find and allocate nothing. Other paths go step by step over the list of
//! values found so far, without recursion, so that neither a long path nor a deep input can exhaust the stack.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Path, Step};

/// Evaluates `path` from `start`; `root` is what `$` stands for within its filters.
pub(super) fn find<'v>(path: &Path, start: &'v Value, root: &'v Value) -> Option<Cow<'v, Value>> {
    let found = if path.definite {
        find_one(&path.steps, start)?
    } else {
        let found = find_all(&path.steps, start, root);
        Cow::Owned(Value::Array(found.into_iter().map(Cow::into_owned).collect()))
    };
    match path.function {
        None => Some(found),
        Some(function) => function.apply(&found).map(Cow::Owned),
    }
}

fn find_one<'v>(steps: &[Step], start: &'v Value) -> Option<Cow<'v, Value>> {
    let mut current = start;
    for step in steps {
        current = match step {
            Step::Name(name) => current.as_object()?.get(name)?,
            Step::Index(index) => element(current.as_array()?, *index)?,
            Step::Names(names) => return merged(current, names).map(Cow::Owned),
            Step::Indexes(_) | Step::Slice(..) | Step::Wildcard | Step::Filter(_) | Step::Deep => {
                unreachable!("not a step of a definite path")
            }
        };
    }
    Some(Cow::Borrowed(current))
}

/// `['a','b']` as the last step gives one object with those fields that are there.
fn merged(value: &Value, names: &[String]) -> Option<Value> {
    let fields = value.as_object()?;
    let picked = names.iter().filter_map(|name| Some((name.clone(), fields.get(name)?.clone())));
    Some(Value::Object(picked.collect::<Map<_, _>>()))
}

fn element(items: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 { index.checked_add_unsigned(items.len() as u64)? } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn find_all<'v>(steps: &[Step], start: &'v Value, root: &'v Value) -> Vec<Cow<'v, Value>> {
    let mut found = vec![start];
    let mut after_deep = false;
    for (i, step) in steps.iter().enumerate() {
        if let Step::Names(names) = step
            && i + 1 == steps.len()
        {
            return found.iter().filter_map(|v| merged(v, names).map(Cow::Owned)).collect();
        }
        found = take_step(step, found, root, after_deep);
        after_deep = matches!(step, Step::Deep);
    }
    found.into_iter().map(Cow::Borrowed).collect()
}

fn take_step<'v>(
    step: &Step,
    from: Vec<&'v Value>,
    root: &'v Value,
    after_deep: bool,
) -> Vec<&'v Value> {
    let mut found = Vec::new();
    for value in from {
        match (step, value) {
            (Step::Name(name), Value::Object(fields)) => found.extend(fields.get(name)),
            (Step::Names(names), Value::Object(fields)) => {
                found.extend(names.iter().filter_map(|name| fields.get(name)));
            }
            (Step::Index(index), Value::Array(items)) => found.extend(element(items, *index)),
            (Step::Indexes(indexes), Value::Array(items)) => {
                found.extend(indexes.iter().filter_map(|index| element(items, *index)));
            }
            (Step::Slice(from, to), Value::Array(items)) => found.extend(slice(items, *from, *to)),
            (Step::Wildcard, Value::Array(items)) => found.extend(items),
            (Step::Wildcard, Value::Object(fields)) => found.extend(fields.values()),
            (Step::Filter(filter), Value::Object(_)) if filter.accepts(value, root) => {
                found.push(value);
            }
            // After `..` every object below is in the list itself.
            (Step::Filter(filter), Value::Array(items)) if !after_deep => {
                found.extend(items.iter().filter(|item| filter.accepts(item, root)));
            }
            (Step::Deep, _) => descend(value, &mut found),
            _ => {}
        }
    }
    found
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let from = from.map_or(0, |index| clamp(index, items.len()));
    let to = to.map_or(items.len(), |index| clamp(index, items.len()));
    items.get(from..to).unwrap_or_default()
}

fn clamp(index: i64, length: usize) -> usize {
    let from_end = index.checked_add_unsigned(length as u64).unwrap_or(i64::MAX);
    let index = if index < 0 { from_end.max(0) } else { index };
    usize::try_from(index).map_or(length, |index| index.min(length))
}

/// The objects and arrays in `value`, itself first, in document order.
fn descend<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => {
                found.push(value);
                pending.extend(items.iter().rev());
            }
            Value::Object(fields) => {
                found.push(value);
                pending.extend(fields.values().rev());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Why a path finds nothing: a definite one, or one that ends with a function. The texts are those of Jayway's JSONPath, which AWS shows.
pub(super) fn explain_missing(path: &Path, root: &Value) -> String {
    let mut current = root;
    let mut place = String::from("$");
    for (i, step) in path.steps.iter().enumerate() {
        let fragment = fragment(step);
        let next = match (step, current) {
            (Step::Name(name), Value::Object(fields)) => fields.get(name),
            (Step::Index(index), Value::Array(items)) => element(items, *index),
            (Step::Index(_), _) => return not_an_array(&fragment, current),
            (Step::Name(_), _) => return not_an_object(&fragment, &place, current),
            _ => None,
        };
        place.push_str(&fragment);
        let Some(next) = next else {
            let is_last = i + 1 == path.steps.len();
            if matches!(step, Step::Name(_)) && !is_last {
                return format!("Missing property in path {place}");
            }
            break;
        };
        current = next;
    }
    format!("No results for path: {place}")
}

/// A step in Jayway's canonical notation.
fn fragment(step: &Step) -> String {
    let bound = |bound: &Option<i64>| bound.map(|index| index.to_string()).unwrap_or_default();
    match step {
        Step::Name(name) => format!("['{name}']"),
        Step::Index(index) => format!("[{index}]"),
        Step::Names(names) => {
            let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("[{}]", quoted.join(","))
        }
        Step::Indexes(indexes) => {
            let indexes: Vec<String> = indexes.iter().map(i64::to_string).collect();
            format!("[{}]", indexes.join(","))
        }
        Step::Slice(from, to) => format!("[{}:{}]", bound(from), bound(to)),
        Step::Wildcard => "[*]".to_owned(),
        Step::Filter(_) => "[?]".to_owned(),
        Step::Deep => "..".to_owned(),
    }
}

fn not_an_array(fragment: &str, current: &Value) -> String {
    format!("Filter: {fragment} can only be applied to arrays. Current context is: {current}")
}

fn not_an_object(fragment: &str, place: &str, current: &Value) -> String {
    let java_type = match current {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(n) if n.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    };
    format!(
        "Expected to find an object with property {fragment} in path {place} but found '{java_type}'. \
         This is not a json object according to the JsonProvider: \
         'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
    )
}

//! The standard tests of a pipeline. Every pipeline's test binary calls [`check`].

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use stepwell_asl::Severity;

use crate::secret::Secrets;
use crate::{HandlerError, Machine, Pipeline};

/// Checks what holds for every pipeline: its definitions validate, every function that they name exists, every
/// function is named by one of them, default inputs are JSON objects, and names follow `<pipeline>`,
/// `<pipeline>-<machine>` and `stepwell-<pipeline>-<what it does>`.
///
/// # Panics
/// With all that is wrong.
#[track_caller]
pub fn check(pipeline: &Pipeline) {
    let mut wrong: Vec<_> = pipeline.machines.iter().flat_map(machine_errors).collect();
    wrong.extend(name_errors(pipeline));
    wrong.extend(function_errors(pipeline));
    assert!(wrong.is_empty(), "the pipeline `{}`:\n{}", pipeline.name, wrong.join("\n"));
}

/// Checks that none of the secrets stands in `text`: an output, a log, a history.
///
/// # Panics
/// With the place, but not the secret.
#[track_caller]
pub fn check_no_secret(text: &str, secrets: &[&str]) {
    for (index, secret) in secrets.iter().enumerate() {
        let place = text.find(secret);
        assert_eq!(place, None, "secret number {index} stands in the text at this byte");
    }
}

/// The secrets of a test, by name.
#[derive(Default)]
pub struct Keys(BTreeMap<String, SecretString>);

impl Keys {
    /// No secrets: whoever asks for one gets an error.
    pub fn none() -> Self {
        Self::default()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Keys {
    fn from(keys: [(&str, &str); N]) -> Self {
        Self(keys.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }
}

#[async_trait]
impl Secrets for Keys {
    async fn resolve(&self, name: &str) -> Result<SecretString, HandlerError> {
        let value = self.0.get(name).cloned();
        value.ok_or_else(|| HandlerError::Config(format!("no secret `{name}`")))
    }
}

fn machine_errors(machine: &Machine) -> Vec<String> {
    let (_, diagnostics) = stepwell_asl::parse(machine.definition);
    let name = machine.name;
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let errors = errors
        .map(|found| format!("{name}: {} at {}: {}", found.code, found.pointer, found.message));
    let input = serde_json::from_str::<Value>(machine.default_input);
    let input = (!input.is_ok_and(|input| input.is_object()))
        .then(|| format!("{name}: its default input is no JSON object"));
    errors.chain(input).collect()
}

fn name_errors(pipeline: &Pipeline) -> Vec<String> {
    let (name, prefix) = (pipeline.name, format!("{}-", pipeline.name));
    let first = pipeline.machines.first().is_none_or(|machine| machine.name != name);
    let others = pipeline.machines.iter().skip(1).filter(|it| !it.name.starts_with(&prefix));
    let others = others.map(|machine| format!("`{}` does not start with `{prefix}`", machine.name));
    first
        .then(|| format!("its first state machine is not named `{name}`"))
        .into_iter()
        .chain(others)
        .collect()
}

fn function_errors(pipeline: &Pipeline) -> Vec<String> {
    let prefix = format!("stepwell-{}-", pipeline.name);
    let definitions = pipeline.machines.iter().map(|machine| machine.definition);
    let named: BTreeSet<_> = definitions.flat_map(named_functions).collect();
    let existing: BTreeSet<String> =
        pipeline.functions.iter().map(|f| f.name().to_owned()).collect();
    let missing =
        named.difference(&existing).map(|name| format!("`{name}` is named but does not exist"));
    let idle =
        existing.difference(&named).map(|name| format!("`{name}` exists but is never named"));
    let misnamed = existing
        .iter()
        .filter(|name| !name.starts_with(&prefix))
        .map(|name| format!("`{name}` does not start with `{prefix}`"));
    missing.chain(idle).chain(misnamed).collect()
}

/// The value of every `FunctionName` in the definition.
fn named_functions(definition: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(definition) {
        collect(&value, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("FunctionName").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

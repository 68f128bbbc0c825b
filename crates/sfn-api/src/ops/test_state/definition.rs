//! The state under test: a definition of its own, or one of a whole state machine.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::model::StateId;
use stepwell_asl::{StateMachine, parse};
use stepwell_engine::Error;
use stepwell_engine::testing::STATE_NAME;

use crate::error::ApiError;

/// A state of a checked machine.
pub(super) struct Found {
    pub(super) machine: Arc<StateMachine>,
    pub(super) state: StateId,
}

/// Finds the state that a request means: by its name in a whole machine, or the only one that is given.
pub(super) fn find(text: &str, name: Option<&str>) -> Result<Found, ApiError> {
    let wrapped = name.is_none().then(|| wrap(text)).flatten();
    let (machine, diagnostics) = parse(wrapped.as_deref().unwrap_or(text));
    let machine = machine.ok_or(Error::InvalidDefinition { diagnostics })?;
    let name = name.unwrap_or(STATE_NAME);
    let state = machine.states().find(|state| *state.name == *name).map(|state| state.id);
    let state = state.ok_or_else(|| {
        ApiError::validation(format!("State '{name}' does not exist in the definition"))
    })?;
    Ok(Found { machine: Arc::new(machine), state })
}

/// A machine around one state. Where the state leads is not given, so that it ends there. Nothing for a text that is no
/// JSON object: it is refused as it is.
fn wrap(text: &str) -> Option<String> {
    let state: Value = stepwell_asl::json::parse(text).ok().filter(Value::is_object)?;
    let mut machine = format!(r#"{{"StartAt": "{STATE_NAME}", "States": {{"{STATE_NAME}": {text}"#);
    for target in targets(&state) {
        let _ = write!(machine, r#", {}: {{"Type": "Succeed"}}"#, Value::from(target));
    }
    machine.push_str("}}");
    Some(machine)
}

/// The states that a state leads to, besides itself.
fn targets(state: &Value) -> BTreeSet<&str> {
    let rules =
        ["Choices", "Catch"].into_iter().filter_map(|list| state[list].as_array()).flatten();
    let next = rules.map(|rule| &rule["Next"]).chain([&state["Next"], &state["Default"]]);
    next.filter_map(Value::as_str).filter(|name| *name != STATE_NAME).collect()
}

impl Found {
    /// Refuses the name of a state that cannot be within the Map or Parallel state under test: states are numbered in the
    /// order of the text, those within a state after it.
    pub(super) fn check_inside(&self, name: &str) -> Result<(), ApiError> {
        let mut later = self.machine.states().filter(|state| state.id > self.state);
        if later.any(|state| *state.name == *name) {
            return Ok(());
        }
        Err(ApiError::validation(format!(
            "State '{name}' in stateConfiguration.errorCausedByState does not exist in the state under test"
        )))
    }
}

//! Choice rules.

use serde_json::Value;

use crate::eval::{Scope, StatesError};

/// One Choice rule without its target.
#[derive(Debug, Clone)]
pub struct Rule {}

impl Rule {
    /// Whether the rule matches.
    ///
    /// # Errors
    /// `States.Runtime` when a path of the rule finds nothing (except below `IsPresent`).
    pub fn matches(&self, input: &Value, scope: &mut Scope<'_>) -> Result<bool, StatesError> {
        let _ = (input, scope);
        todo!()
    }
}

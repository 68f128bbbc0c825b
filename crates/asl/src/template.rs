//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`.

use serde_json::Value;

use crate::eval::{Scope, StatesError};

/// A parsed payload template.
#[derive(Debug, Clone)]
pub struct Template {}

impl Template {
    /// Builds the payload.
    ///
    /// # Errors
    /// As [`crate::eval::Expression::evaluate`].
    pub fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        let _ = (input, scope);
        todo!()
    }
}

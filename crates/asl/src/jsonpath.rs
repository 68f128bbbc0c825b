//! JSONPath as Step Functions reads it (Jayway's semantics), and reference paths.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone)]
pub struct Path {}

impl Path {
    /// The values that the path finds: one for a definite path (nothing if it is missing), an array for an
    /// indefinite one. `$$.` paths read `context`.
    pub fn find(&self, input: &Value, context: &Value) -> Option<Value> {
        let _ = (input, context);
        todo!()
    }
}

/// The subset that `ResultPath` allows: names and single indexes.
#[derive(Debug, Clone)]
pub struct ReferencePath {}

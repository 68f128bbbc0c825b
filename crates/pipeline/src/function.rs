//! Functions: what a Task state calls.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Context, HandlerError};

/// A function with a typed input and output.
#[async_trait]
pub trait Function: Send + Sync + 'static {
    /// What it takes.
    type Input: DeserializeOwned + Send;
    /// What it gives.
    type Output: Serialize;

    /// Its name, as `FunctionName` in a definition, for instance `stepwell-canvas-sync-table`.
    fn name(&self) -> &'static str;

    /// Serves one invocation. Called again with the same key if the process died before the outcome was
    /// recorded: a repeat must be harmless.
    async fn call(&self, input: Self::Input, ctx: &Context) -> Result<Self::Output, HandlerError>;
}

/// A [`Function`] with its types erased.
#[async_trait]
pub trait AnyFunction: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Serves one invocation on JSON.
    async fn call_json(&self, input: &Value, ctx: &Context) -> Result<Value, HandlerError>;
}

#[async_trait]
impl<F: Function> AnyFunction for F {
    fn name(&self) -> &'static str {
        Function::name(self)
    }

    async fn call_json(&self, input: &Value, ctx: &Context) -> Result<Value, HandlerError> {
        let refused = |reason: String| {
            HandlerError::Config(format!(
                "the input of `{}` is not what it takes: {reason}",
                Function::name(self)
            ))
        };
        // serde would fill the fields from an array, by position.
        if !input.is_object() {
            return Err(refused("it is not a JSON object".to_owned()));
        }
        let input: F::Input =
            serde_path_to_error::deserialize(input).map_err(|error| refused(error.to_string()))?;
        let output = self.call(input, ctx).await?;
        serde_json::to_value(output).map_err(|error| {
            HandlerError::Fatal(format!(
                "the output of `{}` is not JSON: {error}",
                Function::name(self)
            ))
        })
    }
}

//! A Lambda function for the runtime `provided.al2023`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

/// `{"items":[1,2]}` gives `{"sum":3,"function":"sums"}`.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let Some(items) = event.payload["items"].as_array() else {
        return Err("there are no items".into());
    };
    let sum: i64 = items.iter().filter_map(Value::as_i64).sum();
    Ok(json!({ "sum": sum, "function": event.context.env_config.function_name }))
}
